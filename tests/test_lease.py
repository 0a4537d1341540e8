"""A lease runs from the beginning of the append that renewed it, which is what a standby sees."""

import pytest

from exchange.lease import LAPSE_NS, LEASE_NS, LeasedLog, LeaseLost


class Slow:
    """A log whose appends take as long as the test says, and the clock beside it."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.append_ns = 0

    async def append(self, records) -> None:
        """Becomes durable after a while."""
        self.now_ns += self.append_ns


async def test_an_append_that_outlasts_the_lease_is_told_to_nobody():
    """It may wait for its replicas for longer; by then a standby may lead."""
    log = Slow()
    leased = LeasedLog(log, lambda: log.now_ns)
    log.append_ns = LEASE_NS
    await leased.append([])
    log.append_ns = LEASE_NS + 1
    with pytest.raises(LeaseLost):
        await leased.append([])


async def test_time_spent_on_waiting_for_replicas_is_gone_from_the_lease():
    """The standby counts from the frame's arrival at the server, not from its confirmation."""
    log = Slow()
    leased = LeasedLog(log, lambda: log.now_ns)
    log.append_ns = LEASE_NS - 10
    await leased.append([])
    assert leased.age_ns() == LEASE_NS - 10
    log.now_ns += 10
    leased.require_lease()
    log.now_ns += 1
    with pytest.raises(LeaseLost):
        leased.require_lease()
    assert log.now_ns < LAPSE_NS, "before the standby leads"
