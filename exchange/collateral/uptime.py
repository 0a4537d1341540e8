"""
How much of what it owed a supplier has delivered, as a lender sees it.

What nobody has said of an hour is unknown, and settlement holds it against nobody: it waits for an
auditor, however long. A lender cannot: a supplier that falls silent would keep the uptime of its
last good days for ever. So once the time to dispute a day is over, its unknown hours count here as
not delivered, until somebody stands for them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exchange.domain.meter_readings import UNKNOWN_QTY
from exchange.domain.units import HOURS_PER_DAY, PPM_WHOLE

UPTIME_DAYS_COUNT = 30
"""Up to the newest day that counts."""


class DayHours(NamedTuple):
    """GPU-hours of a day that were contracted, of these lost, and of the lost unknown."""

    day: int
    contracted_hours: int
    lost_hours: int
    unknown_hours: int = 0


class Uptime(NamedTuple):
    """Delivered over contracted, down; and the hours that are lost in it for being unknown."""

    uptime_ppm: int
    unknown_hours: int


def waiting_day(day: int, contracted_qty: int, available_qtys: Sequence[int]) -> DayHours:
    """A day that is past its disputes and not final, with what is known of its hours."""
    unknown_hours = contracted_qty * available_qtys.count(UNKNOWN_QTY)
    known = (max(0, contracted_qty - qty) for qty in available_qtys if qty != UNKNOWN_QTY)
    return DayHours(day, contracted_qty * HOURS_PER_DAY, unknown_hours + sum(known), unknown_hours)


def uptime_of(days: Iterable[DayHours]) -> Uptime:
    """Of the last days with anything contracted, in any order; all before the first."""
    found = [each for each in days if each.contracted_hours]
    newest_day = max((each.day for each in found), default=0)
    last = [each for each in found if each.day > newest_day - UPTIME_DAYS_COUNT]
    contracted_hours = sum(each.contracted_hours for each in last)
    lost_hours = sum(each.lost_hours for each in last)
    if not contracted_hours:
        return Uptime(PPM_WHOLE, 0)
    uptime_ppm = (contracted_hours - lost_hours) * PPM_WHOLE // contracted_hours
    return Uptime(uptime_ppm, sum(each.unknown_hours for each in last))
