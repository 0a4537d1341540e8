"""
Formulas of other houses, shown beside ours so that a reader can judge it.

Nothing here moves a mark, a haircut or a loan, so its constants are those of the rules described
and no risk committee signs them. Exact decimals; call them in the model's context.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

AAVE_HALF_BELOW = Decimal(1)
AAVE_FULL_AT = Decimal("0.95")
EMIR_BUFFER = Decimal("1.25")
EMIR_STRESS_WEIGHT = Decimal("0.25")


class EmirMargins(NamedTuple):
    """The three ways of article 28 to keep a margin from falling too low in calm times."""

    a: Decimal
    """A buffer of a quarter."""
    b: Decimal
    """A quarter of the weight to stressed observations."""
    c: Decimal
    """Not under what ten years of history ask for."""


class AavePosition(NamedTuple):
    """A loan in another protocol."""

    health_factor: Decimal
    """Infinite without debt."""
    is_liquidatable: bool
    close_factor: Decimal
    """The share of the debt that one liquidation may repay: 0, 0.5 or 1."""


def effective_days(decay: Decimal, tolerance: Decimal) -> Decimal:
    """Days after which what an exponential average still remembers falls to the tolerance."""
    return tolerance.ln() / decay.ln()


def basel_haircut(
    haircut: Decimal, of_days: Decimal, holding_days: Decimal, revaluation_days: Decimal
) -> Decimal:
    """A haircut stated for `of_days`, for another holding period and rarer revaluation."""
    scaled = haircut * (holding_days / of_days).sqrt()
    return scaled * ((revaluation_days + holding_days - 1) / holding_days).sqrt()


def basel_exposure(
    exposure: Decimal,
    exposure_haircut: Decimal,
    collateral: Decimal,
    collateral_haircut: Decimal,
    currency_haircut: Decimal,
) -> Decimal:
    """What remains exposed after collateral, the comprehensive approach; never negative."""
    covered = collateral * (1 - collateral_haircut - currency_haircut)
    return max(Decimal(0), exposure * (1 + exposure_haircut) - covered)


def eurosystem_value(value: Decimal, haircut: Decimal, markdown: Decimal = Decimal(0)) -> Decimal:
    """What a central bank lends on; a theoretical price is marked down before the haircut."""
    return value * (1 - markdown) * (1 - haircut)


def emir_margins(margin: Decimal, stressed: Decimal, ten_year: Decimal) -> EmirMargins:
    """A clearing house's margin by each of the three ways."""
    weighted = (1 - EMIR_STRESS_WEIGHT) * margin + EMIR_STRESS_WEIGHT * stressed
    return EmirMargins(EMIR_BUFFER * margin, weighted, max(margin, ten_year))


def aave_position(collateral: Iterable[tuple[Decimal, Decimal]], debt: Decimal) -> AavePosition:
    """A position from pairs of amount and liquidation threshold."""
    covered = sum((amount * threshold for amount, threshold in collateral), Decimal(0))
    health = covered / debt if debt else Decimal("Infinity")
    if health >= AAVE_HALF_BELOW:
        close_factor = Decimal(0)
    else:
        close_factor = Decimal(1) if health <= AAVE_FULL_AT else Decimal("0.5")
    return AavePosition(health, health < AAVE_HALF_BELOW, close_factor)
