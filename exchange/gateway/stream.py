"""
What sessions have subscribed to, and its delivery.

Books are shared: a feed for each instrument and depth works out the changed levels at most once per
conflation interval, encodes and frames them once per subprotocol, and writes the same bytes to
every reader. A reader that falls behind is skipped and gets a fresh snapshot once it has caught up;
one that stays behind is closed. Own orders are never skipped: that stream is closed instead, and
resumed from its position. Loans and lots have feeds of their own (`loan_feed`, `lot_feed`).
"""

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

from exchange.domain.desk_wire import DeskTrades, PublicDeskTrade
from exchange.domain.events import NodeMarked
from exchange.domain.reasons import Reason
from exchange.domain.record import Record
from exchange.domain.wire import (
    Book,
    Indication,
    Marks,
    Message,
    NodeMarkView,
    SessionWord,
    Trade,
)
from exchange.projections import Projections
from exchange.projections.desk import DeskTrade
from exchange.projections.desk_views import public_trade_view, public_trades_view
from exchange.projections.marks import node_mark_view
from exchange.projections.orders import Step
from exchange.projections.views import indication_view, private_view, session_word

from .codec import Codec
from .loan_feed import LoanFeed
from .lot_feed import LotFeed
from .settings import GatewaySettings

if TYPE_CHECKING:
    from .session import Session

MAX_DEPTH = 100
SNAPSHOT_TRADES_COUNT = 50
_PRIVATE = ("orders", "positions", "balances", "desk")
_FED = ("loans", "lots")
"""Each by a feed of its own."""


class Channel(Struct, frozen=True):
    """A parsed channel name; `instrument_id` and `depth` are 0 where they mean nothing."""

    name: str
    kind: str
    instrument_id: int = 0
    depth: int = 0


class BookFeed:
    """One instrument's book at one depth, as its subscribers last saw it."""

    def __init__(self, instrument: str, instrument_id: int, depth: int) -> None:
        self.instrument = instrument
        self.instrument_id = instrument_id
        self.depth = depth
        self.subscribers: set[Session] = set()
        self.seq = 0
        self.session_state: SessionWord = "continuous"
        self.indication: Indication | None = None
        self._bids: dict[int, tuple[int, int, int]] = {}
        self._asks: dict[int, tuple[int, int, int]] = {}

    def advance(self, projections: Projections) -> Book | None:
        """Moves on to the current book; the change as a message, None where nothing changed."""
        bids = {level[0]: level for level in projections.depth.bids(self.instrument_id, self.depth)}
        asks = {level[0]: level for level in projections.depth.asks(self.instrument_id, self.depth)}
        changed_bids, changed_asks = _changes(self._bids, bids), _changes(self._asks, asks)
        session = (
            session_word(self.instrument_id, projections),
            indication_view(self.instrument_id, projections),
        )
        is_same_session = session == (self.session_state, self.indication)
        if is_same_session and not changed_bids and not changed_asks:
            return None
        previous_seq, self.seq = self.seq, projections.at_seq
        self._bids, self._asks = bids, asks
        self.session_state, self.indication = session
        return Book(
            instrument=self.instrument,
            seq=self.seq,
            bids=changed_bids,
            asks=changed_asks,
            prev_seq=previous_seq,
            session_state=self.session_state,
            indication=self.indication,
        )

    def snapshot(self) -> Book:
        """The whole book as last published."""
        return Book(
            instrument=self.instrument,
            seq=self.seq,
            bids=list(self._bids.values()),
            asks=list(self._asks.values()),
            snapshot=True,
            session_state=self.session_state,
            indication=self.indication,
        )


