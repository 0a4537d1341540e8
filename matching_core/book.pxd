# cython: language_level=3
"""One instrument: its window, and the queues of its book."""

from libc.stdint cimport int64_t

from .holdings cimport Product
from .queues cimport Queues

cdef class Book(Queues):
    """One instrument's resting orders in price-time priority."""
    cdef readonly int64_t instrument_id
    cdef readonly int64_t start_day
    cdef readonly int64_t end_day
    cdef readonly int64_t hours    # of the window, for one GPU
    cdef readonly bint is_resting_allowed
    cdef public bint is_closed
    cdef Product product

    cdef int64_t notional(self, int64_t price, int64_t qty) noexcept nogil
