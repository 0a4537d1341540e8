"""
An external index price from rental offers, and how an operator publishes it.

Of a day's offers for one family of GPUs the index is the median over providers of each provider's
own median, so that a provider with many rows counts once. A day without a price has the last one,
at most three days old; the day on which it was observed stays with it. A step of more than 40 %
from one known day to the next is an alarm for people: it is reported and changes nothing.

Providers come and go, so levels are never chained: each day stands for itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from clients.exchange_client import ExchangeClient
from clients.import_report import ImportReport
from clients.rental_offers import GpuFamily, Offer, read_offers
from exchange.domain.units import PPM_WHOLE
from exchange.domain.wire import Receipt

MAX_CARRY_DAYS = 3
ALARM_PPM = 400_000
LONGEST_SOURCE = 128


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
    """A day's price as it is published, with where it came from."""

    index_micro: int
    usd_micro: int
    offers_micro: tuple[int, ...]
    """Each provider's median in micro-CNY, lowest first."""
    observed_day: int
    source: str
    row_count: int
    file_sha256: bytes


@dataclass(frozen=True)
class Alarm:
    """A step between two known days that a person should look at."""

    observed_day: int
    before_usd_micro: int
    usd_micro: int


@dataclass(frozen=True)
class PriceSeries:
    """A family's prices by day, as far as they are known."""

    days: tuple[DayPrice, ...]
    """Rising, a day once."""
    report: ImportReport

    def coverage_ppm(self, carry_days: int = MAX_CARRY_DAYS) -> int:
        """Days with a price, its own or carried, of all from the first to the last; down."""
        if not self.days:
            return 0
        known = [day.observed_day for day in self.days]
        covered = sum(min(after - before, carry_days + 1) for before, after in pairwise(known))
        return (covered + 1) * PPM_WHOLE // (known[-1] - known[0] + 1)

    def alarms(self) -> list[Alarm]:
        """Steps of more than 40 % against a price that was still carried."""
        found = []
        for before, after in pairwise(self.days):
            step = abs(after.usd_micro - before.usd_micro)
            is_carried = after.observed_day - before.observed_day <= MAX_CARRY_DAYS
            if is_carried and step * PPM_WHOLE > ALARM_PPM * before.usd_micro:
                found.append(Alarm(after.observed_day, before.usd_micro, after.usd_micro))
        return found


def read_series(path: Path, family: GpuFamily) -> PriceSeries:
    """A family's prices in a file; empty where it has none."""
    offers, report = read_offers(path)
    return PriceSeries(tuple(day_prices(offers, family)), report)


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


def index_price(
    price: DayPrice, report: ImportReport, usd_cny_ppm: int, shift_days: int = 0
) -> IndexPrice:
    """A day's price in yuan with its provenance; a shifted calendar is named in the source."""
    suffix = f" shifted {shift_days} days" if shift_days else ""
    return IndexPrice(
        index_micro=to_cny_micro(price.usd_micro, usd_cny_ppm),
        usd_micro=price.usd_micro,
        offers_micro=tuple(
            to_cny_micro(usd_micro, usd_cny_ppm) for usd_micro in price.provider_usd_micro
        ),
        observed_day=price.observed_day + shift_days,
        source=report.source[: LONGEST_SOURCE - len(suffix)] + suffix,
        row_count=price.row_count,
        file_sha256=report.file_sha256,
    )


async def publish_index(
    operator: ExchangeClient, gpu_class: str, region: str, price: IndexPrice, usd_cny_ppm: int
) -> Receipt:
    """One day's index price; published again it is the same command, and so happens once."""
    named = (
        f"index {gpu_class} {region} {price.observed_day} {price.index_micro} {usd_cny_ppm} "
        f"{price.source} {price.file_sha256.hex()}"
    )
    return await operator.admin(
        "publish_index_price",
        command_id=str(uuid5(NAMESPACE_OID, named)),
        gpu_class=gpu_class,
        region=region,
        index_micro=price.index_micro,
        usd_micro=price.usd_micro,
        usd_cny_ppm=usd_cny_ppm,
        observed_day=price.observed_day,
        source=price.source,
        row_count=price.row_count,
        file_sha256=price.file_sha256,
    )


def usd_cny_ppm_of(text: str) -> int:
    """Yuan a dollar, as in 7.10, in parts per million; raises `ValueError`."""
    try:
        rate_ppm = Decimal(text) * PPM_WHOLE
    except ArithmeticError:
        raise ValueError(f"{text!r} is no rate like 7.10") from None
    if not rate_ppm.is_finite() or rate_ppm != int(rate_ppm) or not 0 < rate_ppm <= 100 * PPM_WHOLE:
        raise ValueError(f"{text!r} is no rate like 7.10")
    return int(rate_ppm)


def median(values: Iterable[int]) -> int:
    """The middle one, or the mean of the middle two rounded half-even."""
    ordered: Sequence[int] = sorted(values)
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
