"""
Which windows are listed at any time, by a product's schedule.

Days follow each other from tomorrow on; months, quarters and years from the first that begins after
today; strips of twelve months begin in each of the next months. The balance of the running month
begins tomorrow, and is listed while it has two days at least: of one day there is the day itself.
User-defined windows are listed on request only.
"""

from collections.abc import Iterator

from .enums import WindowKind
from .schedule_events import ListingsScheduled
from .windows import (
    Window,
    add_months,
    balance_of_month,
    date_of,
    day_of,
    months_window,
)


def windows_ahead(today: int, schedule: ListingsScheduled) -> Iterator[Window]:
    """The windows that a schedule asks for today: parts before what is made of them."""
    tomorrow = today + 1
    for day in range(tomorrow, tomorrow + schedule.day_count):
        yield Window(WindowKind.DAY, day, day + 1)
    balance = balance_of_month(tomorrow)
    is_this_month = date_of(tomorrow).month == date_of(today).month
    if schedule.is_balance_listed and is_this_month and balance.end_day > tomorrow + 1:
        yield balance
    at = date_of(today).replace(day=1)
    for kind, months, count in (
        (WindowKind.MONTH, 1, schedule.month_count),
        (WindowKind.QUARTER, 3, schedule.quarter_count),
        (WindowKind.YEAR, 12, schedule.year_count),
    ):
        begun = at.replace(month=at.month - (at.month - 1) % months)
        for number in range(1, count + 1):
            yield months_window(kind, day_of(add_months(begun, number * months)), months)
    for number in range(1, schedule.strip_count + 1):
        yield months_window(WindowKind.STRIP, day_of(add_months(at, number)), 12)
