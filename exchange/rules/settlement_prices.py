"""
What a window's settlement price is, by the trades, quotes and prices of the day.

A day or a month has a price of its own, a whole tick:

1. of trades: the average of the last half hour, if five lots or more traded;
2. of quotes: the middle of the best bid and ask, if each shows five lots and they are no more than
   3 % of it apart;
3. of its parent: the prior price, moved as the parent did. A day's parent is its month, as settled.
   A month's is its quarter, else its year, where that has trades or quotes of its own today;
4. the prior price.

Half a tick rounds up. Without evidence and without a prior price there is none: the first one is an
operator's, or comes with the first trades or quotes. All else is made of these, exactly, so that no
sum of parts is worth more or less than the whole: a quarter, year or strip of its months, a balance
of month of its days, as the notional of one GPU over its hours. Where a part has no price the
whole keeps its prior one.

The curve gives a month's other days what the month's price leaves: (p·H − Σ p_d·24) / H_rest.
"""

from collections.abc import Iterator

from msgspec import Struct, field

from exchange.domain.enums import SettlementSource, Side, WindowKind
from exchange.domain.events import InstrumentListed
from exchange.domain.schedule_events import CurvePublished
from exchange.domain.units import HOURS_PER_DAY, MAX_INTEGER, MAX_PRICE
from exchange.domain.windows import Window, month_of, parts_of

from .closing import SettledPrice
from .state import State

FEWEST_LOTS = 5
WIDEST_PERCENT = 3
OWN_KINDS = (WindowKind.DAY, WindowKind.MONTH)
"""Windows with a price of their own."""


class Found(Struct, frozen=True):
    """A price, with where it comes from."""

    notional_amount: int
    """Over `gpu_hours` the exact price."""
    gpu_hours: int
    source: SettlementSource

    @property
    def settlement_price(self) -> int:
        """The nearest tick, half a tick up."""
        return nearest(self.notional_amount, self.gpu_hours)


class Close(Struct):
    """The close of a product's day: its windows, and the prices that they have got."""

    settlement_day: int
    state: State
    windows: dict[tuple[WindowKind, int], InstrumentListed] = field(default_factory=dict)
    """Those that are open, by kind and first day."""
    prices: dict[int, int] = field(default_factory=dict)
    """Of today, by instrument."""


def price_of(listed: InstrumentListed, close: Close) -> Found | None:
    """A window's price today; None where it has none, or keeps its prior one unpublished."""
    if listed.kind not in OWN_KINDS:
        return _of_parts(listed, close)
    return _observed(listed, close) or _moved(listed, close)


def _observed(listed: InstrumentListed, close: Close) -> Found | None:
    """What a window's own trades or quotes say."""
    state, hours = close.state, hours_of(listed)
    fewest_qty = FEWEST_LOTS * state.products[listed.product_id].lot_qty
    trades = state.closing_trades.get(listed.instrument_id)
    if trades is not None and trades.traded_qty >= fewest_qty:
        amount, qty = trades.hourly_amount * hours, trades.traded_qty * hours
        return _bounded(amount, qty, SettlementSource.TRADES)
    bids = state.core.levels(listed.instrument_id, Side.BUY, 1)
    asks = state.core.levels(listed.instrument_id, Side.SELL, 1)
    if not bids or not asks or min(bids[0][1], asks[0][1]) < fewest_qty:
        return None
    bid_price, ask_price = bids[0][0], asks[0][0]
    if 200 * (ask_price - bid_price) > WIDEST_PERCENT * (ask_price + bid_price):
        return None
    return Found((bid_price + ask_price) * hours, 2 * hours, SettlementSource.QUOTES)


def _moved(listed: InstrumentListed, close: Close) -> Found | None:
    """The prior price, moved with the first parent that tells how far."""
    prior = _prior(listed, close)
    if prior is None:
        return None
    hours = hours_of(listed)
    for numerator, denominator in _moves(listed, close):
        price = nearest(prior.settlement_price * numerator, denominator)
        price = min(MAX_PRICE, max(1, price))
        return Found(price * hours, hours, SettlementSource.PARENT)
    return Found(prior.settlement_price * hours, hours, SettlementSource.PRIOR)


