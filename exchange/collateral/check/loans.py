"""LADDER: where a loan stands. LIQ: a sale, a waterfall, or another protocol's health factor."""

from msgspec.structs import replace

from exchange.collateral.check.benchmarks import aave_position
from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import Inputs, NotUnderstood, decimal_of
from exchange.collateral.ladder import ladder, sale, waterfall
from exchange.domain.risk_parameters import RiskParameters


def ladder_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """Ratio, rungs, status and call."""
    stand = ladder(
        inputs.integer("loan_fen"),
        inputs.integer("value_fen"),
        inputs.integer("advance_ppm"),
        replace(
            parameters,
            minimum_call_amount=inputs.integer("mta_fen", parameters.minimum_call_amount),
        ),
        is_cure_expired=inputs.flag("cure_expired"),
    )
    return {
        "ltv_ppm": stand.ltv_ppm,
        "mc_ppm": stand.rungs.margin_call_ppm,
        "lt_ppm": stand.rungs.liquidation_ppm,
        "status": str(stand.status),
        "call_cash_fen": stand.call_cash_amount,
        "call_collateral_fen": stand.call_collateral_amount,
    }


def liquidation_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """By what is given: proceeds to share out, another protocol's collateral, or a loan to cure."""
    if inputs.has("proceeds"):
        return _waterfall(inputs)
    if inputs.has("collateral"):
        return _aave(inputs)
    return _sale(inputs, parameters)


def _waterfall(inputs: Inputs) -> Answers:
    claims = (inputs.integer(name, 0) for name in ("cost", "interest", "principal", "fee"))
    paid = waterfall(inputs.integer("proceeds"), *claims)
    return {
        "auction_costs": paid.costs_amount,
        "accrued_interest": paid.interest_amount,
        "principal": paid.principal_amount,
        "exchange_fee": paid.fee_amount,
        "surplus_to_borrower": paid.surplus_amount,
        "shortfall": paid.shortfall_amount,
    }


def _aave(inputs: Inputs) -> Answers:
    """The close factor is an answer from a short list, so it is a text."""
    collateral = []
    for pair in inputs.items("collateral"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise NotUnderstood(f"collateral {pair!r} is no pair of amount and threshold")
        collateral.append((decimal_of(pair[0], "amount"), decimal_of(pair[1], "threshold")))
    position = aave_position(collateral, inputs.decimal("debt"))
    return {
        "health_factor": position.health_factor,
        "liquidatable": position.is_liquidatable,
        "close_factor": str(position.close_factor),
    }


def _sale(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """The rung of liquidation may be given; else it hangs from the target as everywhere."""
    target_ppm = inputs.integer("target_ppm")
    parameters = replace(
        parameters,
        close_factor_ppm=inputs.integer("close_factor_ppm", parameters.close_factor_ppm),
    )
    if inputs.has("lt_ppm"):
        liquidation_ppm = inputs.integer("lt_ppm")
        parameters = replace(
            parameters,
            margin_call_ppm=min(parameters.margin_call_ppm, liquidation_ppm - target_ppm),
            liquidation_ppm=liquidation_ppm - target_ppm,
            liquidation_cap_ppm=max(liquidation_ppm, parameters.liquidation_cap_ppm),
        )
    result = sale(
        inputs.integer("loan_fen"),
        inputs.integer("value_fen"),
        target_ppm,
        inputs.integer("cost_ppm", 0),
        parameters,
    )
    return {
        "sell_fen": result.sell_amount,
        "mode": str(result.mode),
        "repaid_fen": result.repaid_amount,
        "loan_after": result.loan_after_amount,
        "value_after": result.value_after_amount,
        "surplus_fen": result.surplus_amount,
        "proceeds_fen": result.proceeds_amount,
    }
