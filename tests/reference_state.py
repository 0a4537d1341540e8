"""
What the obvious venue knows: accounts, windows, open orders, and what can be asked of them.

Nothing is cached: a queue is sorted when it is looked at. A dict keeps open orders in the order in
which they came. The surface is that of `matching_core.venue.Venue`, without the facts that
it refuses: what reaches this venue can be.
"""

from itertools import groupby

from tests.reference_orders import BUY, Instrument, Order, Product, held_together

CONTINUOUS = 3


class ReferenceState:
    """Reference data, facts from other rules, and queries."""

    def __init__(self, base_day: int, max_open_orders: int = 1000) -> None:
        self.base_day = base_day
        self.max_open_orders = max_open_orders
        self.available = [0]
        self.products: dict[int, Product] = {}
        self.instruments: dict[int, Instrument] = {}
        self.orders: dict[int, Order] = {}
        self.affiliates: list[set[int]] = []
        self.next_trade_id = 1
        self.arrivals = 0
        self.events: list[tuple] = []
        self.trades: list[tuple] = []
        self.sublets: list[tuple] = []
        self.refusal = (0, 0, 0)
        self.market_ns = 0
        self.is_catching_up = False
        self.session_state = CONTINUOUS

    # -- reference data and cash

    def add_account(self, account_id):
        self.available.append(0)

    def add_product(self, product_id, supplier_account_id, lot_qty, maker_bps, taker_bps):
        self.products[product_id] = Product(
            product_id, lot_qty, maker_bps, taker_bps, {supplier_account_id}
        )

    def add_to_house(self, product_id, account_id):
        self.products[product_id].house.add(account_id)

    def add_instrument(
        self,
        instrument_id,
        product_id,
        start_day,
        end_day,
        is_resting_allowed,
        gate_closure_ns=2**63 - 1,
        is_sublet=False,
    ):
        self.instruments[instrument_id] = Instrument(
            instrument_id,
            self.products[product_id],
            start_day,
            end_day,
            is_resting_allowed,
            gate_closure_ns,
            is_sublet,
        )

    def set_rent_floor(self, instrument_id, rent_floor_price):
        self.instruments[instrument_id].rent_floor_price = rent_floor_price

    def join_party(self, account_id, affiliate_id):
        joined = {account_id, affiliate_id}
        for party in [party for party in self.affiliates if party & joined]:
            self.affiliates.remove(party)
            joined |= party
        self.affiliates.append(joined)

    def close_instrument(self, instrument_id):
        self.instruments[instrument_id].is_closed = True
        self.instruments[instrument_id].auction_end_ns = 0

    def deposit(self, account_id, amount):
        self.available[account_id] += amount

    def withdraw(self, account_id, amount):
        self.available[account_id] -= amount

    # -- when a book may trade

    def set_clock(self, market_ns, is_catching_up):
        self.market_ns = market_ns
        self.is_catching_up = is_catching_up

    def set_session(self, session_state):
        self.session_state = session_state
        for instrument in self.instruments.values():
            instrument.auction_end_ns = 0

    def halt(self, instrument_id):
        self.instruments[instrument_id].is_halted = True
        self.instruments[instrument_id].auction_end_ns = 0

    def resume(self, instrument_id):
        self.instruments[instrument_id].is_halted = False

    def start_auction(self, instrument_id, end_ns, reference_price, trigger_price):
        self.instruments[instrument_id].auction_end_ns = end_ns

    def end_auction(self, instrument_id):
        self.instruments[instrument_id].auction_end_ns = 0

    def set_bands(
        self, instrument_id, settlement_price, low_limit_price, high_limit_price, dynamic_bps
    ):
        instrument = self.instruments[instrument_id]
        instrument.settlement_price = settlement_price
        instrument.low_limit_price = low_limit_price
        instrument.high_limit_price = high_limit_price
        instrument.dynamic_bps = dynamic_bps

    def order_cancelled(self, order_id, *_):
        order = self.orders[order_id]
        self.available[order.account_id] += self.released_by_end(order)
        del self.orders[order_id]

    # -- linked orders

    def group_of(self, order):
        """The open orders that it is linked to, itself among them; alone where it has no link."""
        if not order.link_id:
            return [order]
        return [
            other
            for _, other in sorted(self.orders.items())
            if (other.account_id, other.link_id) == (order.account_id, order.link_id)
        ]

    def held_with(self, order):
        """What an open order holds, with those that it is linked to."""
        return held_together(self.group_of(order)) if order.link_id else order.held_amount

    def held_if(self, order):
        """The same if the order were open, or open on these terms."""
        others = [each for each in self.group_of(order) if each.order_id != order.order_id]
        return held_together([*others, order])

    def open_group(self, order):
        """Those of its group that are open, its own former self among them."""
        return [
            self.orders[each.order_id]
            for each in self.group_of(order)
            if each.order_id in self.orders
        ]

    def held_orders(self, account_id):
        """What all open orders of an account hold."""
        orders = [order for order in self.orders.values() if order.account_id == account_id]
        firsts = [order for order in orders if self.group_of(order)[0] is order]
        return sum(map(self.held_with, firsts))

    def released_by_end(self, order):
        """What an open order gives up when it ends."""
        others = [other for other in self.group_of(order) if other is not order]
        return self.held_with(order) - held_together(others)

    def releases(self, order_ids):
        """The same of several that end one after another."""
        ended, released_amounts = {}, []
        for order_id in order_ids:
            released_amounts.append(self.released_by_end(self.orders[order_id]))
            ended[order_id] = self.orders.pop(order_id)
        self.orders = dict(sorted((self.orders | ended).items()))
        return released_amounts

    # -- queries

    def cancellation(self, order_id, reason):
        order = self.orders[order_id]
        return (
            order_id,
            order.account_id,
            order.instrument.instrument_id,
            order.side,
            order.leaves_qty,
            self.released_by_end(order),
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
            self.held_with(order),
            order.display_qty,
            order.self_match_policy,
            order.expire_day,
            order.link_id,
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

    def orders_outside(self, instrument_id, low_limit_price, high_limit_price, max_count):
        return sorted(
            i
            for i, order in self.orders.items()
            if order.instrument.instrument_id == instrument_id
            and not low_limit_price <= order.limit_price <= high_limit_price
        )[:max_count]

    def next_expire_day(self):
        return min((order.expire_day for order in self._ending()), default=0)

    def orders_due(self, day, max_count):
        due = [order for order in self._ending() if order.expire_day <= day]
        due.sort(key=lambda order: (order.expire_day, order.order_id))
        return [order.order_id for order in due[:max_count]]

    def _ending(self):
        return [order for order in self.orders.values() if order.expire_day]

    def parties_are_one(self, account_id, other_id):
        return account_id == other_id or any(
            {account_id, other_id} <= party for party in self.affiliates
        )

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

    def _queue_of_side(self, instrument, side):
        resting = [
            order
            for order in self.orders.values()
            if order.instrument is instrument and order.side == side and order.arrival
        ]
        sign = -1 if side == BUY else 1
        return sorted(resting, key=lambda order: (sign * order.limit_price, order.arrival))
