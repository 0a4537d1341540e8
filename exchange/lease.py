"""
The leader's lease, where a standby is configured: the log itself.

A leader ticks at least every 250 ms. One whose append took longer than 1.5 s may have been passed
over meanwhile (a standby waits 2 s), so it tells nobody of it and stops; one whose last tick is
older answers no question about now. Compare-and-append is what keeps the log safe; the lease keeps
a stale leader from speaking as if it still led.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from exchange.domain.units import NS_PER_SECOND
from exchange.log.errors import LogError

TICK_NS = NS_PER_SECOND // 4
LEASE_NS = 3 * NS_PER_SECOND // 2
LAPSE_NS = 2 * NS_PER_SECOND
"""How long a standby waits without a sign of life, on its own clock."""


class LeaseLost(LogError):
    """The log was silent for too long to speak for it; whoever leads now has what was appended."""

    exit_code = 69


class Log(Protocol):
    """What is leased."""

    async def append(self, records: Sequence[bytes]) -> object:
        """Returns once the records are durable."""


class LeasedLog:
    """A log whose answers count only while the lease runs."""

    def __init__(self, log: Log, monotonic_ns: Callable[[], int]) -> None:
        self._log = log
        self._monotonic_ns = monotonic_ns
        self._renewed_ns = monotonic_ns()

    async def append(self, records: Sequence[bytes]) -> None:
        """Appends; raises `LeaseLost` where that took longer than the lease."""
        started_ns = self._monotonic_ns()
        await self._log.append(records)
        self._renewed_ns = started_ns
        self.require_lease()

    def age_ns(self) -> int:
        """
        How long ago the last append began that came to its end.

        Not how long ago it ended: a standby sees a frame while its leader still waits for the
        replicas, and counts from there.
        """
        return self._monotonic_ns() - self._renewed_ns

    def require_lease(self) -> None:
        """Raises `LeaseLost` where the last append began longer ago than the lease runs."""
        age_ns = self.age_ns()
        if age_ns > LEASE_NS:
            raise LeaseLost(
                f"log_lease_lost: the last append began {age_ns / NS_PER_SECOND:.1f} s ago, the "
                f"lease is {LEASE_NS / NS_PER_SECOND} s; a standby may lead now, start again to "
                "find out"
            )
