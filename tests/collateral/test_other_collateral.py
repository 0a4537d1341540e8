"""Notes over rent, vouchers, data sets, leased hardware, spot hours: the figures of the pages."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.crt import (
    MONTH_END_DAYS,
    CrtTrigger,
    level_amount,
    monthly_payment_amount,
    note_performance,
    pool_amount,
    price_e12,
    yield_e12,
)
from exchange.collateral.data_set import DataSet, DataSetLoan, Renewal, data_set_loan
from exchange.collateral.lease import believed_decay_ppm, residual_amount
from exchange.collateral.rounding import E12
from exchange.collateral.spot_hour import SpotHourCosts, SpotHourMarket, spot_hour_price
from exchange.collateral.voucher import spendable_amount, subsidy_amount, voucher_credit

from .first_proposal import PARAMETERS

NOTE = 30_000_000_000
DUE, RENT = 2_618_167_740, 3_740_239_629


def performance(collected_amount: int):
    return note_performance(NOTE, DUE, collected_amount, MONTH_END_DAYS, PARAMETERS)


# -- notes over a pool of rent ---------------------------------------------------------------------


def test_a_note_of_300_million_needs_a_pool_of_428_million_and_rents_of_37():
    assert pool_amount(NOTE, PARAMETERS) == 42_857_142_858
    assert level_amount(42_857_142_858, MONTH_END_DAYS, PARAMETERS) == RENT


def test_a_note_pays_less_a_month_at_an_effective_rate_than_at_a_nominal_one():
    assert level_amount(NOTE, MONTH_END_DAYS, PARAMETERS) == DUE
    assert monthly_payment_amount(NOTE, 12, PARAMETERS) == 2_623_544_303


def test_at_no_interest_a_note_is_repaid_in_equal_parts():
    free = replace(PARAMETERS, crt_rate_ppm=0)
    assert (
        monthly_payment_amount(1_200, 12, free) == level_amount(1_200, MONTH_END_DAYS, free) == 100
    )


@pytest.mark.parametrize(("rate", "price"), [("0.06", "101.50"), ("0.12", "98.57")])
def test_a_note_is_worth_more_at_six_per_cent_and_less_at_twelve(rate, price):
    found = price_e12(DUE, MONTH_END_DAYS, NOTE, int(Decimal(rate) * E12))
    assert f"{Decimal(found) / E12:.2f}" == price


@settings(deadline=None, max_examples=10)
@given(st.integers(-900_000, 5_000_000))
def test_the_yield_at_a_price_gives_that_price_again(yield_ppm):
    price = price_e12(DUE, MONTH_END_DAYS, NOTE, yield_ppm * 10**6)
    assert abs(yield_e12(DUE, MONTH_END_DAYS, NOTE, price) - yield_ppm * 10**6) <= 100


def test_rents_in_full_cover_the_debt_service_by_143_per_cent():
    full = performance(RENT)
    assert (full.dscr_ppm, full.oc_ppm, full.trigger) == (1_428_571, 1_428_571, CrtTrigger.OK)
    assert full.paid_amount == 12 * DUE


@pytest.mark.parametrize(
    ("ratio_ppm", "at", "under"),
    [
        (1_300_000, CrtTrigger.OK, CrtTrigger.TURBO),
        (1_150_000, CrtTrigger.TURBO, CrtTrigger.DEFAULT),
    ],
)
def test_triggers_change_at_130_and_at_115_per_cent(ratio_ppm, at, under):
    """Two fen on either side; the payment itself is rounded to one."""
    middle = DUE * ratio_ppm // 10**6
    above, below = performance(middle + 2), performance(middle - 2)
    assert (above.oc_ppm, above.trigger) == (ratio_ppm, at)
    assert (below.oc_ppm, below.trigger) == (ratio_ppm - 1, under)


def test_a_note_that_is_paid_nothing_loses_everything():
    lost = performance(0)
    assert (lost.irr_e12, lost.paid_amount, lost.trigger) == (-E12, 0, CrtTrigger.DEFAULT)


# -- vouchers --------------------------------------------------------------------------------------


def test_a_voucher_pays_sixty_per_cent_down_and_never_above_ten_million():
    assert subsidy_amount(199, PARAMETERS) == 119
    assert subsidy_amount(1_666_666_666, PARAMETERS) == 999_999_999
    assert subsidy_amount(1_666_666_667, PARAMETERS) == 1_000_000_000
    assert subsidy_amount(10**12, PARAMETERS) == 1_000_000_000


@pytest.mark.parametrize(
    ("score_ppm", "multiple_ppm", "cover_ppm"),
    [
        (0, 3_000_000, 333_333),
        (199_999, 3_000_000, 333_333),
        (200_000, 3_500_000, 285_714),
        (799_999, 4_500_000, 222_222),
        (800_000, 5_000_000, 200_000),
        (1_000_000, 5_000_000, 200_000),
    ],
)
def test_credit_grows_by_half_a_face_with_each_fifth_of_the_score(
    score_ppm, multiple_ppm, cover_ppm
):
    credit = voucher_credit(1_000, score_ppm, PARAMETERS)
    assert (credit.multiple_ppm, credit.cover_ppm) == (multiple_ppm, cover_ppm)
    assert credit.credit_amount == multiple_ppm // 1_000


def test_a_pledged_voucher_cannot_be_spent():
    assert spendable_amount(1_000, 400) == 600
    assert spendable_amount(1_000, 1_000) == 0
    with pytest.raises(AssertionError, match="1001 of 1000 is pledged"):
        spendable_amount(1_000, 1_001)


# -- data sets -------------------------------------------------------------------------------------


def images(renewal: Renewal, age_months_count: int = 0) -> DataSet:
    """Five million images at 2.40."""
    return DataSet(
        unit_micro=2_400_000,
        units_count=5_000_000,
        renewal=renewal,
        age_months_count=age_months_count,
    )


def test_five_million_images_are_worth_twelve_million_and_lend_eight_at_360_thousand_a_year():
    loan = data_set_loan(images(Renewal.MONTHLY), PARAMETERS)
    assert loan == DataSetLoan(
        value_amount=1_200_000_000, loan_amount=800_000_000, interest_amount=36_000_000
    )


def test_rarer_renewal_takes_a_stated_share_and_two_years_take_half():
    values = [data_set_loan(images(each), PARAMETERS).value_amount for each in Renewal]
    assert values == [share * 12_000_000 for share in (100, 90, 80, 65, 50)]
    for halvings in range(5):
        old = data_set_loan(images(Renewal.MONTHLY, 24 * halvings), PARAMETERS)
        assert old.value_amount == 1_200_000_000 >> halvings


# -- leases ----------------------------------------------------------------------------------------


def test_each_hardware_generation_takes_a_fifth_of_what_is_left():
    values = [residual_amount(1_000_000, 0, 365, count, PARAMETERS) for count in range(4)]
    assert values == [1_000_000, 800_000, 640_000, 512_000]


@settings(deadline=None)
@given(st.integers(200_000, 350_000), st.integers(0, 3_650), st.integers(0, 3))
def test_leased_hardware_never_gains(decay_ppm, days_count, generations_count):
    now = residual_amount(10**9, decay_ppm, days_count, generations_count, PARAMETERS)
    later = residual_amount(10**9, decay_ppm, days_count + 1, generations_count, PARAMETERS)
    assert later < now <= 10**9


def test_a_stated_decay_is_believed_between_20_and_35_per_cent_only():
    stated = (0, 200_000, 300_000, 350_000, 500_000)
    believed = [believed_decay_ppm(each, PARAMETERS) for each in stated]
    assert believed == [200_000, 200_000, 300_000, 350_000, 350_000]


# -- spot hours ------------------------------------------------------------------------------------

COSTS = SpotHourCosts(
    kilowatt_ppm=550_000,
    pue_ppm=1_250_000,
    kilowatt_hour_micro=600_000,
    capex_amount=12_000_000,
    residual_ppm=150_000,
    life_hours=35_040,
    planned_utilisation_ppm=700_000,
    other_micro=600_000,
    margin_ppm=100_000,
)


def spot(utilisation_ppm: int, **market: int):
    busy = SpotHourMarket(utilisation_ppm=utilisation_ppm, target_utilisation_ppm=700_000, **market)
    return spot_hour_price(COSTS, busy, PARAMETERS)


def test_at_target_a_spot_hour_costs_what_it_costs():
    price = spot(700_000)
    assert price.price_micro == price.model_micro == price.cost_micro == 5_688_114
    assert price.scarcity_ppm == 1_000_000


def test_scarcity_is_held_between_a_half_and_two():
    assert [spot(each).scarcity_ppm for each in (0, 1, 400_000)] == [500_000] * 3
    assert [spot(each).scarcity_ppm for each in (990_000, 1_000_000)] == [2_000_000] * 2


def test_an_exponent_need_not_be_whole():
    steep = replace(PARAMETERS, spot_hour_exponent_ppm=1_500_000)
    market = SpotHourMarket(utilisation_ppm=900_000, target_utilisation_ppm=400_000)
    wide = replace(steep, spot_hour_high_ppm=10_000_000)
    assert spot_hour_price(COSTS, market, wide).scarcity_ppm == 3_375_000


def test_trades_count_as_far_as_there_were_enough_and_alone_from_then_on():
    traded = {"vwap_micro": 8_100_000, "full_weight_hours": 10_000}
    half = spot(700_000, traded_hours=5_000, **traded)
    assert (half.weight_ppm, half.price_micro) == (500_000, 6_894_057)
    for hours in (10_000, 20_000):
        assert spot(700_000, traded_hours=hours, **traded).price_micro == 8_100_000
    assert spot(700_000, traded_hours=10_000, full_weight_hours=1).weight_ppm == 0
