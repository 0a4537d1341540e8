"""
How much an account may ask for: token buckets on the wall clock.

A new or amended order costs 1, a mass cancel 5. A cancel that cancels is free and is never refused
for its rate; one that cancels nothing draws on a bucket of its own, so that a flood of them cannot
hide behind the freedom of the others.

Refusals by the market are recorded, and so are mass cancels that found nothing, for their ids; so
their number is bounded as well: an account has no more requests under way than it may still be
refused. Whoever keeps asking for what is refused waits for that bucket to fill, and a minute of it
grows the log by less than a megabyte.
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

    @property
    def level_count(self) -> int:
        """Whole tokens that are there; below 0 after `spend`."""
        self._refill()
        return self._level // _NS_PER_SECOND

    def spend(self, cost: int) -> None:
        """Takes tokens for what has happened, whether they are there or not."""
        self._level -= cost * _NS_PER_SECOND

    def give_back(self, cost: int) -> None:
        """Returns tokens that were taken for nothing."""
        self._level = min(self._burst, self._level + cost * _NS_PER_SECOND)

    def _refill(self) -> None:
        now_ns = self._clock()
        self._level = min(self._burst, self._level + (now_ns - self._at_ns) * self._per_second)
        self._at_ns = now_ns


class AccountLimits:
    """One account's buckets, shared by all its sessions and its HTTP requests."""

    __slots__ = ("idle_cancels", "open_request_count", "orders", "refusals", "sessions")

    def __init__(self, settings: GatewaySettings, clock: Callable[[], int]) -> None:
        self.orders = TokenBucket(
            settings.orders_per_second_count, settings.orders_burst_count, clock
        )
        self.sessions = TokenBucket(
            settings.sessions_per_second_count, settings.sessions_burst_count, clock
        )
        self.refusals = TokenBucket(
            settings.refusals_per_second_count, settings.refusals_burst_count, clock
        )
        self.open_request_count = 0
        """Of all its sessions together."""
        self.idle_cancels = TokenBucket(
            settings.idle_cancels_per_second_count, settings.idle_cancels_per_second_count, clock
        )

    def may_be_refused(self) -> bool:
        """Whether one more request may come back refused beside those that are under way."""
        return self.open_request_count < self.refusals.level_count
