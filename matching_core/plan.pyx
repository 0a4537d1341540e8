# cython: language_level=3
"""
The walk over the opposite side that plans a trade and changes nothing.

A level is swept in the order of its queue; an iceberg whose clip the walk uses up is met again
behind all that stood there, with its next clip, as often as it has one. The plan keeps those next
clips on a list of its own, so that the queues need not move.

Own orders, in a book of sublets those of affiliates too, are dealt with here, before any fill, by the policy of the order that comes in:

MATCH_OWN       they are met like any other.
CANCEL_INCOMING they end the fills: a plan with `own_order_id` is to be refused.
CANCEL_RESTING  `own` lists those to cancel before the fills; they give no quantity.
CANCEL_BOTH     no fills; `own` lists those that it would have met, which end with it.

For CANCEL_INCOMING and CANCEL_BOTH the quantity of own orders counts as crossing, so that an order
that asks for a minimum learns which of the two stood in its way.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc

from .pool cimport IS_ICEBERG, Order
from .price_levels cimport Level, PriceLevels
from .queues cimport Queues
from .types cimport BUY, CANCEL_BOTH, CANCEL_INCOMING, CANCEL_RESTING, MATCH_OWN, NO_SLOT


@final
cdef class Plan:
    """What would happen if an order came in; stale once anything changes."""

    def __dealloc__(self):
        free(self.fills)
        free(self.clips)
        free(self.own)

    cdef int walk(
        self,
        Queues queues,
        int side,
        int policy,
        int32_t account_id,
        int64_t limit_price,
        int64_t wanted_qty,
    ) except -1:
        """Walks the opposite side in priority, for as long as its prices suit the limit."""
        cdef PriceLevels levels = queues.ask_levels if side == BUY else queues.bid_levels
        cdef const Level* level = levels.best()
        cdef const Order* order
        cdef int32_t slot, qty
        self.clear()
        while level != NULL and self.crossing_qty < wanted_qty:
            if not levels.reaches(level.price, limit_price):
                break
            self.clip_count = 0
            slot = level.head_slot
            while slot != NO_SLOT and self.crossing_qty < wanted_qty:
                order = &queues.pool.orders[slot]
                if policy != MATCH_OWN and (
                    order.account_id == account_id
                    or queues.parties is not None
                    and queues.parties.are_one(order.account_id, account_id)
                ):
                    self._note_own(slot, order.order_id)
                    if policy == CANCEL_RESTING:
                        slot = order.next_slot
                        continue
                qty = <int32_t>min(<int64_t>order.leaves_qty, wanted_qty - self.crossing_qty)
                self._note_fill(slot, qty)
                if order.marks & IS_ICEBERG:
                    self._note_clip(slot, queues.pool.clips[slot].hidden_qty)
                slot = order.next_slot
            if self.clip_count:
                self._take_clips(queues, wanted_qty)
            if self.crossing_qty < wanted_qty:
                level = levels.worse(level)
        if self.own_count and policy != CANCEL_RESTING:
            self.count = 0
            self.filled_qty = 0
        return 0

    cdef int _take_clips(self, Queues queues, int64_t wanted_qty) except -1:
        """Takes what a swept level hides, clip by clip in the order in which they come up."""
        cdef int32_t at = 0
        cdef int32_t slot, hidden_qty, qty
        while at < self.clip_count and self.crossing_qty < wanted_qty:
            slot = self.clips[at].maker_slot
            hidden_qty = self.clips[at].qty
            qty = min(queues.pool.clips[slot].display_qty, hidden_qty)
            self._note_clip(slot, hidden_qty - qty)
            self._note_fill(slot, <int32_t>min(<int64_t>qty, wanted_qty - self.crossing_qty))
            at += 1
        return 0

    cdef int _note_fill(self, int32_t slot, int32_t qty) except -1:
        if self.count == self.capacity:
            self.fills = _grown(self.fills, &self.capacity)
        self.fills[self.count].maker_slot = slot
        self.fills[self.count].qty = qty
        self.count += 1
        self.filled_qty += qty
        self.crossing_qty += qty
        return 0

    cdef int _note_clip(self, int32_t slot, int32_t hidden_qty) except -1:
        if hidden_qty == 0:
            return 0
        if self.clip_count == self.clip_capacity:
            self.clips = _grown(self.clips, &self.clip_capacity)
        self.clips[self.clip_count].maker_slot = slot
        self.clips[self.clip_count].qty = hidden_qty
        self.clip_count += 1
        return 0

    cdef int _note_own(self, int32_t slot, int64_t order_id) except -1:
        if self.own_count == self.own_capacity:
            self.own = _grown(self.own, &self.own_capacity)
        if self.own_count == 0:
            self.own_order_id = order_id
        self.own[self.own_count].maker_slot = slot
        self.own[self.own_count].qty = 0
        self.own_count += 1
        return 0


cdef Fill* _grown(Fill* fills, int32_t* capacity) except NULL:
    cdef int64_t wanted = 64 if capacity[0] == 0 else 2 * <int64_t>capacity[0]
    if wanted > 1 << 30:
        raise MemoryError("more than 2**30 fills of one order")
    fills = <Fill*>realloc(fills, wanted * sizeof(Fill))
    if fills == NULL:
        raise MemoryError
    capacity[0] = <int32_t>wanted
    return fills
