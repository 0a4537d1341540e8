"""
What the clock does at the desk: requests, quotes and blocks run out, trades become public.

Each moment of the desk is a boundary of the clock. At the start of a day what is over leaves the
table, save trades that are not public yet or whose correction is open.
"""

from collections.abc import Iterator

from exchange.domain.desk_events import DeskTradePublished
from exchange.domain.enums import BlockStatus, QuoteRequestStatus, QuoteStatus, TradeSource
from exchange.domain.events import Event

from .book_trades import forget_trades
from .desk import block_end, quote_end
from .quotes import request_end
from .state import State


def next_desk_ns(state: State) -> int | None:
    """When something at the desk is due next; None where nothing will be."""
    return min(_due_times(state), default=None)


def _due_times(state: State) -> Iterator[int]:
    yield from (r.asked.expires_ns for r in state.quote_requests.values() if r.is_open)
    yield from (q.submitted.expires_ns for q in state.quotes.values() if q.is_open)
    yield from (b.proposed.expires_ns for b in state.blocks.values() if b.is_open)
    yield from (t.executed.publish_ns for t in state.desk_trades.values() if t.is_unpublished)


def desk_ends(to_ns: int, state: State) -> list[Event]:
    """What is due at the desk by a moment, in the order of ids."""
    events: list[Event] = []
    ended_ids = set()
    for request_id, request in sorted(state.quote_requests.items()):
        if request.is_open and request.asked.expires_ns <= to_ns:
            ended_ids.add(request_id)
            status = QuoteRequestStatus.EXPIRED
            events += request_end(request, status, QuoteStatus.EXPIRED, state)
    for _, quote in sorted(state.quotes.items()):
        is_left = quote.submitted.quote_request_id not in ended_ids
        if quote.is_open and is_left and quote.submitted.expires_ns <= to_ns:
            events += quote_end(quote, QuoteStatus.EXPIRED)
    for _, block in sorted(state.blocks.items()):
        if block.is_open and block.proposed.expires_ns <= to_ns:
            events += block_end(block, BlockStatus.LAPSED)
    for trade_id, trade in sorted(state.desk_trades.items()):
        if trade.is_unpublished and trade.executed.publish_ns <= to_ns:
            events.append(DeskTradePublished(trade_id=trade_id))
    return events


def clear_desk(state: State) -> None:
    """A day begins: what is over leaves the table."""
    disputed = {
        c.requested.trade_id
        for c in state.corrections.values()
        if c.is_open and c.requested.trade_source is TradeSource.DESK
    }
    forget_trades(state)
    requests = {key: entry for key, entry in state.quote_requests.items() if entry.is_open}
    state.quote_requests = requests
    state.quotes = {key: entry for key, entry in state.quotes.items() if entry.is_open}
    state.blocks = {key: entry for key, entry in state.blocks.items() if entry.is_open}
    state.desk_trades = {
        key: entry
        for key, entry in state.desk_trades.items()
        if entry.is_unpublished or key in disputed
    }
    state.corrections = {key: entry for key, entry in state.corrections.items() if entry.is_open}
