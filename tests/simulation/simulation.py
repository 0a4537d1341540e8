"""
One seed, one run: the exchange over the fake server, people, faults, and in the end the reckoning.

    run(seed)                    raises `SeedFailed` with the history of the run
    run(seed, off={...})         the same with protections switched off
"""

import asyncio
import functools
import gc
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version as _read_version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from structlog.testing import capture_logs

from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_DAY
from exchange.engine import replay
from exchange.log import ChainVerifier, appender
from tests.simulation import careless
from tests.simulation.audit import Audit, Violation
from tests.simulation.fake_server import Disk, FakeServer
from tests.simulation.faults import Faults
from tests.simulation.house import Boot, House
from tests.simulation.market import NAME, first_entries
from tests.simulation.people import People
from tests.simulation.protections import ALL_ON, Off, Protection
from tests.simulation.virtual_loop import VirtualLoop

DURATION_S = 8.0
"""Two days of the market."""
FAULTS_COUNT = 5
MENDING_S = 200.0
"""Longest time until all is settled after the last fault; a read alone may wait for a minute."""


class SeedFailed(AssertionError):
    """A run that broke something; its message says how to see it again."""


class World:
    """Everything of one run."""

    def __init__(self, loop: VirtualLoop, seed: int, directory: Path, off: Off) -> None:
        self.history: list[str] = []
        self._loop, self._dice = loop, random.Random(seed)
        self.audit = Audit(self.tell)
        disk = Disk(list(first_entries()), lambda: self.audit.read(disk))
        self.audit.read(disk)
        self.server = FakeServer(loop, self._dice, disk, off)
        self.house = House(loop, self._dice, directory, self.audit, off, self.tell)
        self.people = People(loop, self._dice, self.house)
        self.faults = Faults(loop, self._dice, self.house, self.server, self.tell)

    def tell(self, text: str) -> None:
        """Notes what happened, for who looks at a failure."""
        self.history.append(f"{self._loop.time():8.4f} {text}")

    @property
    def records(self) -> list[bytes]:
        """Every record of the run; `FrameDamaged` where the log is none."""
        chain = ChainVerifier(NAME)
        return [
            record
            for (epoch, seq), data in self.server.disk.written
            for record in chain.check(f"{epoch}-{seq}", data).records
        ]

    async def run(self) -> None:
        """Trouble, then peace, then the reckoning."""
        self.server.start()
        self.house.supervise()
        self.people.act()
        self.faults.plan(DURATION_S, FAULTS_COUNT)
        await self._pass(DURATION_S)
        self.house.is_mending, self.people.is_buying = True, False
        self.faults.mend_all()
        self.tell("everything is mended")
        leader = await self._settle()
        self.house.is_over = True
        self._reckon(leader)

    async def _pass(self, duration_s: float) -> None:
        """Lets time go by; the first violation ends the run."""
        try:
            async with asyncio.timeout(duration_s):
                await self.audit.alarm.wait()
        except TimeoutError:
            return
        assert self.audit.violation is not None
        raise self.audit.violation

    async def _settle(self) -> Boot:
        """Waits until one leader is left, and every command has an outcome."""
        end_s = self._loop.time() + MENDING_S
        while self._loop.time() < end_s:
            await self._pass(0.5)
            leaders = self.house.leaders
            if len(leaders) > 1:
                self.house.retire(leaders[:-1])
            elif leaders and leaders[0].is_idle and not self.people.unsettled:
                return leaders[0]
        raise Violation(f"after {MENDING_S} s of peace {len(self.people.unsettled)} are open")

    def _reckon(self, leader: Boot) -> None:
        """The whole log once more, from its bytes."""
        records = self.records
        by_commands, by_events = replay.verify(records), replay.replay(records)
        live = leader.state
        if not by_commands.state.hash() == by_events.state.hash() == live.hash():
            raise Violation("live, by events and by commands are three different things")
        if self.audit.seq != live.seq:
            raise Violation(f"the leader is at seq {live.seq}, durable is {self.audit.seq}")
        found = Counter((c.key_id, c.command_id) for c, _ in map(decode_body, records))
        for key, outcome in self.audit.told.items():
            if found[key] != 1:
                raise Violation(f"{key} was told {outcome}, and is {found[key]} times in the log")


def run(seed: int, off: Off = ALL_ON) -> World:
    """One run; raises SeedFailed."""
    loop = VirtualLoop()
    with _machine(loop, seed, off) as directory:
        world = World(loop, seed, directory, off)
        loop.set_exception_handler(lambda _, context: world.audit.blame(_unhandled(context)))
        try:
            loop.run_until_complete(world.run())
        except Exception as error:
            raise SeedFailed(_report(seed, off, world, error)) from error
        finally:
            world.house.is_over = True
            _clean_up(loop, world)
    return world


def _report(seed: int, off: Off, world: World, error: Exception) -> str:
    names = " --off " + " ".join(sorted(guard.name for guard in off)) if off else ""
    where = "".join(traceback.format_exception(error)[-3:])
    return "\n".join(
        [
            f"seed {seed}: {type(error).__name__}: {error}",
            *world.history,
            where,
            f"again: python -m tests.simulation {seed}{names}",
        ]
    )


def _clean_up(loop: VirtualLoop, world: World) -> None:
    """Lets the dead release what they hold of the real machine; without a server all soon end."""
    loop.set_exception_handler(lambda *_: None)
    loop.end_outside()
    world.server.kill()
    for process in loop.processes:
        process.bury(loop)
    loop.run_until_complete(asyncio.sleep(MENDING_S))
    left = [task for task in loop.tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _unhandled(context: dict[str, Any]) -> BaseException:
    return context.get("exception") or Violation(context["message"])


@contextmanager
def _machine(loop: VirtualLoop, seed: int, off: Off) -> Iterator[Path]:
    """
    The exchange's own machine: a directory, a disk that forgets nothing, a clock that jumps.

    What a disk may forget is the matter of `tests.log`. The wall clock reaches nothing but the
    frames' `at_ns`, so a seed is the same to the byte.
    """
    dice = random.Random(~seed)

    def wall_ns() -> int:
        return loop.now_ns() + dice.choice((0, 0, 0, -NS_PER_DAY, NS_PER_DAY))

    # In memory where there is such a place: one CI run makes ten thousand directories.
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with ExitStack() as stack:
        # A run is short and its garbage is collected after it: that saves a sixth of the time.
        gc.disable()
        stack.callback(gc.enable)
        for function in (appender.take_over, appender.open_appender):
            defaults = tuple(
                wall_ns if default is time.time_ns else default for default in function.__defaults__
            )
            stack.enter_context(patch.object(function, "__defaults__", defaults))
        if Protection.COMPARE_AND_APPEND in off:
            append = careless.append_anyhow
            stack.enter_context(patch.object(appender.Appender, "_append_after", append))
        stack.enter_context(capture_logs())
        stack.enter_context(patch("os.fsync", _fsync))
        stack.enter_context(patch("importlib.metadata.version", _version))
        yield Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place)))


@functools.cache
def _version(package: str) -> str:
    """Redis' client asks for its own version at every start, which is a tenth of a run."""
    return _read_version(package)


def _fsync(descriptor: int) -> None:
    """There is no disk to wait for."""
