"""
The haircut and the loan-to-value that follows from it.

The haircut is the sum of its lines, at most the whole. In the normal regime the ratio is lifted
to the floor and held under the cap. Any reason of stress takes the floor away until enough
clear marking days have passed in a row, of those on which the venue trades; the day that completes
them is normal again. Raw and applied ratio are both published.

Marks of one day do not depend on their order: reasons that came and went within it are reasons of
the day.
"""

from enum import StrEnum

from msgspec import Struct

from exchange.collateral.haircut_lines import (
    Grade,
    HaircutInputs,
    HaircutLines,
    RiskFigures,
    haircut_lines,
    risk_figures,
)
from exchange.collateral.marks import MarkLevel
from exchange.collateral.rounding import E12, in_model_context, ratio, to_integer, to_integer_up
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE


class Regime(StrEnum):
    """Whether the floor of the loan-to-value holds."""

    NORMAL = "NORMAL"
    STRESS = "STRESS"


class StressReason(StrEnum):
    """Why the floor does not hold."""

    EXPECTED_SHORTFALL = "expected_shortfall"
    LOW_RATIO = "low_ratio"
    """The raw ratio is further under the floor than the floor absorbs."""
    DECAYED_MARK = "decayed_mark"
    LOW_UPTIME = "low_uptime"
    SUPPLIER_GRADE = "supplier_grade"
    AFFILIATED_SUPPLIER = "affiliated_supplier"
    HALT = "halt"


class Haircut(Struct, frozen=True, kw_only=True):
    """Every line, the ratio before and after floor and cap, and the figures behind them."""

    lines: HaircutLines
    haircut_ppm: int
    ltv_raw_ppm: int
    ltv_ppm: int
    is_floor_applied: bool
    regime: Regime
    stress_reasons: tuple[StressReason, ...]
    """Of this marking day; empty while the regime only waits for clear days."""
    recovery_days_count: int
    """Clear marking days still needed; to be handed in on the next marking day."""
    es_ppm: int
    """Expected shortfall, up."""
    sigma_e12: int
    """The blended daily volatility, half to even."""
    days_to_liquidate_ppm: int
    """Millionths of a day, half to even, like the two that follow."""
    holding_days_ppm: int
    apc_release_ppm: int
    """φ: how much of the buffer against procyclicality is released."""

    def sentence(self) -> str:
        """The haircut in one line of text."""
        return sentence_of(self.lines, self.haircut_ppm)


def sentence_of(lines: HaircutLines, haircut_ppm: int) -> str:
    """A haircut in one line of text, in per cent, lines of nothing left out."""
    parts = [f"{name} {_percent(ppm)}" for name, ppm in lines.named() if ppm]
    return f"haircut {_percent(haircut_ppm)} = {' + '.join(parts)}"


@in_model_context
def haircut(inputs: HaircutInputs, parameters: RiskParameters) -> Haircut:
    """Computes every line, adds them up and derives the loan-to-value."""
    figures = risk_figures(inputs, parameters)
    lines = haircut_lines(inputs, figures, parameters)
    haircut_ppm = min(PPM_WHOLE, lines.total_ppm())
    ltv_raw_ppm = PPM_WHOLE - haircut_ppm
    reasons = _stress_reasons(inputs, figures, ltv_raw_ppm, parameters)
    recovery_days_count = max(0, inputs.recovery_days_count - inputs.is_trading_day)
    if reasons or inputs.is_stressed_day:
        recovery_days_count = parameters.stress_exit_days_count
    is_stress = bool(reasons) or recovery_days_count > 0
    floor_ppm = 0 if is_stress else parameters.ltv_floor_ppm
    return Haircut(
        lines=lines,
        haircut_ppm=haircut_ppm,
        ltv_raw_ppm=ltv_raw_ppm,
        ltv_ppm=min(max(ltv_raw_ppm, floor_ppm), parameters.ltv_cap_ppm),
        is_floor_applied=ltv_raw_ppm < floor_ppm,
        regime=Regime.STRESS if is_stress else Regime.NORMAL,
        stress_reasons=reasons,
        recovery_days_count=recovery_days_count,
        es_ppm=to_integer_up(figures.shortfall, PPM_WHOLE),
        sigma_e12=to_integer(figures.sigma, E12),
        days_to_liquidate_ppm=to_integer(figures.days_to_liquidate, PPM_WHOLE),
        holding_days_ppm=to_integer(figures.holding_days, PPM_WHOLE),
        apc_release_ppm=to_integer(figures.apc_release, PPM_WHOLE),
    )


def _stress_reasons(
    inputs: HaircutInputs, figures: RiskFigures, ltv_raw_ppm: int, parameters: RiskParameters
) -> tuple[StressReason, ...]:
    """What puts this marking day under stress; the shortfall is compared unrounded."""
    lowest_ppm = parameters.ltv_floor_ppm - parameters.floor_absorbs_ppm
    found = (
        (StressReason.EXPECTED_SHORTFALL, figures.shortfall > ratio(parameters.stress_es_ppm)),
        (StressReason.LOW_RATIO, ltv_raw_ppm < lowest_ppm),
        (StressReason.DECAYED_MARK, inputs.level is MarkLevel.DECAYED),
        (StressReason.LOW_UPTIME, inputs.supplier.uptime_ppm < parameters.stress_uptime_ppm),
        (StressReason.SUPPLIER_GRADE, inputs.supplier.grade is Grade.E),
        (StressReason.AFFILIATED_SUPPLIER, inputs.supplier.is_affiliated),
        (StressReason.HALT, inputs.is_halted),
    )
    return tuple(reason for reason, holds in found if holds)


def _percent(value_ppm: int) -> str:
    """Parts per million as per cent with four decimals, which is exact."""
    return f"{value_ppm // 10_000}.{value_ppm % 10_000:04d}%"
