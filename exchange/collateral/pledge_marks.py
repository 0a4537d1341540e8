"""
The mark of a pledge as a pure function of recorded figures.

    figures (of the market, the supplier, the bank's pool) ─▶ priced ─▶ `PledgeMarked`

The event carries its figures, so that anybody who has it and the parameters prices it again and
must come to the same event: `figures_of` takes them out, `priced` puts the results beside them.

Several marks of one day glide from the same place, the last mark of the day before, so that it
does not matter how often a day is marked; a reason of stress in one of them is one of that day.
On a day on which the venue does not trade nothing glides.
"""

from msgspec import Struct
from msgspec.structs import asdict

from exchange.collateral.curve import Curve
from exchange.collateral.glide import glide
from exchange.collateral.haircut import Haircut, haircut
from exchange.collateral.haircut_lines import Grade, HaircutInputs, Liquidity, Supplier
from exchange.collateral.ladder import lendable_amount
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.collateral.rounding import divide_up
from exchange.collateral.valuation import Worth, contract_worth, eligible_amount
from exchange.domain.lending_events import NO_LTV_PPM, PledgeMarked
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE


class MarkFigures(Struct, frozen=True, kw_only=True):
    """Everything a pledge's mark follows from, in the event's own words."""

    pledge_id: int
    valuation_day: int
    pledged_qty: int
    start_day: int
    end_day: int
    parameters_version: int
    curve_months: list[int]
    curve_marks_micro: list[int]
    spot_month: int
    level: int
    age_days_count: int
    sigma_ewma_e12: int
    sigma_stress_e12: int
    sigma_long_e12: int
    historical_es_e12: int
    position_hours: int
    adv_hours: int
    half_spread_ppm: int
    supplier_grade: int
    pool_share_ppm: int
    uptime_ppm: int
    is_affiliated: bool
    ruled_ppm: int
    is_disputed: bool
    is_halted: bool
    opening_recovery_days_count: int
    opening_ltv_ppm: int
    ruled_amount: int
    is_stressed_day: bool
    is_trading_day: bool
    unknown_hours: int


_FIGURES = MarkFigures.__struct_fields__


class MarkSources(Struct, frozen=True, kw_only=True):
    """When a mark was made and which records its figures came from; no figure depends on it."""

    market_ns: int
    mark_seqs: list[int]
    spot_seq: int
    supersedes_seq: int = 0


def figures_of(event: PledgeMarked) -> MarkFigures:
    """What a recorded mark follows from."""
    return MarkFigures(**{name: getattr(event, name) for name in _FIGURES})


def sources_of(event: PledgeMarked) -> MarkSources:
    """Where a recorded mark came from."""
    names = MarkSources.__struct_fields__
    return MarkSources(**{name: getattr(event, name) for name in names})


def priced(figures: MarkFigures, sources: MarkSources, parameters: RiskParameters) -> PledgeMarked:
    """The mark that these figures make."""
    worth = worth_of(figures, parameters)
    taken_off = haircut_of(figures, worth, parameters)
    value_amount = figures.ruled_amount or eligible_amount(worth, MarkLevel(figures.level))
    return PledgeMarked(
        **{name: getattr(figures, name) for name in _FIGURES},
        **asdict(sources),
        rate_ppm=parameters.rate_ppm,
        market_amount=worth.market_amount,
        pv_amount=worth.pv_amount,
        nominal_amount=worth.nominal_amount,
        value_amount=value_amount,
        wal_days_ppm=worth.wal_days_ppm,
        wal_years_e12=worth.wal_years_e12,
        strip_factor_e12=worth.strip_factor_e12,
        es_ppm=taken_off.es_ppm,
        lines_ppm=[line_ppm for _, line_ppm in taken_off.lines.named()],
        haircut_ppm=taken_off.haircut_ppm,
        regime=taken_off.regime.value,
        stress_reasons=[reason.value for reason in taken_off.stress_reasons],
        recovery_days_count=taken_off.recovery_days_count,
        ltv_raw_ppm=taken_off.ltv_raw_ppm,
        ltv_ppm=taken_off.ltv_ppm,
        applied_ltv_ppm=_applied_ppm(figures, taken_off.ltv_ppm, parameters),
        lendable_amount=lendable_amount(value_amount, taken_off.ltv_ppm),
    )


def worth_of(figures: MarkFigures, parameters: RiskParameters) -> Worth:
    """The undelivered slices, priced and discounted."""
    contract = Contract(
        contract_qty=figures.pledged_qty, start_day=figures.start_day, end_day=figures.end_day
    )
    curve = Curve(months=tuple(figures.curve_months), marks_micro=tuple(figures.curve_marks_micro))
    return contract_worth(contract, curve, figures.valuation_day, parameters)


def haircut_of(figures: MarkFigures, worth: Worth, parameters: RiskParameters) -> Haircut:
    """The haircut with every line; of what is unmarkable that of a decayed mark."""
    level = MarkLevel(figures.level)
    return haircut(
        HaircutInputs(
            sigma_ewma_e12=figures.sigma_ewma_e12,
            sigma_stress_e12=figures.sigma_stress_e12,
            sigma_long_e12=figures.sigma_long_e12,
            strip_factor_e12=worth.strip_factor_e12,
            historical_es_e12=figures.historical_es_e12,
            wal_years_e12=worth.wal_years_e12,
            liquidity=Liquidity(
                position_hours=figures.position_hours,
                adv_hours=figures.adv_hours,
                half_spread_ppm=figures.half_spread_ppm,
            ),
            supplier=Supplier(
                grade=Grade(figures.supplier_grade),
                pool_share_ppm=figures.pool_share_ppm,
                uptime_ppm=figures.uptime_ppm,
                is_affiliated=figures.is_affiliated,
            ),
            level=MarkLevel.DECAYED if level is MarkLevel.UNMARKABLE else level,
            age_days_count=figures.age_days_count,
            ruled_ppm=figures.ruled_ppm,
            is_disputed=figures.is_disputed,
            is_halted=figures.is_halted,
            recovery_days_count=figures.opening_recovery_days_count,
            is_stressed_day=figures.is_stressed_day,
            is_trading_day=figures.is_trading_day,
        ),
        parameters,
    )


def share_ppm(supplier_amount: int, pool_amount: int) -> int:
    """A supplier's part of a pool, up; the whole of a pool that is worth nothing."""
    return divide_up(supplier_amount * PPM_WHOLE, pool_amount) if pool_amount else PPM_WHOLE


def _applied_ppm(figures: MarkFigures, ltv_ppm: int, parameters: RiskParameters) -> int:
    """The ratio glides as its haircut, which is one less the ratio."""
    if figures.opening_ltv_ppm == NO_LTV_PPM:
        return ltv_ppm
    if not figures.is_trading_day:
        return figures.opening_ltv_ppm
    opening_haircut_ppm = PPM_WHOLE - figures.opening_ltv_ppm
    return PPM_WHOLE - glide(opening_haircut_ppm, PPM_WHOLE - ltv_ppm, parameters)
