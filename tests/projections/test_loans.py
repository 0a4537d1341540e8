"""Loans as they are shown: owed to the day, called, in default, sold; and never another's."""

import pytest
from msgspec.structs import replace

from exchange.collateral.interest import accrued_amount
from exchange.domain import lending_events as e
from exchange.domain.enums import (
    CallEnd,
    DefaultCause,
    LadderStatus,
    LoanEnd,
    LotEnd,
    PledgeStatus,
    TradingMode,
)
from exchange.domain.events import PledgeAccepted, PledgeReleased
from exchange.projections import Projections
from exchange.projections.loan_views import loans_view
from exchange.projections.loans import Loans
from tests.projections.lending_tape import (
    OTHER_BANK,
    OTHER_TRADER,
    PARAMETERS,
    PRINCIPAL,
    SIX_PER_CENT,
    YEAR,
    LendingTape,
    inputs,
    marked,
    requested,
)
from tests.projections.records import BANK, FIRST_DAY, SUPPLIER, TRADER


def shown(tape: LendingTape, account_id: int = TRADER, loan_id: int = 1):
    """A loan as an account sees it."""
    [loan] = loans_view(account_id, tape.projection, loan_id).loans
    return loan


@pytest.fixture
def tape() -> LendingTape:
    """A loan drawn on the log's first day."""
    made = LendingTape()
    made.lend(1, 1)
    return made


def lot(tape: LendingTape, **more) -> e.LotOffered:
    """Half of the pledge on offer."""
    fields = {
        "lot_id": len(tape.records) + 1,
        "loan_id": 1,
        "pledge_id": 1,
        "mode": TradingMode.TITLE,
        "product_id": 1,
        "start_day": YEAR[0],
        "end_day": YEAR[1],
        "lot_qty": 500,
        "start_price": 800,
        "floor_price": 400,
        "step_price": 10,
        "step_ns": 60,
        "offered_ns": tape.market_ns,
        "end_ns": tape.market_ns + 9,
        "buyer_account_id": 0,
    }
    return e.LotOffered(**(fields | more))


# -- before it is drawn ----------------------------------------------------------------------------


def test_an_application_owes_nothing_and_shows_what_it_would_lend():
    tape = LendingTape()
    tape.apply_for(1, 1)
    loan = shown(tape)
    assert (loan.loan_status, loan.owed_amount, loan.principal_amount) == ("applied", 0, 0)
    assert (loan.value_amount, loan.base_amount) == (0, 0)
    [pledge] = loan.pledges
    assert (pledge.pledge_status, pledge.pledged_qty) == ("requested", 1_000)
    assert pledge.lendable_amount == tape.mark.lendable_amount > 0
    assert pledge.mark_seq == len(tape.records)


@pytest.mark.parametrize("end", LoanEnd)
def test_a_loan_that_was_never_drawn_says_why(end):
    tape = LendingTape()
    tape.apply_for(1, 1)
    tape.add(e.LoanEnded(loan_id=1, end=end))
    assert (shown(tape).loan_status, shown(tape).end) == ("ended", end.value)


# -- what is owed ----------------------------------------------------------------------------------


def test_interest_grows_with_the_days_of_the_market(tape):
    assert shown(tape).owed_amount == PRINCIPAL
    tape.advance(30)
    assert shown(tape).interest_amount == PRINCIPAL * SIX_PER_CENT * 30 // (360 * 10**6)
    assert shown(tape).interest_amount == 18_000_000


def test_a_payment_ends_a_stretch_and_each_stretch_is_rounded_down():
    tape = LendingTape()
    tape.apply_for(1, 1)
    tape.draw(1, 1, 1_000_001)
    tape.advance(7)
    tape.repay(1, 1_000, 1)
    tape.advance(7)
    first = accrued_amount(1_000_001, SIX_PER_CENT, 7)
    assert first == 1_166
    second = accrued_amount(1_000_000, SIX_PER_CENT, 7)
    assert shown(tape).interest_amount == first - 1_000 + second
    assert shown(tape).principal_amount == 1_000_000


