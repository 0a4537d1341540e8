"""VOUCHER, CORPUS (data sets), LEASE and SCT (spot-hour tokens)."""

from decimal import Decimal

from msgspec.structs import replace

from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import FEN_PLACES, PPM_PLACES, Inputs, NotUnderstood
from exchange.collateral.data_set import DataSet, Renewal, data_set_loan
from exchange.collateral.lease import residual_amount
from exchange.collateral.spot_hour import SpotHourCosts, SpotHourMarket, spot_hour_price
from exchange.collateral.voucher import spendable_amount, subsidy_amount, voucher_credit
from exchange.domain.risk_parameters import RiskParameters

MICRO_OF_HUNDREDTH_FEN = 100
RENEWALS = {
    Renewal.MONTHLY: ("monthly", "month"),
    Renewal.QUARTERLY: ("quarterly", "quarter"),
    Renewal.HALF_YEARLY: ("halfyear", "halfyearly", "semiannual", "semiannually", "biannual"),
    Renewal.YEARLY: ("annual", "annually", "yearly", "year"),
    Renewal.NEVER: ("never", "none", "static", "onetime"),
}
"""The words that cases may use, without hyphens and underscores."""


def voucher_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """What a voucher pays of a bill, what is lent on it, or what of a wallet may be spent."""
    if inputs.has("cost_fen"):
        return {"subsidy_fen": subsidy_amount(inputs.integer("cost_fen"), parameters)}
    if inputs.has("face_fen") and inputs.has("score_ppm"):
        credit = voucher_credit(inputs.integer("face_fen"), inputs.integer("score_ppm"), parameters)
        return {
            "credit_fen": credit.credit_amount,
            "multiple": str(Decimal(credit.multiple_ppm).scaleb(-PPM_PLACES)),
            "collateral_cover_ppm": credit.cover_ppm,
        }
    wallet_amount, pledged_amount = inputs.integer("wallet_fen"), inputs.integer("pledged_fen", 0)
    return {"spendable_fen": spendable_amount(wallet_amount, pledged_amount)}


def data_set_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """Value, loan and a year's interest; the unit price comes in hundredths of a fen."""
    if inputs.has("half_life_months"):
        months_count = inputs.integer("half_life_months")
        parameters = replace(parameters, data_set_half_life_count=months_count)
    found = data_set_loan(
        DataSet(
            unit_micro=inputs.integer("unit_price_fen_x100") * MICRO_OF_HUNDREDTH_FEN,
            units_count=inputs.integer("volume"),
            renewal=_renewal(inputs.text("freq")),
            age_months_count=inputs.integer("age_months", 0),
        ),
        parameters,
    )
    return {
        "value_fen": found.value_amount,
        "loan_fen": found.loan_amount,
        "interest_fen": found.interest_amount,
    }


def lease_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """The residual value of leased hardware."""
    if inputs.has("J"):
        parameters = replace(parameters, generation_loss_ppm=inputs.ppm("J"))
    value_amount = residual_amount(
        inputs.integer("p0_fen"),
        inputs.ppm("delta"),
        inputs.integer("days"),
        inputs.integer("n_gen", 0),
        parameters,
    )
    return {"rv_fen": value_amount}


def spot_hour_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """The reference price of a spot GPU-hour; yuan and kilowatts come as decimals."""
    for name, field in (
        ("gamma", "spot_hour_exponent_ppm"),
        ("m_lo", "spot_hour_low_ppm"),
        ("m_hi", "spot_hour_high_ppm"),
    ):
        if inputs.has(name):
            parameters = replace(parameters, **{field: inputs.ppm(name)})
    found = spot_hour_price(_costs(inputs), _market(inputs), parameters)
    return {
        "energy": _yuan(found.energy_micro),
        "depreciation": _yuan(found.depreciation_micro),
        "cost": _yuan(found.cost_micro),
        "scarcity": _yuan(found.scarcity_ppm),
        "model": _yuan(found.model_micro),
        "weight": _yuan(found.weight_ppm),
        "price_micro": found.price_micro,
    }


def _renewal(word: str) -> Renewal:
    plain = word.lower().replace("-", "").replace("_", "").replace(" ", "")
    for renewal, words in RENEWALS.items():
        if plain in words:
            return renewal
    raise NotUnderstood(f"freq {word!r} is none of {' '.join(Renewal)}")


def _costs(inputs: Inputs) -> SpotHourCosts:
    return SpotHourCosts(
        kilowatt_ppm=inputs.ppm("kw_per_gpu"),
        pue_ppm=inputs.ppm("pue"),
        kilowatt_hour_micro=inputs.scaled("power_price", PPM_PLACES),
        capex_amount=inputs.scaled("capex", FEN_PLACES),
        residual_ppm=inputs.ppm("residual_ratio", "0"),
        life_hours=inputs.integer("life_hours"),
        planned_utilisation_ppm=inputs.ppm("util_target"),
        other_micro=inputs.scaled("opex", PPM_PLACES, "0"),
        margin_ppm=inputs.ppm("margin", "0"),
    )


def _market(inputs: Inputs) -> SpotHourMarket:
    return SpotHourMarket(
        utilisation_ppm=inputs.ppm("u"),
        target_utilisation_ppm=inputs.ppm("u_star"),
        vwap_micro=inputs.scaled("vwap", PPM_PLACES, "0"),
        traded_hours=inputs.integer("traded_qty", 0),
        full_weight_hours=inputs.integer("full_weight_qty", 1),
    )


def _yuan(micro: int) -> Decimal:
    return Decimal(micro).scaleb(-PPM_PLACES)
