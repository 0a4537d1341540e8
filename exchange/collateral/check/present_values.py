"""PV: a discount factor, an annuity, rent in arrears, or the value of a contract."""

from decimal import Decimal

from msgspec.structs import replace

from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import (
    E12_PLACES,
    PPM_PLACES,
    Inputs,
    NotUnderstood,
    day_from,
    decimal_of,
)
from exchange.collateral.curve import Curve
from exchange.collateral.present_value import (
    Contract,
    arrears_amount,
    discount_factor_e12,
    present_value,
)
from exchange.domain.risk_parameters import RiskParameters

ANY_MONTH = 1_900_01
"""Where a price that is the same in every month stands on the curve."""


def present_value_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """By what is asked: `d` days, `n` daily payments, `pay_dates`, or a window of delivery."""
    rate = "rate_annual_eff" if inputs.has("rate_annual_eff") else "rate"
    if inputs.has(rate):
        parameters = replace(parameters, rate_ppm=inputs.ppm(rate))
    if inputs.has("d"):
        return {"df": _factor(inputs.integer("d"), parameters)}
    if inputs.has("n"):
        days = range(1, inputs.integer("n") + 1)
        return {"annuity": sum(_factor(day, parameters) for day in days)}
    curve, parameters = _curve(inputs, parameters)
    parameters = replace(
        parameters,
        occupancy_ppm=inputs.integer("occupancy_ppm", parameters.occupancy_ppm),
        sla_ppm=inputs.integer("sla_ppm", parameters.sla_ppm),
        fee_ppm=inputs.integer("fee_ppm", parameters.fee_ppm),
    )
    if inputs.has("pay_dates"):
        return _in_arrears(inputs, curve, parameters)
    return _by_the_day(inputs, curve, parameters)


def _factor(days_count: int, parameters: RiskParameters) -> Decimal:
    return Decimal(discount_factor_e12(days_count, parameters.rate_ppm)).scaleb(-E12_PLACES)


def _curve(inputs: Inputs, parameters: RiskParameters) -> tuple[Curve, RiskParameters]:
    """Prices by month, or one price for every month, which then does not decline."""
    by_month = "price_micro_cny_per_gpu_hour"
    name = by_month if inputs.has(by_month) else "price_micro"
    found = inputs.value(name)
    if not isinstance(found, dict):
        flat = Curve(months=(ANY_MONTH,), marks_micro=(inputs.integer(name),))
        return flat, replace(parameters, curve_decline_ppm=0)
    nodes = sorted(found.items())
    try:
        months = tuple(int(month.replace("-", "")) for month, _ in nodes)
    except ValueError:
        raise NotUnderstood(f"{name} has a month that is not like 2025-01") from None
    prices = tuple(int(decimal_of(price, name)) for _, price in nodes)
    return Curve(months=months, marks_micro=prices), parameters


def _in_arrears(inputs: Inputs, curve: Curve, parameters: RiskParameters) -> Answers:
    """Without a window of its own the rent runs from tomorrow to the last pay date."""
    valuation_day = inputs.day("valuation")
    pay_days = [day_from(text, "pay_dates") for text in inputs.items("pay_dates")]
    if not pay_days:
        raise NotUnderstood("pay_dates is empty")
    contract = Contract(
        contract_qty=inputs.integer("gpus"),
        start_day=inputs.day("start") if inputs.has("start") else valuation_day + 1,
        end_day=(inputs.day("end") if inputs.has("end") else pay_days[-1]) + 1,
    )
    return {"pv_fen": arrears_amount(contract, curve, valuation_day, parameters, pay_days)}


def _by_the_day(inputs: Inputs, curve: Curve, parameters: RiskParameters) -> Answers:
    contract = Contract(
        contract_qty=inputs.integer("gpus"),
        start_day=inputs.day("start"),
        end_day=inputs.day("end") + 1,
    )
    worth = present_value(contract, curve, inputs.day("valuation"), parameters)
    return {
        "pv_fen": worth.pv_amount,
        "nominal_fen": worth.nominal_amount,
        "slices": worth.slices_count,
        "wal_days": Decimal(worth.wal_days_ppm()).scaleb(-PPM_PLACES),
        "pv_by_month_fen": {
            f"{part.month // 100}-{part.month % 100:02d}": part.pv_amount for part in worth.by_month
        },
    }
