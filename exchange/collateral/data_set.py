"""
Pledged data sets: unit price · volume · how often it is renewed · age.

A data set loses half its value every `data_set_half_life_count` months, and one that is seldom
renewed is worth less from the start. The value is fen, half to even; two thirds of it are lent,
down; a year's interest is up.
"""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from exchange.collateral.rounding import divide_up, in_model_context, ratio, to_integer
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import MICRO_PER_FEN, PPM_WHOLE


class Renewal(StrEnum):
    """How often a data set is brought up to date."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    YEARLY = "yearly"
    NEVER = "never"


class DataSet(Struct, frozen=True, kw_only=True):
    """What is pledged."""

    unit_micro: int
    """Price of one unit, micro-CNY."""
    units_count: int
    renewal: Renewal
    age_months_count: int
    """Since it was last brought up to date."""


class DataSetLoan(Struct, frozen=True, kw_only=True):
    """What a data set is worth, what is lent on it and what that costs in a year."""

    value_amount: int
    loan_amount: int
    interest_amount: int


@in_model_context
def data_set_loan(data_set: DataSet, parameters: RiskParameters) -> DataSetLoan:
    """Values a data set and says what it lends."""
    fresh_amount = Decimal(data_set.unit_micro * data_set.units_count) / MICRO_PER_FEN
    renewed = ratio(_renewal_ppm(data_set.renewal, parameters))
    kept = _kept(data_set.age_months_count, parameters.data_set_half_life_count)
    value_amount = to_integer(fresh_amount * renewed * kept)
    loan_amount = value_amount * parameters.data_set_lent_count // parameters.data_set_parts_count
    return DataSetLoan(
        value_amount=value_amount,
        loan_amount=loan_amount,
        interest_amount=divide_up(loan_amount * parameters.data_set_rate_ppm, PPM_WHOLE),
    )


def _kept(age_months_count: int, half_life_count: int) -> Decimal:
    """What age leaves; whole half-lives halve exactly."""
    halvings, rest = divmod(age_months_count, half_life_count)
    return (-Decimal(2).ln() * rest / half_life_count).exp() / Decimal(2**halvings)


def _renewal_ppm(renewal: Renewal, parameters: RiskParameters) -> int:
    return {
        Renewal.MONTHLY: parameters.data_set_monthly_ppm,
        Renewal.QUARTERLY: parameters.data_set_quarterly_ppm,
        Renewal.HALF_YEARLY: parameters.data_set_half_yearly_ppm,
        Renewal.YEARLY: parameters.data_set_yearly_ppm,
        Renewal.NEVER: parameters.data_set_never_ppm,
    }[renewal]
