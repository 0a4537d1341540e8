"""Defaults that a ruled value undoes, and what a ruling does not undo."""

import pytest

from exchange.domain.enums import DefaultCause, LadderStatus, LoanStatus, PledgeStatus
from exchange.domain.lending_commands import AddCollateral
from exchange.domain.lending_events import (
    LadderChanged,
    LoanCured,
    LoanDefaulted,
    MarkRuled,
    PledgeMarked,
)
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.units import PPM_WHOLE
from exchange.projections import Projections
from exchange.rules.loan_ends import parameters_of
from tests.rules.lending import YUAN, disputed, offer, repay, ruled
from tests.rules.liquidations import LiquidationMarket, enforcement
from tests.rules.markets import assert_refused, cross, day, events_of
from tests.scenario import BANK, TRADER

WELL = 10**9
"""A value at which the loan is far below its ratio."""


@pytest.fixture
def market():
    """A price of seven is wrong, and the loan is in default for it."""
    market = LiquidationMarket(is_enforced=False)
    market.mark()
    market.price(7 * YUAN)
    assert market.loan.status is LoanStatus.DEFAULTED
    yield market
    market.assert_replays()


def called_amount(market) -> int:
    """The largest value at which what is owed now is at the ratio of a margin call."""
    call_ppm = market.loan.drawn_ltv_ppm + parameters_of(market.state).margin_call_ppm
    return market.loan.principal_amount * PPM_WHOLE // call_ppm


def test_a_ruled_value_undoes_a_default_that_the_mark_made(market):
    mark_seq, owed_amount = market.state.pledges[1].mark_seq, market.loan.principal_amount
    said = ruled(market, disputed(market), WELL)
    assert [type(event) for event in said] == [MarkRuled, PledgeMarked, LoanCured, LadderChanged]
    assert (said[1].supersedes_seq, said[1].value_amount) == (mark_seq, WELL)
    assert said[2] == LoanCured(loan_id=1, owed_amount=owed_amount, value_amount=WELL)
    assert said[3] == LadderChanged(
        loan_id=1,
        ladder_status=LadderStatus.OK,
        owed_amount=owed_amount,
        value_amount=WELL,
        ltv_ppm=-(-owed_amount * PPM_WHOLE // WELL),
    )
    loan = market.loan
    assert (loan.status, loan.ladder_status) == (LoanStatus.PERFORMING, LadderStatus.OK)
    assert (loan.costs_amount, loan.principal_amount) == (0, owed_amount)
    assert market.state.pledges[1].status is PledgeStatus.ACTIVE
    assert_refused(market, BANK, enforcement(), Reason.WRONG_STATE, 1)


def test_whose_default_is_undone_cures_and_falls_due_like_anybody(market):
    ruled(market, disputed(market), WELL)
    market.do(TRADER, AddCollateral(loan_id=1, collateral=offer(pledged_qty=100)))
    market.do(TRADER, repay(1_000))
    cross(market, market.loan.maturity_ns)
    assert events_of(market, LoanDefaulted)[-1].cause is DefaultCause.MATURITY


def test_a_default_is_undone_below_the_ratio_of_a_call_and_not_at_it(market):
    at_call = called_amount(market)
    ruled(market, disputed(market), at_call)
    assert market.loan.status is LoanStatus.DEFAULTED
    ruled(market, disputed(market), at_call + 1)
    assert market.loan.status is LoanStatus.PERFORMING
    assert market.loan.ladder_status is LadderStatus.WATCH


def test_a_call_that_expired_on_a_wrong_mark_is_no_default_either():
    market = LiquidationMarket(is_enforced=False)
    market.mark()
    market.price(8 * YUAN)
    dispute_id = disputed(market)
    cross(market, market.loan.call_due_ns)
    assert market.loan.status is LoanStatus.DEFAULTED
    ruled(market, dispute_id, WELL)
    assert market.loan.status is LoanStatus.PERFORMING
    assert market.loan.call is None
    market.assert_replays()


def test_a_ruling_without_a_value_undoes_no_default_though_the_price_came_back(market):
    for _ in range(5):
        market.price(11 * YUAN)
    said = ruled(market, disputed(market))
    assert [type(event) for event in said] == [MarkRuled, PledgeMarked]
    assert said[1].value_amount > market.loan.principal_amount * 2
    assert market.loan.status is LoanStatus.DEFAULTED


def test_the_other_pledges_of_a_loan_count_at_their_own_marks():
    """What the first is worth, and a fen less of the second than both would have to be."""
    market = LiquidationMarket(is_drawn=False)
    market.drawn(13_000_000, collateral=[offer(pledged_qty=60), offer(pledged_qty=10)])
    market.mark()
    market.price(YUAN)
    assert market.loan.status is LoanStatus.DEFAULTED
    lacking_amount = called_amount(market) + 1 - market.state.pledges[1].mark.value_amount
    ruled(market, disputed(market, pledge_id=2), lacking_amount - 1)
    assert market.loan.status is LoanStatus.DEFAULTED
    ruled(market, disputed(market, pledge_id=2), lacking_amount)
    assert market.loan.status is LoanStatus.PERFORMING
    market.assert_replays()


def test_a_loan_that_is_due_stays_in_default_whatever_is_ruled():
    market = LiquidationMarket(is_drawn=False)
    loan = market.drawn(maturity_day=day("2026-12-20"))
    cross(market, loan.maturity_ns)
    assert ruled(market, disputed(market), WELL)[2:] == []
    assert loan.status is LoanStatus.DEFAULTED
    market.assert_replays()


def test_what_is_enforced_already_ends_at_its_ratio_and_owes_its_costs(market):
    market.do(BANK, enforcement(5_000))
    at_call = called_amount(market)
    ruled(market, disputed(market), at_call + 1)
    assert market.loan.status is LoanStatus.LIQUIDATING
    ruled(market, disputed(market), WELL)
    assert (market.loan.status, market.loan.costs_amount) == (LoanStatus.PERFORMING, 5_000)


def test_read_models_see_a_default_undone(market):
    ruled(market, disputed(market), WELL)
    projections = Projections()
    for seq, record in enumerate(market.records, start=1):
        projections.apply(Record(seq, market.state.market_ns, *decode_body(record)))
    loan, pledge = projections.loans.loans[1], projections.pledges.pledges[1]
    assert (loan.status, loan.ladder_status) == (LoanStatus.PERFORMING, LadderStatus.OK)
    assert (pledge.status, pledge.pledged_qty) == (PledgeStatus.ACTIVE, 100)
