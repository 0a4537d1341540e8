"""
When trading takes place: the venue's session states, price bands, halts, auctions of single books.

The calendar says on which days and at which minutes a state begins; a year whose calendar names no
minutes is continuous throughout, and so is a venue that is always open. The clock brings each
change about in a record of its own. A book that has collected then uncrosses (`UncrossBooks`)
before the clock does anything else.

A static band lies around an instrument's settlement price, rounded towards it; orders outside end
when it moves. Halting a window halts every window of the product that contains it, of its own mode
alone: what is let is another market than what is sold. Each resumes when none of its causes is
left, by a call auction of five minutes.
"""

from collections.abc import Iterator

from exchange.domain.commands import (
    HaltInstrument,
    PublishBandWidths,
    PublishSettlementPrice,
    ResumeInstrument,
    UncrossBooks,
)
from exchange.domain.enums import CancelReason, SessionState, WindowKind
from exchange.domain.events import (
    AuctionEnded,
    AuctionStarted,
    BandWidthsPublished,
    Event,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    SettlementPricePublished,
    TradingSessionChanged,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import BPS_WHOLE, MAX_PRICE, NS_PER_MINUTE
from exchange.domain.windows import date_of, day_at, start_ns
from matching_core.venue import AUCTION_NS

from .participants import cancellations
from .state import State

UNCROSS_STEPS = 1_000
"""Trades of one record at most, so that a frame stays small."""
BAND_CANCELS = 20_000
"""Orders that a new band may end in its record."""
_SEARCH_DAYS = 60
"""No decreed holiday is longer."""


# -- the venue's session state --------------------------------------------------------------------


def session_state_at(market_ns: int, state: State) -> SessionState:
    """What the calendar says about an instant."""
    assert state.venue is not None, "sessions follow genesis"
    day = day_at(market_ns)
    calendar = state.calendars.get(date_of(day).year)
    if state.venue.is_always_open or calendar is None or not calendar.session_starts:
        return SessionState.CONTINUOUS
    found = SessionState.CLOSED
    if day in calendar.trading_days:
        for start in calendar.session_starts:
            if start_ns(day) + start.minute * NS_PER_MINUTE <= market_ns:
                found = start.session_state
    return found


def next_session_ns(state: State) -> int | None:
    """When the venue's session state changes next, now at the earliest; None where it does not."""
    if session_state_at(state.market_ns, state) != state.core.session_state:
        return state.market_ns
    for at_ns in _instants(state):
        if session_state_at(at_ns, state) != state.core.session_state:
            return at_ns
    return None


def _instants(state: State) -> Iterator[int]:
    """Moments after now at which the calendar may change the state, in order."""
    assert state.venue is not None, "sessions follow genesis"
    if state.venue.is_always_open or not state.calendars:
        return
    today = day_at(state.market_ns)
    for day in range(today, today + _SEARCH_DAYS):
        calendar = state.calendars.get(date_of(day).year)
        starts = (
            [] if calendar is None or day not in calendar.trading_days else calendar.session_starts
        )
        for minute in (0, *(start.minute for start in starts)):
            at_ns = start_ns(day) + minute * NS_PER_MINUTE
            if at_ns > state.market_ns:
                yield at_ns


def session_changes(to_ns: int, state: State) -> list[Event]:
    """What a moment changes about when books may trade: the venue's state, or auctions that end."""
    session_state = session_state_at(to_ns, state)
    if session_state != state.core.session_state:
        return [TradingSessionChanged(session_state=session_state)]
    return [
        AuctionEnded(instrument_id=instrument_id)
        for instrument_id in state.core.auctions_due(to_ns)
    ]


# -- decide ---------------------------------------------------------------------------------------


def uncross(command: UncrossBooks, state: State, account_id: int) -> None:
    """Uncrosses books that have collected, as far as one record goes."""
    state.core.uncross(UNCROSS_STEPS)


def decide_band_widths(command: PublishBandWidths, state: State, account_id: int) -> list[Event]:
    """The widths of bands around settlement prices that are published from now on."""
    return [
        BandWidthsPublished(
            static_bps=command.static_bps,
            day_static_bps=command.day_static_bps,
            dynamic_bps=command.dynamic_bps,
        )
    ]


def decide_settlement_price(
    command: PublishSettlementPrice, state: State, account_id: int
) -> list[Event]:
    """A window's settlement price, its bands, and the end of orders outside them."""
    instrument = _open_instrument(command.instrument_id, state)
    widths = state.band_widths
    assert widths is not None, "genesis publishes the widths"
    price = command.settlement_price
    low_price, high_price = band_around(price, 1, instrument, state)
    outside = state.core.orders_outside(
        instrument.instrument_id, low_price, high_price, BAND_CANCELS + 1
    )
    require(len(outside) <= BAND_CANCELS, Reason.WRONG_STATE, len(outside), BAND_CANCELS)
    return [
        SettlementPricePublished(
            instrument_id=instrument.instrument_id,
            settlement_price=price,
            low_limit_price=low_price,
            high_limit_price=high_price,
            dynamic_bps=widths.dynamic_bps,
        ),
        *cancellations(outside, CancelReason.PRICE_BAND, state),
    ]


def band_around(
    amount: int, hours: int, instrument: InstrumentListed, state: State
) -> tuple[int, int]:
    """The static band around a price of so many fen over hours, each end rounded towards it."""
    widths = state.band_widths
    assert widths is not None, "genesis publishes the widths"
    width_bps = widths.day_static_bps if instrument.kind is WindowKind.DAY else widths.static_bps
    whole = hours * BPS_WHOLE
    low_price = -(-amount * (BPS_WHOLE - width_bps) // whole)
    high_price = amount * (BPS_WHOLE + width_bps) // whole
    return max(1, low_price), min(MAX_PRICE, high_price)


def decide_halt(command: HaltInstrument, state: State, account_id: int) -> list[Event]:
    """Stops a window and all that contain it."""
    instrument = _open_instrument(command.instrument_id, state)
    cause = instrument.instrument_id
    require(cause not in state.halts.get(cause, ()), Reason.ALREADY_DONE, cause)
    return [
        InstrumentHalted(instrument_id=other.instrument_id, cause_instrument_id=cause)
        for other in _containing(instrument, state)
    ]


def decide_resume(command: ResumeInstrument, state: State, account_id: int) -> list[Event]:
    """Lifts a window's own halt; outside trading hours it stays until they begin."""
    cause = _open_instrument(command.instrument_id, state).instrument_id
    require(cause in state.halts.get(cause, ()), Reason.WRONG_STATE, cause)
    session_state = state.core.session_state
    is_trading = session_state not in (SessionState.CLOSED, SessionState.BREAK)
    require(is_trading, Reason.HALTED, session_state, cause)
    return resumptions(cause, state.market_ns, state)


def resumptions(cause: int, market_ns: int, state: State) -> list[Event]:
    """The end of one halt, for each window that it stopped; auctions where none is left."""
    events: list[Event] = []
    for instrument_id, causes in sorted(state.halts.items()):
        if cause not in causes:
            continue
        events.append(InstrumentResumed(instrument_id=instrument_id, cause_instrument_id=cause))
        is_open = market_ns < state.instruments[instrument_id].gate_closure_ns
        is_trading = state.core.session_state == SessionState.CONTINUOUS
        if len(causes) == 1 and is_open and is_trading:
            events.append(
                AuctionStarted(
                    instrument_id=instrument_id,
                    end_ns=market_ns + AUCTION_NS,
                    reference_price=0,
                    trigger_price=0,
                )
            )
    return events


def inherited_halts(listed: InstrumentListed, state: State) -> list[Event]:
    """The halts of a new window's parts, which are its own from the start."""
    return [
        InstrumentHalted(instrument_id=listed.instrument_id, cause_instrument_id=cause)
        for cause, causes in sorted(state.halts.items())
        if cause in causes and _contains(listed, state.instruments[cause])
    ]


def _open_instrument(instrument_id: int, state: State) -> InstrumentListed:
    instrument = state.instruments.get(instrument_id)
    if instrument is None:
        raise Refused(Reason.UNKNOWN_INSTRUMENT, instrument_id)
    gate_closure_ns = instrument.gate_closure_ns
    is_open = state.market_ns < gate_closure_ns
    require(is_open, Reason.WINDOW_CLOSED, state.market_ns, gate_closure_ns)
    return instrument


def _containing(part: InstrumentListed, state: State) -> list[InstrumentListed]:
    """The open windows of the same product and mode that contain one, itself included."""
    open_ids = sorted(instrument_id for _, instrument_id in state.gates)
    return [each for each in map(state.instruments.__getitem__, open_ids) if _contains(each, part)]


def _contains(whole: InstrumentListed, part: InstrumentListed) -> bool:
    return (
        (whole.product_id, whole.mode) == (part.product_id, part.mode)
        and whole.start_day <= part.start_day
        and part.end_day <= whole.end_day
    )


# -- evolve ---------------------------------------------------------------------------------------


def evolve_session(event: TradingSessionChanged, state: State) -> None:
    """The venue is in another session state; auctions of single books are over."""
    state.core.set_session(event.session_state)


def evolve_band_widths(event: BandWidthsPublished, state: State) -> None:
    """The widths are in force; bands that lie keep theirs."""
    state.band_widths = event


def evolve_halt(event: InstrumentHalted, state: State) -> None:
    """One more reason not to trade."""
    causes = state.halts.get(event.instrument_id, [])
    state.halts[event.instrument_id] = sorted([*causes, event.cause_instrument_id])
    state.core.halt(event.instrument_id)


def evolve_resumption(event: InstrumentResumed, state: State) -> None:
    """One reason less; with the last the halt ends."""
    causes = state.halts[event.instrument_id]
    causes.remove(event.cause_instrument_id)
    if not causes:
        del state.halts[event.instrument_id]
        state.core.resume(event.instrument_id)
