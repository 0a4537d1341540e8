"""Which calculation answers the cases of a group."""

from collections.abc import Callable

from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.comparison_formulas import holding_answers
from exchange.collateral.check.haircuts import glide_answers, haircut_answers
from exchange.collateral.check.inputs import Inputs
from exchange.collateral.check.loans import ladder_answers, liquidation_answers
from exchange.collateral.check.marks import mark_answers
from exchange.collateral.check.notes import note_answers
from exchange.collateral.check.other_collateral import (
    data_set_answers,
    lease_answers,
    spot_hour_answers,
    voucher_answers,
)
from exchange.collateral.check.present_values import present_value_answers
from exchange.collateral.check.shortfalls import shortfall_answers
from exchange.domain.risk_parameters import RiskParameters

Calculation = Callable[[Inputs, RiskParameters], Answers]

CALCULATIONS: dict[str, Calculation] = {
    "PV": present_value_answers,
    "MARK": mark_answers,
    "ES": shortfall_answers,
    "HOLD": holding_answers,
    "HAIRCUT": haircut_answers,
    "GLIDE": glide_answers,
    "LADDER": ladder_answers,
    "LIQ": liquidation_answers,
    "CRT": note_answers,
    "VOUCHER": voucher_answers,
    "CORPUS": data_set_answers,
    "LEASE": lease_answers,
    "SCT": spot_hour_answers,
}
