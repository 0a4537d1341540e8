"""
Rows of the exchange as pandas data frames, for those who have pandas (`.[pandas]`).

A column is a field. Days become dates, nanoseconds UTC times, where they are not 0; amounts stay
integers of fen and ratios of ppm: to divide is the reader's decision. What is no plain value is
left out, but for dictionaries such as the haircut's lines, whose entries get a column each. Where
there are no rows, the columns are those of the kind, without a dictionary's: only rows name them.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    import pandas

RowT = TypeVar("RowT", bound=msgspec.Struct)
_PLAIN = (int, str, bool)
_DTYPES = {int: "int64", bool: "bool"}


class Rows(list[RowT]):
    """A list of rows of one kind that can become a data frame."""

    def __init__(self, kind: type[RowT], rows: Iterable[RowT]) -> None:
        super().__init__(rows)
        self._kind = kind

    def to_pandas(self) -> "pandas.DataFrame":
        """A row each, in the order of the list; raises `ImportError` without pandas."""
        return frame(self._kind, self)


def frame(kind: type[RowT], rows: Sequence[RowT]) -> "pandas.DataFrame":
    """A data frame of the rows' plain fields."""
    return _framed([kind], [_plain(row) for row in rows])


def frame_of_parts(
    kind: type[RowT], rows: Sequence[RowT], name: str, part_kind: type[msgspec.Struct]
) -> "pandas.DataFrame":
    """A row for each part that the rows hold under a name, with its own row's fields before it."""
    parts = [_plain(row) | _plain(part) for row in rows for part in getattr(row, name)]
    return _framed([kind, part_kind], parts)


def _framed(
    kinds: Sequence[type[msgspec.Struct]], rows: Sequence[dict[str, Any]]
) -> "pandas.DataFrame":
    import pandas

    made = pandas.DataFrame(rows) if rows else pandas.DataFrame(_no_columns(kinds))
    for name in made.columns:
        if name.endswith("_day"):
            made[name] = pandas.to_datetime(made[name].where(made[name] != 0), unit="D")
        elif name.endswith("_ns"):
            made[name] = pandas.to_datetime(made[name].where(made[name] != 0), unit="ns", utc=True)
    return made


def _no_columns(kinds: Sequence[type[msgspec.Struct]]) -> "dict[str, pandas.Series[Any]]":
    """The plain columns of the kinds, without a value."""
    import pandas

    return {
        field.name: pandas.Series(dtype=_DTYPES.get(field.type, "str"))
        for kind in kinds
        for field in msgspec.structs.fields(kind)
        if isinstance(field.type, type) and issubclass(field.type, _PLAIN)
    }


def _plain(row: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(row).items():
        if isinstance(value, _PLAIN):
            found[name] = value
        elif isinstance(value, dict):
            found |= value
    return found
