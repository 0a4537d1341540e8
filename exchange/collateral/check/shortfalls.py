"""ES: parts of the volatility model, and the textbook figures beside it."""

from decimal import Decimal

from msgspec.structs import replace

from exchange.collateral.check.benchmarks import effective_days
from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import E12_PLACES, Inputs, NotUnderstood, decimal_of
from exchange.collateral.check.tails import LEAST_DEGREES, normal_tail, student_tail
from exchange.collateral.expected_shortfall import expected_shortfall, strip_factor_e12
from exchange.collateral.rounding import to_integer_up
from exchange.collateral.volatility import blended_sigma, ewma_variance
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE

HALF_MONTHS = 24
"""In a year: an equal monthly slice is delivered in the middle of its month."""


def shortfall_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """By what is given; the caller works in the model's context."""
    if inputs.has("alpha"):
        return _tails(inputs)
    if inputs.has("lambdas"):
        tolerance = inputs.decimal("tol")
        decays = [decimal_of(each, "lambdas") for each in inputs.items("lambdas")]
        return {"days": [effective_days(decay, tolerance) for decay in decays]}
    if inputs.has("returns"):
        return _ewma(inputs, parameters)
    if inputs.has("months"):
        if inputs.has("kappa"):
            parameters = replace(parameters, kappa_e12=inputs.e12("kappa"))
        middles = [(2 * month + 1, 1) for month in range(inputs.integer("months"))]
        factor_e12 = strip_factor_e12(middles, HALF_MONTHS, parameters)
        return {"S": Decimal(factor_e12).scaleb(-E12_PLACES)}
    if inputs.has("sig_ewma"):
        stress = "sig_stress"
        return {"sigma": blended_sigma(inputs.e12("sig_ewma"), inputs.e12(stress), parameters)}
    return _shortfall(inputs, parameters)


def _shortfall(inputs: Inputs, parameters: RiskParameters) -> Answers:
    if inputs.has("vr"):
        parameters = replace(parameters, variance_ratio_ppm=inputs.ppm("vr"))
    shortfall = expected_shortfall(
        inputs.decimal("sigma"), inputs.decimal("S", "1"), inputs.decimal("h"), parameters
    )
    shortfall = max(shortfall, inputs.decimal("hist_es", "0"))
    return {"es": shortfall, "es_ppm": to_integer_up(shortfall, PPM_WHOLE)}


def _ewma(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """A list of returns, each with the days that it took."""
    if inputs.has("lambda_"):
        parameters = replace(parameters, ewma_decay_ppm=inputs.ppm("lambda_"))
    variance = inputs.decimal("s2_0")
    for pair in inputs.items("returns"):
        log_return, days_count = pair if isinstance(pair, list) else (pair, 1)
        variance = ewma_variance(
            variance,
            decimal_of(log_return, "returns"),
            int(decimal_of(days_count, "returns")),
            parameters,
        )
    return {"s2": variance, "sigma": variance.sqrt()}


def _tails(inputs: Inputs) -> Answers:
    """Losses of a position, normal and Student t; without a position, those of one unit."""
    degrees = inputs.integer("nu", 4)
    if degrees < LEAST_DEGREES:
        raise NotUnderstood(f"nu {degrees} is under {LEAST_DEGREES}: no variance to scale to")
    unit = inputs.decimal("position", "1") * inputs.decimal("vol_annual", "1")
    unit /= inputs.decimal("days", "1").sqrt()
    confidence = inputs.decimal("alpha")
    normal, student = normal_tail(confidence), student_tail(confidence, degrees)
    return {
        "VaR_norm": unit * normal.value_at_risk,
        f"VaR_t{degrees}": unit * student.value_at_risk,
        "ES_norm": unit * normal.expected_shortfall,
        f"ES_t{degrees}": unit * student.expected_shortfall,
        "K": student.expected_shortfall,
        "VaR": unit * (student if inputs.has("nu") else normal).value_at_risk,
        "ES": unit * (student if inputs.has("nu") else normal).expected_shortfall,
    }
