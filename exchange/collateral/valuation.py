"""
From a contract, a curve and the market's figures to one explained collateral mark.

This is what rules and projections call. It brings the other modules together and decides
nothing itself but the eligible value: the smaller of what the contract would fetch at the marks
and what its rent is worth today. A contract with an unmarkable month has no eligible value.

The volatility is that of the spot, the nearest node of the same class and region that trades; the
strip factor takes it along the contract. `level` is the worst among the nodes that the contract
spans, with the age of that node's last real price.
"""

from functools import lru_cache

from msgspec import Struct

from exchange.collateral.curve import Curve
from exchange.collateral.expected_shortfall import historical_es_e12, strip_factor_e12
from exchange.collateral.glide import glide
from exchange.collateral.haircut import Haircut, haircut
from exchange.collateral.haircut_lines import HaircutInputs, Liquidity, Supplier
from exchange.collateral.ladder import lendable_amount
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import (
    YEAR_DAYS,
    Contract,
    MonthValue,
    market_amount,
    present_value,
)
from exchange.collateral.volatility import Volatility
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE


class ContractInputs(Struct, frozen=True, kw_only=True):
    """What is known of one contract and its market when it is valued."""

    contract: Contract
    valuation_day: int
    """The slices after this day count."""
    curve: Curve
    volatility: Volatility
    liquidity: Liquidity
    supplier: Supplier
    level: MarkLevel
    age_days_count: int = 0
    """Business days since the last real price, for level 7."""
    ruled_ppm: int = 0
    is_disputed: bool = False
    is_halted: bool = False
    recovery_days_count: int = 0
    """From the haircut of the last marking day."""
    is_stressed_day: bool = False
    is_trading_day: bool = True
    recorded_es_e12: int | None = None
    """The historical shortfall as a mark states it, where the prices behind it are not at hand."""


class Worth(Struct, frozen=True, kw_only=True):
    """What a contract's undelivered slices are worth, and how far away they are."""

    market_amount: int
    """At the marks, undiscounted."""
    pv_amount: int
    """Of the rent."""
    nominal_amount: int
    """Of the rent, undiscounted."""
    slices_count: int
    wal_years_e12: int
    """Weighted average life, up."""
    wal_days_ppm: int
    """The same in millionths of a day, half to even, as it is shown."""
    strip_factor_e12: int
    by_month: tuple[MonthValue, ...]


class CollateralMark(Struct, frozen=True, kw_only=True):
    """A contract's eligible value, every line of its haircut, and what it lends."""

    contract: Contract
    valuation_day: int
    level: MarkLevel
    rate_ppm: int
    market_amount: int
    """At the marks, undiscounted."""
    pv_amount: int
    """Of the rent."""
    nominal_amount: int
    """Of the rent, undiscounted."""
    value_amount: int
    """Eligible: the smaller of market and present value, 0 where a node is unmarkable."""
    slices_count: int
    wal_years_e12: int
    """Weighted average life, up."""
    wal_days_ppm: int
    """The same in millionths of a day, half to even, as it is shown."""
    strip_factor_e12: int
    historical_es_e12: int
    haircut: Haircut
    lendable_amount: int
    """To a new loan, down."""
    by_month: tuple[MonthValue, ...]


