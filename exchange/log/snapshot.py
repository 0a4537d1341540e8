"""
Snapshot files: a state beside its exact place in the log, so that a start need not read it all.

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
there, `doubt` asks. Whatever fails is named and skipped, and an older one is looked at; with none
left the log is read from its beginning.

    for snapshot in files.newest_first(behaviour_version, tip.committed_seq):
        frame = await log.frame_at(snapshot.header.entry_id)
        if not (reason := doubt(snapshot.header, frame, logged_state_hash)):
            ...                              # its payload, then log.frames(start=frame.head)
            break
        files.skip(snapshot, reason)
"""

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from struct import Struct

import msgspec

from exchange.log.frame import Frame
from exchange.log.head import LogName
from exchange.log.witness import replace_durably, sync_directory

MAGIC = b"CXSN"
SNAPSHOT_VERSION = 1
KEPT_COUNT = 3
HEADER = Struct(">4sH16s16sIQ32sI32sQ")
HEADER_BYTES = HEADER.size
HASH_BYTES = 32
_FILE_NAME = re.compile(r"(\d{10})-(\d{20})\.snapshot")


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
    payload: bytes


class Skipped(msgspec.Struct, frozen=True):
    """A file that was not used; `reason` begins with a stable code."""

    path: Path
    reason: str


class SnapshotUnusable(Exception):
    """This file is no snapshot of this log by these rules."""


class SnapshotFiles:
    """The snapshots of one log in one directory; one process at a time writes there."""

    def __init__(self, directory: Path, name: LogName) -> None:
        self.directory = directory
        self.name = name
        self.skipped: list[Skipped] = []
        """What `newest_first` passed over, and what its caller added by `skip`."""

    def write(self, snapshot: Snapshot) -> Path:
        """
        Puts a snapshot on disk, all or nothing, and removes all but the newest three up to it.

        Its frame must be durable. Blocks until the disk has it: call it off the event loop.
        """
        assert snapshot.header.name == self.name, "a snapshot goes to its own log's directory"
        if not self.directory.exists():
            self.directory.mkdir(mode=0o700)
            sync_directory(self.directory.parent)
        header = _encode_header(snapshot)
        digest = sha256(header)
        digest.update(snapshot.payload)
        path = self.directory / snapshot.header.file_name
        replace_durably(path, header, snapshot.payload, digest.digest())
        self._remove_older(path)
        return path

    def newest_first(self, behaviour_version: int, committed_seq: int) -> Iterator[Snapshot]:
        """
        Yields what may be used, and names the rest in `skipped`; reads a file when it is asked for.

        `committed_seq` is that of the log's tip. The caller goes on to the next one while the log
        speaks against the one at hand (`doubt`).
        """
        for path in reversed(self._paths()):
            try:
                yield read_snapshot(path, self.name, behaviour_version, committed_seq)
            except SnapshotUnusable as unusable:
                self.skipped.append(Skipped(path, str(unusable)))

    def skip(self, snapshot: Snapshot, reason: str) -> None:
        """Names a snapshot that the log spoke against."""
        path = self.directory / snapshot.header.file_name
        self.skipped.append(Skipped(path, reason))

    def _paths(self) -> list[Path]:
        """Everything that is called a snapshot, by its place in the log."""
        if not self.directory.exists():
            return []
        return sorted(p for p in self.directory.iterdir() if _FILE_NAME.fullmatch(p.name))

    def _remove_older(self, newest: Path) -> None:
        """
        Removes what was replaced, and what a crash left unfinished.

        What claims a later place stays: it is not ours to explain, and each start names it.
        """
        paths = [path for path in self._paths() if path.name <= newest.name]
        unfinished = self.directory.glob("*.snapshot.tmp")
        for path in (*paths[:-KEPT_COUNT], *unfinished):
            path.unlink()
        sync_directory(self.directory)


def read_snapshot(
    path: Path, name: LogName, behaviour_version: int, committed_seq: int
) -> Snapshot:
    """Reads one file; `SnapshotUnusable` says why it is not to be used."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(HEADER_BYTES)
            place = _decode_header(header, size)
            _require_usable(place, path, name, behaviour_version, committed_seq)
            payload = file.read(size - HEADER_BYTES - HASH_BYTES)
            digest = sha256(header)
            digest.update(payload)
            stored = file.read()
    except OSError as error:
        raise SnapshotUnusable(f"snapshot_unreadable: {error}") from error
    if digest.digest() != stored:
        raise SnapshotUnusable(
            f"snapshot_damaged: the file's SHA-256 is {digest.hexdigest()}, it says {stored.hex()}"
        )
    return Snapshot(place, payload)


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


def _decode_header(data: bytes, size: int) -> SnapshotHeader:
    """The header of a file of so many bytes."""
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


def _require_usable(
    header: SnapshotHeader, path: Path, name: LogName, behaviour_version: int, committed_seq: int
) -> None:
    if header.name != name:
        found, wanted = ("/".join((n.venue_id, n.shard)) for n in (header.name, name))
        raise SnapshotUnusable(f"snapshot_foreign: it is of {found}, this log is {wanted}")
    if path.name != header.file_name:
        raise SnapshotUnusable(f"snapshot_damaged: it is of {header.entry_id}, its name says other")
    if header.behaviour_version != behaviour_version:
        raise SnapshotUnusable(
            f"snapshot_of_other_rules: behaviour version {header.behaviour_version}, this build "
            f"has {behaviour_version}"
        )
    if header.seq > committed_seq:
        raise SnapshotUnusable(
            f"snapshot_ahead_of_log: it is of seq {header.seq}, the log is durable up to "
            f"{committed_seq}"
        )
