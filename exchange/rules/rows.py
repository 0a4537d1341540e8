"""
Tables and sets as rows in the order of their keys: the one form of data that was built up anyhow.

A dict becomes a list of (key, entry), a set a list; anything else stays as it is. So two equal
states have equal bytes, and a field of the state is written and read back by its type alone.
"""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from types import GenericAlias
from typing import Any, get_args, get_origin

import msgspec

from exchange.domain.record import array_header


def rows_of(value: Any) -> Any:
    """A table as rows in the order of its keys, a set in order; anything else as it is."""
    if isinstance(value, dict):
        rows = sorted(value.items())
        # The entries of one table are of one kind; of the largest there are millions.
        if rows and isinstance(rows[0][1], dict | set):
            return [(key, rows_of(entry)) for key, entry in rows]
        return rows
    return sorted(value) if isinstance(value, set) else value


def parts_of(value: Any) -> Iterator[Any]:
    """`rows_of` in parts whose encodings, one behind the other, are that of the whole."""
    if not isinstance(value, dict):
        yield rows_of(value)
        return
    yield msgspec.Raw(array_header(len(value)))
    for key, entry in sorted(value.items(), key=itemgetter(0)):
        yield (key, rows_of(entry) if isinstance(entry, dict | set) else entry)


def from_rows(hint: Any, rows: Any) -> Any:
    """The value of a type of which `rows_of` made such rows."""
    if get_origin(hint) is set:
        return set(rows)
    if get_origin(hint) is not dict:
        return rows
    entry_hint = get_args(hint)[1]
    if get_origin(entry_hint) is None:
        return dict(rows)
    return {key: from_rows(entry_hint, entry) for key, entry in rows}


def facts_type(hints: Mapping[str, Any]) -> type[msgspec.Struct]:
    """What the rows of so many named values are decoded as: exactly these, each by its type."""
    named_types = [(name, _rows_type(hint)) for name, hint in hints.items()]
    return msgspec.defstruct("Facts", named_types, forbid_unknown_fields=True)


def _rows_type(hint: Any) -> Any:
    if get_origin(hint) is set:
        return GenericAlias(list, get_args(hint))
    if get_origin(hint) is not dict:
        return hint
    key_hint, entry_hint = get_args(hint)
    return GenericAlias(list, (GenericAlias(tuple, (key_hint, _rows_type(entry_hint))),))
