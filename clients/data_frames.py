"""
Rows of the exchange as pandas data frames, for those who have pandas (`.[pandas]`).

A column is a field. Days become dates, nanoseconds UTC times, where they are not 0; amounts stay
integers of fen and ratios of ppm: to divide is the reader's decision. What is no plain value is
left out, but the haircut's lines, which get a column each.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    import pandas

RowT = TypeVar("RowT", bound=msgspec.Struct)
_PLAIN = (int, str, bool)


class Rows(list[RowT]):
    """A list of rows that can become a data frame."""

    def to_pandas(self) -> "pandas.DataFrame":
        """A row each, in the order of the list; raises `ImportError` without pandas."""
        return frame(self)


def frame(rows: Sequence[msgspec.Struct]) -> "pandas.DataFrame":
    """A data frame of the rows' plain fields."""
    import pandas

    made = pandas.DataFrame([_plain(row) for row in rows])
    for name in made.columns:
        if name.endswith("_day"):
            made[name] = pandas.to_datetime(made[name].where(made[name] != 0), unit="D")
        elif name.endswith("_ns"):
            made[name] = pandas.to_datetime(made[name].where(made[name] != 0), unit="ns", utc=True)
    return made


def _plain(row: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(row).items():
        if isinstance(value, _PLAIN):
            found[name] = value
        elif isinstance(value, dict):
            found |= value
    return found
