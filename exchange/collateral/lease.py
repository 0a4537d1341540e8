"""
What leased hardware is still worth: P0 · e^(-δ · days / 365) · (1 - 20 %)^generations.

Decay is continuous, over a year of 365 days; every hardware generation that has come out since
takes its share off what is left. Fen, half to even.
"""

from exchange.collateral.present_value import YEAR_DAYS
from exchange.collateral.rounding import in_model_context, ratio, to_integer
from exchange.domain.risk_parameters import RiskParameters


@in_model_context
def residual_amount(
    price_amount: int,
    decay_ppm: int,
    days_count: int,
    generations_count: int,
    parameters: RiskParameters,
) -> int:
    """The residual value of hardware that cost `price_amount` so many days ago."""
    decayed = (-ratio(decay_ppm) * days_count / YEAR_DAYS).exp()
    kept = 1 - ratio(parameters.generation_loss_ppm)
    return to_integer(price_amount * decayed * kept**generations_count)


def believed_decay_ppm(stated_ppm: int, parameters: RiskParameters) -> int:
    """The decay that a valuation uses where a lessor states one: never outside the bounds."""
    at_least_ppm = max(stated_ppm, parameters.lease_decay_low_ppm)
    return min(at_least_ppm, parameters.lease_decay_high_ppm)
