"""
Channels that a session follows, and where their messages go.

A subscription outlives a reconnect: the session asks for its channels again and the exchange
answers each with a snapshot. A reader that falls `MAX_WAITING` messages behind is ended with an
error rather than served a stream with holes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from exchange.domain.desk_wire import Desk, DeskTrades
from exchange.domain.lending_views import Loans
from exchange.domain.lot_wire import LotNews
from exchange.domain.wire import (
    AnyMessage,
    Balances,
    Book,
    Execution,
    Marks,
    Orders,
    Positions,
    Trade,
)

from .errors import ExchangeError, ProtocolError

MAX_WAITING = 10_000
Update = (
    Book
    | Trade
    | Orders
    | Execution
    | Positions
    | Balances
    | Marks
    | Desk
    | DeskTrades
    | Loans
    | LotNews
)
Callback = Callable[[Update], None]


class Subscription:
    """
    Updates of some channels: an async iterator, or a callback for each update.

    The callback runs in the session's reader and must return at once. Iteration ends when the
    subscription or the session closes; it raises what ended the session if that was an error.
    """

    def __init__(
        self,
        channels: tuple[str, ...],
        on_close: Callable[["Subscription"], None],
        callback: Callback | None = None,
    ) -> None:
        self.channels = channels
        self._routes = frozenset(_route_of(channel) for channel in channels)
        self._on_close = on_close
        self._callback = callback
        self._waiting: asyncio.Queue[Update | None] = asyncio.Queue()
        self._error: ExchangeError | None = None
        self._is_closed = False

    def takes(self, route: str) -> bool:
        """Whether messages of this route belong here."""
        return route in self._routes

    def deliver(self, update: Update) -> None:
        """Hands one update on."""
        if self._is_closed:
            return
        if self._callback is not None:
            self._callback(update)
        elif self._waiting.qsize() >= MAX_WAITING:
            self.end(ProtocolError(f"reader of {self.channels} is {MAX_WAITING} updates behind"))
        else:
            self._waiting.put_nowait(update)

    def end(self, error: ExchangeError | None) -> None:
        """Ends the iteration after what is waiting, with the error if there is one."""
        if not self._is_closed:
            self._is_closed = True
            self._error = error
            self._waiting.put_nowait(None)

    def close(self) -> None:
        """Stops following; channels that nobody else follows are unsubscribed."""
        self.end(None)
        self._on_close(self)

    def __aiter__(self) -> AsyncIterator[Update]:
        return self

    async def next(self) -> Update:
        """The next update, waited for; `StopAsyncIteration` at the end."""
        return await self.__anext__()

    async def __anext__(self) -> Update:
        if self._is_closed and self._waiting.empty():
            raise self._error or StopAsyncIteration
        update = await self._waiting.get()
        if update is None:
            raise self._error or StopAsyncIteration
        return update


class SubscriptionTable:
    """All subscriptions of a session, by channel and by route."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._book_seq: dict[str, int] = {}

    def add(self, subscription: Subscription) -> None:
        """Takes a subscription in; `ValueError` for a book that is followed at another depth."""
        followed = {_route_of(channel): channel for channel in self.channels()}
        for channel in subscription.channels:
            other = followed.setdefault(_route_of(channel), channel)
            if other != channel:
                raise ValueError(f"{channel} is followed already, as {other}")
        self._subscriptions.append(subscription)

    def remove(self, subscription: Subscription) -> list[str]:
        """Forgets a subscription; returns the channels that nobody follows any more."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        kept = set(self.channels())
        gone = [channel for channel in subscription.channels if channel not in kept]
        for channel in gone:
            self._book_seq.pop(_route_of(channel), None)
        return gone

    def channels(self) -> list[str]:
        """Every channel followed, once."""
        return list(dict.fromkeys(c for s in self._subscriptions for c in s.channels))

    def forget_books(self) -> None:
        """After a reconnect every book begins with a snapshot again."""
        self._book_seq.clear()

    def deliver(self, update: Update) -> list[str]:
        """
        Hands an update to those that follow it.

        Returns the channels to subscribe anew, where a book's update does not join the last one;
        that update is dropped, since a fresh snapshot follows.
        """
        route = _route_of_message(update)
        if isinstance(update, Book):
            seen_seq = self._book_seq.get(route, 0)
            if not update.snapshot and update.prev_seq and update.prev_seq != seen_seq:
                self._book_seq.pop(route, None)
                return [c for c in self.channels() if _route_of(c) == route]
            self._book_seq[route] = update.seq
        for subscription in [s for s in self._subscriptions if s.takes(route)]:
            subscription.deliver(update)
        return []

    def end(self, error: ExchangeError | None) -> None:
        """Ends them all."""
        for subscription in self._subscriptions:
            subscription.end(error)
        self._subscriptions = []


def is_update(message: AnyMessage) -> bool:
    """Whether the message belongs to a channel."""
    return isinstance(message, Update)


def batches(channels: Iterable[str], size: int = 64) -> list[list[str]]:
    """The channels in lists of at most `size`, as one request may carry."""
    listed = list(channels)
    return [listed[start : start + size] for start in range(0, len(listed), size)]


def _route_of(channel: str) -> str:
    """A book's depth is not in its messages, so the depth is no part of the route."""
    if channel.startswith("book:"):
        return channel.rpartition(":")[0] if channel.count(":") > 2 else channel
    return channel


def _route_of_message(update: Update) -> str:
    match update:
        case Book():
            return f"book:{update.instrument}"
        case Trade():
            return f"trades:{update.instrument}"
        case Orders() | Execution():
            return "orders"
        case Positions():
            return "positions"
        case Balances():
            return "balances"
        case Marks():
            return "marks"
        case Desk():
            return "desk"
        case DeskTrades():
            return "desk_trades"
        case Loans():
            return "loans"
        case LotNews():
            return "lots"
