"""The public tape: every trade of a book, without who made it."""

from collections import deque
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from exchange.domain.desk_events import TradeBusted, TradePriceCorrected
from exchange.domain.enums import Side, TradeSource
from exchange.domain.events import Event, InstrumentListed, TradeExecuted
from exchange.domain.record import Record
from exchange.domain.wire import Trade

from .projection import Handler, Projection

TAPE_COUNT = 1_000
"""Trades kept per instrument; older ones are in the log."""


class TradesState(Struct):
    """The checkpoint."""

    symbols: list[tuple[int, str]]
    tapes: list[tuple[int, list[Trade]]]


def _unheard(_instrument_id: int, _trade: Trade) -> None:
    """Nobody listens."""


class Trades(Projection[TradesState]):
    """The latest trades of each instrument; `listener` hears each one as it is folded."""

    state_type = TradesState

    def __init__(self) -> None:
        super().__init__()
        self.listener: Callable[[int, Trade], None] = _unheard
        self._symbols: dict[int, str] = {}
        self._tapes: dict[int, deque[Trade]] = {}

    def handle(self) -> Mapping[type[Event], Handler]:
        """Trades, and the names of what is traded."""
        return {
            InstrumentListed: self._list,
            TradeExecuted: self._trade,
            TradeBusted: self._correct,
            TradePriceCorrected: self._correct,
        }

    def latest(self, instrument_id: int, limit: int) -> list[Trade]:
        """The latest trades, newest first."""
        tape = self._tapes.get(instrument_id, ())
        return [trade for trade, _ in zip(reversed(tape), range(limit), strict=False)]

    def state(self) -> TradesState:
        """Both tables in the order of their ids."""
        return TradesState(
            sorted(self._symbols.items()),
            [(key, list(tape)) for key, tape in sorted(self._tapes.items())],
        )

    def load(self, state: TradesState) -> None:
        """Takes the tables."""
        self._symbols = dict(state.symbols)
        self._tapes = {key: deque(tape, TAPE_COUNT) for key, tape in state.tapes}

    def _list(self, event: InstrumentListed, _record: Record, _index: int) -> None:
        self._symbols[event.instrument_id] = event.symbol

    def _trade(self, event: TradeExecuted, record: Record, _index: int) -> None:
        trade = Trade(
            instrument=self._symbols[event.instrument_id],
            trade_id=event.trade_id,
            seq=record.seq,
            last_price=event.last_price,
            last_qty=event.last_qty,
            taker_side="buy" if event.taker_side is Side.BUY else "sell",
            market_ns=record.market_ns,
        )
        tape = self._tapes.get(event.instrument_id)
        if tape is None:
            tape = self._tapes[event.instrument_id] = deque(maxlen=TAPE_COUNT)
        tape.append(trade)
        self.listener(event.instrument_id, trade)

    def _correct(
        self, event: TradeBusted | TradePriceCorrected, _record: Record, _index: int
    ) -> None:
        """A correction is rare, so the trade is looked for."""
        if event.trade_source is not TradeSource.BOOK:
            return
        for instrument_id, tape in self._tapes.items():
            for place, trade in enumerate(tape):
                if trade.trade_id == event.trade_id:
                    tape[place] = _corrected(trade, event)
                    self.listener(instrument_id, tape[place])


def _corrected(trade: Trade, event: TradeBusted | TradePriceCorrected) -> Trade:
    if isinstance(event, TradeBusted):
        return replace(trade, is_busted=True)
    return replace(trade, last_price=event.corrected_price)