def test_a_loan_that_is_repaid_owes_nothing_any_more(tape):
    tape.advance(3)
    interest_amount, principal_amount = tape.projection.loans.loans[1].owed_amounts(tape.day)
    tape.repay(1, interest_amount, principal_amount)
    tape.add(e.LoanClosed(loan_id=1), PledgeReleased(pledge_id=1, released_qty=1_000))
    tape.advance(30)
    loan = shown(tape)
    assert (loan.loan_status, loan.owed_amount, loan.value_amount) == ("repaid", 0, 0)
    assert (loan.pledges[0].pledge_status, loan.pledges[0].value_amount) == ("released", 0)


# -- what it rests on ------------------------------------------------------------------------------


def test_the_mark_in_force_is_the_last_one_and_the_base_counts_at_the_ratio_that_glides(tape):
    mark = replace(marked(1, inputs(mark_micro=7_000_000)), applied_ltv_ppm=612_345)
    tape.add(mark)
    loan = shown(tape)
    assert loan.value_amount == mark.value_amount < tape.mark.value_amount
    assert loan.base_amount == mark.value_amount * 612_345 // 10**6
    assert loan.pledges[0].lendable_amount == mark.lendable_amount


def test_collateral_that_is_added_counts_with_what_was_there(tape):
    extra = marked(2, inputs())
    tape.add(requested(2, 1), PledgeAccepted(pledge_id=2), extra)
    loan = shown(tape)
    assert [pledge.pledge_id for pledge in loan.pledges] == [1, 2]
    assert loan.value_amount == 2 * tape.mark.value_amount


def test_the_value_at_which_it_is_called_is_that_of_the_ladder(tape):
    loan = shown(tape)
    step_ppm = loan.drawn_ltv_ppm + PARAMETERS.margin_call_ppm
    at = loan.margin_call_value_amount
    assert at * step_ppm <= loan.owed_amount * 10**6 < (at + 1) * step_ppm


# -- calls -----------------------------------------------------------------------------------------


def test_a_call_is_partly_met_by_what_is_paid_and_met_in_the_end(tape):
    call_id = tape.call(1)
    [call] = shown(tape).margin_calls
    assert (call.call_id, call.call_status, call.paid_amount) == (call_id, "issued", 0)
    assert (shown(tape).loan_status, shown(tape).ladder_status) == ("margin_called", "MARGIN_CALL")
    tape.repay(1, 0, 100_000_000)
    [call] = shown(tape).margin_calls
    assert (call.call_status, call.paid_amount, call.ended_seq) == (
        "partly_met",
        100_000_000,
        0,
    )
    tape.repay(1, 0, 400_000_000)
    tape.add(e.MarginCallEnded(call_id=call_id, loan_id=1, end=CallEnd.MET))
    [call] = shown(tape).margin_calls
    assert (call.call_status, call.paid_amount) == ("met", 500_000_000)
    assert call.ended_seq == len(tape.records)
    assert shown(tape).loan_status == "performing"
    tape.repay(1, 0, 1)
    assert shown(tape).margin_calls[0].paid_amount == 500_000_000


def test_a_call_that_expires_is_a_default(tape):
    call_id = tape.call(1)
    tape.add(
        e.MarginCallEnded(call_id=call_id, loan_id=1, end=CallEnd.EXPIRED),
        e.LoanDefaulted(loan_id=1, cause=DefaultCause.CALL_EXPIRED, owed_amount=1, value_amount=1),
    )
    loan = shown(tape)
    assert (loan.loan_status, loan.default_cause) == ("defaulted", "call_expired")
    assert loan.margin_calls[0].call_status == "expired"


def test_a_step_of_the_ladder_is_shown(tape):
    tape.add(
        e.LadderChanged(
            loan_id=1,
            ladder_status=LadderStatus.WATCH,
            owed_amount=1,
            value_amount=1,
            ltv_ppm=1,
        )
    )
    assert (shown(tape).loan_status, shown(tape).ladder_status) == ("performing", "WATCH")
    assert shown(tape).changed_seq == len(tape.records)


# -- liquidation -----------------------------------------------------------------------------------


