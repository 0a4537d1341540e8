"""
The worked example of a loan that melts, and how long loans last.

The example has terms of its own: 1000 GPUs for the year 2027 at 10.00, valued on the eve, simple
interest of 5 % over 360 days, each slice and the interest down. The model's terms are beside it.
"""

from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.curve import Curve, moved
from exchange.collateral.present_value import Contract, market_amount, present_value
from exchange.collateral.runway import (
    Loan,
    Runway,
    Secured,
    break_even_price,
    melting,
    owed_amount,
    pool_break_even_price,
    pool_runway,
    runway,
)

from .first_proposal import LEVEL, PARAMETERS, contract, day, flat

EVE = day("2026-12-31")
YEAR = contract(1000, "2027-01-01", "2028-01-01")
TEN_YUAN = flat(10_000_000)
FIVE_PER_CENT = 50_000
DAY_AMOUNT = 1000 * 24 * 1_000
"""One day of the example at 10.00, in fen."""


def days_until(owed, value, ratio_ppm: int, last_count: int) -> int:
    """The first day on which what is owed reaches a ratio of the value, day by day."""
    days = range(last_count)
    called = (day for day in days if owed(day) * 1_000_000 >= ratio_ppm * value(day))
    return next(called, last_count)


def fen(text: str) -> int:
    """An amount as the text writes it, like 87,600,000.00."""
    return int(text.replace(",", "").replace(".", ""))


# -- the example in its own terms ------------------------------------------------------------------


