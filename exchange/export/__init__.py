"""
The log as files for analysts: a table an event kind, in it a file a market day.

    <to>/trade_executed/2026-11-22.parquet     the day that runs at the site (UTC+8)
    <to>/order_accepted/2026-11-22.parquet
    <to>/export.json                           what was exported, written last

A derived view: made anew from the log each time, never read back by the exchange. Only what a later
header states as committed is exported. The old export stays whole until the new one takes its
place. The same records give the same bytes of ndjson and csv.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from exchange.domain.record import decode_body
from exchange.domain.windows import date_of, day_at
from exchange.log import Frame, confirmed

from .files import ExportFormat, ExportRefused, TableFile, require_libraries, table_file
from .tables import Tables

__all__ = ["ExportFormat", "ExportRefused", "Exported", "export"]

MARKER = "export.json"


class Exported(Struct, frozen=True):
    """What an export holds; also the content of its `export.json`."""

    file_format: str
    from_seq: int
    to_seq: int
    """The last record exported; 0 when there was none."""
    header_hash: str
    """Of the frame that holds it: which log this was."""
    record_count: int
    row_counts: dict[str, int]
    """By table."""
    file_count: int


def export(
    frames: Iterable[Frame],
    to: Path,
    file_format: ExportFormat,
    from_seq: int = 1,
    to_seq: int | None = None,
) -> Exported:
    """
    Writes the records `from_seq` to `to_seq` of a log that is given from its beginning.

    Names of instruments and accounts come from the records before. Raises ExportRefused where `to`
    holds anything but an earlier export, or where a library is absent.
    """
    require_libraries(file_format)
    if to.exists() and any(to.iterdir()) and not (to / MARKER).exists():
        raise ExportRefused(f"{to} holds other files than an export; choose a new directory")
    to.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        exported = _Export(made, file_format, from_seq, to_seq).run(frames)
        (made / MARKER).write_bytes(msgspec.json.format(msgspec.json.encode(exported)))
        made.chmod(0o755)
        if to.exists():
            shutil.rmtree(to)
        made.rename(to)
    except BaseException:
        shutil.rmtree(made)
        raise
    return exported


class _Export:
    """One walk over the log; the files of one day are open at a time."""

    def __init__(
        self, made: Path, file_format: ExportFormat, from_seq: int, to_seq: int | None
    ) -> None:
        self._made = made
        self._format = file_format
        self._from_seq = from_seq
        self._to_seq = to_seq
        self._tables = Tables()
        self._files: dict[str, TableFile] = {}
        self._day = -1
        self._row_counts: dict[str, int] = {}
        self._file_count = self._record_count = self._last_seq = 0
        self._header_hash = b""

    def run(self, frames: Iterable[Frame]) -> Exported:
        try:
            self._walk(frames)
        finally:
            self._close()
        return Exported(
            file_format=self._format,
            from_seq=self._from_seq,
            to_seq=self._last_seq,
            header_hash=self._header_hash.hex(),
            record_count=self._record_count,
            row_counts=dict(sorted(self._row_counts.items())),
            file_count=self._file_count,
        )

    def _walk(self, frames: Iterable[Frame]) -> None:
        for frame in confirmed(frames):
            for seq, encoded in enumerate(frame.records, start=frame.header.first_seq):
                if self._to_seq is not None and seq > self._to_seq:
                    return
                rows = self._tables.rows(seq, *decode_body(encoded, seq))
                if seq < self._from_seq:
                    continue
                for tag, row in rows:
                    self._file(tag).write(row)
                    self._row_counts[tag] = self._row_counts.get(tag, 0) + 1
                self._record_count += 1
                self._last_seq, self._header_hash = seq, frame.header_hash

    def _file(self, tag: str) -> TableFile:
        day = day_at(self._tables.market_ns)
        if day != self._day:
            self._close()
            self._day = day
        if tag not in self._files:
            folder = self._made / tag
            folder.mkdir(exist_ok=True)
            path = folder / f"{date_of(day)}.{self._format}"
            self._files[tag] = table_file(self._format, path, self._tables.columns(tag))
            self._file_count += 1
        return self._files[tag]

    def _close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}
