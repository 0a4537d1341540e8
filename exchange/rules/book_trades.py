"""
The trades of books, for as long as a party may ask that one be undone.

The records that traded are kept as their bytes for ten minutes of market time, which costs an order
next to nothing; what a trade was about is read from them only when somebody asks. A trade that
somebody has asked about is kept as one of the desk's would be, until the day after it is decided.
"""

from bisect import bisect_left
from operator import attrgetter

from exchange.domain.desk_events import DeskTradeExecuted, EscrowRun
from exchange.domain.enums import Purpose, Side, TradeSource, TradingMode
from exchange.domain.events import EscrowReturned, Event, TradeExecuted
from exchange.domain.reasons import Reason, Refused
from exchange.domain.record import decode_body

from .desk import DISPUTE_NS, DeskTrade
from .state import State, TradingRecord

_executed_ns = attrgetter("executed_ns")
_first_trade_id = attrgetter("first_trade_id")


def keep_record(record: bytes, first_trade_id: int, state: State) -> None:
    """Remembers a record that traded."""
    state.trading_records.append(TradingRecord(first_trade_id, state.market_ns, record))


def forget_records(state: State) -> None:
    """Time has moved on: what nobody may ask about any more is forgotten."""
    oldest_ns = state.market_ns - DISPUTE_NS
    records = state.trading_records
    if records and records[0].executed_ns < oldest_ns:
        del records[: bisect_left(records, oldest_ns, key=_executed_ns)]


def forget_trades(state: State) -> None:
    """A day begins: decided trades leave the table, unless one could still be asked about again."""
    disputed = {
        correction.requested.trade_id
        for correction in state.corrections.values()
        if correction.is_open and correction.requested.trade_source is TradeSource.BOOK
    }
    oldest_ns = state.market_ns - DISPUTE_NS
    state.book_trades = {
        trade_id: trade
        for trade_id, trade in state.book_trades.items()
        if trade_id in disputed or trade.executed_ns >= oldest_ns
    }


def book_trade(trade_id: int, state: State) -> DeskTrade:
    """
    A trade of a book as the desk tells of its own; refuses one that is unknown or too long ago.

    What was let in a book is no trade here: both sides end a sublet themselves.
    """
    known = state.book_trades.get(trade_id)
    if known is not None:
        return known
    records = state.trading_records
    index = bisect_left(records, trade_id + 1, key=_first_trade_id) - 1
    if index < 0:
        is_past = 0 < trade_id < state.core.next_trade_id
        reason = Reason.TOO_LATE if is_past else Reason.UNKNOWN_TRADE
        raise Refused(reason, state.market_ns if is_past else trade_id)
    kept = records[index]
    found = _read(trade_id, decode_body(kept.record)[1], state)
    if found is None:
        raise Refused(Reason.UNKNOWN_TRADE, trade_id)
    instrument_id, told = found
    return DeskTrade(
        told,
        kept.executed_ns,
        told.trade_price,
        is_published=True,
        instrument_id=instrument_id,
    )


def _read(trade_id: int, events: list[Event], state: State) -> tuple[int, DeskTradeExecuted] | None:
    """
    The book's instrument and the trade, with what it returned of the escrow; None where the record
    has no such title.
    """
    returned = [
        EscrowRun(event.start_day, event.end_day, event.day_amount)
        for event in events
        if isinstance(event, EscrowReturned) and event.trade_id == trade_id
    ]
    for event in events:
        if isinstance(event, TradeExecuted) and event.trade_id == trade_id:
            listed = state.instruments[event.instrument_id]
            if listed.mode is TradingMode.TITLE:
                days = (listed.product_id, listed.start_day, listed.end_day)
                return listed.instrument_id, _told(event, *days, returned)
    return None


def _told(
    trade: TradeExecuted,
    product_id: int,
    start_day: int,
    end_day: int,
    returned: list[EscrowRun],
) -> DeskTradeExecuted:
    maker = (trade.maker_account_id, trade.maker_fee_amount)
    taker = (trade.taker_account_id, trade.taker_fee_amount)
    buyer, seller = (taker, maker) if trade.taker_side is Side.BUY else (maker, taker)
    return DeskTradeExecuted(
        trade_id=trade.trade_id,
        purpose=Purpose.BUST,
        product_id=product_id,
        start_day=start_day,
        end_day=end_day,
        traded_qty=trade.last_qty,
        trade_price=trade.last_price,
        buyer_account_id=buyer[0],
        seller_account_id=seller[0],
        taker_side=trade.taker_side,
        notional_amount=trade.notional_amount,
        buyer_fee_amount=buyer[1],
        seller_fee_amount=seller[1],
        escrow_amount=trade.escrow_amount,
        returned_escrow=returned,
        publish_ns=0,
        displayed_qty=trade.last_qty,
    )
