"""HAIRCUT: a whole haircut, down to its sentence and what it lends. GLIDE: one day of a loan's."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import FEN_PLACES, PPM_PLACES, Inputs, NotUnderstood
from exchange.collateral.glide import glide
from exchange.collateral.haircut import Haircut, haircut
from exchange.collateral.haircut_lines import Grade, HaircutInputs, Liquidity, Supplier
from exchange.collateral.ladder import lendable_amount
from exchange.collateral.marks import MarkLevel
from exchange.domain.risk_parameters import RiskParameters

LENDABLE_ON = "lendable_fen_on_CNY_"
"""The beginning of an answer's name that ends in the value lent on."""


class _Lending(dict[str, Any]):
    """Answers of a haircut, of which any amount may be asked what it lends."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or str(name).startswith(LENDABLE_ON)

    def __missing__(self, name: str) -> int:
        value = Decimal(name.removeprefix(LENDABLE_ON)).scaleb(FEN_PLACES)
        return lendable_amount(int(value), self["ltv_ppm"])


def haircut_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """Every figure of a haircut under the names of the cases."""
    if inputs.has("vr"):
        parameters = replace(parameters, variance_ratio_ppm=inputs.ppm("vr"))
    found = haircut(_haircut_inputs(inputs), parameters)
    return _Lending(_answers(found))


def glide_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """The haircut of a drawn loan on the next marking day."""
    parameters = replace(
        parameters,
        glide_up_ppm=inputs.integer("up_ppm", parameters.glide_up_ppm),
        glide_down_ppm=inputs.integer("down_ppm", parameters.glide_down_ppm),
    )
    target_ppm = inputs.integer("target_ppm")
    return {"next_ppm": glide(inputs.integer("prev_ppm"), target_ppm, parameters)}


def _haircut_inputs(inputs: Inputs) -> HaircutInputs:
    grade = inputs.text("grade")
    if grade not in Grade.__members__:
        raise NotUnderstood(f"grade {grade!r} is none of {' '.join(Grade.__members__)}")
    return HaircutInputs(
        sigma_ewma_e12=inputs.e12("sig_ewma"),
        sigma_stress_e12=inputs.e12("sig_stress"),
        sigma_long_e12=inputs.e12("sig_long"),
        strip_factor_e12=inputs.e12("S"),
        historical_es_e12=inputs.e12("hist_es", "0"),
        wal_years_e12=inputs.e12("wal_years"),
        liquidity=_liquidity(inputs),
        supplier=Supplier(
            grade=Grade[grade],
            pool_share_ppm=inputs.ppm("pool_share", "0"),
            uptime_ppm=inputs.ppm("uptime", "1"),
            is_affiliated=inputs.flag("affiliated"),
        ),
        level=MarkLevel(inputs.integer("level")),
        age_days_count=inputs.integer("age_bd", 0),
        ruled_ppm=inputs.integer("dispute_ppm", 0),
        is_disputed=inputs.flag("dispute_open"),
        is_halted=inputs.flag("halt"),
    )


def _liquidity(inputs: Inputs) -> Liquidity:
    """Position and volume in one unit; only their ratio counts, so fen will do for yuan."""
    position, volume = inputs.decimal("q_value"), inputs.decimal("adv")
    is_whole = position == int(position) and volume == int(volume)
    places = 0 if is_whole else FEN_PLACES
    return Liquidity(
        position_hours=int(position.scaleb(places)),
        adv_hours=int(volume.scaleb(places)),
        half_spread_ppm=inputs.integer("half_spread_ppm"),
    )


def _answers(found: Haircut) -> Answers:
    return {
        "es_ppm": found.es_ppm,
        "dtl_days": _six_places(found.days_to_liquidate_ppm),
        "h_eff": _six_places(found.holding_days_ppm),
        "phi": _six_places(found.apc_release_ppm),
        "lines": dict(found.lines.named()),
        "haircut_ppm": found.haircut_ppm,
        "ltv_raw_ppm": found.ltv_raw_ppm,
        "regime": str(found.regime),
        "ltv_ppm": found.ltv_ppm,
        "floor_applied": found.is_floor_applied,
        "explain": found.sentence(),
    }


def _six_places(value_ppm: int) -> Decimal:
    return Decimal(value_ppm).scaleb(-PPM_PLACES)
