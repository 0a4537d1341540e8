"""The curve and the value of what is not yet delivered."""

from decimal import ROUND_UP, getcontext, localcontext
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.curve import Curve, forward_micro, months_between, months_within
from exchange.collateral.present_value import (
    Contract,
    arrears_amount,
    discount_factor_e12,
    market_amount,
    present_value,
)

from .first_proposal import LEVEL, PARAMETERS, contract, day, flat

YEAR = contract(1000, "2025-01-01", "2026-01-01")
EVE = day("2024-12-31")

contracts = st.builds(
    lambda qty, start, days: Contract(contract_qty=qty, start_day=start, end_day=start + days),
    st.integers(1, 5000),
    st.integers(EVE - 40, EVE + 400),
    st.integers(0, 500),
)
curves = st.builds(
    lambda first, marks: Curve(
        months=tuple(range(first, first + len(marks))), marks_micro=tuple(marks)
    ),
    st.integers(202501, 202503),
    st.lists(st.integers(1_000_000, 30_000_000), min_size=1, max_size=9),
)


def test_a_thousand_gpus_for_a_year_at_eight_are_worth_the_published_amount():
    worth = present_value(YEAR, flat(8_000_000), EVE, LEVEL)
    assert worth.nominal_amount == 70_080_000_00
    assert worth.pv_amount == 68_071_909_22


def test_a_curve_that_falls_beyond_its_only_node_is_worth_the_published_amount():
    assert present_value(YEAR, flat(8_000_000), EVE, PARAMETERS).pv_amount == 62_757_413_97


def test_idle_time_failures_and_fees_bring_the_value_to_the_published_amount():
    idle = replace(PARAMETERS, occupancy_ppm=850_000, sla_ppm=990_000, fee_ppm=5_000)
    assert present_value(YEAR, flat(8_000_000), EVE, idle).pv_amount == 52_546_311_97


def test_rent_paid_in_arrears_is_worth_less_than_rent_paid_by_the_day():
    daily_amount = present_value(YEAR, flat(8_000_000), EVE, LEVEL).pv_amount
    assert arrears_amount(YEAR, flat(8_000_000), EVE, LEVEL) == 67_912_080_51 < daily_amount


def test_the_slice_of_the_valuation_day_is_gone_and_the_next_one_counts():
    assert present_value(YEAR, flat(8_000_000), day("2025-01-01"), LEVEL).slices_count == 364
    assert present_value(YEAR, flat(8_000_000), day("2025-12-30"), LEVEL).slices_count == 1


def test_a_contract_that_is_delivered_is_worth_nothing():
    worth = present_value(YEAR, flat(8_000_000), day("2025-12-31"), LEVEL)
    assert (worth.pv_amount, worth.slices_count, worth.wal_years_e12()) == (0, 0, 0)


def test_a_contract_on_a_curve_without_nodes_is_worth_nothing():
    curve = Curve(months=(), marks_micro=())
    assert present_value(YEAR, curve, EVE, PARAMETERS).pv_amount == 0


def test_the_curve_is_flat_before_its_first_node_and_log_linear_between_nodes():
    curve = Curve(months=(202512, 202602), marks_micro=(4_000_000, 9_000_000))
    assert forward_micro(curve, 202501, PARAMETERS) == 4_000_000
    assert forward_micro(curve, 202601, PARAMETERS) == 6_000_000
    assert forward_micro(curve, 202602, PARAMETERS) == 9_000_000
    assert forward_micro(curve, 202604, PARAMETERS) == 8_732_025


def test_a_window_is_cut_at_the_ends_of_months():
    spans = months_within(day("2027-12-30"), day("2028-03-01"))
    assert spans == (
        (202712, day("2027-12-30"), day("2028-01-01")),
        (202801, day("2028-01-01"), day("2028-02-01")),
        (202802, day("2028-02-01"), day("2028-03-01")),
    )
    assert months_within(5, 5) == ()
    assert months_between(202712, 202803) == 3 == -months_between(202803, 202712)


def test_nothing_is_discounted_over_no_time_and_no_rate_discounts_nothing():
    assert discount_factor_e12(0, 60_000) == discount_factor_e12(365, 0) == 10**12


def test_a_callers_decimal_context_does_not_reach_the_model():
    expected = present_value(YEAR, flat(8_000_000), EVE - 3000, LEVEL).pv_amount
    discount_factor_e12.cache_clear()
    with localcontext() as context:
        context.prec = 5
        context.rounding = ROUND_UP
        assert present_value(YEAR, flat(8_000_000), EVE - 3000, LEVEL).pv_amount == expected
        assert getcontext().prec == 5


@given(contracts, curves, st.integers(EVE - 40, EVE + 600))
def test_a_value_is_the_sum_of_its_days_and_of_its_months(whole, curve, valuation_day):
    worth = present_value(whole, curve, valuation_day, PARAMETERS)
    days = [
        present_value(
            replace(whole, start_day=at, end_day=at + 1), curve, valuation_day, PARAMETERS
        )
        for at in range(whole.start_day, whole.end_day, 7)
    ]
    assert worth.pv_amount == sum(part.pv_amount for part in worth.by_month)
    assert worth.pv_amount == sum(worth.slice_amounts)
    assert worth.slices_count == len(worth.slice_amounts)
    first = valuation_day + worth.first_distance_count
    for at, single in zip(range(whole.start_day, whole.end_day, 7), days, strict=True):
        expected = worth.slice_amounts[at - first] if at >= first else 0
        assert single.pv_amount == expected


@given(contracts, curves, st.integers(1, 60))
def test_a_longer_delivered_part_never_raises_the_value(whole, curve, delivered):
    rest = replace(whole, start_day=min(whole.end_day, whole.start_day + delivered))
    rest_amount = present_value(rest, curve, EVE, PARAMETERS).pv_amount
    assert rest_amount <= present_value(whole, curve, EVE, PARAMETERS).pv_amount


@given(st.integers(1_000_000, 30_000_000), st.integers(1, 366))
def test_a_flat_contract_in_delivery_loses_value_every_day(price_micro, days_count):
    whole = Contract(contract_qty=8, start_day=EVE + 1, end_day=EVE + 1 + days_count)
    values = [
        present_value(whole, flat(price_micro), at, LEVEL).pv_amount
        for at in range(EVE, EVE + days_count + 1, 30)
    ]
    assert all(late < early for early, late in pairwise(values))


@given(contracts, curves, st.integers(0, 1_000_000))
def test_the_market_pays_at_least_what_the_rent_is_worth(whole, curve, occupancy_ppm):
    idle = replace(PARAMETERS, occupancy_ppm=occupancy_ppm)
    worth = present_value(whole, curve, EVE, idle)
    assert worth.pv_amount <= worth.nominal_amount <= market_amount(whole, curve, EVE, idle)
