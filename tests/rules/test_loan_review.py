"""A drawn loan under the marks: its ladder, its calls and how each of them ends, its default."""

from bisect import bisect_right

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.interest import accrued_amount
from exchange.collateral.ladder import ladder
from exchange.domain.commands import PublishRiskParameters
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import (
    CallEnd,
    DefaultCause,
    LadderStatus,
    LoanStatus,
    MarkLine,
    PledgeStatus,
)
from exchange.domain.events import PledgeReleased
from exchange.domain.lending_commands import (
    AddCollateral,
    MarkPledges,
)
from exchange.domain.lending_events import (
    LadderChanged,
    LoanClosed,
    LoanDefaulted,
    MarginCallEnded,
    MarginCallExtended,
    MarginCallIssued,
)
from exchange.domain.reasons import Reason
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at, gate_ns
from exchange.rules.loan_review import RULING_DAYS_COUNT
from tests.rules.lending import APPLICATION, YUAN, LendingMarket, disputed, offer, repay, ruled
from tests.rules.markets import assert_refused, cross, events_of
from tests.scenario import BANK, FIRST_DAY, SUPPLIER, TRADER

TODAY = FIRST_DAY + 1
OF_LOANS = (LadderChanged, MarginCallIssued, MarginCallEnded, MarginCallExtended, LoanDefaulted)


@pytest.fixture
def market() -> LendingMarket:
    """A loan of all that is lent is drawn and has been looked at."""
    market = LendingMarket()
    market.drawn()
    market.mark()
    return market


def steps(events: list) -> list:
    """What a cycle says of loans."""
    return [event for event in events if isinstance(event, OF_LOANS)]


def called(market: LendingMarket) -> MarginCallIssued:
    """A fall to eight is a call."""
    market.price(8 * YUAN)
    call = market.loan.call
    assert call is not None
    return call


# -- the ladder ------------------------------------------------------------------------------------


