"""
The frames from one record's on, without reading the log before it.

An entry's id is `<epoch>-<last_seq>`, so the first entry from `<epoch>-<seq>` on holds `seq` if the
record was written in that epoch; an entry that ends before it opens a later epoch, where to look
next. Each frame is whole in itself and follows the one before by its hash. That the first belongs
to this log is not checked here: reading begins in the middle.
"""

from collections.abc import Callable, Iterator
from typing import cast

import redis

from exchange.log.archive import Archive
from exchange.log.asking import asking
from exchange.log.entry import Entry, frame_of
from exchange.log.errors import ArchiveMissing, ChainBroken, ProofImpossible
from exchange.log.frame import Frame, decode_frame
from exchange.log.head import LogName

_FRAMES_AT_ONCE = 64

Position = tuple[int, int]
"""(epoch, last seq) of a frame."""


def read_stretch(
    client: redis.Redis, name: LogName, seq: int, end: Position, archive: Archive | None = None
) -> Iterator[Frame]:
    """
    Yields the frame that holds record `seq`, and those after it up to the one at `end`.

    What was trimmed from the stream comes from the archive. Raises `ProofImpossible` where there is
    no such record, `ArchiveMissing` where it was trimmed and no archive is named.
    """
    before: Frame | None = None
    for frame in _found(client, name, seq, end, archive):
        header = frame.header
        if before is not None and header.prev != before.header_hash:
            raise ChainBroken(header.entry_id, header.first_seq, header.prev, before.header_hash)
        before = frame
        yield frame


def _found(
    client: redis.Redis, name: LogName, seq: int, end: Position, archive: Archive | None
) -> Iterator[Frame]:
    first = _first_frame(client, name, seq)
    if first.header.first_seq > seq:
        yield from _archived(archive, seq, end, first)
    start = first.header.entry_id
    while entries := _entries(client, name, start, f"{end[0]}-{end[1]}"):
        for entry in entries:
            yield frame_of(entry)
        start = f"({entries[-1][0].decode()}"


def _first_frame(client: redis.Redis, name: LogName, seq: int) -> Frame:
    """The frame that holds `seq`, or the stream's first after it where that was trimmed away."""
    epoch = 1
    while entries := _entries(client, name, f"{epoch}-{seq}", "+", 1):
        frame = frame_of(entries[0])
        if frame.header.last_seq >= seq:
            return frame
        epoch = frame.header.epoch
    raise ProofImpossible(f"log_proof_impossible: the log has no record {seq}")


def _archived(archive: Archive | None, seq: int, end: Position, after: Frame) -> Iterator[Frame]:
    """From the frame with `seq` on, before `after` and up to `end`."""
    if archive is None:
        raise ArchiveMissing(
            f"log_archive_missing: seq {seq} was trimmed from the stream; name the archive's "
            "directories with --archive"
        )
    for entry_id, data in archive.entries_from(seq, after.head.position):
        frame = decode_frame(data, entry_id)
        if frame.head.position > end:
            return
        yield frame


def _entries(
    client: redis.Redis, name: LogName, start: str, end: str, count: int = _FRAMES_AT_ONCE
) -> list[Entry]:
    ask = cast(Callable[..., list[Entry]], client.execute_command)
    with asking(f"reading {name.key}"):
        return ask("XRANGE", name.key, start, end, "COUNT", count)
