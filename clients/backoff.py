"""How long to wait before trying again, and when to give up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubling waits from `first_s`, none above `longest_s`; given up after `give_up_s`."""

    first_s: float = 0.1
    longest_s: float = 5.0
    give_up_s: float = 60.0

    def wait_s(self, attempt: int) -> float:
        """The wait before retry number `attempt`, the first being 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 30))
