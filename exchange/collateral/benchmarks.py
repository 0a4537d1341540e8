"""
Figures of other models, shown beside ours so that a reader can judge it.

Nothing here moves a mark, a haircut or a loan, so its constants are those of the models
described and no risk committee signs them. Tails are multipliers of a daily standard deviation;
the Student t has four degrees of freedom and is scaled to unit variance. Both quantiles are
found by bisection on distribution functions that are exact to the digits carried.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from exchange.collateral.rounding import in_model_context
from exchange.domain.units import PPM_WHOLE

BISECTIONS = 120
DIGITS = Decimal(10) ** -36
AAVE_HALF_PPM = PPM_WHOLE // 2
AAVE_FULL_BELOW_PPM = 950_000


class Tail(NamedTuple):
    """Value at risk and expected shortfall per unit of standard deviation."""

    value_at_risk: Decimal
    expected_shortfall: Decimal


@in_model_context
def normal_tail(confidence: Decimal) -> Tail:
    """The loss that a normal return exceeds with probability 1 - confidence, and its mean."""
    quantile = _bisect(_normal_distribution, confidence)
    density = (-quantile * quantile / 2).exp() / (2 * _pi()).sqrt()
    return Tail(quantile, density / (1 - confidence))


@in_model_context
def student_tail(confidence: Decimal) -> Tail:
    """The same for a Student t of four degrees of freedom with variance one."""
    quantile = _bisect(_student_distribution, confidence)
    unit = Decimal("0.5").sqrt()
    stretch = 1 + quantile * quantile / 4
    density = Decimal("0.375") / (stretch * stretch * stretch.sqrt())
    mean = density / (1 - confidence) * (4 + quantile * quantile) / 3
    return Tail(unit * quantile, unit * mean)


@in_model_context
def effective_days(decay: Decimal, tolerance: Decimal) -> Decimal:
    """Days after which what an exponential average still remembers falls to the tolerance."""
    return tolerance.ln() / decay.ln()


def aave_health_ppm(collateral: Iterable[tuple[int, int]], debt_amount: int) -> int:
    """Collateral at its liquidation thresholds (amount, ppm) over the debt, down."""
    return sum(amount * threshold_ppm for amount, threshold_ppm in collateral) // debt_amount


def aave_close_factor_ppm(health_ppm: int) -> int:
    """The share of the debt that one liquidation there may repay."""
    if health_ppm >= PPM_WHOLE:
        return 0
    return PPM_WHOLE if health_ppm <= AAVE_FULL_BELOW_PPM else AAVE_HALF_PPM


def _bisect(distribution: Callable[[Decimal], Decimal], probability: Decimal) -> Decimal:
    """The point at or above 0 at which a distribution function reaches a probability."""
    low, high = Decimal(0), Decimal(16)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if distribution(middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _normal_distribution(point: Decimal) -> Decimal:
    """One half and the density times x + x^3/3 + x^5/(3 · 5) + …, whose terms are all positive."""
    term = total = point
    odd = 1
    while term > DIGITS:
        odd += 2
        term = term * point * point / odd
        total += term
    return Decimal("0.5") + total * (-point * point / 2).exp() / (2 * _pi()).sqrt()


def _student_distribution(point: Decimal) -> Decimal:
    """Closed form for four degrees of freedom."""
    stretch = 1 + point * point / 4
    reach = point / stretch.sqrt()
    return Decimal("0.5") + Decimal("0.375") * reach * (1 - reach * reach / 12)


def _pi() -> Decimal:
    """Machin: 16 · atan(1/5) - 4 · atan(1/239)."""
    return 16 * _arc_tangent_of_inverse(5) - 4 * _arc_tangent_of_inverse(239)


def _arc_tangent_of_inverse(denominator: int) -> Decimal:
    """atan(1/denominator) by its alternating series."""
    power = Decimal(1) / denominator
    total, odd, sign = power, 1, 1
    while power > DIGITS:
        power /= denominator * denominator
        odd += 2
        sign = -sign
        total += sign * power / odd
    return total