def example_value(days_passed: int) -> int:
    """What is undelivered after so many days: simple interest, every slice down."""
    return sum(DAY_AMOUNT * 7_200 // (7_200 + ahead) for ahead in range(1, 366 - days_passed))


def example_loan(share: int) -> int:
    """A loan of so many per cent of the value."""
    return example_value(0) * share // 100


def example_owed(share: int, days_passed: int) -> int:
    """It with its interest, down."""
    return example_loan(share) * (7_200 + days_passed) // 7_200


def example_passes(share: int, ratio: int) -> int:
    """The day on which an idle loan of `share` per cent passes `ratio` per cent."""
    return days_until(
        lambda after: example_owed(share, after), example_value, ratio * 10_000, last_count=365
    )


def test_a_thousand_gpus_for_a_year_are_worth_85_million_and_lend_55_at_65_per_cent():
    assert example_value(0) == fen("85,446,091.75")
    assert example_loan(65) == fen("55,539,959.63")


def test_an_idle_loan_passes_its_ratio_on_days_48_72_and_45():
    assert example_passes(65, 75) == 48
    assert example_passes(60, 75) == 72
    assert example_passes(70, 80) == 45


def example_sold(days_passed: int, price: int) -> int:
    """What a block sale of the undelivered days brings, less half a per cent."""
    return (365 - days_passed) * 24 * 1000 * price * 995 // 1000


def test_sold_on_day_48_the_bank_has_a_surplus_and_on_day_100_a_shortfall():
    """As a block at 8.20 less 0.5 % cost, to the fen."""
    assert example_sold(48, 820) - example_owed(65, 48) == fen("6,163,445.98")
    assert example_owed(65, 100) - example_sold(100, 820) == fen("4,420,107.95")


def test_the_break_even_rent_is_6_51_fully_sublet_and_9_30_at_seventy_per_cent():
    loan = Loan(loan_amount=example_loan(65), drawn_ltv_ppm=650_000, interest_ppm=FIVE_PER_CENT)
    assert break_even_price(loan, YEAR, EVE) == fen("6.51")
    assert break_even_price(loan, YEAR, EVE, 700_000) == fen("9.30")


@pytest.mark.parametrize(("share", "call", "sale"), [(65, 37, 68), (60, 40, 72), (70, 35, 64)])
def test_under_the_models_ladder_the_example_is_called_and_sold_on_these_days(share, call, sale):
    """Call at the ratio at drawdown + 7.5 points, liquidation at + 15."""
    loan_at = share * 10_000
    terms = (lambda after: example_owed(share, after), example_value)
    assert days_until(*terms, loan_at + 75_000, last_count=365) == call
    assert days_until(*terms, loan_at + 150_000, last_count=365) == sale


# -- the same in the model's terms -----------------------------------------------------------------


def drawn(ltv_ppm: int, parameters=LEVEL, curve=TEN_YUAN) -> Loan:
    """A loan of what the year lends at a ratio."""
    value_amount = present_value(YEAR, curve, EVE, parameters).pv_amount
    return Loan(
        loan_amount=value_amount * ltv_ppm // 1_000_000,
        drawn_ltv_ppm=ltv_ppm,
        interest_ppm=FIVE_PER_CENT,
    )


@pytest.mark.parametrize(
    ("ltv_ppm", "expected"), [(650_000, (37, 68)), (600_000, (40, 72)), (700_000, (35, 64))]
)
def test_discounted_as_the_model_does_the_days_are_the_same(ltv_ppm, expected):
    parameters = replace(LEVEL, rate_ppm=FIVE_PER_CENT)
    found = runway(drawn(ltv_ppm, parameters), YEAR, TEN_YUAN, EVE, parameters)
    assert (found.margin_call_days_count, found.liquidation_days_count) == expected


def test_a_lower_price_brings_the_call_sooner():
    found = melting(drawn(650_000), [Secured(contract=YEAR, curve=TEN_YUAN)], EVE, LEVEL)
    assert [each.move_ppm for each in found] == [0, -100_000, -200_000, -300_000]
    calls = [each.margin_call_days_count for each in found]
    sales = [each.liquidation_days_count for each in found]
    assert calls == sorted(calls, reverse=True)
    assert sales == sorted(sales, reverse=True)
    assert calls[1] < calls[0]
    assert (calls[-1], sales[-1]) == (0, 0)


def test_a_pool_lasts_as_long_as_all_of_it_together():
    """Half the loan on each half year is the loan on the year: two halves are one contract."""
    halves = [contract(500, "2027-01-01", "2028-01-01")] * 2
    pool = [Secured(contract=half, curve=TEN_YUAN) for half in halves]
    loan = drawn(650_000)
    assert pool_runway(loan, pool, EVE, LEVEL) == runway(loan, YEAR, TEN_YUAN, EVE, LEVEL)


def test_a_strip_that_starts_later_melts_only_from_its_start():
    later = contract(1000, "2027-07-01", "2028-07-01")
    value_amount = present_value(later, TEN_YUAN, EVE, LEVEL).pv_amount
    loan = Loan(loan_amount=value_amount * 65 // 100, drawn_ltv_ppm=650_000, interest_ppm=50_000)
    found = runway(loan, later, TEN_YUAN, EVE, LEVEL)
    assert found.margin_call_days_count > day("2027-07-01") - EVE


def test_a_loan_that_grows_faster_than_its_collateral_may_be_called_at_once():
    loan = Loan(loan_amount=fen("68,071,909.22"), drawn_ltv_ppm=650_000, interest_ppm=0)
    found = runway(loan, YEAR, flat(8_000_000), EVE, LEVEL)
    assert found == Runway(margin_call_days_count=0, liquidation_days_count=0)


def test_nothing_owed_is_never_called_before_the_end():
    loan = Loan(loan_amount=0, drawn_ltv_ppm=650_000, interest_ppm=50_000)
    found = runway(loan, YEAR, TEN_YUAN, EVE, LEVEL)
    assert (found.margin_call_days_count, found.liquidation_days_count) == (365, 365)


def test_a_liquidation_under_its_cap_may_come_before_the_call():
    """Drawn at 85 % the call is at 92.5 % and the liquidation at 90 %."""
    found = runway(drawn(850_000), YEAR, TEN_YUAN, EVE, LEVEL)
    assert found.liquidation_days_count < found.margin_call_days_count


def test_interest_is_simple_over_360_days_and_rounds_up():
    loan = Loan(loan_amount=fen("1,000,000.01"), drawn_ltv_ppm=650_000, interest_ppm=50_000)
    assert owed_amount(loan, 360) == fen("1,050,000.02")


# -- properties ------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.integers(400_000, 900_000), st.integers(2_000_000, 40_000_000), st.integers(0, 200))
def test_each_day_before_the_call_is_calm_and_the_day_itself_is_not(ltv_ppm, price_micro, passed):
    today = EVE + passed
    curve = flat(price_micro)
    value_amount = present_value(YEAR, curve, today, PARAMETERS).pv_amount
    loan = Loan(
        loan_amount=value_amount * ltv_ppm // 1_000_000,
        drawn_ltv_ppm=ltv_ppm,
        interest_ppm=FIVE_PER_CENT,
    )
    call = runway(loan, YEAR, curve, today, PARAMETERS).margin_call_days_count

    def is_called(after: int) -> bool:
        value = min(
            present_value(YEAR, curve, today + after, PARAMETERS).pv_amount,
            market_amount(YEAR, curve, today + after, PARAMETERS),
        )
        return owed_amount(loan, after) * 1_000_000 >= (ltv_ppm + 75_000) * value

    assert is_called(call)
    assert not any(is_called(after) for after in range(0, call, 7))
    assert bisect_left(range(365 - passed), True, key=is_called) == call


@settings(deadline=None, max_examples=25)
@given(
    st.integers(550_000, 800_000),
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(1, 120), st.integers(1, 50)),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.integers(5_000_000, 12_000_000), min_size=3, max_size=3),
    st.sampled_from([0, -100_000, 50_000]),
)
def test_the_days_are_those_that_counting_one_by_one_gives(ltv_ppm, spans, marks_micro, move_ppm):
    """Pools of contracts that begin late and end apart, on a curve with a hump or a hollow."""
    curve = Curve(months=(202701, 202705, 202709), marks_micro=tuple(marks_micro))
    contracts = [
        Contract(contract_qty=qty, start_day=EVE + ahead + 1, end_day=EVE + ahead + 1 + days_count)
        for ahead, days_count, qty in spans
    ]
    shifted = moved(curve, move_ppm)

    def value(after: int) -> int:
        return sum(
            min(
                present_value(each, shifted, EVE + after, PARAMETERS).pv_amount,
                market_amount(each, shifted, EVE + after, PARAMETERS),
            )
            for each in contracts
        )

    loan = Loan(
        loan_amount=value(0) * ltv_ppm // 1_000_000, drawn_ltv_ppm=650_000, interest_ppm=90_000
    )
    pool = [Secured(contract=each, curve=curve) for each in contracts]
    found = pool_runway(loan, pool, EVE, PARAMETERS, move_ppm)
    last_count = max(each.end_day for each in contracts) - 1 - EVE

    def counted(ratio_ppm: int) -> int:
        return days_until(lambda after: owed_amount(loan, after), value, ratio_ppm, last_count)

    assert found.margin_call_days_count == counted(725_000)
    assert found.liquidation_days_count == counted(800_000)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 10**11), st.integers(0, 200_000), st.integers(1, 2_000))
