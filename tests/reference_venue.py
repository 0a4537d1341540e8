"""
The order path written to be obviously right: what the matching core is compared with.

The surface is that of `matching_core.venue.Venue`, without its recovery; `take_events` gives tuples
of an event's tag and fields. What the venue knows is in `reference_state`, what it does to orders
in `reference_trades`, when it takes them and how it uncrosses in `reference_sessions`.
"""

from dataclasses import replace

from exchange.domain.reasons import Reason
from exchange.domain.units import MAX_INTEGER
from tests.reference_auction import on_paper, take
from tests.reference_orders import BUY, FOK, SELL, Order, held_together
from tests.reference_sessions import SELF_MATCH, ReferenceSessions, Refusal, require

POST_ONLY, ALL_OR_NONE = 1, 2
CANCEL_INCOMING, CANCEL_RESTING, CANCEL_BOTH = 1, 2, 3
REQUESTED, MASS_CANCEL, UNFILLED = 1, 2, 3
MAX_CLIPS = 1_000
MAX_LINKED = 8


class ReferenceVenue(ReferenceSessions):
    """The same surface as the core's `Venue`, by the shortest way from the rules."""

    # -- commands

    def place(self, order_id, account_id, key_id, session_id, instrument_id, *terms):
        return self._answer(
            self._place, order_id, account_id, key_id, session_id, instrument_id, *terms
        )

    def amend(self, order_id, account_id, order_qty, limit_price):
        return self._answer(self._amend, order_id, account_id, order_qty, limit_price)

    def cancel(self, order_id, account_id):
        return self._answer(lambda: self._cancel(self._own_order(order_id, account_id), REQUESTED))

    def mass_cancel(self, account_id, instrument_id, side, max_count):
        orders = [
            order
            for _, order in sorted(self.orders.items())
            if order.account_id == account_id
            and instrument_id in (0, order.instrument.instrument_id)
            and side in (0, order.side)
        ]
        for order in orders[:max_count]:
            self._cancel(order, MASS_CANCEL)
        return 0

    def _answer(self, command, *arguments):
        try:
            command(*arguments)
        except Refusal as refusal:
            reason, *self_refusal = refusal.args
            self.refusal = tuple(self_refusal)
            return int(reason)
        return 0

    def _place(
        self,
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
        min_qty=0,
        display_qty=0,
        self_match_policy=CANCEL_INCOMING,
        expire_day=0,
        link_id=0,
    ):
        instrument = self.instruments.get(instrument_id)
        require(instrument is not None, Reason.UNKNOWN_INSTRUMENT, instrument_id)
        self._require_open(instrument)
        self._require_within_band(instrument, limit_price)
        lot_qty = instrument.product.lot_qty
        require(order_qty % lot_qty == 0, Reason.LOT, order_qty, lot_qty)
        order = Order(
            order_id,
            account_id,
            key_id,
            session_id,
            instrument,
            side,
            order_qty,
            limit_price,
            time_in_force,
            exec_inst,
            order_qty,
            display_qty,
            self_match_policy,
            expire_day,
            link_id,
        )
        self._require_conditions(order, min_qty)
        if order.rests:
            require(instrument.is_resting_allowed, Reason.NEVER_RESTS, instrument_id)
            open_count = self.open_order_count(account_id) + 1
            require(
                open_count <= self.max_open_orders,
                Reason.OPEN_ORDERS,
                open_count,
                self.max_open_orders,
            )
        self._require_like_its_group(order)
        is_whole = time_in_force == FOK or exec_inst & ALL_OR_NONE
        own, fills = self._plan(order, order_qty if is_whole else min_qty)
        held_amount = self.held_if(order) - held_together(self.open_group(order))
        self.orders[order_id] = order
        self.available[account_id] -= held_amount
        self.events.append(
            (
                "order_accepted",
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
        )
        self._carry_out(order, own, fills)

    def _require_conditions(self, order, min_qty):
        order_qty, display_qty = order.order_qty, order.display_qty
        lot_qty = order.instrument.product.lot_qty
        require(0 <= min_qty <= order_qty, Reason.MIN_QTY, min_qty, order_qty)
        require(0 <= display_qty <= order_qty, Reason.DISPLAY_QTY, display_qty, order_qty)
        require(display_qty % lot_qty == 0, Reason.LOT, display_qty, lot_qty)
        self._require_clips(display_qty, order_qty)
        is_all_or_none = bool(order.exec_inst & ALL_OR_NONE)
        require(not (is_all_or_none and order.rests), Reason.ALL_OR_NONE, order_qty)
        is_whole = is_all_or_none or order.time_in_force == FOK
        require(not (is_whole and display_qty), Reason.ALL_OR_NONE, order_qty, display_qty)
        is_bad = not order.rests and (order.exec_inst & POST_ONLY or display_qty)
        require(not is_bad, Reason.IMMEDIATE, order.time_in_force, display_qty)
        if self._collects(order.instrument):
            state, instrument_id = self._state_of(order.instrument), order.instrument.instrument_id
            require(order.rests and not min_qty, Reason.WRONG_STATE, state, instrument_id)

    def _require_like_its_group(self, order):
        instrument, others = order.instrument, self.open_group(order)
        for first in others[:1]:
            is_like = (first.instrument.product, first.instrument.is_sublet) == (
                instrument.product,
                instrument.is_sublet,
            )
            ids = (instrument.instrument_id, first.instrument.instrument_id)
            require(is_like, Reason.LINK_PRODUCT, *ids)
            require(order.side == first.side, Reason.LINK_SIDE, order.side, first.side)
        for other in others:
            is_other = other.instrument is not instrument
            ids = (instrument.instrument_id, other.order_id)
            require(is_other, Reason.LINK_INSTRUMENT, *ids)
        count = len(others) + 1
        require(count <= MAX_LINKED, Reason.LINK_COUNT, count, MAX_LINKED)

    def _require_clips(self, display_qty, qty):
        if display_qty:
            least_qty = -(-qty // MAX_CLIPS)
            require(display_qty >= least_qty, Reason.DISPLAY_QTY, display_qty, least_qty)

    def _amend(self, order_id, account_id, order_qty, limit_price):
        order = self._own_order(order_id, account_id)
        instrument = order.instrument
        self._require_open(instrument)
        if limit_price != -1:
            self._require_within_band(instrument, limit_price)
        if order_qty == -1:
            order_qty = order.order_qty
        if limit_price == -1:
            limit_price = order.limit_price
        lot_qty = instrument.product.lot_qty
        require(order_qty % lot_qty == 0, Reason.LOT, order_qty, lot_qty)
        is_same_price = limit_price == order.limit_price
        require(not (order_qty == order.order_qty and is_same_price), Reason.EMPTY, order_id)
        leaves_qty = order_qty - order.order_qty + order.leaves_qty
        if leaves_qty <= 0:
            self._cancel(order, REQUESTED)
            return
        keeps_place = order_qty < order.order_qty and is_same_price
        amended = replace(
            order, order_qty=order_qty, limit_price=limit_price, leaves_qty=leaves_qty
        )
        own, fills = [], []
        if not keeps_place:
            self._require_clips(order.display_qty, leaves_qty)
            own, fills = self._plan(amended, 0)
        held_delta_amount = self.held_if(amended) - self.held_with(order)
        self.available[account_id] -= held_delta_amount
        order.order_qty, order.limit_price = order_qty, limit_price
        order.leaves_qty = leaves_qty
        order.shown_qty = min(order.shown_qty, leaves_qty)
        self.events.append(
            (
                "order_amended",
                order_id,
                account_id,
                instrument.instrument_id,
                order_qty,
                limit_price,
                leaves_qty,
                held_delta_amount,
                int(not keeps_place),
            )
        )
        if not keeps_place:
            order.arrival = order.shown_qty = 0
            self._carry_out(order, own, fills)

    # -- plan

    def _plan(self, order, required_qty):
        """
        What an incoming order meets; it may be open already, on other terms.

        The own orders that end by it, and its fills as (maker, qty): the opposite queues are played
        through as far as the dynamic band reaches. A book that collects matches nothing.
        """
        crossing = [] if self._collects(order.instrument) else self._crossing(order)
        if order.exec_inst & POST_ONLY and crossing:
            raise Refusal(Reason.WOULD_TAKE, order.limit_price, crossing[0].limit_price, 0)
        policy = order.self_match_policy
        own, fills = [], []
        wanted_qty = order.leaves_qty
        reach_price = order.instrument.reach(order.side, order.limit_price)
        queue = on_paper(
            maker for maker in crossing if is_within(order.side, maker.limit_price, reach_price)
        )
        while queue and wanted_qty:
            maker = queue[0].order
            if self._is_own(order.instrument, maker.account_id, order.account_id):
                if maker not in own:
                    own.append(maker)
                if policy == CANCEL_RESTING:
                    queue.pop(0)
                    continue
            qty = min(wanted_qty, queue[0].shown_qty)
            fills.append((maker, qty))
            wanted_qty -= qty
            take(queue, qty)
        crossing_qty = order.leaves_qty - wanted_qty
        require(crossing_qty >= required_qty, Reason.CANNOT_FILL, required_qty, crossing_qty)
        if own and policy == CANCEL_INCOMING:
            raise Refusal(Reason.SELF_MATCH, own[0].order_id, 0, 0)
        if own and policy == CANCEL_BOTH:
            fills = []
        self._plan_means(order, fills)
        return own, fills

    def _crossing(self, order):
        """The opposite orders that an order's limit accepts, in the order in which they trade."""
        return [
            maker
            for maker in self._queue_of_side(order.instrument, BUY + SELL - order.side)
            if is_within(order.side, maker.limit_price, order.limit_price)
        ]

    def _plan_means(self, order, fills):
        held_now = held_together(self.open_group(order))
        available = self.available[order.account_id] + held_now
        required = self.held_if(order)
        if order.side == SELL:
            self._require_days(order)
            if not order.is_fee_held:
                return
            product = order.instrument.product
            is_paid = not order.instrument.is_sublet
            required += self._drawn_beyond_hold(
                order,
                [(maker.limit_price, qty) for maker, qty in fills],
                product.taker_bps,
                {
                    i
                    for i, (maker, _) in enumerate(fills)
                    if maker.account_id in product.house and is_paid
                },
            )
        require(required <= available, Reason.CASH, min(required, MAX_INTEGER), available)

    def _require_days(self, order):
        """A sale is of free title, a sublet of free use; pledged days are not let too cheaply."""
        instrument, leaves_qty = order.instrument, order.leaves_qty
        holding = (order.account_id, instrument.product.product_id)
        reserved = {
            day: max(
                (each.leaves_qty for each in self.open_group(order) if day in each.instrument.days),
                default=0,
            )
            for day in instrument.days
        }
        free_of = self.sublettable if instrument.is_sublet else self.sellable
        free_qty, day = min(
            (free_of(*holding, day, day + 1)[0] + reserved[day], day) for day in instrument.days
        )
        require(leaves_qty <= free_qty, Reason.TITLE, leaves_qty, free_qty, day)
        if instrument.is_sublet:
            floor_price = instrument.rent_floor_price
            pledged = [
                day
                for day in instrument.days
                if self.encumbered_day(*holding, day, day + 1, leaves_qty - reserved[day]) == day
            ]
            is_fair = not pledged or 0 < floor_price <= order.limit_price
            require(is_fair, Reason.RENT, order.limit_price, floor_price, *pledged[:1])

    # -- apply

    def _carry_out(self, order, own, fills):
        instrument = order.instrument
        reference_price = instrument.reference_price
        for resting in own:
            self._cancel(resting, SELF_MATCH)
        for maker, qty in fills:
            self._trade_one(maker, order, qty, maker.limit_price, instrument.product.taker_bps)
        if own and order.self_match_policy == CANCEL_BOTH:
            self._cancel(order, SELF_MATCH)
            return
        out_of_reach = self._crossing(order)
        if order.leaves_qty and out_of_reach and not self._collects(instrument):
            self._start_auction(instrument, reference_price, out_of_reach[0].limit_price)
        if order.leaves_qty and order.rests:
            self._rest(order)
        elif order.leaves_qty:
            self._cancel(order, UNFILLED)

    def _own_order(self, order_id, account_id):
        order = self.orders.get(order_id)
        is_own = order is not None and order.account_id == account_id
        require(is_own, Reason.UNKNOWN_ORDER, order_id)
        return order


def is_within(side, price, limit_price):
    """Whether a taker of this side accepts a price."""
    return price <= limit_price if side == BUY else price >= limit_price
