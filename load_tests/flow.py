"""
The orders that every load test sends: 51 % new, 39 % cancelled, 10 % crossing.

One desk's flow stands in a book with one other desk of the opposite side:

    price  979 … 998 | 999 | 1001 | 1002 … 1021
           deep bids | top   top  | deep asks          deep orders are cancelled, never traded
                                                        top orders are traded, never cancelled

Of 100 steps 39 rest a deep order, 39 cancel one, 12 rest a top order of 10 GPUs and 10 take 12 GPUs
from the other side's top. So books keep their size, every cancel finds its order, every crossing
order trades (most against two orders) and nothing is refused, however the two desks' steps mix.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from exchange.domain import commands
from exchange.domain.commands import Command
from exchange.domain.enums import Side, TimeInForce

from .trading_desks import Desk

DEEP_COUNT, TOP_COUNT, CROSSING_COUNT = 39, 12, 10
"""Of 100 steps; as many cancels as deep orders."""
TOP_QTY, CROSSING_QTY = 10, 12
"""What rests at the top equals what is taken from it: 12 x 10 = 10 x 12."""
STOCK_DEEP_COUNT = 100
STOCK_TOP_COUNT = 100
"""Per window: how far one desk may run ahead of the other."""
BEST_PRICE = {Side.BUY: 999, Side.SELL: 1_001}
DEEP_PRICES_COUNT = 20


class New(NamedTuple):
    """An order to place."""

    order_id: str
    window: int
    """Which of the desk's windows."""
    side: Side
    order_qty: int
    limit_price: int
    is_crossing: bool


class Cancel(NamedTuple):
    """An order to cancel, by the id it was placed with."""

    command_id: str
    order_id: str


Step = New | Cancel


class Flow:
    """One desk's endless steps, after a stock of orders that makes its books."""

    def __init__(self, side: Side, windows_count: int, name: str, seed: int) -> None:
        self._side = side
        self._windows_count = windows_count
        self._name = name
        self._random = Random(seed)
        self._count = 0
        self._deep: list[str] = []
        self._top_count = 0
        self._crossing_count = 0

    def stock(self) -> list[Step]:
        """What rests before the flow begins."""
        tops = [self._top() for _ in range(STOCK_TOP_COUNT * self._windows_count)]
        return [*tops, *(self._rest_deep() for _ in range(STOCK_DEEP_COUNT))]

    def steps(self) -> Iterator[Step]:
        """Hundreds of steps in the proportions above, each hundred in an order of its own."""
        hundred: list[Callable[[], Step]] = [
            *[self._rest_deep] * DEEP_COUNT,
            *[self._cancel] * DEEP_COUNT,
            *[self._top] * TOP_COUNT,
            *[self._cross] * CROSSING_COUNT,
        ]
        while True:
            self._random.shuffle(hundred)
            for step in hundred:
                yield step()

    def _rest_deep(self) -> New:
        away = self._random.randrange(1, DEEP_PRICES_COUNT + 1)
        price = BEST_PRICE[self._side] + (away if self._side is Side.SELL else -away)
        window = self._random.randrange(self._windows_count)
        order = New(self._id(), window, self._side, 1 + away % 9, price, False)
        self._deep.append(order.order_id)
        return order

    def _cancel(self) -> Cancel:
        at = self._random.randrange(len(self._deep))
        self._deep[at], self._deep[-1] = self._deep[-1], self._deep[at]
        return Cancel(self._id(), self._deep.pop())

    def _top(self) -> New:
        self._top_count += 1
        window = self._top_count % self._windows_count
        return New(self._id(), window, self._side, TOP_QTY, BEST_PRICE[self._side], False)

    def _cross(self) -> New:
        self._crossing_count += 1
        window = self._crossing_count % self._windows_count
        other = Side.BUY if self._side is Side.SELL else Side.SELL
        return New(self._id(), window, self._side, CROSSING_QTY, BEST_PRICE[other], True)

    def _id(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"


def desk_flow(desk: Desk, name: str) -> Flow:
    """The flow of a desk; `name` keeps the ids of several flows of one desk apart."""
    side = Side.SELL if desk.is_supplier else Side.BUY
    return Flow(side, len(desk.symbols), f"{name}{desk.account_id}", desk.account_id)


def stock_count(desk: Desk) -> int:
    """How many orders a desk's flow begins with."""
    return STOCK_TOP_COUNT * len(desk.symbols) + STOCK_DEEP_COUNT


def command_of(step: Step, desk: Desk) -> Command:
    """A step as the engine takes it."""
    if isinstance(step, Cancel):
        return commands.CancelOrder(
            key_id=desk.key_id, command_id=step.command_id, orig_client_order_id=step.order_id
        )
    return commands.PlaceOrder(
        key_id=desk.key_id,
        command_id=step.order_id,
        instrument_id=desk.instrument_ids[step.window],
        side=step.side,
        order_qty=step.order_qty,
        limit_price=step.limit_price,
        time_in_force=TimeInForce.IOC if step.is_crossing else TimeInForce.GTC,
    )


def message_of(step: Step, desk: Desk, request_id: int) -> str:
    """A step as a client sends it, in JSON."""
    if isinstance(step, Cancel):
        return (
            f'{{"type":"cancel_order","request_id":{request_id},"command_id":"{step.command_id}",'
            f'"client_order_id":"{step.order_id}"}}'
        )
    side = "buy" if step.side is Side.BUY else "sell"
    time_in_force = "ioc" if step.is_crossing else "gtc"
    return (
        f'{{"type":"place_order","request_id":{request_id},"client_order_id":"{step.order_id}",'
        f'"instrument":"{desk.symbols[step.window]}","side":"{side}",'
        f'"order_qty":{step.order_qty},"limit_price":{step.limit_price},'
        f'"time_in_force":"{time_in_force}"}}'
    )
