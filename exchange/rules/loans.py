"""
Loans on unit-days, up to the drawing.

    applied ──offer──▶ approved ──draw──▶ drawn ─▶ performing ⇄ margin_called ─▶ defaulted
       └── decline, or 16:00 of the next trading day (terms: of the second) ──▶ ended

The borrower asks one bank and names what it puts up; each part is a requested pledge, valued at
once, which encumbers nothing. The bank's terms are firm and its principal is held until they are
taken or lapse. Drawing puts all liens on and pays the principal, in one record: either both or
neither. What follows is in `loan_review`, `repayments`, `collateral_changes` and `loan_clock`.
"""

from exchange.domain.enums import LoanEnd, LoanStatus, Purpose, Role
from exchange.domain.events import Event, PledgeAccepted, PledgeDeclined, PledgeRequested
from exchange.domain.lending_commands import (
    ApplyForLoan,
    CollateralOffer,
    DeclineLoan,
    DrawLoan,
    OfferLoan,
)
from exchange.domain.lending_events import (
    LoanApplied,
    LoanApproved,
    LoanDrawn,
    LoanEnded,
)
from exchange.domain.movements import CashPaid, HoldClosed, HoldOpened
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .fresh_marks import at_worse_shares, changed_marks
from .lending_past import note_loan_over
from .lending_state import Loan
from .listing import trading_gate_ns
from .loan_cover import Cover, Marks, cover_of, known_loan, own_loan
from .loan_dues import note_due
from .pledges import require_bought, require_free, require_size, require_window
from .state import State
from .valuation import mark_of, taken_mark

MAX_APPLICATIONS = 20
"""Undrawn loans of one borrower: each is valued in every cycle."""
_UNDRAWN = (LoanStatus.APPLIED, LoanStatus.APPROVED)

# -- decide ---------------------------------------------------------------------------------------


def decide_apply(command: ApplyForLoan, state: State, account_id: int) -> list[Event]:
    """Asks a bank, with free unit-days of the future, all free together."""
    bank_id = command.bank_account_id
    state.participant_with(bank_id, Role.BANK)
    require(bank_id != account_id, Reason.SAME_PERSON, account_id)
    open_count = sum(
        loan.status in _UNDRAWN and loan.applied.account_id == account_id
        for loan in state.loans.values()
    )
    require(open_count < MAX_APPLICATIONS, Reason.DESK_ITEMS, open_count, MAX_APPLICATIONS)
    today = day_at(state.market_ns)
    last_day = max(offer.end_day for offer in command.collateral) - 1
    maturity_day = command.maturity_day
    require(maturity_day > today, Reason.BAD_WINDOW, maturity_day, today)
    require(maturity_day <= last_day, Reason.BAD_WINDOW, maturity_day, last_day)
    loan_id = state.loan_count + 1
    requests = [
        requested(offer, number, loan_id, bank_id, state, account_id)
        for number, offer in enumerate(command.collateral, start=state.pledge_count + 1)
    ]
    require_free(requests, state)
    applied = LoanApplied(
        loan_id=loan_id,
        account_id=account_id,
        bank_account_id=bank_id,
        principal_amount=command.principal_amount,
        maturity_day=maturity_day,
        pledge_ids=[request.pledge_id for request in requests],
        lapse_ns=trading_gate_ns(today, 1, state),
    )
    marks = [mark_of(request, request.pledged_qty, state) for request in requests]
    require_size(marks)
    return [applied, *requests, *marks]


def decide_offer(command: OfferLoan, state: State, account_id: int) -> list[Event]:
    """
    The bank's terms: at most what was asked for, what the collateral lends, and its cash.

    The collateral is marked in the bank's own pool here for the first time, at the nodes' marks of
    this moment (`fresh_marks`), as when it is drawn; what it lends there is the limit.
    """
    loan = known_loan(command.loan_id, state)
    applied = loan.applied
    require(applied.bank_account_id == account_id, Reason.UNKNOWN_LOAN, command.loan_id)
    require(loan.status is LoanStatus.APPLIED, Reason.WRONG_STATE, command.loan_id)
    principal_amount = command.principal_amount
    marks = {each: taken_mark(state.pledges[each], state) for each in loan.pledge_ids}
    cover = _cover(loan, marks, state)
    most_amount = min(applied.principal_amount, cover.lendable_amount)
    require(principal_amount <= most_amount, Reason.LENDABLE, principal_amount, most_amount)
    available_amount, _ = state.core.balances(account_id)
    require(principal_amount <= available_amount, Reason.CASH, principal_amount, available_amount)
    approved = LoanApproved(
        loan_id=command.loan_id,
        principal_amount=principal_amount,
        interest_ppm=command.interest_ppm,
        value_amount=cover.value_amount,
        lendable_amount=cover.lendable_amount,
        # The application lapses on the first trading day after it was made, the terms a day later.
        lapse_ns=trading_gate_ns(day_at(applied.lapse_ns), 1, state),
    )
    held = HoldOpened(hold_id=state.seq + 1, account_id=account_id, held_amount=principal_amount)
    return [*marks.values(), approved, held]


