"""
Meter readings in files: CSV with a header, or one JSON object a line.

Columns or keys are `day` (a number, a date like 2027-03-05 or a code like D270305), `hour`,
`available_qty`, and `revision` where there is one.
"""

import csv
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from exchange.domain.meter_readings import Reading
from exchange.domain.windows import day_of, parse_window


class ReadingsUnreadable(ValueError):
    """A row of the file is no reading."""


def readings_of(path: Path) -> list[Reading]:
    """Every reading of a file in its order; `ReadingsUnreadable` names the row."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = _json_rows(file) if path.suffix in (".ndjson", ".jsonl") else csv.DictReader(file)
        return [_reading(number, row) for number, row in enumerate(rows, start=1)]


def _json_rows(lines: Iterator[str]) -> Iterator[Any]:
    for line in lines:
        if line.strip():
            yield json.loads(line)


def _reading(number: int, row: Any) -> Reading:
    try:
        fields = [
            _day(row["day"]),
            int(row["hour"]),
            int(row["available_qty"]),
            int(row.get("revision") or 0),
        ]
        return msgspec.convert(fields, Reading)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ReadingsUnreadable(f"row {number} is no reading: {row!r} ({error})") from error


def _day(value: Any) -> int:
    text = str(value)
    if text.isdigit():
        return int(text)
    return parse_window(text).start_day if text[:1] == "D" else day_of(date.fromisoformat(text))
