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
    cdef readonly int64_t gate_closure_ns  # market time; orders are refused from then on
    cdef readonly bint is_sublet   # what trades is the use of days, not their title
    cdef int reserves              # the day function in which its open sells keep their days
    cdef int64_t rent_floor_price  # the least rent of pledged days, 0 where no price is known
    cdef bint is_closed
    cdef bint is_halted
    cdef bint is_uncrossing        # has collected, and must uncross before it trades on
    cdef int64_t auction_end_ns    # of an unscheduled auction, 0 where none runs
    cdef int64_t last_price        # of the last trade, 0 before the first
    cdef int64_t settlement_price  # 0 where none was published
    cdef int64_t low_limit_price   # the static band, both ends within; wide open without one
    cdef int64_t high_limit_price
    cdef int64_t dynamic_bps       # half the width of the dynamic band, 0 for none
    cdef Product product

    cdef int64_t notional(self, int64_t price, int64_t qty) noexcept nogil
    cdef bint is_fee_in_cash(self, int64_t account_id) except -1
    cdef int64_t reach(self, int side, int64_t limit_price) noexcept nogil

    cdef inline int64_t reference_price(self) noexcept nogil:
        """What bands and auctions go by: the last trade, before it the settlement price, or 0."""
        return self.last_price if self.last_price else self.settlement_price
