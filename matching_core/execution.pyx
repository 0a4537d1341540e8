# cython: language_level=3
"""
Carrying out what was planned: each step is written as its event and applied through `ledger`.

The event is written first: while there is none, a command that raised has changed nothing.

A trade works out its own amounts: the notional, both fees, and what each order's hold gives up,
which is what it held less what its rest still needs (`money`). The price of a sale by the house to
a stranger goes to escrow; a stranger's sale to the house returns the escrow of what it sells.

Before it trades, an order takes the fill from those that it is linked to, by id: each is amended
where it stands, or cancelled where nothing is left. They rest in other books, which may be halted or
collect, so no plan of the book at hand is stale by that.
"""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .encode cimport EventBuffer
from .holdings cimport Product
from .links cimport MAX_LINKED, Group
from .money cimport fee_due, slack_after
from .plan cimport Plan
from .pool cimport IS_LINKED, Order, OrderDetail, side_of
from .types cimport (
    BUY,
    HOURS_PER_DAY,
    LINKED_FILLED,
    OWN_ORDER_MET,
    Amended,
    Cancelled,
    Funded,
    Rested,
    Returned,
    Sublet,
    Traded,
)
from .view cimport View


cdef class Execution(View):
    """Writes down and applies; decides nothing."""

    def __cinit__(self, int64_t base_day, dict prefixes, *args, **kwargs):
        self.events = EventBuffer()
        self.plan = Plan()
        self.trades = []
        self.sublets = []
        self.accepted_prefix = prefixes["order_accepted"]
        self.rested_prefix = prefixes["order_rested"]
        self.amended_prefix = prefixes["order_amended"]
        self.cancelled_prefix = prefixes["order_cancelled"]
        self.traded_prefix = prefixes["trade_executed"]
        self.funded_prefix = prefixes["escrow_funded"]
        self.returned_prefix = prefixes["escrow_returned"]
        self.sublet_prefix = prefixes["sublet_opened"]
        self.started_prefix = prefixes["auction_started"]
        self.uncrossed_prefix = prefixes["auction_uncrossed"]

    def take_events(self):
        """How many events the commands since the last call wrote, and their bytes back to back."""
        return self.events.take()

    def take_record(self, bytes command not None):
        """
        An encoded command with the events since the last call, as the log's record of them.

        None where nothing happened: there is nothing to record then.
        """
        return self.events.take_record(command)

    def take_trades(self):
        """
        The trades of the commands since the last call.

        Each is (instrument_id, last_price, last_qty, maker_account_id, taker_account_id).
        """
        cdef list trades = self.trades
        self.trades = []
        return trades

    def take_sublets(self):
        """The sublets that the commands since the last call opened, as fields of their events."""
        cdef list sublets = self.sublets
        self.sublets = []
        return sublets

    # -- own orders -------------------------------------------------------------------------------

    cdef int _cancel_own(self) except -1:
        """Ends the resting orders of the same account that the plan lists, in its order."""
        cdef int32_t index
        for index in range(self.plan.own_count):
            self._cancel(self.plan.own[index].maker_slot, OWN_ORDER_MET)
        return 0

    # -- trades -----------------------------------------------------------------------------------

    cdef int _trade(self, Book book, int64_t taker_order_id) except -1:
        """Applies the plan's fills in their order."""
        cdef int32_t taker_slot, index
        if self.plan.count == 0:
            return 0
        taker_slot = self._slot_of(taker_order_id)
        for index in range(self.plan.count):
            self._trade_one(
                book,
                self.plan.fills[index].maker_slot,
                taker_slot,
                self.plan.fills[index].qty,
                self.pool.orders[self.plan.fills[index].maker_slot].limit_price,
            )
        return 0

    cdef int _trade_one(
        self, Book book, int32_t maker_slot, int32_t taker_slot, int64_t qty, int64_t price
    ) except -1:
        cdef Order* maker = &self.pool.orders[maker_slot]
        cdef Order* taker = &self.pool.orders[taker_slot]
        cdef OrderDetail* maker_detail = &self.pool.details[maker_slot]
        cdef OrderDetail* taker_detail = &self.pool.details[taker_slot]
        cdef int64_t maker_bps = self.pool.origin_of(maker_slot).maker_bps
        cdef int64_t taker_bps = self.pool.origin_of(taker_slot).taker_bps
        cdef Traded trade
        cdef bint is_primary
        if (maker.marks | taker.marks) & IS_LINKED:
            self._give_way(maker_slot, qty)
            self._give_way(taker_slot, qty)
        if self.pool.is_queued(taker_slot):
            taker_bps = self.pool.origin_of(taker_slot).maker_bps
        trade.trade_id = self.next_trade_id
        trade.instrument_id = book.instrument_id
        trade.last_price = price
        trade.last_qty = qty
        trade.maker_order_id = maker.order_id
        trade.taker_order_id = taker.order_id
        trade.maker_account_id = maker.account_id
        trade.taker_account_id = taker.account_id
        trade.taker_side = side_of(taker)
        trade.notional_amount = book.notional(price, qty)
        if side_of(taker) == BUY:
            is_primary = self._is_primary(book, maker.account_id, taker.account_id)
        else:
            is_primary = self._is_primary(book, taker.account_id, maker.account_id)
        trade.escrow_amount = trade.notional_amount if is_primary or book.is_sublet else 0
        trade.cash_amount = trade.notional_amount - trade.escrow_amount
        trade.maker_leaves_qty = self.pool.open_qty(maker_slot) - qty
        trade.taker_leaves_qty = self.pool.open_qty(taker_slot) - qty
        trade.maker_fee_amount = fee_due(
            trade.notional_amount, maker_bps, maker_detail.fee_slack
        )
        trade.taker_fee_amount = fee_due(
            trade.notional_amount, taker_bps, taker_detail.fee_slack
        )
        trade.maker_released_amount = self._released(
            maker_slot, &trade, trade.maker_fee_amount, maker_bps
        )
        trade.taker_released_amount = self._released(
            taker_slot, &trade, trade.taker_fee_amount, taker_bps
        )
        self.events.write(self.traded_prefix, <const int64_t*>&trade, 18)
        self.apply_traded(&trade)
        self.trades.append(
            (
                trade.instrument_id,
                trade.last_price,
                trade.last_qty,
                trade.maker_account_id,
                trade.taker_account_id,
            )
        )
        if book.is_sublet:
            return self._open_sublet(book, &trade)
        return self._settle_escrow(book, &trade)

    cdef int _give_way(self, int32_t slot, int64_t qty) except -1:
        """A fill takes as much from every order that the filled one is linked to."""
        cdef Group group
        cdef int32_t[MAX_LINKED] siblings
        cdef int32_t index, count, sibling
        if not self.pool.orders[slot].marks & IS_LINKED:
            return 0
        group = self.links.of(slot)
        count = group.count
        siblings = group.slots
        for index in range(count):
            sibling = siblings[index]
            if sibling == slot:
                continue
            if self.pool.open_qty(sibling) <= qty:
                self._cancel(sibling, LINKED_FILLED)
            else:
                self._amend_in_place(sibling, self.pool.details[sibling].order_qty - qty)
        return 0

    cdef int64_t _released(
        self, int32_t slot, const Traded* trade, int64_t fee_amount, int64_t bps
    ) except? -1:
        """What an order's hold gives up in a fill: what it held, less what its rest still needs."""
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef int64_t slack = slack_after(detail.fee_slack, fee_amount, trade.notional_amount, bps)
        return self.held_amount(slot) - self.hold_needed(
            slot, order.limit_price, self.pool.open_qty(slot) - trade.last_qty, slack
        )

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
            self.events.write(self.funded_prefix, <const int64_t*>&funded, 6)
            self.apply_funded(&funded)
            return 0
        if product.is_house(seller) or not product.is_house(buyer):
            return 0
        start_day = book.start_day
        while start_day < book.end_day:
            day_amount = product.escrow_share(start_day, trade.last_qty)
            end_day = start_day + 1
            while (
                end_day < book.end_day
                and product.escrow_share(end_day, trade.last_qty) == day_amount
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
            self.events.write(self.returned_prefix, <const int64_t*>&returned, 7)
            self.apply_returned(&returned)
            start_day = end_day
        return 0

    cdef int _open_sublet(self, Book book, const Traded* trade) except -1:
        """Grants the use that a trade in a book of sublets is about; its rent goes in trust."""
        cdef bint is_buy = trade.taker_side == BUY
        cdef Sublet sublet = Sublet(
            trade.trade_id,
            book.product.product_id,
            trade.maker_account_id if is_buy else trade.taker_account_id,
            trade.taker_account_id if is_buy else trade.maker_account_id,
            book.start_day,
            book.end_day,
            trade.last_qty,
            trade.last_price,
        )
        self.apply_sublet(&sublet)
        self.sublets.append(
            (
                sublet.sublet_id,
                sublet.product_id,
                sublet.lessor_account_id,
                sublet.lessee_account_id,
                sublet.start_day,
                sublet.end_day,
                sublet.sublet_qty,
                sublet.rent_price,
            )
        )
        return self.events.write(self.sublet_prefix, <const int64_t*>&sublet, 8)

    cdef bint _is_primary(self, Book book, int64_t seller_account_id, int64_t buyer_account_id):
        """Whether the house sells to a stranger, so that the price goes to escrow."""
        return book.product.is_house(seller_account_id) and not book.product.is_house(
            buyer_account_id
        )

    # -- orders -----------------------------------------------------------------------------------

    cdef int _amend_in_place(self, int32_t slot, int64_t order_qty) except -1:
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef int64_t leaves_qty = order_qty - detail.order_qty + self.pool.open_qty(slot)
        cdef Amended amended = Amended(
            order.order_id,
            order.account_id,
            self.book_of_slot(slot).instrument_id,
            order_qty,
            order.limit_price,
            leaves_qty,
            self.hold_needed(slot, order.limit_price, leaves_qty, detail.fee_slack)
            - self.held_amount(slot),
            0,
        )
        self.events.write(self.amended_prefix, <const int64_t*>&amended, 8)
        return self.apply_amended(&amended)

    cdef int _rest(self, int64_t order_id) except -1:
        cdef int32_t slot = self._slot_of(order_id)
        cdef Order* order = &self.pool.orders[slot]
        cdef Rested rested = Rested(
            order_id,
            self.book_of_slot(slot).instrument_id,
            side_of(&self.pool.orders[slot]),
            order.limit_price,
            order.leaves_qty,
            self.pool.display_qty(slot),
        )
        self.events.write(self.rested_prefix, <const int64_t*>&rested, 6)
        return self.apply_rested(&rested)

    cdef int _cancel(self, int32_t slot, int64_t reason) except -1:
        cdef Cancelled cancelled = self._cancellation(slot, reason)
        self.events.write(self.cancelled_prefix, <const int64_t*>&cancelled, 7)
        return self.apply_cancelled(&cancelled)
