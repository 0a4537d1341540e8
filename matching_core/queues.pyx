# cython: language_level=3
"""
One book's resting orders, in price-time priority.

The queues are changed by `append`, `fill`, `reduce` and `unlink` only, and matching calls none of
them: it plans. So an order that is refused, or killed for want of quantity, needs no undo; its plan
is dropped.

An iceberg in a queue shows a clip, its `leaves_qty`; the rest is hidden beside it. Outside a queue
`leaves_qty` is all of it: `append` splits, `unlink` joins. A clip that is filled is therefore
followed by the next one by leaving the queue and joining it again at the end.

Invariants, see `check`: no level is empty, and its quantities are the sums of its orders'; each
resting order is linked exactly once, both ways; an iceberg shows its display quantity at most, and
something. In continuous trading the best bid is below the best ask (`is_crossed`).
"""

from libc.stdint cimport int32_t, int64_t

from .errors cimport fail
from .pool cimport IS_ICEBERG, IS_QUEUED, IS_SELL, Clip, Order, Pool, book_index_of, side_of
from .price_levels cimport Level, PriceLevels
from .types cimport NO_SLOT


cdef class Queues:
    """One book's resting orders in price-time priority."""

    def __cinit__(self, *args, **kwargs):
        self.bid_levels = PriceLevels(1)
        self.ask_levels = PriceLevels(-1)

    # -- queries ----------------------------------------------------------------------------------

    cdef bint is_crossed(self) noexcept nogil:
        """Whether the best bid would pay the best ask, as it may while an auction collects."""
        if self.bid_levels.length == 0 or self.ask_levels.length == 0:
            return False
        return self.bid_levels.best_price >= self.ask_levels.best_price

    cdef list ids_at(self, int side, int64_t price):
        """The order ids of a level, in the order in which they would trade."""
        cdef list order_ids = []
        cdef const Level* level = self.levels_of(side).at(<int32_t>price)
        cdef int32_t slot
        if level != NULL:
            slot = level.head_slot
            while slot != NO_SLOT:
                order_ids.append(self.pool.orders[slot].order_id)
                slot = self.pool.orders[slot].next_slot
        return order_ids

    cdef list rows(self, int side, int64_t depth):
        """The best levels of a side as (price, displayed qty, order count), the best first."""
        cdef PriceLevels levels = self.levels_of(side)
        cdef list rows = []
        cdef const Level* level = levels.best()
        while level != NULL and len(rows) < depth:
            rows.append((level.price, level.total_qty, level.count))
            level = levels.worse(level)
        return rows

    cdef int64_t check_side(self, int side) except -1:
        """Verifies a side, level by level and order by order; how many orders it has."""
        cdef PriceLevels levels = self.levels_of(side)
        cdef const Level* level = levels.best()
        cdef const Level* worse
        cdef int64_t order_count = 0
        cdef int64_t level_count = 0
        if levels.best_price != (0 if level == NULL else level.price):
            fail("the best price is the best level's; it is", levels.best_price)
        while level != NULL:
            level_count += 1
            order_count += _check_level(self, side, level)
            if levels.at(level.price) != level:
                fail("a level is found at its price; not so at", level.price)
            worse = levels.worse(level)
            if worse != NULL and levels.reaches(worse.price, level.price):
                fail("levels worsen from the best on; not so at price", worse.price)
            if worse != NULL and levels.better(worse) != level:
                fail("the next level leads back; not so at price", worse.price)
            level = worse
        if level_count != levels.length:
            fail("all levels are reached from the best; they are", levels.length)
        return order_count

    # -- writers ----------------------------------------------------------------------------------

    cdef int hide(self, int32_t slot, int32_t hidden_qty) except -1:
        """Puts so much behind a resting clip that was restored on its own."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Level* level = self.level_of(order)
        if level == NULL or not order.marks & IS_ICEBERG or hidden_qty < 0:
            fail("only a resting iceberg hides quantity; not so", order.order_id)
        self.pool.clips[slot].hidden_qty += hidden_qty
        level.hidden_qty += hidden_qty
        return 0

    cdef int64_t fill(self, int32_t slot, int32_t qty) except -1:
        """
        Trades so much of what an order displays; what is left of it, hidden and all.

        A clip that is used up is followed by the next one at the end of the queue. An order of
        which nothing is left has left its queue, and the caller removes it from the pool.
        """
        cdef Order* order = &self.pool.orders[slot]
        cdef Level* level = self.level_of(order)
        if level == NULL or not 0 < qty <= order.leaves_qty:
            fail("a fill is of what a resting order displays; not so", order.order_id)
        level.total_qty -= qty
        order.leaves_qty -= qty
        if order.leaves_qty == 0:
            self._take_out(order, slot, level)
            if order.leaves_qty == 0:
                return 0
            self.append(slot)
        return self.pool.open_qty(slot)

    cdef int reduce(self, int32_t slot, int32_t qty) except -1:
        """Takes from an order where it stands, hidden quantity first; its place stays."""
        cdef Order* order = &self.pool.orders[slot]
        cdef Level* level = self.level_of(order)
        cdef int32_t hidden_qty = 0
        if level == NULL or not 0 <= qty < self.pool.open_qty(slot):
            fail("a resting order is reduced to something; not so", order.order_id)
        if order.marks & IS_ICEBERG:
            hidden_qty = min(qty, self.pool.clips[slot].hidden_qty)
            self.pool.clips[slot].hidden_qty -= hidden_qty
            level.hidden_qty -= hidden_qty
        level.total_qty -= qty - hidden_qty
        order.leaves_qty -= qty - hidden_qty
        return 0



cdef int64_t _check_level(Queues queues, int side, const Level* level) except -1:
    cdef Order* order
    cdef Clip* clip
    cdef int32_t slot = level.head_slot
    cdef int32_t prev_slot = NO_SLOT
    cdef int64_t count = 0
    cdef int64_t total_qty = 0
    cdef int64_t hidden_qty = 0
    while slot != NO_SLOT:
        order = &queues.pool.orders[slot]
        if order.prev_slot != prev_slot:
            fail("a queue is linked both ways; not so at order", order.order_id)
        if order.limit_price != level.price or book_index_of(order) != queues.index:
            fail("an order stands at its price in its book; not so", order.order_id)
        if not order.marks & IS_QUEUED or side_of(order) != side:
            fail("a queued order rests on its side; not so", order.order_id)
        if queues.pool.find(order.order_id) != slot:
            fail("the map finds every open order; not so", order.order_id)
        if order.leaves_qty <= 0:
            fail("a queued order shows something; not so", order.order_id)
        if order.marks & IS_ICEBERG:
            clip = &queues.pool.clips[slot]
            if order.leaves_qty > clip.display_qty or clip.hidden_qty < 0:
                fail("an iceberg shows its display quantity at most; not so", order.order_id)
            hidden_qty += clip.hidden_qty
        count += 1
        total_qty += order.leaves_qty
        prev_slot = slot
        slot = order.next_slot
    if level.tail_slot != prev_slot or count == 0:
        fail("a level ends with its last order and has one; not so at price", level.price)
    if level.count != count or level.total_qty != total_qty or level.hidden_qty != hidden_qty:
        fail("a level's totals are those of its orders; not so at price", level.price)
    return count
