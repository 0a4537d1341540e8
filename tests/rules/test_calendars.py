"""The calendars that come with the exchange, files that are none, and gates that move with them."""

import json
from datetime import date
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from exchange.calendars import SHIPPED, CalendarUnreadable, read_calendar, shipped_calendar
from exchange.domain.commands import AdvanceClock, PublishCalendar
from exchange.domain.enums import CancelReason, SessionState, Side
from exchange.domain.events import (
    CalendarPublished,
    ClockAdvanced,
    InstrumentExpired,
    OrderCancelled,
)
from exchange.domain.reasons import Reason
from exchange.domain.schedule_events import GateMoved
from exchange.domain.trading_sessions import TRADING_DAY
from exchange.domain.windows import date_of, day_of, gate_ns, start_ns
from tests.rules.markets import OtherMarket, assert_refused, calendar, cross, day, mainland, order
from tests.scenario import FIRST_DAY, TRADER, Market

OPERATOR = 1


def shipped(name: str, **changes: Any) -> PublishCalendar:
    """The command that a shipped file becomes."""
    return PublishCalendar(**{**asdict(read_calendar(shipped_calendar(name))), **changes})


def closed_weekdays(year: int) -> set[str]:
    """The dates from Monday to Friday on which a shipped calendar does not trade."""
    trading = set(shipped(f"mainland_{year}").trading_days)
    days = range(day_of(date(year, 1, 1)), day_of(date(year + 1, 1, 1)))
    dates = (date_of(at) for at in days if at not in trading)
    return {at.isoformat() for at in dates if at.weekday() < 5}


def dates_of(month: str, *days_of_month: int) -> set[str]:
    """Dates of a month such as 2026-02."""
    return {f"{month}-{number:02d}" for number in days_of_month}


# -- what is shipped ------------------------------------------------------------------------------


def test_2026_is_closed_as_the_state_council_decreed():
    decreed = [
        dates_of("2026-01", 1, 2),
        dates_of("2026-02", 16, 17, 18, 19, 20, 23),
        dates_of("2026-04", 6),
        dates_of("2026-05", 1, 4, 5),
        dates_of("2026-06", 19),
        dates_of("2026-09", 25),
        dates_of("2026-10", 1, 2, 5, 6, 7),
    ]
    assert closed_weekdays(2026) == set().union(*decreed)
    assert len(shipped("mainland_2026").trading_days) == 242


def test_2027_is_provisional_and_holds_every_statutory_holiday():
    calendar_2027 = shipped("mainland_2027")
    assert calendar_2027.is_provisional
    assert "no notice" in calendar_2027.source
    statutory = [
        dates_of("2027-01", 1),
        dates_of("2027-02", 5, 6, 7, 8),
        dates_of("2027-04", 5),
        dates_of("2027-05", 1, 2),
        dates_of("2027-06", 9),
        dates_of("2027-09", 15),
        dates_of("2027-10", 1, 2, 3),
    ]
    trading = {date_of(at).isoformat() for at in calendar_2027.trading_days}
    assert not trading & set().union(*statutory)


@pytest.mark.parametrize("name", SHIPPED)
def test_an_exchange_never_trades_at_a_weekend_working_or_not(name):
    assert all(date_of(at).weekday() < 5 for at in shipped(name).trading_days)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_trading_day_has_the_sessions_of_the_mainland(name):
    assert shipped(name).session_starts == TRADING_DAY


def test_a_venue_takes_the_shipped_calendars_and_stays_closed_over_the_spring_festival():
    market = OtherMarket({"is_always_open": False})
    for name in SHIPPED:
        market.do(OPERATOR, shipped(name))
        published = market.events[0]
        assert isinstance(published, CalendarPublished)
        assert published.is_provisional is (name == "mainland_2027")
        assert published.source == shipped(name).source
    market.advance(start_ns(day("2027-02-04")) + 10 * 3_600 * 10**9)
    assert market.core.session_state == SessionState.CONTINUOUS
    market.advance(start_ns(day("2027-02-15")))
    reopened_ns = start_ns(day("2027-02-15")) + 9 * 3_600 * 10**9
    assert market.core.session_state == SessionState.CLOSED
    market.advance(reopened_ns)
    assert market.core.session_state == SessionState.PRE_OPEN
    market.assert_replays()


# -- files that are none --------------------------------------------------------------------------


def file(**changes: Any) -> bytes:
    """The file of 2026 with some of its fields changed."""
    return json.dumps({**json.loads(shipped_calendar("mainland_2026")), **changes}).encode()


