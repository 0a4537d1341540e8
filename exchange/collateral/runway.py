"""
How long a loan lasts if nothing happens: no price moves, nobody pays, every day is delivered.

A strip melts as it is delivered while interest accrues, so even a calm market brings every
unrepaid loan to its call. The days until then are the early warning on a bank's screen. They
are found by bisection: once called by the mere passing of time, a loan stays called.
"""

from bisect import bisect_left

from msgspec import Struct

from exchange.collateral.curve import Curve
from exchange.collateral.ladder import rungs
from exchange.collateral.present_value import Contract, market_amount, present_value
from exchange.collateral.rounding import divide_up
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE

INTEREST_YEAR_DAYS = 360


class Loan(Struct, frozen=True, kw_only=True):
    """What is owed today and how it grows."""

    loan_amount: int
    """Principal with interest accrued so far."""
    drawn_ltv_ppm: int
    interest_ppm: int
    """A year of 360 days, simple, on the amount of today."""


class Runway(Struct, frozen=True, kw_only=True):
    """Days from the valuation day; 0 says that it has happened."""

    margin_call_days_count: int
    liquidation_days_count: int


def runway(
    loan: Loan, contract: Contract, curve: Curve, valuation_day: int, parameters: RiskParameters
) -> Runway:
    """When time alone would bring the loan to a call and to liquidation."""
    steps = rungs(loan.drawn_ltv_ppm, parameters)

    def days_until(ratio_ppm: int) -> int:
        def is_reached(days_count: int) -> bool:
            day = valuation_day + days_count
            value_amount = min(
                present_value(contract, curve, day, parameters).pv_amount,
                market_amount(contract, curve, day, parameters),
            )
            return owed_amount(loan, days_count) * PPM_WHOLE >= ratio_ppm * value_amount

        last = max(0, contract.end_day - valuation_day)
        return bisect_left(range(last), True, key=is_reached)

    return Runway(
        margin_call_days_count=days_until(steps.margin_call_ppm),
        liquidation_days_count=days_until(steps.liquidation_ppm),
    )


def owed_amount(loan: Loan, days_count: int) -> int:
    """The loan after so many more days without a payment, interest up."""
    interest = loan.loan_amount * loan.interest_ppm * days_count
    return loan.loan_amount + divide_up(interest, INTEREST_YEAR_DAYS * PPM_WHOLE)
