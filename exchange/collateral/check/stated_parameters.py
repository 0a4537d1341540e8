"""
The constants that a file of cases states, under its short names, laid over signed parameters.

Decimal texts are rates and shares; whole numbers are ppm or counts, as the field they go to. What
a file does not state stays as signed, and a name that is not in the table is left alone: it is
about something that the parameters do not hold.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from exchange.collateral.check.cases import MalformedCases
from exchange.collateral.check.inputs import (
    E12_PLACES,
    PPM_PLACES,
    Inputs,
    NotUnderstood,
    inputs_of,
)
from exchange.collateral.rounding import in_model_context
from exchange.domain.risk_parameters import RiskParameters

FIELDS = {
    "B": ("base_ppm", 0),
    "a_vol": ("vol_allowance_ppm", 0),
    "sig_floor": ("sigma_floor_e12", E12_PLACES),
    "w_stress": ("stress_weight_ppm", PPM_PLACES),
    "nu": ("tail_degrees_count", 0),
    "K": ("tail_multiplier_e12", E12_PLACES),
    "h0": ("holding_days_count", 0),
    "lam": ("ewma_decay_ppm", PPM_PLACES),
    "phi_lo": ("apc_low_ppm", PPM_PLACES),
    "phi_hi": ("apc_high_ppm", PPM_PLACES),
    "apc": ("apc_ppm", PPM_PLACES),
    "Y": ("impact_ppm", PPM_PLACES),
    "part": ("participation_ppm", PPM_PLACES),
    "liq_cap": ("liquidity_cap_ppm", 0),
    "lam_gen": ("generation_rate_ppm", PPM_PLACES),
    "J": ("generation_loss_ppm", PPM_PLACES),
    "wal0": ("tenor_free_years_ppm", PPM_PLACES),
    "ten_cap": ("tenor_cap_ppm", 0),
    "kc": ("concentration_slope_ppm", PPM_PLACES),
    "c0": ("concentration_free_ppm", PPM_PLACES),
    "conc_cap": ("concentration_cap_ppm", 0),
    "lgd": ("loss_given_default_ppm", PPM_PLACES),
    "mu": ("wrong_way_ppm", PPM_PLACES),
    "aff": ("affiliated_ppm", 0),
    "sla_t": ("uptime_target_ppm", PPM_PLACES),
    "sla_k": ("uptime_slope_ppm", PPM_PLACES),
    "sla_cap": ("uptime_cap_ppm", 0),
    "ltv_lo": ("ltv_floor_ppm", 0),
    "ltv_hi": ("ltv_cap_ppm", 0),
    "mc": ("margin_call_ppm", 0),
    "lt": ("liquidation_ppm", 0),
    "lt_cap": ("liquidation_cap_ppm", 0),
    "kappa": ("kappa_e12", E12_PLACES),
    "es_stress": ("stress_es_ppm", 0),
    "floor_absorb": ("floor_absorbs_ppm", 0),
}
"""A file's name, the parameters' field, and how many places make an integer of it."""
TABLES = {"pd": ("default_{}_ppm", PPM_PLACES), "lvl": ("level_{}_ppm", 0)}
"""Objects with one member per grade or level."""


def with_stated(params: Mapping[str, Any], parameters: RiskParameters) -> RiskParameters:
    """The parameters with what a file states in place; raises `MalformedCases`."""
    try:
        return replace(parameters, **stated(params))
    except (NotUnderstood, TypeError, ValueError) as error:
        raise MalformedCases(f"malformed_params: {error}") from None


@in_model_context
def stated(params: Mapping[str, Any]) -> dict[str, int]:
    """What a file states, by the parameters' fields."""
    inputs = Inputs(params)
    found = {
        field: inputs.scaled(name, places)
        for name, (field, places) in FIELDS.items()
        if inputs.has(name)
    }
    for name, (pattern, places) in TABLES.items():
        if inputs.has(name):
            table = inputs_of(params[name], name)
            for member in params[name]:
                found[pattern.format(member.lower())] = table.scaled(member, places)
    return found
