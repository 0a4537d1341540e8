"""
The static price band of any window, listed or not.

A listed window with a settlement price has the band that its orders keep to. Any other has one
around its reference, the average over its days: of each the official price of its month or, where
that has none, the settlement price of the narrowest window that covers it. Days without either take
the average of the others. Where no day has any, there is no band.
"""

from exchange.domain.enums import TradingMode
from exchange.domain.events import ProductDefined
from exchange.domain.reasons import Reason, require
from exchange.domain.units import BPS_WHOLE, MAX_PRICE, MICRO_PER_FEN
from exchange.domain.windows import month_of

from .references import settlements_by_product
from .state import State


def static_band(
    product: ProductDefined, start_day: int, end_day: int, state: State
) -> tuple[int, int] | None:
    """The lowest and the highest price of a window, both within; None where nothing tells."""
    for instrument in state.instruments.values():
        if (
            instrument.product_id == product.product_id
            and (instrument.start_day, instrument.end_day) == (start_day, end_day)
            and instrument.mode is TradingMode.TITLE
        ):
            _, low_price, high_price, _, _ = state.core.bands(instrument.instrument_id)
            if high_price:
                return low_price, high_price
    return _band_of_days(product, start_day, end_day, state)


def require_in_band(
    price: int, product: ProductDefined, start_day: int, end_day: int, state: State
) -> None:
    """Refuses a price outside the band and names the end that it passes."""
    band = static_band(product, start_day, end_day, state)
    if band is not None:
        require(price >= band[0], Reason.PRICE_BAND, price, band[0])
        require(price <= band[1], Reason.PRICE_BAND, price, band[1])


def _band_of_days(
    product: ProductDefined, start_day: int, end_day: int, state: State
) -> tuple[int, int] | None:
    """Around the average of the days' prices; the ends are rounded towards it."""
    prices_micro = _day_prices_micro(product, start_day, end_day, state)
    if not prices_micro:
        return None
    widths = state.band_widths
    assert widths is not None, "genesis publishes the widths"
    is_day = end_day - start_day == 1
    width_bps = widths.day_static_bps if is_day else widths.static_bps
    total_micro = sum(prices_micro)
    whole = len(prices_micro) * BPS_WHOLE * MICRO_PER_FEN
    low_price = max(1, -(-total_micro * (BPS_WHOLE - width_bps) // whole))
    return low_price, min(MAX_PRICE, total_micro * (BPS_WHOLE + width_bps) // whole)


def _day_prices_micro(
    product: ProductDefined, start_day: int, end_day: int, state: State
) -> list[int]:
    """The official or else the settlement price of each day that has one."""
    settled = settlements_by_product(start_day, end_day, state).get(product.product_id, [])
    found = []
    for day in range(start_day, end_day):
        node = state.market_data.nodes.get(f"{product.gpu_class}|{product.region}|{month_of(day)}")
        if node is not None and node.mark is not None and node.mark.mark_micro:
            found.append(node.mark.mark_micro)
            continue
        settled_price = next((price for first, end, price in settled if first <= day < end), 0)
        if settled_price:
            found.append(settled_price * MICRO_PER_FEN)
    return found
