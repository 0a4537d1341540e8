"""Bars as inline SVG: a waterfall, and a line of bars for each of many; drawn in whole units."""

from collections.abc import Sequence
from html import escape

from msgspec import Struct

from .page import yuan

LABEL_WIDTH = 190
AMOUNT_WIDTH = 170
BAR_WIDTH = 640
ROW_HEIGHT = 28


class Bar(Struct, frozen=True):
    """From one amount to a higher one; `css_class` gives its colour."""

    label: str
    from_amount: int
    to_amount: int
    css_class: str
    shown_amount: int


def bars(title: str, rows: Sequence[Bar]) -> str:
    """One bar a row, all on one scale from 0 or the lowest on."""
    lowest = min((0, *(bar.from_amount for bar in rows)))
    span = max(1, max((bar.to_amount for bar in rows), default=1) - lowest)
    width, height = LABEL_WIDTH + BAR_WIDTH + AMOUNT_WIDTH, ROW_HEIGHT * max(1, len(rows))
    drawn = []
    for number, bar in enumerate(rows):
        start = (bar.from_amount - lowest) * BAR_WIDTH // span
        end = (bar.to_amount - lowest) * BAR_WIDTH // span
        top, words = number * ROW_HEIGHT, number * ROW_HEIGHT + 18
        drawn.append(
            f'<text x="0" y="{words}">{escape(bar.label)}</text>'
            f'<rect class="{bar.css_class}" x="{LABEL_WIDTH + start}" y="{top + 4}" '
            f'width="{_width(start, end, bar)}" height="{ROW_HEIGHT - 8}"/>'
            f'<text x="{width}" y="{words}" text-anchor="end">{yuan(bar.shown_amount)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>\n" + "\n".join(drawn) + "\n</svg>"
    )


def _width(start: int, end: int, bar: Bar) -> int:
    """What is not nothing is seen."""
    return max(end - start, int(bar.from_amount < bar.to_amount))