def decide_decline(command: DeclineLoan, state: State, account_id: int) -> list[Event]:
    """Either side ends what is not drawn."""
    loan = own_loan(command.loan_id, state, account_id)
    require(loan.status in _UNDRAWN, Reason.WRONG_STATE, command.loan_id)
    is_bank = loan.applied.bank_account_id == account_id
    return ended(loan, LoanEnd.DECLINED if is_bank else LoanEnd.WITHDRAWN)


def decide_draw(command: DrawLoan, state: State, account_id: int) -> list[Event]:
    """The borrower takes the terms, if the days are still free and still lend as much."""
    loan = own_loan(command.loan_id, state, account_id)
    applied = loan.applied
    require(applied.account_id == account_id, Reason.UNKNOWN_LOAN, command.loan_id)
    require(loan.status is LoanStatus.APPROVED, Reason.WRONG_STATE, command.loan_id)
    today = day_at(state.market_ns)
    requests = [state.pledges[pledge_id].request for pledge_id in loan.pledge_ids]
    first_day = min(request.start_day for request in requests)
    require(first_day > today, Reason.TOO_LATE, today, first_day)
    maturity_ns = trading_gate_ns(applied.maturity_day - 1, 1, state)
    is_ahead = maturity_ns > state.market_ns
    require(is_ahead, Reason.TOO_LATE, today, applied.maturity_day)
    require_free(requests, state)
    marks = changed_marks(loan, state)
    cover = _cover(loan, marks, state)
    principal_amount = loan.principal_amount
    is_covered = principal_amount <= cover.lendable_amount
    require(is_covered, Reason.LENDABLE, principal_amount, cover.lendable_amount)
    drawn = LoanDrawn(
        loan_id=command.loan_id,
        principal_amount=principal_amount,
        value_amount=cover.value_amount,
        drawn_ltv_ppm=cover.ltv_ppm,
        maturity_ns=maturity_ns,
    )
    paid = CashPaid(
        payer_account_id=applied.bank_account_id,
        payee_account_id=account_id,
        paid_amount=principal_amount,
        purpose=Purpose.LOAN,
    )
    return [
        *marks.values(),
        drawn,
        HoldClosed(hold_id=loan.hold_id, account_id=applied.bank_account_id),
        *(PledgeAccepted(pledge_id=pledge_id) for pledge_id in loan.pledge_ids),
        paid,
    ]


def ended(loan: Loan, end: LoanEnd) -> list[Event]:
    """The end of a loan that was never drawn, with what it had asked for and set aside."""
    events: list[Event] = [LoanEnded(loan_id=loan.applied.loan_id, end=end)]
    if loan.hold_id:
        bank_id = loan.applied.bank_account_id
        events.append(HoldClosed(hold_id=loan.hold_id, account_id=bank_id))
    return [*events, *(PledgeDeclined(pledge_id=pledge_id) for pledge_id in loan.pledge_ids)]


def requested(
    offer: CollateralOffer, pledge_id: int, loan_id: int, bank_id: int, state: State, owner_id: int
) -> PledgeRequested:
    """The pledge that an offer asks for; refuses what cannot be pledged, or not be sold then."""
    request = PledgeRequested(
        pledge_id=pledge_id,
        account_id=owner_id,
        bank_account_id=bank_id,
        product_id=offer.product_id,
        start_day=offer.start_day,
        end_day=offer.end_day,
        pledged_qty=offer.pledged_qty,
        loan_id=loan_id,
    )
    require_window(request, state)
    require_bought(request, state)
    return request


def _cover(loan: Loan, changes: Marks, state: State) -> Cover:
    """What the pledges asked for lend; `changes` are about to be published."""
    marks = {}
    for pledge_id in loan.pledge_ids:
        mark = changes.get(pledge_id, state.pledges[pledge_id].mark)
        assert mark is not None, "a pledge of a loan is valued when it is asked for"
        marks[pledge_id] = mark
    return cover_of(at_worse_shares(loan, marks, state))


# -- evolve ---------------------------------------------------------------------------------------


def evolve_applied(event: LoanApplied, state: State) -> None:
    """The bank has the word."""
    loan = Loan(event, LoanStatus.APPLIED, [], lapse_ns=event.lapse_ns)
    state.loans[event.loan_id] = loan
    state.loan_count = event.loan_id
    note_due(loan, state)


def evolve_approved(event: LoanApproved, state: State) -> None:
    """The borrower has the word."""
    loan = state.loans[event.loan_id]
    loan.status = LoanStatus.APPROVED
    loan.principal_amount, loan.interest_ppm = event.principal_amount, event.interest_ppm
    loan.hold_id, loan.lapse_ns = state.seq, event.lapse_ns
    note_due(loan, state)


def evolve_ended(event: LoanEnded, state: State) -> None:
    """It was never drawn, and owes nothing."""
    loan = state.loans[event.loan_id]
    loan.status, loan.principal_amount, loan.hold_id = LoanStatus.ENDED, 0, 0
    note_due(loan, state)
    note_loan_over(event.loan_id, state)


def evolve_drawn(event: LoanDrawn, state: State) -> None:
    """Interest runs from today."""
    loan = state.loans[event.loan_id]
    loan.status, loan.hold_id = LoanStatus.DRAWN, 0
    loan.accrued_day = day_at(state.market_ns)
    loan.drawn_ltv_ppm, loan.maturity_ns = event.drawn_ltv_ppm, event.maturity_ns
    note_due(loan, state)
