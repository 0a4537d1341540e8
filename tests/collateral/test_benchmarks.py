"""The figures of other models."""

from decimal import Decimal

import pytest

from exchange.collateral.check.benchmarks import (
    aave_position,
    basel_exposure,
    basel_haircut,
    emir_margins,
    eurosystem_value,
)
from exchange.collateral.check.tails import normal_tail, student_tail


def aave(health: str) -> tuple[bool, Decimal]:
    position = aave_position([(Decimal(100), Decimal(health))], Decimal(100))
    return position.is_liquidatable, position.close_factor


def test_the_other_protocol_repays_nothing_half_or_all_by_the_loans_health():
    assert aave("1") == (False, 0)
    assert aave("0.999999999") == aave("0.950000001") == (True, Decimal("0.5"))
    assert aave("0.95") == (True, 1)


def test_a_position_without_debt_is_in_perfect_health():
    assert aave_position([(Decimal(1), Decimal(1))], Decimal(0)).close_factor == 0


def test_fat_tails_lose_more_beyond_a_quantile_that_is_nearer():
    normal, student = (tail(Decimal("0.95")) for tail in (normal_tail, student_tail))
    assert student.value_at_risk < normal.value_at_risk
    assert student.expected_shortfall > normal.expected_shortfall


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(3, "3.182446"), (5, "2.570582"), (10, "2.228139"), (30, "2.042272")],
)
def test_the_students_quantiles_are_those_of_the_tables(degrees, quantile):
    """Tables print the quantile of the plain t; ours is scaled to unit variance."""
    scaled = student_tail(Decimal("0.975"), degrees).value_at_risk
    plain = scaled / (Decimal(degrees - 2) / degrees).sqrt()
    assert f"{plain:.6f}" == quantile


def test_with_many_degrees_of_freedom_the_student_becomes_normal():
    normal = normal_tail(Decimal("0.975"))
    nearly = student_tail(Decimal("0.975"), 2_001)
    assert abs(nearly.expected_shortfall - normal.expected_shortfall) < Decimal("0.003")


def test_a_haircut_grows_with_the_time_to_sell_and_with_rarer_revaluation():
    plain = basel_haircut(Decimal("0.08"), Decimal(10), Decimal(10), Decimal(1))
    assert plain == Decimal("0.08")
    assert basel_haircut(Decimal("0.08"), Decimal(10), Decimal(20), Decimal(1)) > plain
    assert basel_haircut(Decimal("0.08"), Decimal(10), Decimal(10), Decimal(5)) > plain


def test_an_exposure_that_is_covered_is_nothing_and_never_less():
    nothing = Decimal(0)
    assert basel_exposure(Decimal(50), nothing, Decimal(100), Decimal("0.25"), nothing) == 0
    assert basel_exposure(Decimal(100), nothing, Decimal(100), Decimal("0.25"), nothing) == 25


def test_a_theoretical_price_is_marked_down_before_the_haircut():
    assert eurosystem_value(Decimal(1000), Decimal("0.1")) == 900
    assert eurosystem_value(Decimal(1000), Decimal("0.1"), Decimal("0.05")) == 855


def test_a_margin_has_a_buffer_a_stressed_weight_or_a_floor_of_ten_years():
    assert emir_margins(Decimal(8), Decimal(14), Decimal(9)) == (10, Decimal("9.5"), 9)
    assert emir_margins(Decimal(8), Decimal(8), Decimal(7)).c == 8
