"""
What must hold after every step, judged from what is durable on the server's disk.

* The durable frames are one log; nothing durable ever goes away.
* After every frame value is conserved (`tests.properties.conservation`), and the core is sound.
* The state by recorded events is the state by commands decided again.
* A leader's state and read models are those of the log, at its start and after every commit.
* An answer is in the durable log when it leaves, word for word; a command is there at most once;
  and an answer that is not a repeat was written in the epoch of who gives it.

So a leader whose time is over acknowledges nothing of its own. Until it hears of that it may still
repeat what an epoch before it said, and refuse what is not recorded: the words are true, and only a
lease could stop them. The first violation ends the run.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from redis.exceptions import RedisError

from exchange.domain.commands import Command
from exchange.domain.events import CommandRefused, Event
from exchange.domain.outcome import Outcome
from exchange.domain.record import Record
from exchange.engine.engine import Engine
from exchange.log import ChainVerifier, Frame, FrameDamaged, LogError
from exchange.projections import Projections
from exchange.rules import State
from tests.properties.conservation import Ledger
from tests.simulation.fake_server import Disk
from tests.simulation.fake_stream import Entry
from tests.simulation.market import NAME

_MAY_END = (LogError, RedisError, OSError)
"""What may end an exchange, damage excepted: the next one begins from the log."""
CommandKey = tuple[int, str]
"""Key, which is the account here, and command id."""


class Violation(Exception):
    """Something that must hold does not."""


class Audit:
    """The log as the disk has it, folded three ways; `violation` is the first that was found."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.violation: BaseException | None = None
        self.alarm = asyncio.Event()
        """Set with the violation."""
        self.recorded: dict[CommandKey, tuple[int, Outcome]] = {}
        """By command: the epoch of its record, and the outcome that the record states."""
        self.told: dict[CommandKey, Outcome] = {}
        """By command: the first answer that rests on a record."""
        self.answers: Counter[str] = Counter()
        """How many answers left: the first to a command, repeats, and others by their reason."""
        self.seq = 0
        self._tell = tell
        self._chain = ChainVerifier(NAME)
        self._by_events, self._by_commands = Engine(), Engine()
        self._projections = Projections()
        self._ledger = Ledger()
        self._last_entry: Entry | None = None
        self._digests: dict[int, tuple[bytes, dict[str, bytes]]] = {}
        """By the last seq of a frame."""

    # -- asked by the world; none of these raises

    def read(self, disk: Disk) -> None:
        """Takes what has become durable."""
        self._guarded(self._read, disk.written[: disk.synced_count])

    def compare(self, state: State, projections: Projections) -> None:
        """A leader after a commit, or after its start."""
        self._guarded(self._compare, state, projections)

    def hear(self, epoch: int, command: Command, outcome: Outcome) -> None:
        """An answer that leaves the exchange whose epoch this is."""
        self._guarded(self._hear, epoch, command, outcome)

    def note_end(self, error: BaseException) -> None:
        """What ended an exchange."""
        if isinstance(error, FrameDamaged) or not isinstance(error, _MAY_END):
            self.blame(error)

    def blame(self, error: BaseException) -> None:
        """Notes a violation, if it is the first."""
        if self.violation is None:
            self.violation = error
            self.alarm.set()
            self._tell(f"VIOLATION {type(error).__name__}: {error}")

    def _guarded(self, check: Callable[..., None], *args: Any) -> None:
        if self.violation is None:
            try:
                check(*args)
            except Exception as error:
                self.blame(error)

    # -- the log

    def _read(self, entries: list[Entry]) -> None:
        taken_count = self._chain.frame_count
        if taken_count and (
            len(entries) < taken_count or entries[taken_count - 1] is not self._last_entry
        ):
            raise Violation(f"the log goes on without what was durable up to seq {self.seq}")
        for (epoch, seq), data in entries[taken_count:]:
            frame = self._chain.check(f"{epoch}-{seq}", data)
            for encoded in frame.records:
                self._take(frame, encoded)
            state = self._by_events.state
            self._ledger.compare(state)
            state.core.check()
            state_hash = state.hash()
            if self._by_commands.state.hash() != state_hash:
                raise Violation(f"by commands the state at seq {state.seq} is another")
            self._digests[state.seq] = (state_hash, self._projections.digests())
        self._last_entry = entries[-1]

    def _take(self, frame: Frame, encoded: bytes) -> None:
        command, events = self._by_commands.verify(encoded)
        self._by_events.apply(encoded)
        self.seq += 1
        self._ledger.take(command, events)
        market_ns = self._by_events.state.market_ns
        self._projections.apply(Record(self.seq, market_ns, command, events))
        if command.command_id:
            key = (command.key_id, command.command_id)
            outcome = _outcome(self.seq, events)
            if key in self.recorded:
                first = self.recorded[key][1]
                raise Violation(f"{key} is in the log as {first} and again as {outcome}")
            self.recorded[key] = (frame.header.epoch, outcome)

    # -- leaders and answers

    def _compare(self, state: State, projections: Projections) -> None:
        if state.seq not in self._digests:
            raise Violation(f"a leader is at seq {state.seq}, durable is {self.seq}")
        state_hash, digests = self._digests[state.seq]
        if state.hash() != state_hash:
            raise Violation(f"the leader's state at seq {state.seq} is not that of the log")
        for name, digest in projections.digests().items():
            if digest != digests[name]:
                raise Violation(f"the leader's {name} at seq {state.seq} are not those of the log")

    def _hear(self, epoch: int, command: Command, outcome: Outcome) -> None:
        if outcome.seq == 0:
            assert outcome.reason is not None, "an answer rests on a record or names a reason"
            self.answers[outcome.reason.name] += 1
            return  # It says of nothing that it is in the log.
        key = (command.key_id, command.command_id)
        written_epoch, recorded = self.recorded.get(key, (0, None))
        if recorded is None or outcome.seq != recorded.seq:
            raise Violation(f"{key} was told {outcome}, durable is {recorded}")
        if msgspec.structs.replace(outcome, is_duplicate=False) != recorded:
            raise Violation(f"{key} was told {outcome}, the log has {recorded}")
        if not outcome.is_duplicate and written_epoch != epoch:
            raise Violation(f"{key} was told by epoch {epoch}, the log has it in {written_epoch}")
        self.answers["again" if outcome.is_duplicate else "first"] += 1
        self.told.setdefault(key, recorded)


def _outcome(seq: int, events: list[Event]) -> Outcome:
    """What the client of a record is told."""
    first = events[0] if events else None
    if isinstance(first, CommandRefused):
        return Outcome(seq, first.reason, first.value, first.limit, first.day)
    return Outcome(seq)
