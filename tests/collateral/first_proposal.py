"""The parameters of the first proposal and the small builders that the collateral tests share."""

import json
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from exchange.collateral.curve import Curve
from exchange.collateral.haircut_lines import Grade, HaircutInputs, Liquidity, Supplier
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.domain.risk_parameters import risk_parameters_from
from exchange.domain.windows import day_of

REPOSITORY = Path(__file__).resolve().parents[2]
PROPOSAL = json.loads((REPOSITORY / "exchange/genesis/risk_parameters.json").read_text())
PARAMETERS = risk_parameters_from(PROPOSAL)


def day(text: str) -> int:
    """The day number of an ISO date."""
    return day_of(date.fromisoformat(text))


def contract(qty: int, start: str, end: str) -> Contract:
    """A contract from its first day up to, not including, its end."""
    return Contract(contract_qty=qty, start_day=day(start), end_day=day(end))


def flat(mark_micro: int) -> Curve:
    """One node; with `LEVEL` the same price for ever after."""
    return Curve(months=(202501,), marks_micro=(mark_micro,))


LEVEL = replace(PARAMETERS, curve_decline_ppm=0)
"""The proposal without the decline beyond the last node."""


def calm(**changes: object) -> HaircutInputs:
    """A quiet half-year contract of a good supplier; `changes` name what is different."""
    inputs = HaircutInputs(
        sigma_ewma_e12=12_000_000_000,
        sigma_stress_e12=18_000_000_000,
        sigma_long_e12=12_000_000_000,
        strip_factor_e12=432_332_358_382,
        wal_years_e12=500_000_000_000,
        liquidity=Liquidity(
            position_hours=10_000_000, adv_hours=20_000_000, half_spread_ppm=10_000
        ),
        supplier=Supplier(grade=Grade.A, pool_share_ppm=100_000, uptime_ppm=995_000),
        level=MarkLevel.TRADES,
    )
    return replace(inputs, **changes)