def test_the_break_even_rent_repays_and_one_fen_less_does_not(loan_amount, interest_ppm, qty):
    window = replace(YEAR, contract_qty=qty)
    loan = Loan(loan_amount=loan_amount, drawn_ltv_ppm=650_000, interest_ppm=interest_ppm)
    price = break_even_price(loan, window, EVE)

    def left(rent: int) -> int:
        amount = loan_amount
        for _ in range(365):
            amount = owed_amount(replace(loan, loan_amount=max(0, amount)), 1) - rent * qty * 24
        return amount

    assert left(price) <= 0 < left(price - 1)


def test_the_break_even_rent_of_a_pool_is_one_rent_for_the_hours_of_all():
    loan = Loan(loan_amount=10**9, drawn_ltv_ppm=650_000, interest_ppm=FIVE_PER_CENT)
    halves = [replace(YEAR, contract_qty=500)] * 2
    whole = break_even_price(loan, YEAR, EVE)
    assert pool_break_even_price(loan, halves, EVE) == whole
    gone = replace(YEAR, start_day=EVE - 30, end_day=EVE + 1)
    assert pool_break_even_price(loan, [gone, YEAR], EVE) == whole
    later = contract(1000, "2028-02-01", "2028-03-01")
    more = pool_break_even_price(loan, [YEAR, later], EVE)
    assert whole * 365 // 400 < more < whole
    assert pool_break_even_price(loan, [], EVE) == 0


def test_a_delivered_contract_has_no_break_even_rent():
    loan = Loan(loan_amount=1, drawn_ltv_ppm=650_000, interest_ppm=0)
    assert break_even_price(loan, YEAR, YEAR.end_day) == 0
