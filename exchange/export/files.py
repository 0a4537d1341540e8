"""One table's file of one day: rows in, Parquet, NDJSON or CSV out."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import msgspec

from exchange.domain.units import NS_PER_SECOND

from .tables import Column, Row

PARQUET_ROWS_COUNT = 65_536
"""Rows gathered before they are written as one group."""


class ExportFormat(StrEnum):
    """How files are written; the value is their suffix."""

    PARQUET = "parquet"
    NDJSON = "ndjson"
    CSV = "csv"


class ExportRefused(Exception):
    """Nothing was exported; says why and what to do."""

    exit_code = 2


class TableFile(Protocol):
    """A file that takes rows in the order of its columns."""

    def write(self, row: Row) -> None:
        """Adds a row."""

    def close(self) -> None:
        """Writes what is left."""


def require_libraries(file_format: ExportFormat) -> None:
    """Parquet needs pyarrow, which is an extra of this package."""
    if file_format is not ExportFormat.PARQUET:
        return
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ExportRefused(
            "parquet needs pyarrow, which is not installed: `pip install '.[export]'`, or choose "
            "--format ndjson or csv"
        ) from error


def table_file(file_format: ExportFormat, path: Path, columns: Sequence[Column]) -> TableFile:
    """A new file of one of the formats."""
    match file_format:
        case ExportFormat.PARQUET:
            return _Parquet(path, columns)
        case ExportFormat.NDJSON:
            return _Ndjson(path, columns)
        case ExportFormat.CSV:
            return _Csv(path, columns)


class _Ndjson:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._file = open(path, "wb")  # noqa: SIM115  closed by `close`

    def write(self, row: Row) -> None:
        texts = (_text(column, value) for column, value in zip(self._columns, row, strict=True))
        names = (column.name for column in self._columns)
        self._file.write(msgspec.json.encode(dict(zip(names, texts, strict=True))) + b"\n")

    def close(self) -> None:
        self._file.close()


class _Csv:
    """Lists are JSON; what is absent is empty."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._file = open(path, "w", newline="", encoding="utf-8")  # noqa: SIM115  as above
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(column.name for column in columns)

    def write(self, row: Row) -> None:
        self._writer.writerow(
            _cell(_text(column, value)) for column, value in zip(self._columns, row, strict=True)
        )

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        import pyarrow
        import pyarrow.parquet

        types = {
            "int": pyarrow.int64(),
            "bool": pyarrow.bool_(),
            "text": pyarrow.string(),
            "ints": pyarrow.list_(pyarrow.int64()),
            "texts": pyarrow.list_(pyarrow.string()),
            "time": pyarrow.timestamp("ns", "UTC"),
            "date": pyarrow.date32(),
        }
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(column.name, types[column.kind]) for column in columns])
        self._file = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def write(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == PARQUET_ROWS_COUNT:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            columns = [
                self._arrow.array(values, field.type)
                for values, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
            ]
            self._file.write_table(self._arrow.table(columns, schema=self._schema))
            self._rows = []


def _text(column: Column, value: Any) -> Any:
    """Times and dates in ISO 8601; the rest as it is."""
    if column.kind == "time":
        seconds, ns = divmod(value, NS_PER_SECOND)
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09}Z"
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value