def holiday(first: str, last: str) -> dict[str, str]:
    """A holiday as a file has it."""
    return {"name": "Feast", "first": first, "last": last}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no calendar"),
        (b"[]", "no calendar"),
        (file(decreed_by="nobody"), "unknown field `decreed_by`"),
        (file(version=0), "version"),
        (file(source=""), "source"),
        (file(holidays=[holiday("2026-02-30", "2026-03-01")]), "holidays"),
        (file(holidays=[holiday("2026-03-02", "2026-03-01")]), "no span of 2026"),
        (file(holidays=[holiday("2025-12-31", "2026-01-01")]), "no span of 2026"),
        (file(holidays=[holiday("2026-12-31", "2027-01-01")]), "no span of 2026"),
        (
            file(holidays=[holiday("2026-03-02", "2026-03-03")] * 2),
            "2026-03-02 is in Feast and in Feast",
        ),
        (file(working_weekends=["2026-01-05"]), "2026-01-05 is no weekend of 2026"),
        (file(working_weekends=["2027-01-02"]), "2027-01-02 is no weekend of 2026"),
        (file(working_weekends=["2026-01-03"]), "2026-01-03 is in New Year"),
        (file(session_starts=[{"at": "24:00", "session_state": "closed"}]), "session_starts"),
        (file(session_starts=[{"at": "09:00", "session_state": "open"}]), "begins 'open'"),
        (file(session_starts=[{"at": "09:00", "session_state": "continuous"}]), "not 'closed'"),
        (
            file(session_starts=[{"at": "09:00", "session_state": "closed"}] * 2),
            "09:00 does not come after",
        ),
    ],
)
def test_a_file_that_is_no_calendar_says_what_does_not_fit(data, words):
    with pytest.raises(CalendarUnreadable) as raised:
        read_calendar(data)
    assert words in str(raised.value)


# -- gates ----------------------------------------------------------------------------------------


def test_a_later_decree_moves_the_gates_of_listed_windows_and_of_no_others():
    market = mainland(2026, 2027)
    january = market.list_window("M2701")
    tomorrow = market.list_window("D261124")
    gate = market.state.instruments[january].gate_closure_ns
    assert gate == gate_ns(day("2026-12-30"))
    market.do(OPERATOR, calendar(2026, version=2, holidays=("2026-12-30", "2026-12-31")))
    moved_ns = gate_ns(day("2026-12-28"))
    assert market.events[1:] == [GateMoved(instrument_id=january, gate_closure_ns=moved_ns)]
    assert market.state.instruments[january].gate_closure_ns == moved_ns
    assert market.state.instruments[tomorrow].gate_closure_ns == gate_ns(FIRST_DAY)
    market.assert_replays()


def test_after_a_gate_has_moved_the_window_trades_to_its_new_last_moment():
    market = mainland(2026, 2027)
    january = market.list_window("M2701")
    bid = market.order(TRADER, january, Side.BUY, 1, 100)
    market.do(OPERATOR, calendar(2026, version=2, holidays=("2026-12-31",)))
    moved_ns = gate_ns(day("2026-12-29"))
    cross(market, moved_ns - 1)
    market.order(TRADER, january, Side.BUY, 1, 100)
    cross(market, moved_ns)
    late = order(january, Side.BUY)
    assert_refused(market, TRADER, late, Reason.WINDOW_CLOSED, moved_ns, moved_ns)
    assert market.core.order(bid) is None
    market.assert_replays()


def test_a_gate_that_moves_into_the_past_closes_at_the_next_record_of_the_clock():
    market = mainland(2026, 2027)
    tuesday = market.list_window("D261124")
    monday_noon_ns = start_ns(FIRST_DAY) + 12 * 3_600 * 10**9
    cross(market, monday_noon_ns)
    bid = market.order(TRADER, tuesday, Side.BUY, 1, 100)
    market.do(OPERATOR, calendar(2026, version=2, holidays=("2026-11-23",)))
    friday_ns = gate_ns(day("2026-11-20"))
    assert_refused(
        market, TRADER, order(tuesday, Side.BUY), Reason.WINDOW_CLOSED, monday_noon_ns, friday_ns
    )
    market.do(0, AdvanceClock(market_ns=monday_noon_ns))
    advanced, cancelled, expired = market.events
    assert advanced == ClockAdvanced(market_ns=monday_noon_ns)
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.order_id, cancelled.cancel_reason) == (bid, CancelReason.EXPIRED)
    assert expired == InstrumentExpired(instrument_id=tuesday)
    market.assert_replays()


def test_a_venue_that_is_always_open_keeps_its_gates_whatever_is_decreed():
    market = Market()
    market.list_window("M2701")
    market.do(OPERATOR, calendar(2026))
    market.do(OPERATOR, replace(calendar(2027), session_starts=TRADING_DAY))
    assert [type(event) for event in market.events] == [CalendarPublished]
