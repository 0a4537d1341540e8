"""
The archive of one log: segments in two places or more, each with every frame.

    <place>/LOCK                     held by who writes
    <place>/main.00000001.segment    frames from the first barrier on (`exchange.log.segment`)
    <place>/main.00000002.segment    begins where the one before ends

Only what a later header states as committed is archived, so an archive never runs ahead of a log
that lost its tip: a log that lacks what the archive has went back. Nothing counts as archived
before every place holds it and has given it back. Segments are never changed. One that only some
places hold, because an archiver was killed or a disk replaced, is copied to the others first.

Reading takes the first good copy and tells of every bad one. Copies that are good and differ are
refused: there are then two histories, and no program can choose.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from exchange.log.entry import position
from exchange.log.errors import (
    ArchiveBusy,
    ArchiveDiffers,
    ArchiveGap,
    ArchiveNotWritten,
    FrameDamaged,
    SegmentDamaged,
)
from exchange.log.frame import Frame, decode_frame
from exchange.log.head import Head, LogName
from exchange.log.lock import FileLock
from exchange.log.segment import (
    Entry,
    Footer,
    Segment,
    SegmentWriter,
    copy_segment,
    read_footer,
    read_segment,
)
from exchange.log.verifier import ChainVerifier

CopyT = TypeVar("CopyT")
SEGMENT_BYTES = 64 << 20
"""A segment ends with the frame that brings it here."""

OnDamaged = Callable[[SegmentDamaged], None]
"""Told of each copy that was passed over."""


def tell_on_stderr(damaged: SegmentDamaged) -> None:
    """Where there is no better place to tell of a damaged copy."""
    sys.stderr.write(f"warning: {damaged}\n")


class Archived(msgspec.Struct, frozen=True):
    """What one run added, and where the archive ends now."""

    segment_count: int
    frame_count: int
    record_count: int
    frames_length: int
    head: Head
    """Of all that is archived."""


class Archive:
    """The segments of one log, in `places`: directories that each hold all of them."""

    def __init__(self, name: LogName, places: Sequence[Path], on_damaged: OnDamaged) -> None:
        assert places, "an archive is somewhere"
        self.name = name
        self.places = places
        self._on_damaged = on_damaged
        self._told: set[str] = set()
        self._last_read: tuple[int, Segment] | None = None

    def __str__(self) -> str:
        return f"the archive in {' and '.join(str(place) for place in self.places)}"

    # -- reading

    @property
    def head(self) -> Head:
        """Where the archive ends; the genesis where it is empty."""
        footers = self.footers()
        return footers[-1].head if footers else self.name.genesis

    def footers(self) -> list[Footer]:
        """Of all segments in order; raises ArchiveGap unless each begins where the last ended."""
        found: list[Footer] = []
        end = self.name.genesis
        for number in self._numbers():
            footer = self._footer(number)
            if (footer.first_seq, footer.first_prev) != (end.seq + 1, end.header_hash):
                raise ArchiveGap(
                    f"log_archive_gap: {self._named(number)} begins with seq {footer.first_seq} "
                    f"after header {footer.first_prev.hex()}, the segment before ends with seq "
                    f"{end.seq}, header {end.header_hash.hex()}; restore the segments that belong "
                    "between them, or put each log's segments into directories of its own"
                )
            found.append(footer)
            end = footer.head
        return found

    def entries_after(self, head: Head, before: tuple[int, int] | None = None) -> Iterator[Entry]:
        """
        The frames behind `head`'s place and before the (epoch, seq) `before`, to be verified.

        A segment is read whole and its SHA-256 checked before any of its frames is given out.
        """
        for number, footer in enumerate(self.footers(), start=1):
            if footer.head.position <= head.position:
                continue
            for entry_id, data in self._segment(number).entries():
                at = position(entry_id)
                if before is not None and at >= before:
                    return
                if at > head.position:
                    yield entry_id, data

    def entries_from(self, seq: int, before: tuple[int, int]) -> Iterator[Entry]:
        """The frames from the one that holds record `seq` on, before the (epoch, seq) `before`."""
        for number, footer in enumerate(self.footers(), start=1):
            if footer.last_seq < seq:
                continue
            for entry_id, data in self._segment(number).entries():
                at = position(entry_id)
                if at >= before:
                    return
                if at[1] >= seq:
                    yield entry_id, data

    def records(self, from_seq: int, count: int) -> list[tuple[int, bytes]]:
        """Up to `count` records from `from_seq` on, as (seq, bytes); fewer at the archive's end."""
        found: list[tuple[int, bytes]] = []
        for number, footer in enumerate(self.footers(), start=1):
            if footer.last_seq < from_seq:
                continue
            for entry_id, data in self._segment(number).entries():
                if position(entry_id)[1] < from_seq:
                    continue
                frame = decode_frame(data, entry_id)
                for seq, record in enumerate(frame.records, start=frame.header.first_seq):
                    if seq >= from_seq and len(found) < count:
                        found.append((seq, record))
                if len(found) == count:
                    return found
        return found

    def verify(self, from_number: int = 1, verifier: ChainVerifier | None = None) -> Head:
        """
        Reads every copy of every segment from `from_number` on, and every frame in its chain.

        Raises at the first copy that is not good; returns the head. The `verifier` begins where
        `from_number` does, by default at the genesis.
        """
        footers = self.footers()
        if verifier is None:
            start = footers[from_number - 2].head if from_number > 1 else self.name.genesis
            verifier = ChainVerifier(self.name, start)
        for number in range(from_number, len(footers) + 1):
            self._read_back(number, verifier)
        return verifier.head

    def _read_back(self, number: int, verifier: ChainVerifier) -> None:
        copies = [read_segment(path, self.name) for path in self._paths(number)]
        self._require_same(number, [copy.footer for copy in copies])
        check_segment(copies[0], verifier)

    # -- writing

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Makes places that are new, holds the lock of every place, and levels them."""
        self.require_two_places()
        for place in self.places:
            self._make(place)
        with self.locked():
            self._level()
            yield

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock of every place, so that nobody adds to them meanwhile."""
        with ExitStack() as stack:
            for place in self.places:
                self._require_present(place)
                lock = FileLock(place / "LOCK")
                if not lock.acquire():
                    raise ArchiveBusy(
                        f"log_archive_busy: another process holds {lock.path}; wait for its end"
                    )
                stack.callback(lock.release)
            yield

    def extend(self, frames: Iterable[Frame], segment_bytes: int = SEGMENT_BYTES) -> Archived:
        """
        Adds confirmed frames that follow the head, inside `writing`.

        Each segment is read back before the next is begun, and the last one that was there first:
        whoever wrote it may have been killed before he did.
        """
        before_count = len(self.footers())
        head = self.verify(max(before_count, 1))
        try:
            head = self._write(frames, ChainVerifier(self.name, head), before_count, segment_bytes)
        except OSError as error:
            raise ArchiveNotWritten(
                f"log_archive_not_written: {self}: {error}; what was begun does not count, make "
                "room or mend the place and run again"
            ) from error
        added = self.footers()[before_count:]
        return Archived(
            segment_count=len(added),
            frame_count=sum(footer.frame_count for footer in added),
            record_count=sum(footer.record_count for footer in added),
            frames_length=sum(footer.frames_length for footer in added),
            head=head,
        )

    def _write(
        self, frames: Iterable[Frame], verifier: ChainVerifier, number: int, segment_bytes: int
    ) -> Head:
        writer: SegmentWriter | None = None
        try:
            for frame in frames:
                if writer is None:
                    number += 1
                    writer = SegmentWriter(self.name, self._paths(number))
                writer.add(frame)
                if writer.frames_length >= segment_bytes:
                    writer.seal()
                    writer = None
                    self._read_back(number, verifier)
            if writer is not None:
                writer.seal()
                self._read_back(number, verifier)
        finally:
            if writer is not None:
                writer.close()
        return verifier.head

    def require_two_places(self) -> None:
        """Raises ArchiveNotWritten unless there are two directories, and they are not the same."""
        real = {os.path.realpath(place) for place in self.places}
        if len(real) < 2 or len(real) < len(self.places):
            named = ", ".join(str(place) for place in self.places)
            raise ArchiveNotWritten(
                f"log_archive_not_written: {named}: an archive is in two different directories, "
                "better on two machines; name them both"
            )

    def _make(self, place: Path) -> None:
        """A directory for a new archive; an old archive's that is gone is more likely unmounted."""
        if len(self._numbers()) > 0:
            self._require_present(place)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _require_present(self, place: Path) -> None:
        if not place.is_dir():
            raise ArchiveNotWritten(
                f"log_archive_not_written: {place} is absent, but there are "
                f"{len(self._numbers())} segments elsewhere: mount it, or create it empty, and "
                "`exchange log archive` fills it again"
            )

    def _level(self) -> None:
        """Copies a segment that only some places hold to the others, and reads it back."""
        for number in self._numbers():
            absent = [path for path in self._paths(number) if not path.exists()]
            present = [path for path in self._paths(number) if path.exists()]
            if absent:
                source = read_segment(present[0], self.name)
                for path in absent:
                    copy_segment(source, path)
                    read_segment(path, self.name)

    # -- copies

    def _numbers(self) -> range:
        """From 1 to the last segment that any place holds; raises ArchiveGap at a hole."""
        pattern = re.compile(rf"{re.escape(self.name.shard)}\.(\d{{8}})\.segment")
        found = {
            int(match[1])
            for place in self.places
            if place.is_dir()
            for path in place.iterdir()
            if (match := pattern.fullmatch(path.name))
        }
        numbers = range(1, max(found, default=0) + 1)
        for number in numbers:
            if number not in found:
                raise ArchiveGap(
                    f"log_archive_gap: {self._named(number)} is in no place, but later segments "
                    "are; restore it from wherever the archive is backed up"
                )
        return numbers

    def _paths(self, number: int) -> list[Path]:
        return [place / f"{self.name.shard}.{number:08}.segment" for place in self.places]

    def _named(self, number: int) -> str:
        return " and ".join(str(path) for path in self._paths(number))

    def _footer(self, number: int) -> Footer:
        good = list(self._good_copies(number, read_footer))
        self._require_same(number, good)
        return good[0]

    def _segment(self, number: int) -> Segment:
        """The first good copy; the last one read is kept, since records are asked for in pages."""
        if self._last_read is None or self._last_read[0] != number:
            self._last_read = None
            self._last_read = number, next(self._good_copies(number, read_segment))
        return self._last_read[1]

    def _good_copies(self, number: int, read: Callable[[Path, LogName], CopyT]) -> Iterator[CopyT]:
        """What `read` makes of each copy that is good; at the end, an error unless one was."""
        damaged: SegmentDamaged | None = None
        has_good = False
        for path in self._paths(number):
            try:
                if not path.parent.is_dir():
                    raise SegmentDamaged(path.parent, "there is no such directory")
                copy = read(path, self.name)
            except SegmentDamaged as error:
                damaged = error
                self._tell(error)
            else:
                has_good = True
                yield copy
        if not has_good:
            assert damaged is not None, "a copy is good or damaged"
            raise damaged

    def _tell(self, damaged: SegmentDamaged) -> None:
        if str(damaged) not in self._told:
            self._told.add(str(damaged))
            self._on_damaged(damaged)

    def _require_same(self, number: int, footers: Sequence[Footer]) -> None:
        if any(footer != footers[0] for footer in footers):
            raise ArchiveDiffers(
                f"log_archive_differs: {self._named(number)} are both whole and differ: one place "
                "holds another history; find out which is this log's, and empty the other place"
            )


def check_segment(segment: Segment, verifier: ChainVerifier) -> None:
    """Puts a segment's frames into the chain; its footer must say what they are."""
    try:
        for entry in segment.entries():
            verifier.check(*entry)
    except FrameDamaged as error:
        raise ArchiveDiffers(f"log_archive_differs: in {segment.path}: {error}") from error
    if verifier.head != segment.footer.head:
        raise SegmentDamaged(
            segment.path, f"ends at {verifier.head}, its footer says {segment.footer.head}"
        )
