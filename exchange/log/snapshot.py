"""
A snapshot: a state beside its exact place in the log, so that a start need not read it all.

Header, big-endian, 126 bytes:

| offset | bytes | field | |
|---|---|---|---|
| 0 | 4 | magic | `CXSN` |
| 4 | 2 | version | 1 |
| 6 | 16 | venue_id | padded with NUL |
| 22 | 16 | shard | padded with NUL |
| 38 | 4 | epoch | of the frame that the state is behind |
| 42 | 8 | seq | of that frame's last record, and so of the state |
| 50 | 32 | header_hash | SHA-256 of that frame's header |
| 82 | 4 | behaviour_version | of the rules that made the state |
| 86 | 32 | state_hash | what the log records at that seq |
| 118 | 8 | payload_length | |

Then the payload, which is not looked into here, and the SHA-256 of everything before it.

A snapshot is a shortcut and never a source: it counts only where the log confirms it. The file's
own hash finds damage; that its frame is in the log, and that the log recorded the same state hash
there, `doubt` asks.
"""

from hashlib import sha256
from struct import Struct

import msgspec

from exchange.log.frame import Frame
from exchange.log.head import LogName

MAGIC = b"CXSN"
SNAPSHOT_VERSION = 1
HEADER = Struct(">4sH16s16sIQ32sI32sQ")
HEADER_BYTES = HEADER.size
HASH_BYTES = 32


class SnapshotUnusable(Exception):
    """This file is no snapshot of this log by these rules."""


class SnapshotHeader(msgspec.Struct, frozen=True):
    """Which state this is: behind the frame of this end and header hash, by these rules."""

    name: LogName
    epoch: int
    seq: int
    header_hash: bytes
    behaviour_version: int
    state_hash: bytes

    @property
    def entry_id(self) -> str:
        """The stream id of the frame that the state is behind."""
        return f"{self.epoch}-{self.seq}"

    @property
    def file_name(self) -> str:
        """What its file is called: names sort as their places in the log."""
        return f"{self.epoch:010d}-{self.seq:020d}.snapshot"


class Snapshot(msgspec.Struct, frozen=True):
    """A whole file, its own hash verified."""

    header: SnapshotHeader
    payload: bytes | memoryview


def encode_snapshot(snapshot: Snapshot) -> tuple[bytes, bytes | memoryview, bytes]:
    """Header, payload and hash, which make up the file."""
    header = _encode_header(snapshot)
    digest = sha256(header)
    digest.update(snapshot.payload)
    return header, snapshot.payload, digest.digest()


def decode_header(data: bytes, size: int) -> SnapshotHeader:
    """Reads a header, of a file of so many bytes; whether the log wants it is not asked here."""
    if len(data) < HEADER_BYTES:
        raise SnapshotUnusable(f"snapshot_damaged: {size} bytes are no header")
    magic, version, venue, shard, *place, payload_length = HEADER.unpack(data)
    if magic != MAGIC:
        raise SnapshotUnusable(f"snapshot_damaged: it begins with {magic.hex()}, not {MAGIC.hex()}")
    if version != SNAPSHOT_VERSION:
        raise SnapshotUnusable(
            f"snapshot_unknown_version: {version}, this build reads {SNAPSHOT_VERSION}"
        )
    wanted_size = HEADER_BYTES + payload_length + HASH_BYTES
    if size != wanted_size:
        raise SnapshotUnusable(f"snapshot_damaged: it has {size} bytes, not {wanted_size}")
    try:
        name = LogName(*(text.rstrip(b"\0").decode("ascii") for text in (venue, shard)))
    except ValueError as error:
        raise SnapshotUnusable(f"snapshot_damaged: {error}") from None
    return SnapshotHeader(name, *place)


def doubt(header: SnapshotHeader, frame: Frame | None, logged_state_hash: bytes | None) -> str:
    """
    What the log has against a snapshot, empty when it confirms it.

    `frame` is the log's at (epoch, seq), None where it has none there; `logged_state_hash` is what
    the log records as the hash of the state at that seq, None where it says nothing.
    """
    if frame is None:
        return f"snapshot_not_in_log: the log has no frame that ends at {header.entry_id}"
    found = (frame.head.entry_id, frame.header_hash)
    if found != (header.entry_id, header.header_hash):
        return (
            f"snapshot_of_another_history: the log has {found[0]} with the header hash "
            f"{found[1].hex()}, the snapshot {header.entry_id} with {header.header_hash.hex()}"
        )
    if logged_state_hash is None:
        return f"snapshot_unconfirmed: the log records no state hash at seq {header.seq}"
    if logged_state_hash != header.state_hash:
        return (
            f"snapshot_of_another_state: at seq {header.seq} the log records the state hash "
            f"{logged_state_hash.hex()}, the snapshot has {header.state_hash.hex()}"
        )
    return ""


def _encode_header(snapshot: Snapshot) -> bytes:
    header = snapshot.header
    return HEADER.pack(
        MAGIC,
        SNAPSHOT_VERSION,
        header.name.venue_bytes,
        header.name.shard_bytes,
        header.epoch,
        header.seq,
        header.header_hash,
        header.behaviour_version,
        header.state_hash,
        len(snapshot.payload),
    )