def _moves(listed: InstrumentListed, close: Close) -> Iterator[tuple[int, int]]:
    """How far the parents of a day or a month have moved, as new over prior, the nearest first."""
    if listed.kind is WindowKind.DAY:
        month = _containing(WindowKind.MONTH, listed, close)
        if month is not None:
            prior_price = _prior_of_month(month, close)
            found = _price_today(month, close)
            if prior_price and found:
                yield found, prior_price
        return
    for kind in (WindowKind.QUARTER, WindowKind.YEAR):
        parent = _containing(kind, listed, close)
        if parent is None:
            continue
        observed, prior = _observed(parent, close), _prior(parent, close)
        if observed is not None and prior is not None:
            yield (
                observed.notional_amount * prior.gpu_hours,
                observed.gpu_hours * prior.notional_amount,
            )


def _price_today(month: InstrumentListed, close: Close) -> int:
    """A month's price of today, 0 where it has none; its days come before it."""
    known_price = close.prices.get(month.instrument_id)
    if known_price is not None:
        return known_price
    found = price_of(month, close)
    return 0 if found is None else found.settlement_price


def _prior_of_month(month: InstrumentListed, close: Close) -> int:
    price = close.state.settled_prices.get(month.instrument_id)
    if price is None:
        return 0
    is_of_today = price.settlement_day == close.settlement_day
    return price.prior_price if is_of_today else price.settlement_price


def _prior(listed: InstrumentListed, close: Close) -> SettledPrice | None:
    """The price of a window that is not settled today, as it stood before."""
    return close.state.settled_prices.get(listed.instrument_id)


def _of_parts(listed: InstrumentListed, close: Close) -> Found | None:
    """The notional of one GPU over a window's months, or days, at their prices."""
    amount = 0
    for part in _leaves_of(Window(listed.kind, listed.start_day, listed.end_day)):
        child = close.windows.get((part.kind, part.start_day))
        price = None if child is None else close.prices.get(child.instrument_id)
        if price is None:
            return None
        amount += price * part.hours
    return Found(amount, hours_of(listed), SettlementSource.PARTS)


def _leaves_of(window: Window) -> Iterator[Window]:
    """The months, or else the days, that a window is made of."""
    for part in parts_of(window):
        if part.kind is WindowKind.QUARTER:
            yield from parts_of(part)
        else:
            yield part


def _containing(
    kind: WindowKind, listed: InstrumentListed, close: Close
) -> InstrumentListed | None:
    """The window of a kind that contains one."""
    for (each_kind, start_day), each in close.windows.items():
        if each_kind is kind and start_day <= listed.start_day < each.end_day:
            return each
    return None


def curves(close: Close) -> Iterator[CurvePublished]:
    """What the months leave to their days without a price, where days have one."""
    for (kind, start_day), month in close.windows.items():
        price = close.prices.get(month.instrument_id)
        if kind is not WindowKind.MONTH or price is None:
            continue
        days = [close.windows.get((WindowKind.DAY, d)) for d in range(start_day, month.end_day)]
        priced = [close.prices.get(day.instrument_id) for day in days if day is not None]
        own = [day_price for day_price in priced if day_price is not None]
        rest_hours = hours_of(month) - HOURS_PER_DAY * len(own)
        if own and rest_hours:
            yield CurvePublished(
                product_id=month.product_id,
                month=month_of(start_day),
                settlement_day=close.settlement_day,
                rest_notional_amount=price * hours_of(month) - HOURS_PER_DAY * sum(own),
                rest_hours=rest_hours,
            )


def nearest(numerator: int, denominator: int) -> int:
    """The nearest whole number to a positive ratio, the higher one where two are as near."""
    return (2 * numerator + denominator) // (2 * denominator)


def hours_of(listed: InstrumentListed) -> int:
    """Hours of a window."""
    return (listed.end_day - listed.start_day) * HOURS_PER_DAY


def _bounded(amount: int, hours: int, source: SettlementSource) -> Found:
    """Exact while the notional is below 2**53, of which a message can hold no more."""
    excess = max(0, amount.bit_length() - MAX_INTEGER.bit_length())
    return Found(amount >> excess, max(1, hours >> excess), source)
