"""
Notes over a pool of rent (CRT): what a pool carries, what a note pays, yields, and its triggers.

A note of N is backed by a pool whose rents are worth ⌈N / 70 %⌉ at 9 %; level rents and level
payments are the amount over the sum of the discount factors of the pay days, half to even. The
senior note is paid first: each pay day min(collected, due). What is collected over what is due
is the coverage of debt service; the present value of the collected rents over the note is the
over-collateralisation, which decides between calm, turbo (all that is collected repays the note)
and default. Amounts are fen, ratios ppm and down, yields annual effective over ACT/365F.

Choices the pages leave open: level amounts and over-collateralisation use the discount factors of
twelve places, as every present value here; prices and yields use unrounded powers, because a yield
is itself searched. A yield is looked for between -99 % and 1 000 %; a note that is paid nothing
yields -100 %. Collected rents are down to the fen before they are divided.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from exchange.collateral.present_value import YEAR_DAYS, discount_factor_e12
from exchange.collateral.rounding import (
    E12,
    divide_half_even,
    divide_up,
    in_model_context,
    ratio,
    to_integer,
)
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE

MONTH_END_DAYS = (31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)
"""Days from issue to the twelve pay days of a one-year note."""
YEAR_MONTHS = 12
PER_FACE = 100
"""A note's price is quoted for so much face."""
BISECTIONS = 200
LOWEST_YIELD = Decimal("-0.99")
HIGHEST_YIELD = Decimal(10)


class CrtTrigger(StrEnum):
    """What a note's over-collateralisation calls for."""

    OK = "OK"
    TURBO = "TURBO"
    DEFAULT = "DEFAULT"


class NotePerformance(Struct, frozen=True, kw_only=True):
    """How a note fares if every pay day collects the same."""

    dscr_ppm: int
    """Collected over due, down."""
    oc_ppm: int
    """Present value of the collected rents over the note, down."""
    paid_amount: int
    """To the note, over its whole life."""
    irr_e12: int
    """Yield of the note at par, from what it is paid."""
    trigger: CrtTrigger


def pool_amount(note_amount: int, parameters: RiskParameters) -> int:
    """The present value of rents that a note needs behind it, up."""
    return divide_up(note_amount * PPM_WHOLE, parameters.crt_advance_ppm)


def pool_value_amount(rent_amount: int, pay_days: Sequence[int], parameters: RiskParameters) -> int:
    """What a pool that brings the same rent on each pay day is worth today, half to even."""
    return divide_half_even(rent_amount * _annuity_e12(pay_days, parameters), E12)


def note_amount_on(pool_amount: int, parameters: RiskParameters) -> int:
    """The largest note that a pool of this value carries, down."""
    return pool_amount * parameters.crt_advance_ppm // PPM_WHOLE


def level_amount(value_amount: int, pay_days: Sequence[int], parameters: RiskParameters) -> int:
    """The equal amount on each pay day that is worth `value_amount` today, half to even."""
    return divide_half_even(value_amount * E12, _annuity_e12(pay_days, parameters))


@in_model_context
def monthly_payment_amount(note_amount: int, months_count: int, parameters: RiskParameters) -> int:
    """The level payment if the rate is nominal, a twelfth of it each month; half to even."""
    monthly = ratio(parameters.crt_rate_ppm) / YEAR_MONTHS
    if not monthly:
        return divide_half_even(note_amount, months_count)
    return to_integer(note_amount * monthly / (1 - (1 + monthly) ** -months_count))


@in_model_context
def price_e12(
    payment_amount: int, pay_days: Sequence[int], face_amount: int, yield_e12: int
) -> int:
    """The price per 100 of face at a yield, half to even."""
    worth = _worth(payment_amount, pay_days, ratio(yield_e12, E12))
    return to_integer(worth * PER_FACE / face_amount, E12)


@in_model_context
def yield_e12(
    payment_amount: int, pay_days: Sequence[int], face_amount: int, price_e12: int
) -> int:
    """The yield at a price per 100 of face, half to even."""
    return _solved(payment_amount, pay_days, ratio(price_e12, E12) * face_amount / PER_FACE)


@in_model_context
def note_performance(
    note_amount: int,
    due_amount: int,
    collected_amount: int,
    pay_days: Sequence[int],
    parameters: RiskParameters,
) -> NotePerformance:
    """What becomes of a note that is due the same on every pay day, from what is collected."""
    paid_amount = min(collected_amount, due_amount)
    collected_e12 = collected_amount * _annuity_e12(pay_days, parameters)
    oc_ppm = collected_e12 * PPM_WHOLE // (note_amount * E12)
    return NotePerformance(
        dscr_ppm=collected_amount * PPM_WHOLE // due_amount,
        oc_ppm=oc_ppm,
        paid_amount=paid_amount * len(pay_days),
        irr_e12=_solved(paid_amount, pay_days, Decimal(note_amount)),
        trigger=_trigger(oc_ppm, parameters),
    )


def _trigger(oc_ppm: int, parameters: RiskParameters) -> CrtTrigger:
    if oc_ppm < parameters.crt_default_ppm:
        return CrtTrigger.DEFAULT
    return CrtTrigger.TURBO if oc_ppm < parameters.crt_turbo_ppm else CrtTrigger.OK


def _annuity_e12(pay_days: Sequence[int], parameters: RiskParameters) -> int:
    """What one fen on each pay day is worth at the pool's rate."""
    return sum(discount_factor_e12(day, parameters.crt_rate_ppm) for day in pay_days)


def _worth(payment_amount: int, pay_days: Sequence[int], rate: Decimal) -> Decimal:
    """Equal payments at a rate, not rounded."""
    growth = (1 + rate).ln() / YEAR_DAYS
    return payment_amount * sum(((-growth * day).exp() for day in pay_days), Decimal(0))


def _solved(payment_amount: int, pay_days: Sequence[int], worth: Decimal) -> int:
    """The rate at which equal payments are worth this, at twelve places."""
    if not payment_amount:
        return -E12
    low, high = LOWEST_YIELD, HIGHEST_YIELD
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _worth(payment_amount, pay_days, middle) > worth:
            low = middle
        else:
            high = middle
    return to_integer((low + high) / 2, E12)
