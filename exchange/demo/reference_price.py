"""What the agents think a GPU-hour is worth: the published price and a discount for the term."""

from clients.index_prices import IndexPrice
from exchange.domain.enums import WindowKind
from exchange.domain.units import MICRO_PER_FEN, PPM_WHOLE
from exchange.domain.windows import Window

from .prices import PriceTable

TERM_PPM = {
    WindowKind.DAY: 1_000_000,
    WindowKind.MONTH: 985_000,
    WindowKind.QUARTER: 970_000,
    WindowKind.STRIP: 945_000,
    WindowKind.YEAR: 940_000,
}
"""The longer the term, the cheaper: the next chip arrives before it ends."""


class ReferencePrice:
    """The last price known on a day, however old: agents must quote something."""

    def __init__(self, table: PriceTable, first_day: int) -> None:
        self._table = table
        first = table.at(first_day)
        assert first is not None, "a table begins with a price"
        self._last = first

    def at(self, day: int) -> IndexPrice:
        """The price of the day, or the last one before it."""
        self._last = self._table.at(day) or self._last
        return self._last

    def price(self, window: Window, day: int, factor_ppm: int) -> int:
        """Fen per GPU-hour for a window on a day, at so much of the reference; at least 1."""
        return self.of_micro(self.at(day).index_micro, window, factor_ppm)

    def of_micro(self, price_micro: int, window: Window, factor_ppm: int) -> int:
        """The same from any price of a day's GPU-hour."""
        term_ppm = TERM_PPM.get(window.kind, PPM_WHOLE)
        exact = price_micro * term_ppm * factor_ppm
        return max(1, exact // (PPM_WHOLE * PPM_WHOLE * MICRO_PER_FEN))
