# cython: language_level=3
"""A call auction: the one price at which a crossed book trades most, and who trades there."""

from libc.stdint cimport int32_t, int64_t

from .plan cimport Plan
from .queues cimport Queues

cdef struct Pairing:
    int32_t bid_slot
    int32_t ask_slot
    int32_t qty                    # GPUs

cdef class Uncross:
    """What an auction would do; stale once anything changes."""
    cdef int64_t price             # 0 where nothing crosses
    cdef int64_t volume_qty        # GPUs that trade
    cdef int64_t surplus_qty       # GPUs left over at the price; negative on the sell side
    cdef Pairing* pairings         # in the order in which they trade, all at the price
    cdef int32_t count
    cdef int32_t capacity
    cdef int32_t own_slot          # the order to cancel before anything trades, or NO_SLOT
    cdef Plan bids                 # what each side gives, in its own priority
    cdef Plan asks
    cdef int64_t best_surplus_qty  # of the prices seen so far, without its side
    cdef int64_t low_price         # they are as good as each other, and so is all between
    cdef int64_t high_price

    cdef int find_price(self, Queues queues, int64_t reference_price) except -1
    cdef int plan(self, Queues queues, int64_t reference_price) except -1

    cdef void _offer(
        self, int64_t low_price, int64_t high_price, int64_t demand_qty, int64_t supply_qty
    ) noexcept nogil
    cdef int _pair(self, Queues queues) except -1
    cdef int _note(self, int32_t bid_slot, int32_t ask_slot, int32_t qty) except -1
    cdef int32_t _younger_own(self, Queues queues, int32_t bid_slot, int32_t ask_slot) noexcept
