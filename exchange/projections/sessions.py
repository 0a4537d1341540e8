"""When each book trades, and at what price it would uncross while it collects."""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.enums import SessionState
from exchange.domain.events import (
    AuctionEnded,
    AuctionStarted,
    Event,
    InstrumentExpired,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    SettlementPricePublished,
    TradeExecuted,
    TradingSessionChanged,
)
from exchange.domain.record import Record

from .projection import Handler, Projection

COLLECTING = (SessionState.PRE_OPEN, SessionState.CLOSING_AUCTION, SessionState.AUCTION)


class BookSession(Struct):
    """What one instrument's session rests on."""

    instrument_id: int
    halt_count: int = 0
    """Causes of its halt."""
    auction_end_ns: int = 0
    last_price: int = 0
    settlement_price: int = 0
    low_limit_price: int = 0
    high_limit_price: int = 0
    is_expired: bool = False

    @property
    def reference_price(self) -> int:
        """What an auction goes by: the last trade, before it the settlement price, or 0."""
        return self.last_price or self.settlement_price


class SessionsState(Struct):
    """The checkpoint."""

    session_state: SessionState
    books: list[BookSession]


class Sessions(Projection[SessionsState]):
    """
    Session states of the venue and of every book.

    `changed` collects the instruments whose state moved since whoever publishes last cleared it.
    """

    state_type = SessionsState

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[int] = set()
        self.session_state = SessionState.CONTINUOUS
        self.books: dict[int, BookSession] = {}

    def handle(self) -> Mapping[type[Event], Handler]:
        """Whatever starts, stops or prices a book."""
        return {
            InstrumentListed: self._list,
            InstrumentExpired: self._expire,
            TradingSessionChanged: self._change,
            AuctionStarted: self._start,
            AuctionEnded: self._end,
            InstrumentHalted: self._halt,
            InstrumentResumed: self._resume,
            SettlementPricePublished: self._settle,
            TradeExecuted: self._trade,
        }

    def state_of(self, instrument_id: int) -> SessionState:
        """A book's own state: expired ones are closed; halted, in an auction, or the venue's."""
        book = self.books[instrument_id]
        if book.is_expired:
            return SessionState.CLOSED
        if book.halt_count:
            return SessionState.HALTED
        return SessionState.AUCTION if book.auction_end_ns else self.session_state

    def state(self) -> SessionsState:
        """Books in the order of their ids."""
        return SessionsState(self.session_state, [each for _, each in sorted(self.books.items())])

    def load(self, state: SessionsState) -> None:
        """Takes the table."""
        self.session_state = state.session_state
        self.books = {each.instrument_id: each for each in state.books}

    def _list(self, event: InstrumentListed, _record: Record, _index: int) -> None:
        self.books[event.instrument_id] = BookSession(event.instrument_id)

    def _expire(self, event: InstrumentExpired, _record: Record, _index: int) -> None:
        book = self._touch(event.instrument_id)
        book.is_expired = True
        book.auction_end_ns = 0

    def _change(self, event: TradingSessionChanged, _record: Record, _index: int) -> None:
        self.session_state = event.session_state
        for instrument_id in self.books:
            self._touch(instrument_id).auction_end_ns = 0

    def _start(self, event: AuctionStarted, _record: Record, _index: int) -> None:
        self._touch(event.instrument_id).auction_end_ns = event.end_ns

    def _end(self, event: AuctionEnded, _record: Record, _index: int) -> None:
        self._touch(event.instrument_id).auction_end_ns = 0

    def _halt(self, event: InstrumentHalted, _record: Record, _index: int) -> None:
        book = self._touch(event.instrument_id)
        book.halt_count += 1
        book.auction_end_ns = 0

    def _resume(self, event: InstrumentResumed, _record: Record, _index: int) -> None:
        self._touch(event.instrument_id).halt_count -= 1

    def _settle(self, event: SettlementPricePublished, _record: Record, _index: int) -> None:
        book = self._touch(event.instrument_id)
        book.settlement_price = event.settlement_price
        book.low_limit_price = event.low_limit_price
        book.high_limit_price = event.high_limit_price

    def _trade(self, event: TradeExecuted, _record: Record, _index: int) -> None:
        self.books[event.instrument_id].last_price = event.last_price

    def _touch(self, instrument_id: int) -> BookSession:
        self.changed.add(instrument_id)
        return self.books[instrument_id]