def test_the_first_look_makes_a_drawn_loan_a_performing_one():
    market = LendingMarket()
    loan = market.drawn()
    value_amount = market.state.pledges[1].mark.value_amount
    assert loan.status is LoanStatus.DRAWN
    assert steps(market.mark()) == [
        LadderChanged(
            loan_id=1,
            ladder_status=LadderStatus.OK,
            owed_amount=loan.principal_amount,
            value_amount=value_amount,
            ltv_ppm=-(-loan.principal_amount * 10**6 // value_amount),
        )
    ]
    assert loan.status is LoanStatus.PERFORMING
    assert steps(market.mark()) == [], "nothing changed"
    market.assert_replays()


def test_a_falling_price_leads_down_the_ladder_step_by_step_as_the_model_says(market):
    found = []
    for index_micro in range(10 * YUAN, 6 * YUAN, -YUAN // 4):
        for event in steps(market.price(index_micro)):
            if isinstance(event, LadderChanged):
                found.append(event.ladder_status)
                step = ladder(
                    event.owed_amount,
                    event.value_amount,
                    market.loan.drawn_ltv_ppm,
                    genesis.risk_parameters(),
                )
                assert (step.status, step.ltv_ppm) == (event.ladder_status, event.ltv_ppm)
    assert found == [LadderStatus.WATCH, LadderStatus.MARGIN_CALL, LadderStatus.LIQUIDATE]
    assert market.loan.status is LoanStatus.DEFAULTED
    market.assert_replays()


def test_a_price_that_comes_back_leads_up_again(market):
    market.price(9 * YUAN)
    assert market.loan.ladder_status is LadderStatus.WATCH
    market.price(10 * YUAN)
    assert market.loan.ladder_status is LadderStatus.OK


def test_a_loan_that_is_not_drawn_has_no_ladder(market):
    market.do(TRADER, APPLICATION)
    market.price(5 * YUAN)
    assert {event.loan_id for event in events_of(market, LadderChanged)} == {1}


# -- the call --------------------------------------------------------------------------------------


def test_a_call_states_both_cures_and_its_deadline(market):
    market.price(9 * YUAN)
    events = steps(market.price(8 * YUAN))
    loan = market.loan
    value_amount = market.state.pledges[1].mark.value_amount
    step = ladder(
        loan.principal_amount, value_amount, loan.drawn_ltv_ppm, genesis.risk_parameters()
    )
    assert step.call_cash_amount > 0
    assert events[1:] == [
        MarginCallIssued(
            call_id=market.state.seq,
            loan_id=1,
            owed_amount=loan.principal_amount,
            value_amount=value_amount,
            call_cash_amount=step.call_cash_amount,
            call_collateral_amount=step.call_collateral_amount,
            due_ns=gate_ns(TODAY + 2),
        )
    ]
    assert loan.status is LoanStatus.MARGIN_CALLED


def test_no_call_is_repeated_while_one_is_open(market):
    call = called(market)
    assert steps(market.price(8 * YUAN - YUAN // 10)) == []
    assert market.loan.call is call


def test_a_loan_too_small_to_be_called_is_not_called():
    market = LendingMarket()
    market.drawn(principal_amount=None, collateral=[offer(pledged_qty=10)])
    market.mark()
    events = steps(market.price(8 * YUAN))
    assert [type(event) for event in events] == [LadderChanged]
    assert events[0].ladder_status is LadderStatus.MARGIN_CALL
    assert market.loan.status is LoanStatus.PERFORMING


def test_the_last_fen_of_the_cash_called_meets_the_call(market):
    call = called(market)
    market.do(TRADER, repay(call.call_cash_amount - 1))
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    market.do(TRADER, repay(1))
    met = MarginCallEnded(call_id=call.call_id, loan_id=1, end=CallEnd.MET)
    assert met in market.events
    assert market.loan.status is LoanStatus.PERFORMING
    assert market.loan.ladder_status is LadderStatus.OK
    market.assert_replays()


def test_cash_that_was_called_meets_the_call_though_the_price_fell_on(market):
    call = called(market)
    market.price(8 * YUAN - YUAN // 10)
    market.do(TRADER, repay(call.call_cash_amount))
    assert events_of(market, MarginCallEnded)[-1].end is CallEnd.MET
    assert market.loan.ladder_status is LadderStatus.WATCH


def test_days_that_are_added_meet_the_call(market):
    call = called(market)
    market.do(TRADER, AddCollateral(loan_id=1, collateral=offer(pledged_qty=50)))
    added = market.state.pledges[2]
    assert added.mark.value_amount >= call.call_collateral_amount
    assert events_of(market, MarginCallEnded)[-1].end is CallEnd.MET
    assert market.loan.status is LoanStatus.PERFORMING
    assert added.status is PledgeStatus.ACTIVE
    market.assert_replays()


def test_days_that_are_too_few_leave_the_call_open(market):
    called(market)
    market.do(TRADER, AddCollateral(loan_id=1, collateral=offer(pledged_qty=1)))
    assert market.loan.status is LoanStatus.MARGIN_CALLED


def test_a_price_that_comes_back_meets_the_call(market):
    called(market)
    market.price(9 * YUAN)
    assert market.loan.status is LoanStatus.MARGIN_CALLED, "it is still above its ratio"
    market.price(10 * YUAN)
    assert events_of(market, MarginCallEnded)[-1].end is CallEnd.MET
    assert market.loan.status is LoanStatus.PERFORMING


def test_a_call_that_was_met_can_be_followed_by_another(market):
    first = called(market)
    market.do(TRADER, repay(first.call_cash_amount))
    market.price(13 * YUAN // 2)
    second = market.loan.call
    assert second is not None
    assert second.call_id > first.call_id


def test_a_loan_that_is_repaid_has_no_call_left(market):
    call = called(market)
    market.do(TRADER, repay(10**12))
    overtaken = MarginCallEnded(call_id=call.call_id, loan_id=1, end=CallEnd.OVERTAKEN)
    closed = [LoanClosed(loan_id=1), PledgeReleased(pledge_id=1, released_qty=100)]
    assert market.events[2:] == [overtaken, *closed]
    assert market.state.loan_dues == []


# -- default ---------------------------------------------------------------------------------------


def test_a_call_that_is_not_met_in_time_is_a_default(market):
    call = called(market)
    cross(market, call.due_ns - 1)
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    cross(market, call.due_ns)
    (ended,) = events_of(market, MarginCallEnded)
    assert (ended.call_id, ended.end) == (call.call_id, CallEnd.EXPIRED)
    (default,) = events_of(market, LoanDefaulted)
    assert default.cause is DefaultCause.CALL_EXPIRED
    assert market.loan.status is LoanStatus.DEFAULTED
    assert market.loan.ladder_status is LadderStatus.LIQUIDATE
    market.assert_replays()


def test_a_call_is_met_until_its_last_nanosecond(market):
    call = called(market)
    cross(market, call.due_ns - 1)
    market.do(TRADER, repay(call.call_cash_amount))
    cross(market, call.due_ns)
    assert events_of(market, LoanDefaulted) == []


def test_a_cure_after_the_deadline_is_refused_and_only_all_of_it_helps(market):
    call = called(market)
    cross(market, call.due_ns)
    loan = market.loan
    owed_amount = events_of(market, LoanDefaulted)[-1].owed_amount
    late = repay(call.call_cash_amount)
    assert_refused(market, TRADER, late, Reason.IN_DEFAULT, call.call_cash_amount, owed_amount)
    assert_refused(
        market, TRADER, repay(owed_amount - 1), Reason.IN_DEFAULT, owed_amount - 1, owed_amount
    )
    days = AddCollateral(loan_id=1, collateral=offer(pledged_qty=500))
    assert_refused(market, TRADER, days, Reason.IN_DEFAULT, 0, owed_amount)
    market.do(TRADER, repay(owed_amount))
    assert loan.status is LoanStatus.REPAID
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.assert_replays()


def test_a_call_expires_without_default_where_the_price_came_back_below_it(market):
    call = called(market)
    market.price(9 * YUAN)
    assert market.loan.ladder_status is LadderStatus.WATCH
    cross(market, call.due_ns)
    assert events_of(market, MarginCallEnded)[-1].end is CallEnd.EXPIRED
    assert events_of(market, LoanDefaulted) == []
    assert market.loan.status is LoanStatus.PERFORMING


def test_at_the_liquidation_ratio_there_is_no_call_to_wait_for(market):
    events = steps(market.price(7 * YUAN))
    assert [type(event) for event in events] == [LadderChanged, LoanDefaulted]
    assert events[1].cause is DefaultCause.LIQUIDATION_RATIO
    assert market.loan.status is LoanStatus.DEFAULTED


def test_the_liquidation_ratio_overtakes_a_call(market):
    call = called(market)
    events = steps(market.price(7 * YUAN))
    assert [type(event) for event in events] == [LadderChanged, MarginCallEnded, LoanDefaulted]
    assert (events[1].call_id, events[1].end) == (call.call_id, CallEnd.OVERTAKEN)


def test_a_loan_in_default_is_not_looked_at_again(market):
    market.price(7 * YUAN)
    assert steps(market.price(10 * YUAN)) == []
    assert market.loan.status is LoanStatus.DEFAULTED


def test_a_loan_whose_collateral_is_no_more_is_in_default_with_the_next_look():
    """The supplier is ended; what it had been paid, ten yuan, is less than 26 have lent."""
    market = LendingMarket(index_micro=26 * YUAN)
    market.drawn()
    market.mark()
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(2, TerminateSupplier(supplier_account_id=SUPPLIER))
    cross(market, market.state.market_ns)
    assert market.state.pledges[1].status is PledgeStatus.MATURED
    assert market.loan.status is LoanStatus.PERFORMING
    owed_amount = market.loan.principal_amount
    assert owed_amount > 0
    market.withdraw(TRADER, market.cash(TRADER) - 1)
    default = market.mark()[-2]
    assert isinstance(default, LoanDefaulted)
    assert (default.cause, default.value_amount) == (DefaultCause.LIQUIDATION_RATIO, 0)
    assert default.owed_amount == owed_amount - 1, "the last fen went for the covenant"
    assert_refused(market, 0, MarkPledges(), Reason.EMPTY)
    market.assert_replays()


def test_a_loan_that_still_owes_at_its_maturity_is_in_default():
    market = LendingMarket()
    market.drawn(principal_amount=1_000, maturity_day=TODAY + 5)
    due_ns = gate_ns(TODAY + 5)
    cross(market, due_ns - 1)
    assert events_of(market, LoanDefaulted) == []
    cross(market, due_ns)
    (default,) = events_of(market, LoanDefaulted)
    assert default.cause is DefaultCause.MATURITY
    assert market.state.loan_dues == []
    market.assert_replays()


def test_a_loan_that_is_repaid_in_time_has_no_maturity():
    market = LendingMarket()
    market.drawn(principal_amount=1_000, maturity_day=TODAY + 5)
    market.do(TRADER, repay(2_000))
    cross(market, gate_ns(TODAY + 6))
    assert events_of(market, LoanDefaulted) == []


# -- disputes --------------------------------------------------------------------------------------


@pytest.fixture
def disputing(request) -> LendingMarket:
    """
    A loan at 65 %, called; from 72.5 % on a call that expires is a default.

    At the price of 8.80 its mark would have to be 13.6 % higher for nothing to be called, and at
    8.20 22 %.
    """
    market = LendingMarket()
    lenient = replace(genesis.risk_parameters(), base_ppm=100_000)
    market.do(1, PublishRiskParameters(risk_parameters=lenient))
    market.drawn(138_370_000, collateral=[offer(pledged_qty=80), offer(pledged_qty=20)])
    market.mark()
    market.price(getattr(request, "param", 88 * YUAN // 10))
    assert market.loan.status is LoanStatus.MARGIN_CALLED
    return market


DEEPER = pytest.mark.parametrize("disputing", [82 * YUAN // 10], indirect=True)


def undisputed_amount(market: LendingMarket) -> int:
    """The least to pay now for claims of 15 % above both marks to cover the rest when it is due."""
    loan = market.loan
    claimed_amount = sum(
        market.state.pledges[each].mark.value_amount * 115 // 100 for each in loan.pledge_ids
    )
    covered_amount = claimed_amount * loan.drawn_ltv_ppm // PPM_WHOLE
    days_count = day_at(loan.call_due_ns) - loan.accrued_day

    def owed_amount(principal_amount: int) -> int:
        return principal_amount + accrued_amount(principal_amount, loan.interest_ppm, days_count)

    kept_amount = bisect_right(range(covered_amount), covered_amount, key=owed_amount) - 1
    return loan.principal_amount - kept_amount


def test_a_call_waits_for_a_ruling_where_a_claim_covers_what_is_owed(disputing):
    call = disputing.loan.call
    first_id, second_id = disputed(disputing), disputed(disputing, pledge_id=2)
    cross(disputing, call.due_ns)
    later_ns = gate_ns(TODAY + 3)
    extended = MarginCallExtended(call_id=call.call_id, loan_id=1, due_ns=later_ns)
    assert events_of(disputing, MarginCallExtended) == [extended]
    assert disputing.loan.status is LoanStatus.MARGIN_CALLED
    for dispute_id in (first_id, second_id):
        ruled(disputing, dispute_id)
    cross(disputing, later_ns)
    assert events_of(disputing, LoanDefaulted)[-1].cause is DefaultCause.CALL_EXPIRED
    disputing.assert_replays()


def test_a_dispute_that_nobody_rules_holds_a_call_up_for_a_week_of_trading_days(disputing):
    for pledge_id in (1, 2):
        disputed(disputing, pledge_id=pledge_id)
    cross(disputing, gate_ns(TODAY + 2 + RULING_DAYS_COUNT) - 1)
    assert len(events_of(disputing, MarginCallExtended)) == RULING_DAYS_COUNT
    assert disputing.loan.status is LoanStatus.MARGIN_CALLED
    cross(disputing, gate_ns(TODAY + 2 + RULING_DAYS_COUNT))
    assert events_of(disputing, LoanDefaulted)[-1].cause is DefaultCause.CALL_EXPIRED
    disputing.assert_replays()


@DEEPER
@pytest.mark.parametrize("is_paid", [True, False])
def test_a_claim_counts_as_far_as_a_mark_rises_by_itself_and_the_rest_is_paid(disputing, is_paid):
    for pledge_id in (1, 2):
        disputed(disputing, pledge_id=pledge_id)
    amount = undisputed_amount(disputing)
    assert 0 < amount < disputing.loan.call.call_cash_amount // 2
    disputing.do(TRADER, repay(amount if is_paid else amount - 1))
    cross(disputing, disputing.loan.call_due_ns)
    assert len(events_of(disputing, MarginCallExtended)) == is_paid
    disputing.assert_replays()


def test_a_claim_that_leaves_something_undisputed_stops_nothing(disputing):
    value_amount = disputing.state.pledges[1].mark.value_amount
    disputed(disputing, value_amount + 1_000)
    cross(disputing, disputing.loan.call_due_ns)
    assert disputing.loan.status is LoanStatus.DEFAULTED


@pytest.mark.parametrize("line", [line for line in MarkLine if line is not MarkLine.VALUE])
def test_a_line_that_the_ladder_does_not_look_at_holds_nothing_up(disputing, line):
    for pledge_id in (1, 2):
        disputed(disputing, pledge_id=pledge_id, line=line)
    cross(disputing, disputing.loan.call_due_ns)
    assert events_of(disputing, MarginCallExtended) == []
    assert disputing.loan.status is LoanStatus.DEFAULTED


def test_a_bank_s_disputes_hold_nothing_up_and_leave_the_borrower_its_own(disputing):
    for pledge_id in (1, 2):
        disputed(disputing, 0, BANK, pledge_id)
    for pledge_id in (1, 2):
        disputed(disputing, pledge_id=pledge_id)
    cross(disputing, disputing.loan.call_due_ns)
    assert len(events_of(disputing, MarginCallExtended)) == 1
    disputing.assert_replays()


def test_a_bank_does_not_hold_up_the_call_that_it_may_enforce(disputing):
    for pledge_id in (1, 2):
        disputed(disputing, key_id=BANK, pledge_id=pledge_id)
    cross(disputing, disputing.loan.call_due_ns)
    assert disputing.loan.status is LoanStatus.DEFAULTED
