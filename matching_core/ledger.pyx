# cython: language_level=3
"""
What has happened to orders, cash and title: the writers.

A writer takes one event and adds the amounts that it states; it works out none of them again, so a
rule that changes does not rewrite what has happened. Live trading goes through the same functions.
Each asserts what its event must agree with (the order's owner, side, quantity, cash that is there)
and raises `CoreError` where it does not.

What an order holds is not stored with it: it is what its rest needs (`State.hold_needed`), and an
event that says otherwise is refused. So that formula belongs to the log's format, as price x hours
x quantity does.

An iceberg's clips are in no event: a fill that uses one up brings the next to the end of the queue
in `Queues.fill`, live and in recovery, so the order of every queue follows from the trades.

In an auction both orders rest: the older is named as the maker, the younger as the taker, and both
pay the maker's rate, for nobody takes.

An order is in the pool from `order_accepted` on and in a queue from `order_rested` on; the last
fill, or `order_cancelled`, forgets it.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t

from .book cimport Book
from .errors cimport fail
from .holdings cimport TITLE, Holding, Product
from .money cimport MAX_INTEGER, slack_after
from .origins cimport Origin
from .pool cimport IS_LINKED, IS_QUEUED, Order, OrderDetail, book_index_of, marks_of, side_of
from .reserves cimport Reserves
from .state cimport hold_of
from .types cimport (
    BUY,
    CANCEL_BOTH,
    CANCEL_INCOMING,
    CONTINUOUS,
    MAX_DAY,
    MAX_PRICE,
    MAX_QTY,
    MAX_WINDOW_DAYS,
    HOURS_PER_DAY,
    NO_SLOT,
    POST_ONLY,
    SELL,
    TRUST_RENT,
    VENUE_ACCOUNT_ID,
    Accepted,
    Amended,
    Cancelled,
    Funded,
    Rested,
    Returned,
    Sublet,
    Traded,
    ends_on_a_day,
)


cdef class Ledger(Reserves):
    """Takes in the events of the order path, live and in recovery."""

    # -- events, as recovery brings them ----------------------------------------------------------

    def order_accepted(
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
        int64_t held_amount,
        int64_t display_qty=0,
        int64_t self_match_policy=CANCEL_INCOMING,
        int64_t expire_day=0,
        int64_t link_id=0,
    ):
        """Takes in one `OrderAccepted`."""
        cdef Accepted event = Accepted(
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
            display_qty,
            self_match_policy,
            expire_day,
            link_id,
        )
        self.apply_accepted(&event)

    def order_rested(
        self,
        int64_t order_id,
        int64_t instrument_id,
        int64_t side,
        int64_t limit_price,
        int64_t leaves_qty,
        int64_t display_qty=0,
    ):
        """Takes in one `OrderRested`."""
        cdef Rested event = Rested(
            order_id, instrument_id, side, limit_price, leaves_qty, display_qty
        )
        self.apply_rested(&event)

    def order_amended(
        self,
        int64_t order_id,
        int64_t account_id,
        int64_t instrument_id,
        int64_t order_qty,
        int64_t limit_price,
        int64_t leaves_qty,
        int64_t held_delta_amount,
        int64_t is_requeued,
    ):
        """Takes in one `OrderAmended`."""
        cdef Amended event = Amended(
            order_id,
            account_id,
            instrument_id,
            order_qty,
            limit_price,
            leaves_qty,
            held_delta_amount,
            is_requeued,
        )
        self.apply_amended(&event)

    def order_cancelled(
        self,
        int64_t order_id,
        int64_t account_id,
        int64_t instrument_id,
        int64_t side,
        int64_t cancelled_qty,
        int64_t released_amount,
        int64_t cancel_reason,
    ):
        """Takes in one `OrderCancelled`, in recovery and for rules that cancel."""
        cdef Cancelled event = Cancelled(
            order_id,
            account_id,
            instrument_id,
            side,
            cancelled_qty,
            released_amount,
            cancel_reason,
        )
        self.apply_cancelled(&event)

    def trade_executed(
        self,
        int64_t trade_id,
        int64_t instrument_id,
        int64_t last_price,
        int64_t last_qty,
        int64_t maker_order_id,
        int64_t taker_order_id,
        int64_t maker_account_id,
        int64_t taker_account_id,
        int64_t taker_side,
        int64_t notional_amount,
        int64_t cash_amount,
        int64_t escrow_amount,
        int64_t maker_fee_amount,
        int64_t taker_fee_amount,
        int64_t maker_released_amount,
        int64_t taker_released_amount,
        int64_t maker_leaves_qty,
        int64_t taker_leaves_qty,
    ):
        """Takes in one `TradeExecuted`."""
        cdef Traded event = Traded(
            trade_id,
            instrument_id,
            last_price,
            last_qty,
            maker_order_id,
            taker_order_id,
            maker_account_id,
            taker_account_id,
            taker_side,
            notional_amount,
            cash_amount,
            escrow_amount,
            maker_fee_amount,
            taker_fee_amount,
            maker_released_amount,
            taker_released_amount,
            maker_leaves_qty,
            taker_leaves_qty,
        )
        self.apply_traded(&event)

    def escrow_funded(
        self,
        int64_t trade_id,
        int64_t product_id,
        int64_t start_day,
        int64_t end_day,
        int64_t sold_qty,
        int64_t day_amount,
    ):
        """Takes in one `EscrowFunded`."""
        cdef Funded event = Funded(trade_id, product_id, start_day, end_day, sold_qty, day_amount)
        self.apply_funded(&event)

    def escrow_returned(
        self,
        int64_t trade_id,
        int64_t product_id,
        int64_t account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t returned_qty,
        int64_t day_amount,
    ):
        """Takes in one `EscrowReturned`."""
        cdef Returned event = Returned(
            trade_id, product_id, account_id, start_day, end_day, returned_qty, day_amount
        )
        self.apply_returned(&event)

    def sublet_opened(
        self,
        int64_t sublet_id,
        int64_t product_id,
        int64_t lessor_account_id,
        int64_t lessee_account_id,
        int64_t start_day,
        int64_t end_day,
        int64_t sublet_qty,
        int64_t rent_price,
    ):
        """Takes in one `SubletOpened` that followed a trade."""
        cdef Sublet event = Sublet(
            sublet_id,
            product_id,
            lessor_account_id,
            lessee_account_id,
            start_day,
            end_day,
            sublet_qty,
            rent_price,
        )
        self.apply_sublet(&event)

    # -- apply ------------------------------------------------------------------------------------

    cdef int apply_accepted(self, const Accepted* event) except -1:
        cdef Book book = self.book_of(event.instrument_id)
        cdef Product product = book.product
        cdef Origin origin
        self.known_account(event.account_id)
        if event.account_id == VENUE_ACCOUNT_ID:
            fail("the venue's own account does not trade; it sent order", event.order_id)
        if book.is_closed:
            fail("a closed book takes no orders; it is sent", event.order_id)
        if event.side != BUY and event.side != SELL:
            fail("a side is 1 or 2", event.side)
        if not 0 < event.order_qty <= MAX_QTY:
            fail("a quantity is 1 to 10_000_000 GPUs", event.order_qty)
        if not 0 < event.limit_price <= MAX_PRICE:
            fail("a price is 1 to 16_000_000 fen", event.limit_price)
        if not 0 <= event.time_in_force < 128 or not 0 <= event.exec_inst < 128:
            fail("conditions of an order are small numbers; not so", event.order_id)
        if not 0 <= event.display_qty <= event.order_qty:
            fail("an order shows no more than it has", event.display_qty)
        if not CANCEL_INCOMING <= event.self_match_policy <= CANCEL_BOTH:
            fail("a self-match policy is 1 to 3", event.self_match_policy)
        if not 0 <= event.expire_day <= MAX_DAY:
            fail("an expire day is a day number, or 0", event.expire_day)
        if (event.expire_day != 0) != ends_on_a_day(event.time_in_force):
            fail("an order for a day or to a date names its day", event.expire_day)
        if not 0 <= event.link_id <= MAX_INTEGER:
            fail("a link id is positive and below 2**53, or 0", event.link_id)
        if event.order_id <= 0 or self.pool.find(event.order_id) != NO_SLOT:
            fail("an order id is positive and new", event.order_id)
        if not event.link_id and event.held_amount != hold_of(
            book,
            <int>event.side,
            event.side == SELL and book.is_fee_in_cash(event.account_id),
            max(product.maker_bps, product.taker_bps),
            event.limit_price,
            event.order_qty,
            0,
        ):
            fail("an order holds what its rest needs, not", event.held_amount)
        if self.cash.available[event.account_id] < event.held_amount:
            fail("a new order holds cash that is there", event.held_amount)
        if event.link_id:
            self.accept_linked(book, event)
        elif event.side == SELL:
            self.reserve(book, event.account_id, event.order_qty)
        cdef int32_t slot = self.pool.add(event.order_id, <int32_t>event.account_id)
        cdef Order* order = &self.pool.orders[slot]
        order.limit_price = <int32_t>event.limit_price
        order.leaves_qty = <int32_t>event.order_qty
        order.marks = marks_of(
            book.index,
            <int>event.side,
            <int>event.self_match_policy,
            event.exec_inst & POST_ONLY,
        )
        self.pool.details[slot].order_qty = <int32_t>event.order_qty
        origin = Origin(
            session_id=event.session_id,
            key_id=event.key_id,
            expire_day=<int32_t>event.expire_day,
            maker_bps=<int16_t>product.maker_bps,
            taker_bps=<int16_t>product.taker_bps,
            time_in_force=<int8_t>event.time_in_force,
            exec_inst=<int8_t>event.exec_inst,
            order_count=0,
        )
        self.pool.come_from(slot, &origin)
        if event.display_qty:
            self.pool.show(slot, <int32_t>event.display_qty)
        if event.link_id:
            self.join(slot, event.link_id)
        return self.cash.hold(event.account_id, event.held_amount)

    cdef int apply_rested(self, const Rested* event) except -1:
        cdef int32_t slot = self._slot_of(event.order_id)
        cdef Book book = self.book_of_slot(slot)
        cdef Order* order = &self.pool.orders[slot]
        if order.marks & IS_QUEUED:
            fail("an order that rests does so once", event.order_id)
        if book.instrument_id != event.instrument_id or side_of(order) != event.side:
            fail("an order rests on its own side of its book", event.order_id)
        if order.limit_price != event.limit_price or order.leaves_qty != event.leaves_qty:
            fail("what rests is the rest at its limit", event.order_id)
        if self.pool.display_qty(slot) != event.display_qty:
            fail("an order shows what it was accepted to show", event.order_id)
        return book.append(slot)

    cdef int apply_amended(self, const Amended* event) except -1:
        cdef int32_t slot = self._slot_of(event.order_id)
        cdef Book book = self.book_of_slot(slot)
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef int64_t filled_qty = detail.order_qty - self.pool.open_qty(slot)
        cdef int64_t added_qty
        if book.instrument_id != event.instrument_id or order.account_id != event.account_id:
            fail("an order is amended by its owner in its book", event.order_id)
        if not order.marks & IS_QUEUED:
            fail("an order that is amended rests", event.order_id)
        if not 0 < event.limit_price <= MAX_PRICE:
            fail("a price is 1 to 16_000_000 fen", event.limit_price)
        if not 0 < event.order_qty <= MAX_QTY or event.order_qty - filled_qty != event.leaves_qty:
            fail("leaves are the quantity less what is filled", event.leaves_qty)
        if event.leaves_qty <= 0:
            fail("an amended order has something left", event.leaves_qty)
        if not -MAX_INTEGER <= event.held_delta_amount <= MAX_INTEGER:
            fail("an amount is within 2**53 - 1", event.held_delta_amount)
        # Not before: the numbers of an event may be anything until they have passed the above.
        added_qty = event.leaves_qty - self.pool.open_qty(slot)
        if not event.is_requeued and (added_qty >= 0 or event.limit_price != order.limit_price):
            fail("only less quantity at the same price keeps its place", event.order_id)
        if event.held_delta_amount != self.hold_needed(
            slot, event.limit_price, event.leaves_qty, detail.fee_slack
        ) - self.held_amount(slot):
            fail("an order holds what its rest needs; not by", event.held_delta_amount)
        if side_of(order) == SELL and order.marks & IS_LINKED:
            self.reserve_linked(book, slot, event.leaves_qty)
        elif side_of(order) == SELL and added_qty > 0:
            self.reserve(book, event.account_id, added_qty)
        elif side_of(order) == SELL and added_qty < 0:
            self.unreserve(book, event.account_id, -added_qty)
        self.cash.hold(event.account_id, event.held_delta_amount)
        detail.order_qty = <int32_t>event.order_qty
        if event.is_requeued:
            book.unlink(slot)
            order.limit_price = <int32_t>event.limit_price
            order.leaves_qty = <int32_t>event.leaves_qty
            return 0
        return book.reduce(slot, <int32_t>-added_qty)

    cdef int apply_cancelled(self, const Cancelled* event) except -1:
        cdef int32_t slot = self._slot_of(event.order_id)
        cdef Book book = self.book_of_slot(slot)
        cdef Order* order = &self.pool.orders[slot]
        if book.instrument_id != event.instrument_id or order.account_id != event.account_id:
            fail("an order is cancelled for its owner in its book", event.order_id)
        if side_of(order) != event.side or self.pool.open_qty(slot) != event.cancelled_qty:
            fail("what is cancelled is all that is left", event.order_id)
        if self.released_by_end(slot) != event.released_amount:
            fail("a cancelled order releases all that it holds", event.released_amount)
        self.cash.hold(event.account_id, -event.released_amount)
        if order.marks & IS_LINKED:
            if side_of(order) == SELL:
                self.reserve_linked(book, slot, 0)
            self.links.leave(slot)
        elif side_of(order) == SELL:
            self.unreserve(book, event.account_id, event.cancelled_qty)
        if order.marks & IS_QUEUED:
            book.unlink(slot)
        self.pool.remove(slot)
        return self.note_state(book) if book.is_uncrossing else 0

    cdef int apply_traded(self, const Traded* event) except -1:
        cdef int32_t maker_slot = self._slot_of(event.maker_order_id)
        cdef int32_t taker_slot = self._slot_of(event.taker_order_id)
        cdef Order* maker = &self.pool.orders[maker_slot]
        cdef Order* taker = &self.pool.orders[taker_slot]
        cdef Book book = self.book_of_slot(maker_slot)
        cdef int side = side_of(&self.pool.orders[taker_slot])
        cdef bint is_auction = self.pool.is_queued(taker_slot)
        cdef Holding seller, buyer
        cdef int32_t seller_slot = maker_slot if side == BUY else taker_slot
        if event.trade_id < self.next_trade_id or event.trade_id > MAX_INTEGER:
            fail("trade ids count up", event.trade_id)
        if book.instrument_id != event.instrument_id or book.index != book_index_of(taker):
            fail("both orders are of the trade's instrument", event.trade_id)
        if maker.account_id != event.maker_account_id or taker.account_id != event.taker_account_id:
            fail("a trade names the orders' accounts", event.trade_id)
        if maker.account_id == taker.account_id:
            fail("nobody trades with himself", event.trade_id)
        if side != event.taker_side or side_of(&self.pool.orders[maker_slot]) == side:
            fail("a buy meets a sell", event.trade_id)
        if not self.pool.is_queued(maker_slot):
            fail("a maker rests", event.trade_id)
        if is_auction != book.is_uncrossing:
            fail("two resting orders trade while their book uncrosses, no others do", event.trade_id)
        if not is_auction and self.state_of(book) != CONTINUOUS:
            fail("a book matches in continuous trading only; not so in trade", event.trade_id)
        if not is_auction and maker.limit_price != event.last_price:
            fail("a trade is at the maker's price", event.last_price)
        if not book.levels_of(side).reaches(event.last_price, maker.limit_price):
            fail("a trade is within the maker's limit", event.last_price)
        if not book.levels_of(BUY + SELL - side).reaches(event.last_price, taker.limit_price):
            fail("a trade is within the taker's limit", event.last_price)
        if not 0 < event.last_qty <= min(maker.leaves_qty, taker.leaves_qty):
            fail("a trade is of what both have left", event.last_qty)
        if event.notional_amount != book.notional(event.last_price, event.last_qty):
            fail("a notional is price x hours x quantity", event.notional_amount)
        if event.cash_amount < 0 or event.escrow_amount < 0:
            fail("a trade pays 0 or more", event.trade_id)
        if event.cash_amount != event.notional_amount - event.escrow_amount:
            fail("cash and escrow make up the notional", event.cash_amount)
        self.next_trade_id = event.trade_id + 1
        book.last_price = event.last_price
        if side == BUY:
            seller = book.product.holding_or_new(event.maker_account_id)
            buyer = book.product.holding_or_new(event.taker_account_id)
        else:
            seller = book.product.holding_or_new(event.taker_account_id)
            buyer = book.product.holding_or_new(event.maker_account_id)
        if self.pool.orders[seller_slot].marks & IS_LINKED:
            self.reserve_linked(
                book, seller_slot, self.pool.open_qty(seller_slot) - event.last_qty
            )
        else:
            seller.add(book.reserves, book.start_day, book.end_day, -event.last_qty)
        # Use that was sold is granted by the `SubletOpened` that follows.
        if not book.is_sublet:
            seller.add(TITLE, book.start_day, book.end_day, -event.last_qty)
            buyer.add(TITLE, book.start_day, book.end_day, event.last_qty)
        self._fill(
            maker_slot,
            book,
            event,
            event.maker_fee_amount,
            self.pool.origin_of(maker_slot).maker_bps,
            event.maker_released_amount,
            event.maker_leaves_qty,
        )
        self._fill(
            taker_slot,
            book,
            event,
            event.taker_fee_amount,
            self.pool.origin_of(taker_slot).maker_bps
            if is_auction
            else self.pool.origin_of(taker_slot).taker_bps,
            event.taker_released_amount,
            event.taker_leaves_qty,
        )
        return self.note_state(book) if book.is_uncrossing else 0

    cdef int _fill(
        self,
        int32_t slot,
        Book book,
        const Traded* event,
        int64_t fee_amount,
        int64_t bps,
        int64_t released_amount,
        int64_t leaves_qty,
    ) except -1:
        """One order's part of a trade: its hold, its fee, its cash, what is left of it."""
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef int64_t received = event.cash_amount
        cdef int64_t slack
        if not 0 <= fee_amount <= event.notional_amount:
            fail("a fee is 0 to the notional", fee_amount)
        slack = slack_after(detail.fee_slack, fee_amount, event.notional_amount, bps)
        if slack < 0:
            fail("fees keep within a fen of their rate", fee_amount)
        if self.pool.open_qty(slot) - event.last_qty != leaves_qty:
            fail("a trade states what is left of both orders", leaves_qty)
        if released_amount != self.held_amount(slot) - self.hold_needed(
            slot, order.limit_price, leaves_qty, slack
        ):
            fail("a fill dissolves what the rest does not need, not", released_amount)
        if side_of(order) == BUY:
            received = -event.notional_amount
            # What a linked order's siblings have released before pays too, and is available now.
            if not order.marks & IS_LINKED and released_amount < event.notional_amount + fee_amount:
                fail("a buyer's hold covers price and fee; it gives", released_amount)
        self.cash.settle(order.account_id, released_amount, received - fee_amount)
        self.cash.settle(VENUE_ACCOUNT_ID, 0, fee_amount)
        detail.fee_slack = <int16_t>slack
        if order.marks & IS_QUEUED:
            book.fill(slot, <int32_t>event.last_qty)
        else:
            order.leaves_qty = <int32_t>leaves_qty
        if leaves_qty:
            return 0
        if order.marks & IS_LINKED:
            self.links.leave(slot)
        return self.pool.remove(slot)

    cdef int apply_funded(self, const Funded* event) except -1:
        cdef Product product = self.product_of(event.product_id)
        self._known_escrow(event.start_day, event.end_day, event.sold_qty, event.day_amount)
        return product.fund(event.start_day, event.end_day, event.sold_qty, event.day_amount)

    cdef int apply_returned(self, const Returned* event) except -1:
        cdef Product product = self.product_of(event.product_id)
        self.known_account(event.account_id)
        self._known_escrow(event.start_day, event.end_day, event.returned_qty, event.day_amount)
        product.give_back(event.start_day, event.end_day, event.returned_qty, event.day_amount)
        return self.cash.settle(
            event.account_id, 0, event.day_amount * (event.end_day - event.start_day)
        )

    cdef int apply_sublet(self, const Sublet* event) except -1:
        """The use of days is granted and their rent, which the lessee has paid, is in trust."""
        cdef int64_t rent_amount
        self.known_days(event.start_day, event.end_day)
        self.known_qty(event.sublet_qty)
        self.known_account(event.lessor_account_id)
        self.known_account(event.lessee_account_id)
        if event.end_day - event.start_day > MAX_WINDOW_DAYS:
            fail("a sublet's window is at most 366 days", event.end_day - event.start_day)
        if not 0 < event.rent_price <= MAX_PRICE:
            fail("a rent is 1 to 16_000_000 fen", event.rent_price)
        rent_amount = (
            event.rent_price
            * HOURS_PER_DAY
            * (event.end_day - event.start_day)
            * event.sublet_qty
        )
        if rent_amount > self.cash.deposits_amount:
            fail("a rent is a part of all cash; it is", rent_amount)
        self.sublet(
            event.product_id,
            event.lessor_account_id,
            event.lessee_account_id,
            event.start_day,
            event.end_day,
            event.sublet_qty,
        )
        self.trusts[TRUST_RENT] += rent_amount
        return 0

    # -- what the writers share -------------------------------------------------------------------

    cdef int32_t _slot_of(self, int64_t order_id) except -1:
        cdef int32_t slot = self.pool.find(order_id)
        if slot == NO_SLOT:
            fail("there is no open order", order_id)
        return slot

    cdef int _known_escrow(
        self, int64_t start_day, int64_t end_day, int64_t qty, int64_t day_amount
    ) except -1:
        self.known_days(start_day, end_day)
        self.known_qty(qty)
        if end_day - start_day > MAX_WINDOW_DAYS:
            fail("a trade's window is at most 366 days", end_day - start_day)
        if not 0 <= day_amount <= MAX_INTEGER:
            fail("an escrow amount of a day is 0 to 2**53 - 1", day_amount)
        return 0
