"""
Finds records by their sequence number, and frames by their entry, without reading the whole log.

An entry's id is `<epoch>-<last_seq>`, so the first entry from `<epoch>-<seq>` on holds `seq` if
the record was written in that epoch. The epoch is not known from outside; each look-up that lands
in a later epoch tells which one to try next, and few logs have many.
"""

from collections.abc import Awaitable, Callable
from typing import cast

import redis
import redis.asyncio

from exchange.log.asking import asking
from exchange.log.entry import Entry, frame_of
from exchange.log.frame import Frame
from exchange.log.head import LogName

_FRAMES_AT_ONCE = 16


async def find_records(
    client: redis.asyncio.Redis, name: LogName, from_seq: int, count: int
) -> list[tuple[int, bytes]]:
    """
    Up to `count` records from `from_seq` on, as (seq, bytes).

    Each frame's own CRC and root are checked; the chain is not, since reading starts in the middle.
    """
    found: list[tuple[int, bytes]] = []
    epoch = 1
    while len(found) < count:
        wanted_seq = from_seq + len(found)
        frames = await _frames_from(client, name, epoch, wanted_seq)
        if not frames:
            break
        first = frames[0].header
        epoch = first.epoch
        if first.last_seq < wanted_seq:
            continue  # A later epoch's barrier: the record is in that epoch or after it.
        for frame in frames:
            for seq, record in enumerate(frame.records, start=frame.header.first_seq):
                if seq >= wanted_seq and len(found) < count:
                    found.append((seq, record))
    return found


async def find_frame(client: redis.asyncio.Redis, name: LogName, entry_id: str) -> Frame | None:
    """The frame of an entry, whole in itself; None where the log has no such entry."""
    return next(iter(await _frames(client, "XRANGE", name.key, entry_id, entry_id)), None)


async def last_frame(client: redis.asyncio.Redis, name: LogName) -> Frame | None:
    """The frame at the log's tip, whole in itself; None where the log is empty."""
    return next(iter(await _frames(client, "XREVRANGE", name.key, "+", "-", "COUNT", 1)), None)


async def first_frame(client: redis.asyncio.Redis, name: LogName) -> Frame | None:
    """The oldest frame in the stream, whole in itself; None where the log is empty."""
    return next(iter(await _frames(client, "XRANGE", name.key, "-", "+", "COUNT", 1)), None)


def find_frame_at_once(client: redis.Redis, name: LogName, entry_id: str) -> Frame | None:
    """`find_frame`, by a client that waits."""
    return _frame_at_once(client, "XRANGE", name.key, entry_id, entry_id)


def last_frame_at_once(client: redis.Redis, name: LogName) -> Frame | None:
    """`last_frame`, by a client that waits."""
    return _frame_at_once(client, "XREVRANGE", name.key, "+", "-", "COUNT", 1)


def first_frame_at_once(client: redis.Redis, name: LogName) -> Frame | None:
    """`first_frame`, by a client that waits."""
    return _frame_at_once(client, "XRANGE", name.key, "-", "+", "COUNT", 1)


def _frame_at_once(client: redis.Redis, *question: str | int) -> Frame | None:
    ask = cast(Callable[..., list[Entry]], client.execute_command)
    with asking(str(question[1])):
        entries = ask(*question)
    return frame_of(entries[0]) if entries else None


async def _frames_from(
    client: redis.asyncio.Redis, name: LogName, epoch: int, seq: int
) -> list[Frame]:
    start = f"{epoch}-{seq}"
    return await _frames(client, "XRANGE", name.key, start, "+", "COUNT", _FRAMES_AT_ONCE)


async def _frames(client: redis.asyncio.Redis, *question: str | int) -> list[Frame]:
    ask = cast(Callable[..., Awaitable[list[Entry]]], client.execute_command)
    with asking(str(question[1])):
        entries = await ask(*question)
    return [frame_of(entry) for entry in entries]
