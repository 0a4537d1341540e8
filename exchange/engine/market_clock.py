"""
Turns elapsed time into `AdvanceClock` commands; the only source of market time.

Market time runs `speed` times as fast as the monotonic clock that the caller hands in. A tick is
submitted when something is due (a gate, the start of a delivery day, a marking cycle) and otherwise
every ten seconds, so that an idle market does not fill the log (every 250 ms where they are a
lease, see `exchange.lease`). Each tick crosses one boundary; catching up after a pause therefore
submits one after the other, and is done before anybody trades: minutes count from market time.
"""

import asyncio
from collections.abc import Callable

from exchange.domain.commands import AdvanceClock, PublishMarks
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_SECOND
from exchange.rules.clock import next_boundary_ns, owed_before
from exchange.rules.pledge_marking import is_anything_to_mark
from exchange.rules.valuation import fill_tables

from .sequencer import Sequencer

IDLE_TICK_NS = 10 * NS_PER_SECOND
HOUR_NS = 3_600 * NS_PER_SECOND
SHORTEST_SLEEP_S = 0.001
LONGEST_SLEEP_S = 1.0
"""A command may bring the next boundary nearer, as a schedule or a calendar does."""
GIVE_WAY_TIMES = 3
"""How many times as long as a record of pledges took the writer is left to others behind it."""
LONGEST_PAUSE_NS = NS_PER_SECOND // 20
_WRITER_STOPPED = (Reason.OUTCOME_UNKNOWN, Reason.LOG_UNAVAILABLE)
"""Not the clock's to report: the sequencer raises why."""


class MarketClock:
    """Keeps a shard's market time moving from `start_ns` on."""

    def __init__(
        self,
        sequencer: Sequencer,
        monotonic_ns: Callable[[], int],
        start_ns: int,
        speed: int,
        marking_interval_ns: int,
        idle_tick_ns: int = IDLE_TICK_NS,
    ) -> None:
        self.last_tick_monotonic_ns = monotonic_ns()
        self._sequencer = sequencer
        self._monotonic_ns = monotonic_ns
        self._started_ns = monotonic_ns()
        self._start_ns = start_ns
        self._speed = speed
        self._marking_interval_ns = marking_interval_ns
        self._idle_tick_ns = idle_tick_ns

    def now_ns(self) -> int:
        """Market time as it should be now, whether or not it has been recorded yet."""
        return self._start_ns + (self._monotonic_ns() - self._started_ns) * self._speed

    async def catch_up(self, stop: asyncio.Event) -> None:
        """
        Ticks without a pause until market time is where it should have been at the call.

        Ends early once `stop` is set, and where a tick brings no record: the writer has stopped,
        and the sequencer raises why.
        """
        target_ns, sequencer = self.now_ns(), self._sequencer
        while not stop.is_set() and self._is_behind(target_ns):
            seq = sequencer.seq
            await self._tick()
            if sequencer.seq == seq:
                return

    async def run(self) -> None:
        """Ticks until cancelled."""
        fill_tables(self._sequencer.engine.state)
        while True:
            wait_s = self._seconds_to_next()
            await asyncio.sleep(min(wait_s, LONGEST_SLEEP_S))
            if wait_s <= LONGEST_SLEEP_S:
                await self._tick()

    async def _tick(self) -> None:
        state = self._sequencer.engine.state
        await self._settle_up()
        # One that an exchange died at, before the time moves on: what comes due is decided on its
        # marks.
        await self._finish_cycle()
        target_ns = min(self.now_ns(), self._due_ns())
        if target_ns > state.market_ns or next_boundary_ns(state) <= state.market_ns:
            command = AdvanceClock(market_ns=max(target_ns, state.market_ns))
            outcome = await self._sequencer.execute(command)
            if outcome.reason in _WRITER_STOPPED:
                return
            assert outcome.reason is None, f"the clock was refused: {outcome}"
            await self._settle_up()
        self.last_tick_monotonic_ns = self._monotonic_ns()
        if state.market_ns % self._cycle_ns() == 0:
            outcome = await self._sequencer.execute(PublishMarks())
            is_expected = outcome.reason in (None, Reason.EMPTY, *_WRITER_STOPPED)
            assert is_expected, f"marking was refused: {outcome}"
            await self._mark_pledges()

    async def _mark_pledges(self) -> None:
        """A cycle of the pledges: its beginning, and all that it has to look at."""
        if is_anything_to_mark(self._sequencer.engine.state) and await self._mark_some():
            await self._finish_cycle()

    async def _finish_cycle(self) -> None:
        """The rest of what the cycle under way has to look at, if one is."""
        while self._sequencer.engine.state.marking_left:
            if not await self._mark_some():
                return

    async def _mark_some(self) -> bool:
        """
        One record of pledges, and a pause for others; False where nothing is left to look at.

        The last request may be withdrawn by a command that was in the queue already. So it is once
        the writer has stopped.
        """
        begun_ns = self._monotonic_ns()
        outcome = await self._sequencer.execute(MarkPledges())
        if outcome.reason in (Reason.EMPTY, *_WRITER_STOPPED):
            return False
        assert outcome.reason is None, f"marking pledges was refused: {outcome}"
        await self._give_way(self._monotonic_ns() - begun_ns)
        return True

    async def _give_way(self, took_ns: int) -> None:
        """
        Leaves the writer to others for a while, so that what gathered behind a record is through
        before the next one comes; no longer than until the clock has something else to do.
        """
        spare_ns = (self._due_ns() - self.now_ns()) // self._speed
        pause_ns = min(GIVE_WAY_TIMES * took_ns, LONGEST_PAUSE_NS, spare_ns)
        if pause_ns > 0:
            await asyncio.sleep(pause_ns / NS_PER_SECOND)

    async def _settle_up(self) -> None:
        """Does what is owed before the clock moves on; an exchange that died at it goes on here."""
        state = self._sequencer.engine.state
        while (command := owed_before(state)) is not None:
            outcome = await self._sequencer.execute(command)
            if outcome.reason in _WRITER_STOPPED:
                return
            assert outcome.reason is None, f"{command} was refused: {outcome}"

    def _is_behind(self, target_ns: int) -> bool:
        state = self._sequencer.engine.state
        return state.market_ns < target_ns or next_boundary_ns(state) <= state.market_ns

    def _due_ns(self) -> int:
        """The next moment at which something must happen: a boundary, a cycle, an idle tick."""
        state = self._sequencer.engine.state
        interval_ns = self._cycle_ns()
        next_cycle_ns = (state.market_ns // interval_ns + 1) * interval_ns
        return min(next_boundary_ns(state), next_cycle_ns)

    def _cycle_ns(self) -> int:
        """Between two cycles; by the hour while the clock is so far behind that nobody trades."""
        is_far_behind = self.now_ns() - self._sequencer.engine.state.market_ns > HOUR_NS
        return max(self._marking_interval_ns, is_far_behind * HOUR_NS)

    def _seconds_to_next(self) -> float:
        idle_ns = self.last_tick_monotonic_ns + self._idle_tick_ns - self._monotonic_ns()
        due_ns = (self._due_ns() - self.now_ns()) // self._speed
        return max(SHORTEST_SLEEP_S, min(idle_ns, due_ns) / NS_PER_SECOND)
