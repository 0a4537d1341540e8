"""
Market time as participants hear it, and waiting for it.

One poller asks the exchange for the time and wakes whoever waits. It asks more often when the
exchange's clock runs fast, within bounds, so that a laptop stays cool and an agent never spins.
"""

import asyncio
import heapq
import itertools

from clients.sdk import ExchangeClient
from exchange.domain.units import NS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import SITE_OFFSET_NS, day_at, start_ns

SHORTEST_POLL_S = 0.05
LONGEST_POLL_S = 1.0
POLL_MARKET_NS = 600 * NS_PER_SECOND
"""Aim of a poll: ten market minutes."""


class MarketTime:
    """The last time heard, only ever growing."""

    def __init__(self, source: ExchangeClient, now_ns: int) -> None:
        self.now_ns = now_ns
        self._source = source
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @property
    def day(self) -> int:
        """The running delivery day."""
        return day_at(self.now_ns)

    @property
    def second_of_day(self) -> int:
        """Seconds since the day began at the site."""
        return (self.now_ns + SITE_OFFSET_NS) % NS_PER_DAY // NS_PER_SECOND

    async def run(self) -> None:
        """Polls until cancelled."""
        loop = asyncio.get_running_loop()
        began_s, began_ns = loop.time(), self.now_ns
        while True:
            elapsed_s = max(loop.time() - began_s, SHORTEST_POLL_S)
            speed_ns_per_s = max(1, int((self.now_ns - began_ns) / elapsed_s))
            wait_s = POLL_MARKET_NS / speed_ns_per_s
            await asyncio.sleep(min(LONGEST_POLL_S, max(SHORTEST_POLL_S, wait_s)))
            pong = await self._source.ping()
            self.now_ns = max(self.now_ns, pong.market_ns)
            self._wake()

    async def until(self, market_ns: int) -> None:
        """Returns once market time has reached this moment."""
        if market_ns <= self.now_ns:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (market_ns, next(self._order), woken))
        await woken

    async def until_second(self, day: int, second: int) -> None:
        """Returns once this second of this delivery day has come."""
        await self.until(start_ns(day) + second * NS_PER_SECOND)

    async def next_tick(self, interval_ns: int) -> None:
        """Returns at the next multiple of an interval; those missed meanwhile are skipped."""
        await self.until((self.now_ns // interval_ns + 1) * interval_ns)

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.now_ns:
            woken = heapq.heappop(self._waiting)[2]
            if not woken.done():
                woken.set_result(None)
