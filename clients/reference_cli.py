"""
The shell's half for what is traded and when: calendars, instruments, settlement prices.

A calendar file is checked here before anything is sent; the exchange checks the command again.
"""

from datetime import date
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from clients.sdk import SyncExchangeClient
from exchange.calendars import SHIPPED, CalendarUnreadable, read_calendar, shipped_calendar
from exchange.domain.listing_views import CalendarView
from exchange.domain.windows import date_of, day_of

from .shell import Answer, asks, money, table, told

commands = typer.Typer()
calendar_commands = typer.Typer(no_args_is_help=True)
commands.add_typer(calendar_commands, name="calendar", help="On which days the venue trades.")

_MONDAY_TO_FRIDAY = range(5)


# -- calendars ------------------------------------------------------------------------------------


@calendar_commands.command("import")
@asks("operator")
def calendar_import(
    exchange: SyncExchangeClient,
    file: Annotated[str, typer.Argument(help=f"A calendar file, or one of {', '.join(SHIPPED)}.")],
) -> Answer:
    """Publish a year's calendar; a higher version replaces the one in force and moves gates."""
    calendar = read_calendar(_bytes_of(file))
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
    return receipt, (
        f"calendar {calendar.year} version {calendar.version}{provisional} is in force with "
        f"{len(calendar.trading_days)} trading days at seq {receipt.log_seq}"
    )


@calendar_commands.command("show")
@asks("trader")
def calendar_show(
    exchange: SyncExchangeClient,
    year: Annotated[int | None, typer.Argument(help="All years where none is given.")] = None,
) -> Answer:
    """Print the calendars in force: trading days, closed weekdays, sessions, version."""
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
    return calendars, made


# -- windows --------------------------------------------------------------------------------------


@commands.command()
@asks("trader")
def instruments(
    exchange: SyncExchangeClient,
    product: str = "",
    kind: Annotated[str, typer.Option(help="day, balance, month, quarter, year, strip …")] = "",
    status: Annotated[str, typer.Option(help="Where in its life; all that trade if none.")] = "",
) -> Answer:
    """List windows: where each stands in its life, its last trading day, its open interest."""
    found = exchange.instruments(product or None, kind=kind or None, status=status or None)
    listed = [each for each in found if status or each.is_open]
    columns = ("instrument", "hours", "status", "trades until", "open interest")
    made = table(f"instruments {status or 'that trade'}", *columns)
    for one in listed:
        last = f"{date_of(one.last_trading_day)}"
        row = (one.instrument, f"{one.hours}", one.status, last, f"{one.open_interest_qty}")
        made.add_row(*row)
    return listed, made


@commands.command()
@asks("operator")
def schedule(
    exchange: SyncExchangeClient,
    product: str,
    days: int = 45,
    months: int = 36,
    quarters: int = 8,
    years: int = 2,
    strips: int = 3,
    balance: Annotated[bool, typer.Option(help="List the balance of the month.")] = True,
) -> Answer:
    """Leave a product to the clock: it lists the windows ahead and settles prices every day."""
    product_ids = {each.code: each.product_id for each in exchange.products()}
    receipt = exchange.admin(
        "schedule_listings",
        product_id=product_ids.get(product, 0),
        day_count=days,
        month_count=months,
        quarter_count=quarters,
        year_count=years,
        strip_count=strips,
        is_balance_listed=balance,
    )
    return told(receipt, f"{product} is left to the clock")


@commands.command()
@asks("trader")
def cascade(exchange: SyncExchangeClient, instrument: str) -> Answer:
    """Print what a window became that traded for the last time."""
    cascaded = exchange.cascade(instrument)
    made = table(
        f"{instrument}: open interest {cascaded.open_interest_qty}", "part", "open interest"
    )
    for child in cascaded.children:
        made.add_row(child.instrument, f"{child.open_interest_qty}")
    return cascaded, made


@commands.command("settlement-prices")
@asks("trader")
def settlement_prices(exchange: SyncExchangeClient, product: str = "") -> Answer:
    """Print the settlement prices of open windows, and what months leave to their other days."""
    found = exchange.settlement_prices(product or None)
    day = f"{date_of(found.settled_day)}" if found.settled_day else "no day yet"
    columns = ("instrument", "CNY", "exactly, fen", "from")
    made = table(f"settlement prices of {day}", *columns)
    for price in found.prices:
        exact = f"{Fraction(price.notional_amount, price.gpu_hours)}"
        made.add_row(price.instrument, money(price.settlement_price), exact, price.source)
    for curve in found.curves:
        exact = f"{Fraction(curve.rest_notional_amount, curve.rest_hours)}"
        made.add_row(f"{curve.product}, rest of {curve.month}", "", exact, "curve")
    return found, made


# -- helpers --------------------------------------------------------------------------------------


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
