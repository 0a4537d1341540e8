# cython: language_level=3
"""
The matcher on its own: one book in price-time priority, for whoever brings accounts and risk along.

`ORDER_BOOK.md` explains it by examples. A command checks its terms, walks the opposite side without
changing it (`plan`), and then applies what it found or drops it: a refused order leaves no trace.

Orders are 32 bytes each, and what matching does not read is not kept: no time in force (what rests
is good till cancelled), no original quantity. Not thread-safe.
"""

from cpython.number cimport PyNumber_Index
from cython cimport final
from libc.stdint cimport int32_t, int64_t

from .auction cimport Uncross
from .book_bytes cimport read_book, write_book
from .errors cimport fail
from .plan cimport Plan
from .pool cimport IS_ICEBERG, IS_POST_ONLY, Order, Pool, marks_of, policy_of, side_of
from .queues cimport Queues
from .results cimport (
    CANCELLED,
    FILLED,
    REASON_DUPLICATE_ID,
    REASON_ORDER_ID,
    REASON_PRICE,
    REASON_QTY,
    RESTING,
    AuctionResult,
    Result,
    auction_result_of,
    rejected,
    result_of,
)
from .types cimport (
    BUY,
    CANCEL_BOTH,
    CANCEL_INCOMING,
    CANCEL_RESTING,
    FOK,
    GTC,
    IOC,
    MATCH_OWN,
    MAX_CLIPS,
    NO_SLOT,
    REASON_ALL_OR_NONE,
    REASON_CANNOT_FILL,
    REASON_DISPLAY_QTY,
    REASON_IMMEDIATE,
    REASON_MIN_QTY,
    REASON_SELF_MATCH,
    REASON_UNKNOWN_ORDER,
    REASON_WOULD_TAKE,
    REASON_WRONG_STATE,
    SELL,
)

from hashlib import sha256

from .errors import CoreError

__all__ = ["CoreError", "OrderBook"]

cdef enum:
    MAX_INT32 = 0x7FFFFFFF         # the highest price and quantity

cdef dict SIDES = {"buy": BUY, "sell": SELL, BUY: BUY, SELL: SELL}
cdef dict TIMES_IN_FORCE = {"gtc": GTC, "ioc": IOC, "fok": FOK, GTC: GTC, IOC: IOC, FOK: FOK}
cdef dict POLICIES = {
    "none": MATCH_OWN,
    "cancel_incoming": CANCEL_INCOMING,
    "cancel_resting": CANCEL_RESTING,
    "cancel_both": CANCEL_BOTH,
    MATCH_OWN: MATCH_OWN,
    CANCEL_INCOMING: CANCEL_INCOMING,
    CANCEL_RESTING: CANCEL_RESTING,
    CANCEL_BOTH: CANCEL_BOTH,
}


