"""The lines, the regime and the sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.glide import glide
from exchange.collateral.haircut import Regime, StressReason, haircut
from exchange.collateral.haircut_lines import (
    Grade,
    HaircutInputs,
    Liquidity,
    Supplier,
    half_spread_ppm,
)
from exchange.collateral.marks import MarkLevel

from .first_proposal import PARAMETERS, calm

sigmas = st.integers(0, 400_000_000_000)
shares = st.integers(0, 1_000_000)
any_inputs = st.builds(
    HaircutInputs,
    sigma_ewma_e12=sigmas,
    sigma_stress_e12=sigmas,
    sigma_long_e12=sigmas,
    strip_factor_e12=st.integers(0, 10**12),
    historical_es_e12=st.integers(0, 10**12),
    wal_years_e12=st.integers(0, 5 * 10**12),
    liquidity=st.builds(
        Liquidity,
        position_hours=st.integers(0, 10**9),
        adv_hours=st.integers(0, 10**8),
        half_spread_ppm=shares,
    ),
    supplier=st.builds(
        Supplier,
        grade=st.sampled_from(Grade),
        pool_share_ppm=shares,
        uptime_ppm=shares,
        is_affiliated=st.booleans(),
    ),
    level=st.sampled_from(list(MarkLevel)[1:]),
    age_days_count=st.integers(0, 400),
    ruled_ppm=shares,
    is_disputed=st.booleans(),
    is_halted=st.booleans(),
    recovery_days_count=st.integers(0, 10),
)


def supplier(**changes):
    return replace(calm().supplier, **changes)


@given(any_inputs)
def test_the_lines_add_up_to_the_total_and_the_ratio_to_the_whole(inputs):
    result = haircut(inputs, PARAMETERS)
    assert result.haircut_ppm == min(1_000_000, sum(ppm for _, ppm in result.lines.named()))
    assert result.haircut_ppm + result.ltv_raw_ppm == 1_000_000
    assert all(ppm >= 0 for _, ppm in result.lines.named())
    assert result.ltv_ppm <= PARAMETERS.ltv_cap_ppm
    if result.regime is Regime.STRESS:
        assert result.ltv_ppm == result.ltv_raw_ppm
    else:
        assert PARAMETERS.ltv_floor_ppm <= result.ltv_ppm <= result.ltv_raw_ppm + 50_000


@given(any_inputs)
def test_the_sentence_names_every_line_that_is_not_nothing_and_no_other(inputs):
    result = haircut(inputs, PARAMETERS)
    total, lines = result.sentence().removeprefix("haircut ").split(" = ")
    assert total == f"{result.haircut_ppm // 10_000}.{result.haircut_ppm % 10_000:04d}%"
    names = [part.split()[0] for part in lines.split(" + ")]
    assert names == [name for name, ppm in result.lines.named() if ppm]


def test_the_worked_example_is_reproduced_to_the_sentence():
    result = haircut(
        calm(
            liquidity=Liquidity(
                position_hours=67_000_000, adv_hours=20_000_000, half_spread_ppm=10_000
            ),
            supplier=supplier(grade=Grade.B),
            level=MarkLevel.CURVE,
        ),
        PARAMETERS,
    )
    assert result.sentence() == (
        "haircut 39.1191% = base 30.0000% + apc_buffer 2.6644% + liquidity 1.8547%"
        " + tenor_obsolescence 2.5000% + supplier_wrong_way 0.6000% + stale_or_level 1.5000%"
    )
    assert result.ltv_ppm == 608_809


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"historical_es_e12": 200_000_000_001}, StressReason.EXPECTED_SHORTFALL),
        ({"ruled_ppm": 120_000}, StressReason.LOW_RATIO),
        ({"level": MarkLevel.DECAYED}, StressReason.DECAYED_MARK),
        ({"supplier": supplier(uptime_ppm=949_999)}, StressReason.LOW_UPTIME),
        ({"supplier": supplier(grade=Grade.E)}, StressReason.SUPPLIER_GRADE),
        ({"supplier": supplier(is_affiliated=True)}, StressReason.AFFILIATED_SUPPLIER),
        ({"is_halted": True}, StressReason.HALT),
    ],
)
def test_each_reason_alone_takes_the_floor_away(changes, reason):
    result = haircut(calm(**changes), PARAMETERS)
    assert result.regime is Regime.STRESS
    assert reason in result.stress_reasons
    assert not result.is_floor_applied
    assert result.recovery_days_count == 10


def test_at_their_limits_shortfall_and_uptime_are_no_reason_of_stress():
    at_shortfall = haircut(calm(historical_es_e12=200_000_000_000), PARAMETERS)
    assert StressReason.EXPECTED_SHORTFALL not in at_shortfall.stress_reasons
    at_uptime = haircut(calm(supplier=supplier(uptime_ppm=950_000)), PARAMETERS)
    assert StressReason.LOW_UPTIME not in at_uptime.stress_reasons


def test_the_floor_absorbs_five_points_and_not_one_part_more():
    spare_ppm = haircut(calm(), PARAMETERS).ltv_raw_ppm - 550_000
    lifted = haircut(calm(ruled_ppm=spare_ppm), PARAMETERS)
    assert (lifted.ltv_raw_ppm, lifted.ltv_ppm, lifted.is_floor_applied) == (550_000, 600_000, True)
    sunk = haircut(calm(ruled_ppm=spare_ppm + 1), PARAMETERS)
    assert (sunk.ltv_ppm, sunk.is_floor_applied) == (549_999, False)


def test_stress_is_left_on_the_tenth_clear_marking_day():
    recovery_days_count = haircut(calm(is_halted=True), PARAMETERS).recovery_days_count
    regimes = []
    for _ in range(10):
        result = haircut(calm(recovery_days_count=recovery_days_count), PARAMETERS)
        recovery_days_count = result.recovery_days_count
        regimes.append(result.regime)
    assert regimes == [Regime.STRESS] * 9 + [Regime.NORMAL]


def test_a_new_reason_starts_the_count_of_clear_days_again():
    assert (
        haircut(calm(is_halted=True, recovery_days_count=3), PARAMETERS).recovery_days_count == 10
    )


def test_a_day_without_trading_is_no_clear_one():
    result = haircut(calm(is_trading_day=False, recovery_days_count=1), PARAMETERS)
    assert (result.regime, result.recovery_days_count) == (Regime.STRESS, 1)


def test_a_reason_that_came_and_went_within_the_day_leaves_all_ten_days_to_come():
    result = haircut(calm(is_stressed_day=True, recovery_days_count=1), PARAMETERS)
    assert (result.regime, result.stress_reasons) == (Regime.STRESS, ())
    assert result.recovery_days_count == 10


def test_an_open_dispute_costs_two_points_unless_more_was_ruled():
    def dispute_ppm(**changes):
        return haircut(calm(**changes), PARAMETERS).lines.dispute_ppm

    assert dispute_ppm(is_disputed=True) == 20_000
    assert dispute_ppm(is_disputed=True, ruled_ppm=30_000) == 30_000
    assert dispute_ppm(ruled_ppm=5_000) == 5_000


def test_a_node_that_never_trades_cannot_be_sold():
    idle = Liquidity(position_hours=8_760_000, adv_hours=0, half_spread_ppm=0)
    result = haircut(calm(liquidity=idle), PARAMETERS)
    assert result.lines.liquidity_ppm == 150_000
    assert result.es_ppm == 1_000_000
    assert result.ltv_ppm == 0


def test_half_the_spread_is_taken_over_the_middle_and_is_capped_without_quotes():
    assert half_spread_ppm(7_900_000, 8_100_000, PARAMETERS) == 12_500
    assert half_spread_ppm(0, 8_100_000, PARAMETERS) == 150_000
    assert half_spread_ppm(8_100_001, 8_100_000, PARAMETERS) == 150_000


@given(shares, shares)
def test_a_drawn_loans_haircut_glides_and_does_not_jump(applied_ppm, target_ppm):
    moved_ppm = glide(applied_ppm, target_ppm, PARAMETERS) - applied_ppm
    assert -5_000 <= moved_ppm <= 20_000
    assert abs(target_ppm - applied_ppm - moved_ppm) <= abs(target_ppm - applied_ppm)
