"""
How much an account may ask for: token buckets on the wall clock.

A new or amended order costs 1, a mass cancel 5. A cancel that cancels is free and is never refused
for its rate; one that cancels nothing draws on a bucket of its own, so that a flood of them cannot
hide behind the freedom of the others.
"""

from collections.abc import Callable

from .settings import GatewaySettings

ORDER_COST = 1
MASS_CANCEL_COST = 5
_NS_PER_SECOND = 1_000_000_000


class TokenBucket:
    """Refills by `per_second` tokens a second, up to `burst`; counts in billionths of a token."""

    __slots__ = ("_at_ns", "_burst", "_clock", "_level", "_per_second")

    def __init__(self, per_second: int, burst: int, clock: Callable[[], int]) -> None:
        self._per_second = per_second
        self._burst = burst * _NS_PER_SECOND
        self._level = self._burst
        self._clock = clock
        self._at_ns = clock()

    def take(self, cost: int) -> bool:
        """Takes the tokens, if that many are there."""
        wanted = cost * _NS_PER_SECOND
        if self._level < wanted:
            self._refill()
            if self._level < wanted:
                return False
        self._level -= wanted
        return True

    def give_back(self, cost: int) -> None:
        """Returns tokens that were taken for nothing."""
        self._level = min(self._burst, self._level + cost * _NS_PER_SECOND)

    def _refill(self) -> None:
        now_ns = self._clock()
        self._level = min(self._burst, self._level + (now_ns - self._at_ns) * self._per_second)
        self._at_ns = now_ns


class AccountLimits:
    """One account's buckets, shared by all its sessions and its HTTP requests."""

    __slots__ = ("idle_cancels", "orders", "sessions")

    def __init__(self, settings: GatewaySettings, clock: Callable[[], int]) -> None:
        self.orders = TokenBucket(
            settings.orders_per_second_count, settings.orders_burst_count, clock
        )
        self.sessions = TokenBucket(
            settings.sessions_per_second_count, settings.sessions_burst_count, clock
        )
        self.idle_cancels = TokenBucket(
            settings.idle_cancels_per_second_count, settings.idle_cancels_per_second_count, clock
        )