def value_contract(inputs: ContractInputs, parameters: RiskParameters) -> CollateralMark:
    """
    Values a contract and says what it lends, with every figure on the way.

    At unchanged volatility a rise of all prices by one factor never lowers what is lent, but for
    the rounding of slices to the fen. A rise of one month alone may: the slices weigh otherwise, so
    more of a spot move may reach the strip, and where the shortfall crosses the bound of stress the
    floor under the ratio is gone.
    """
    worth = contract_worth(inputs.contract, inputs.curve, inputs.valuation_day, parameters)
    strip_e12, wal_e12 = worth.strip_factor_e12, worth.wal_years_e12
    worst_e12 = worst_outcome_e12(inputs, strip_e12, parameters)
    taken_off = haircut(haircut_inputs(inputs, strip_e12, wal_e12, worst_e12), parameters)
    value_amount = eligible_amount(worth, inputs.level)
    return CollateralMark(
        contract=inputs.contract,
        valuation_day=inputs.valuation_day,
        level=inputs.level,
        rate_ppm=parameters.rate_ppm,
        market_amount=worth.market_amount,
        pv_amount=worth.pv_amount,
        nominal_amount=worth.nominal_amount,
        value_amount=value_amount,
        slices_count=worth.slices_count,
        wal_years_e12=wal_e12,
        wal_days_ppm=worth.wal_days_ppm,
        strip_factor_e12=strip_e12,
        historical_es_e12=worst_e12,
        haircut=taken_off,
        lendable_amount=lendable_amount(value_amount, taken_off.ltv_ppm),
        by_month=worth.by_month,
    )


@lru_cache(maxsize=256)
def contract_worth(
    contract: Contract, curve: Curve, valuation_day: int, parameters: RiskParameters
) -> Worth:
    """The contract's slices after the day, priced and discounted."""
    worth = present_value(contract, curve, valuation_day, parameters)
    slices = enumerate(worth.slice_amounts, worth.first_distance_count)
    return Worth(
        market_amount=market_amount(contract, curve, valuation_day, parameters),
        pv_amount=worth.pv_amount,
        nominal_amount=worth.nominal_amount,
        slices_count=worth.slices_count,
        wal_years_e12=worth.wal_years_e12(),
        wal_days_ppm=worth.wal_days_ppm(),
        strip_factor_e12=strip_factor_e12(slices, YEAR_DAYS, parameters),
        by_month=worth.by_month,
    )


def eligible_amount(worth: Worth, level: MarkLevel) -> int:
    """The smaller of market and present value; nothing of what is unmarkable."""
    is_unmarkable = level is MarkLevel.UNMARKABLE
    return 0 if is_unmarkable else min(worth.pv_amount, worth.market_amount)


def worst_outcome_e12(
    inputs: ContractInputs, strip_factor_e12: int, parameters: RiskParameters
) -> int:
    """The historical shortfall: as it was recorded, else from the prices that are remembered."""
    if inputs.recorded_es_e12 is not None:
        return inputs.recorded_es_e12
    return historical_es_e12(inputs.volatility, strip_factor_e12, parameters)


def haircut_inputs(
    inputs: ContractInputs, strip_factor_e12: int, wal_years_e12: int, historical_es_e12: int
) -> HaircutInputs:
    """What the haircut of a contract is computed from, given what follows from its slices."""
    is_unmarkable = inputs.level is MarkLevel.UNMARKABLE
    return HaircutInputs(
        sigma_ewma_e12=inputs.volatility.sigma_ewma_e12,
        sigma_stress_e12=inputs.volatility.sigma_stress_e12,
        sigma_long_e12=inputs.volatility.sigma_long_e12(),
        strip_factor_e12=strip_factor_e12,
        historical_es_e12=historical_es_e12,
        wal_years_e12=wal_years_e12,
        liquidity=inputs.liquidity,
        supplier=inputs.supplier,
        level=MarkLevel.DECAYED if is_unmarkable else inputs.level,
        age_days_count=inputs.age_days_count,
        ruled_ppm=inputs.ruled_ppm,
        is_disputed=inputs.is_disputed,
        is_halted=inputs.is_halted,
        recovery_days_count=inputs.recovery_days_count,
        is_stressed_day=inputs.is_stressed_day,
        is_trading_day=inputs.is_trading_day,
    )


def glided_ltv_ppm(
    applied_haircut_ppm: int, mark: CollateralMark, parameters: RiskParameters
) -> int:
    """
    The ratio at which a drawn loan's collateral counts today.

    The haircut that glides is the applied one, one less the applied ratio, so that neither the
    floor nor the cap is lost on the way.
    """
    target_ppm = PPM_WHOLE - mark.haircut.ltv_ppm
    return PPM_WHOLE - glide(applied_haircut_ppm, target_ppm, parameters)
