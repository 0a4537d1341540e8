"""
The order book as price levels, without identities and without what icebergs hide.

Each resting order is kept beside the levels, because a trade names the order and not its level.
What an iceberg shows follows from its fills as `OrderRested` describes; the rest of it reaches no
level.
"""

from collections.abc import Mapping
from itertools import islice
from operator import itemgetter

import msgspec
from msgspec import Struct
from sortedcontainers import SortedDict

from exchange.domain.enums import Side
from exchange.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderRested,
    TradeExecuted,
)
from exchange.domain.record import Record

from .projection import Handler, Projection
from .shelf import Rows, Shelf

Level = tuple[int, int, int]
"""Price, quantity, how many orders."""
PriceQty = tuple[int, int]
"""Price and all quantity, hidden or not."""
Book = tuple[int, int]
"""Instrument and side."""


class Resting(Struct, array_like=True, gc=False):
    """An order in the queue of its price."""

    order_id: int
    instrument_id: int
    side: Side
    limit_price: int
    leaves_qty: int
    """All that is left, hidden or not."""
    display_qty: int = 0
    """0 where the order shows all."""
    shown_qty: int = 0
    """What the level counts."""


class DepthState(Struct):
    """The checkpoint; the levels follow from the orders, and are there to be found quickly."""

    resting: Rows
    levels: list[tuple[Book, memoryview]]
    """By book, encoded as (price, [quantity, how many orders, all quantity]) in order of price."""


class Depth(Projection[DepthState]):
    """
    Price levels of every instrument.

    `changed` collects the instruments whose book moved since whoever publishes last cleared it.
    """

    state_type = DepthState

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[int] = set()
        self._resting = Shelf(Resting)
        self._levels: dict[Book, SortedDict] = {}
        self._unread_levels: dict[Book, memoryview] = {}

    def handle(self) -> Mapping[type[Event], Handler]:
        """Whatever moves a quantity in a queue."""
        return {
            OrderRested: self._rest,
            OrderAmended: self._amend,
            OrderCancelled: self._cancel,
            TradeExecuted: self._trade,
        }

    def bids(self, instrument_id: int, depth: int) -> list[Level]:
        """The best buy levels, highest price first."""
        levels = self._levels_of((instrument_id, Side.BUY))
        return [(p, levels[p][0], levels[p][1]) for p in islice(reversed(levels), depth)]

    def asks(self, instrument_id: int, depth: int) -> list[Level]:
        """The best sell levels, lowest price first."""
        levels = self._levels_of((instrument_id, Side.SELL))
        return [(p, levels[p][0], levels[p][1]) for p in islice(levels, depth)]

    def crossing(self, instrument_id: int) -> tuple[list[PriceQty], list[PriceQty]]:
        """The bids and asks that cross, as (price, all quantity), the best first."""
        bids = self._levels_of((instrument_id, Side.BUY))
        asks = self._levels_of((instrument_id, Side.SELL))
        if not bids or not asks:
            return [], []
        low_price, high_price = asks.keys()[0], bids.keys()[-1]
        return (
            [(p, bids[p][2]) for p in bids.irange(low_price, high_price, reverse=True)],
            [(p, asks[p][2]) for p in asks.irange(low_price, high_price)],
        )

    def state(self) -> DepthState:
        """Orders by id, levels by book and price."""
        levels = dict(self._unread_levels)
        for book, read in self._levels.items():
            if read:
                levels[book] = memoryview(msgspec.msgpack.encode(list(read.items())))
        return DepthState(self._resting.rows(), sorted(levels.items(), key=itemgetter(0)))

    def load(self, state: DepthState) -> None:
        """Takes the orders, and the levels of each book until it is looked at."""
        self._resting = Shelf(Resting, state.resting)
        self._unread_levels = dict(state.levels)
        self.changed.update(instrument_id for instrument_id, _ in self._unread_levels)

    def _rest(self, event: OrderRested, _record: Record, _index: int) -> None:
        order = Resting(
            event.order_id,
            event.instrument_id,
            event.side,
            event.limit_price,
            event.leaves_qty,
            event.display_qty,
            _clip(event.leaves_qty, event.display_qty),
        )
        self._resting.put(event.order_id, order)
        self._change(order, order.shown_qty, order.leaves_qty, 1)

    def _amend(self, event: OrderAmended, _record: Record, _index: int) -> None:
        if event.is_requeued:
            self._remove(event.order_id)
        else:
            order = self._resting[event.order_id]
            self._show(order, min(order.shown_qty, event.leaves_qty), event.leaves_qty)

    def _cancel(self, event: OrderCancelled, _record: Record, _index: int) -> None:
        self._remove(event.order_id)

    def _trade(self, event: TradeExecuted, _record: Record, _index: int) -> None:
        self._fill(event.maker_order_id, event.last_qty, event.maker_leaves_qty)
        # In an auction both rest; a taker that comes in has no level yet.
        if self._resting.get(event.taker_order_id) is not None:
            self._fill(event.taker_order_id, event.last_qty, event.taker_leaves_qty)

    def _fill(self, order_id: int, last_qty: int, leaves_qty: int) -> None:
        if leaves_qty == 0:
            self._remove(order_id)
            return
        order = self._resting[order_id]
        left_qty = order.shown_qty - last_qty
        self._show(order, left_qty or _clip(leaves_qty, order.display_qty), leaves_qty)

    def _remove(self, order_id: int) -> None:
        """Takes an order out; one that never rested has no level."""
        order = self._resting.pop(order_id)
        if order is not None:
            self._change(order, -order.shown_qty, -order.leaves_qty, -1)

    def _show(self, order: Resting, shown_qty: int, leaves_qty: int) -> None:
        self._change(order, shown_qty - order.shown_qty, leaves_qty - order.leaves_qty, 0)
        order.shown_qty = shown_qty
        order.leaves_qty = leaves_qty

    def _change(
        self, order: Resting, delta_qty: int, delta_leaves_qty: int, delta_count: int
    ) -> None:
        levels = self._levels_of((order.instrument_id, order.side))
        level = levels.get(order.limit_price)
        if level is None:
            level = levels[order.limit_price] = [0, 0, 0]
        level[0] += delta_qty
        level[1] += delta_count
        level[2] += delta_leaves_qty
        if level[1] == 0:
            assert level[0] == 0, f"empty level {order.limit_price} holds {level[0]} GPUs"
            del levels[order.limit_price]
        self.changed.add(order.instrument_id)

    def _levels_of(self, book: Book) -> SortedDict:
        levels = self._levels.get(book)
        if levels is None:
            unread = self._unread_levels.pop(book, None)
            read = [] if unread is None else _LEVELS.decode(unread)
            levels = self._levels[book] = SortedDict(read)
        return levels


_LEVELS = msgspec.msgpack.Decoder(list[tuple[int, list[int]]])


def _clip(leaves_qty: int, display_qty: int) -> int:
    """What an order shows when it joins a queue."""
    return min(leaves_qty, display_qty) if display_qty else leaves_qty
