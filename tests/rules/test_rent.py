"""The least rent of pledged days, and whose the rent of a delivered day is."""

import pytest

from exchange.domain.units import MAX_PRICE
from exchange.rules.rent import encumbered_qty, rent_floor_price, swept_amount
from tests.rules.markets import day

YUAN = 1_000_000
MARCH = (day("2027-03-01"), day("2027-04-01"))


@pytest.mark.parametrize(
    ("mark_micro", "floor_price"),
    [(10 * YUAN, 500), (10 * YUAN + 1, 501), (10_020_000, 501), (10_019_999, 501), (1, 1)],
)
def test_the_floor_is_half_the_mark_rounded_up(mark_micro, floor_price):
    assert rent_floor_price({202703: mark_micro}, *MARCH) == floor_price


def test_each_month_weighs_by_its_hours_in_the_window():
    marks = {202702: 10 * YUAN, 202703: 12 * YUAN}
    # One day of February and three of March: (10 + 36) / 4 = 11.50, of which half.
    assert rent_floor_price(marks, day("2027-02-28"), day("2027-03-04")) == 575
    assert rent_floor_price(marks, day("2027-02-27"), day("2027-03-03")) == 550


def test_a_month_without_a_mark_leaves_the_window_without_a_floor():
    marks = {202702: 10 * YUAN, 202703: 0}
    assert rent_floor_price(marks, day("2027-02-28"), day("2027-03-04")) == 0
    assert rent_floor_price({202702: 10 * YUAN}, *MARCH) == 0
    assert rent_floor_price(marks, day("2027-02-01"), day("2027-03-01")) == 500


def test_a_floor_is_a_price():
    assert rent_floor_price({202703: 2**53 - 1}, *MARCH) == MAX_PRICE


@pytest.mark.parametrize(
    ("title_qty", "lien_qty", "sublet_out_qty", "expected_qty"),
    [(700, 600, 650, 550), (700, 600, 100, 0), (700, 600, 101, 1), (700, 0, 700, 0), (0, 0, 0, 0)],
)
def test_pledged_days_are_let_last(title_qty, lien_qty, sublet_out_qty, expected_qty):
    assert encumbered_qty(title_qty, lien_qty, sublet_out_qty) == expected_qty


def test_of_1_037_400_yuan_877_800_are_swept_to_the_bank_and_159_600_are_the_lessors():
    let = encumbered_qty(700, 600, 650)
    rents = [650 * 24 * 950] * 7
    swept = sum(swept_amount(rent_amount, let, 650) for rent_amount in rents)
    assert (sum(rents), swept, sum(rents) - swept) == (103_740_000, 87_780_000, 15_960_000)


def test_each_sublet_of_a_day_gives_the_same_share_and_the_pledgee_has_the_odd_fen():
    assert [swept_amount(rent, 1, 3) for rent in (299, 300, 301)] == [100, 100, 101]
    assert swept_amount(300, 0, 3) == 0
    assert swept_amount(300, 3, 3) == 300
