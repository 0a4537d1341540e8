"""
Exchanges over one log: each boot is a process with a directory of its own.

A boot runs what `exchange.app.serve` runs, without the gateway: what a client sends goes straight
to the sequencer. It may die or freeze at any await. Whoever comes next gets a copy of the witness,
as the same machine or a standby with the same files would have it, never the dead one's locks.
"""

import asyncio
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from exchange import app
from exchange.domain.commands import Command
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, Refused
from exchange.domain.record import Record
from exchange.domain.units import NS_PER_DAY
from exchange.engine.market_clock import IDLE_TICK_NS, MarketClock
from exchange.engine.sequencer import Sequencer
from exchange.lease import TICK_NS, LeasedLog
from exchange.log import (
    EpochBarrier,
    EventLog,
    LogSettings,
    ServerAddress,
    SnapshotFiles,
    WitnessFile,
    open_log,
)
from exchange.log.event_log import WITNESS_FILE
from exchange.projections import Projections
from exchange.rules import State
from exchange.snapshots import SNAPSHOT_DIR, load
from tests.simulation import careless
from tests.simulation.audit import Audit
from tests.simulation.fake_server import PATH
from tests.simulation.market import NAME
from tests.simulation.protections import Off, Protection
from tests.simulation.virtual_loop import Process, VirtualLoop

SPEED = 20_000
"""Market time against the loop's: a day in four seconds."""
MARKING_INTERVAL_NS = NS_PER_DAY
WITNESS_INTERVAL_S = 1.0

Heard = Callable[[Outcome], None]


class Boot:
    """One start of an exchange, from opening the log to its end."""

    def __init__(self, house: "House", number: int, directory: Path) -> None:
        self.number = number
        self.process = Process(f"boot {number}")
        self.directory = directory
        self.epoch = 0
        """Of its own barrier; 0 before that is durable."""
        self.sequencer: Sequencer | None = None
        self.projections = Projections()
        self._house = house
        self._stop = asyncio.Event()
        self._task = self.process.spawn(house.loop, self._main)
        self._task.add_done_callback(self._end)

    @property
    def is_over(self) -> bool:
        """Whether it has ended or was killed."""
        return self.process.is_dead or self._task.done()

    def send(self, command: Command, heard: Heard) -> None:
        """A client's command on its way; `heard` is called as the answer leaves, if ever."""
        self._house.loop.call_soon(self._receive, command, heard, context=self.process.context)

    @property
    def is_idle(self) -> bool:
        """Whether it leads and nothing waits to be made durable."""
        return self.sequencer is not None and self._house.audit.seq == self.sequencer.seq

    @property
    def state(self) -> State:
        """The live state."""
        assert self.sequencer is not None
        return self.sequencer.engine.state

    def stop_orderly(self) -> None:
        """SIGTERM: drains the queue and ends."""
        self._house.loop.call_soon(self._stop.set, context=self.process.context)

    def follow(self, records: list[Record]) -> None:
        """Folds the records of a commit, as the gateway's hub does."""
        self.projections.apply_all(records)

    def committed(self) -> None:
        """Every step of the exchange is compared with its log."""
        assert self.sequencer is not None
        self._house.audit.compare(self.sequencer.engine.state, self.projections)

    def _receive(self, command: Command, heard: Heard) -> None:
        def leave(outcome: Outcome) -> None:
            self._house.audit.hear(self.epoch, command, outcome)
            heard(outcome)

        if self.sequencer is None:
            return leave(Outcome(0, Reason.LOG_UNAVAILABLE))
        try:
            self.sequencer.submit(command, leave)
        except Refused as refused:
            leave(Outcome(0, refused.reason))

    async def _main(self) -> None:
        house = self._house
        settings = LogSettings(self.directory, NAME, ServerAddress(unix_path=PATH))
        async with open_log(settings) as event_log:
            files = SnapshotFiles(self.directory / SNAPSHOT_DIR, NAME)
            loaded = await load(event_log, files)
            engine, self.projections = loaded.engine, loaded.projections
            appender = await house.take_over(event_log)
            self.epoch = appender.head.epoch
            house.tell(f"{self.process.name} leads from {appender.head.entry_id} on")
            clock_ns = house.loop.now_ns
            if house.has_lease:
                leased = LeasedLog(appender, clock_ns)
                sequencer = Sequencer(engine, leased, leased.require_lease)
            else:
                sequencer = Sequencer(engine, appender)
            self.sequencer = sequencer
            sequencer.followers.append(self)
            house.audit.compare(engine.state, self.projections)
            clock = MarketClock(
                sequencer,
                clock_ns,
                engine.state.market_ns,
                SPEED,
                MARKING_INTERVAL_NS,
                TICK_NS if house.has_lease else IDLE_TICK_NS,
            )
            sessions = list(engine.state.sessions)
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(sequencer.run())
                keepers = [
                    group.create_task(clock.run()),
                    group.create_task(_witness(event_log)),
                    group.create_task(app._close_orphans(sequencer, sessions)),
                ]
                try:
                    await self._stop.wait()
                finally:
                    for keeper in keepers:
                        keeper.cancel()
                    sequencer.stop()
                await writer

    def _end(self, task: asyncio.Task[None]) -> None:
        if self._house.is_over or task.cancelled():
            return
        errors = _leaves(task.exception())
        self._house.tell(f"{self.process.name} ended: {'; '.join(map(str, errors)) or 'orderly'}")
        for error in errors:
            self._house.audit.note_end(error)


