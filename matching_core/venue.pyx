# cython: language_level=3
"""
The order path: check, plan, apply, encode.

A command first checks what needs no book, then walks the opposite side without changing it, then
compares what that would cost with what the account has. Only a plan that passes all of it is
applied, through the writers of `State`, and each step is appended to the event buffer as the bytes
of its event. A refusal is a code; `refusal` says value, limit and day; nothing has changed.

Events of one command: accepted (or amended), then each trade followed by what it does to the
escrow, then rested or cancelled if anything is left.

Prices: a trade is at the maker's. Fees: rounded up, cumulatively (`money`). Escrow shares of a
buy-back: rounded down, and the days that stay gain.

Not thread-safe, and meant so: the sequencer is the only caller.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t

from .audit cimport check_state, snapshot_of
from .book cimport Book, Plan
from .encode cimport EventBuffer
from .errors cimport fail
from .holdings cimport DAY_FUNCTIONS, Holding, Product
from .money cimport MAX_INTEGER, fee_due, share, slack_after
from .pool cimport Order, OrderDetail
from .price_levels cimport Level, PriceLevels
from .state cimport State, hold_of
from .types cimport (
    BUY,
    FOK,
    GTC,
    HOURS_PER_DAY,
    IOC,
    MASS_CANCEL,
    MAX_PRICE,
    MAX_QTY,
    NO_SLOT,
    POST_ONLY,
    REASON_CANNOT_FILL,
    REASON_CASH,
    REASON_EMPTY,
    REASON_LOT,
    REASON_NEVER_RESTS,
    REASON_OPEN_ORDERS,
    REASON_SELF_MATCH,
    REASON_TITLE,
    REASON_UNKNOWN_INSTRUMENT,
    REASON_UNKNOWN_ORDER,
    REASON_WINDOW_CLOSED,
    REASON_WOULD_TAKE,
    REQUESTED,
    SELL,
    UNFILLED,
    VENUE_ACCOUNT_ID,
    Accepted,
    Amended,
    Cancelled,
    Funded,
    Rested,
    Returned,
    Traded,
)

from hashlib import sha256

from .errors import CoreError

__all__ = ["CoreError", "Venue"]

_DAY_FUNCTIONS = (
    "title",
    "lien",
    "sublet_out",
    "sublet_in",
    "reserved_sale",
    "reserved_sublet",
)


@final
cdef class Venue(State):
    """The matching core as Python sees it."""

    def __init__(self, int64_t base_day, dict prefixes, int64_t max_open_orders=1000):
        """`prefixes` holds, by event tag, the constant bytes with which each event begins."""
        self.max_open_orders = max_open_orders
        self.events = EventBuffer()
        self.plan = Plan()
        self.trades = []
        self.accepted_prefix = prefixes["order_accepted"]
        self.rested_prefix = prefixes["order_rested"]
        self.amended_prefix = prefixes["order_amended"]
        self.cancelled_prefix = prefixes["order_cancelled"]
        self.traded_prefix = prefixes["trade_executed"]
        self.funded_prefix = prefixes["escrow_funded"]
        self.returned_prefix = prefixes["escrow_returned"]

    # -- commands ---------------------------------------------------------------------------------

    def place(
        self,
        int64_t order_id,
        int64_t account_id,
        int64_t key_id,
        int64_t session_id,
        int64_t instrument_id,
        int64_t side,
        int64_t order_qty,
        int64_t limit_price,
        int64_t time_in_force,
        int64_t exec_inst,
    ):
        """A new order; 0, or the code of its refusal."""
        cdef Book book = self.books_by_id.get(instrument_id)
        cdef Accepted accepted
        cdef Intent intent
        cdef int64_t held_amount
        cdef int refused
        self._require_terms(order_id, account_id, side, order_qty, limit_price)
        if key_id < 0 or session_id < 0:
            fail("ids are 0 or more", min(key_id, session_id))
        if time_in_force != GTC and time_in_force != IOC and time_in_force != FOK:
            fail("a time in force is 1, 3 or 4", time_in_force)
        if exec_inst & ~POST_ONLY:
            fail("an order's conditions are 0 or 1", exec_inst)
        if book is None:
            return self._refuse(REASON_UNKNOWN_INSTRUMENT, instrument_id, 0, 0)
        if book.is_closed:
            return self._refuse(REASON_WINDOW_CLOSED, instrument_id, 0, 0)
        if order_qty % book.product.lot_qty:
            return self._refuse(REASON_LOT, order_qty, book.product.lot_qty, 0)
        if time_in_force == GTC:
            if not book.is_resting_allowed:
                return self._refuse(REASON_NEVER_RESTS, instrument_id, 0, 0)
            if self.pool.open_count(account_id) >= self.max_open_orders:
                return self._refuse(
                    REASON_OPEN_ORDERS,
                    self.pool.open_count(account_id) + 1,
                    self.max_open_orders,
                    0,
                )
        intent = Intent(
            account_id=account_id,
            order_qty=order_qty,
            wanted_qty=order_qty,
            limit_price=limit_price,
            slack=0,
            own_held_amount=0,
            own_reserved_qty=0,
            maker_bps=book.product.maker_bps,
            taker_bps=book.product.taker_bps,
            side=<int>side,
            is_post_only=exec_inst & POST_ONLY,
            is_fill_or_kill=time_in_force == FOK,
        )
        refused = self._plan(book, &intent, &held_amount)
        if refused:
            return refused
        accepted = Accepted(
            order_id,
            account_id,
            key_id,
            session_id,
            instrument_id,
            side,
            order_qty,
            limit_price,
            time_in_force,
            exec_inst,
            held_amount,
        )
        self.apply_accepted(&accepted)
        self.events.write(self.accepted_prefix, <const int64_t*>&accepted, 11)
        self._trade(book, order_id)
        if self.plan.filled_qty < order_qty:
            if time_in_force == GTC:
                self._rest(order_id)
            else:
                self._cancel(self._slot_of(order_id), UNFILLED)
        return 0

    def amend(
        self, int64_t order_id, int64_t account_id, int64_t order_qty, int64_t limit_price
    ):
        """
        Changes an open order's quantity (with what is filled), its price, or both; -1 keeps.

        No more than what is filled ends the order. Less at the same price keeps its place; all
        else leaves the queue and comes in again as a taker. 0, or the code of the refusal.
        """
        cdef int32_t slot = self._own_slot(order_id, account_id)
        cdef Order* order
        cdef OrderDetail* detail
        cdef Book book
        if order_qty < -1 or order_qty > MAX_QTY:
            fail("a quantity is 0 to 10_000_000 GPUs, or -1", order_qty)
        if limit_price != -1 and not 0 < limit_price <= MAX_PRICE:
            fail("a price is 1 to 16_000_000 fen, or -1", limit_price)
        if slot == NO_SLOT:
            return self._refuse(REASON_UNKNOWN_ORDER, order_id, 0, 0)
        order = &self.pool.orders[slot]
        detail = &self.pool.details[slot]
        book = self.book_of_slot(slot)
        if book.is_closed:
            return self._refuse(REASON_WINDOW_CLOSED, book.instrument_id, 0, 0)
        if order_qty == -1:
            order_qty = detail.order_qty
        if limit_price == -1:
            limit_price = order.limit_price
        if order_qty % book.product.lot_qty:
            return self._refuse(REASON_LOT, order_qty, book.product.lot_qty, 0)
        if order_qty == detail.order_qty and limit_price == order.limit_price:
            return self._refuse(REASON_EMPTY, order_id, 0, 0)
        if order_qty <= detail.order_qty - order.leaves_qty:
            self._cancel(slot, REQUESTED)
            return 0
        if order_qty < detail.order_qty and limit_price == order.limit_price:
            self._amend_in_place(slot, order_qty)
            return 0
        return self._requeue(slot, order_qty, limit_price)

    def cancel(self, int64_t order_id, int64_t account_id):
        """Ends an open order of the account; 0, or the code of the refusal."""
        cdef int32_t slot = self._own_slot(order_id, account_id)
        if slot == NO_SLOT:
            return self._refuse(REASON_UNKNOWN_ORDER, order_id, 0, 0)
        self._cancel(slot, REQUESTED)
        return 0

    def mass_cancel(
        self, int64_t account_id, int64_t instrument_id, int64_t side, int64_t max_count
    ):
        """
        Ends up to `max_count` of an account's open orders, the lowest id first.

        0 stands for every instrument, or both sides. Always 0, also where nothing was open.
        """
        self.known_account(account_id)
        if side < 0 or side > SELL:
            fail("a side is 1 or 2, or 0 for both", side)
        if max_count < 0:
            fail("a count is 0 or more", max_count)
        cdef int64_t order_id
        for order_id in self._orders_of_account(account_id, instrument_id, side)[:max_count]:
            self._cancel(self._slot_of(order_id), MASS_CANCEL)
        return 0

    def take_events(self):
        """How many events the commands since the last call wrote, and their bytes back to back."""
        return self.events.take()

    def take_trades(self):
        """
        The trades of the commands since the last call.

        Each is (instrument_id, last_price, last_qty, maker_account_id, taker_account_id).
        """
        cdef list trades = self.trades
        self.trades = []
        return trades

    @property
    def refusal(self):
        """Value, limit and day of the last refusal."""
        return self.refused_value, self.refused_limit, self.refused_day

    # -- plan -------------------------------------------------------------------------------------

    cdef int _plan(self, Book book, const Intent* intent, int64_t* needed_amount) except -1:
        """Fills `plan` and says what the order must hold; 0, or why not."""
        cdef PriceLevels opposite = book.levels_of(BUY + SELL - intent.side)
        cdef Holding holding = book.product.holding(intent.account_id)
        cdef bint is_house = holding is not None and holding.is_house
        cdef int64_t free_qty = 0
        cdef int64_t day = book.start_day
        self.plan.walk(
            book, intent.side, intent.account_id, intent.limit_price, intent.wanted_qty
        )
        if intent.is_post_only and self.plan.crossing_qty:
            return self._refuse(
                REASON_WOULD_TAKE, intent.limit_price, opposite.best_price(), 0
            )
        if intent.is_fill_or_kill and self.plan.crossing_qty < intent.wanted_qty:
            return self._refuse(
                REASON_CANNOT_FILL, intent.order_qty, self.plan.crossing_qty, 0
            )
        if self.plan.own_order_id:
            return self._refuse(REASON_SELF_MATCH, self.plan.own_order_id, 0, 0)
        needed_amount[0] = hold_of(
            book,
            intent.side,
            is_house,
            max(intent.maker_bps, intent.taker_bps),
            intent.limit_price,
            intent.wanted_qty,
            intent.slack,
        )
        if intent.side == BUY:
            return self._plan_cash(intent, needed_amount[0])
        if holding is not None:
            free_qty = holding.sellable(book.start_day, book.end_day)
        if free_qty + intent.own_reserved_qty < intent.wanted_qty:
            if holding is not None:
                day = holding.binding_day(book.start_day, book.end_day, free_qty)
            return self._refuse(
                REASON_TITLE, intent.wanted_qty, free_qty + intent.own_reserved_qty, day
            )
        if not is_house:
            return 0
        return self._plan_cash(
            intent, needed_amount[0] + self._house_excess(book, intent, needed_amount[0])
        )

    cdef int _plan_cash(self, const Intent* intent, int64_t required_amount) except -1:
        cdef int64_t limit_amount = (
            self.cash.available[intent.account_id] + intent.own_held_amount
        )
        if required_amount > limit_amount:
            return self._refuse(REASON_CASH, min(required_amount, MAX_INTEGER), limit_amount, 0)
        return 0

    cdef int64_t _house_excess(
        self, Book book, const Intent* intent, int64_t needed_amount
    ) except -1:
        """
        What the planned fills of a house member's sale draw beyond its hold.

        A better price than the limit means a larger fee than was held. What buyers of the house
        pay arrives as cash and counts against it, fill by fill.
        """
        cdef int64_t held_amount = needed_amount
        cdef int64_t leaves_qty = intent.wanted_qty
        cdef int64_t slack = intent.slack
        cdef int64_t balance = 0
        cdef int64_t excess = 0
        cdef int64_t notional, fee, needed
        cdef const Order* maker
        cdef int32_t index
        for index in range(self.plan.count):
            maker = &self.pool.orders[self.plan.fills[index].maker_slot]
            notional = book.notional(maker.limit_price, self.plan.fills[index].qty)
            fee = fee_due(notional, intent.taker_bps, slack)
            slack = slack_after(slack, fee, notional, intent.taker_bps)
            leaves_qty -= self.plan.fills[index].qty
            needed = hold_of(
                book,
                SELL,
                True,
                max(intent.maker_bps, intent.taker_bps),
                intent.limit_price,
                leaves_qty,
                slack,
            )
            balance += held_amount - needed - fee
            if book.product.is_house(maker.account_id):
                balance += notional
            held_amount = needed
            excess = max(excess, -balance)
        return excess

    cdef int _refuse(self, int reason, int64_t value, int64_t limit, int64_t day) noexcept:
        self.refused_value = value
        self.refused_limit = limit
        self.refused_day = day
        return reason

    # -- apply and encode -------------------------------------------------------------------------

    cdef int _requeue(self, int32_t slot, int64_t order_qty, int64_t limit_price) except -1:
        """An amended order leaves its queue and comes in again, with its hold counted as cash."""
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef Book book = self.book_of_slot(slot)
        cdef int64_t order_id = order.order_id
        cdef int64_t wanted_qty = order_qty - detail.order_qty + order.leaves_qty
        cdef int64_t needed_amount
        cdef Intent intent = Intent(
            account_id=order.account_id,
            order_qty=order_qty,
            wanted_qty=wanted_qty,
            limit_price=limit_price,
            slack=detail.fee_slack,
            own_held_amount=detail.held_amount,
            own_reserved_qty=order.leaves_qty,
            maker_bps=detail.maker_bps,
            taker_bps=detail.taker_bps,
            side=detail.side,
            is_post_only=detail.exec_inst & POST_ONLY,
            is_fill_or_kill=False,
        )
        cdef int refused = self._plan(book, &intent, &needed_amount)
        if refused:
            return refused
        cdef Amended amended = Amended(
            order_id,
            order.account_id,
            book.instrument_id,
            order_qty,
            limit_price,
            wanted_qty,
            needed_amount - detail.held_amount,
            1,
        )
        self.apply_amended(&amended)
        self.events.write(self.amended_prefix, <const int64_t*>&amended, 8)
        self._trade(book, order_id)
        if self.plan.filled_qty < wanted_qty:
            self._rest(order_id)
        return 0

    cdef int _trade(self, Book book, int64_t taker_order_id) except -1:
        """Applies the plan's fills in their order."""
        cdef int32_t taker_slot, index
        if self.plan.count == 0:
            return 0
        taker_slot = self._slot_of(taker_order_id)
        for index in range(self.plan.count):
            self._trade_one(
                book, self.plan.fills[index].maker_slot, taker_slot, self.plan.fills[index].qty
            )
        return 0

    cdef int _trade_one(
        self, Book book, int32_t maker_slot, int32_t taker_slot, int64_t qty
    ) except -1:
        cdef Order* maker = &self.pool.orders[maker_slot]
        cdef Order* taker = &self.pool.orders[taker_slot]
        cdef OrderDetail* maker_detail = &self.pool.details[maker_slot]
        cdef OrderDetail* taker_detail = &self.pool.details[taker_slot]
        cdef Traded trade
        cdef int64_t slack
        cdef bint is_primary
        trade.trade_id = self.next_trade_id
        trade.instrument_id = book.instrument_id
        trade.last_price = maker.limit_price
        trade.last_qty = qty
        trade.maker_order_id = maker.order_id
        trade.taker_order_id = taker.order_id
        trade.maker_account_id = maker.account_id
        trade.taker_account_id = taker.account_id
        trade.taker_side = taker_detail.side
        trade.notional_amount = book.notional(maker.limit_price, qty)
        if taker_detail.side == BUY:
            is_primary = self._is_primary(book, maker.account_id, taker.account_id)
        else:
            is_primary = self._is_primary(book, taker.account_id, maker.account_id)
        trade.escrow_amount = trade.notional_amount if is_primary else 0
        trade.cash_amount = trade.notional_amount - trade.escrow_amount
        trade.maker_leaves_qty = maker.leaves_qty - qty
        trade.taker_leaves_qty = taker.leaves_qty - qty

        trade.maker_fee_amount = fee_due(
            trade.notional_amount, maker_detail.maker_bps, maker_detail.fee_slack
        )
        slack = slack_after(
            maker_detail.fee_slack,
            trade.maker_fee_amount,
            trade.notional_amount,
            maker_detail.maker_bps,
        )
        trade.maker_released_amount = maker_detail.held_amount - self.hold_needed(
            maker_slot, maker.limit_price, trade.maker_leaves_qty, slack
        )
        trade.taker_fee_amount = fee_due(
            trade.notional_amount, taker_detail.taker_bps, taker_detail.fee_slack
        )
        slack = slack_after(
            taker_detail.fee_slack,
            trade.taker_fee_amount,
            trade.notional_amount,
            taker_detail.taker_bps,
        )
        trade.taker_released_amount = taker_detail.held_amount - self.hold_needed(
            taker_slot, taker.limit_price, trade.taker_leaves_qty, slack
        )
        self.apply_traded(&trade)
        self.events.write(self.traded_prefix, <const int64_t*>&trade, 18)
        self.trades.append(
            (
                trade.instrument_id,
                trade.last_price,
                trade.last_qty,
                trade.maker_account_id,
                trade.taker_account_id,
            )
        )
        return self._settle_escrow(book, &trade)

    cdef int _settle_escrow(self, Book book, const Traded* trade) except -1:
        """Pays a primary sale into the escrow, or returns a buy-back's share of it."""
        cdef Product product = book.product
        cdef bint is_buy = trade.taker_side == BUY
        cdef int64_t seller = trade.maker_account_id if is_buy else trade.taker_account_id
        cdef int64_t buyer = trade.taker_account_id if is_buy else trade.maker_account_id
        cdef Funded funded
        cdef Returned returned
        cdef int64_t start_day, end_day, day_amount
        if trade.escrow_amount:
            funded = Funded(
                trade.trade_id,
                product.product_id,
                book.start_day,
                book.end_day,
                trade.last_qty,
                trade.last_price * HOURS_PER_DAY * trade.last_qty,
            )
            self.apply_funded(&funded)
            self.events.write(self.funded_prefix, <const int64_t*>&funded, 6)
            return 0
        if product.is_house(seller) or not product.is_house(buyer):
            return 0
        start_day = book.start_day
        while start_day < book.end_day:
            day_amount = self._returned_amount(product, start_day, trade.last_qty)
            end_day = start_day + 1
            while (
                end_day < book.end_day
                and self._returned_amount(product, end_day, trade.last_qty) == day_amount
            ):
                end_day += 1
            returned = Returned(
                trade.trade_id,
                product.product_id,
                buyer,
                start_day,
                end_day,
                trade.last_qty,
                day_amount,
            )
            self.apply_returned(&returned)
            self.events.write(self.returned_prefix, <const int64_t*>&returned, 7)
            start_day = end_day
        return 0

    cdef int64_t _returned_amount(self, Product product, int64_t day, int64_t qty) except -1:
        """A buy-back's share of a day's escrow, rounded down; all of it with the last quantity."""
        cdef int64_t index = day - self.base_day
        if index >= product.length or product.sold[index] < qty:
            fail("what is bought back was sold; the day is", day)
        return share(product.escrow[index], qty, product.sold[index])

    cdef bint _is_primary(self, Book book, int64_t seller_account_id, int64_t buyer_account_id):
        """Whether the house sells to a stranger, so that the price goes to escrow."""
        return book.product.is_house(seller_account_id) and not book.product.is_house(
            buyer_account_id
        )

    cdef int _amend_in_place(self, int32_t slot, int64_t order_qty) except -1:
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef int64_t leaves_qty = order_qty - detail.order_qty + order.leaves_qty
        cdef Amended amended = Amended(
            order.order_id,
            order.account_id,
            self.book_of_slot(slot).instrument_id,
            order_qty,
            order.limit_price,
            leaves_qty,
            self.hold_needed(slot, order.limit_price, leaves_qty, detail.fee_slack)
            - detail.held_amount,
            0,
        )
        self.apply_amended(&amended)
        return self.events.write(self.amended_prefix, <const int64_t*>&amended, 8)

    cdef int _rest(self, int64_t order_id) except -1:
        cdef int32_t slot = self._slot_of(order_id)
        cdef Order* order = &self.pool.orders[slot]
        cdef Rested rested = Rested(
            order_id,
            self.book_of_slot(slot).instrument_id,
            self.pool.details[slot].side,
            order.limit_price,
            order.leaves_qty,
        )
        self.apply_rested(&rested)
        return self.events.write(self.rested_prefix, <const int64_t*>&rested, 5)

    cdef int _cancel(self, int32_t slot, int64_t reason) except -1:
        cdef Cancelled cancelled = self._cancellation(slot, reason)
        self.apply_cancelled(&cancelled)
        return self.events.write(self.cancelled_prefix, <const int64_t*>&cancelled, 7)

    # -- queries ----------------------------------------------------------------------------------

    def cancellation(self, int64_t order_id, int64_t cancel_reason):
        """The fields of the `OrderCancelled` that would end an open order; changes nothing."""
        cdef Cancelled cancelled = self._cancellation(self._slot_of(order_id), cancel_reason)
        return (
            cancelled.order_id,
            cancelled.account_id,
            cancelled.instrument_id,
            cancelled.side,
            cancelled.cancelled_qty,
            cancelled.released_amount,
            cancelled.cancel_reason,
        )

    def order(self, int64_t order_id):
        """
        An open order, or None.

        (order_id, account_id, key_id, session_id, instrument_id, side, order_qty, limit_price,
        time_in_force, exec_inst, leaves_qty, held_amount)
        """
        cdef int32_t slot = self.pool.find(order_id)
        if slot == NO_SLOT:
            return None
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        return (
            order.order_id,
            order.account_id,
            detail.key_id,
            detail.session_id,
            self.book_of_slot(slot).instrument_id,
            detail.side,
            detail.order_qty,
            order.limit_price,
            detail.time_in_force,
            detail.exec_inst,
            order.leaves_qty,
            detail.held_amount,
        )

    def session_of(self, int64_t order_id):
        """The session of an open order."""
        return self.pool.details[self._slot_of(order_id)].session_id

    def key_of(self, int64_t order_id):
        """The key that placed an open order."""
        return self.pool.details[self._slot_of(order_id)].key_id

    def rehome_session(
        self, int64_t old_session_id, int64_t new_session_id, int64_t account_id
    ):
        """Moves an account's open orders from one session to another."""
        self.known_account(account_id)
        if new_session_id < 0:
            fail("ids are 0 or more", new_session_id)
        cdef int32_t slot = self.pool.first_of_account(account_id)
        while slot != NO_SLOT:
            if self.pool.details[slot].session_id == old_session_id:
                self.pool.details[slot].session_id = new_session_id
            slot = self.pool.details[slot].account_next_slot

    def orders_of_account(self, int64_t account_id):
        """The ids of an account's open orders, ascending."""
        self.known_account(account_id)
        return self._orders_of_account(account_id, 0, 0)

    def orders_of_instrument(self, int64_t instrument_id, int64_t max_count):
        """The lowest ids of an instrument's open orders, ascending."""
        cdef Book book = self.book_of(instrument_id)
        cdef list order_ids = []
        cdef PriceLevels levels
        cdef int32_t index
        if max_count < 0:
            fail("a count is 0 or more", max_count)
        for levels in (book.bids, book.asks):
            for index in range(levels.length):
                order_ids += book.queue(
                    BUY if levels is book.bids else SELL, levels.levels[index].price
                )
        order_ids.sort()
        return order_ids[:max_count]

    def open_order_count(self, int64_t account_id):
        """How many orders an account has open."""
        self.known_account(account_id)
        return self.pool.open_count(account_id)

    def best(self, int64_t instrument_id, int64_t side):
        """The best price of a side, 0 where it is empty."""
        self._require_side(side)
        return self.book_of(instrument_id).levels_of(<int>side).best_price()

    def levels(self, int64_t instrument_id, int64_t side, int64_t depth):
        """The best `depth` levels of a side as (price, qty, count), the best first."""
        self._require_side(side)
        cdef PriceLevels levels = self.book_of(instrument_id).levels_of(<int>side)
        cdef list rows = []
        cdef int64_t index = levels.length - 1
        cdef Level* level
        while index >= 0 and len(rows) < depth:
            level = &levels.levels[index]
            rows.append((level.price, level.total_qty, level.count))
            index -= 1
        return rows

    def queue(self, int64_t instrument_id, int64_t side, int64_t price):
        """The order ids at a price, in time priority."""
        self._require_side(side)
        if not 0 < price <= MAX_PRICE:
            fail("a price is 1 to 16_000_000 fen", price)
        return self.book_of(instrument_id).queue(<int>side, price)

    def balances(self, int64_t account_id):
        """An account's cash as (available, held), in fen."""
        self.known_account(account_id)
        return self.cash.available[account_id], self.cash.held[account_id]

    @property
    def deposits_amount(self):
        """Deposits less withdrawals of all accounts, in fen."""
        return self.cash.deposits_amount

    def sellable(
        self, int64_t account_id, int64_t product_id, int64_t start_day, int64_t end_day
    ):
        """What is free to sell or pledge over a window, and the first day that allows no more."""
        cdef Holding holding = self.product_of(product_id).holding(self._account(account_id))
        cdef int64_t free_qty
        self.known_days(start_day, end_day)
        if holding is None:
            return 0, start_day
        free_qty = holding.sellable(start_day, end_day)
        return free_qty, holding.binding_day(start_day, end_day, free_qty)

    def is_house(self, int64_t product_id, int64_t account_id):
        """Whether an account counts as the product's supplier."""
        return self.product_of(product_id).is_house(self._account(account_id))

    def day_function(self, int64_t account_id, int64_t product_id, str name):
        """A step function of a holding as (start_day, end_day, qty) where it is not 0."""
        cdef Holding holding = self.product_of(product_id).holding(self._account(account_id))
        if name not in _DAY_FUNCTIONS:
            raise CoreError(f"there is no day function {name!r}")
        return [] if holding is None else holding.runs(_DAY_FUNCTIONS.index(name))

    def escrow(self, int64_t product_id):
        """A product's escrow as (start_day, end_day, sold_qty, day_amount), not both 0."""
        return self.product_of(product_id).escrow_runs()

    def granted(self, int64_t product_id):
        """A product's granted capacity as (start_day, end_day, qty) where it is not 0."""
        return self.product_of(product_id).granted_runs()

    def snapshot(self):
        """The whole state as canonical bytes: equal states give equal bytes."""
        return snapshot_of(self)

    def state_hash(self):
        """SHA-256 of the snapshot."""
        return sha256(snapshot_of(self)).digest()

    def check(self):
        """Verifies every invariant; `CoreError` names the first that is broken. Between commands."""
        check_state(self)

    # -- what commands and queries share ----------------------------------------------------------

    cdef Cancelled _cancellation(self, int32_t slot, int64_t reason) except *:
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        return Cancelled(
            order.order_id,
            order.account_id,
            self.book_of_slot(slot).instrument_id,
            detail.side,
            order.leaves_qty,
            detail.held_amount,
            reason,
        )

    cdef list _orders_of_account(self, int64_t account_id, int64_t instrument_id, int64_t side):
        cdef list order_ids = []
        cdef int32_t slot = self.pool.first_of_account(account_id)
        while slot != NO_SLOT:
            if (side == 0 or self.pool.details[slot].side == side) and (
                instrument_id == 0 or self.book_of_slot(slot).instrument_id == instrument_id
            ):
                order_ids.append(self.pool.orders[slot].order_id)
            slot = self.pool.details[slot].account_next_slot
        order_ids.sort()
        return order_ids

    cdef int32_t _own_slot(self, int64_t order_id, int64_t account_id) noexcept:
        """The slot of an order if it is open and the account's, else `NO_SLOT`."""
        cdef int32_t slot = self.pool.find(order_id)
        if slot != NO_SLOT and self.pool.orders[slot].account_id != account_id:
            return NO_SLOT
        return slot

    cdef int64_t _account(self, int64_t account_id) except -1:
        self.known_account(account_id)
        return account_id

    cdef int _require_side(self, int64_t side) except -1:
        if side != BUY and side != SELL:
            fail("a side is 1 or 2", side)
        return 0

    cdef int _require_terms(
        self,
        int64_t order_id,
        int64_t account_id,
        int64_t side,
        int64_t order_qty,
        int64_t limit_price,
    ) except -1:
        """What the border has checked before; a breach is the caller's mistake, not a refusal."""
        self.known_account(account_id)
        self._require_side(side)
        if account_id == VENUE_ACCOUNT_ID:
            fail("the venue's own account does not trade; it sent order", order_id)
        if not 0 < order_id <= MAX_INTEGER or self.pool.find(order_id) != NO_SLOT:
            fail("an order id is positive, below 2**53 and new", order_id)
        if not 0 < order_qty <= MAX_QTY:
            fail("a quantity is 1 to 10_000_000 GPUs", order_qty)
        if not 0 < limit_price <= MAX_PRICE:
            fail("a price is 1 to 16_000_000 fen", limit_price)
        return 0
