# cython: language_level=3
"""Both sides' queues of one book, and the few ways to change them."""

from libc.stdint cimport int32_t, int64_t

from .errors cimport fail
from .parties cimport Parties
from .pool cimport IS_ICEBERG, IS_QUEUED, IS_SELL, Clip, Order, Pool
from .price_levels cimport Level, PriceLevels
from .types cimport BUY, NO_SLOT

cdef class Queues:
    """One book's resting orders in price-time priority."""
    cdef Pool pool                 # given by the kind of book
    cdef PriceLevels bid_levels
    cdef PriceLevels ask_levels
    cdef int32_t index             # of this book among those that share the pool
    cdef Parties parties           # whose orders count as one's own; None for an account's own only

    # -- queries
    cdef bint is_crossed(self) noexcept nogil
    cdef list ids_at(self, int side, int64_t price)
    cdef list rows(self, int side, int64_t depth)
    cdef int64_t check_side(self, int side) except -1
    # -- writers
    cdef int hide(self, int32_t slot, int32_t hidden_qty) except -1
    cdef int64_t fill(self, int32_t slot, int32_t qty) except -1
    cdef int reduce(self, int32_t slot, int32_t qty) except -1


    # -- inlined into the callers of all modules
    cdef inline Level* level_of(self, const Order* order) noexcept nogil:
        """The level at an order's price, NULL if there is none."""
        # Not by way of `levels_of`, which counts a reference.
        if order.marks & IS_SELL:
            return self.ask_levels.at(order.limit_price)
        return self.bid_levels.at(order.limit_price)

    cdef inline bint is_met(self, int side, int64_t limit_price) noexcept nogil:
        """Whether an order of this side and limit would meet one of the other side."""
        if side == BUY:
            return self.ask_levels.length != 0 and self.ask_levels.best_price <= limit_price
        return self.bid_levels.length != 0 and self.bid_levels.best_price >= limit_price

    cdef inline PriceLevels levels_of(self, int side):
        """The levels of a side."""
        return self.bid_levels if side == BUY else self.ask_levels

    cdef inline int append(self, int32_t slot) except -1:
        """Puts an order at the end of the queue of its price; of an iceberg, a clip."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Level* level
        cdef Clip* clip
        if order.marks & IS_QUEUED or order.leaves_qty <= 0:
            fail("an order that rests has something left and does so once", order.order_id)
        if order.marks & IS_SELL:
            level = self.ask_levels.at_or_new(order.limit_price)
        else:
            level = self.bid_levels.at_or_new(order.limit_price)
        if order.marks & IS_ICEBERG:
            clip = &self.pool.clips[slot]
            clip.hidden_qty = max(0, order.leaves_qty - clip.display_qty)
            order.leaves_qty -= clip.hidden_qty
            level.hidden_qty += clip.hidden_qty
        order.prev_slot = level.tail_slot
        order.next_slot = NO_SLOT
        if level.tail_slot == NO_SLOT:
            level.head_slot = slot
        else:
            self.pool.orders[level.tail_slot].next_slot = slot
        level.tail_slot = slot
        level.count += 1
        level.total_qty += order.leaves_qty
        order.marks |= IS_QUEUED
        return 0

    cdef inline int unlink(self, int32_t slot) except -1:
        """Takes an order out of its queue, and its level away with the last order."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Level* level = self.level_of(order)
        if level == NULL or not order.marks & IS_QUEUED:
            fail("a resting order has a level; this one has none", order.order_id)
        self._take_out(order, slot, level)
        return 0

    cdef inline void _take_out(self, Order* order, int32_t slot, Level* level) noexcept nogil:
        """Unlinks an order from its level, and drops the level with its last order."""
        if order.prev_slot == NO_SLOT:
            level.head_slot = order.next_slot
        else:
            self.pool.orders[order.prev_slot].next_slot = order.next_slot
        if order.next_slot == NO_SLOT:
            level.tail_slot = order.prev_slot
        else:
            self.pool.orders[order.next_slot].prev_slot = order.prev_slot
        level.count -= 1
        level.total_qty -= order.leaves_qty
        if order.marks & IS_ICEBERG:
            level.hidden_qty -= self.pool.clips[slot].hidden_qty
            order.leaves_qty += self.pool.clips[slot].hidden_qty
            self.pool.clips[slot].hidden_qty = 0
        if level.count == 0:
            if order.marks & IS_SELL:
                self.ask_levels.drop(level)
            else:
                self.bid_levels.drop(level)
        order.prev_slot = order.next_slot = NO_SLOT
        order.marks &= ~<unsigned int>IS_QUEUED
