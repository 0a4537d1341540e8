"""
What settlement prices are made from and what became of them, as recorded.

Only trades of the closing half hour are added up, so that trading at any other time pays for one
comparison.
"""

from collections.abc import Iterable

from msgspec import Struct

from exchange.domain.units import NS_PER_MINUTE

CLOSING_NS = 30 * NS_PER_MINUTE
MOST_CLOSING_QTY = 1 << 38
"""GPUs after which no more trades of a window count, so that every sum fits 63 bits."""


class ClosingTrades(Struct):
    """A window's trades of the closing half hour, added up."""

    traded_qty: int = 0
    hourly_amount: int = 0
    """Fen for each hour of the window: over the quantity it is the average price."""


class SettledPrice(Struct, frozen=True):
    """A window's settlement price in force."""

    settlement_price: int
    notional_amount: int
    """Over `gpu_hours` the exact price, of which the other is the nearest tick."""
    gpu_hours: int
    settlement_day: int
    """The trading day at whose close the exchange settled it; 0 where an operator did."""
    prior_price: int
    """The one before; 0 where this is the first."""


def add_closing_trades(
    table: dict[int, ClosingTrades], trades: Iterable[tuple[int, int, int, int, int]]
) -> None:
    """Adds trades, as (instrument_id, last_price, last_qty, …), to the sums by instrument."""
    for instrument_id, last_price, last_qty, _maker_id, _taker_id in trades:
        found = table.get(instrument_id)
        if found is None:
            found = table[instrument_id] = ClosingTrades()
        if found.traded_qty < MOST_CLOSING_QTY:
            found.traded_qty += last_qty
            found.hourly_amount += last_price * last_qty


def change_closing_trade(
    table: dict[int, ClosingTrades], instrument_id: int, added_qty: int, added_amount: int
) -> None:
    """
    Adds to a window's sums what a bust or a correction makes of a trade that is in them.

    Sums that are full stay as they are: not every trade is in them.
    """
    found = table[instrument_id]
    if found.traded_qty >= MOST_CLOSING_QTY:
        return
    found.traded_qty += added_qty
    found.hourly_amount += added_amount
    if found.traded_qty == 0:
        del table[instrument_id]
