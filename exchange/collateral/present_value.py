"""
What the undelivered part of a contract is worth today.

A contract delivers one slice a day. The slice of day D counts while D is after the valuation
day, and is discounted over D - T days, annual effective, ACT/365F, with factors of twelve
places. A slice's amount is the rent that the parameters expect of it: GPUs · 24 · forward price
· occupancy · SLA · (1 - fee). It is kept as an exact fraction until it is discounted; each
discounted slice is then rounded half to even and the rounded ones are added up, so the value of
a window is the sum of the values of its days.

Everything is an integer except the discount factor itself, which is computed once per
(days, rate) and remembered.
"""

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from exchange.collateral.curve import Curve, forward_micro, months_within
from exchange.collateral.rounding import (
    E12,
    divide_half_even,
    divide_up,
    in_model_context,
    ratio,
    to_integer,
)
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import HOURS_PER_DAY, MICRO_PER_FEN, PPM_WHOLE

YEAR_DAYS = 365
AMOUNT_SCALE = MICRO_PER_FEN * PPM_WHOLE**3
"""Denominator of a slice's exact amount: price in micro, and three ratios in ppm."""


class Contract(Struct, frozen=True, kw_only=True):
    """Some GPUs on every day of a half-open window."""

    contract_qty: int
    start_day: int
    end_day: int


class MonthValue(Struct, frozen=True, kw_only=True):
    """One month's part of a present value."""

    month: int
    """Year · 100 + month."""
    forward_micro: int
    pv_amount: int
    nominal_amount: int
    slices_count: int


class PresentValue(Struct, frozen=True, kw_only=True):
    """
    The worth of the undelivered slices.

    The average life is the pair `day_weighted_amount` (fen · days) over `pv_amount`, unrounded.
    """

    pv_amount: int
    nominal_amount: int
    """Undiscounted, each slice half to even."""
    slices_count: int
    day_weighted_amount: int
    by_month: tuple[MonthValue, ...]
    first_distance_count: int
    """Days from the valuation day to the first counted slice; the others follow day by day."""
    slice_amounts: tuple[int, ...]
    """Present value of each counted slice in order of delivery."""

    def wal_years_e12(self) -> int:
        """Weighted average life in years, up (a longer life costs more); 0 of nothing."""
        if not self.pv_amount:
            return 0
        return divide_up(self.day_weighted_amount * E12, self.pv_amount * YEAR_DAYS)

    def wal_days_ppm(self) -> int:
        """Weighted average life in millionths of a day, half to even, as it is shown."""
        if not self.pv_amount:
            return 0
        return divide_half_even(self.day_weighted_amount * PPM_WHOLE, self.pv_amount)


@lru_cache(maxsize=65_536)
@in_model_context
def discount_factor_e12(days_count: int, rate_ppm: int) -> int:
    """(1 + rate) to the power -days/365, half to even at twelve places."""
    return to_integer((-(1 + ratio(rate_ppm)).ln() * days_count / YEAR_DAYS).exp(), E12)


def present_value(
    contract: Contract, curve: Curve, valuation_day: int, parameters: RiskParameters
) -> PresentValue:
    """Values the slices after `valuation_day`, each on its own day."""
    first_day = max(contract.start_day, valuation_day + 1)
    rate_ppm = parameters.rate_ppm
    slice_amounts: list[int] = []
    by_month: list[MonthValue] = []
    for month, from_day, to_day in months_within(first_day, contract.end_day):
        price_micro = forward_micro(curve, month, parameters)
        exact = slice_numerator(contract.contract_qty, price_micro, parameters)
        month_amounts = [
            divide_half_even(exact * discount_factor_e12(distance, rate_ppm), AMOUNT_SCALE * E12)
            for distance in range(from_day - valuation_day, to_day - valuation_day)
        ]
        slice_amounts += month_amounts
        by_month.append(
            MonthValue(
                month=month,
                forward_micro=price_micro,
                pv_amount=sum(month_amounts),
                nominal_amount=divide_half_even(exact, AMOUNT_SCALE) * (to_day - from_day),
                slices_count=to_day - from_day,
            )
        )
    distance_count = first_day - valuation_day
    return PresentValue(
        pv_amount=sum(slice_amounts),
        nominal_amount=sum(month.nominal_amount for month in by_month),
        slices_count=len(slice_amounts),
        day_weighted_amount=sum(
            distance * amount for distance, amount in enumerate(slice_amounts, distance_count)
        ),
        by_month=tuple(by_month),
        first_distance_count=distance_count,
        slice_amounts=tuple(slice_amounts),
    )


def arrears_amount(
    contract: Contract,
    curve: Curve,
    valuation_day: int,
    parameters: RiskParameters,
    pay_days: Sequence[int] = (),
) -> int:
    """
    Present value where each month's rent is paid at once, when the month has been delivered.

    `pay_days` has a day for each month touched after the valuation day; without them a month is
    paid on its last delivered day. The month's exact amount is discounted once and rounded half
    to even.
    """
    total_amount = 0
    first_day = max(contract.start_day, valuation_day + 1)
    months = months_within(first_day, contract.end_day)
    paid = tuple(pay_days) or tuple(to_day - 1 for _, _, to_day in months)
    assert len(paid) == len(months), f"{len(paid)} pay days for {len(months)} months"
    for pay_day, (month, from_day, to_day) in zip(paid, months, strict=True):
        price_micro = forward_micro(curve, month, parameters)
        exact = slice_numerator(contract.contract_qty, price_micro, parameters)
        factor_e12 = discount_factor_e12(pay_day - valuation_day, parameters.rate_ppm)
        total_amount += divide_half_even(
            exact * (to_day - from_day) * factor_e12, AMOUNT_SCALE * E12
        )
    return total_amount


def market_amount(
    contract: Contract, curve: Curve, valuation_day: int, parameters: RiskParameters
) -> int:
    """
    What the undelivered slices would fetch at the marks, each slice half to even.

    A prepaid contract changes hands at its full price today, so nothing is discounted and no
    idle time is taken off.
    """
    first_day = max(contract.start_day, valuation_day + 1)
    return sum(
        (to_day - from_day)
        * divide_half_even(
            contract.contract_qty * HOURS_PER_DAY * forward_micro(curve, month, parameters),
            MICRO_PER_FEN,
        )
        for month, from_day, to_day in months_within(first_day, contract.end_day)
    )


def slice_numerator(contract_qty: int, price_micro: int, parameters: RiskParameters) -> int:
    """One slice's rent as a numerator over `AMOUNT_SCALE`."""
    return (
        contract_qty
        * HOURS_PER_DAY
        * price_micro
        * parameters.occupancy_ppm
        * parameters.sla_ppm
        * (PPM_WHOLE - parameters.fee_ppm)
    )