@final
cdef class OrderBook(Queues):
    """One book in price-time priority."""

    def __cinit__(self, *, bint is_collecting=False):
        self.pool = Pool(False)
        self.plan = Plan()
        self.uncross = Uncross()
        self.is_collecting = is_collecting

    # -- commands ---------------------------------------------------------------------------------

    def place(
        self,
        order_id,
        side,
        price,
        qty,
        *,
        time_in_force="gtc",
        account=0,
        bint post_only=False,
        bint all_or_none=False,
        min_qty=0,
        display_qty=0,
        self_match_policy="none",
    ):
        """A new order: trades what it can at once, then rests or ends."""
        cdef Terms terms
        terms.order_id = _integer(order_id)
        terms.price = _integer(price)
        terms.qty = _integer(qty)
        terms.min_qty = _integer(min_qty)
        terms.display_qty = _integer(display_qty)
        terms.account_id = _account(account)
        terms.slot = NO_SLOT
        terms.side = _code(SIDES, side, "side")
        terms.time_in_force = _code(TIMES_IN_FORCE, time_in_force, "time_in_force")
        terms.policy = _code(POLICIES, self_match_policy, "self_match_policy")
        terms.is_post_only = post_only
        terms.is_all_or_none = all_or_none
        return self._enter(&terms)

    def amend(self, order_id, price=None, qty=None):
        """
        Changes a resting order's price, its open quantity, or both; quantity 0 cancels it.

        Less at the same price keeps its place, as does no change at all. Everything else leaves the
        queue and comes in again, and may trade. A refused amendment leaves the order as it was.
        """
        cdef int32_t slot = self.pool.find(_integer(order_id))
        cdef Order* order
        cdef Terms terms
        cdef int64_t open_qty
        cdef int64_t new_price = 0 if price is None else _integer(price)
        cdef int64_t new_qty = 0 if qty is None else _integer(qty)
        if slot == NO_SLOT:
            return rejected(REASON_UNKNOWN_ORDER)
        order = &self.pool.orders[slot]
        open_qty = self.pool.open_qty(slot)
        if price is None:
            new_price = order.limit_price
        if qty is None:
            new_qty = open_qty
        if not 0 < new_price <= MAX_INT32:
            return rejected(REASON_PRICE)
        if not 0 <= new_qty <= MAX_INT32:
            return rejected(REASON_QTY)
        if new_qty == 0:
            self._end(slot)
            return result_of(CANCELLED, 0, None)
        if new_price == order.limit_price and new_qty <= open_qty:
            self.reduce(slot, <int32_t>(open_qty - new_qty))
            return result_of(RESTING, new_qty, None)
        terms = Terms(
            order_id=order.order_id,
            price=new_price,
            qty=new_qty,
            min_qty=0,
            display_qty=0,
            account_id=order.account_id,
            slot=slot,
            side=side_of(order),
            time_in_force=GTC,
            policy=policy_of(order),
            is_post_only=order.marks & IS_POST_ONLY,
            is_all_or_none=False,
        )
        if order.marks & IS_ICEBERG:
            terms.display_qty = self.pool.clips[slot].display_qty
        return self._enter(&terms)

    def cancel(self, order_id):
        """Ends an order; the open quantity that this removes, hidden and all, 0 where unknown."""
        return self.cancel_order(_integer(order_id))

    def mass_cancel(self, account=None, side=None):
        """Ends every order of an account, a side, or both; their ids, ascending."""
        cdef int wanted_side = 0 if side is None else _code(SIDES, side, "side")
        cdef int32_t wanted_account = 0 if account is None else _account(account)
        cdef bint is_any_account = account is None
        cdef list order_ids = []
        cdef Order* order
        cdef int32_t slot
        for slot in range(self.pool.used):
            order = &self.pool.orders[slot]
            if order.order_id == 0 or (wanted_side and side_of(order) != wanted_side):
                continue
            if is_any_account or order.account_id == wanted_account:
                order_ids.append(order.order_id)
                self._end(slot)
        order_ids.sort()
        return order_ids

    def open_auction(self):
        """Stops trading: from now on orders collect, and may cross, until `auction`."""
        self.is_collecting = True

    def auction(self, reference_price):
        """
        Uncrosses the book at one price, and goes on in continuous trading.

        Of two own orders that would trade with each other the younger is cancelled first.
        """
        cdef list cancelled = []
        cdef AuctionResult result
        cdef int32_t index, bid_slot, ask_slot, qty
        cdef int64_t near_price = _reference(reference_price)
        self.uncross.plan(self, near_price)
        while self.uncross.own_slot != NO_SLOT:
            cancelled.append(self.pool.orders[self.uncross.own_slot].order_id)
            self._end(self.uncross.own_slot)
            self.uncross.plan(self, near_price)
        result = auction_result_of(self.uncross, cancelled)
        for index in range(self.uncross.count):
            bid_slot = self.uncross.pairings[index].bid_slot
            ask_slot = self.uncross.pairings[index].ask_slot
            qty = self.uncross.pairings[index].qty
            result.fills.append(
                (
                    self.pool.orders[bid_slot].order_id,
                    self.pool.orders[ask_slot].order_id,
                    self.uncross.price,
                    qty,
                )
            )
            if self.fill(bid_slot, qty) == 0:
                self.pool.remove(bid_slot)
            if self.fill(ask_slot, qty) == 0:
                self.pool.remove(ask_slot)
        self.is_collecting = False
        return result

    # -- queries ----------------------------------------------------------------------------------

    def indicative(self, reference_price):
        """What `auction` would find now, before any cancellation among own orders; no fills."""
        cdef int64_t near_price = _reference(reference_price)
        self.uncross.find_price(self, near_price)
        return auction_result_of(self.uncross, [])

    def bids(self, depth=0):
        """The best `depth` bid levels as (price, displayed qty, order count); 0 for all."""
        return self.rows(BUY, _integer(depth) or self.bid_levels.length)

    def asks(self, depth=0):
        """The best `depth` ask levels as (price, displayed qty, order count); 0 for all."""
        return self.rows(SELL, _integer(depth) or self.ask_levels.length)

    def queue(self, side, price):
        """The order ids at a price, in the order in which they would trade."""
        cdef int wanted_side = _code(SIDES, side, "side")
        cdef int64_t wanted_price = _integer(price)
        if not 0 < wanted_price <= MAX_INT32:
            return []
        return self.ids_at(wanted_side, wanted_price)

    def open_qty(self, order_id):
        """What is left of an order, hidden and all; 0 where unknown."""
        cdef int32_t slot = self.pool.find(_integer(order_id))
        return 0 if slot == NO_SLOT else self.pool.open_qty(slot)

    def __len__(self):
        return self.pool.count

    def __contains__(self, order_id):
        return self.pool.find(_integer(order_id)) != NO_SLOT

    # -- the book as a whole ----------------------------------------------------------------------

    def snapshot(self):
        """The whole book as canonical bytes: books that would act alike give equal bytes."""
        return write_book(self, self.is_collecting)

    @staticmethod
    def restore(bytes data not None):
        """The book of a snapshot; `ValueError` where the bytes are none."""
        cdef OrderBook book = OrderBook()
        book.is_collecting = read_book(book, data)
        return book

    def state_hash(self):
        """SHA-256 of the snapshot."""
        return sha256(self.snapshot()).digest()

    def check(self):
        """Verifies every invariant; `CoreError` names the first that is broken."""
        cdef int64_t count = self.check_side(BUY) + self.check_side(SELL)
        if count != self.pool.count:
            fail("every open order rests in one queue; open are", self.pool.count)
        self.pool.check()
        if self.is_crossed() and not self.is_collecting:
            fail("the best bid is below the best ask; it is", self.bid_levels.best_price)

    # -- plan -------------------------------------------------------------------------------------

    cdef int plan_order(self, const Terms* terms) except -1:
        """Checks an order and leaves in `plan` what it would meet; 0, or why it is refused."""
        cdef int refused = self._check_terms(terms)
        cdef int64_t required_qty
        if refused:
            return refused
        if self.is_collecting:
            self.plan.clear()
            return 0
        required_qty = terms.min_qty
        if terms.time_in_force == FOK or terms.is_all_or_none:
            required_qty = terms.qty
        if not self.is_met(terms.side, terms.price):
            self.plan.clear()
            return REASON_CANNOT_FILL if required_qty else 0
        return self._walk(terms, required_qty)

    cdef int _walk(self, const Terms* terms, int64_t required_qty) except -1:
        """Plans an order that would meet others; 0, or why it is refused."""
        self.plan.walk(
            self, terms.side, terms.policy, terms.account_id, terms.price, terms.qty
        )
        if terms.is_post_only and self.plan.is_taking():
            return REASON_WOULD_TAKE
        if self.plan.crossing_qty < required_qty:
            return REASON_CANNOT_FILL
        if self.plan.own_count and terms.policy == CANCEL_INCOMING:
            return REASON_SELF_MATCH
        return 0

    cdef int _check_terms(self, const Terms* terms) noexcept:
        """What needs no walk, in the order in which refusals are documented."""
        if terms.order_id <= 0:
            return REASON_ORDER_ID
        if terms.slot == NO_SLOT and self.pool.find(terms.order_id) != NO_SLOT:
            return REASON_DUPLICATE_ID
        if not 0 < terms.price <= MAX_INT32:
            return REASON_PRICE
        if not 0 < terms.qty <= MAX_INT32:
            return REASON_QTY
        if (
            terms.min_qty
            or terms.display_qty
            or terms.is_all_or_none | terms.is_post_only | self.is_collecting
        ):
            return self._check_conditions(terms)
        return 0

    cdef int _check_conditions(self, const Terms* terms) noexcept:
        if not 0 <= terms.min_qty <= terms.qty:
            return REASON_MIN_QTY
        if terms.display_qty:
            # An amendment may leave less than a clip.
            if terms.display_qty < 0 or (
                terms.slot == NO_SLOT and terms.display_qty > terms.qty
            ):
                return REASON_DISPLAY_QTY
            if terms.display_qty * MAX_CLIPS < terms.qty:
                return REASON_DISPLAY_QTY
        if terms.is_all_or_none and (terms.time_in_force == GTC or terms.display_qty):
            return REASON_ALL_OR_NONE
        if terms.time_in_force == FOK and terms.display_qty:
            return REASON_ALL_OR_NONE
        if terms.time_in_force != GTC and (terms.is_post_only or terms.display_qty):
            return REASON_IMMEDIATE
        if self.is_collecting and (terms.time_in_force != GTC or terms.min_qty):
            return REASON_WRONG_STATE
        return 0

    # -- apply ------------------------------------------------------------------------------------

    cdef int64_t apply_order(self, const Terms* terms) except -1:
        """Carries out `plan`: own orders end, fills trade, the rest rests; how much that is."""
        cdef int64_t leaves_qty = terms.qty - self.plan.filled_qty
        cdef int32_t slot = terms.slot
        cdef Order* order
        if terms.time_in_force != GTC or (self.plan.own_count and terms.policy == CANCEL_BOTH):
            leaves_qty = 0
        if slot != NO_SLOT:
            self.unlink(slot)
        elif leaves_qty:
            slot = self.pool.add(terms.order_id, terms.account_id)
        if self.plan.is_taking():
            self._trade()
        if leaves_qty == 0:
            if slot != NO_SLOT:
                self.pool.remove(slot)
            return 0
        order = &self.pool.orders[slot]
        order.limit_price = <int32_t>terms.price
        order.leaves_qty = <int32_t>leaves_qty
        order.marks = marks_of(0, terms.side, terms.policy, terms.is_post_only)
        if terms.display_qty:
            self.pool.show(slot, <int32_t>terms.display_qty)
        self.append(slot)
        return leaves_qty

    cdef int _trade(self) except -1:
        """Ends the own orders of `plan`, and gives its fills to the makers."""
        cdef int32_t index
        for index in range(self.plan.own_count):
            self._end(self.plan.own[index].maker_slot)
        for index in range(self.plan.count):
            if self.fill(self.plan.fills[index].maker_slot, self.plan.fills[index].qty) == 0:
                self.pool.remove(self.plan.fills[index].maker_slot)
        return 0

    cdef int64_t cancel_order(self, int64_t order_id) except -1:
        cdef int32_t slot = self.pool.find(order_id)
        cdef int64_t open_qty
        if slot == NO_SLOT:
            return 0
        open_qty = self.pool.open_qty(slot)
        self.unlink(slot)
        self.pool.remove(slot)
        return open_qty

    cdef int _end(self, int32_t slot) except -1:
        self.unlink(slot)
        return self.pool.remove(slot)

    # -- answers ----------------------------------------------------------------------------------

    cdef Result _enter(self, const Terms* terms):
        """Plans and applies an order, new or amended; its result."""
        cdef int refused = self.plan_order(terms)
        cdef list fills = None
        cdef list cancelled = None
        cdef Result result
        cdef int64_t leaves_qty
        if refused:
            return rejected(refused)
        if self.plan.count:
            fills = self._planned_fills()
        if self.plan.own_count:
            cancelled = self._planned_cancels()
        leaves_qty = self.apply_order(terms)
        if leaves_qty:
            result = result_of(RESTING, leaves_qty, None)
        elif self.plan.filled_qty == terms.qty:
            result = result_of(FILLED, 0, None)
        elif cancelled is not None and terms.policy == CANCEL_BOTH:
            result = result_of(CANCELLED, 0, "self_match")
        else:
            result = result_of(CANCELLED, 0, "unfilled")
        result.fill_rows = fills
        result.cancelled_ids = cancelled
        return result

    cdef list _planned_fills(self):
        cdef list fills = []
        cdef Order* maker
        cdef int32_t index
        for index in range(self.plan.count):
            maker = &self.pool.orders[self.plan.fills[index].maker_slot]
            fills.append((maker.order_id, maker.limit_price, self.plan.fills[index].qty))
        return fills

    cdef list _planned_cancels(self):
        cdef list order_ids = []
        cdef int32_t index
        for index in range(self.plan.own_count):
            order_ids.append(self.pool.orders[self.plan.own[index].maker_slot].order_id)
        return order_ids


cdef int64_t _integer(value) except? -1:
    """An integer of 64 bits; unlike a typed argument, it takes no float."""
    return value if isinstance(value, int) else PyNumber_Index(value)


cdef int32_t _account(value) except? -1:
    cdef int64_t account_id = _integer(value)
    if not -MAX_INT32 <= account_id <= MAX_INT32:
        raise OverflowError(f"an account is an integer of 32 bits, not {account_id}")
    return <int32_t>account_id


cdef int _code(dict codes, name, str what) except -1:
    """The code of a word, or of itself."""
    if not isinstance(name, (str, int)):
        raise TypeError(f"{what} is a word or its code, not {name!r}")
    code = codes.get(name)
    if code is None:
        raise ValueError(f"{what} is one of {list(codes)}, not {name!r}")
    return code


cdef int64_t _reference(value) except -1:
    cdef int64_t reference_price = _integer(value)
    if not 0 < reference_price <= MAX_INT32:
        raise ValueError(f"a reference price is 1 to 2147483647, not {reference_price}")
    return reference_price
