# cython: language_level=3
"""
One instrument's resting orders, in price-time priority.

A book is changed by `append`, `reduce` and `unlink` only, and matching calls none of them: it
plans. So an order that is refused, or killed for want of quantity, needs no undo; its plan is
dropped.

Invariants, part of `Venue.check()`: no level is empty, and its quantity is the sum of its orders'
leaves; the best bid is below the best ask; each resting order is linked exactly once.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc

from .errors cimport fail
from .holdings cimport Product
from .pool cimport Order, Pool
from .price_levels cimport Level, PriceLevels
from .types cimport BUY, HOURS_PER_DAY, NO_SLOT


@final
cdef class Plan:
    """What would happen if an order came in; stale once anything changes."""

    def __dealloc__(self):
        free(self.fills)

    cdef int walk(
        self, Book book, int side, int64_t account_id, int64_t limit_price, int64_t wanted_qty
    ) except -1:
        """
        Walks the opposite side in priority, for as long as its prices suit the limit.

        An own order ends the fills but not the walk: what lies behind it still counts as crossing,
        so that a fill-or-kill order learns which of the two stood in its way.
        """
        cdef PriceLevels levels = book.asks if side == BUY else book.bids
        cdef int32_t index = levels.length
        cdef const Order* order
        cdef int32_t slot
        cdef int32_t qty
        self.count = 0
        self.filled_qty = self.crossing_qty = self.own_order_id = 0
        while index > 0 and self.crossing_qty < wanted_qty:
            index -= 1
            if not levels.reaches(levels.levels[index].price, limit_price):
                break
            slot = levels.levels[index].head_slot
            while slot != NO_SLOT and self.crossing_qty < wanted_qty:
                order = &book.pool.orders[slot]
                qty = <int32_t>min(<int64_t>order.leaves_qty, wanted_qty - self.crossing_qty)
                self.crossing_qty += qty
                if order.account_id == account_id and self.own_order_id == 0:
                    self.own_order_id = order.order_id
                if self.own_order_id == 0:
                    self._note(slot, qty)
                slot = order.next_slot
        return 0

    cdef int _note(self, int32_t maker_slot, int32_t qty) except -1:
        cdef int32_t capacity
        cdef Fill* fills
        if self.count == self.capacity:
            capacity = 64 if self.capacity == 0 else 2 * self.capacity
            fills = <Fill*>realloc(self.fills, capacity * sizeof(Fill))
            if fills == NULL:
                raise MemoryError
            self.fills = fills
            self.capacity = capacity
        self.fills[self.count].maker_slot = maker_slot
        self.fills[self.count].qty = qty
        self.count += 1
        self.filled_qty += qty
        return 0


@final
cdef class Book:
    """One instrument's resting orders in price-time priority."""

    def __cinit__(
        self,
        Pool pool,
        Product product,
        int32_t index,
        int64_t instrument_id,
        int64_t start_day,
        int64_t end_day,
        bint is_resting_allowed,
    ):
        self.pool = pool
        self.product = product
        self.index = index
        self.instrument_id = instrument_id
        self.start_day = start_day
        self.end_day = end_day
        self.hours = (end_day - start_day) * HOURS_PER_DAY
        self.is_resting_allowed = is_resting_allowed
        self.bids = PriceLevels(1)
        self.asks = PriceLevels(-1)

    # -- queries ----------------------------------------------------------------------------------

    cdef PriceLevels levels_of(self, int side):
        """The levels of a side."""
        return self.bids if side == BUY else self.asks

    cdef int64_t notional(self, int64_t price, int64_t qty) noexcept nogil:
        """Fen for so many GPUs over the whole window; below 2**61 within the bounds."""
        return price * self.hours * qty

    cdef list queue(self, int side, int64_t price):
        """The order ids of a level, the oldest first."""
        cdef list order_ids = []
        cdef const Level* level = self.levels_of(side).at(<int32_t>price)
        cdef int32_t slot
        if level != NULL:
            slot = level.head_slot
            while slot != NO_SLOT:
                order_ids.append(self.pool.orders[slot].order_id)
                slot = self.pool.orders[slot].next_slot
        return order_ids

    # -- writers ----------------------------------------------------------------------------------

    cdef int append(self, int32_t slot) except -1:
        """Puts an order at the end of the queue of its price."""
        cdef Order* order = &self.pool.orders[slot]
        cdef PriceLevels levels = self.levels_of(self.pool.details[slot].side)
        cdef Level* level = levels.at_or_new(order.limit_price)
        order.prev_slot = level.tail_slot
        order.next_slot = NO_SLOT
        if level.tail_slot == NO_SLOT:
            level.head_slot = slot
        else:
            self.pool.orders[level.tail_slot].next_slot = slot
        level.tail_slot = slot
        level.count += 1
        level.total_qty += order.leaves_qty
        self.pool.details[slot].is_resting = True
        return 0

    cdef int reduce(self, int32_t slot, int32_t qty) except -1:
        """Takes from an order where it stands; its place stays."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Level* level = self.levels_of(self.pool.details[slot].side).at(order.limit_price)
        if level == NULL:
            fail("a resting order has a level; this one has none", order.order_id)
        level.total_qty -= qty
        order.leaves_qty -= qty
        return 0

    cdef int unlink(self, int32_t slot) except -1:
        """Takes an order out of its queue, and its level away with the last order."""
        cdef Order* order = &self.pool.orders[slot]
        cdef PriceLevels levels = self.levels_of(self.pool.details[slot].side)
        cdef Level* level = levels.at(order.limit_price)
        if level == NULL:
            fail("a resting order has a level; this one has none", order.order_id)
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
        if level.count == 0:
            levels.drop(level)
        order.prev_slot = order.next_slot = NO_SLOT
        self.pool.details[slot].is_resting = False
        return 0
