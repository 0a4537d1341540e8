# cython: language_level=3
"""
The order path: check, plan, apply, encode.

A command first checks what needs no book, then walks the opposite side without changing it, then
compares what that would cost with what the account has. Only a plan that passes all of it is
applied, through the writers of `ledger`, and each step is appended to the event buffer as the bytes
of its event. A refusal is a code; `refusal` says value, limit and day; nothing has changed.

Events of one command: accepted (or amended), then the account's own orders that a self-match policy
cancels, then each trade followed by what it does to the escrow, then rested or cancelled if
anything is left. An order's means are checked before its own orders end: what those release does
not pay for it.

Prices: a trade is at the maker's. Fees: rounded up, cumulatively (`money`). Escrow shares of a
buy-back: rounded down, and the days that stay gain.

Not thread-safe, and meant so: the sequencer is the only caller.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .errors cimport fail
from .holdings cimport Holding
from .links cimport Alternative, Alternatives, fill_together, hold_together, row_of
from .money cimport MAX_INTEGER, fee_due, slack_after
from .origins cimport Origin
from .pool cimport IS_LINKED, Order, OrderDetail, policy_of, side_of
from .price_levels cimport PriceLevels
from .sessions cimport Sessions
from .state cimport hold_of
from .types cimport (
    ALL_OR_NONE,
    BUY,
    CANCEL_BOTH,
    CANCEL_INCOMING,
    FOK,
    IOC,
    MASS_CANCEL,
    MAX_CLIPS,
    MAX_DAY,
    MAX_PRICE,
    MAX_QTY,
    NO_SLOT,
    OWN_ORDER_MET,
    POST_ONLY,
    REASON_ALL_OR_NONE,
    REASON_CANNOT_FILL,
    REASON_CASH,
    REASON_DISPLAY_QTY,
    REASON_EMPTY,
    REASON_IMMEDIATE,
    REASON_LOT,
    REASON_MIN_QTY,
    REASON_NEVER_RESTS,
    REASON_OPEN_ORDERS,
    REASON_RENT,
    REASON_SELF_MATCH,
    REASON_TITLE,
    REASON_UNKNOWN_INSTRUMENT,
    REASON_UNKNOWN_ORDER,
    REASON_WRONG_STATE,
    REASON_WOULD_TAKE,
    REQUESTED,
    SELL,
    UNFILLED,
    VENUE_ACCOUNT_ID,
    Accepted,
    Amended,
    collects,
    ends_on_a_day,
    may_rest,
)
from .venue_bytes cimport read_venue

from .errors import CoreError
from .sessions import AUCTION_NS

__all__ = ["AUCTION_NS", "CoreError", "Venue"]


@final
cdef class Venue(Sessions):
    """The matching core as Python sees it."""

    def __init__(self, int64_t base_day, dict prefixes, int64_t max_open_orders=1000):
        """`prefixes` holds, by event tag, the constant bytes with which each event begins."""
        self.max_open_orders = max_open_orders

    @staticmethod
    def restore(bytes data not None, dict prefixes, int64_t max_open_orders=1000):
        """The venue whose `snapshot` these bytes are; `CoreError` on any other bytes."""
        cdef Venue venue = Venue(0, prefixes, max_open_orders)
        read_venue(venue, data)
        return venue

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
        int64_t min_qty=0,
        int64_t display_qty=0,
        int64_t self_match_policy=CANCEL_INCOMING,
        int64_t expire_day=0,
        int64_t link_id=0,
    ):
        """
        A new order; 0, or the code of its refusal.

        At least `min_qty` fills at once, or nothing happens. An order that rests shows no more than
        `display_qty` at a time, or all where that is 0. `expire_day` goes with the times in force
        that end on a day; that it lies ahead, and what happens at its end, is the caller's. A fill
        takes as much from every other open order of the account with the same `link_id`.
        """
        cdef Book book = self.books_by_id.get(instrument_id)
        cdef Accepted accepted
        cdef Intent intent
        cdef int64_t held_amount
        cdef int refused
        self._require_terms(order_id, account_id, side, order_qty, limit_price)
        if key_id < 0 or session_id < 0:
            fail("ids are 0 or more", min(key_id, session_id))
        if not may_rest(time_in_force) and time_in_force != IOC and time_in_force != FOK:
            fail("a time in force is 0, 1, 3, 4 or 6", time_in_force)
        if exec_inst & ~(POST_ONLY | ALL_OR_NONE):
            fail("an order's conditions are 0 to 3", exec_inst)
        if not CANCEL_INCOMING <= self_match_policy <= CANCEL_BOTH:
            fail("a self-match policy is 1 to 3", self_match_policy)
        if not 0 <= expire_day <= MAX_DAY or (expire_day != 0) != ends_on_a_day(time_in_force):
            fail("an order for a day or to a date names its day, no other does", expire_day)
        if not 0 <= link_id <= MAX_INTEGER:
            fail("a link id is positive and below 2**53, or 0", link_id)
        if book is None:
            return self._refuse(REASON_UNKNOWN_INSTRUMENT, instrument_id, 0, 0)
        refused = self._check_session(book)
        if not refused:
            refused = self._check_band(book, limit_price)
        if refused:
            return refused
        if order_qty % book.product.lot_qty:
            return self._refuse(REASON_LOT, order_qty, book.product.lot_qty, 0)
        refused = self._check_conditions(
            book, order_qty, time_in_force, exec_inst, min_qty, display_qty
        )
        if refused:
            return refused
        if may_rest(time_in_force):
            if not book.is_resting_allowed:
                return self._refuse(REASON_NEVER_RESTS, instrument_id, 0, 0)
            if self.pool.open_count(account_id) >= self.max_open_orders:
                return self._refuse(
                    REASON_OPEN_ORDERS,
                    self.pool.open_count(account_id) + 1,
                    self.max_open_orders,
                    0,
                )
        if link_id:
            refused = self._check_link(book, side, account_id, link_id)
            if refused:
                return refused
        intent = Intent(
            account_id=account_id,
            required_qty=min_qty,
            wanted_qty=order_qty,
            limit_price=limit_price,
            slack=0,
            own_held_amount=0,
            own_reserved_qty=0,
            maker_bps=book.product.maker_bps,
            taker_bps=book.product.taker_bps,
            side=<int>side,
            policy=<int>self_match_policy,
            is_post_only=exec_inst & POST_ONLY,
            is_linked=link_id != 0,
            slot=NO_SLOT,
        )
        if link_id:
            self._join_as_wanted(book, &intent)
            intent.own_held_amount = hold_together(
                &self.group, intent.side, book.is_fee_in_cash(account_id)
            )
        if time_in_force == FOK or exec_inst & ALL_OR_NONE:
            intent.required_qty = order_qty
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
            held_amount - intent.own_held_amount,
            display_qty,
            self_match_policy,
            expire_day,
            link_id,
        )
        self.events.write(self.accepted_prefix, <const int64_t*>&accepted, 15)
        self.apply_accepted(&accepted)
        return self._carry_out(book, order_id, &intent, may_rest(time_in_force))

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
        cdef int refused
        if order_qty < -1 or order_qty > MAX_QTY:
            fail("a quantity is 0 to 10_000_000 GPUs, or -1", order_qty)
        if limit_price != -1 and not 0 < limit_price <= MAX_PRICE:
            fail("a price is 1 to 16_000_000 fen, or -1", limit_price)
        if slot == NO_SLOT:
            return self._refuse(REASON_UNKNOWN_ORDER, order_id, 0, 0)
        order = &self.pool.orders[slot]
        detail = &self.pool.details[slot]
        book = self.book_of_slot(slot)
        refused = self._check_session(book)
        if order_qty == -1:
            order_qty = detail.order_qty
        if limit_price == -1:
            limit_price = order.limit_price
        elif not refused:
            refused = self._check_band(book, limit_price)
        if refused:
            return refused
        if order_qty % book.product.lot_qty:
            return self._refuse(REASON_LOT, order_qty, book.product.lot_qty, 0)
        if order_qty == detail.order_qty and limit_price == order.limit_price:
            return self._refuse(REASON_EMPTY, order_id, 0, 0)
        if order_qty <= detail.order_qty - self.pool.open_qty(slot):
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

    # -- plan -------------------------------------------------------------------------------------

    cdef int _check_conditions(
        self,
        Book book,
        int64_t order_qty,
        int64_t time_in_force,
        int64_t exec_inst,
        int64_t min_qty,
        int64_t display_qty,
    ) except -1:
        """What goes with what, in the order in which refusals are documented."""
        cdef bint is_all_or_none = exec_inst & ALL_OR_NONE
        cdef int session_state = self.state_of(book)
        if not 0 <= min_qty <= order_qty:
            return self._refuse(REASON_MIN_QTY, min_qty, order_qty, 0)
        if not 0 <= display_qty <= order_qty:
            return self._refuse(REASON_DISPLAY_QTY, display_qty, order_qty, 0)
        if display_qty % book.product.lot_qty:
            return self._refuse(REASON_LOT, display_qty, book.product.lot_qty, 0)
        if self._check_clips(display_qty, order_qty):
            return REASON_DISPLAY_QTY
        if is_all_or_none and may_rest(time_in_force):
            return self._refuse(REASON_ALL_OR_NONE, order_qty, 0, 0)
        if display_qty and (is_all_or_none or time_in_force == FOK):
            return self._refuse(REASON_ALL_OR_NONE, order_qty, display_qty, 0)
        if not may_rest(time_in_force) and (exec_inst & POST_ONLY or display_qty):
            return self._refuse(REASON_IMMEDIATE, time_in_force, display_qty, 0)
        if collects(session_state) and (min_qty or not may_rest(time_in_force)):
            return self._refuse(REASON_WRONG_STATE, session_state, book.instrument_id, 0)
        return 0

    cdef int _check_link(
        self, Book book, int64_t side, int64_t account_id, int64_t link_id
    ) except -1:
        """Whether an order goes with those of its link id, of which `group` is a copy then."""
        cdef int64_t value, limit
        cdef int refused = self.misfit(book, <int>side, account_id, link_id, &value, &limit)
        if refused:
            return self._refuse(refused, value, limit, 0)
        return self.alternatives_of(self.links.find(account_id, link_id), &self.group)

    cdef int _join_as_wanted(self, Book book, const Intent* intent) except -1:
        """Makes `joint` of `group`: with the new order, or with the other terms of an old one."""
        cdef Alternative* row
        self.joint = self.group
        if intent.slot == NO_SLOT:
            self.joint.rows[self.joint.count].slot = NO_SLOT
            self.joint.count += 1
        row = row_of(&self.joint, intent.slot)
        row.unit_amount = book.notional(intent.limit_price, 1)
        row.qty = intent.wanted_qty
        row.fee_slack = intent.slack
        row.bps = max(intent.maker_bps, intent.taker_bps)
        row.start_day = book.start_day
        row.end_day = book.end_day
        return 0

    cdef int _check_clips(self, int64_t display_qty, int64_t qty) except -1:
        """An iceberg has `MAX_CLIPS` clips at most; the refusal names the least that it may show."""
        if display_qty and display_qty * MAX_CLIPS < qty:
            return self._refuse(
                REASON_DISPLAY_QTY, display_qty, (qty + MAX_CLIPS - 1) // MAX_CLIPS, 0
            )
        return 0

    cdef int _plan(self, Book book, const Intent* intent, int64_t* needed_amount) except -1:
        """Fills `plan` and says what the order must hold; 0, or why not."""
        cdef PriceLevels opposite = book.levels_of(BUY + SELL - intent.side)
        cdef Holding holding = book.product.holding(intent.account_id)
        cdef bint is_fee_in_cash = book.is_fee_in_cash(intent.account_id)
        cdef int refused
        if collects(self.state_of(book)):
            self.plan.clear()
        else:
            self.plan.walk(
                book,
                intent.side,
                intent.policy,
                <int32_t>intent.account_id,
                book.reach(intent.side, intent.limit_price),
                intent.wanted_qty,
            )
            if intent.is_post_only and book.is_met(intent.side, intent.limit_price):
                return self._refuse(
                    REASON_WOULD_TAKE, intent.limit_price, opposite.best_price, 0
                )
        if self.plan.crossing_qty < intent.required_qty:
            return self._refuse(
                REASON_CANNOT_FILL, intent.required_qty, self.plan.crossing_qty, 0
            )
        if self.plan.own_count and intent.policy == CANCEL_INCOMING:
            return self._refuse(REASON_SELF_MATCH, self.plan.own_order_id, 0, 0)
        if intent.is_linked:
            needed_amount[0] = hold_together(&self.joint, intent.side, is_fee_in_cash)
        else:
            needed_amount[0] = hold_of(
                book,
                intent.side,
                is_fee_in_cash,
                max(intent.maker_bps, intent.taker_bps),
                intent.limit_price,
                intent.wanted_qty,
                intent.slack,
            )
        if intent.side == BUY:
            return self._plan_cash(intent, needed_amount[0])
        refused = self._plan_days(book, holding, intent)
        if refused or not is_fee_in_cash:
            return refused
        return self._plan_cash(
            intent, needed_amount[0] + self._fee_excess_of(book, intent, needed_amount[0])
        )

    cdef int _plan_days(self, Book book, Holding holding, const Intent* intent) except -1:
        """Whether the days are free to sell or to let, with what the order reserves already."""
        cdef int64_t free_qty = 0
        cdef int64_t day = book.start_day
        if intent.is_linked:
            free_qty = self.free_for(book, intent.account_id, &self.group, &day)
        else:
            if holding is not None and book.is_sublet:
                free_qty = holding.sublettable(book.start_day, book.end_day)
            elif holding is not None:
                free_qty = holding.sellable(book.start_day, book.end_day)
            free_qty += intent.own_reserved_qty
        if free_qty < intent.wanted_qty:
            if holding is not None and not intent.is_linked:
                day = self._binding_day(book, holding, free_qty - intent.own_reserved_qty)
            return self._refuse(REASON_TITLE, intent.wanted_qty, free_qty, day)
        return self._check_rent(book, holding, intent) if book.is_sublet else 0

    cdef int64_t _binding_day(self, Book book, Holding holding, int64_t free_qty) noexcept:
        if book.is_sublet:
            return holding.sublet_binding_day(book.start_day, book.end_day, free_qty)
        return holding.binding_day(book.start_day, book.end_day, free_qty)

    cdef int _check_rent(self, Book book, Holding holding, const Intent* intent) except -1:
        """Pledged days are let for a fair rent only."""
        cdef int64_t day
        if intent.is_linked:
            day = self.encumbered_for(
                book, intent.account_id, &self.group, intent.wanted_qty
            )
        else:
            day = holding.encumbered_day(
                book.start_day, book.end_day, intent.wanted_qty - intent.own_reserved_qty
            )
        if day != book.end_day and (
            book.rent_floor_price == 0 or intent.limit_price < book.rent_floor_price
        ):
            return self._refuse(REASON_RENT, intent.limit_price, book.rent_floor_price, day)
        return 0

    cdef int _plan_cash(self, const Intent* intent, int64_t required_amount) except -1:
        cdef int64_t limit_amount = (
            self.cash.available[intent.account_id] + intent.own_held_amount
        )
        if required_amount > limit_amount:
            return self._refuse(REASON_CASH, min(required_amount, MAX_INTEGER), limit_amount, 0)
        return 0

    cdef int64_t _fee_excess_of(
        self, Book book, const Intent* intent, int64_t needed_amount
    ) except -1:
        """
        What the planned fills of a sale with its fee in cash draw beyond its hold.

        A better price than the limit means a larger fee than was held. What buyers of the house
        pay for title arrives as cash and counts against it, fill by fill.
        """
        cdef int64_t held_amount = needed_amount
        cdef int64_t leaves_qty = intent.wanted_qty
        cdef int64_t slack = intent.slack
        cdef int64_t balance = 0
        cdef int64_t excess = 0
        cdef int64_t notional, fee, needed
        cdef Alternatives group
        cdef const Order* maker
        cdef int32_t index
        if intent.is_linked:
            group = self.joint
        for index in range(self.plan.count):
            maker = &self.pool.orders[self.plan.fills[index].maker_slot]
            notional = book.notional(maker.limit_price, self.plan.fills[index].qty)
            fee = fee_due(notional, intent.taker_bps, slack)
            slack = slack_after(slack, fee, notional, intent.taker_bps)
            leaves_qty -= self.plan.fills[index].qty
            if intent.is_linked:
                fill_together(&group, intent.slot, self.plan.fills[index].qty, slack)
                needed = hold_together(&group, SELL, True)
            else:
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
            if not book.is_sublet and book.product.is_house(maker.account_id):
                balance += notional
            held_amount = needed
            excess = max(excess, -balance)
        return excess

    # -- apply ------------------------------------------------------------------------------------

    cdef int _requeue(self, int32_t slot, int64_t order_qty, int64_t limit_price) except -1:
        """An amended order leaves its queue and comes in again, with its hold counted as cash."""
        cdef Order* order = &self.pool.orders[slot]
        cdef OrderDetail* detail = &self.pool.details[slot]
        cdef Book book = self.book_of_slot(slot)
        cdef int64_t order_id = order.order_id
        cdef const Origin* origin = self.pool.origin_of(slot)
        cdef int64_t wanted_qty = order_qty - detail.order_qty + self.pool.open_qty(slot)
        cdef int64_t held_amount = self.held_amount(slot)
        cdef int64_t needed_amount
        cdef Intent intent = Intent(
            account_id=order.account_id,
            required_qty=0,
            wanted_qty=wanted_qty,
            limit_price=limit_price,
            slack=detail.fee_slack,
            own_held_amount=held_amount,
            own_reserved_qty=self.pool.open_qty(slot),
            maker_bps=origin.maker_bps,
            taker_bps=origin.taker_bps,
            side=side_of(order),
            policy=policy_of(order),
            is_post_only=origin.exec_inst & POST_ONLY,
            is_linked=(order.marks & IS_LINKED) != 0,
            slot=slot,
        )
        cdef int refused = self._check_clips(self.pool.display_qty(slot), wanted_qty)
        if intent.is_linked:
            self.alternatives_of(self.links.of(slot), &self.group)
            self._join_as_wanted(book, &intent)
        if not refused:
            refused = self._plan(book, &intent, &needed_amount)
        if refused:
            return refused
        cdef Amended amended = Amended(
            order_id,
            order.account_id,
            book.instrument_id,
            order_qty,
            limit_price,
            wanted_qty,
            needed_amount - held_amount,
            1,
        )
        self.events.write(self.amended_prefix, <const int64_t*>&amended, 8)
        self.apply_amended(&amended)
        return self._carry_out(book, order_id, &intent, True)

    cdef int _carry_out(
        self, Book book, int64_t order_id, const Intent* intent, bint rests
    ) except -1:
        """Own orders that the plan meets end, its fills trade, and what is left rests or ends."""
        cdef int64_t reference_price = book.reference_price()
        self._cancel_own()
        self._trade(book, order_id)
        if self.plan.own_count and intent.policy == CANCEL_BOTH:
            return self._cancel(self._slot_of(order_id), OWN_ORDER_MET)
        if self.plan.filled_qty == intent.wanted_qty:
            return 0
        if not collects(self.state_of(book)) and book.is_met(intent.side, intent.limit_price):
            self._start_auction(book, intent.side, reference_price)
        if rests:
            return self._rest(order_id)
        return self._cancel(self._slot_of(order_id), UNFILLED)

    # -- what commands share ----------------------------------------------------------------------

    cdef int32_t _own_slot(self, int64_t order_id, int64_t account_id) noexcept:
        """The slot of an order if it is open and the account's, else `NO_SLOT`."""
        cdef int32_t slot = self.pool.find(order_id)
        if slot != NO_SLOT and self.pool.orders[slot].account_id != account_id:
            return NO_SLOT
        return slot

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
