"""HOLD: how supervisors and other houses scale, floor and cut; formulas for comparison only."""

from exchange.collateral.check.benchmarks import (
    basel_exposure,
    basel_haircut,
    emir_margins,
    eurosystem_value,
)
from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import Inputs
from exchange.collateral.rounding import to_integer_up
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE


def holding_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """By what is given; none of it is a parameter of the model."""
    if inputs.has("E"):
        exposure = basel_exposure(
            inputs.decimal("E"),
            inputs.decimal("He", "0"),
            inputs.decimal("C"),
            inputs.decimal("Hc", "0"),
            inputs.decimal("Hfx", "0"),
        )
        return {"E_star": exposure}
    if inputs.has("market_value"):
        value, cut = inputs.decimal("market_value"), inputs.decimal("haircut")
        markdown = inputs.decimal("markdown", "0")
        return {
            "plain": eurosystem_value(value, cut),
            "theoretical": eurosystem_value(value, cut, markdown),
        }
    if inputs.has("margin"):
        margin = inputs.decimal("margin")
        stressed = inputs.decimal("stressed", str(margin))
        return emir_margins(margin, stressed, inputs.decimal("ten_year", "0"))._asdict()
    haircut = basel_haircut(
        inputs.decimal("h"),
        inputs.decimal("T_of_h"),
        inputs.decimal("T_M"),
        inputs.decimal("N_R", "1"),
    )
    return {"haircut": haircut, "ppm": to_integer_up(haircut, PPM_WHOLE)}
