"""
The demo's price table: a file's days laid onto the market's calendar.

The file's first day is the market's first; when the file ends it begins again, and the source then
names the shift. A day without a price shows the last one, at most three days old. Reading the file
and its medians are `clients.rental_offers` and `clients.index_prices`, like every import.
"""

from collections.abc import Iterable

from clients.import_report import ImportReport
from clients.index_prices import MAX_CARRY_DAYS, DayPrice, IndexPrice, index_price


class PriceTable:
    """A family's prices by market day, from `first_day` on and round again."""

    def __init__(
        self, days: Iterable[DayPrice], report: ImportReport, first_day: int, usd_cny_ppm: int
    ) -> None:
        self._days = {day.observed_day: day for day in days}
        if not self._days:
            raise ValueError(f"{report.source} has no usable price of the product")
        self.report = report
        self._first_day = first_day
        self._first_file_day = min(self._days)
        self._length_days = max(self._days) - self._first_file_day + 1
        self._usd_cny_ppm = usd_cny_ppm

    def at(self, market_day: int) -> IndexPrice | None:
        """The price that is known on a market day; None where the last is too old."""
        into_file_days = (market_day - self._first_day) % self._length_days
        for age_days in range(min(MAX_CARRY_DAYS, into_file_days) + 1):
            found = self._days.get(self._first_file_day + into_file_days - age_days)
            if found is not None:
                shift_days = market_day - age_days - found.observed_day
                return index_price(found, self.report, self._usd_cny_ppm, shift_days)
        return None
