"""
What the published marks of a class and region say of a window: curve, level, spread; its spot.

`marks` are those of one class and region from the month of the valuation on, in their order. A
month between or beyond the marked ones is priced by the curve, and so is no better than that, nor
than the neighbours that it is priced from. A month nobody quotes is charged by its level and leaves
the spread to the others; where none of the window is quoted, the nearest quoted month speaks for
it.

The spot, whose volatility is that of all windows, is a month that still moves: a month that trades
no more, as that of delivery, stands still however its neighbours fall. And it is one whose past is
long enough to be asked, so that a month's first trade does not replace a known history by none.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from exchange.collateral.haircut_lines import half_spread_ppm
from exchange.collateral.marks import MarkLevel
from exchange.collateral.rounding import divide_up
from exchange.domain.events import NodeMarked
from exchange.domain.risk_parameters import RiskParameters

Spans = Sequence[tuple[int, int, int]]
"""(month, first day, day after the last) of a window."""


def worst_source(spans: Spans, marks: Sequence[NodeMarked]) -> tuple[MarkLevel, int]:
    """The worst level among the months, and of what has it the oldest day of a real price."""
    if not any(mark.mark_micro > 0 for mark in marks):
        return MarkLevel.UNMARKABLE, 0
    sources = [
        (MarkLevel(mark.level) if mark.month == month else _bridged(mark), mark.observed_day)
        for month, _, _ in spans
        for mark in _around(month, marks)
    ]
    if any(level is MarkLevel.UNMARKABLE for level, _ in sources):
        return MarkLevel.UNMARKABLE, 0
    worst = max((level for level, _ in sources), default=MarkLevel.TRADES)
    return worst, min((day for level, day in sources if level is worst), default=0)


def spot_of(
    marks: Sequence[NodeMarked], observed_counts: Mapping[int, int], parameters: RiskParameters
) -> NodeMarked | None:
    """
    The nearest month with a price of the market's own; None where no month has a price.

    After these come months that the curve or an index moves, and last those that nothing does. A
    month whose price has been observed (`observed_counts`, by month) for no longer than a holding
    period comes after all that move and have been.
    """

    def place(mark: NodeMarked) -> tuple[bool, bool, bool, int]:
        is_new = observed_counts.get(mark.month, 0) <= parameters.holding_days_count
        is_still = mark.level > MarkLevel.INDEX
        return is_still, is_new and not is_still, mark.level > MarkLevel.QUOTES, mark.month

    priced = (mark for mark in marks if mark.mark_micro > 0)
    return min(priced, key=place, default=None)


def curve_points(spans: Spans, marks: Sequence[NodeMarked]) -> list[NodeMarked]:
    """The marks with a price from which those months are priced, in their order."""
    points = [mark for mark in marks if mark.mark_micro > 0]
    if not points or not spans:
        return []
    first = bisect_left(points, spans[0][0], key=_month)
    if first == len(points) or (first > 0 and points[first].month != spans[0][0]):
        first -= 1
    return points[first : bisect_left(points, spans[-1][0], key=_month) + 1]


def adv_hours(spans: Spans, marks: Sequence[NodeMarked]) -> int:
    """What the window's months trade a day, together."""
    months = {month for month, _, _ in spans}
    return sum(mark.adv_hours for mark in marks if mark.month in months)


def mean_half_spread_ppm(
    spans: Spans, marks: Sequence[NodeMarked], parameters: RiskParameters
) -> int:
    """The mean over the days of the quoted months, up; else the nearest's, else the cap."""
    quoted = {
        mark.month: half_spread_ppm(mark.bid_micro, mark.ask_micro, parameters)
        for mark in marks
        if 0 < mark.bid_micro <= mark.ask_micro
    }
    days = {month: to_day - from_day for month, from_day, to_day in spans if month in quoted}
    if days:
        weighted = sum(quoted[month] * count for month, count in days.items())
        return divide_up(weighted, sum(days.values()))
    return next(iter(quoted.values()), parameters.liquidity_cap_ppm)


def _around(month: int, marks: Sequence[NodeMarked]) -> Sequence[NodeMarked]:
    """The month's own mark, else its neighbours': two in a gap, one before or beyond all."""
    at = bisect_left(marks, month, key=_month)
    if at < len(marks) and marks[at].month == month:
        return marks[at : at + 1]
    return marks[max(0, at - 1) : at + 1]


def _bridged(mark: NodeMarked) -> MarkLevel:
    """What a neighbour's mark is for a month without its own; of no price none can be made."""
    level = MarkLevel(mark.level)
    return level if level is MarkLevel.UNMARKABLE else max(level, MarkLevel.CURVE)


def _month(mark: NodeMarked) -> int:
    return mark.month
