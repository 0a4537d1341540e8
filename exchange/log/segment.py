"""
One file of the archive: the exact bytes of adjoining frames, and a footer that says what they are.

Footer, big-endian, 222 bytes, the last of the file:

| bytes | field | |
|---|---|---|
| 4 | magic | `CXLS` |
| 2 | version | 1 |
| 16 16 | venue_id, shard | padded with NUL |
| 4 4 | first_epoch, last_epoch | of the first and the last frame |
| 8 8 | first_seq, last_seq | of the first and the last record |
| 8 8 | frame_count, record_count | |
| 8 | frames_length | bytes before the footer |
| 8 8 | committed_seq, at_ns | as the last frame's header states them |
| 32 | first_prev | hash that the first frame follows |
| 32 | head_hash | of the last frame's header, which the next segment follows |
| 32 | sha256 | of the bytes before the footer |
| 4 | crc | CRC-32 of the footer before it |

Footers alone tell whether segments adjoin. A segment is written under another name, synced, renamed
and its directory synced: under its own name it is whole or it is damaged, never merely unfinished.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import IO
from zlib import crc32

import msgspec

from exchange.log.errors import SegmentDamaged, SegmentForeign
from exchange.log.frame import HEADER, HEADER_BYTES, Frame, FrameHeader
from exchange.log.head import Head, LogName
from exchange.log.witness import sync_directory

MAGIC = b"CXLS"
SEGMENT_VERSION = 1
FOOTER = Struct(">4sH16s16sIIQQQQQQq32s32s32sI")
FOOTER_BYTES = FOOTER.size
_CRC_BYTES = 4

Entry = tuple[str, bytes]
"""A frame's id in the stream, and its bytes."""


class Footer(msgspec.Struct, frozen=True):
    """The footer's fields in their order; names are as padded as they are stored."""

    magic: bytes
    version: int
    venue_id: bytes
    shard: bytes
    first_epoch: int
    last_epoch: int
    first_seq: int
    last_seq: int
    frame_count: int
    record_count: int
    frames_length: int
    committed_seq: int
    at_ns: int
    first_prev: bytes
    head_hash: bytes
    sha256: bytes
    crc: int

    @property
    def head(self) -> Head:
        """The head of a log that ends with this segment."""
        return Head(self.last_epoch, self.last_seq, self.head_hash, self.committed_seq, self.at_ns)


class Segment(msgspec.Struct, frozen=True):
    """A segment that was read whole and is what was written."""

    path: Path
    footer: Footer
    frames: bytes

    def entries(self) -> Iterator[Entry]:
        """Its frames in order; each is still to be decoded and put into its chain."""
        at = 0
        while at < len(self.frames):
            if at + HEADER_BYTES > len(self.frames):
                raise SegmentDamaged(self.path, f"half a frame's header at offset {at}")
            header = FrameHeader(*HEADER.unpack_from(self.frames, at))
            end = at + HEADER_BYTES + header.body_length
            if end > len(self.frames):
                raise SegmentDamaged(self.path, f"the frame at offset {at} ends at {end}")
            yield header.entry_id, self.frames[at:end]
            at = end


def segment_name(path: Path) -> LogName:
    """Whose segment it says it is; nothing is checked."""
    with _reading(path) as file:
        data = file.read()[-FOOTER_BYTES:]
    if len(data) < FOOTER_BYTES:
        raise SegmentDamaged(path, f"{len(data)} bytes are no footer")
    footer = Footer(*FOOTER.unpack(data))
    return LogName(footer.venue_id.rstrip(b"\0").decode(), footer.shard.rstrip(b"\0").decode())


def read_footer(path: Path, name: LogName) -> Footer:
    """
    The footer of a segment of this log; the frames are not looked at.

    Raises SegmentDamaged, also where there is no file, and SegmentForeign.
    """
    with _reading(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - FOOTER_BYTES, 0))
        return _decode_footer(path, name, file.read(), size)


def read_segment(path: Path, name: LogName) -> Segment:
    """The whole of a segment, its SHA-256 checked; errors as `read_footer`."""
    with _reading(path) as file:
        data = file.read()
    footer = _decode_footer(path, name, data[-FOOTER_BYTES:], len(data))
    frames = data[:-FOOTER_BYTES]
    found = sha256(frames).digest()
    if found != footer.sha256:
        raise SegmentDamaged(path, f"SHA-256 {found.hex()}, wanted {footer.sha256.hex()}")
    return Segment(path, footer, frames)


