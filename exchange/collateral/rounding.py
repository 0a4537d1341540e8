"""
How numbers become integers here, and the one decimal context of the model.

Valuation rounds half to even, what is taken off or asked for rounds up, what is lent or paid
out rounds down. Divisions of integers are exact before they are rounded. Functions that need
logarithms or roots wear `in_model_context`, so that no caller's context leaks into a result;
`exp`, `ln` and `sqrt` are correctly rounded and so equal everywhere.
"""

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from functools import wraps
from typing import ParamSpec, TypeVar

from exchange.domain.units import PPM_WHOLE

P = ParamSpec("P")
R = TypeVar("R")

E12 = 1_000_000_000_000
MODEL = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    traps=[DivisionByZero, InvalidOperation, Overflow],
)


def in_model_context(function: Callable[P, R]) -> Callable[P, R]:
    """Runs `function` with 34 digits and half-even rounding, whatever the caller has set."""

    @wraps(function)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(MODEL):
            return function(*args, **kwargs)

    return within


def divide_half_even(numerator: int, denominator: int) -> int:
    """The nearest integer to the exact quotient, a tie going to the even one."""
    quotient, rest = divmod(numerator, denominator)
    twice = rest + rest
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def divide_up(numerator: int, denominator: int) -> int:
    """The smallest integer not below the exact quotient."""
    return -(-numerator // denominator)


def to_integer(value: Decimal, scale: int = 1) -> int:
    """`value · scale`, half to even. Call it in the model's context."""
    return int((value * scale).to_integral_value(ROUND_HALF_EVEN))


def to_integer_up(value: Decimal, scale: int) -> int:
    """`value · scale`, up. Call it in the model's context."""
    return int((value * scale).to_integral_value(ROUND_CEILING))


def ratio(value: int, scale: int = PPM_WHOLE) -> Decimal:
    """The number that an integer of this scale stands for. Call it in the model's context."""
    return Decimal(value) / scale
