"""
Reads a log from the server and verifies every entry on the way.

Reading ends at the tip that the stream had when it began, so that it ends at all beside a running
exchange. What was read is whole and in order, but not yet durable for certain: the server may have
been restarted in between. Start-up therefore appends a barrier before it tells anybody
(`exchange.log.appender.take_over`), and followers stop at `committed_seq`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

import redis
import redis.asyncio

from exchange.log.errors import BadEntry, LogWentBack
from exchange.log.frame import Frame, decode_frame
from exchange.log.head import Head
from exchange.log.verifier import ChainVerifier

BATCH_BYTES = 4 << 20
"""What one XRANGE aims to bring; frames of the largest size come a few at a time."""
_BATCH_COUNT_MAX = 1000

Entry = tuple[bytes, dict[bytes, bytes]]


def read_frames(client: redis.Redis, verifier: ChainVerifier) -> Iterator[Frame]:
    """Yields the verified frames after `verifier.head`, up to the tip seen at the first step."""
    key, ask = verifier.name.key, cast(Callable[..., list[Entry]], client.execute_command)
    tip = ask("XREVRANGE", key, "+", "-", "COUNT", 1)
    anchor = ask("XRANGE", key, *_anchor_range(verifier.head))
    check_anchor(verifier.head, anchor)
    batch = _Batch(verifier, tip)
    while not batch.is_at_tip:
        batch.take(ask("XRANGE", key, *batch.range()))
        for entry in batch.entries:
            yield verifier.check(*_split(entry))


async def read_frames_async(
    client: redis.asyncio.Redis, verifier: ChainVerifier
) -> AsyncIterator[Frame]:
    """`read_frames` on asyncio; other tasks run between batches."""
    key, ask = (
        verifier.name.key,
        cast(Callable[..., Awaitable[list[Entry]]], client.execute_command),
    )
    tip = await ask("XREVRANGE", key, "+", "-", "COUNT", 1)
    anchor = await ask("XRANGE", key, *_anchor_range(verifier.head))
    check_anchor(verifier.head, anchor)
    batch = _Batch(verifier, tip)
    while not batch.is_at_tip:
        batch.take(await ask("XRANGE", key, *batch.range()))
        for entry in batch.entries:
            yield verifier.check(*_split(entry))


def check_anchor(start: Head, found: list[Entry]) -> None:
    """Refuses a log that lacks the frame after which reading is to begin, a snapshot's for one."""
    if start.epoch == 0:
        return
    if not found:
        raise LogWentBack(
            f"log_went_back: entry {start.entry_id}, after which reading should begin, is not in "
            "the log; append what is missing again from the archive, or use an older snapshot"
        )
    entry_id, data = _split(found[0])
    header_hash = decode_frame(data, entry_id).header_hash
    if header_hash != start.header_hash:
        raise LogWentBack(
            f"log_went_back: entry {entry_id} has the header hash {header_hash.hex()}, but reading "
            f"should begin after {start.header_hash.hex()}: this is another history"
        )


class _Batch:
    """Where reading stands, and how many entries to ask for next."""

    def __init__(self, verifier: ChainVerifier, tip: list[Entry]) -> None:
        self.tip_id = tip[0][0].decode() if tip else verifier.head.entry_id
        self.last_id = verifier.head.entry_id
        self.entries: list[Entry] = []
        self._count = 16

    @property
    def is_at_tip(self) -> bool:
        return _order(self.last_id) >= _order(self.tip_id)

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


def _anchor_range(start: Head) -> tuple[str, str]:
    return start.entry_id, start.entry_id


def _order(entry_id: str) -> tuple[int, int]:
    epoch, _, seq = entry_id.partition("-")
    return int(epoch), int(seq)


def _split(entry: Entry) -> tuple[str, bytes]:
    entry_id, fields = entry
    if list(fields) != [b"f"]:
        raise BadEntry(entry_id.decode(), 0, list(fields), [b"f"])
    return entry_id.decode(), fields[b"f"]
