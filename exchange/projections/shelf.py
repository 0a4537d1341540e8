"""
A table of rows by id, given back by a checkpoint unread.

    checkpoint ─▶ ids, ends, bytes ─▶ get(id) ─▶ the row, kept like a new one from then on

A million orders may rest while few of them ever trade again. To make an object of each would be
most of a start, so a row stays the bytes that it was written in until somebody asks for it.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

RowT = TypeVar("RowT", bound=Struct)


class Rows(Struct, frozen=True, array_like=True):
    """Rows in the order of their ids; the numbers in this machine's order of bytes."""

    fields: tuple[str, ...]
    """Of each row: what has other fields is not read."""
    ids: memoryview
    """8 bytes each."""
    ends: memoryview
    """Where each row ends in `data`, 8 bytes each."""
    data: memoryview
    """Each row encoded by itself."""


class Shelf(Generic[RowT]):
    """Rows of one kind by id; `msgspec.ValidationError` where the bytes are of another kind."""

    def __init__(self, kind: type[RowT], rows: Rows | None = None) -> None:
        self._fields = kind.__struct_fields__
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._read: dict[int, RowT] = {}
        """New rows, and those that somebody asked for."""
        self._ids, self._ends = array("q"), array("q")
        self._data = memoryview(b"")
        if rows is not None:
            if rows.fields != self._fields:
                raise msgspec.ValidationError(f"rows of {rows.fields}, not of {self._fields}")
            self._ids.frombytes(rows.ids)
            self._ends.frombytes(rows.ends)
            self._data = rows.data
        self._is_taken = bytearray(len(self._ids))
        self._last_id = self._ids[-1] if self._ids else -1

    def get(self, row_id: int) -> RowT | None:
        """The row, None where there is none; its fields may be changed."""
        row = self._read.get(row_id)
        return self._take(row_id) if row is None else row

    def __getitem__(self, row_id: int) -> RowT:
        row = self.get(row_id)
        if row is None:
            raise KeyError(row_id)
        return row

    def put(self, row_id: int, row: RowT) -> None:
        """Adds a row, or replaces it."""
        self._take(row_id)
        self._read[row_id] = row

    def pop(self, row_id: int) -> RowT | None:
        """Takes the row out; None where there is none."""
        row = self.get(row_id)
        if row is not None:
            del self._read[row_id]
        return row

    def rows(self) -> Rows:
        """All rows as a checkpoint holds them, whether they were read or not."""
        encode = msgspec.msgpack.encode
        found = [*self._left(), *((row_id, encode(row)) for row_id, row in self._read.items())]
        found.sort()
        ids, ends, size = array("q"), array("q"), 0
        for row_id, data in found:
            size += len(data)
            ids.append(row_id)
            ends.append(size)
        joined = memoryview(b"".join([data for _, data in found]))
        return Rows(self._fields, memoryview(ids.tobytes()), memoryview(ends.tobytes()), joined)

    def _left(self) -> Iterator[tuple[int, bytes]]:
        """What nobody asked for."""
        start = 0
        for row_id, end, is_taken in zip(self._ids, self._ends, self._is_taken, strict=True):
            if not is_taken:
                yield row_id, bytes(self._data[start:end])
            start = end

    def _take(self, row_id: int) -> RowT | None:
        if row_id > self._last_id:
            return None
        place = bisect_left(self._ids, row_id)
        if self._ids[place] != row_id or self._is_taken[place]:
            return None
        self._is_taken[place] = 1
        start = self._ends[place - 1] if place else 0
        row = self._read[row_id] = self._decoder.decode(self._data[start : self._ends[place]])
        return row
