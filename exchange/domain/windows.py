"""
Delivery days and the windows cut from them.

A delivery day runs from 00:00 to 24:00 at UTC+8, which has no daylight saving, and is counted in
days since 1970-01-01. Windows are half-open: `[start_day, end_day)`.

Codes: `D270305` a day, `M2703` a month, `Q271` a quarter, `Y27` a year, `S2703` twelve months from
March 2027, `B270305` the balance of March from the 5th on, `X270301-270308` user-defined.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

from msgspec import Struct

from .enums import WindowKind
from .units import HOURS_PER_DAY, NS_PER_DAY, NS_PER_SECOND

EPOCH = date(1970, 1, 1)
SITE_OFFSET_NS = 8 * 3600 * NS_PER_SECOND
GATE_OF_DAY_NS = 16 * 3600 * NS_PER_SECOND
"""Trading for tomorrow ends at 16:00."""
MAX_USER_DEFINED_DAYS = 366

_LETTERS = {
    "D": WindowKind.DAY,
    "M": WindowKind.MONTH,
    "Q": WindowKind.QUARTER,
    "Y": WindowKind.YEAR,
    "S": WindowKind.STRIP,
    "B": WindowKind.BALANCE,
    "X": WindowKind.USER_DEFINED,
}
_PATTERN = re.compile(
    r"(?:D(\d{6})|M(\d{4})|Q(\d{2})([1-4])|Y(\d{2})|S(\d{4})|B(\d{6})|X(\d{6})-(\d{6}))", re.ASCII
)


class Window(Struct, frozen=True, array_like=True):
    """A span of delivery days and how it was cut."""

    kind: WindowKind
    start_day: int
    end_day: int

    @property
    def hours(self) -> int:
        """Hours per GPU."""
        return (self.end_day - self.start_day) * HOURS_PER_DAY

    @property
    def code(self) -> str:
        """The window's code; `parse_window` reads it back."""
        first = date_of(self.start_day)
        match self.kind:
            case WindowKind.DAY:
                return f"D{first:%y%m%d}"
            case WindowKind.MONTH:
                return f"M{first:%y%m}"
            case WindowKind.QUARTER:
                return f"Q{first:%y}{(first.month + 2) // 3}"
            case WindowKind.YEAR:
                return f"Y{first:%y}"
            case WindowKind.STRIP:
                return f"S{first:%y%m}"
            case WindowKind.BALANCE:
                return f"B{first:%y%m%d}"
            case WindowKind.USER_DEFINED:
                return f"X{first:%y%m%d}-{date_of(self.end_day):%y%m%d}"


def parse_window(code: str) -> Window:
    """The window that a code names; `ValueError` where it names none."""
    match = _PATTERN.fullmatch(code)
    if match is None:
        raise ValueError(f"window code {code!r} is none of D, M, Q, Y, S, B, X")
    kind = _LETTERS[code[0]]
    day, month, quarter_year, quarter, year, strip, balance, first, last = match.groups()
    if kind is WindowKind.DAY:
        start = _day_of_code(day)
        return Window(kind, start, start + 1)
    if kind is WindowKind.BALANCE:
        return balance_of_month(_day_of_code(balance))
    if kind is WindowKind.USER_DEFINED:
        window = Window(kind, _day_of_code(first), _day_of_code(last))
        if not 0 < window.end_day - window.start_day <= MAX_USER_DEFINED_DAYS:
            raise ValueError(f"window {code!r} must span 1 to {MAX_USER_DEFINED_DAYS} days")
        return window
    if kind is WindowKind.QUARTER:
        year_number, month_number, months = int(quarter_year), 3 * int(quarter) - 2, 3
    elif kind is WindowKind.YEAR:
        year_number, month_number, months = int(year), 1, 12
    else:
        digits = month or strip
        year_number, month_number = int(digits[:2]), int(digits[2:])
        months = 1 if kind is WindowKind.MONTH else 12
    if not 1 <= month_number <= 12:
        raise ValueError(f"window code {code!r} has no month {month_number}")
    start_date = date(2000 + year_number, month_number, 1)
    return Window(kind, day_of(start_date), day_of(add_months(start_date, months)))


def months_window(kind: WindowKind, start_day: int, months: int) -> Window:
    """So many months, from a first of the month on."""
    return Window(kind, start_day, day_of(add_months(date_of(start_day), months)))


def balance_of_month(start_day: int) -> Window:
    """From a day to the end of its month."""
    return Window(WindowKind.BALANCE, start_day, day_of(add_months(date_of(start_day), 1)))


def parts_of(window: Window) -> Iterator[Window]:
    """
    The windows that a window is made of, in order; a day is made of none.

    A year is made of quarters, a quarter and a strip of months, anything else of days.
    """
    kind, months = {
        WindowKind.YEAR: (WindowKind.QUARTER, 3),
        WindowKind.QUARTER: (WindowKind.MONTH, 1),
        WindowKind.STRIP: (WindowKind.MONTH, 1),
    }.get(window.kind, (WindowKind.DAY, 0))
    start_day = window.end_day if window.kind is WindowKind.DAY else window.start_day
    while start_day < window.end_day:
        part = months_window(kind, start_day, months) if months else _day_window(start_day)
        yield part
        start_day = part.end_day


def _day_window(day: int) -> Window:
    return Window(WindowKind.DAY, day, day + 1)


@cache
def month_of(day: int) -> int:
    """The month (year × 100 + month) of a delivery day."""
    at = date_of(day)
    return at.year * 100 + at.month


def day_of(at: date) -> int:
    """The delivery day number of a date."""
    return (at - EPOCH).days


def date_of(day: int) -> date:
    """The date of a delivery day number."""
    return EPOCH + timedelta(days=day)


def day_at(market_ns: int) -> int:
    """The delivery day that is running at an instant."""
    return (market_ns + SITE_OFFSET_NS) // NS_PER_DAY


def start_ns(day: int) -> int:
    """The instant at which a delivery day begins, 00:00 at the site."""
    return day * NS_PER_DAY - SITE_OFFSET_NS


def gate_ns(trading_day: int) -> int:
    """16:00 at the site on a trading day: the last trading moment of what ends then."""
    return start_ns(trading_day) + GATE_OF_DAY_NS


def last_gated_day(market_ns: int) -> int:
    """The latest day whose 16:00 at the site has come by an instant."""
    return day_at(market_ns - GATE_OF_DAY_NS)


def add_months(first: date, months: int) -> date:
    """The first of the month that lies `months` after the month of `first`."""
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _day_of_code(digits: str) -> int:
    return day_of(date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:])))
