# cython: language_level=3
"""The only functions that change orders, shared by live trading and recovery."""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .reserves cimport Reserves
from .types cimport Accepted, Amended, Cancelled, Funded, Rested, Returned, Sublet, Traded

cdef class Ledger(Reserves):
    """Takes in the events of the order path, live and in recovery."""
    cdef int apply_accepted(self, const Accepted* event) except -1
    cdef int apply_rested(self, const Rested* event) except -1
    cdef int apply_amended(self, const Amended* event) except -1
    cdef int apply_cancelled(self, const Cancelled* event) except -1
    cdef int apply_traded(self, const Traded* event) except -1
    cdef int apply_funded(self, const Funded* event) except -1
    cdef int apply_returned(self, const Returned* event) except -1
    cdef int apply_sublet(self, const Sublet* event) except -1

    cdef int32_t _slot_of(self, int64_t order_id) except -1
    cdef int _known_escrow(
        self, int64_t start_day, int64_t end_day, int64_t qty, int64_t day_amount
    ) except -1
    cdef int _fill(
        self,
        int32_t slot,
        Book book,
        const Traded* event,
        int64_t fee_amount,
        int64_t bps,
        int64_t released_amount,
        int64_t leaves_qty,
    ) except -1
