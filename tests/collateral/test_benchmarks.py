"""The figures of other models."""

from decimal import Decimal

from exchange.collateral.benchmarks import (
    aave_close_factor_ppm,
    aave_health_ppm,
    normal_tail,
    student_tail,
)


def test_the_other_protocol_repays_nothing_half_or_all_by_the_loans_health():
    assert aave_close_factor_ppm(1_000_000) == 0
    assert aave_close_factor_ppm(999_999) == aave_close_factor_ppm(950_001) == 500_000
    assert aave_close_factor_ppm(950_000) == 1_000_000


def test_health_rounds_down_so_that_a_loan_short_by_a_trace_is_short():
    assert aave_health_ppm([(3, 333_333)], 1) == 999_999


def test_fat_tails_lose_more_beyond_a_quantile_that_is_nearer():
    normal, student = (tail(Decimal("0.95")) for tail in (normal_tail, student_tail))
    assert student.value_at_risk < normal.value_at_risk
    assert student.expected_shortfall > normal.expected_shortfall
