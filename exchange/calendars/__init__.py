"""
Trading calendars as files: what was decreed, in words and dates, one file a year.

A file names the holidays, first and last day included, and the minutes at which the states of a
trading day begin. Every other Monday to Friday trades. Weekends never do: an exchange stays closed
on the working weekends that make up for a bridge, which a file lists so that it can be compared
with the decree.

A provisional file is an expectation. The decree, once out, is imported as a higher version, which
moves the gates of the windows that are listed already.

What is decreed stands in the log once it is published; a file is read by importing it only.
"""

from datetime import date, timedelta
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from exchange.domain.enums import SessionState
from exchange.domain.trading_sessions import SessionStart
from exchange.domain.units import Day, Id, Reference
from exchange.domain.windows import day_of

SHIPPED = ("mainland_2026", "mainland_2027")
"""The calendars that come with the exchange."""
_SATURDAY = 5
_WORDS = {
    "pre_open": SessionState.PRE_OPEN,
    "continuous": SessionState.CONTINUOUS,
    "break": SessionState.BREAK,
    "closing_auction": SessionState.CLOSING_AUCTION,
    "closed": SessionState.CLOSED,
}


class CalendarUnreadable(ValueError):
    """A file that is no calendar; it says what is wrong and where."""

    exit_code = 2


class Holiday(Struct, frozen=True, forbid_unknown_fields=True):
    """Days without trading, both ends included."""

    name: str
    first: date
    last: date


class StartOfDay(Struct, frozen=True, forbid_unknown_fields=True):
    """From this time of the day at the site, HH:MM, a trading day is in this state."""

    at: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    session_state: str


class CalendarFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A year as its file states it."""

    year: Annotated[int, Meta(ge=1971, le=2200)]
    version: Annotated[int, Meta(ge=1)]
    is_provisional: bool
    source: Reference
    notes: list[str] = []
    holidays: list[Holiday]
    working_weekends: list[date] = []
    """Decreed to make up for a bridge; no trading all the same."""
    session_starts: list[StartOfDay] = []
    """None for trading around the clock."""


class Calendar(Struct, frozen=True, kw_only=True):
    """A year as the command `publish_calendar` takes it."""

    year: Id
    version: Id
    trading_days: list[Day]
    session_starts: list[SessionStart]
    source: Reference
    is_provisional: bool


def read_calendar(data: bytes) -> Calendar:
    """The calendar of a file's bytes; `CalendarUnreadable` names what does not fit."""
    try:
        file = msgspec.json.decode(data, type=CalendarFile)
    except msgspec.MsgspecError as error:
        raise CalendarUnreadable(f"no calendar: {error}") from error
    closed = _closed_days(file)
    _require_weekends(file, closed)
    first = date(file.year, 1, 1)
    count = (date(file.year + 1, 1, 1) - first).days
    days = [first + timedelta(days=number) for number in range(count)]
    return Calendar(
        year=file.year,
        version=file.version,
        trading_days=[day_of(at) for at in days if at.weekday() < _SATURDAY and at not in closed],
        session_starts=_session_starts(file.session_starts),
        source=file.source,
        is_provisional=file.is_provisional,
    )


def shipped_calendar(name: str) -> bytes:
    """The file of one of `SHIPPED`."""
    return files(__package__).joinpath(f"{name}.json").read_bytes()


def _closed_days(file: CalendarFile) -> dict[date, str]:
    """The holidays' days, each with the holiday's name."""
    closed: dict[date, str] = {}
    for holiday in file.holidays:
        if not date(file.year, 1, 1) <= holiday.first <= holiday.last <= date(file.year, 12, 31):
            raise CalendarUnreadable(
                f"{holiday.name} from {holiday.first} to {holiday.last} is no span of {file.year}"
            )
        for number in range((holiday.last - holiday.first).days + 1):
            at = holiday.first + timedelta(days=number)
            if at in closed:
                raise CalendarUnreadable(f"{at} is in {closed[at]} and in {holiday.name}")
            closed[at] = holiday.name
    return closed


def _require_weekends(file: CalendarFile, closed: dict[date, str]) -> None:
    for at in file.working_weekends:
        if at.year != file.year or at.weekday() < _SATURDAY:
            raise CalendarUnreadable(f"working weekend {at} is no weekend of {file.year}")
        if at in closed:
            raise CalendarUnreadable(f"working weekend {at} is in {closed[at]}")


def _session_starts(starts: list[StartOfDay]) -> list[SessionStart]:
    found: list[SessionStart] = []
    for start in starts:
        if start.session_state not in _WORDS:
            known = ", ".join(_WORDS)
            raise CalendarUnreadable(
                f"{start.at} begins {start.session_state!r}; there are: {known}"
            )
        minute = 60 * int(start.at[:2]) + int(start.at[3:])
        if found and minute <= found[-1].minute:
            raise CalendarUnreadable(f"{start.at} does not come after the start before it")
        found.append(SessionStart(minute, _WORDS[start.session_state]))
    if found and found[-1].session_state is not SessionState.CLOSED:
        raise CalendarUnreadable(f"the day ends {starts[-1].session_state!r} and not 'closed'")
    return found
