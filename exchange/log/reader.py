"""
Reads a log from the server, and from the archive what the stream no longer has, as one.

    archive: … frames before the stream's first ─┐ the next frame's `prev` must be
    stream:                                       └▶ the last one's hash ─▶ … ─▶ tip at the start

Reading ends at the tip that the stream had when it began, so that it ends at all beside a running
exchange. What was read is whole and in order, but not yet durable for certain: the server may have
been restarted in between. Start-up therefore appends a barrier before it tells anybody
(`exchange.log.appender.take_over`), and followers take only what is `confirmed`.

Reading is one sequence of steps, driven by a synchronous or an asynchronous client.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from typing import Any, cast

import redis
import redis.asyncio

from exchange.log.archive import Archive
from exchange.log.asking import asking
from exchange.log.entry import Entry, frame_of, position, position_of, split_entry
from exchange.log.errors import LogWentBack
from exchange.log.frame import Frame
from exchange.log.head import Head
from exchange.log.seam import archived_frames, check_archived
from exchange.log.verifier import ChainVerifier

BATCH_BYTES = 4 << 20
"""What one XRANGE aims to bring; frames of the largest size come a few at a time."""
_BATCH_COUNT_MAX = 1000

Question = tuple[Any, ...]
"""A command for the server."""
Steps = Generator[Question | Frame, list[Entry], None]
"""Yields commands, each to be answered by `send`, and frames."""


def read_frames(
    client: redis.Redis, verifier: ChainVerifier, archive: Archive | None = None
) -> Iterator[Frame]:
    """
    Yields the verified frames after `verifier.head`, up to the tip seen at the first step.

    Raises FrameDamaged; LogWentBack where frames are missing at the end, that the start or the
    archive knows of; ArchiveMissing, ArchiveGap or ArchiveDiffers where they are missing before it.
    """
    ask = cast(Callable[..., list[Entry]], client.execute_command)
    steps = _steps(verifier, archive)
    step = next(steps, None)
    while step is not None:
        if isinstance(step, Frame):
            yield step
            step = next(steps, None)
        else:
            with asking(f"reading {verifier.name.key}"):
                answer = ask(*step)
            step = _send(steps, answer)


async def read_frames_async(
    client: redis.asyncio.Redis,
    verifier: ChainVerifier,
    archive: Archive | None = None,
    *,
    may_end_early: bool = False,
) -> AsyncIterator[Frame]:
    """
    `read_frames` on asyncio; other tasks run between batches.

    With `may_end_early` the stream may lack what the archive has at its end: to restore it.
    """
    ask = cast(Callable[..., Awaitable[list[Entry]]], client.execute_command)
    steps = _steps(verifier, archive, may_end_early)
    step = next(steps, None)
    while step is not None:
        if isinstance(step, Frame):
            yield step
            step = next(steps, None)
        else:
            with asking(f"reading {verifier.name.key}"):
                answer = await ask(*step)
            step = _send(steps, answer)


def confirmed(frames: Iterable[Frame]) -> Iterator[Frame]:
    """
    The frames that a later one states as durable; the tip is never among them.

    Only frames with records say so: a barrier repeats what the frame before it said.
    """
    waiting: deque[Frame] = deque()
    for frame in frames:
        if frame.records:
            while waiting and waiting[0].header.last_seq <= frame.header.committed_seq:
                yield waiting.popleft()
        waiting.append(frame)


def check_start(start: Head, first: list[Entry], found: list[Entry]) -> None:
    """
    Refuses a log that lacks the frame after which reading is to begin, a snapshot's for one.

    Where the stream begins later, `found` is empty and the chain alone has to tell.
    """
    if start.epoch == 0 or (first and position_of(first[0]) > start.position):
        return
    if not found:
        raise LogWentBack(
            f"log_went_back: entry {start.entry_id}, after which reading should begin, is not in "
            "the log; append what is missing again from the archive with `exchange log restore`, "
            "or use an older snapshot"
        )
    header_hash = frame_of(found[0]).header_hash
    if header_hash != start.header_hash:
        raise LogWentBack(
            f"log_went_back: entry {start.entry_id} has the header hash {header_hash.hex()}, but "
            f"reading should begin after {start.header_hash.hex()}: this is another history"
        )


def _steps(verifier: ChainVerifier, archive: Archive | None, may_end_early: bool = False) -> Steps:
    key, start = verifier.name.key, verifier.head
    tip = yield ("XREVRANGE", key, "+", "-", "COUNT", 1)
    first = yield ("XRANGE", key, "-", "+", "COUNT", 1)
    found = yield ("XRANGE", key, start.entry_id, start.entry_id)
    check_start(start, first, found)
    if archive is not None and not may_end_early:
        archived = archive.head
        found = yield ("XRANGE", key, archived.entry_id, archived.entry_id)
        check_archived(archived, first, tip, found)
    batch = _Batch(verifier, tip)
    while not batch.is_at_tip:
        entries = yield ("XRANGE", key, *batch.range())
        if entries and not _may_follow(verifier, entries[0]):
            first = yield ("XRANGE", key, "-", "+", "COUNT", 1)
            if first and position_of(first[0]) > verifier.head.position:
                yield from archived_frames(archive, verifier, first[0])
                batch.last_id = verifier.head.entry_id
                continue
        batch.take(entries)
        for entry in batch.entries:
            yield verifier.check(*split_entry(entry))


class _Batch:
    """Where reading stands, and how many entries to ask for next."""

    def __init__(self, verifier: ChainVerifier, tip: list[Entry]) -> None:
        self.tip_id = tip[0][0].decode() if tip else verifier.head.entry_id
        self.last_id = verifier.head.entry_id
        self.entries: list[Entry] = []
        self._count = 16

    @property
    def is_at_tip(self) -> bool:
        return position(self.last_id) >= position(self.tip_id)

    def range(self) -> tuple[Any, ...]:
        return f"({self.last_id}", self.tip_id, "COUNT", self._count

    def take(self, entries: list[Entry]) -> None:
        if not entries:
            raise LogWentBack(
                f"log_went_back: entries after {self.last_id} up to the tip {self.tip_id} vanished "
                "while they were read; something trims or deletes this log"
            )
        self.entries = entries
        self.last_id = entries[-1][0].decode()
        size = sum(len(value) for _, fields in entries for value in fields.values())
        mean = max(size // len(entries), 1)
        self._count = min(max(BATCH_BYTES // mean, 1), _BATCH_COUNT_MAX)


def _may_follow(verifier: ChainVerifier, entry: Entry) -> bool:
    """Whether an entry follows the head; another log's is left to the verifier, which says so."""
    header, name = frame_of(entry).header, verifier.name
    is_ours = (header.venue_id, header.shard) == (name.venue_bytes, name.shard_bytes)
    return header.prev == verifier.head.header_hash or not is_ours


def _send(steps: Steps, answer: list[Entry]) -> Question | Frame | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None
