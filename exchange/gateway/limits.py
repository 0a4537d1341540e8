"""
How much an account may ask for: token buckets on the wall clock.

A new or amended order costs 1, a mass cancel 5. A cancel that cancels is free and is never refused
for its rate; one that cancels nothing draws on a bucket of its own, so that a flood of them cannot
hide behind the freedom of the others.

Refusals by the market are recorded with the command, and so are mass cancels that found nothing,
for their ids; so their bytes are bounded as well. A token of the bucket for refusals is what the
refusal of an order takes of the log; a long command takes more, and the first refusal of a commit
pays for the frame too. An account has no more under way than it may still be refused, though a
single command always passes a bucket that is not empty, however long it is. Whoever keeps asking
for what is refused waits for that bucket to fill, and a minute of it, with all the sessions that an
account may open meanwhile, grows the log by less than a megabyte.
"""

from collections.abc import Callable

from exchange.domain.commands import Command
from exchange.domain.record import encode_command

from .settings import GatewaySettings

ORDER_COST = 1
MASS_CANCEL_COST = 5
REFUSAL_COST = 1
"""Of a command shorter than `REFUSED_BYTES`, as most orders are; its record has up to 140 bytes."""
REFUSED_BYTES = 96
"""Of a command, for each further token."""
FRAME_COST = 2
"""What a frame adds to the log's file beside its records: some 210 bytes."""
_NS_PER_SECOND = 1_000_000_000


def refusal_cost(command: Command) -> int:
    """Tokens that a refusal of the command takes, by the size of what would be recorded."""
    try:
        size_bytes = len(encode_command(command))
    except (UnicodeEncodeError, OverflowError):
        return REFUSAL_COST  # It is refused without a record.
    return REFUSAL_COST + size_bytes // REFUSED_BYTES


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

    __slots__ = ("_open_cost", "idle_cancels", "orders", "refusals", "sessions")

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
        self.idle_cancels = TokenBucket(
            settings.idle_cancels_per_second_count, settings.idle_cancels_per_second_count, clock
        )
        self._open_cost = 0
        """Of what is under way: what it takes where all of it is refused."""

    def asked(self, cost: int) -> None:
        """A request is under way whose refusal takes that much."""
        self._open_cost += cost

    def answered(self, cost: int) -> None:
        """A request that was under way has its outcome."""
        self._open_cost -= cost

    def may_be_refused(self) -> bool:
        """Whether one more request may come back refused beside those that are under way."""
        return self._open_cost < self.refusals.level_count
