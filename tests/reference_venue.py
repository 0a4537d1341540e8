"""
The order path written to be obviously right: what the matching core is compared with.

Nothing is cached. A queue is sorted when it is looked at, held cash and reserved title are summed
over the open orders, fees are the difference of two rounded totals, and title and escrow are kept
for each day on its own. The surface is that of `matching_core.venue.Venue`, without its recovery;
`take_events` gives tuples of an event's tag and fields. A dict keeps open orders in the order in
which they came.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import groupby

from exchange.domain.reasons import Reason
from exchange.domain.units import HOURS_PER_DAY, MAX_INTEGER
from tests.reference_orders import BUY, FOK, SELL, Instrument, Order, Product

POST_ONLY, ALL_OR_NONE = 1, 2
CANCEL_INCOMING, CANCEL_RESTING, CANCEL_BOTH = 1, 2, 3
REQUESTED, MASS_CANCEL, UNFILLED, SELF_MATCH = 1, 2, 3, 7
MAX_CLIPS = 1_000


class Refusal(Exception):
    """A command was refused; caught by `_answer` alone."""


class ReferenceVenue:
    """The same surface as the core's `Venue`, by the shortest way from the rules."""

    def __init__(self, base_day: int, max_open_orders: int = 1000) -> None:
        self.base_day = base_day
        self.max_open_orders = max_open_orders
        self.available = [0]
        self.products: dict[int, Product] = {}
        self.instruments: dict[int, Instrument] = {}
        self.orders: dict[int, Order] = {}
        self.title: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.lien: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.next_trade_id = 1
        self.arrivals = 0
        self.events: list[tuple] = []
        self.trades: list[tuple] = []
        self.refusal = (0, 0, 0)

    # -- reference data, cash, capacity, liens

    def add_account(self, account_id):
        self.available.append(0)

    def add_product(self, product_id, supplier_account_id, lot_qty, maker_bps, taker_bps):
        self.products[product_id] = Product(
            product_id, lot_qty, maker_bps, taker_bps, {supplier_account_id}
        )

    def add_to_house(self, product_id, account_id):
        self.products[product_id].house.add(account_id)

    def add_instrument(self, instrument_id, product_id, start_day, end_day, is_resting_allowed):
        self.instruments[instrument_id] = Instrument(
            instrument_id, self.products[product_id], start_day, end_day, is_resting_allowed
        )

    def close_instrument(self, instrument_id):
        self.instruments[instrument_id].is_closed = True

    def deposit(self, account_id, amount):
        self.available[account_id] += amount

    def withdraw(self, account_id, amount):
        self.available[account_id] -= amount

    def grant(self, product_id, account_id, start_day, end_day, qty):
        for day in range(start_day, end_day):
            self.products[product_id].granted[day] += qty
            self.title[account_id, product_id][day] += qty

    def add_lien(self, account_id, product_id, start_day, end_day, qty):
        for day in range(start_day, end_day):
            self.lien[account_id, product_id][day] += qty

    def lift_lien(self, account_id, product_id, start_day, end_day, qty):
        self.add_lien(account_id, product_id, start_day, end_day, -qty)

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

    def take_events(self):
        taken, self.events = self.events, []
        return taken

    def take_trades(self):
        taken, self.trades = self.trades, []
        return taken

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
    ):
        instrument = self.instruments.get(instrument_id)
        require(instrument is not None, Reason.UNKNOWN_INSTRUMENT, instrument_id)
        require(not instrument.is_closed, Reason.WINDOW_CLOSED, instrument_id)
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
        is_whole = time_in_force == FOK or exec_inst & ALL_OR_NONE
        own, fills = self._plan(order, None, order_qty if is_whole else min_qty)
        self.orders[order_id] = order
        self.available[account_id] -= order.held_amount
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
                order.held_amount,
                display_qty,
                self_match_policy,
                expire_day,
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

    def _require_clips(self, display_qty, qty):
        if display_qty:
            least_qty = -(-qty // MAX_CLIPS)
            require(display_qty >= least_qty, Reason.DISPLAY_QTY, display_qty, least_qty)

    def _amend(self, order_id, account_id, order_qty, limit_price):
        order = self._own_order(order_id, account_id)
        instrument = order.instrument
        require(not instrument.is_closed, Reason.WINDOW_CLOSED, instrument.instrument_id)
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
            own, fills = self._plan(amended, order, 0)
        held_delta_amount = amended.held_amount - order.held_amount
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

    def _plan(self, order, replaced, required_qty):
        """
        What an incoming order meets, `replaced` being its former self.

        The own orders that end by it, and its fills as (maker, qty). The opposite queues are played
        through: whose clip is used up goes behind the others of its price with the next one.
        """
        crossing = [
            maker
            for maker in self._queue_of_side(order.instrument, BUY + SELL - order.side)
            if is_within(order.side, maker.limit_price, order.limit_price)
        ]
        if order.exec_inst & POST_ONLY and crossing:
            raise Refusal(Reason.WOULD_TAKE, order.limit_price, crossing[0].limit_price, 0)
        policy = order.self_match_policy
        own, fills = [], []
        wanted_qty = order.leaves_qty
        queue = [(maker, maker.shown_qty, maker.leaves_qty - maker.shown_qty) for maker in crossing]
        while queue and wanted_qty:
            maker, shown_qty, hidden_qty = queue.pop(0)
            if maker.account_id == order.account_id:
                if maker not in own:
                    own.append(maker)
                if policy == CANCEL_RESTING:
                    continue
            qty = min(wanted_qty, shown_qty)
            fills.append((maker, qty))
            wanted_qty -= qty
            if qty == shown_qty and hidden_qty:
                clip_qty = maker.clip_of(hidden_qty)
                behind = sum(other.limit_price == maker.limit_price for other, *_ in queue)
                queue.insert(behind, (maker, clip_qty, hidden_qty - clip_qty))
        crossing_qty = order.leaves_qty - wanted_qty
        require(crossing_qty >= required_qty, Reason.CANNOT_FILL, required_qty, crossing_qty)
        if own and policy == CANCEL_INCOMING:
            raise Refusal(Reason.SELF_MATCH, own[0].order_id, 0, 0)
        if own and policy == CANCEL_BOTH:
            fills = []
        self._plan_means(order, replaced, fills)
        return own, fills

    def _plan_means(self, order, replaced, fills):
        available = self.available[order.account_id]
        own_reserved_qty = 0
        if replaced is not None:
            available += replaced.held_amount
            own_reserved_qty = replaced.leaves_qty
        required = order.held_amount
        if order.side == SELL:
            instrument = order.instrument
            free_qty, day = self.sellable(
                order.account_id,
                instrument.product.product_id,
                instrument.start_day,
                instrument.end_day,
            )
            free_qty += own_reserved_qty
            require(order.leaves_qty <= free_qty, Reason.TITLE, order.leaves_qty, free_qty, day)
            if not order.is_house_sale:
                return
            required += self._drawn_beyond_hold(replace(order), fills)
        require(required <= available, Reason.CASH, min(required, MAX_INTEGER), available)

    def _drawn_beyond_hold(self, order, fills):
        """How far the balance of a house member falls below 0 while its sale fills."""
        product = order.instrument.product
        balance = lowest = 0
        for maker, qty in fills:
            held_before = order.held_amount
            notional = order.instrument.notional(maker.limit_price, qty)
            balance -= order.charge(notional, product.taker_bps)
            order.leaves_qty -= qty
            balance += held_before - order.held_amount
            if maker.account_id in product.house:
                balance += notional
            lowest = min(lowest, balance)
        return -lowest

    # -- apply

    def _carry_out(self, order, own, fills):
        for resting in own:
            self._cancel(resting, SELF_MATCH)
        for maker, qty in fills:
            self._trade_one(maker, order, qty)
        if own and order.self_match_policy == CANCEL_BOTH:
            self._cancel(order, SELF_MATCH)
        elif order.leaves_qty and order.rests:
            self._rest(order)
        elif order.leaves_qty:
            self._cancel(order, UNFILLED)

    def _trade_one(self, maker, taker, qty):
        instrument = taker.instrument
        product = instrument.product
        seller, buyer = (maker, taker) if taker.side == BUY else (taker, maker)
        notional = instrument.notional(maker.limit_price, qty)
        is_from_house = seller.account_id in product.house
        is_to_house = buyer.account_id in product.house
        escrow_amount = notional if is_from_house and not is_to_house else 0
        fees, released = {}, {}
        for order, bps in ((maker, product.maker_bps), (taker, product.taker_bps)):
            held_before = order.held_amount
            fees[order.order_id] = order.charge(notional, bps)
            order.leaves_qty -= qty
            released[order.order_id] = held_before - order.held_amount
            received = -notional if order is buyer else notional - escrow_amount
            self.available[order.account_id] += (
                received + released[order.order_id] - fees[order.order_id]
            )
            self.available[0] += fees[order.order_id]
            if order.leaves_qty == 0:
                del self.orders[order.order_id]
        maker.shown_qty -= qty
        if maker.shown_qty == 0:
            self._queue_up(maker)
        for day in instrument.days:
            self.title[seller.account_id, product.product_id][day] -= qty
            self.title[buyer.account_id, product.product_id][day] += qty
        trade_id = self.next_trade_id
        self.next_trade_id += 1
        self.events.append(
            (
                "trade_executed",
                trade_id,
                instrument.instrument_id,
                maker.limit_price,
                qty,
                maker.order_id,
                taker.order_id,
                maker.account_id,
                taker.account_id,
                taker.side,
                notional,
                notional - escrow_amount,
                escrow_amount,
                fees[maker.order_id],
                fees[taker.order_id],
                released[maker.order_id],
                released[taker.order_id],
                maker.leaves_qty,
                taker.leaves_qty,
            )
        )
        self.trades.append(
            (
                instrument.instrument_id,
                maker.limit_price,
                qty,
                maker.account_id,
                taker.account_id,
            )
        )
        if escrow_amount:
            self._fund_escrow(trade_id, instrument, maker.limit_price, qty)
        elif is_to_house and not is_from_house:
            self._return_escrow(trade_id, instrument, buyer.account_id, qty)

    def _fund_escrow(self, trade_id, instrument, price, qty):
        product = instrument.product
        day_amount = price * HOURS_PER_DAY * qty
        for day in instrument.days:
            product.escrow[day] += day_amount
            product.sold[day] += qty
        self.events.append(
            (
                "escrow_funded",
                trade_id,
                product.product_id,
                instrument.start_day,
                instrument.end_day,
                qty,
                day_amount,
            )
        )

    def _return_escrow(self, trade_id, instrument, account_id, qty):
        product = instrument.product
        amounts = []
        for day in instrument.days:
            day_amount = product.escrow[day] * qty // product.sold[day]
            product.escrow[day] -= day_amount
            product.sold[day] -= qty
            self.available[account_id] += day_amount
            amounts.append((day, day_amount))
        for day_amount, group in groupby(amounts, key=lambda row: row[1]):
            days = [day for day, _ in group]
            self.events.append(
                (
                    "escrow_returned",
                    trade_id,
                    product.product_id,
                    account_id,
                    days[0],
                    days[-1] + 1,
                    qty,
                    day_amount,
                )
            )

    def _queue_up(self, order):
        self.arrivals += 1
        order.arrival = self.arrivals
        order.shown_qty = order.clip_of(order.leaves_qty)

    def _rest(self, order):
        self._queue_up(order)
        self.events.append(
            (
                "order_rested",
                order.order_id,
                order.instrument.instrument_id,
                order.side,
                order.limit_price,
                order.leaves_qty,
                order.display_qty,
            )
        )

    def _cancel(self, order, reason):
        fields = self.cancellation(order.order_id, reason)
        self.order_cancelled(*fields)
        self.events.append(("order_cancelled", *fields))

    def order_cancelled(self, order_id, *_):
        order = self.orders.pop(order_id)
        self.available[order.account_id] += order.held_amount

    # -- queries

    def cancellation(self, order_id, reason):
        order = self.orders[order_id]
        return (
            order_id,
            order.account_id,
            order.instrument.instrument_id,
            order.side,
            order.leaves_qty,
            order.held_amount,
            reason,
        )

    def order(self, order_id):
        order = self.orders.get(order_id)
        if order is None:
            return None
        return (
            order.order_id,
            order.account_id,
            order.key_id,
            order.session_id,
            order.instrument.instrument_id,
            order.side,
            order.order_qty,
            order.limit_price,
            order.time_in_force,
            order.exec_inst,
            order.leaves_qty,
            order.held_amount,
            order.display_qty,
            order.self_match_policy,
            order.expire_day,
        )

    def rehome_session(self, old_session_id, new_session_id, account_id):
        for order in self.orders.values():
            if order.account_id == account_id and order.session_id == old_session_id:
                order.session_id = new_session_id

    def orders_of_account(self, account_id):
        return sorted(i for i, order in self.orders.items() if order.account_id == account_id)

    def orders_of_instrument(self, instrument_id, max_count):
        return sorted(
            i for i, order in self.orders.items() if order.instrument.instrument_id == instrument_id
        )[:max_count]

    def next_expire_day(self):
        return min((order.expire_day for order in self._ending()), default=0)

    def orders_due(self, day, max_count):
        due = [order for order in self._ending() if order.expire_day <= day]
        due.sort(key=lambda order: (order.expire_day, order.order_id))
        return [order.order_id for order in due[:max_count]]

    def _ending(self):
        return [order for order in self.orders.values() if order.expire_day]

    def open_order_count(self, account_id):
        return len(self.orders_of_account(account_id))

    def best(self, instrument_id, side):
        levels = self.levels(instrument_id, side, 1)
        return levels[0][0] if levels else 0

    def levels(self, instrument_id, side, depth):
        queue = self._queue_of_side(self.instruments[instrument_id], side)
        rows = []
        for price, group in groupby(queue, key=lambda order: order.limit_price):
            shown = [order.shown_qty for order in group]
            rows.append((price, sum(shown), len(shown)))
        return rows[:depth]

    def queue(self, instrument_id, side, price):
        queue = self._queue_of_side(self.instruments[instrument_id], side)
        return [order.order_id for order in queue if order.limit_price == price]

    def balances(self, account_id):
        held = [o.held_amount for o in self.orders.values() if o.account_id == account_id]
        return self.available[account_id], sum(held)

    def sellable(self, account_id, product_id, start_day, end_day):
        title = self.title[account_id, product_id]
        lien = self.lien[account_id, product_id]
        reserved = self._reserved_sale(account_id, product_id)
        free = [(title[day] - lien[day] - reserved[day], day) for day in range(start_day, end_day)]
        return min(free)

    def day_function(self, account_id, product_id, name):
        if name == "title":
            return runs_of(self.title[account_id, product_id])
        if name == "lien":
            return runs_of(self.lien[account_id, product_id])
        if name == "reserved_sale":
            return runs_of(self._reserved_sale(account_id, product_id))
        return []

    def escrow(self, product_id):
        product = self.products[product_id]
        days = {day: (product.sold[day], product.escrow[day]) for day in product.granted}
        return [
            (start_day, end_day, *both)
            for start_day, end_day, both in runs_of(days, nothing=(0, 0))
        ]

    def granted(self, product_id):
        return runs_of(self.products[product_id].granted)

    def _own_order(self, order_id, account_id):
        order = self.orders.get(order_id)
        is_own = order is not None and order.account_id == account_id
        require(is_own, Reason.UNKNOWN_ORDER, order_id)
        return order

    def _queue_of_side(self, instrument, side):
        resting = [
            order
            for order in self.orders.values()
            if order.instrument is instrument and order.side == side and order.arrival
        ]
        sign = -1 if side == BUY else 1
        return sorted(resting, key=lambda order: (sign * order.limit_price, order.arrival))

    def _reserved_sale(self, account_id, product_id):
        reserved = Counter()
        for order in self.orders.values():
            is_own = order.account_id == account_id and order.side == SELL
            if is_own and order.instrument.product.product_id == product_id:
                for day in order.instrument.days:
                    reserved[day] += order.leaves_qty
        return reserved


def require(condition, reason, value=0, limit=0, day=0):
    """Refuses the command unless `condition` holds."""
    if not condition:
        raise Refusal(reason, value, limit, day)


def is_within(side, price, limit_price):
    """Whether a taker of this side accepts a price."""
    return price <= limit_price if side == BUY else price >= limit_price


def runs_of(days, nothing=0):
    """A function of days as (start_day, end_day, value) where it is not `nothing`."""
    runs = []
    for day in sorted(day for day, value in days.items() if value != nothing):
        if runs and runs[-1][1] == day and runs[-1][2] == days[day]:
            runs[-1] = (runs[-1][0], day + 1, days[day])
        else:
            runs.append((day, day + 1, days[day]))
    return runs
