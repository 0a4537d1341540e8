"""
What every trading agent of the demo shares: a session, its open orders, its title, its counts.

An agent begins by cancelling whatever an earlier run left in the book, so it knows every order of
its own that is open.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from clients.sdk import ExchangeClient, ExchangeError, Update, new_id
from exchange.domain.enums import TradingMode
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import Window
from exchange.domain.wire import (
    AmendOrder,
    CancelOrder,
    Execution,
    MassCancel,
    PlaceOrder,
    Positions,
    Request,
    SideWord,
    TimeInForceWord,
)

from .summary import Tally
from .venue_setup import PRODUCT_CODE, symbol_of

PRICE_TOLERANCE_PPM = 4_000
_ENDED = frozenset({"filled", "cancelled", "expired", "rejected"})


@dataclass
class OpenOrder:
    """An own order in the book, as the last execution told."""

    client_order_id: str
    instrument: str
    side: SideWord
    limit_price: int
    leaves_qty: int
    cum_qty: int


@dataclass(frozen=True)
class Quote:
    """What should stand in the book at one place."""

    limit_price: int
    order_qty: int


Slot = tuple[str, SideWord, int]
"""Instrument, side, level: a place where an agent keeps at most one order."""


class Participant:
    """A trading account of the demo."""

    def __init__(self, client: ExchangeClient, tally: Tally) -> None:
        self.client = client
        self.tally = tally
        self.open_orders: dict[str, OpenOrder] = {}
        self._slots: dict[Slot, str] = {}
        self._positions: Positions | None = None

    async def start(self) -> None:
        """Connects, follows the own account, and clears the book of what was left there."""
        await self.client.connect()
        await self.client.follow("orders", "positions", callback=self._on_update)
        await self.send([MassCancel(command_id=new_id())])

    def free_qty(self, window: Window) -> int:
        """GPUs that can be sold or pledged on every day of the window."""
        return min(self.free_by_day(window).values())

    def free_by_day(self, window: Window) -> dict[int, int]:
        """What can be sold or pledged, day by day."""
        return self._by_day(window, "sellable")

    def lettable_qty(self, window: Window) -> int:
        """GPUs whose use can be let on every day of the window, pledged ones too."""
        return min(self._by_day(window, "sublettable").values())

    def has_lien(self, window: Window) -> bool:
        """Whether any day of the window is pledged already."""
        return any(
            run.start_day < window.end_day and window.start_day < run.end_day
            for position in (self._positions.positions if self._positions else ())
            for run in position.lien
        )

    def is_selling(self, window: Window) -> bool:
        """Whether an own offer stands in the window's book, which a purchase would run into."""
        symbol = symbol_of(window)
        orders = self.open_orders.values()
        return any(order.side == "sell" and order.instrument == symbol for order in orders)

    async def place(
        self,
        window: Window,
        side: SideWord,
        order_qty: int,
        limit_price: int,
        time_in_force: TimeInForceWord = "gtc",
        mode: TradingMode = TradingMode.TITLE,
    ) -> None:
        """One order; a refusal is counted and that is all."""
        order = PlaceOrder(
            client_order_id=new_id(),
            instrument=symbol_of(window, mode),
            side=side,
            order_qty=order_qty,
            limit_price=limit_price,
            time_in_force=time_in_force,
        )
        await self.send([order])

    async def keep_quotes(self, quotes: Mapping[Slot, Quote]) -> None:
        """
        Makes the book hold these orders and no others of ours.

        An order within `PRICE_TOLERANCE_PPM` of its price with at least half its quantity left is
        let alone. Cancels go first, because what they free the others may need. A price outside the
        window's band is not quoted.
        """
        quotes = await self._within_bands(quotes)
        self._slots = {s: i for s, i in self._slots.items() if i in self.open_orders}
        gone = [self._slots.pop(slot) for slot in list(self._slots) if slot not in quotes]
        await self.send(CancelOrder(command_id=new_id(), client_order_id=id_) for id_ in gone)
        requests: list[Request] = []
        for slot, quote in quotes.items():
            order = self.open_orders.get(self._slots.get(slot, ""))
            if order is None:
                requests.append(self._quote_anew(slot, quote))
            elif _is_off(order, quote):
                requests.append(
                    AmendOrder(
                        command_id=new_id(),
                        client_order_id=order.client_order_id,
                        order_qty=order.cum_qty + quote.order_qty,
                        limit_price=quote.limit_price,
                    )
                )
        await self.send(requests)

    async def send(self, requests: Iterable[Request]) -> None:
        """Sends all without waiting in between; counts what they are and what is refused."""
        replies = []
        for request in requests:
            match request:
                case PlaceOrder():
                    self.tally.order_count += 1
                case AmendOrder():
                    self.tally.amend_count += 1
                case CancelOrder():
                    self.tally.cancel_count += 1
            replies.append(await self.client.submit(request))
        for answer in await asyncio.gather(*replies, return_exceptions=True):
            if isinstance(answer, ExchangeError):
                self.tally.count_refusal(answer)
            elif isinstance(answer, BaseException):
                raise answer

    async def _within_bands(self, quotes: Mapping[Slot, Quote]) -> dict[Slot, Quote]:
        """The quotes that the windows' static bands let pass."""
        bands = {
            each.instrument: (each.low_limit_price, each.high_limit_price)
            for each in await self.client.instruments(PRODUCT_CODE)
            if each.high_limit_price
        }
        return {
            slot: quote
            for slot, quote in quotes.items()
            if slot[0] not in bands or bands[slot[0]][0] <= quote.limit_price <= bands[slot[0]][1]
        }

    def _by_day(self, window: Window, name: Literal["sellable", "sublettable"]) -> dict[int, int]:
        by_day = dict.fromkeys(range(window.start_day, window.end_day), 0)
        for position in self._positions.positions if self._positions else ():
            if position.product == PRODUCT_CODE:
                for run in getattr(position, name):
                    first_day = max(run.start_day, window.start_day)
                    for day in range(first_day, min(run.end_day, window.end_day)):
                        by_day[day] += run.qty
        return by_day

    def _quote_anew(self, slot: Slot, quote: Quote) -> PlaceOrder:
        instrument, side, _ = slot
        self._slots[slot] = new_id()
        return PlaceOrder(
            client_order_id=self._slots[slot],
            instrument=instrument,
            side=side,
            order_qty=quote.order_qty,
            limit_price=quote.limit_price,
            post_only=True,
        )

    def _on_update(self, update: Update) -> None:
        match update:
            case Execution():
                self._on_execution(update)
            case Positions():
                self._positions = update

    def _on_execution(self, execution: Execution) -> None:
        self.tally.count_fill(execution)
        if execution.order_status in _ENDED or execution.leaves_qty == 0:
            self.open_orders.pop(execution.client_order_id, None)
            return
        self.open_orders[execution.client_order_id] = OpenOrder(
            client_order_id=execution.client_order_id,
            instrument=execution.instrument,
            side=execution.side,
            limit_price=execution.limit_price,
            leaves_qty=execution.leaves_qty,
            cum_qty=execution.cum_qty,
        )


def _is_off(order: OpenOrder, quote: Quote) -> bool:
    """Whether the order is too far from what it should be."""
    difference = abs(order.limit_price - quote.limit_price)
    return (
        difference * PPM_WHOLE > quote.limit_price * PRICE_TOLERANCE_PPM
        or 2 * order.leaves_qty < quote.order_qty
    )