class House:
    """All boots, the latest last; a supervisor starts the next when none is left."""

    def __init__(
        self,
        loop: VirtualLoop,
        dice: random.Random,
        directory: Path,
        audit: Audit,
        off: Off,
        tell: Callable[[str], None],
    ) -> None:
        self.loop = loop
        self.audit = audit
        self.tell = tell
        self.is_mending = False
        """Whether the time of faults is over."""
        self.off = off
        self.has_lease = dice.random() < 0.2
        """Whether leaders tick and count their lease, as where a standby is configured."""
        self.boots: list[Boot] = []
        self.is_over = False
        self._dice, self._directory = dice, directory

    @property
    def leaders(self) -> list[Boot]:
        """Boots that live, frozen ones among them; the latest last."""
        return [boot for boot in self.boots if not boot.is_over]

    def start(self) -> Boot:
        """Another boot, whether or not others live."""
        number = len(self.boots) + 1
        directory = self._directory / str(number)
        directory.mkdir()
        previous = self.witness
        if previous is None or Protection.WITNESS in self.off:
            # Any log has its genesis.
            WitnessFile(directory / WITNESS_FILE, NAME).write(NAME.genesis)
        else:
            shutil.copy(previous, directory)
        boot = Boot(self, number, directory)
        self.boots.append(boot)
        return boot

    @property
    def witness(self) -> Path | None:
        """The witness of the last boot that wrote one."""
        written = (boot.directory / WITNESS_FILE for boot in reversed(self.boots))
        return next((path for path in written if path.exists()), None)

    def retire(self, boots: list[Boot]) -> None:
        """Stops older exchanges, as an operator would who sees two."""
        for boot in boots:
            boot.process.kill()

    def supervise(self) -> None:
        """Starts a boot where none lives; looks again in a moment, for ever."""
        if self.is_over:
            return
        if not self.leaders:
            self.start()
        self.loop.outside(0.2 + self._dice.random() * 0.5, self.supervise)

    async def take_over(self, event_log: EventLog):
        """The barrier, as the exchange does it, unless a protection is off."""
        who = EpochBarrier("node", self._dice.randbytes(16), "simulated", bytes(32), 1)
        return await careless.take_over(event_log, who, self.off)


async def _witness(event_log: EventLog) -> None:
    while True:
        await asyncio.sleep(WITNESS_INTERVAL_S)
        await event_log.write_witness()


def _leaves(error: BaseException | None) -> list[BaseException]:
    """The errors themselves, out of the groups that tasks wrap them in."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [] if error is None else [error]
