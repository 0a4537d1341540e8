"""
The life cycle of windows by the clock: listed when their schedule asks for them, cascaded when they
trade for the last time.

A product that an operator has scheduled gets its windows at the start of each delivery day, hours
before anything can trade, and at once when the schedule or a calendar is new; not if its supplier
is terminated, for nothing of it is delivered. A window that is
there already, whose gate has closed, or whose last trading day no calendar tells yet is passed
over, and asked for again the next day. What is made of months waits until all of them are listed.

The day for which all this is done is `State.listed_day`; the clock's last record of the moment says
so by being complete, and what one record cannot hold goes on in the next.

A balance of month, a month, a quarter, a year and a strip cascade into their parts. User-defined
windows do not: nobody ever has an open order in one.
"""

from collections.abc import Iterator

from exchange.domain.commands import ScheduleListings
from exchange.domain.enums import CancelReason, TradingMode, WindowKind
from exchange.domain.events import Event, InstrumentListed, ProductDefined
from exchange.domain.listing_schedule import windows_ahead
from exchange.domain.schedule_events import ChildInterest, InstrumentCascaded, ListingsScheduled
from exchange.domain.windows import Window, day_at, gate_ns, last_gated_day, months_window, parts_of

from .listing import find_last_trading_day, listed_window
from .sessions import inherited_halts
from .settlement import begin_closing
from .state import State

_OF_MONTHS = (WindowKind.QUARTER, WindowKind.YEAR, WindowKind.STRIP)
_CASCADING = (WindowKind.BALANCE, WindowKind.MONTH, *_OF_MONTHS)


# -- listing --------------------------------------------------------------------------------------


def decide_schedule(command: ScheduleListings, state: State, account_id: int) -> list[Event]:
    """Leaves a product to the clock, or changes how many windows it lists."""
    state.product(command.product_id)
    return [
        ListingsScheduled(
            product_id=command.product_id,
            day_count=command.day_count,
            month_count=command.month_count,
            quarter_count=command.quarter_count,
            year_count=command.year_count,
            strip_count=command.strip_count,
            is_balance_listed=command.is_balance_listed,
        )
    ]


def is_listing_due(market_ns: int, state: State) -> bool:
    """Whether schedules have not been looked at for the delivery day that runs then."""
    return bool(state.schedules) and state.listed_day < day_at(market_ns)


def due_listings(to_ns: int, state: State, room: int) -> tuple[list[Event], bool]:
    """The windows to be listed at a moment, up to `room` of them, and whether that is all."""
    events: list[Event] = []
    if not is_listing_due(to_ns, state):
        return events, True
    instrument_id = len(state.instruments)
    for product, window, gate_closure_ns in _missing(to_ns, state):
        if instrument_id - len(state.instruments) >= room:
            return events, False
        instrument_id += 1
        listed = listed_window(instrument_id, product, window, gate_closure_ns)
        events += [listed, *inherited_halts(listed, state)]
    return events, True


def _missing(to_ns: int, state: State) -> Iterator[tuple[ProductDefined, Window, int]]:
    """What schedules ask for and is not there, with its gate: by product, parts first."""
    for product_id, schedule in sorted(state.schedules.items()):
        product = state.products[product_id]
        standing = state.standings.get(product.supplier_account_id)
        if standing is not None and standing.is_terminated:
            continue
        listed_days: set[int] = set()
        for window in windows_ahead(day_at(to_ns), schedule):
            last_day, is_known = find_last_trading_day(window, state)
            is_there = f"{product.code}:{window.code}" in state.instrument_ids
            is_open = is_known and gate_ns(last_day) > to_ns
            if window.kind is WindowKind.MONTH and (is_there or is_open):
                listed_days.add(window.start_day)
            has_parts = window.kind not in _OF_MONTHS or listed_days.issuperset(_months_of(window))
            if is_open and not is_there and has_parts:
                yield product, window, gate_ns(last_day)


def _months_of(window: Window) -> Iterator[int]:
    """The first days of a window's months."""
    start_day = window.start_day
    while start_day < window.end_day:
        yield start_day
        start_day = months_window(WindowKind.MONTH, start_day, 1).end_day


# -- the last trading day -------------------------------------------------------------------------


def ends_by(listed: InstrumentListed) -> CancelReason:
    """Why the open orders of a window end at its gate."""
    return CancelReason.CASCADED if listed.kind in _CASCADING else CancelReason.EXPIRED


def cascade(listed: InstrumentListed, state: State) -> list[Event]:
    """What a window becomes that trades for the last time: its parts, with their open interest."""
    if listed.kind not in _CASCADING or listed.mode is TradingMode.SUBLET:
        return []
    window = Window(listed.kind, listed.start_day, listed.end_day)
    product = state.products[listed.product_id]
    sold = sold_by_day(product.product_id, window, state)
    children = [
        ChildInterest(
            state.instrument_ids.get(f"{product.code}:{part.code}", 0),
            part.start_day,
            part.end_day,
            min(sold[part.start_day - window.start_day : part.end_day - window.start_day]),
        )
        for part in parts_of(window)
    ]
    return [
        InstrumentCascaded(
            instrument_id=listed.instrument_id, open_interest_qty=min(sold), children=children
        )
    ]


def sold_by_day(product_id: int, window: Window, state: State) -> list[int]:
    """What is held outside the supplier's house on each day of a window, in GPUs."""
    sold = [0] * (window.end_day - window.start_day)
    for start_day, end_day, sold_qty, _amount in state.core.escrow(product_id):
        for day in range(max(start_day, window.start_day), min(end_day, window.end_day)):
            sold[day - window.start_day] = sold_qty
    return sold


# -- evolve ---------------------------------------------------------------------------------------


def evolve_schedule(event: ListingsScheduled, state: State) -> None:
    """The clock looks at all schedules anew; with the first, the next close is settled."""
    if not state.schedules:
        last_day = last_gated_day(state.market_ns)
        state.settled_day = last_day
        begin_closing(last_day + 1, state)
    state.schedules[event.product_id] = event
    state.listed_day = 0
