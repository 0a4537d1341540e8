"""
Rental offers of providers, as public price lists print them.

Two formats are told apart by their columns. A file of daily offers has `date, provider, gpu,
vram_gb, kind, usd_gpu_h, stale`, a row for each offer and day. A price table over time has
`commit_date, cloud, gpu_type, gpus, per_gpu_usd_h, spot_usd_h`, the whole table at each change: a
row is one firm offer a GPU, and a spot offer for all its GPUs where that column is filled.

Prices are list or quote prices in dollars, not trades. Those outside 0.05 to 100 USD, rows marked
stale and rows that do not parse are counted by kind and left out.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import Enum
from pathlib import Path

from clients.import_report import BadRow, ImportReport, read_rows, required
from exchange.domain.units import HIGHEST_USD_MICRO, LOWEST_USD_MICRO
from exchange.domain.windows import day_of

MICRO_PER_USD = 1_000_000
ON_DEMAND, SPOT = "on-demand", "spot"
FIRM_KINDS = frozenset({ON_DEMAND, "secure"})
"""Kinds of offer that can be compared with a delivery contract; spot and serverless cannot."""
SPOT_KINDS = frozenset({SPOT})
GPU_TYPE = re.compile(r"(?P<gpu>.+?) \((?P<vram>\d+) GB\)")
TABLE_COLUMN = "commit_date"


class PriceFormat(Enum):
    """How a file tells prices over time."""

    OFFERS = "offers"
    """Each day anew: a day that is left out has no price."""
    TABLE = "table"
    """At each change: a price stands until the next version."""


COLUMNS = {
    PriceFormat.OFFERS: {"date", "provider", "gpu", "vram_gb", "kind", "usd_gpu_h"},
    PriceFormat.TABLE: {TABLE_COLUMN, "cloud", "gpu_type", "gpus", "per_gpu_usd_h"},
}


@dataclass(frozen=True)
class Offer:
    """One provider's price of a GPU-hour on a day."""

    observed_day: int
    provider: str
    gpu: str
    """Lower case, as in a100-sxm-80."""
    vram_gb: int
    kind: str
    usd_micro: int


@dataclass(frozen=True)
class GpuFamily:
    """Which offers price a product: GPU names by their beginning, the memory, the kinds."""

    gpu_prefix: str
    vram_gb: int
    kinds: frozenset[str] = FIRM_KINDS

    def holds(self, offer: Offer) -> bool:
        """Whether the offer is for this family, on terms that compare."""
        return (
            offer.gpu.startswith(self.gpu_prefix)
            and offer.vram_gb == self.vram_gb
            and offer.kind in self.kinds
        )


def read_offers(path: Path) -> tuple[list[Offer], ImportReport]:
    """Every usable offer, and what became of the others."""
    report, rows = read_rows(path)
    offers: list[Offer] = []
    for row in rows:
        try:
            if TABLE_COLUMN in row:
                offers += _table_offers(row)
            else:
                offers.append(_daily_offer(row))
        except BadRow as fault:
            report.bad_rows[str(fault)] += 1
    return offers, report


def format_of(path: Path) -> PriceFormat | None:
    """Which of the two formats a file has by its columns; None for any other."""
    _, rows = read_rows(path)
    columns = set(next(rows, {}))
    return next((known for known, names in COLUMNS.items() if names <= columns), None)


def first_offer_day(path: Path) -> int:
    """The first day of an offers file: a venue begun on it needs no shift of the calendar."""
    offers, report = read_offers(path)
    if not offers:
        raise ValueError(f"{report.source} has no usable row")
    return min(offer.observed_day for offer in offers)


def _daily_offer(row: dict[str, str]) -> Offer:
    observed = required(row, "date")
    provider, gpu = required(row, "provider"), required(row, "gpu")
    kind, price = required(row, "kind"), required(row, "usd_gpu_h")
    vram = required(row, "vram_gb")
    observed_day, vram_gb = _day(observed), _whole(vram)
    usd_micro = _usd_micro(price)
    if row.get("stale", "").strip().lower() in ("1", "true", "yes"):
        raise BadRow("stale")
    return Offer(observed_day, provider, gpu, vram_gb, kind, usd_micro)


def _table_offers(row: dict[str, str]) -> list[Offer]:
    """The firm offer of a row of a price table, and its spot offer; both or none."""
    observed_day = _day(required(row, TABLE_COLUMN))
    provider, gpu_count = required(row, "cloud"), max(1, _whole(required(row, "gpus")))
    found = GPU_TYPE.fullmatch(required(row, "gpu_type"))
    if found is None:
        raise BadRow("missing")
    gpu, vram_gb = found["gpu"].lower().replace(" ", "-"), int(found["vram"])
    prices = {ON_DEMAND: _usd_micro(required(row, "per_gpu_usd_h"))}
    if spot := row.get("spot_usd_h", "").strip():
        prices[SPOT] = _usd_micro(spot, gpu_count)
    return [
        Offer(observed_day, provider, gpu, vram_gb, kind, usd_micro)
        for kind, usd_micro in prices.items()
    ]


def _day(text: str) -> int:
    try:
        return day_of(date.fromisoformat(text))
    except ValueError:
        raise BadRow("non_numeric") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadRow("non_numeric") from None


def _usd_micro(text: str, gpu_count: int = 1) -> int:
    """A price for so many GPUs as micro-USD for one, half-even and within the bounds."""
    try:
        usd = Decimal(text)
    except InvalidOperation:
        raise BadRow("non_numeric") from None
    if not usd.is_finite():
        raise BadRow("non_numeric")
    if usd <= 0:
        raise BadRow("zero")
    usd_micro = usd * MICRO_PER_USD / gpu_count
    if not LOWEST_USD_MICRO <= usd_micro <= HIGHEST_USD_MICRO:
        raise BadRow("outlier")
    return int(usd_micro.to_integral_value(ROUND_HALF_EVEN))
