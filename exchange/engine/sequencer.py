"""
The one writer: numbers, executes, makes durable, then answers and publishes.

    submit ─▶ queue ─▶ execute … execute ─▶ append (fsync) ─▶ replies ─▶ followers ─▶ committed
                 ▲                              │
                 └── gathers while one frame ───┘  is being appended: the group commit, no timer

Nobody hears of what is not durable: every outcome of a batch, duplicates and unrecorded refusals
included, waits for the batch's frame. When an append fails, what was executed may or may not be in
the log, so the sequencer stops for good: waiting commands hear `outcome_unknown`, later ones
`log_unavailable`, and the process recovers by starting again from the log. So it does when a rule
raises half way: that one command hears `internal_error`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from exchange.domain.commands import (
    AdvanceClock,
    CancelOrder,
    CloseSession,
    Command,
    MassCancel,
)
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, Refused
from exchange.domain.record import Record, events_of

from .engine import Engine

Reply = Callable[[Outcome], None]
T = TypeVar("T")

BATCH_BYTES = 1 << 20
"""A frame aims at this size at most."""
QUEUE_LIMIT = 20_000
"""Commands waiting; beyond it they are refused with `overload`."""
QUEUE_RESERVE = 5_000
"""Room beyond the limit for what takes load away: cancels, closing sessions and the clock."""
_RELIEF = (CancelOrder, MassCancel, CloseSession, AdvanceClock)


def _nothing_to_require() -> None:
    """Nobody else may lead."""


class Log(Protocol):
    """What the sequencer needs of the log."""

    async def append(self, records: Sequence[bytes]) -> object:
        """Returns once the records are durable as one frame; raises when that is not certain."""


class Follower(Protocol):
    """Who is told of durable records, in the writer's own task: it must be quick."""

    def follow(self, records: Sequence[Record]) -> None:
        """Takes the records of a commit, after their commands' replies."""

    def committed(self) -> None:
        """The commit is complete; buffers may leave."""


class Sequencer:
    """Runs a shard's commands through its engine, one batch a frame."""

    def __init__(
        self, engine: Engine, log: Log, require_lease: Callable[[], None] = _nothing_to_require
    ) -> None:
        """`require_lease` raises where nothing may be told that no append has just vouched for."""
        self.engine = engine
        self._require_lease = require_lease
        self.followers: list[Follower] = []
        self.is_ready = False
        self.failure: BaseException | None = None
        """Why it stopped; None while it runs or after an orderly stop."""
        self._log = log
        self._queue: deque[tuple[Command, Reply]] = deque()
        self._arrived = asyncio.Event()
        self._is_stopping = False
        self._rests: deque[Callable[[], None]] = deque()
        """What waits for a moment between two commits."""

    @property
    def seq(self) -> int:
        """The last sequence number that is durable or about to be."""
        return self.engine.state.seq

    @property
    def market_ns(self) -> int:
        """Market time."""
        return self.engine.state.market_ns

    @property
    def queue_count(self) -> int:
        """Commands waiting for a batch."""
        return len(self._queue)

    def submit(self, command: Command, reply: Reply) -> None:
        """
        Queues a command; `reply` hears its outcome once that is durable.

        Raises `Refused` with `overload` when the queue is full, `draining` while stopping and
        `log_unavailable` after a failure: then nothing was queued. The exchange's own commands
        (clock, marking, sessions' ends) always find room: they are few and nobody can flood them.
        """
        if self.failure is not None:
            raise Refused(Reason.LOG_UNAVAILABLE)
        if self._is_stopping:
            raise Refused(Reason.DRAINING)
        limit = QUEUE_LIMIT + (QUEUE_RESERVE if isinstance(command, _RELIEF) else 0)
        if len(self._queue) >= limit and command.key_id != 0:
            raise Refused(Reason.OVERLOAD, len(self._queue), limit)
        self._queue.append((command, reply))
        self._arrived.set()

    async def execute(self, command: Command) -> Outcome:
        """Submits a command and waits for its outcome; a refusal to queue it is one as well."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def reply(outcome: Outcome) -> None:
            if not answered.cancelled():
                answered.set_result(outcome)

        try:
            self.submit(command, reply)
        except Refused as refused:
            return Outcome(0, refused.reason, refused.value, refused.limit)
        return await answered

    async def at_rest(self, work: Callable[[], T], then: Command) -> T:
        """
        Runs `work` between two commits: all that was executed is durable and nothing is under way.

        `then` is the next record, whoever else waits. `work` must be quick, for everybody waits;
        what it raises is raised here and stops nothing.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def run() -> None:
            if done.cancelled():
                return
            try:
                found = work()
            except Exception as error:
                done.set_exception(error)
                return
            done.set_result(found)
            self._queue.appendleft((then, _unheard))

        self._rests.append(run)
        self._arrived.set()
        return await done

    async def run(self) -> None:
        """Executes until `stop`; raises what made it stop otherwise."""
        self.is_ready = True
        try:
            while True:
                while self._rests:
                    self._rests.popleft()()
                if not self._queue:
                    if self._is_stopping:
                        return
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                await self._commit_batch()
        except BaseException as failure:
            self.failure = failure
            self._abandon()
            raise
        finally:
            self.is_ready = False

    def stop(self) -> None:
        """Takes no more commands; `run` returns once those waiting are durable."""
        self._is_stopping = True
        self._arrived.set()

    async def _commit_batch(self) -> None:
        """Executes what waits, appends it as one frame, then answers and publishes."""
        first_seq = self.engine.state.seq + 1
        replies: list[tuple[Reply, Outcome]] = []
        commands: list[Command] = []
        encoded: list[bytes] = []
        size = 0
        market_times: list[int] = []
        engine, queue = self.engine, self._queue
        try:
            while queue and size < BATCH_BYTES:
                command, reply = queue[0]
                try:
                    outcome, record = engine.execute(command)
                except Exception:
                    # It will never be in the log. Sent again elsewhere it would stop that as well.
                    queue.popleft()
                    reply(Outcome(0, Reason.INTERNAL_ERROR))
                    raise
                queue.popleft()
                replies.append((reply, outcome))
                if record is not None:
                    commands.append(command)
                    encoded.append(record)
                    market_times.append(engine.state.market_ns)
                    size += len(record)
            if encoded:
                await self._log.append(encoded)
            else:
                self._require_lease()
        except BaseException:
            for reply, _ in replies:
                reply(Outcome(0, Reason.OUTCOME_UNKNOWN))
            raise
        for reply, outcome in replies:
            reply(outcome)
        if encoded and self.followers:
            records = [
                Record(seq, market_ns, command, events_of(body))
                for seq, (market_ns, command, body) in enumerate(
                    zip(market_times, commands, encoded, strict=True), start=first_seq
                )
            ]
            for follower in self.followers:
                follower.follow(records)
        for follower in self.followers:
            follower.committed()
        # Lets sockets be read between two batches when the append completed without waiting.
        await asyncio.sleep(0)

    def _abandon(self) -> None:
        while self._queue:
            _, reply = self._queue.popleft()
            reply(Outcome(0, Reason.LOG_UNAVAILABLE))


def _unheard(_outcome: Outcome) -> None:
    """The exchange's own command, whose outcome is in the log."""
