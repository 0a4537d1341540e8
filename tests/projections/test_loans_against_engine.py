"""Loans as they are shown against loans as the rules have them: owed, secured, called, paid."""

import pytest

from exchange.collateral.ladder import lendable_amount
from exchange.domain.enums import OWING
from exchange.domain.windows import day_at
from exchange.projections import Projections
from exchange.projections.borrowing_base import borrowing_base_view
from exchange.projections.loan_views import loans_view
from exchange.projections.secured import melting_of, secured_view, stress_of
from exchange.rules.loan_cover import cover_of, marks_of, owed_amounts, value_behind
from tests.memory_history import timed
from tests.properties.test_lending import run
from tests.rules.lending import APPLICATION, YUAN, LendingMarket, repay
from tests.rules.liquidations import LiquidationMarket
from tests.rules.markets import HOUR_NS, cross
from tests.scenario import BANK, TRADER


def folded(market: LendingMarket) -> Projections:
    """Every record of the market, folded."""
    projections = Projections()
    projections.apply_all(timed(market.records))
    return projections


def assert_same(market: LendingMarket) -> None:
    """What is shown is what the rules have, to the fen."""
    projections, state = folded(market), market.state
    shown = {loan.loan_id: loan for loan in loans_view(0, projections).loans}
    certified = {loan.loan_id: loan for loan in borrowing_base_view(0, 0, projections).loans}
    forgotten = [loan for loan_id, loan in shown.items() if loan_id not in state.loans]
    assert {loan.loan_status for loan in forgotten} <= {"ended", "repaid"}
    for loan_id, loan in state.loans.items():
        view = shown[loan_id]
        assert view.loan_status == loan.status
        assert view.ladder_status == loan.ladder_status
        assert len(view.pledges) == len(loan.pledge_ids)
        cover = cover_of(marks_of(loan, state).values())
        assert (view.value_amount, view.base_amount) == (cover.value_amount, cover.base_amount)
        for pledge in view.pledges:
            assert pledge.pledge_status == state.pledges[pledge.pledge_id].status
            assert pledge.mark_seq == state.pledges[pledge.pledge_id].mark_seq
        calls = [call for call in view.margin_calls if call.ended_seq == 0]
        assert len(calls) == (loan.call is not None)
        if loan.call is not None:
            assert calls[0].call_id == loan.call.call_id
            assert calls[0].paid_amount == loan.call_paid_amount
            assert calls[0].due_ns == loan.call_due_ns
        if loan.status in OWING:
            interest_amount, principal_amount = owed_amounts(loan, day_at(state.market_ns))
            assert (view.interest_amount, view.principal_amount) == (
                interest_amount,
                principal_amount,
            )
            assert certified[loan_id].excess_amount == (
                cover.base_amount - interest_amount - principal_amount - loan.costs_amount
            )
        else:
            assert view.owed_amount == 0
            assert loan_id not in certified
    again = Projections.restore(projections.checkpoint())
    assert again.digest() == projections.digest()


@pytest.fixture
def market() -> LendingMarket:
    """A loan of all that its collateral lends."""
    made = LendingMarket()
    made.drawn()
    return made


def test_a_loan_is_shown_as_the_rules_have_it_from_its_drawing_to_its_end(market):
    assert_same(market)
    market.mark()
    assert_same(market)
    cross(market, market.state.market_ns + 9 * 24 * HOUR_NS)
    assert_same(market)
    market.do(TRADER, repay(1_234_567))
    assert_same(market)
    cross(market, market.state.market_ns + 3 * 24 * HOUR_NS)
    assert_same(market)
    market.do(TRADER, repay(10**13))
    assert_same(market)
    assert market.loan.status == "repaid"


def test_a_call_is_shown_as_the_rules_have_it_until_it_is_met(market):
    market.price(8_500_000)
    assert_same(market)
    assert market.loan.call is not None
    call_cash_amount = market.loan.call.call_cash_amount
    market.do(TRADER, repay(call_cash_amount // 3))
    assert_same(market)
    market.do(TRADER, repay(call_cash_amount - call_cash_amount // 3))
    assert market.loan.call is None
    assert_same(market)
    [call] = loans_view(BANK, folded(market)).loans[0].margin_calls
    assert call.call_status == "met"


def test_a_call_that_expires_and_a_fall_that_liquidates_are_defaults_here_and_there(market):
    market.drawn()
    market.price(8_500_000)
    cross(market, market.loan.call_due_ns + HOUR_NS)
    assert_same(market)
    assert market.loan.status == "defaulted"
    market.price(5 * YUAN)
    assert_same(market)


def test_an_undrawn_loan_shows_what_it_would_lend(market):
    market.do(TRADER, APPLICATION)
    assert_same(market)
    [_, loan] = loans_view(TRADER, folded(market)).loans
    [pledge] = loan.pledges
    mark = market.state.pledges[2].mark
    assert pledge.lendable_amount == mark.lendable_amount
    assert pledge.lendable_amount == lendable_amount(mark.value_amount, mark.ltv_ppm)


def test_a_liquidation_is_shown_as_the_rules_have_it_to_its_claim():
    market = LiquidationMarket(is_enforced=False)
    assert_same(market)
    market.enforce(costs_amount=1_000)
    assert_same(market)
    lot_id = market.offered(lot_qty=40, start_price=300, floor_price=300)
    assert_same(market)
    market.bought(lot_id)
    assert_same(market)
    market.bought(market.offered(lot_qty=60, start_price=300, floor_price=300))
    assert_same(market)
    cross(market, market.state.market_ns)
    assert_same(market)
    [loan] = loans_view(BANK, folded(market)).loans
    assert (loan.loan_status, loan.costs_amount) == ("shortfall", 0)
    assert loan.shortfall_amount == loan.owed_amount > 0
    assert [(lot.lot_status, lot.lot_price) for lot in loan.lots] == [("sold", 300)] * 2
    market.do(TRADER, repay(10**13))
    assert_same(market)


@pytest.mark.parametrize("seed", range(4))
def test_after_a_random_life_everything_shown_is_what_the_rules_have(seed):
    market, _ = run(seed)
    assert_same(market)


def test_melting_and_stress_begin_where_the_ladder_stands(market):
    market.mark()
    secured = secured_view(BANK, folded(market), count=10)
    value_amount = value_behind(market.loan, market.state)
    [melted] = melting_of(secured).loans
    assert melted.value_amount == value_amount
    [as_it_is, *_] = stress_of(secured, 0, 10).loans[0].scenarios
    assert as_it_is.value_amount == value_amount
    assert as_it_is.ladder_status == market.loan.ladder_status
    lent = [market.state.pledges[1].mark.lendable_amount]
    assert as_it_is.lendable_amount == sum(lent)
    market.price(8_500_000)
    assert market.loan.call is not None
    [called] = melting_of(secured_view(BANK, folded(market), count=10)).loans
    assert called.runways[0].margin_call_days_count == 0
