"""
A supplier's agent: it meters a site and posts what it reads, hour by hour.

    DCGM exporter ──scrape──▶ HourMeter ──an hour is over──▶ RecordReadings
    file of readings ────────────────────────────────────▶ RecordReadings

A GPU counts for an hour when every sample of the hour had it healthy, so an hour's reading is the
least of its samples. An hour with a gap between samples, or of which the beginning or the end was
not seen, is not posted at all: it stays unknown and an auditor rules on it. Posting is safe to
repeat: a command's id is made of what it says, and a reading that is known already is nothing new.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import aiohttp
import msgspec

from clients.errors import Refused
from clients.gpu_metrics import MetricsUnreadable, healthy_qty
from exchange.domain.delivery_commands import MAX_READINGS
from exchange.domain.meter_readings import Reading
from exchange.domain.units import HOURS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import SITE_OFFSET_NS
from exchange.domain.wire import Health, Receipt

HOUR_NS = 3_600 * NS_PER_SECOND
SCRAPE_TIMEOUT_S = 10.0


class Exchange(Protocol):
    """What the agent needs of a client."""

    async def supply(
        self, noun: str, command_tag: str, *, command_id: str | None = None, **fields: object
    ) -> Receipt:
        """Gives a command."""

    async def health(self) -> Health:
        """Tells market time."""


class HourMeter:
    """Makes readings of samples: the least of each hour that was seen as a whole."""

    def __init__(self, longest_gap_ns: int) -> None:
        self._longest_gap_ns = longest_gap_ns
        self._hour = -1
        self._least_qty = 0
        self._last_ns = 0
        self._is_whole = False

    def sample(self, market_ns: int, available_qty: int | None) -> Reading | None:
        """
        Takes a sample, None for one that failed; gives the reading of the hour that it ended.

        No reading where the hour was not seen from its beginning to its end without a gap.
        """
        hour, ended = (market_ns + SITE_OFFSET_NS) // HOUR_NS, None
        hour_ns = hour * HOUR_NS - SITE_OFFSET_NS
        if hour != self._hour:
            is_seen = self._is_whole and hour_ns - self._last_ns <= self._longest_gap_ns
            if is_seen and hour == self._hour + 1:
                ended = self._reading()
            self._hour, self._least_qty = hour, 2**31
            self._last_ns, self._is_whole = hour_ns, True
        if available_qty is not None:
            self._is_whole &= market_ns - self._last_ns <= self._longest_gap_ns
            self._last_ns = market_ns
            self._least_qty = min(self._least_qty, available_qty)
        return ended

    def _reading(self) -> Reading:
        return Reading(self._hour // HOURS_PER_DAY, self._hour % HOURS_PER_DAY, self._least_qty)


async def post_readings(exchange: Exchange, product_id: int, readings: Sequence[Reading]) -> int:
    """Posts readings in commands of bounded size; how many of these commands said anything new."""
    news_count = 0
    for start in range(0, len(readings), MAX_READINGS):
        rows = [list(msgspec.structs.astuple(r)) for r in readings[start : start + MAX_READINGS]]
        try:
            await exchange.supply(
                "deliveries",
                "record_readings",
                command_id=_id_of(product_id, rows),
                product_id=product_id,
                readings=rows,
            )
            news_count += 1
        except Refused as refusal:
            if refusal.name != "empty":  # known already
                raise
    return news_count


async def scrape(session: aiohttp.ClientSession, url: str) -> int | None:
    """Healthy GPUs that an exporter tells of; None where it does not answer or makes no sense."""
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(SCRAPE_TIMEOUT_S)) as answer:
            if answer.status != 200:
                return None
            return healthy_qty(await answer.text())
    except (aiohttp.ClientError, TimeoutError, MetricsUnreadable):
        return None


async def run_agent(
    exchange: Exchange,
    product_id: int,
    metrics_url: str,
    *,
    interval_s: float,
    longest_gap_ns: int,
    stop: asyncio.Event,
    tell: Callable[[str], None],
) -> int:
    """
    Meters until `stop`; how many hours it posted. Market time comes from the exchange.

    A reading that the market refuses is told and given up: of a day that is reported, say, or that
    somebody read otherwise. The hours after it are metered as ever.
    """
    meter, posted_count = HourMeter(longest_gap_ns), 0
    async with aiohttp.ClientSession() as session:
        while not stop.is_set():
            available_qty = await scrape(session, metrics_url)
            reading = meter.sample((await exchange.health()).market_ns, available_qty)
            if reading is not None:
                try:
                    posted_count += await post_readings(exchange, product_id, [reading])
                except Refused as refusal:
                    tell(f"day {reading.day}, hour {reading.hour} was not taken: {refusal.message}")
            try:
                await asyncio.wait_for(stop.wait(), interval_s)
            except TimeoutError:
                continue
    return posted_count


def _id_of(product_id: int, rows: list[Any]) -> str:
    """The same for the same readings, so that a repeat after a lost answer is known as one."""
    return hashlib.sha256(msgspec.json.encode([product_id, rows])).hexdigest()[:36]
