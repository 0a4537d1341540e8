"""
Tails of two distributions of returns, scaled to unit variance: the normal and the Student t.

Multipliers of a standard deviation: the loss that is exceeded with probability 1 - confidence, and
its mean. Quantiles are found by bisection on distribution functions that are exact to the digits
carried. The Student t takes a whole number of degrees of freedom, at least three.
"""

from collections.abc import Callable
from decimal import Decimal
from math import factorial
from typing import NamedTuple

from exchange.collateral.rounding import in_model_context

BISECTIONS = 120
FURTHEST = 64
"""Quantiles are looked for up to here."""
DIGITS = Decimal(10) ** -36
LEAST_DEGREES = 3


class Tail(NamedTuple):
    """Value at risk and expected shortfall per unit of standard deviation."""

    value_at_risk: Decimal
    expected_shortfall: Decimal


@in_model_context
def normal_tail(confidence: Decimal) -> Tail:
    """The loss that a normal return exceeds with probability 1 - confidence, and its mean."""
    quantile = _bisect(_normal_distribution, confidence, 16)
    density = (-quantile * quantile / 2).exp() / (2 * _pi()).sqrt()
    return Tail(quantile, density / (1 - confidence))


@in_model_context
def student_tail(confidence: Decimal, degrees: int = 4) -> Tail:
    """The same for a Student t of so many degrees of freedom with variance one."""
    assert degrees >= LEAST_DEGREES, f"{degrees} degrees of freedom have no variance"
    quantile = _bisect(lambda point: _student_distribution(point, degrees), confidence, FURTHEST)
    unit = (Decimal(degrees - 2) / degrees).sqrt()
    mean = _student_density(quantile, degrees) / (1 - confidence)
    mean *= (degrees + quantile * quantile) / (degrees - 1)
    return Tail(unit * quantile, unit * mean)


def _bisect(
    distribution: Callable[[Decimal], Decimal], probability: Decimal, furthest: int
) -> Decimal:
    """The point at or above 0 at which a distribution function reaches a probability."""
    low, high = Decimal(0), Decimal(furthest)
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


def _student_distribution(point: Decimal, degrees: int) -> Decimal:
    """The finite series in sine and cosine of the angle whose tangent is x / √ν."""
    stretch = 1 + point * point / degrees
    cosine = 1 / stretch.sqrt()
    sine = point / Decimal(degrees).sqrt() * cosine
    is_odd = degrees % 2
    term = total = cosine if is_odd else Decimal(1)
    for step in range(2 + is_odd, degrees - 1, 2):
        term *= cosine * cosine * (step - 1) / step
        total += term
    if not is_odd:
        return Decimal("0.5") + sine * total / 2
    angle = _arc_tangent(point / Decimal(degrees).sqrt())
    return Decimal("0.5") + (angle + sine * total) / _pi()


def _student_density(point: Decimal, degrees: int) -> Decimal:
    """Γ((ν + 1)/2) / (√(νπ) Γ(ν/2)) · (1 + x²/ν)^(-(ν + 1)/2)."""
    half, is_odd = divmod(degrees, 2)
    if is_odd:
        ratio = Decimal(4**half * factorial(half) ** 2) / (factorial(2 * half) * _pi())
    else:
        ratio = Decimal(factorial(2 * half)) / (4**half * factorial(half) * factorial(half - 1))
    stretch = 1 + point * point / degrees
    return ratio / Decimal(degrees).sqrt() / stretch.sqrt() ** (degrees + 1)


def _pi() -> Decimal:
    """Machin: 16 · atan(1/5) - 4 · atan(1/239)."""
    return 16 * _arc_tangent(Decimal(1) / 5) - 4 * _arc_tangent(Decimal(1) / 239)


def _arc_tangent(tangent: Decimal) -> Decimal:
    """Angles are halved until the alternating series is short."""
    doublings = 0
    while tangent > Decimal("0.3"):
        tangent = tangent / (1 + (1 + tangent * tangent).sqrt())
        doublings += 1
    power = total = tangent
    odd, sign = 1, 1
    while power > DIGITS:
        power *= tangent * tangent
        odd += 2
        sign = -sign
        total += sign * power / odd
    return total * Decimal(2**doublings)
