"""What an importer read: where from, how much of it was good, and what was wrong with the rest."""

import csv
import gzip
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ImportReport:
    """Provenance and the count of bad rows by kind. A bad row is left out and never fatal."""

    source: str
    file_sha256: bytes
    row_count: int = 0
    bad_rows: Counter[str] = field(default_factory=Counter)

    @property
    def good_count(self) -> int:
        """Rows that were taken."""
        return self.row_count - self.bad_rows.total()

    def describe(self) -> str:
        """One line for people."""
        bad = ", ".join(f"{count} {kind}" for kind, count in sorted(self.bad_rows.items()))
        return f"{self.source}: {self.good_count} of {self.row_count} rows taken" + (
            f"; left out: {bad}" if bad else ""
        )


class BadRow(Exception):
    """A row that cannot be used; its only argument is the kind of fault."""


def read_rows(path: Path) -> tuple[ImportReport, Iterator[dict[str, str]]]:
    """A CSV file's rows, gzipped or not; what is missing in a row is the empty string."""
    content = path.read_bytes()
    report = ImportReport(source=path.name, file_sha256=hashlib.sha256(content).digest())
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return report, _rows(content.decode("utf-8-sig", errors="replace"), report)


def required(row: dict[str, str], column: str) -> str:
    """A field that must be there."""
    value = row.get(column, "").strip()
    if not value:
        raise BadRow("missing")
    return value


def _rows(text: str, report: ImportReport) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(io.StringIO(text), restkey="", restval=""):
        report.row_count += 1
        yield {name: value for name, value in row.items() if isinstance(value, str)}
