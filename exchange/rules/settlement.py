"""
Settlement prices, which the exchange publishes at the close of each trading day.

    16:00 ─▶ sessions change ─▶ books uncross ─▶ prices settle ─▶ orders and windows end

The exchange settles the products that are on a schedule, by `PublishSettlementPrices`: at 16:00,
after the closing auction has traded and before anything ends, while no order is taken; a venue that
is always open does so every day. What the prices are is told in `settlement_prices`. New bands lie
around them, and orders outside end.

A record holds `SETTLEMENT_BATCH` events at most. What is settled today already is passed over, and
parts come before what they move or make up, so it does not matter where a record ends.
"""

from exchange.domain.commands import PublishSettlementPrices
from exchange.domain.enums import CancelReason, TradingMode, WindowKind
from exchange.domain.events import Event, InstrumentListed, SettlementPricePublished
from exchange.domain.reasons import Reason, require
from exchange.domain.schedule_events import SettlementCompleted
from exchange.domain.windows import gate_ns, last_gated_day

from .closing import CLOSING_NS, SettledPrice
from .listing import is_trading_day
from .participants import cancellations
from .sessions import band_around
from .settlement_prices import OWN_KINDS, Close, Found, curves, hours_of, price_of
from .state import NEVER_NS, State

SETTLEMENT_BATCH = 1_000
"""Events of one record at most, so that a frame stays small."""
_ORDER = (
    WindowKind.DAY,
    WindowKind.MONTH,
    WindowKind.BALANCE,
    WindowKind.QUARTER,
    WindowKind.YEAR,
    WindowKind.STRIP,
)
"""A day is moved by its month and a month by its quarter, so each comes before what moves it."""


# -- when -----------------------------------------------------------------------------------------


def is_settlement_due(market_ns: int, state: State) -> bool:
    """Whether the prices of the last trading day that has closed are not complete."""
    day = last_gated_day(market_ns)
    return bool(state.schedules) and day > state.settled_day and is_trading_day(day, state)


def next_settlement_ns(state: State) -> int | None:
    """Market time of the next close, now where it is due; None where that is not today's."""
    if not state.schedules:
        return None
    if is_settlement_due(state.market_ns, state):
        return state.market_ns
    day = last_gated_day(state.market_ns) + 1
    return gate_ns(day) if is_trading_day(day, state) else None


# -- decide ---------------------------------------------------------------------------------------


def decide_settlement(
    command: PublishSettlementPrices, state: State, account_id: int
) -> list[Event]:
    """The day's prices as far as one record holds them, with the orders that new bands end."""
    require(not state.core.is_uncrossing, Reason.WRONG_STATE, state.market_ns)
    require(is_settlement_due(state.market_ns, state), Reason.EMPTY)
    closes = _closes(state)
    events: list[Event] = []
    for close in closes:
        for listed in close.windows.values():
            if listed.instrument_id in close.prices:
                continue
            found = price_of(listed, close)
            if found is None:
                continue
            room = SETTLEMENT_BATCH - len(events)
            new, is_whole = _published(listed, found, close, room)
            events += new
            if not is_whole or len(events) >= SETTLEMENT_BATCH:
                return events
            close.prices[listed.instrument_id] = found.settlement_price
    count = sum(len(close.prices) for close in closes)
    day = last_gated_day(state.market_ns)
    rests = [rest for close in closes for rest in curves(close)]
    return [*events, *rests, SettlementCompleted(settlement_day=day, price_count=count)]


def _closes(state: State) -> list[Close]:
    """The scheduled products in the order of their ids, each with its windows in order."""
    day = last_gated_day(state.market_ns)
    closes = {product_id: Close(day, state) for product_id in sorted(state.schedules)}
    open_windows = [state.instruments[instrument_id] for _, instrument_id in state.gates]
    rank = {kind: number for number, kind in enumerate(_ORDER)}
    settled = [
        each for each in open_windows if each.kind in rank and each.mode is TradingMode.TITLE
    ]
    for listed in sorted(settled, key=lambda each: (rank[each.kind], each.start_day)):
        close = closes.get(listed.product_id)
        if close is None:
            continue
        close.windows[listed.kind, listed.start_day] = listed
        price = state.settled_prices.get(listed.instrument_id)
        if price is not None and price.settlement_day == day:
            close.prices[listed.instrument_id] = price.settlement_price
    return list(closes.values())


def _published(
    listed: InstrumentListed, found: Found, close: Close, room: int
) -> tuple[list[Event], bool]:
    """A price with what its band ends; without the price where there is no room for all."""
    state = close.state
    is_own = listed.kind in OWN_KINDS
    price = found.settlement_price
    exact = (price, 1) if is_own else (found.notional_amount, found.gpu_hours)
    low_price, high_price = band_around(*exact, listed, state)
    is_closing = listed.gate_closure_ns <= state.market_ns
    outside_ids = (
        []
        if is_closing
        else state.core.orders_outside(listed.instrument_id, low_price, high_price, room)
    )
    cancelled = cancellations(outside_ids, CancelReason.PRICE_BAND, state)
    if len(outside_ids) >= room:
        return cancelled, False
    widths = state.band_widths
    assert widths is not None, "genesis publishes the widths"
    published = SettlementPricePublished(
        instrument_id=listed.instrument_id,
        settlement_price=price,
        low_limit_price=low_price,
        high_limit_price=high_price,
        dynamic_bps=widths.dynamic_bps,
        settlement_day=close.settlement_day,
        notional_amount=found.notional_amount,
        gpu_hours=found.gpu_hours,
        source=found.source,
    )
    return [published, *cancelled], True


# -- evolve ---------------------------------------------------------------------------------------


def evolve_settlement_price(event: SettlementPricePublished, state: State) -> None:
    """The bands lie around the new price, which the next settlement goes on from."""
    state.core.set_bands(
        event.instrument_id,
        event.settlement_price,
        event.low_limit_price,
        event.high_limit_price,
        event.dynamic_bps,
    )
    hours = hours_of(state.instruments[event.instrument_id])
    before = state.settled_prices.get(event.instrument_id)
    state.settled_prices[event.instrument_id] = SettledPrice(
        settlement_price=event.settlement_price,
        notional_amount=event.notional_amount or event.settlement_price * hours,
        gpu_hours=event.gpu_hours or hours,
        settlement_day=event.settlement_day,
        prior_price=0 if before is None else before.settlement_price,
    )


def evolve_settlement(event: SettlementCompleted, state: State) -> None:
    """The day is settled; what trades from now on is of another one."""
    state.settled_day = event.settlement_day
    state.closing_trades.clear()
    state.closing_from_ns = NEVER_NS


def begin_closing(day: int, state: State) -> None:
    """The closing half hour of this day is the next."""
    state.closing_trades.clear()
    state.closing_from_ns = gate_ns(day) - CLOSING_NS
