# cython: language_level=3
"""Both sides' queues of one book, and the few ways to change them."""

from libc.stdint cimport int32_t, int64_t

from .pool cimport IS_SELL, Order, Pool
from .price_levels cimport Level, PriceLevels
from .types cimport BUY

cdef class Queues:
    """One book's resting orders in price-time priority."""
    cdef Pool pool
    cdef PriceLevels bids
    cdef PriceLevels asks
    cdef int32_t index             # of this book among those that share the pool

    # -- queries
    cdef bint is_crossed(self) noexcept nogil
    cdef list queue(self, int side, int64_t price)
    cdef list rows(self, int side, int64_t depth)
    cdef int64_t check(self, int side) except -1
    # -- writers
    cdef int append(self, int32_t slot) except -1
    cdef int hide(self, int32_t slot, int32_t hidden_qty) except -1
    cdef int64_t fill(self, int32_t slot, int32_t qty) except -1
    cdef int reduce(self, int32_t slot, int32_t qty) except -1
    cdef int unlink(self, int32_t slot) except -1


    # -- inlined into the callers of all modules
    cdef inline Level* level_of(self, const Order* order) noexcept nogil:
        """The level at an order's price, NULL if there is none."""
        # Not by way of `levels_of`, which counts a reference.
        if order.marks & IS_SELL:
            return self.asks.at(order.limit_price)
        return self.bids.at(order.limit_price)

    cdef inline bint is_met(self, int side, int64_t limit_price) noexcept nogil:
        """Whether an order of this side and limit would meet one of the other side."""
        if side == BUY:
            return self.asks.length != 0 and self.asks.best_price() <= limit_price
        return self.bids.length != 0 and self.bids.best_price() >= limit_price

    cdef inline PriceLevels levels_of(self, int side):
        """The levels of a side."""
        return self.bids if side == BUY else self.asks
