"""
The commands of `core.py`, drawn beforehand: 51 % new orders, 39 % cancels, 10 % that cross.

New orders rest on both sides of a middle that stays, most of them near it; a cancel picks any open
order alike, which is harder on the caches than the market's habit of cancelling what is young; a
crossing order is filled whole and ends a maker and a fifth on average. So books keep their size,
no command is refused, and every cancel finds its order.
"""

import struct
from random import Random

from matching_core import OrderBook

MIDDLE_PRICE = 100_000
DEPTH_TICKS = 300
"""The mean distance of a new order from the middle is a third of it."""
MAKER_QTY, TAKER_QTY = 100, 120
"""The most of a new order, and of one that crosses; the least is 1."""

COMMAND = struct.Struct("<qiiii")
"""Order id, book index, price (0 cancels), quantity, side (1 buys, 2 sells)."""

Row = tuple[int, int, int, int, int]


class Flow:
    """Draws commands, and runs them through books of its own to know what is open."""

    def __init__(self, books_count: int, seed: int) -> None:
        self._chance = Random(seed)
        self._books = [OrderBook() for _ in range(books_count)]
        self._open: list[tuple[int, int]] = []
        self._place_of: dict[int, int] = {}
        self._next_order_id = 1

    def rest(self, count: int) -> list[Row]:
        """New orders only, the books by turns: the stock."""
        return [self._new(index % len(self._books)) for index in range(count)]

    def steps(self, count: int) -> list[Row]:
        """The mixture."""
        draw = self._chance.random
        rows = []
        for _ in range(count):
            at = draw()
            if at < 0.39:
                rows.append(self._cancel())
            elif at < 0.49:
                rows.append(self._cross(self._any_book()))
            else:
                rows.append(self._new(self._any_book()))
        return rows

    def _any_book(self) -> int:
        return int(self._chance.random() * len(self._books))

    def _new(self, book_index: int) -> Row:
        draw = self._chance.random
        side = 1 + (draw() < 0.5)
        ticks = 1 + min(int(self._chance.expovariate(3 / DEPTH_TICKS)), 20 * DEPTH_TICKS)
        price = MIDDLE_PRICE - ticks if side == 1 else MIDDLE_PRICE + ticks
        qty = 1 + int(draw() * MAKER_QTY)
        order_id = self._take_id()
        self._books[book_index].place(order_id, side, price, qty)
        self._place_of[order_id] = len(self._open)
        self._open.append((order_id, book_index))
        return order_id, book_index, price, qty, side

    def _cancel(self) -> Row:
        order_id, book_index = self._open[int(self._chance.random() * len(self._open))]
        self._books[book_index].cancel(order_id)
        self._forget(order_id)
        return order_id, book_index, 0, 0, 0

    def _cross(self, book_index: int) -> Row:
        """Far beyond the best price, for no more than stands near it, so that nothing rests."""
        book = self._books[book_index]
        side = 1 + (self._chance.random() < 0.5)
        rows = book.asks(8) if side == 1 else book.bids(8)
        qty = min(1 + int(self._chance.random() * TAKER_QTY), sum(row[1] for row in rows))
        order_id = self._take_id()
        reach = 20 * DEPTH_TICKS
        price = MIDDLE_PRICE + reach if side == 1 else MIDDLE_PRICE - reach
        for maker_order_id, _, _ in book.place(order_id, side, price, qty).fills:
            if maker_order_id not in book:
                self._forget(maker_order_id)
        return order_id, book_index, price, qty, side

    def _take_id(self) -> int:
        self._next_order_id += 1
        return self._next_order_id - 1

    def _forget(self, order_id: int) -> None:
        at = self._place_of.pop(order_id)
        last = self._open.pop()
        if last[0] != order_id:
            self._open[at] = last
            self._place_of[last[0]] = at


def packed(rows: list[Row]) -> bytes:
    """The rows as the loops read them."""
    return b"".join(COMMAND.pack(*row) for row in rows)
