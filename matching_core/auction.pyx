# cython: language_level=3
"""
The call auction of one book.

While a book collects, it may be crossed. It uncrosses at the price of the largest volume; of
those, at one with the smallest surplus; of those, at the one nearest the reference price, or where
there is none (0), at the middle of them, rounded down. Every
tick counts, also those at which nobody bids. Between the best ask and the best bid demand only
falls and supply only rises, so equally good prices adjoin: the nearest is unique, and no further
rule is needed. Hidden quantity counts in full.

Allocation is by price, then time, on both sides; every fill is at the one price.

Of two own orders that would trade with each other the younger (the higher order id) is cancelled
first, unless its own policy lets it trade. One cancellation can move the price and with it who
meets whom. So a plan names one order only, `own_slot`: whoever carries it out cancels that order
and plans again until none is named.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc

from .plan cimport Fill, Plan
from .pool cimport Order, policy_of
from .price_levels cimport Level, PriceLevels
from .queues cimport Queues
from .types cimport BUY, MATCH_OWN, NO_SLOT, SELL


@final
cdef class Uncross:
    """What an auction would do; stale once anything changes."""

    def __cinit__(self):
        self.bids = Plan()
        self.asks = Plan()

    def __dealloc__(self):
        free(self.pairings)

    cdef int find_price(self, Queues queues, int64_t reference_price) except -1:
        """Sets price, volume and surplus, in one pass over the levels that cross."""
        cdef PriceLevels bids = queues.bid_levels
        cdef PriceLevels asks = queues.ask_levels
        cdef const Level* bid = bids.best()
        cdef const Level* ask = asks.best()
        cdef const Level* worse
        cdef int64_t demand_qty = 0
        cdef int64_t supply_qty = 0
        cdef int64_t price, next_price, best_bid
        self.price = self.volume_qty = self.surplus_qty = self.count = 0
        self.own_slot = NO_SLOT
        if not queues.is_crossed():
            return 0
        best_bid = bids.best_price
        demand_qty = _quantity(bid)
        worse = bids.worse(bid)
        while worse != NULL and worse.price >= ask.price:
            bid = worse
            demand_qty += _quantity(bid)
            worse = bids.worse(bid)
        # From the best ask up to the best bid, every price and every span without orders.
        while bid != NULL:
            price = _lower_price(bid, ask, best_bid)
            if ask != NULL and ask.price == price:
                supply_qty += _quantity(ask)
                ask = asks.worse(ask)
            self._offer(price, price, demand_qty, supply_qty)
            if bid.price == price:
                demand_qty -= _quantity(bid)
                bid = bids.better(bid)
            next_price = _lower_price(bid, ask, best_bid)
            if next_price - price >= 2:
                self._offer(price + 1, next_price - 1, demand_qty, supply_qty)
        if reference_price == 0:
            reference_price = (self.low_price + self.high_price) // 2
        self.price = min(max(reference_price, self.low_price), self.high_price)
        self.surplus_qty = _beyond(bids, self.price) - _beyond(asks, self.price)
        return 0

    cdef int plan(self, Queues queues, int64_t reference_price) except -1:
        """Sets the price, and who trades with whom; or who is to be cancelled first."""
        self.find_price(queues, reference_price)
        if self.volume_qty == 0:
            return 0
        self.bids.walk(queues, SELL, MATCH_OWN, 0, self.price, self.volume_qty)
        self.asks.walk(queues, BUY, MATCH_OWN, 0, self.price, self.volume_qty)
        return self._pair(queues)

    cdef void _offer(
        self, int64_t low_price, int64_t high_price, int64_t demand_qty, int64_t supply_qty
    ) noexcept nogil:
        """Keeps a span of prices if it is better than the best so far, or as good."""
        cdef int64_t volume_qty = min(demand_qty, supply_qty)
        cdef int64_t surplus_qty = max(demand_qty, supply_qty) - volume_qty
        if volume_qty > self.volume_qty or (
            volume_qty == self.volume_qty and surplus_qty < self.best_surplus_qty
        ):
            self.volume_qty = volume_qty
            self.best_surplus_qty = surplus_qty
            self.low_price = low_price
            self.high_price = high_price
        elif volume_qty == self.volume_qty and surplus_qty == self.best_surplus_qty:
            self.high_price = high_price

    cdef int _pair(self, Queues queues) except -1:
        """Lays the two sides' fills against each other; stops at the first own pair."""
        cdef int32_t bid_at = 0
        cdef int32_t ask_at = 0
        cdef int32_t bid_qty = self.bids.fills[0].qty
        cdef int32_t ask_qty = self.asks.fills[0].qty
        cdef int32_t bid_slot, ask_slot, qty
        while True:
            bid_slot = self.bids.fills[bid_at].maker_slot
            ask_slot = self.asks.fills[ask_at].maker_slot
            self.own_slot = self._younger_own(queues, bid_slot, ask_slot)
            if self.own_slot != NO_SLOT:
                return 0
            qty = min(bid_qty, ask_qty)
            self._note(bid_slot, ask_slot, qty)
            bid_qty -= qty
            ask_qty -= qty
            if bid_qty == 0:
                bid_at += 1
                if bid_at == self.bids.count:
                    return 0
                bid_qty = self.bids.fills[bid_at].qty
            if ask_qty == 0:
                ask_at += 1
                ask_qty = self.asks.fills[ask_at].qty

    cdef int32_t _younger_own(self, Queues queues, int32_t bid_slot, int32_t ask_slot) noexcept:
        cdef const Order* bid = &queues.pool.orders[bid_slot]
        cdef const Order* ask = &queues.pool.orders[ask_slot]
        if bid.account_id != ask.account_id and (
            queues.parties is None or not queues.parties.are_one(bid.account_id, ask.account_id)
        ):
            return NO_SLOT
        if bid.order_id > ask.order_id:
            return NO_SLOT if policy_of(bid) == MATCH_OWN else bid_slot
        return NO_SLOT if policy_of(ask) == MATCH_OWN else ask_slot

    cdef int _note(self, int32_t bid_slot, int32_t ask_slot, int32_t qty) except -1:
        cdef int64_t capacity
        cdef Pairing* pairings
        if self.count == self.capacity:
            capacity = 64 if self.capacity == 0 else 2 * <int64_t>self.capacity
            if capacity > 1 << 30:
                raise MemoryError("more than 2**30 fills of one auction")
            pairings = <Pairing*>realloc(self.pairings, capacity * sizeof(Pairing))
            if pairings == NULL:
                raise MemoryError
            self.pairings = pairings
            self.capacity = <int32_t>capacity
        self.pairings[self.count].bid_slot = bid_slot
        self.pairings[self.count].ask_slot = ask_slot
        self.pairings[self.count].qty = qty
        self.count += 1
        return 0


cdef int64_t _quantity(const Level* level) noexcept nogil:
    return level.total_qty + level.hidden_qty


cdef int64_t _lower_price(const Level* bid, const Level* ask, int64_t best_bid) noexcept nogil:
    """The next price at which somebody asks or bids, the best bid at most."""
    cdef int64_t price = best_bid if bid == NULL else bid.price
    return price if ask == NULL else min(price, <int64_t>ask.price)


cdef int64_t _beyond(PriceLevels levels, int64_t price):
    """What a side gives at a price."""
    cdef int64_t qty = 0
    cdef const Level* level = levels.best()
    while level != NULL and levels.reaches(level.price, price):
        qty += _quantity(level)
        level = levels.worse(level)
    return qty
