"""A table whose rows come back unread is the table that was written."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.projections.depth import Resting
from exchange.projections.shelf import Rows, Shelf


class Row(msgspec.Struct, array_like=True):
    """Something with a number."""

    number: int


def shelf_of(table: dict[int, int]) -> Shelf[Row]:
    """A new shelf with these rows."""
    shelf = Shelf(Row)
    for row_id, number in table.items():
        shelf.put(row_id, Row(number))
    return shelf


def written(shelf: Shelf[Row]) -> bytes:
    return msgspec.msgpack.encode(shelf.rows())


def reread(shelf: Shelf[Row]) -> Shelf[Row]:
    """The shelf as a checkpoint gives it back."""
    return Shelf(Row, msgspec.msgpack.decode(written(shelf), type=Rows))


# Few ids, so that what is asked for is often there, and often was taken before.
ids = st.integers(0, 6)
steps = st.lists(st.tuples(st.sampled_from(["get", "put", "pop", "reread"]), ids), max_size=30)


@given(st.dictionaries(ids, st.integers(0, 9)), steps)
def test_a_shelf_is_a_table_whenever_it_is_written_and_read_again(table, steps):
    shelf = reread(shelf_of(table))
    for number, (step, row_id) in enumerate(steps):
        if step == "reread":
            shelf = reread(shelf)
        elif step == "put":
            shelf.put(row_id, Row(number))
            table[row_id] = number
        else:
            row = shelf.get(row_id) if step == "get" else shelf.pop(row_id)
            found = table.get(row_id) if step == "get" else table.pop(row_id, None)
            assert (None if row is None else row.number) == found
        assert written(shelf) == written(shelf_of(table))


def test_a_change_to_a_row_is_kept():
    shelf = reread(shelf_of({1: 10, 2: 20}))
    shelf[2].number = 21
    assert written(shelf) == written(shelf_of({1: 10, 2: 21}))


def test_a_row_that_is_not_there_is_a_key_error():
    with pytest.raises(KeyError):
        reread(shelf_of({1: 10, 3: 30}))[2]


def test_rows_of_other_fields_are_refused_before_one_is_read():
    with pytest.raises(msgspec.ValidationError, match="rows of"):
        Shelf(Resting, shelf_of({1: 10}).rows())
