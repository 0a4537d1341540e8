"""Every line of a mark's explanation is computed again from what it names, and nothing else."""

import msgspec
import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.curve import Curve
from exchange.collateral.glide import glide
from exchange.collateral.haircut import Haircut, haircut
from exchange.collateral.haircut_lines import Grade, HaircutInputs, Liquidity, Supplier
from exchange.collateral.ladder import lendable_amount
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.collateral.valuation import Worth, contract_worth
from exchange.domain.collateral_views import MarkExplanation, MarkLineView
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.wire import Marks
from tests.gateway.test_collateral import MARKS, pledged, tomorrow
from tests.gateway.test_http import BANK

__all__ = ["pledged"]

WHOLE_PPM = 1_000_000
WORTH = {"market_amount", "pv_amount", "wal_years_e12", "strip_factor_e12"}


def strange_parameters() -> RiskParameters:
    """A set in which as many constants as may are not what the venue has."""
    found = genesis.risk_parameters()
    for name in found.__struct_fields__:
        value = getattr(found, name)
        for other in (value * 2 + 1, value // 2, value + 1):
            if other == value:
                continue
            try:
                found = replace(found, **{name: other})
                break
            except ValueError:
                continue
    return found


def parameters_of(line: MarkLineView, strange: RiskParameters) -> RiskParameters:
    """What the line names, and strange numbers for the rest."""
    named = {name: n for name, n in line.inputs.items() if name in strange.__struct_fields__}
    return replace(strange, **named)


def worth_of(line: MarkLineView, parameters: RiskParameters) -> Worth:
    """The slices, from the days and the curve that the line names."""
    named = line.inputs
    points = {
        int(name.rpartition("_")[2]): price
        for name, price in named.items()
        if name.startswith("mark_micro_")
    }
    return contract_worth(
        Contract(
            contract_qty=named["pledged_qty"],
            start_day=named["start_day"],
            end_day=named["end_day"],
        ),
        Curve(months=tuple(points), marks_micro=tuple(points.values())),
        named["valuation_day"],
        parameters,
    )


def haircut_of(line: MarkLineView, parameters: RiskParameters) -> Haircut:
    """The haircut whose figures are the line's where it names them, else strange."""
    known = {
        "sigma_ewma_e12": 77_000_000_000,
        "sigma_stress_e12": 99_000_000_000,
        "sigma_long_e12": 55_000_000_000,
        "strip_factor_e12": 333_000_000_000,
        "historical_es_e12": 0,
        "wal_years_e12": 3_210_000_000_000,
        "position_hours": 987_654,
        "adv_hours": 321,
        "half_spread_ppm": 4_321,
        "supplier_grade": Grade.D,
        "pool_share_ppm": 870_000,
        "uptime_ppm": 912_345,
        "is_affiliated": 1,
        "level": MarkLevel.DECAYED,
        "age_days_count": 9,
        "ruled_ppm": 123_456,
        "is_disputed": 1,
        "is_halted": 1,
        "opening_recovery_days_count": 2,
    } | line.inputs
    named = {name: known[name] for name in HaircutInputs.__struct_fields__ if name in known}
    named |= {
        "level": MarkLevel(known["level"] or MarkLevel.DECAYED),
        "recovery_days_count": known["opening_recovery_days_count"],
        "liquidity": Liquidity(**{name: known[name] for name in Liquidity.__struct_fields__}),
        "supplier": Supplier(
            grade=Grade(known["supplier_grade"]),
            pool_share_ppm=known["pool_share_ppm"],
            uptime_ppm=known["uptime_ppm"],
            is_affiliated=bool(known["is_affiliated"]),
        ),
        "is_disputed": bool(known["is_disputed"]),
        "is_halted": bool(known["is_halted"]),
    }
    return haircut(HaircutInputs(**named), parameters)


def ltv_of(named: dict[str, int]) -> int:
    """The ratio, from the raw one and what makes stress."""
    is_stress = (
        named["es_ppm"] > named["stress_es_ppm"]
        or named["ltv_raw_ppm"] < named["ltv_floor_ppm"] - named["floor_absorbs_ppm"]
        or named["level"] in (0, 7)
        or named["uptime_ppm"] < named["stress_uptime_ppm"]
        or named["supplier_grade"] == Grade.E
        or named["is_affiliated"]
        or named["is_halted"]
    )
    left = (
        named["stress_exit_days_count"] if is_stress else named["opening_recovery_days_count"] - 1
    )
    floor_ppm = 0 if is_stress or left > 0 else named["ltv_floor_ppm"]
    return min(max(named["ltv_raw_ppm"], floor_ppm), named["ltv_cap_ppm"])


def applied_of(named: dict[str, int], parameters: RiskParameters) -> int:
    """The ratio that glides from the day before."""
    if named["opening_ltv_ppm"] < 0:
        return named["ltv_ppm"]
    before, target = WHOLE_PPM - named["opening_ltv_ppm"], WHOLE_PPM - named["ltv_ppm"]
    return WHOLE_PPM - glide(before, target, parameters)


def again(line: MarkLineView, strange: RiskParameters) -> int:
    """A line's figure, from what it names alone."""
    named, parameters = line.inputs, parameters_of(line, strange)
    if line.name in WORTH:
        return getattr(worth_of(line, parameters), line.name)
    match line.name:
        case "value_amount":
            smaller = min(named["market_amount"], named["pv_amount"]) if named["level"] else 0
            return named["ruled_amount"] or smaller
        case "es_ppm":
            return haircut_of(line, parameters).es_ppm
        case "vol_ppm":
            return max(0, named["es_ppm"] - named["vol_allowance_ppm"])
        case "haircut_ppm":
            return min(WHOLE_PPM, sum(named.values()))
        case "ltv_raw_ppm":
            return WHOLE_PPM - named["haircut_ppm"]
        case "ltv_ppm":
            return ltv_of(named)
        case "applied_ltv_ppm":
            return applied_of(named, parameters)
        case "lendable_amount":
            return lendable_amount(named["value_amount"], named["ltv_ppm"])
        case _:
            return getattr(haircut_of(line, parameters).lines, line.name)


async def explained(house) -> MarkExplanation:
    """The bank's explanation of the first pledge's mark."""
    status, body = await house.get(f"{MARKS}/1/explain", BANK)
    assert status == 200
    return msgspec.convert(body, MarkExplanation)


@pytest.mark.parametrize("days_count", [0, 1, 12])
async def test_every_line_is_computed_again_from_what_it_names_alone(pledged, days_count):
    for _ in range(days_count):
        await tomorrow(pledged)
    strange = strange_parameters()
    told = await explained(pledged)
    assert {line.name: again(line, strange) for line in told.lines} == {
        line.name: line.value for line in told.lines
    }
    assert len(told.lines) == 21


async def test_what_a_line_does_not_name_shows(pledged):
    strange, told = strange_parameters(), await explained(pledged)
    changed = 0
    for line in told.lines:
        for name in line.inputs.keys() & set(strange.__struct_fields__):
            rest = {each: value for each, value in line.inputs.items() if each != name}
            if "ltv" not in line.name and line.name not in ("vol_ppm",):
                changed += again(replace(line, inputs=rest), strange) != line.value
    assert changed > 20, "strange parameters would be noticed"


async def test_a_curves_points_are_told_as_they_were_published(pledged):
    told = await explained(pledged)
    everybodys = msgspec.convert((await pledged.get("/v1/marks", BANK))[1], Marks)
    assert [(node.month, node.mark_micro, node.mark_seq) for node in told.nodes] == [
        (point.month, point.mark_micro, point.mark_seq) for point in told.mark.curve
    ]
    for node in told.nodes:
        assert node in everybodys.marks
        assert node.raw_micro > 0
        assert node.level == told.mark.level
        assert (node.adv_hours, node.observed_day > 0) == (told.mark.inputs["adv_hours"], True)
