"""The clock that catches up before anybody may trade."""

import asyncio
from itertools import pairwise

import pytest

from exchange.domain.commands import AdvanceClock, MassCancel, PublishMarks
from exchange.domain.units import NS_PER_SECOND
from exchange.engine.market_clock import HOUR_NS, MarketClock
from exchange.engine.sequencer import Sequencer
from tests.rules.test_sessions import at, crossed, venue
from tests.scenario import OTHER, TRADER, Market

CYCLE_NS = 60 * NS_PER_SECOND
STOPPED_NS = 5 * CYCLE_NS + 7 * NS_PER_SECOND


class Told:
    """Follows a sequencer and keeps the commands."""

    def __init__(self) -> None:
        self.commands: list = []

    def follow(self, records):
        """Records of a commit."""
        self.commands += [record.command for record in records]

    def committed(self):
        """The end of a commit."""


class FailingLog:
    """A log that takes so many frames and then fails."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    async def append(self, records):
        """One frame."""
        self.frames -= 1
        if self.frames < 0:
            raise ConnectionResetError("gone")


def paused(frames: int) -> tuple[Market, Sequencer, MarketClock]:
    """An exchange that starts again after `STOPPED_NS`; no time passes any more."""
    market = Market()
    sequencer = Sequencer(market.engine, FailingLog(frames))
    start_ns = market.state.market_ns + STOPPED_NS
    return market, sequencer, MarketClock(sequencer, lambda: 0, start_ns, 1, CYCLE_NS)


async def test_catching_up_crosses_every_cycle_and_ends_at_the_moment_it_began():
    market, sequencer, clock = paused(frames=1_000)
    market_ns, told = market.state.market_ns, Told()
    sequencer.followers.append(told)
    running = asyncio.create_task(sequencer.run())
    await clock.catch_up(asyncio.Event())
    assert market.state.market_ns == market_ns + STOPPED_NS == clock.now_ns()
    ticks = [one.market_ns for one in told.commands if isinstance(one, AdvanceClock)]
    assert ticks == sorted(ticks)
    cycles = [tick for tick in ticks if tick % CYCLE_NS == 0]
    assert len(cycles) == STOPPED_NS // CYCLE_NS
    seq = sequencer.seq
    await clock.catch_up(asyncio.Event())
    assert sequencer.seq == seq
    sequencer.stop()
    await running


async def test_a_clock_that_is_far_behind_marks_by_the_hour():
    market = Market()
    sequencer, told = Sequencer(market.engine, FailingLog(1_000)), Told()
    sequencer.followers.append(told)
    start_ns = market.state.market_ns + 3 * HOUR_NS
    running = asyncio.create_task(sequencer.run())
    await MarketClock(sequencer, lambda: 0, start_ns, 1, CYCLE_NS).catch_up(asyncio.Event())
    ticks = [one.market_ns for one in told.commands if isinstance(one, AdvanceClock)]
    assert {HOUR_NS, CYCLE_NS} <= {after - before for before, after in pairwise(ticks)}
    # The last hour is crossed by the minute, what lies before it by the hour.
    assert 60 <= len(ticks) <= 65
    sequencer.stop()
    await running


@pytest.mark.parametrize("frames", [0, 1, 3])
async def test_catching_up_ends_where_the_log_cannot_grow(frames):
    market, sequencer, clock = paused(frames)
    running = asyncio.create_task(sequencer.run())
    async with asyncio.timeout(5):
        await clock.catch_up(asyncio.Event())
    with pytest.raises(ConnectionResetError):
        await running
    assert market.state.market_ns < clock.now_ns()


async def test_a_stop_that_is_asked_for_ends_the_catching_up():
    market, sequencer, clock = paused(frames=1_000)
    stop, asked = asyncio.Event(), Told()
    sequencer.followers.append(asked)
    asked.committed = stop.set
    running = asyncio.create_task(sequencer.run())
    await clock.catch_up(stop)
    assert len([one for one in asked.commands if not isinstance(one, PublishMarks)]) == 1
    assert market.state.market_ns < clock.now_ns()
    sequencer.stop()
    await running


async def test_a_book_whose_orders_go_as_the_clock_uncrosses_it_needs_no_uncrossing():
    """The cancels are in the queue when the clock looks."""
    market = venue()
    crossed(market)
    market.do(0, AdvanceClock(market_ns=at("09:15")))
    assert market.core.is_uncrossing
    sequencer = Sequencer(market.engine, FailingLog(1_000))
    clock = MarketClock(sequencer, lambda: 0, at("09:15") + CYCLE_NS, 1, 24 * HOUR_NS)
    for account_id in (TRADER, OTHER):
        gone = MassCancel(key_id=account_id, command_id="gone")
        sequencer.submit(gone, lambda outcome: None)
    running = asyncio.create_task(sequencer.run())
    await clock._tick()
    await clock._tick()
    assert (market.core.is_uncrossing, market.state.market_ns) == (False, clock.now_ns())
    sequencer.stop()
    await running
