"""
What is taken off a contract's value, line by line.

Ten lines are computed from exact decimals, capped, and each rounded up to one part per million,
so that what is printed adds up to the digit. A line that does not apply is 0.

Choices the pages leave open: a traded volume under one GPU-hour a day counts as one, so that an
untraded node has an almost total shortfall instead of a division by zero; while a dispute is
open its line is the larger of the open charge and what was ruled before; before any history the
long volatility is 0 and the procyclicality buffer stands in full.
"""

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple

from msgspec import Struct

from exchange.collateral.expected_shortfall import expected_shortfall
from exchange.collateral.marks import MarkLevel
from exchange.collateral.rounding import E12, divide_up, ratio, to_integer_up
from exchange.collateral.volatility import blended_sigma
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import MAX_INTEGER, PPM_WHOLE


class Grade(IntEnum):
    """A supplier's credit, best first."""

    A = 1
    B = 2
    C = 3
    D = 4
    E = 5


class Liquidity(Struct, frozen=True, kw_only=True):
    """What would have to be sold, and into what market."""

    position_hours: int
    """GPU-hours to sell."""
    adv_hours: int
    """Average daily traded GPU-hours of the node."""
    half_spread_ppm: int


class Supplier(Struct, frozen=True, kw_only=True):
    """Who delivers, as the bank sees it."""

    grade: Grade
    pool_share_ppm: int
    """Its share of the bank's pool."""
    uptime_ppm: int
    """Over the last thirty days."""
    is_affiliated: bool = False
    """With the borrower."""
    account_id: int = 0
    """Whose failure may be asked about; no figure depends on it, and 0 is nobody's."""


class HaircutInputs(Struct, frozen=True, kw_only=True):
    """The figures of one contract on one marking day."""

    sigma_ewma_e12: int
    sigma_stress_e12: int
    sigma_long_e12: int
    strip_factor_e12: int
    historical_es_e12: int = 0
    wal_years_e12: int
    liquidity: Liquidity
    supplier: Supplier
    level: MarkLevel
    """1 to 7; an unmarkable node has no haircut but no value."""
    age_days_count: int = 0
    """Business days since the last real price, for level 7."""
    ruled_ppm: int = 0
    """What a ruling took off."""
    is_disputed: bool = False
    is_halted: bool = False
    recovery_days_count: int = 0
    """Clear marking days that were still needed after the last marking day."""
    is_stressed_day: bool = False
    """An earlier mark of the same day had reasons of stress, so that it is no clear day."""
    is_trading_day: bool = True
    """Of a day on which nothing trades nobody can tell that it is clear."""


class HaircutLines(Struct, frozen=True, kw_only=True):
    """The parts of the haircut, each capped and rounded up."""

    base_ppm: int
    vol_ppm: int
    apc_buffer_ppm: int
    liquidity_ppm: int
    tenor_obsolescence_ppm: int
    concentration_ppm: int
    supplier_wrong_way_ppm: int
    sla_shortfall_ppm: int
    stale_or_level_ppm: int
    dispute_ppm: int

    def named(self) -> list[tuple[str, int]]:
        """The lines in their order, by the names they are published under."""
        return [(name.removesuffix("_ppm"), getattr(self, name)) for name in self.__struct_fields__]

    def total_ppm(self) -> int:
        """The sum, not yet held at the whole."""
        return sum(line_ppm for _, line_ppm in self.named())


class RiskFigures(NamedTuple):
    """The exact figures from which lines and regime are drawn; they live for one call only."""

    sigma: Decimal
    """Blended daily volatility of spot."""
    strip_sigma: Decimal
    """As much of it as reaches the strip."""
    volume_days: Decimal
    """The position in average daily volumes."""
    days_to_liquidate: Decimal
    holding_days: Decimal
    shortfall: Decimal
    apc_release: Decimal


def risk_figures(inputs: HaircutInputs, parameters: RiskParameters) -> RiskFigures:
    """Volatility, time to sell and expected shortfall; call it in the model's context."""
    sigma = blended_sigma(inputs.sigma_ewma_e12, inputs.sigma_stress_e12, parameters)
    strip_factor = ratio(inputs.strip_factor_e12, E12)
    volume_days = Decimal(inputs.liquidity.position_hours) / max(1, inputs.liquidity.adv_hours)
    days_to_liquidate = volume_days / ratio(parameters.participation_ppm)
    waiting_days = parameters.holding_days_count + parameters.revaluation_days_count - 1
    holding_days = waiting_days + days_to_liquidate / 3
    return RiskFigures(
        sigma=sigma,
        strip_sigma=sigma * strip_factor,
        volume_days=volume_days,
        days_to_liquidate=days_to_liquidate,
        holding_days=holding_days,
        shortfall=max(
            expected_shortfall(sigma, strip_factor, holding_days, parameters),
            ratio(inputs.historical_es_e12, E12),
        ),
        apc_release=_apc_release(inputs, parameters),
    )


