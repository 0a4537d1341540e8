"""
Snapshots on disk: the newest three of one log, and which of them a start may use.

Whatever is damaged, foreign, of other rules or ahead of the log is named and skipped, and an older
one is looked at; with none left the log is read from its beginning.

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
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BufferedReader
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path

import msgspec

from exchange.log.head import LogName
from exchange.log.snapshot import (
    HASH_BYTES,
    HEADER_BYTES,
    Snapshot,
    SnapshotHeader,
    SnapshotUnusable,
    decode_header,
    encode_snapshot,
)
from exchange.log.witness import replace_durably, sync_directory

KEPT_COUNT = 3
_PIECE_BYTES = 8 << 20
_FILE_NAME = re.compile(r"(\d{10})-(\d{20})\.snapshot")


class Skipped(msgspec.Struct, frozen=True):
    """A file that was not used; `reason` begins with a stable code."""

    path: Path
    reason: str


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
        path = self.directory / snapshot.header.file_name
        replace_durably(path, *encode_snapshot(snapshot))
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

    def newest_seq(self) -> int | None:
        """The seq that the newest file's name states; None where there is none."""
        paths = self._paths()
        return int(paths[-1].stem.partition("-")[2]) if paths else None

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
            place = decode_header(header, size)
            _require_usable(place, path, name, behaviour_version, committed_seq)
            payload, found = _read_and_hash(file, header, size - HEADER_BYTES - HASH_BYTES)
            stored = file.read()
    except OSError as error:
        raise SnapshotUnusable(f"snapshot_unreadable: {error}") from error
    if found != stored:
        raise SnapshotUnusable(
            f"snapshot_damaged: the file's SHA-256 is {found.hex()}, it says {stored.hex()}"
        )
    return Snapshot(place, payload)


def _read_and_hash(file: BufferedReader, header: bytes, size: int) -> tuple[memoryview, bytes]:
    """The payload and the file's hash: a piece is hashed while the next one is read."""
    # Memory that nobody fills with zeros first, which took as long as reading.
    payload = memoryview(mmap(-1, max(1, size), MAP_PRIVATE | MAP_ANONYMOUS))[:size]
    digest = sha256(header)
    with ThreadPoolExecutor(1) as beside:
        for start in range(0, size, _PIECE_BYTES):
            piece = payload[start : start + _PIECE_BYTES]
            file.readinto(piece)
            beside.submit(digest.update, piece)
    return payload, digest.digest()


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
