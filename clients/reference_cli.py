"""
The shell's half for what is traded and when: calendars, instruments, settlement prices.

A calendar file is checked here before anything is sent; the exchange checks the command again.
"""

from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from clients.shell import DEFAULT_DATA, As, AsJson, DataDir, TokenFile, Url, connect, show, table
from exchange.calendars import SHIPPED, CalendarUnreadable, read_calendar, shipped_calendar
from exchange.domain.listing_views import CalendarView
from exchange.domain.windows import date_of, day_of

commands = typer.Typer()
calendar_commands = typer.Typer(no_args_is_help=True)
commands.add_typer(calendar_commands, name="calendar", help="On which days the venue trades.")

_MONDAY_TO_FRIDAY = range(5)


# -- calendars ------------------------------------------------------------------------------------


@calendar_commands.command("import")
def calendar_import(
    file: Annotated[str, typer.Argument(help=f"A calendar file, or one of {', '.join(SHIPPED)}.")],
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """Publish a year's calendar; a higher version replaces the one in force and moves gates."""
    calendar = read_calendar(_bytes_of(file))
    with connect(data, url, token_file, who) as exchange:
        receipt = exchange.admin(
            "publish_calendar",
            year=calendar.year,
            version=calendar.version,
            trading_days=calendar.trading_days,
            session_starts=calendar.session_starts,
            source=calendar.source,
            is_provisional=calendar.is_provisional,
        )
    provisional = ", provisional," if calendar.is_provisional else ""
    show(
        receipt,
        as_json,
        f"calendar {calendar.year} version {calendar.version}{provisional} is in force with "
        f"{len(calendar.trading_days)} trading days at seq {receipt.log_seq}",
    )


@calendar_commands.command("show")
def calendar_show(
    year: Annotated[int | None, typer.Argument(help="All years where none is given.")] = None,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Print the calendars in force: trading days, closed weekdays, sessions, version."""
    with connect(data, url, token_file, who) as exchange:
        calendars = exchange.calendars(year)
    made = table("calendars in force", "year", "")
    for calendar in calendars:
        version = f"{calendar.version}" + (" (provisional)" if calendar.is_provisional else "")
        made.add_row(f"{calendar.year}", f"version {version}, {calendar.source or 'no source'}")
        made.add_row("", f"{len(calendar.trading_days)} trading days")
        for first, last in _closed_spans(calendar):
            made.add_row("", f"closed {first}" + (f" to {last}" if last != first else ""))
        for start in calendar.session_starts:
            at = f"{start.minute // 60:02d}:{start.minute % 60:02d}"
            made.add_row("", f"{at} {start.session_state}")
    show(calendars, as_json, made)


def _bytes_of(file: str) -> bytes:
    """A file's bytes; one that is not there may be a calendar that comes with the exchange."""
    path = Path(file)
    if path.exists():
        return path.read_bytes()
    if file not in SHIPPED:
        raise CalendarUnreadable(f"there is no file {file}, and no calendar of that name")
    return shipped_calendar(file)


def _closed_spans(calendar: CalendarView) -> list[tuple[str, str]]:
    """Runs of closed days that hold a Monday to Friday, first and last day of each."""
    trading = set(calendar.trading_days)
    days = range(day_of(date(calendar.year, 1, 1)), day_of(date(calendar.year + 1, 1, 1)))
    runs = [list(run) for is_open, run in groupby(days, trading.__contains__) if not is_open]
    return [
        (f"{date_of(run[0])}", f"{date_of(run[-1])}")
        for run in runs
        if any(date_of(day).weekday() in _MONDAY_TO_FRIDAY for day in run)
    ]
