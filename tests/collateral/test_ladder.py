"""Watch, call, sale and waterfall, at their limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.collateral.ladder import (
    SaleMode,
    ladder,
    lendable_amount,
    may_substitute,
    rungs,
    sale,
    waterfall,
)
from exchange.domain.enums import LadderStatus

from .first_proposal import PARAMETERS

VALUE = 10_000_000_000
ratios = st.integers(300_000, 800_000)
amounts = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("loan_amount", "status"),
    [
        (0, LadderStatus.OK),
        (6_500_000_000, LadderStatus.OK),
        (6_500_000_001, LadderStatus.WATCH),
        (7_249_999_999, LadderStatus.WATCH),
        (7_250_000_000, LadderStatus.MARGIN_CALL),
        (7_999_999_999, LadderStatus.MARGIN_CALL),
        (8_000_000_000, LadderStatus.LIQUIDATE),
    ],
)
def test_a_step_begins_at_its_ratio_and_not_one_fen_before(loan_amount, status):
    assert ladder(loan_amount, VALUE, 650_000, PARAMETERS).status is status


@settings(deadline=None)
@given(st.integers(10**6, 10**12), st.integers(300_000, 824_999), st.integers(0, 2 * 10**12))
def test_the_ladder_never_skips_a_state(value_amount, drawn_ltv_ppm, loan_amount):
    """One fen more is at most one step worse; at 82.5 % call and the cap on sales fall together."""
    steps = list(LadderStatus)

    def step(amount):
        return steps.index(ladder(amount, value_amount, drawn_ltv_ppm, PARAMETERS).status)

    ratios_ppm = (drawn_ltv_ppm, drawn_ltv_ppm + 75_000, min(drawn_ltv_ppm + 150_000, 900_000))
    at_steps = [value_amount * ratio_ppm // 1_000_000 for ratio_ppm in ratios_ppm]
    for amount in (loan_amount, *at_steps):
        assert 0 <= step(amount + 1) - step(amount) <= 1


def test_an_unmet_call_ends_in_liquidation_and_a_cured_one_does_not():
    def status(loan_amount):
        return ladder(loan_amount, VALUE, 650_000, PARAMETERS, is_cure_expired=True).status

    assert status(7_250_000_000) is LadderStatus.LIQUIDATE
    assert status(7_249_999_999) is LadderStatus.WATCH


def test_collateral_of_no_value_is_liquidated_only_if_something_is_owed():
    assert ladder(0, 0, 650_000, PARAMETERS).status is LadderStatus.OK
    worthless = ladder(9_000_000_000_000, 0, 650_000, PARAMETERS)
    assert worthless.status is LadderStatus.LIQUIDATE
    assert worthless.ltv_ppm == 2**53 - 1


def test_a_call_of_exactly_the_minimum_is_issued_and_one_fen_less_is_not():
    minimum_amount = PARAMETERS.minimum_call_amount
    value_amount = 100_000_000
    loan_amount = 65_000_000 + minimum_amount
    issued = ladder(loan_amount, value_amount, 650_000, PARAMETERS)
    assert issued.status is LadderStatus.MARGIN_CALL
    assert issued.call_cash_amount == minimum_amount
    waived = ladder(loan_amount - 1, value_amount, 650_000, PARAMETERS)
    assert waived.status is LadderStatus.MARGIN_CALL
    assert waived.call_cash_amount == waived.call_collateral_amount == 0


@given(st.integers(VALUE // 10, VALUE), ratios, st.integers(150_000, 2_000_000))
def test_either_cure_brings_the_loan_back_to_its_ratio(value_amount, drawn_ltv_ppm, beyond_ppm):
    loan_amount = lendable_amount(value_amount, drawn_ltv_ppm + beyond_ppm)
    stand = ladder(loan_amount, value_amount, drawn_ltv_ppm, PARAMETERS)
    assert stand.call_cash_amount > 0
    by_cash = ladder(loan_amount - stand.call_cash_amount, value_amount, drawn_ltv_ppm, PARAMETERS)
    by_days = ladder(
        loan_amount, value_amount + stand.call_collateral_amount, drawn_ltv_ppm, PARAMETERS
    )
    assert by_cash.status is by_days.status is LadderStatus.OK


@given(st.integers(1, 2 * VALUE), ratios, st.integers(0, 400_000), st.integers(0, 300_000))
def test_a_sale_restores_the_ratio_or_sells_all_that_a_round_may(
    value_amount, drawn_ltv_ppm, beyond_ppm, cost_ppm
):
    loan_amount = lendable_amount(value_amount, drawn_ltv_ppm + beyond_ppm)
    result = sale(loan_amount, value_amount, drawn_ltv_ppm, cost_ppm, PARAMETERS)
    assert result.loan_after_amount + result.repaid_amount == loan_amount
    assert result.value_after_amount + result.sell_amount == value_amount
    assert result.surplus_amount + result.repaid_amount == result.proceeds_amount
    if result.mode is SaleMode.FULL:
        assert result.value_after_amount == 0
    elif result.sell_amount < value_amount // 2:
        # The proceeds round down, so one fen may be missing.
        left_amount = lendable_amount(result.value_after_amount, drawn_ltv_ppm)
        assert result.loan_after_amount <= left_amount + 1


def test_a_round_sells_at_most_half_until_the_loan_is_far_gone():
    near = sale(8_499_999_999, VALUE, 650_000, 50_000, PARAMETERS)
    assert (near.mode, near.sell_amount) == (SaleMode.PARTIAL, VALUE // 2)
    far = sale(8_500_000_000, VALUE, 650_000, 50_000, PARAMETERS)
    assert (far.mode, far.sell_amount) == (SaleMode.PARTIAL, 6_666_666_667)


def test_where_a_sale_gains_nothing_everything_is_sold():
    result = sale(7_500_000_000, VALUE, 650_000, 350_000, PARAMETERS)
    assert (result.mode, result.sell_amount) == (SaleMode.FULL, VALUE)
    assert result.repaid_amount == 6_500_000_000


@given(amounts, amounts, amounts, amounts, amounts)
def test_every_fen_of_the_proceeds_goes_somewhere(proceeds, costs, interest, principal, fee):
    paid = waterfall(proceeds, costs, interest, principal, fee)
    assert proceeds == (
        paid.costs_amount
        + paid.interest_amount
        + paid.principal_amount
        + paid.fee_amount
        + paid.surplus_amount
    )
    assert paid.shortfall_amount == principal - paid.principal_amount
    assert not (paid.surplus_amount and paid.shortfall_amount)


def test_collateral_may_be_taken_out_down_to_the_ratio():
    assert may_substitute(6_500_000_000, VALUE, 650_000)
    assert not may_substitute(6_500_000_001, VALUE, 650_000)


def test_liquidation_is_never_beyond_its_cap():
    assert rungs(760_000, PARAMETERS).liquidation_ppm == 900_000
