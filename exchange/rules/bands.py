"""
The static price band of any window, listed or not.

A listed window with a settlement price has the band that its orders keep to. Any other has one
around its reference, the average of the official prices of its months by days; where a month has
none, there is no band.
"""

from collections import Counter

from exchange.domain.enums import TradingMode
from exchange.domain.events import ProductDefined
from exchange.domain.reasons import Reason, require
from exchange.domain.units import BPS_WHOLE, MAX_PRICE, MICRO_PER_FEN
from exchange.domain.windows import month_of

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
    return _band_of_marks(product, start_day, end_day, state)


def require_in_band(
    price: int, product: ProductDefined, start_day: int, end_day: int, state: State
) -> None:
    """Refuses a price outside the band and names the end that it passes."""
    band = static_band(product, start_day, end_day, state)
    if band is not None:
        require(price >= band[0], Reason.PRICE_BAND, price, band[0])
        require(price <= band[1], Reason.PRICE_BAND, price, band[1])


def _band_of_marks(
    product: ProductDefined, start_day: int, end_day: int, state: State
) -> tuple[int, int] | None:
    """Around the average mark; the ends are rounded towards it."""
    assert state.band_widths is not None, "genesis publishes the widths"
    total_micro = 0
    for month, days_count in Counter(map(month_of, range(start_day, end_day))).items():
        node = state.market_data.nodes.get(f"{product.gpu_class}|{product.region}|{month}")
        if node is None or node.mark is None or node.mark.mark_micro == 0:
            return None
        total_micro += days_count * node.mark.mark_micro
    widths = state.band_widths
    is_day = end_day - start_day == 1
    width_bps = widths.day_static_bps if is_day else widths.static_bps
    whole = (end_day - start_day) * BPS_WHOLE * MICRO_PER_FEN
    low_price = max(1, -(-total_micro * (BPS_WHOLE - width_bps) // whole))
    return low_price, min(MAX_PRICE, total_micro * (BPS_WHOLE + width_bps) // whole)
