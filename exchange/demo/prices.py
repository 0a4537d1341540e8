"""
Rental prices of providers: the market's index price and its supplier's offers.

Reads the daily offers format `date, provider, gpu, vram_gb, kind, usd_gpu_h, stale`. Of a day's
offers for one family of GPUs the index is the median over providers of each provider's own median,
so that a provider with many rows counts once. Prices outside 0.05 to 100 USD, rows marked stale and
rows that do not parse are counted by kind and left out. A day without a price shows the last one,
at most three days old; the day on which it was observed stays with it.

The file's calendar is laid onto the market's: its first day is the market's first. When the file
ends it begins again, and the source then names the shift.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path

from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_of

from .import_report import BadRow, ImportReport, read_rows, required

MICRO_PER_USD = 1_000_000
LOWEST_USD_MICRO = 50_000
HIGHEST_USD_MICRO = 100_000_000
MAX_CARRY_DAYS = 3
LONGEST_SOURCE = 128
FIRM_KINDS = frozenset({"on-demand", "secure"})
"""Kinds of offer that can be compared with a delivery contract; spot and serverless cannot."""


@dataclass(frozen=True)
class Offer:
    """One provider's price of a GPU-hour on a day."""

    observed_day: int
    provider: str
    gpu: str
    vram_gb: int
    kind: str
    usd_micro: int


@dataclass(frozen=True)
class GpuFamily:
    """Which offers price a product: GPU names by their beginning, and the memory."""

    gpu_prefix: str
    vram_gb: int

    def holds(self, offer: Offer) -> bool:
        """Whether the offer is for this family, on terms that compare."""
        return (
            offer.gpu.startswith(self.gpu_prefix)
            and offer.vram_gb == self.vram_gb
            and offer.kind in FIRM_KINDS
        )


@dataclass(frozen=True)
class DayPrice:
    """What a day's offers say."""

    observed_day: int
    usd_micro: int
    """The median over providers."""
    provider_usd_micro: tuple[int, ...]
    """Each provider's median, lowest first."""
    row_count: int


@dataclass(frozen=True)
class IndexPrice:
    """A day's price as it is published, in the market's calendar."""

    index_micro: int
    usd_micro: int
    offers_micro: tuple[int, ...]
    """Each provider's median in micro-CNY, lowest first."""
    observed_day: int
    source: str
    row_count: int
    file_sha256: bytes


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
                return self._published(found, market_day - age_days)
        return None

    def _published(self, price: DayPrice, observed_day: int) -> IndexPrice:
        shift_days = observed_day - price.observed_day
        suffix = f" shifted {shift_days} days" if shift_days else ""
        return IndexPrice(
            index_micro=to_cny_micro(price.usd_micro, self._usd_cny_ppm),
            usd_micro=price.usd_micro,
            offers_micro=tuple(
                to_cny_micro(usd_micro, self._usd_cny_ppm) for usd_micro in price.provider_usd_micro
            ),
            observed_day=observed_day,
            source=self.report.source[: LONGEST_SOURCE - len(suffix)] + suffix,
            row_count=price.row_count,
            file_sha256=self.report.file_sha256,
        )


def read_offers(path: Path) -> tuple[list[Offer], ImportReport]:
    """Every usable offer, and what became of the others."""
    report, rows = read_rows(path)
    offers = []
    for row in rows:
        try:
            offers.append(_offer_of(row))
        except BadRow as fault:
            report.bad_rows[str(fault)] += 1
    return offers, report


def day_prices(offers: Iterable[Offer], family: GpuFamily) -> list[DayPrice]:
    """The two-stage median of each day on which the family was offered."""
    by_day: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for offer in offers:
        if family.holds(offer):
            by_day[offer.observed_day][offer.provider].append(offer.usd_micro)
    prices = []
    for day, by_provider in sorted(by_day.items()):
        medians = sorted(median(prices) for prices in by_provider.values())
        row_count = sum(len(prices) for prices in by_provider.values())
        prices.append(DayPrice(day, median(medians), tuple(medians), row_count))
    return prices


def first_offer_day(path: Path) -> int:
    """The first day of an offers file: a venue begun on it needs no shift of the calendar."""
    offers, report = read_offers(path)
    if not offers:
        raise ValueError(f"{report.source} has no usable row")
    return min(offer.observed_day for offer in offers)


def median(values: Iterable[int]) -> int:
    """The middle one, or the mean of the middle two rounded half-even."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return half_even(ordered[middle - 1] + ordered[middle], 2)


def to_cny_micro(usd_micro: int, usd_cny_ppm: int) -> int:
    """Dollars to yuan, rounded half-even."""
    return half_even(usd_micro * usd_cny_ppm, PPM_WHOLE)


def half_even(numerator: int, denominator: int) -> int:
    """The quotient to the nearest integer, a half to the even one."""
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        quotient += 1
    return quotient


def _offer_of(row: dict[str, str]) -> Offer:
    observed = required(row, "date")
    provider, gpu = required(row, "provider"), required(row, "gpu")
    kind, price = required(row, "kind"), required(row, "usd_gpu_h")
    vram = required(row, "vram_gb")
    try:
        observed_day = day_of(date.fromisoformat(observed))
        vram_gb = int(vram)
        usd = Decimal(price)
    except (ValueError, InvalidOperation):
        raise BadRow("non_numeric") from None
    if not usd.is_finite():
        raise BadRow("non_numeric")
    if usd <= 0:
        raise BadRow("zero")
    if not LOWEST_USD_MICRO <= usd * MICRO_PER_USD <= HIGHEST_USD_MICRO:
        raise BadRow("outlier")
    if row.get("stale", "").strip().lower() in ("1", "true", "yes"):
        raise BadRow("stale")
    usd_micro = int((usd * MICRO_PER_USD).to_integral_value(ROUND_HALF_EVEN))
    return Offer(observed_day, provider, gpu, vram_gb, kind, usd_micro)