def test_a_liquidation_shows_its_costs_its_lots_and_what_is_missing(tape):
    tape.add(
        e.LoanDefaulted(
            loan_id=1, cause=DefaultCause.LIQUIDATION_RATIO, owed_amount=1, value_amount=1
        )
    )
    tape.add(e.LiquidationOpened(loan_id=1, costs_amount=1_000, evidence_sha256=bytes(32)))
    assert shown(tape).pledges[0].pledge_status == PledgeStatus.ENFORCING
    assert shown(tape).value_amount == tape.mark.value_amount
    first, second = lot(tape), lot(tape, lot_id=99)
    tape.add(first, second)
    tape.add(
        e.LotSold(
            lot_id=first.lot_id, buyer_account_id=OTHER_TRADER, lot_price=700, proceeds_amount=90
        ),
        e.WaterfallPaid(
            loan_id=1,
            lot_id=first.lot_id,
            proceeds_amount=900,
            costs_amount=900,
            interest_amount=0,
            principal_amount=0,
            fee_amount=0,
            surplus_amount=0,
        ),
    )
    tape.add(e.LotEnded(lot_id=99, end=LotEnd.UNSOLD))
    loan = shown(tape)
    assert (loan.loan_status, loan.costs_amount) == ("liquidating", 100)
    assert [(one.lot_status, one.lot_price) for one in loan.lots] == [("sold", 700), ("unsold", 0)]
    tape.add(e.LiquidationClosed(loan_id=1, shortfall_amount=77))
    assert (shown(tape).loan_status, shown(tape).shortfall_amount) == ("shortfall", 77)
    assert shown(tape).owed_amount == PRINCIPAL


def test_a_pledge_whose_days_are_over_secures_nothing(tape):
    tape.add(e.PledgeMatured(pledge_id=1))
    assert shown(tape).value_amount == 0
    assert shown(tape).pledges[0].pledge_status == "matured"


# -- who sees what ---------------------------------------------------------------------------------


def test_everybody_sees_their_own_loans_and_nobody_else_s():
    tape = LendingTape()
    tape.lend(1, 1)
    tape.lend(2, 2, OTHER_TRADER, BANK)
    tape.lend(3, 3, OTHER_TRADER, OTHER_BANK)

    def seen(account_id: int, loan_id: int = 0) -> list[int]:
        return [loan.loan_id for loan in loans_view(account_id, tape.projection, loan_id).loans]

    assert seen(TRADER) == [1]
    assert seen(OTHER_TRADER) == [2, 3]
    assert seen(BANK) == [1, 2]
    assert seen(OTHER_BANK) == [3]
    assert seen(SUPPLIER) == []
    assert seen(0) == [1, 2, 3]
    assert seen(OTHER_BANK, 1) == []
    assert seen(TRADER, 4) == []


def test_what_changed_is_noted_until_it_is_published(tape):
    loans = tape.projection.loans
    loans.changed.clear()
    tape.mark_down(1, 7_900_000)
    assert loans.changed == {1}


# -- the past --------------------------------------------------------------------------------------


def test_folded_to_a_record_it_shows_what_it_showed_then(tape):
    then = loans_view(0, tape.projection)
    tape.advance(10)
    tape.call(1)
    again = Projections()
    for record in tape.records[: then.as_of_seq]:
        again.apply(record)
    assert loans_view(0, again) == then
    assert loans_view(0, tape.projection) != then


def test_a_checkpoint_holds_lots_and_calls_that_are_still_open(tape):
    tape.call(1)
    offered = lot(tape)
    tape.add(offered)
    resumed = Loans.restore(tape.projection.loans.checkpoint())
    assert resumed.digest() == tape.projection.loans.digest()
    whole = Projections.restore(tape.projection.checkpoint())
    for projections in (tape.projection, whole):
        record = replace_seq(tape, e.LotEnded(lot_id=offered.lot_id, end=LotEnd.WITHDRAWN))
        projections.apply(record)
    assert whole.digest() == tape.projection.digest()
    assert whole.loans.loans[1].lots[0].status == "withdrawn"


def replace_seq(tape: LendingTape, event):
    """The next record, without putting it on the tape."""
    return tape.records[-1].__class__(
        len(tape.records) + 1, tape.market_ns, tape.records[-1].command, (event,)
    )


def test_the_first_day_of_a_loan_is_that_of_its_drawing(tape):
    assert shown(tape).drawn_day == FIRST_DAY
