"""
The forward curve: one price for each delivery month.

A month is the number year · 100 + month, as everywhere in the market. The curve's points are
the node marks. Between two points the price is log-linear in the number of months, before the
first it is flat, and past the last it falls by `curve_decline_ppm` a month. A curve without
points prices everything at 0: what has no mark carries no eligible value.
"""

from bisect import bisect_left
from functools import lru_cache

from msgspec import Struct

from exchange.collateral.rounding import divide_half_even, in_model_context, ratio, to_integer
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import add_months, date_of, day_of


class Curve(Struct, frozen=True, kw_only=True):
    """Node marks by month: `months` strictly rising, one positive price beside each."""

    months: tuple[int, ...]
    marks_micro: tuple[int, ...]


@lru_cache(maxsize=4096)
def months_within(start_day: int, end_day: int) -> tuple[tuple[int, int, int], ...]:
    """The months a half-open window touches, as (month, first day, day after the last)."""
    spans = []
    while start_day < end_day:
        first = date_of(start_day)
        next_day = min(end_day, day_of(add_months(first, 1)))
        spans.append((first.year * 100 + first.month, start_day, next_day))
        start_day = next_day
    return tuple(spans)


def months_between(early: int, late: int) -> int:
    """How many months the second lies after the first; negative if it lies before."""
    return (late // 100 - early // 100) * 12 + late % 100 - early % 100


def moved(
    curve: Curve,
    move_ppm: int,
    later_ppm: int = 0,
    *,
    this_month: int = 0,
    generations_count: int = 0,
    loss_ppm: int = 0,
) -> Curve:
    """
    The curve after a shock, half to even and never under one micro-CNY.

    Every price moves by `move_ppm`, and by `later_ppm` more for each month after `this_month`,
    which is the market's and not the curve's: a month that two curves hold moves alike in both.
    Then each hardware generation takes `loss_ppm` off what is left.
    """
    assert this_month or not later_ppm, "a twist turns about a month"
    kept = (PPM_WHOLE - loss_ppm) ** generations_count
    marks_micro = []
    for month, mark_micro in zip(curve.months, curve.marks_micro, strict=True):
        ahead = max(0, months_between(this_month, month)) if later_ppm else 0
        share = PPM_WHOLE + move_ppm + later_ppm * ahead
        exact = mark_micro * max(0, share) * kept
        marks_micro.append(
            max(1, divide_half_even(exact, PPM_WHOLE * PPM_WHOLE**generations_count))
        )
    return Curve(months=curve.months, marks_micro=tuple(marks_micro))


def forward_micro(curve: Curve, month: int, parameters: RiskParameters) -> int:
    """The price of a month, half to even in micro-CNY; 0 if the curve has no point."""
    if not curve.months:
        return 0
    after = bisect_left(curve.months, month)
    if after == len(curve.months):
        beyond = months_between(curve.months[-1], month)
        kept = PPM_WHOLE - parameters.curve_decline_ppm
        return divide_half_even(curve.marks_micro[-1] * kept**beyond, PPM_WHOLE**beyond)
    if after == 0 or curve.months[after] == month:
        return curve.marks_micro[after]
    return log_linear_micro(
        months_between(curve.months[after - 1], month),
        months_between(curve.months[after - 1], curve.months[after]),
        curve.marks_micro[after - 1],
        curve.marks_micro[after],
    )


@lru_cache(maxsize=4096)
@in_model_context
def log_linear_micro(step: int, steps: int, near_micro: int, far_micro: int) -> int:
    """The price `step` of `steps` months on the way from one price to another, half to even."""
    slope = (ratio(far_micro, 1) / near_micro).ln()
    return to_integer(near_micro * (slope * step / steps).exp())
