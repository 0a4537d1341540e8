"""
Products, calendars and the windows that trade.

The last trading moment of a window is 16:00 at the site on its last trading day: for a day the
last trading day before it; for a month, quarter, year or strip the second trading day before the
first of its first month; for a user-defined window the gate of its first day. Trading days are
what the calendar says; a venue that is always open trades every day.

A balance of month is listed for each day anew, as `B270305` for the days from the 5th to the end of
March: a window is fixed for its life, as the holds and positions under it are, so it can neither
shrink nor be traded once its first day runs. Its gate is that of its first day.

A new version of a calendar moves the gates of open windows; one that moves into the past closes at
the clock's next record.
"""

from bisect import insort
from collections.abc import Mapping

from msgspec.structs import replace

from exchange.domain.commands import DefineProduct, ListInstrument, PublishCalendar
from exchange.domain.enums import Role, SessionState, TradingMode, WindowKind
from exchange.domain.events import (
    CalendarPublished,
    Event,
    InstrumentExpired,
    InstrumentListed,
    ProductDefined,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.schedule_events import GateMoved
from exchange.domain.windows import Window, date_of, day_at, gate_ns, parse_window

from .participants import complete_house
from .sessions import inherited_halts
from .state import State
from .sublets import first_floor

_LAST_SEARCH_DAYS = 60
"""No decreed holiday is longer; the search for a trading day ends there."""
_OF_A_DAY = (WindowKind.DAY, WindowKind.BALANCE, WindowKind.USER_DEFINED)
"""Kinds that trade until the last trading day before they begin."""


# -- decide ---------------------------------------------------------------------------------------


def decide_product(command: DefineProduct, state: State, account_id: int) -> list[Event]:
    """A product of a supplier, at its own fee rates or the schedule's."""
    require(all(p.code != command.code for p in state.products.values()), Reason.ALREADY_EXISTS)
    state.participant_with(command.supplier_account_id, Role.SUPPLIER)
    schedule = state.fee_schedule
    assert schedule is not None, "genesis publishes the fee schedule"
    return [
        ProductDefined(
            product_id=len(state.products) + 1,
            code=command.code,
            kind=command.kind,
            gpu_class=command.gpu_class,
            region=command.region,
            supplier_account_id=command.supplier_account_id,
            lot_qty=command.lot_qty,
            maker_bps=schedule.maker_bps if command.maker_bps is None else command.maker_bps,
            taker_bps=schedule.taker_bps if command.taker_bps is None else command.taker_bps,
        )
    ]


def decide_calendar(command: PublishCalendar, state: State, account_id: int) -> list[Event]:
    """
    A year's trading days, each in the year, in a version above the one in force.

    Open windows whose last trading day is another one now get another gate.
    """
    known = state.calendars.get(command.year)
    in_force = 0 if known is None else known.version
    require(command.version > in_force, Reason.ALREADY_EXISTS, command.version, in_force)
    days = sorted(set(command.trading_days))
    require(len(days) > 0, Reason.EMPTY)
    for day in days:
        require(date_of(day).year == command.year, Reason.BAD_WINDOW, day, command.year, day)
    minutes = [start.minute for start in command.session_starts]
    require(minutes == sorted(set(minutes)), Reason.BAD_WINDOW, len(minutes))
    if command.session_starts:
        last = command.session_starts[-1]
        is_closed = last.session_state is SessionState.CLOSED
        require(is_closed, Reason.BAD_WINDOW, last.session_state, SessionState.CLOSED)
    published = CalendarPublished(
        year=command.year,
        version=command.version,
        trading_days=days,
        session_starts=command.session_starts,
        source=command.source,
        is_provisional=command.is_provisional,
    )
    return [published, *_moved_gates({**state.calendars, command.year: published}, state)]


def _moved_gates(calendars: Mapping[int, CalendarPublished], state: State) -> list[Event]:
    """The gates that open windows have under these calendars, where they are others."""
    assert state.venue is not None, "listing follows genesis"
    if state.venue.is_always_open:
        return []
    events: list[Event] = []
    for gate_closure_ns, instrument_id in state.gates:
        listed = state.instruments[instrument_id]
        window = Window(listed.kind, listed.start_day, listed.end_day)
        day, is_found = _search(window, calendars)
        if is_found and gate_ns(day) != gate_closure_ns:
            events.append(GateMoved(instrument_id=instrument_id, gate_closure_ns=gate_ns(day)))
    return events


def decide_listing(command: ListInstrument, state: State, account_id: int) -> list[Event]:
    """Lists a window that its code names exactly, that lies ahead and whose gate is open."""
    product = state.product(command.product_id)
    window = Window(command.kind, command.start_day, command.end_day)
    today = day_at(state.market_ns)
    require(window.start_day > today, Reason.BAD_WINDOW, window.start_day, today, window.start_day)
    require(_is_named_exactly(window), Reason.BAD_WINDOW, window.start_day, window.end_day)
    symbol = _symbol(product, window, command.mode)
    require(symbol not in state.instrument_ids, Reason.ALREADY_EXISTS)
    gate_closure_ns = gate_ns(last_trading_day(window, state))
    require(
        gate_closure_ns > state.market_ns, Reason.WINDOW_CLOSED, state.market_ns, gate_closure_ns
    )
    listed = listed_window(
        len(state.instruments) + 1, product, window, gate_closure_ns, command.mode
    )
    return [listed, *first_floor(listed, state), *inherited_halts(listed, state)]


def listed_window(
    instrument_id: int,
    product: ProductDefined,
    window: Window,
    gate_closure_ns: int,
    mode: TradingMode = TradingMode.TITLE,
) -> InstrumentListed:
    """The event that opens a window of a product for trading until its gate."""
    return InstrumentListed(
        instrument_id=instrument_id,
        product_id=product.product_id,
        symbol=_symbol(product, window, mode),
        kind=window.kind,
        start_day=window.start_day,
        end_day=window.end_day,
        gate_closure_ns=gate_closure_ns,
        mode=mode,
    )


def _symbol(product: ProductDefined, window: Window, mode: TradingMode) -> str:
    return f"{product.code}:{window.code}{mode.symbol_suffix}"


def last_trading_day(window: Window, state: State) -> int:
    """The delivery day on which a window trades last; refuses where no calendar tells."""
    day, is_found = find_last_trading_day(window, state)
    if not is_found:
        year = date_of(day).year
        raise Refused(Reason.NO_CALENDAR, day if year in state.calendars else year, 0, day)
    return day


def find_last_trading_day(window: Window, state: State) -> tuple[int, bool]:
    """The delivery day on which a window trades last, or where the calendars end; and which."""
    assert state.venue is not None, "listing follows genesis"
    if state.venue.is_always_open:
        return window.start_day - _notice_days(window), True
    return _search(window, state.calendars)


def _search(window: Window, calendars: Mapping[int, CalendarPublished]) -> tuple[int, bool]:
    needed, day = _notice_days(window), window.start_day
    for _ in range(_LAST_SEARCH_DAYS):
        day -= 1
        calendar = calendars.get(date_of(day).year)
        if calendar is None:
            return day, False
        needed -= day in calendar.trading_days
        if needed == 0:
            return day, True
    return day, False


def _notice_days(window: Window) -> int:
    """How many trading days before its first day a window trades last."""
    return 1 if window.kind in _OF_A_DAY else 2


def trading_days_between(earlier_day: int, later_day: int, state: State) -> int:
    """How many trading days lie after the one and up to the other; all, where no calendar tells."""
    assert state.venue is not None, "listing follows genesis"
    days = range(earlier_day + 1, later_day + 1)
    if state.venue.is_always_open:
        return len(days)
    calendars = {year: calendar.trading_days for year, calendar in state.calendars.items()}
    return sum(day in calendars.get(date_of(day).year, (day,)) for day in days)


def is_trading_day(day: int, state: State) -> bool:
    """Whether the venue trades on a day; it does where no calendar tells."""
    return trading_days_between(day - 1, day, state) > 0


def next_business_day(today: int, state: State) -> int:
    """The next trading day; every day is one where no calendar tells."""
    assert state.venue is not None, "calendars follow genesis"
    for day in range(today + 1, today + 1 + _LAST_SEARCH_DAYS):
        calendar = state.calendars.get(date_of(day).year)
        if state.venue.is_always_open or calendar is None or day in calendar.trading_days:
            return day
    return today + 1


def trading_gate_ns(day: int, count: int, state: State) -> int:
    """16:00 of the trading day that is so many after a day."""
    for _ in range(count):
        day = next_business_day(day, state)
    return gate_ns(day)


def _is_named_exactly(window: Window) -> bool:
    try:
        return parse_window(window.code) == window
    except ValueError:
        return False


# -- evolve ---------------------------------------------------------------------------------------


def evolve_product(event: ProductDefined, state: State) -> None:
    """The product exists; its house is the supplier's party, whoever of it named whom."""
    state.products[event.product_id] = event
    state.core.add_product(
        event.product_id,
        event.supplier_account_id,
        event.lot_qty,
        event.maker_bps,
        event.taker_bps,
    )
    complete_house(event.product_id, state)


def evolve_calendar(event: CalendarPublished, state: State) -> None:
    """The calendar is in force, and schedules may find windows that it lets be listed."""
    state.calendars[event.year] = event
    state.listed_day = 0


def evolve_gate(event: GateMoved, state: State) -> None:
    """The window trades until another moment."""
    listed = state.instruments[event.instrument_id]
    state.gates.remove((listed.gate_closure_ns, listed.instrument_id))
    insort(state.gates, (event.gate_closure_ns, listed.instrument_id))
    state.instruments[listed.instrument_id] = replace(listed, gate_closure_ns=event.gate_closure_ns)
    state.core.move_gate(listed.instrument_id, event.gate_closure_ns)


def evolve_listing(event: InstrumentListed, state: State) -> None:
    """The window is open; user-defined ones take orders that never rest."""
    state.instruments[event.instrument_id] = event
    state.instrument_ids[event.symbol] = event.instrument_id
    insort(state.gates, (event.gate_closure_ns, event.instrument_id))
    state.core.add_instrument(
        event.instrument_id,
        event.product_id,
        event.start_day,
        event.end_day,
        event.kind is not WindowKind.USER_DEFINED,
        event.gate_closure_ns,
        event.mode is TradingMode.SUBLET,
    )


def evolve_expiry(event: InstrumentExpired, state: State) -> None:
    """The window no longer trades; its halt, if any, is nobody's cause any more."""
    listed = state.instruments[event.instrument_id]
    state.gates.remove((listed.gate_closure_ns, listed.instrument_id))
    state.rent_floors.pop(event.instrument_id, None)
    state.core.close_instrument(event.instrument_id)
