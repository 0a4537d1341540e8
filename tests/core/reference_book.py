"""
The plain book written to be obviously right: what `matching_core.OrderBook` is compared with.

Orders stand in one list, in the order in which they joined their queues. Whatever is asked is found
by sorting that list, and a command that may be refused is tried on a copy. An iceberg's clips are
traded one by one.
"""

from copy import deepcopy
from dataclasses import dataclass, field

MAX_INT32 = 2**31 - 1
MAX_CLIPS = 1_000
OTHER = {"buy": "sell", "sell": "buy"}


@dataclass
class Order:
    """A resting order."""

    order_id: int
    side: str
    price: int
    open_qty: int
    shown_qty: int
    display_qty: int
    account: int
    policy: str
    is_post_only: bool


@dataclass
class Outcome:
    """The fields of a `Result`."""

    status: str
    leaves_qty: int = 0
    reason: str | None = None
    fills: list[tuple[int, int, int]] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)


@dataclass
class AuctionOutcome:
    """The fields of an `AuctionResult`."""

    price: int = 0
    qty: int = 0
    surplus_qty: int = 0
    fills: list[tuple[int, int, int, int]] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)


class ReferenceBook:
    """The same surface as `OrderBook`, without bytes; words only, no codes."""

    def __init__(self, *, is_collecting=False):
        self.is_collecting = is_collecting
        self.orders = []

    # -- commands

    def place(
        self,
        order_id,
        side,
        price,
        qty,
        *,
        time_in_force="gtc",
        account=0,
        post_only=False,
        all_or_none=False,
        min_qty=0,
        display_qty=0,
        self_match_policy="none",
    ):
        rests = time_in_force == "gtc"
        reason = None
        if order_id <= 0:
            reason = "bad_order_id"
        elif self.find(order_id):
            reason = "duplicate_id"
        elif not 0 < price <= MAX_INT32:
            reason = "bad_price"
        elif not 0 < qty <= MAX_INT32:
            reason = "bad_qty"
        elif not 0 <= min_qty <= qty:
            reason = "bad_min_qty"
        elif display_qty and not (0 < display_qty <= qty <= display_qty * MAX_CLIPS):
            reason = "bad_display_qty"
        elif (all_or_none and (rests or display_qty)) or (time_in_force == "fok" and display_qty):
            reason = "all_or_none"
        elif not rests and (post_only or display_qty):
            reason = "immediate"
        elif self.is_collecting and (not rests or min_qty):
            reason = "wrong_state"
        if reason:
            return Outcome("rejected", reason=reason)
        order = Order(
            order_id, side, price, qty, 0, display_qty, account, self_match_policy, post_only
        )
        if all_or_none or time_in_force == "fok":
            min_qty = qty
        return self.enter(order, rests, min_qty)

    def amend(self, order_id, price=None, qty=None):
        order = self.find(order_id)
        if order is None:
            return Outcome("rejected", reason="unknown_order")
        price = order.price if price is None else price
        qty = order.open_qty if qty is None else qty
        if not 0 < price <= MAX_INT32:
            return Outcome("rejected", reason="bad_price")
        if not 0 <= qty <= MAX_INT32:
            return Outcome("rejected", reason="bad_qty")
        if qty == 0:
            self.orders.remove(order)
            return Outcome("cancelled")
        if price == order.price and qty <= order.open_qty:
            order.open_qty = qty
            order.shown_qty = min(order.shown_qty, qty)
            return Outcome("resting", qty)
        if order.display_qty and qty > order.display_qty * MAX_CLIPS:
            return Outcome("rejected", reason="bad_display_qty")
        before = deepcopy(self.orders)
        self.orders = [other for other in self.orders if other is not order]
        amended = deepcopy(order)
        amended.price, amended.open_qty = price, qty
        outcome = self.enter(amended, True, 0)
        if outcome.status == "rejected":
            self.orders = before
        return outcome

    def cancel(self, order_id):
        order = self.find(order_id)
        if order is None:
            return 0
        self.orders.remove(order)
        return order.open_qty

    def mass_cancel(self, account=None, side=None):
        gone = [
            order
            for order in self.orders
            if account in (None, order.account) and side in (None, order.side)
        ]
        self.orders = [order for order in self.orders if order not in gone]
        return sorted(order.order_id for order in gone)

    def open_auction(self):
        self.is_collecting = True

    def auction(self, reference_price):
        cancelled = []
        while True:
            outcome = self.indicative(reference_price)
            before = deepcopy(self.orders)
            younger = self.uncross(outcome)
            if younger is None:
                break
            self.orders = [order for order in before if order.order_id != younger]
            cancelled.append(younger)
        outcome.cancelled = cancelled
        self.is_collecting = False
        return outcome

    # -- queries

    def find(self, order_id):
        return next((order for order in self.orders if order.order_id == order_id), None)

    def side(self, side):
        """A side's orders in priority; sorting is stable, so time decides at a price."""
        sign = -1 if side == "buy" else 1
        return sorted(
            (order for order in self.orders if order.side == side),
            key=lambda order: sign * order.price,
        )

    def queue(self, side, price):
        return [order.order_id for order in self.side(side) if order.price == price]

    def levels(self, side):
        rows = {}
        for order in self.side(side):
            qty, count = rows.get(order.price, (0, 0))
            rows[order.price] = (qty + order.shown_qty, count + 1)
        return [(price, *row) for price, row in rows.items()]

    def indicative(self, reference_price):
        bids, asks = self.side("buy"), self.side("sell")
        best = None
        low = min((order.price for order in self.orders), default=1)
        high = max((order.price for order in self.orders), default=0)
        for price in range(low, high + 1):
            demand = sum(order.open_qty for order in bids if order.price >= price)
            supply = sum(order.open_qty for order in asks if order.price <= price)
            volume = min(demand, supply)
            rank = (-volume, abs(demand - supply), abs(price - reference_price))
            if volume and (best is None or rank < best[0]):
                best = (rank, AuctionOutcome(price, volume, demand - supply))
        return best[1] if best else AuctionOutcome()

    # -- matching

    def enter(self, order, rests, min_qty):
        """Tries an order that is in no queue; puts everything back if it is refused."""
        before = deepcopy(self.orders)
        outcome = Outcome("resting")
        reason = self.sweep(order, min_qty, outcome)
        if reason:
            self.orders = before
            return Outcome("rejected", reason=reason)
        if outcome.status == "cancelled":
            self.orders = [o for o in before if o.order_id not in outcome.cancelled]
            return Outcome("cancelled", 0, "self_match", [], outcome.cancelled)
        if order.open_qty == 0:
            outcome.status = "filled"
        elif not rests:
            outcome.status, outcome.reason = "cancelled", "unfilled"
        else:
            outcome.leaves_qty = order.open_qty
            self.join(order)
        return outcome

    def sweep(self, order, min_qty, outcome):
        """Trades with whatever is good enough; why the order is refused, if it is."""
        wanted_qty = order.open_qty
        met = []
        while order.open_qty and not self.is_collecting:
            maker = next(iter(self.side(OTHER[order.side])), None)
            if maker is None or (
                maker.price > order.price if order.side == "buy" else maker.price < order.price
            ):
                break
            if order.is_post_only:
                return "would_take"
            if order.policy != "none" and maker.account == order.account:
                if maker.order_id not in met:
                    met.append(maker.order_id)
                if order.policy == "cancel_resting":
                    self.orders.remove(maker)
                    continue
            qty = min(order.open_qty, maker.shown_qty)
            outcome.fills.append((maker.order_id, maker.price, qty))
            order.open_qty -= qty
            self.fill(maker, qty)
        if not self.is_collecting and wanted_qty - order.open_qty < min_qty:
            return "cannot_fill"
        if met and order.policy == "cancel_incoming":
            return "self_match"
        if met and order.policy == "cancel_both":
            outcome.status = "cancelled"
        outcome.cancelled = met
        return None

    def uncross(self, outcome):
        """Trades an auction's volume; the younger of two own orders that meet stops it."""
        left = outcome.qty
        while left:
            bid, ask = self.side("buy")[0], self.side("sell")[0]
            younger = max(bid, ask, key=lambda order: order.order_id)
            if bid.account == ask.account and younger.policy != "none":
                return younger.order_id
            qty = min(left, bid.shown_qty, ask.shown_qty)
            outcome.fills.append((bid.order_id, ask.order_id, outcome.price, qty))
            left -= qty
            self.fill(bid, qty)
            self.fill(ask, qty)
        return None

    def fill(self, order, qty):
        """Takes from the clip; when that is gone, the next one joins the queue at its end."""
        order.open_qty -= qty
        order.shown_qty -= qty
        if order.shown_qty == 0:
            self.orders.remove(order)
            if order.open_qty:
                self.join(order)

    def join(self, order):
        order.shown_qty = min(order.open_qty, order.display_qty or order.open_qty)
        self.orders.append(order)
