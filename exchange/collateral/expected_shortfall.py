"""
What a strip loses, on average, in the worst outcomes of the holding period.

A strip moves less than spot: `strip_factor_e12` says how much of a spot move reaches it, each
slice weighted by its present value and damped by its distance in time. The model's shortfall is
that of a Student t scaled to the holding period; the historical one is what really happened.
The larger counts.

A choice the pages leave open: the volatility and the history are those of the spot, the nearest
node that trades. The damping that the model applies to the spot's volatility is applied to each of
its historical ten-day moves too (both act on the logarithm), because a strip did not lose what spot
lost. With a factor of one it is the plain historical shortfall.
"""

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from exchange.collateral.rounding import (
    E12,
    divide_up,
    in_model_context,
    ratio,
    to_integer,
    to_integer_up,
)
from exchange.collateral.volatility import Volatility
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE


def strip_factor_e12(
    slices: Iterable[tuple[int, int]], per_year: int, parameters: RiskParameters
) -> int:
    """
    How much of a spot move reaches a strip, up.

    A slice is (its distance in parts of a year, its weight); `per_year` parts make a year, 365
    for days. A strip that weighs nothing moves like spot.
    """
    weight = damped = 0
    for distance, slice_weight in slices:
        weight += slice_weight
        damped += slice_weight * damping_e12(distance, per_year, parameters.kappa_e12)
    return divide_up(damped, weight) if weight else E12


def expected_shortfall(
    sigma: Decimal, strip_factor: Decimal, holding_days: Decimal, parameters: RiskParameters
) -> Decimal:
    """The model's loss as a share of the value; call it in the model's context."""
    growth = (holding_days * ratio(parameters.variance_ratio_ppm)).sqrt()
    multiplier = ratio(parameters.tail_multiplier_e12, E12)
    return 1 - (-multiplier * sigma * strip_factor * growth).exp()


@in_model_context
def historical_es_e12(
    volatility: Volatility, strip_factor_e12: int, parameters: RiskParameters
) -> int:
    """
    The mean loss of the worst holding periods in the prices held, up; 0 without history.

    A period ends on a day with a price and starts from the last price known
    `holding_days_count` days earlier. Of n periods the worst ⌈n · (1 - confidence)⌉ count, and
    one that gained counts as no loss.
    """
    worst = _worst_log_moves(
        volatility.recent_days,
        volatility.recent_marks_micro,
        parameters.holding_days_count,
        PPM_WHOLE - parameters.tail_confidence_ppm,
    )
    if not worst:
        return 0
    factor = ratio(strip_factor_e12, E12)
    losses = [1 - (move * factor).exp() for move in worst if move < 0]
    return to_integer_up(sum(losses, Decimal(0)) / len(worst), E12)


@lru_cache(maxsize=1024)
@in_model_context
def _worst_log_moves(
    days: tuple[int, ...], marks_micro: tuple[int, ...], holding_days_count: int, tail_ppm: int
) -> tuple[Decimal, ...]:
    """The lowest logarithms of a price over the one before its holding period."""
    moves = []
    for day, mark_micro in zip(days, marks_micro, strict=True):
        before = bisect_right(days, day - holding_days_count)
        if before:
            moves.append(Decimal(mark_micro) / marks_micro[before - 1])
    worst = sorted(moves)[: divide_up(len(moves) * tail_ppm, PPM_WHOLE)]
    return tuple(move.ln() for move in worst)


@lru_cache(maxsize=65_536)
@in_model_context
def damping_e12(distance: int, per_year: int, kappa_e12: int) -> int:
    """What is left of a spot move at a distance in time, half to even."""
    return to_integer((-ratio(kappa_e12, E12) * distance / per_year).exp(), E12)
