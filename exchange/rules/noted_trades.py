"""
What trades leave behind for settlement prices and marks: sums, not the trades themselves.

Who bought does not matter to a mark: it asks for different pairs, whichever way round.

A trade of a book that is busted is taken out of the sums that it is still in, and one that is
corrected counts at its new price. What was published by then stays as it was: the next settlement
and the next marking cycle are right.
"""

from collections.abc import Collection

from msgspec.structs import astuple

from exchange.collateral.recent_trades import RecentTrade
from exchange.domain.enums import TradingMode, WindowKind
from exchange.domain.events import AuctionUncrossed, InstrumentListed, TradeExecuted
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at, month_of

from .closing import add_closing_trades, change_closing_trade
from .desk import DeskTrade
from .market_data import Node, NodeAuction
from .state import State

_MONTH, _TITLE = WindowKind.MONTH, TradingMode.TITLE


def evolve_trade(event: TradeExecuted, state: State) -> None:
    """Title and money change hands, and the node remembers the price."""
    state.core.trade_executed(*astuple(event))
    parties = (event.maker_account_id, event.taker_account_id)
    trade = (event.instrument_id, event.last_price, event.last_qty, *parties)
    note_trades([trade], event.trade_id, state)


def note_trades(
    trades: Collection[tuple[int, int, int, int, int]],
    first_trade_id: int,
    state: State,
    is_auction: bool = False,
) -> None:
    """
    Notes trades of this moment, as (instrument_id, last_price, last_qty, maker, taker), whose ids
    follow each other: those of the closing half hour for settlement prices, those of month windows
    for marks. Where they are of auctions, those are noted before their trades.
    """
    market_ns = state.market_ns
    if market_ns >= state.closing_from_ns:
        add_closing_trades(state.closing_trades, trades)
    day = day_at(market_ns)
    node, window_hours, known_id, known_price = None, 0, 0, 0
    for trade_id, trade in enumerate(trades, start=first_trade_id):
        instrument_id, last_price, last_qty, maker_id, taker_id = trade
        if instrument_id != known_id:
            # The trades of one command are all of one instrument.
            node, window_hours = _node_of(state.instruments[instrument_id], state)
            known_id, known_price = instrument_id, 0
        if is_auction and last_price != known_price:
            note_auction(instrument_id, last_price, state)
            known_price = last_price
        if node is None:
            continue
        hours = window_hours * last_qty
        is_affiliated = state.core.parties_are_one(maker_id, taker_id)
        noted = RecentTrade(
            market_ns, trade_id, last_price, hours, maker_id, taker_id, is_affiliated
        )
        add_noted(noted, day, node, state.seq)


def add_noted(noted: RecentTrade, day: int, node: Node, seq: int) -> None:
    """A trade of a delivery day enters the node's sums, and those of its record's auction."""
    if node.trades.add(noted) is not None:
        # Nor is it volume: a house could trade with itself until its days look liquid.
        return
    hours = noted.traded_hours
    if node.auctions and node.auctions[-1].seq == seq:
        node.auctions[-1].matched_hours += hours
    days = node.traded_days
    if days and days[-1][0] == day:
        hours += days.pop()[1]
    days.append((day, hours))


def evolve_uncrossed(event: AuctionUncrossed, state: State) -> None:
    """A book has traded at one price what it had collected; the trades follow in the record."""
    if event.auction_qty:
        note_auction(event.instrument_id, event.auction_price, state)


def note_auction(instrument_id: int, auction_price: int, state: State) -> None:
    """Notes, for marks, an auction whose trades this record has, or goes on with."""
    node, _ = _node_of(state.instruments[instrument_id], state)
    if node is not None:
        add_auction((state.market_ns, instrument_id, auction_price), node, state.seq)


def add_auction(auction: tuple[int, int, int], node: Node, seq: int) -> None:
    """An auction, as (market time, instrument, price), begins or goes on with a record."""
    last = node.auctions[-1] if node.auctions else None
    if last is not None and (last.at_ns, last.instrument_id, last.auction_price) == auction:
        last.seq = seq
    else:
        node.auctions.append(NodeAuction(*auction, seq=seq))


def remove_trade(trade: DeskTrade, state: State) -> None:
    """A book's trade is busted: its hours, its price and its pair do not count any more."""
    qty = trade.executed.traded_qty
    if trade.executed_ns >= state.closing_from_ns:
        amount = trade.trade_price * qty
        change_closing_trade(state.closing_trades, trade.instrument_id, -qty, -amount)
    node, noted = _noted(trade, state)
    if node is not None:
        remove_noted(noted, trade.instrument_id, node)


def remove_noted(noted: RecentTrade, instrument_id: int, node: Node) -> None:
    """Takes a trade, at its present price, out of the node's sums."""
    node.trades.remove(noted)
    if noted.note is not None:
        return
    _take_from_auction(noted, instrument_id, node)
    traded_day = day_at(noted.at_ns)
    days = [
        (day, hours - noted.traded_hours if day == traded_day else hours)
        for day, hours in node.traded_days
    ]
    node.traded_days = [(day, hours) for day, hours in days if hours]


def reprice_trade(trade: DeskTrade, corrected_price: int, state: State) -> None:
    """A book's trade has another price, and counts at that one."""
    if trade.executed_ns >= state.closing_from_ns:
        amount = (corrected_price - trade.trade_price) * trade.executed.traded_qty
        change_closing_trade(state.closing_trades, trade.instrument_id, 0, amount)
    node, noted = _noted(trade, state)
    if node is not None:
        reprice_noted(noted, trade.instrument_id, corrected_price, node)


def reprice_noted(noted: RecentTrade, instrument_id: int, price: int, node: Node) -> None:
    """Counts a trade at another price than its present one."""
    node.trades.reprice(noted, price)
    if noted.note is None:
        _take_from_auction(noted, instrument_id, node)


def _take_from_auction(noted: RecentTrade, instrument_id: int, node: Node) -> None:
    """What is busted, or has another price, is none of what an auction matched at its own."""
    of_trade = (noted.at_ns, instrument_id, noted.last_price)
    for auction in node.auctions:
        if (auction.at_ns, auction.instrument_id, auction.auction_price) == of_trade:
            auction.matched_hours = max(0, auction.matched_hours - noted.traded_hours)


def _noted(trade: DeskTrade, state: State) -> tuple[Node | None, RecentTrade]:
    """The node that a trade was noted for, if any, and what was noted, at its present price."""
    executed = trade.executed
    buyer_id, seller_id = executed.buyer_account_id, executed.seller_account_id
    node, window_hours = _node_of(state.instruments[trade.instrument_id], state)
    return node, RecentTrade(
        trade.executed_ns,
        executed.trade_id,
        trade.trade_price,
        window_hours * executed.traded_qty,
        buyer_id,
        seller_id,
        state.core.parties_are_one(buyer_id, seller_id),
    )


def _node_of(instrument: InstrumentListed, state: State) -> tuple[Node | None, int]:
    """The node that a month window's trades tell of, and the hours of one GPU in the window."""
    if instrument.kind is not _MONTH or instrument.mode is not _TITLE:
        return None, 0
    product = state.products[instrument.product_id]
    month = month_of(instrument.start_day)
    node = state.market_data.node(product.gpu_class, product.region, month)
    return node, (instrument.end_day - instrument.start_day) * HOURS_PER_DAY
