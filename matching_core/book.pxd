# cython: language_level=3
"""One instrument: its window, its resting orders, and the walk over them that plans a trade."""

from libc.stdint cimport int32_t, int64_t

from .holdings cimport Product
from .pool cimport Pool
from .price_levels cimport PriceLevels

cdef struct Fill:
    int32_t maker_slot
    int32_t qty                    # GPUs

cdef class Plan:
    """What would happen if an order came in; stale once anything changes."""
    cdef Fill* fills
    cdef int32_t count
    cdef int32_t capacity
    cdef int64_t filled_qty        # GPUs that the fills give
    cdef int64_t crossing_qty      # GPUs within the limit, with own orders, at most those wanted
    cdef int64_t own_order_id      # the first own order that it would reach, 0 if none

    cdef int walk(
        self, Book book, int side, int64_t account_id, int64_t limit_price, int64_t wanted_qty
    ) except -1

    cdef int _note(self, int32_t maker_slot, int32_t qty) except -1

cdef class Book:
    """One instrument's resting orders in price-time priority."""
    cdef readonly int64_t instrument_id
    cdef readonly int64_t start_day
    cdef readonly int64_t end_day
    cdef readonly int64_t hours    # of the window, for one GPU
    cdef readonly bint is_resting_allowed
    cdef public bint is_closed
    cdef int32_t index             # in order of listing
    cdef Product product
    cdef Pool pool
    cdef PriceLevels bids
    cdef PriceLevels asks

    # -- queries
    cdef PriceLevels levels_of(self, int side)
    cdef int64_t notional(self, int64_t price, int64_t qty) noexcept nogil
    cdef list queue(self, int side, int64_t price)
    # -- writers
    cdef int append(self, int32_t slot) except -1
    cdef int reduce(self, int32_t slot, int32_t qty) except -1
    cdef int unlink(self, int32_t slot) except -1