def haircut_lines(
    inputs: HaircutInputs, figures: RiskFigures, parameters: RiskParameters
) -> HaircutLines:
    """Every line; call it in the model's context."""
    kept = 1 - figures.apc_release
    impact = ratio(parameters.impact_ppm) * figures.strip_sigma * figures.volume_days.sqrt()
    return HaircutLines(
        base_ppm=parameters.base_ppm,
        vol_ppm=_line(figures.shortfall - ratio(parameters.vol_allowance_ppm)),
        apc_buffer_ppm=_line(ratio(parameters.apc_ppm) * figures.shortfall * kept),
        liquidity_ppm=_line(
            ratio(inputs.liquidity.half_spread_ppm) + impact, parameters.liquidity_cap_ppm
        ),
        tenor_obsolescence_ppm=_tenor_ppm(inputs, parameters),
        concentration_ppm=_concentration_ppm(inputs.supplier, parameters),
        supplier_wrong_way_ppm=_wrong_way_ppm(inputs, parameters),
        sla_shortfall_ppm=_uptime_ppm(inputs.supplier, parameters),
        stale_or_level_ppm=_level_ppm(inputs, figures, parameters),
        dispute_ppm=max(inputs.ruled_ppm, inputs.is_disputed * parameters.dispute_open_ppm),
    )


def half_spread_ppm(bid_micro: int, ask_micro: int, parameters: RiskParameters) -> int:
    """Half the spread over the middle, up; without two quotes the cap of the liquidity line."""
    if bid_micro <= 0 or ask_micro < bid_micro:
        return parameters.liquidity_cap_ppm
    return divide_up((ask_micro - bid_micro) * PPM_WHOLE, ask_micro + bid_micro)


def _line(share: Decimal, cap_ppm: int = MAX_INTEGER) -> int:
    """A share as a line: never negative, up, at most its cap."""
    return min(cap_ppm, max(0, to_integer_up(share, PPM_WHOLE)))


def _apc_release(inputs: HaircutInputs, parameters: RiskParameters) -> Decimal:
    """0 in quiet times, 1 when volatility is so high that the buffer is meant to be used."""
    if not inputs.sigma_long_e12:
        return Decimal(0)
    current = Decimal(inputs.sigma_ewma_e12) / inputs.sigma_long_e12
    low = ratio(parameters.apc_low_ppm)
    share = (current - low) / (ratio(parameters.apc_high_ppm) - low)
    return min(Decimal(1), max(Decimal(0), share))


def _tenor_ppm(inputs: HaircutInputs, parameters: RiskParameters) -> int:
    """New hardware generations take rent off what is delivered late."""
    years = ratio(inputs.wal_years_e12, E12) - ratio(parameters.tenor_free_years_ppm)
    yearly_loss = ratio(parameters.generation_rate_ppm) * ratio(parameters.generation_loss_ppm)
    return _line(yearly_loss * years, parameters.tenor_cap_ppm)


def _concentration_ppm(supplier: Supplier, parameters: RiskParameters) -> int:
    """Too much of a bank's pool hangs on one supplier."""
    excess = ratio(supplier.pool_share_ppm) - ratio(parameters.concentration_free_ppm)
    slope = ratio(parameters.concentration_slope_ppm)
    return _line(slope * excess, parameters.concentration_cap_ppm)


def _wrong_way_ppm(inputs: HaircutInputs, parameters: RiskParameters) -> int:
    """The supplier may fail, and then the collateral fails with it."""
    default_ppm = {
        Grade.A: parameters.default_a_ppm,
        Grade.B: parameters.default_b_ppm,
        Grade.C: parameters.default_c_ppm,
        Grade.D: parameters.default_d_ppm,
        Grade.E: parameters.default_e_ppm,
    }[inputs.supplier.grade]
    years = min(Decimal(1), ratio(inputs.wal_years_e12, E12))
    share = (
        ratio(default_ppm)
        * ratio(parameters.loss_given_default_ppm)
        * ratio(parameters.wrong_way_ppm)
        * years
    )
    return _line(share + inputs.supplier.is_affiliated * ratio(parameters.affiliated_ppm))


def _uptime_ppm(supplier: Supplier, parameters: RiskParameters) -> int:
    """What the supplier did not deliver lately it may not deliver again."""
    missing = ratio(parameters.uptime_target_ppm) - ratio(supplier.uptime_ppm)
    return _line(ratio(parameters.uptime_slope_ppm) * missing, parameters.uptime_cap_ppm)


def _level_ppm(inputs: HaircutInputs, figures: RiskFigures, parameters: RiskParameters) -> int:
    """A worse source costs more, and a mark that nothing renews costs more every day."""
    level_ppm = {
        MarkLevel.TRADES: parameters.level_1_ppm,
        MarkLevel.AUCTION: parameters.level_2_ppm,
        MarkLevel.LAST_TRADE: parameters.level_3_ppm,
        MarkLevel.QUOTES: parameters.level_4_ppm,
        MarkLevel.CURVE: parameters.level_5_ppm,
        MarkLevel.INDEX: parameters.level_6_ppm,
        MarkLevel.DECAYED: parameters.level_7_ppm,
    }[inputs.level]
    if inputs.level is not MarkLevel.DECAYED:
        return level_ppm
    unrenewed = Decimal(max(0, inputs.age_days_count - 1)).sqrt()
    return _line(ratio(level_ppm) + figures.strip_sigma * unrenewed)