class SegmentWriter:
    """Writes one segment to several paths at once; it counts once `seal` has returned."""

    def __init__(self, name: LogName, paths: Sequence[Path]) -> None:
        self.frames_length = 0
        self._name = name
        self._paths = paths
        self._sha256 = sha256()
        self._frame_count = self._record_count = 0
        self._first: FrameHeader | None = None
        self._head: Head | None = None
        with contextlib.ExitStack() as stack:
            self._files = [stack.enter_context(_unfinished_file(path)) for path in paths]
            self._open = stack.pop_all()

    def add(self, frame: Frame) -> None:
        """Appends the frame that follows the last one in the log."""
        for file in self._files:
            file.write(frame.data)
        self._sha256.update(frame.data)
        self._first = self._first or frame.header
        self._head = frame.head
        self._frame_count += 1
        self._record_count += frame.header.record_count
        self.frames_length += len(frame.data)

    def seal(self) -> None:
        """Writes the footer, gives every copy its name, durably, and closes it."""
        footer = self._footer()
        for file, path in zip(self._files, self._paths, strict=True):
            file.write(FOOTER.pack(*msgspec.structs.astuple(footer)))
            name_durably(file, path)
        self.close()

    def close(self) -> None:
        """Closes the files; what was not sealed stays unfinished and is written over."""
        self._open.close()

    def _footer(self) -> Footer:
        first, head = self._first, self._head
        assert first is not None, "a segment holds a frame"
        assert head is not None, "a segment ends somewhere"
        footer = Footer(
            MAGIC,
            SEGMENT_VERSION,
            self._name.venue_bytes,
            self._name.shard_bytes,
            first.epoch,
            head.epoch,
            first.first_seq,
            head.seq,
            self._frame_count,
            self._record_count,
            self.frames_length,
            head.committed_seq,
            head.at_ns,
            first.prev,
            head.header_hash,
            self._sha256.digest(),
            0,
        )
        unsealed = FOOTER.pack(*msgspec.structs.astuple(footer))[:-_CRC_BYTES]
        return msgspec.structs.replace(footer, crc=crc32(unsealed))


def copy_segment(source: Segment, path: Path) -> None:
    """Makes another copy of a segment that was read whole."""
    with _unfinished_file(path) as file:
        file.write(source.frames)
        file.write(FOOTER.pack(*msgspec.structs.astuple(source.footer)))
        name_durably(file, path)


def name_durably(file: IO[bytes], path: Path) -> None:
    """Syncs an unfinished file, then gives it its name, then syncs that."""
    file.flush()
    os.fsync(file.fileno())
    # Out of the cache, so that reading it back asks the disk.
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    unfinished(path).rename(path)
    sync_directory(path.parent)


def unfinished(path: Path) -> Path:
    """Where a file is written before it has its name."""
    return path.with_name(path.name + ".unfinished")


def _decode_footer(path: Path, name: LogName, data: bytes, size: int) -> Footer:
    if len(data) < FOOTER_BYTES:
        raise SegmentDamaged(path, f"{size} bytes are less than a footer's {FOOTER_BYTES}")
    footer = Footer(*FOOTER.unpack(data))
    if footer.magic != MAGIC:
        raise SegmentDamaged(path, f"ends with {footer.magic!r} instead of a footer {MAGIC!r}")
    crc = crc32(data[:-_CRC_BYTES])
    if crc != footer.crc:
        raise SegmentDamaged(path, f"footer CRC-32 {crc:08x}, wanted {footer.crc:08x}")
    if footer.version != SEGMENT_VERSION:
        raise SegmentDamaged(path, f"version {footer.version}; this build reads {SEGMENT_VERSION}")
    if footer.frames_length != size - FOOTER_BYTES:
        found = size - FOOTER_BYTES
        raise SegmentDamaged(path, f"{found} bytes of frames, wanted {footer.frames_length}")
    if (footer.venue_id, footer.shard) != (name.venue_bytes, name.shard_bytes):
        owner = b"/".join(each.rstrip(b"\0") for each in (footer.venue_id, footer.shard))
        raise SegmentForeign(
            f"log_segment_foreign: {path} belongs to {owner.decode(errors='replace')}, this log is "
            f"{name.venue_id}/{name.shard}; name this log's own archive directories"
        )
    return footer


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """A file that is absent or that the disk does not give back is a damaged copy."""
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise SegmentDamaged(path, f"cannot be read ({error.strerror})") from error


def _unfinished_file(path: Path) -> IO[bytes]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.fdopen(os.open(unfinished(path), flags, 0o600), "wb")
