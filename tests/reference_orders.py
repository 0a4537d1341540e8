"""What the obvious venue keeps: products, windows and their bands, open orders, holds."""

from collections import Counter
from dataclasses import dataclass, field

from exchange.domain.units import BPS_WHOLE, HOURS_PER_DAY, MAX_PRICE

BUY, SELL = 1, 2
DAY, GTC, IOC, FOK, GTD = 0, 1, 3, 4, 6


@dataclass
class Product:
    """A product's terms, its house, and each day's grant and escrow."""

    product_id: int
    lot_qty: int
    maker_bps: int
    taker_bps: int
    house: set[int]
    granted: Counter[int] = field(default_factory=Counter)
    sold: Counter[int] = field(default_factory=Counter)
    escrow: Counter[int] = field(default_factory=Counter)


@dataclass
class Instrument:
    """A delivery window."""

    instrument_id: int
    product: Product
    start_day: int
    end_day: int
    is_resting_allowed: bool
    gate_closure_ns: int
    is_sublet: bool
    """What trades is the use of the days, not their title."""
    rent_floor_price: int = 0
    """The least rent of pledged days, 0 where none is known."""
    is_closed: bool = False
    is_halted: bool = False
    auction_end_ns: int = 0
    """Of an auction of its own, 0 where none runs."""
    last_price: int = 0
    settlement_price: int = 0
    low_limit_price: int = 0
    high_limit_price: int = MAX_PRICE
    dynamic_bps: int = 0

    @property
    def days(self) -> range:
        """Its delivery days."""
        return range(self.start_day, self.end_day)

    def notional(self, price: int, qty: int) -> int:
        """Fen for so many GPUs over the window."""
        return price * qty * HOURS_PER_DAY * len(self.days)

    @property
    def reference_price(self) -> int:
        """What the dynamic band and auctions go by, 0 for nothing."""
        return self.last_price or self.settlement_price

    def reach(self, side: int, limit_price: int) -> int:
        """The worst price at which an order may trade at once."""
        if self.dynamic_bps == 0 or self.reference_price == 0:
            return limit_price
        width_price = max(1, self.reference_price * self.dynamic_bps // BPS_WHOLE)
        if side == BUY:
            return min(limit_price, self.reference_price + width_price)
        return max(limit_price, self.reference_price - width_price)


@dataclass
class Order:
    """An open order, with what it has been charged and what that is exactly."""

    order_id: int
    account_id: int
    key_id: int
    session_id: int
    instrument: Instrument
    side: int
    order_qty: int
    limit_price: int
    time_in_force: int
    exec_inst: int
    leaves_qty: int
    display_qty: int
    self_match_policy: int
    expire_day: int
    link_id: int = 0
    shown_qty: int = 0
    """Of `leaves_qty`; 0 while it is in no queue."""
    arrival: int = 0
    """When it joined its queue; 0 while it is in none."""
    charged_amount: int = 0
    exact_fee: int = 0
    """In 1/10000 fen."""

    @property
    def rests(self) -> bool:
        """Whether what does not trade at once stays."""
        return self.time_in_force in (DAY, GTC, GTD)

    def clip_of(self, qty: int) -> int:
        """What it shows of so much."""
        return min(qty, self.display_qty) if self.display_qty else qty

    @property
    def is_fee_held(self) -> bool:
        """Whether a seller holds its fee, because what it is paid may go to escrow or in trust."""
        instrument = self.instrument
        is_for_later = instrument.is_sublet or self.account_id in instrument.product.house
        return self.side == SELL and is_for_later

    @property
    def held_amount(self) -> int:
        """What the rest of the order may still cost."""
        product = self.instrument.product
        notional = self.instrument.notional(self.limit_price, self.leaves_qty)
        bps = max(product.maker_bps, product.taker_bps)
        fee = max(0, rounded_up(self.exact_fee + notional * bps) - self.charged_amount)
        if self.side == BUY:
            return notional + fee
        return fee if self.is_fee_held else 0

    def charge(self, notional: int, bps: int) -> int:
        """The fee of a fill: what all fills cost, rounded up once, less what was charged."""
        self.exact_fee += notional * bps
        fee = max(0, rounded_up(self.exact_fee) - self.charged_amount)
        self.charged_amount += fee
        return fee


@dataclass
class Hold:
    """Cash and days that are set aside for something that is not an order."""

    account_id: int
    held_amount: int
    product_id: int
    start_day: int
    end_day: int
    qty: int
    is_sublet: bool


def held_together(orders):
    """
    What linked orders may cost in the worst sequence of fills, which are taken from all alike.

    GPU by GPU the dearest of those that would still have one; each order rounds its fees up by
    itself. An order alone is linked to none.
    """
    if not orders or (orders[0].side != BUY and not orders[0].is_fee_held):
        return 0
    filled_qty = notional = 0
    while costs := [
        order.instrument.notional(order.limit_price, 1)
        for order in orders
        if order.leaves_qty > filled_qty
    ]:
        notional += max(costs)
        filled_qty += 1
    product = orders[0].instrument.product
    bps = max(product.maker_bps, product.taker_bps)
    rounding = sum(
        BPS_WHOLE - 1 - (order.charged_amount * BPS_WHOLE - order.exact_fee)
        for order in orders
        if bps and order.leaves_qty
    )
    fee = (notional * bps + rounding) // BPS_WHOLE
    return notional + fee if orders[0].side == BUY else fee


def rounded_up(exact_fee):
    """Fen, up to the next whole one, of 1/10000 fen."""
    return -(-exact_fee // BPS_WHOLE)
