"""Packed commands do to many books what the same calls do to each."""

from random import Random
from struct import iter_unpack, pack

import pytest

from matching_core import Books, OrderBook

Row = tuple[int, int, int, int, int]
REASONS = {None: 0, "bad_order_id": 1, "duplicate_id": 2, "bad_price": 3, "bad_qty": 4}


def packed(rows: list[Row]) -> bytes:
    """As `Books.run` takes them."""
    return b"".join(pack("<qiiii", *row) for row in rows)


def answers(books: Books, rows: list[Row]) -> list[tuple[int, int, int, list[tuple]]]:
    """By command: done, leaves, reason and fills."""
    outcomes, fills = books.run(packed(rows))
    left = iter_unpack("<qii", fills)
    told = [
        (done_qty, leaves_qty, reason, [next(left) for _ in range(fill_count)])
        for done_qty, leaves_qty, fill_count, reason in iter_unpack("<iiii", outcomes)
    ]
    assert list(left) == []
    return told


def answer_alone(book: OrderBook, row: Row) -> tuple[int, int, int, list[tuple]]:
    """The same of one call."""
    order_id, _, price, qty, side = row
    if price == 0:
        return book.cancel(order_id), 0, 0, []
    result = book.place(order_id, side, price, qty)
    done_qty = 0 if result.status == "rejected" else qty - result.leaves_qty
    return done_qty, result.leaves_qty, REASONS[result.reason], result.fills


def random_rows(chance: Random, books_count: int, count: int) -> list[Row]:
    """New orders, some far away or foolish, and cancels, also of what came just before."""
    rows: list[Row] = []
    for order_id in range(1, count + 1):
        book_index = chance.randrange(books_count)
        price = chance.choice([*range(95, 106), 70, 300, 4_200, 300_000, 2**31 - 1])
        kind = chance.random()
        if kind < 0.3 and rows:
            named = chance.choice(rows[-40:])
            rows.append((named[0], named[1], 0, 0, 0))
        elif kind < 0.35:
            foolish = [(0, price, 1), (-1, price, 1), (order_id, -1, 1), (order_id, 9, 0)]
            chosen_id, price, qty = chance.choice([*foolish, (rows[-1][0] if rows else 1, 9, 1)])
            rows.append((chosen_id, book_index, price, qty, chance.choice([1, 2])))
        else:
            rows.append((order_id, book_index, price, chance.randint(1, 9), chance.choice([1, 2])))
    return rows


# With more than 100 books memory is called for ahead, in groups of 16.
@pytest.mark.parametrize("books_count", [1, 3, 100, 101, 150])
@pytest.mark.parametrize("seed", range(8))
def test_a_batch_is_its_commands_one_by_one(books_count, seed):
    chance = Random(seed)
    alone = [OrderBook() for _ in range(books_count)]
    together = [OrderBook() for _ in range(books_count)]
    books = Books(together)
    for count in (0, 1, 15, 16, 17, 400, 1_000):
        rows = random_rows(chance, books_count, count)
        assert answers(books, rows) == [answer_alone(alone[row[1]], row) for row in rows]
    for one, other in zip(alone, together, strict=True):
        other.check()
        assert one.snapshot() == other.snapshot()


def test_memory_is_called_for_ahead_of_few_books_with_many_orders_too():
    alone, together = OrderBook(), OrderBook()
    books = Books([together])
    for start in range(1, 300_002, 100_000):
        rows = [(i, 0, 10_000 + i % 5_000, 1, 1) for i in range(start, start + 100_000)]
        answers(books, rows)
        for row in rows:
            answer_alone(alone, row)
    rows = random_rows(Random(5), 1, 2_000)
    assert answers(books, rows) == [answer_alone(alone, row) for row in rows]
    assert together.snapshot() == alone.snapshot()


def test_books_may_be_used_alone_in_between_and_stand_in_more_than_one_place():
    book = OrderBook()
    books = Books([book, book])
    assert answers(books, [(1, 0, 100, 5, 2), (2, 1, 100, 3, 1)]) == [
        (0, 5, 0, []),
        (3, 0, 0, [(1, 100, 3)]),
    ]
    assert book.place(3, "buy", 100, 1).fills == [(1, 100, 1)]
    assert book.place(4, "buy", 90, 10, display_qty=2).status == "resting"
    assert answers(books, [(4, 1, 0, 0, 0), (1, 0, 0, 0, 0)]) == [(10, 0, 0, []), (1, 0, 0, [])]
    assert len(book) == 0


def test_a_book_that_collects_takes_packed_orders_and_matches_none():
    book = OrderBook(is_collecting=True)
    rows = [(1, 0, 100, 5, 2), (2, 0, 110, 5, 1)]
    assert answers(Books([book]), rows) == [(0, 5, 0, []), (0, 5, 0, [])]
    assert book.auction(100).qty == 5


@pytest.mark.parametrize(
    "wrong", [(2, 2, 100, 1, 1), (2, -1, 100, 1, 1), (2, 0, 100, 1, 0), (2, 1, 100, 1, 3)]
)
def test_a_batch_with_a_command_that_cannot_be_meant_does_nothing(wrong):
    books = [OrderBook(), OrderBook()]
    with pytest.raises(ValueError, match="command 1 "):
        Books(books).run(packed([(1, 0, 100, 1, 1), wrong]))
    assert len(books[0]) == len(books[1]) == 0
    with pytest.raises(ValueError, match="24 bytes"):
        Books(books).run(packed([(1, 0, 100, 1, 1)])[:-1])
    assert len(books[0]) == 0


@pytest.mark.parametrize("wrong", [None, 5, [None], ["book"], [OrderBook]])
def test_only_order_books_have_their_commands_packed(wrong):
    with pytest.raises(TypeError):
        Books(wrong)


@pytest.mark.parametrize("wrong", [None, "commands", 24, [1, 2]])
def test_commands_are_bytes(wrong):
    with pytest.raises((TypeError, ValueError)):
        Books([OrderBook()]).run(wrong)


def test_commands_may_lie_at_any_address():
    data = memoryview(bytearray(b"\0" + packed([(1, 0, 100, 5, 2), (1, 0, 0, 0, 0)])))[1:]
    outcomes, fills = Books([OrderBook()]).run(data)
    assert list(iter_unpack("<iiii", outcomes)) == [(0, 5, 0, 0), (5, 0, 0, 0)]
    assert fills == b""
