"""
The reference price of a spot GPU-hour: what it costs, how scarce it is, what it trades at.

    energy       = kW · PUE · price of a kWh
    depreciation = capex · (1 - residual) / (hours of life · utilisation planned)
    cost         = (energy + depreciation + other costs) · (1 + margin)
    scarcity     = (utilisation / target)^exponent, between its bounds
    model        = cost · scarcity
    price        = weight · VWAP + (1 - weight) · model,  weight = traded / full weight, at most 1

Prices are micro-CNY per GPU-hour, quantities GPU-hours. Every shown figure is rounded half to even
from the exact one; nothing is rounded on the way. Without a VWAP its weight is 0.
"""

from decimal import Decimal

from msgspec import Struct

from exchange.collateral.rounding import in_model_context, ratio, to_integer
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import MICRO_PER_FEN, PPM_WHOLE


class SpotHourCosts(Struct, frozen=True, kw_only=True):
    """What one GPU costs its supplier."""

    kilowatt_ppm: int
    """Millionths of a kilowatt that a GPU with its share of the server draws."""
    pue_ppm: int
    """Power of the whole site over power of the servers."""
    kilowatt_hour_micro: int
    """CNY."""
    capex_amount: int
    residual_ppm: int
    """Share of the capex that is left at the end of its life."""
    life_hours: int
    planned_utilisation_ppm: int
    """Share of its life over which the capex is earned back."""
    other_micro: int
    """Staff, space and the like, an hour."""
    margin_ppm: int


class SpotHourMarket(Struct, frozen=True, kw_only=True):
    """How busy the site is, and what was traded."""

    utilisation_ppm: int
    target_utilisation_ppm: int
    vwap_micro: int = 0
    """0 where nothing was traded."""
    traded_hours: int = 0
    full_weight_hours: int = 1
    """What must have been traded for the VWAP alone to count."""


class SpotHourPrice(Struct, frozen=True, kw_only=True):
    """The price and every figure on the way to it."""

    energy_micro: int
    depreciation_micro: int
    cost_micro: int
    scarcity_ppm: int
    model_micro: int
    weight_ppm: int
    price_micro: int


@in_model_context
def spot_hour_price(
    costs: SpotHourCosts, market: SpotHourMarket, parameters: RiskParameters
) -> SpotHourPrice:
    """Prices a spot GPU-hour from cost, scarcity and trades."""
    energy = ratio(costs.kilowatt_ppm) * ratio(costs.pue_ppm) * costs.kilowatt_hour_micro
    lost = costs.capex_amount * MICRO_PER_FEN * (1 - ratio(costs.residual_ppm))
    depreciation = lost / (costs.life_hours * ratio(costs.planned_utilisation_ppm))
    cost = (energy + depreciation + costs.other_micro) * (1 + ratio(costs.margin_ppm))
    scarcity = _scarcity(market, parameters)
    model = cost * scarcity
    weight = _vwap_weight(market)
    return SpotHourPrice(
        energy_micro=to_integer(energy),
        depreciation_micro=to_integer(depreciation),
        cost_micro=to_integer(cost),
        scarcity_ppm=to_integer(scarcity, PPM_WHOLE),
        model_micro=to_integer(model),
        weight_ppm=to_integer(weight, PPM_WHOLE),
        price_micro=to_integer(weight * market.vwap_micro + (1 - weight) * model),
    )


def _scarcity(market: SpotHourMarket, parameters: RiskParameters) -> Decimal:
    """What scarcity makes of the cost; an idle site is at the lower bound."""
    low, high = ratio(parameters.spot_hour_low_ppm), ratio(parameters.spot_hour_high_ppm)
    if market.utilisation_ppm <= 0:
        return low
    fullness = Decimal(market.utilisation_ppm) / market.target_utilisation_ppm
    whole, part_ppm = divmod(parameters.spot_hour_exponent_ppm, PPM_WHOLE)
    raised = fullness**whole
    if part_ppm:
        raised *= (ratio(part_ppm) * fullness.ln()).exp()
    return min(high, max(low, raised))


def _vwap_weight(market: SpotHourMarket) -> Decimal:
    """How much of the price is what was traded."""
    if market.vwap_micro <= 0:
        return Decimal(0)
    return min(Decimal(1), Decimal(market.traded_hours) / market.full_weight_hours)
