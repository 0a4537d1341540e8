"""
What a GPU-hour of a delivery day was last worth: by it bonds are required and damages measured.

The last settlement price of the narrowest title window that covers the day; where none was ever
settled, the last mark of the day's month; where there is none, what the day was sold for.
"""

from exchange.domain.enums import TradingMode
from exchange.domain.units import HOURS_PER_DAY, MICRO_PER_FEN
from exchange.domain.windows import month_of

from .state import State

Settlement = tuple[int, int, int]
"""(start_day, end_day, settlement_price) of a window."""


def settlements_by_product(
    start_day: int, end_day: int, state: State
) -> dict[int, list[Settlement]]:
    """The settled windows that touch a span of days, by product, the narrowest first."""
    found: dict[int, list[Settlement]] = {}
    for listed in state.instruments.values():
        if (
            listed.start_day < end_day
            and start_day < listed.end_day
            and listed.mode is TradingMode.TITLE
        ):
            settlement_price = state.core.bands(listed.instrument_id)[0]
            if settlement_price:
                row = (listed.start_day, listed.end_day, settlement_price)
                found.setdefault(listed.product_id, []).append(row)
    for rows in found.values():
        rows.sort(key=_width)
    return found


def reference_micro(product_id: int, day: int, settled: list[Settlement], state: State) -> int:
    """Micro-CNY of a GPU-hour; 0 where nothing was ever settled, marked or sold."""
    for start_day, end_day, settlement_price in settled:
        if start_day <= day < end_day:
            return settlement_price * MICRO_PER_FEN
    product = state.products[product_id]
    node = state.market_data.nodes.get(f"{product.gpu_class}|{product.region}|{month_of(day)}")
    if node is not None and node.mark is not None and node.mark.mark_micro:
        return node.mark.mark_micro
    _, sold_qty, escrow_amount = state.core.day_totals(product_id, day)
    return escrow_amount * MICRO_PER_FEN // (sold_qty * HOURS_PER_DAY) if sold_qty else 0


def _width(row: Settlement) -> tuple[int, Settlement]:
    return row[1] - row[0], row