class Streams:
    """All subscriptions of one gateway."""

    def __init__(self, projections: Projections, settings: GatewaySettings) -> None:
        self._projections = projections
        self._settings = settings
        self._books: dict[int, dict[int, BookFeed]] = {}
        """By instrument, then depth."""
        self._trades: dict[int, set[Session]] = defaultdict(set)
        self._new_trades: dict[int, list[Message]] = defaultdict(list)
        self._private: dict[str, dict[int, set[Session]]] = {
            kind: defaultdict(set) for kind in _PRIVATE
        }
        self._desk_trades: set[Session] = set()
        self._new_desk_trades: list[PublicDeskTrade] = []
        self._marks: set[Session] = set()
        self._new_marks: list[NodeMarkView] = []
        self._lagging: dict[Session, float] = {}
        """Since when a session is behind with market data."""
        self._is_publish_due = False
        self._published_s = 0.0
        self._order_readers = self._private["orders"]
        self._feeds: dict[str, LoanFeed | LotFeed] = {
            "loans": LoanFeed(projections),
            "lots": LotFeed(projections, self._broadcast),
        }
        projections.orders.listener = self._on_step
        projections.trades.listener = self._on_trade
        projections.desk.listener = self._on_desk_trade

    # -- subscribing

    def parse(self, name: str) -> Channel | None:
        """The channel of that name; None where there is none."""
        if name in _PRIVATE or name in _FED or name in ("marks", "desk_trades"):
            return Channel(name, name)
        kind, _, rest = name.partition(":")
        depth = 0
        if kind == "book":
            rest, _, digits = rest.rpartition(":")
            depth = int(digits) if digits.isascii() and digits.isdigit() else 0
            if not 1 <= depth <= MAX_DEPTH:
                return None
        elif kind != "trades":
            return None
        instrument = self._projections.listings.instrument_named(rest)
        if instrument is None:
            return None
        return Channel(name, kind, instrument.instrument_id, depth)

    def subscribe(self, session: "Session", channel: Channel) -> None:
        """Joins a channel; its snapshot first."""
        match channel.kind:
            case "book":
                self._join_book(session, channel)
            case "trades":
                self._trades[channel.instrument_id].add(session)
                latest = self._projections.trades.latest(
                    channel.instrument_id, SNAPSHOT_TRADES_COUNT
                )
                session.send_all(list(reversed(latest)))
            case "desk_trades":
                self._desk_trades.add(session)
                session.send(public_trades_view(self._projections))
            case "marks":
                self._marks.add(session)
                session.send(marks_message(self._projections, self._projections.at_seq))
            case kind if kind in _FED:
                self._feeds[kind].join(session)
                self._publish_later()
            case kind:
                self._private[kind][session.account_id].add(session)
                session.send(private_view(kind, session.account_id, self._projections))

    def follow_orders(self, session: "Session") -> None:
        """Joins `orders` without a snapshot: the session has just been told what it missed."""
        self._private["orders"][session.account_id].add(session)

    def unsubscribe(self, session: "Session", channel: Channel) -> None:
        """Leaves a channel."""
        match channel.kind:
            case "book":
                feeds = self._books.get(channel.instrument_id, {})
                feed = feeds.get(channel.depth)
                if feed is not None:
                    feed.subscribers.discard(session)
                    if not feed.subscribers:
                        del feeds[channel.depth]
            case "trades":
                self._trades[channel.instrument_id].discard(session)
            case "desk_trades":
                self._desk_trades.discard(session)
            case "marks":
                self._marks.discard(session)
            case kind if kind in _FED:
                self._feeds[kind].leave(session)
            case kind:
                self._private[kind][session.account_id].discard(session)

    def forget(self, session: "Session") -> None:
        """The session is gone."""
        self._lagging.pop(session, None)

    def _join_book(self, session: "Session", channel: Channel) -> None:
        feeds = self._books.setdefault(channel.instrument_id, {})
        feed = feeds.get(channel.depth)
        if feed is None:
            symbol = self._projections.listings.instruments[channel.instrument_id].listed.symbol
            feed = feeds[channel.depth] = BookFeed(symbol, channel.instrument_id, channel.depth)
        # What the others are told next must start where this snapshot stands.
        self._publish_book(feed)
        feed.seq = feed.seq or self._projections.at_seq
        feed.subscribers.add(session)
        session.send(feed.snapshot())

    # -- what projections say

    def _on_step(self, account_id: int, step: Step) -> None:
        readers = self._order_readers.get(account_id)
        if readers:
            execution = self._projections.orders.execution(step)
            for session in readers:
                session.send(execution)

    def _on_trade(self, instrument_id: int, trade: Trade) -> None:
        if self._trades.get(instrument_id):
            self._new_trades[instrument_id].append(trade)

    def _on_desk_trade(self, trade: DeskTrade) -> None:
        if self._desk_trades:
            self._new_desk_trades.append(public_trade_view(trade, self._projections))

    def marks_changed(self, record: Record) -> None:
        """A marking cycle came: its changes go out with the commit."""
        if self._marks:
            self._new_marks += [
                node_mark_view(record.seq, e) for e in record.events if isinstance(e, NodeMarked)
            ]

    # -- publishing

    def committed(self) -> None:
        """Sends trades and marks at once; books and what is private at their interval."""
        for instrument_id, trades in self._new_trades.items():
            self._broadcast(self._trades[instrument_id], trades)
        self._new_trades.clear()
        if self._new_marks:
            message = Marks(as_of_seq=self._projections.at_seq, marks=self._new_marks)
            self._broadcast(self._marks, [message])
            self._new_marks = []
        if self._new_desk_trades:
            news = DeskTrades(as_of_seq=self._projections.at_seq, desk_trades=self._new_desk_trades)
            self._broadcast(self._desk_trades, [news])
            self._new_desk_trades = []
        self._publish_later()

    def _publish_later(self) -> None:
        """Publishes once, an interval after the last time."""
        if not self._is_publish_due:
            self._is_publish_due = True
            loop = asyncio.get_running_loop()
            due_s = max(0.0, self._published_s + self._settings.conflation_s - loop.time())
            loop.call_later(due_s, self.publish)

    def publish(self) -> None:
        """Sends books and what else moved since the last time."""
        self._is_publish_due = False
        self._published_s = asyncio.get_running_loop().time()
        projections = self._projections
        for instrument_id in projections.depth.changed | projections.sessions.changed:
            for book in self._books.get(instrument_id, {}).values():
                self._publish_book(book)
        projections.depth.changed.clear()
        projections.sessions.changed.clear()
        self._catch_up()
        desk = projections.desk
        if desk.is_changed_for_all:
            desk.changed |= self._private["desk"].keys()
            desk.is_changed_for_all = False
        for kind, changed in (
            ("positions", projections.positions.changed),
            ("balances", projections.balances.changed),
            ("desk", desk.changed),
        ):
            readers = self._private[kind]
            for account_id in changed & readers.keys():
                if readers[account_id]:
                    message = private_view(kind, account_id, projections)
                    for session in list(readers[account_id]):
                        session.send(message)
            changed.clear()
        for feed in self._feeds.values():
            feed.publish()
        if self._lagging or any(feed.has_more for feed in self._feeds.values()):
            self._publish_later()

    def _publish_book(self, feed: BookFeed) -> None:
        change = feed.advance(self._projections)
        if change is not None and feed.subscribers:
            self._broadcast(feed.subscribers, [change])

    def _broadcast(self, sessions: set["Session"], messages: list[Message]) -> None:
        """The same bytes to all who keep up; encoded and framed once for each subprotocol."""
        frames: dict[Codec, bytes] = {}
        for session in list(sessions):
            if session in self._lagging:
                continue
            if session.behind_bytes() > self._settings.public_behind_bytes:
                self._lagging[session] = time.monotonic()
                continue
            encoded = frames.get(session.codec)
            if encoded is None:
                encoded = frames[session.codec] = session.codec.frames(messages)
            session.write(encoded)

    def _catch_up(self) -> None:
        """A fresh snapshot for those who have read what they had; an end to the endless."""
        for session, since_s in list(self._lagging.items()):
            if session.behind_bytes() == 0:
                del self._lagging[session]
                for channel in session.channels.values():
                    if channel.kind not in (*_PRIVATE, "loans"):
                        self.subscribe(session, channel)
            elif time.monotonic() - since_s > self._settings.public_behind_s:
                session.bye(Reason.SLOW_CONSUMER, 4003)


def marks_message(projections: Projections, seq: int) -> Marks:
    """All node marks as of a record."""
    nodes = projections.marks.nodes_as_of(seq)
    return Marks(as_of_seq=seq, marks=[node_mark_view(at, mark) for at, mark in nodes])


def _changes(
    before: dict[int, tuple[int, int, int]], after: dict[int, tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    """Levels that differ, and (price, 0, 0) for those that are gone."""
    gone = [(price, 0, 0) for price in before if price not in after]
    return gone + [level for price, level in after.items() if before.get(price) != level]
