# cython: language_level=3
"""What can be asked of a venue."""

from libc.stdint cimport int32_t, int64_t

from .ledger cimport Ledger
from .types cimport Cancelled

cdef class View(Ledger):
    """The queries of a venue."""
    cdef Cancelled _cancellation(self, int32_t slot, int64_t reason) except *
    cdef int64_t _released_after(self, int32_t slot, set ended) except? -1
    cdef list _orders_of_account(self, int64_t account_id, int64_t instrument_id, int64_t side)
    cdef int64_t _account(self, int64_t account_id) except -1
    cdef int _require_side(self, int64_t side) except -1
