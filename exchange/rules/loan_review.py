"""
What marks and payments do to a drawn loan: its ladder, its calls, its covenant, its default.

    OK ─▶ WATCH ─▶ MARGIN_CALL ─▶ LIQUIDATE     the model's ladder, on what is owed and what the
                       │              │         collateral is worth at the marks in force
                  call issued     defaulted
                 met │ expired ──▶ defaulted, if it is still at the call or beyond

A call is met when the loan is back at its ratio at drawdown, or when as much cash as was called has
come since. It is looked at with every payment, added pledge and review. A review alone calls and
puts into default: whoever pays is never worse off for it.
"""

from exchange.collateral.ladder import Ladder, ladder, lendable_amount
from exchange.domain.enums import (
    IN_SERVICE,
    CallEnd,
    DefaultCause,
    LadderStatus,
    LoanStatus,
    MarkLine,
    RepaymentSource,
)
from exchange.domain.events import Event
from exchange.domain.lending_events import (
    CovenantTested,
    LadderChanged,
    LoanDefaulted,
    MarginCallEnded,
    MarginCallExtended,
    MarginCallIssued,
)
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at

from .listing import trading_gate_ns
from .loan_cover import Debt, Marks, debt_of, marks_of, value_behind
from .loan_dues import note_due
from .loan_ends import call_ended, closing, cured, lifted, parameters_of
from .loan_waterfall import cash_to_bank, receipt
from .state import State

_STEPS = list(LadderStatus)
RULING_DAYS_COUNT = 5
"""Trading days for which disputes hold up a call that is due; then the mark as it is counts."""


def review(
    loan_id: int,
    marks: Marks,
    state: State,
    taken_amounts: dict[int, int] | None = None,
    *,
    is_value_ruled: bool = False,
) -> list[Event]:
    """
    What follows for a loan; nothing for one that is not drawn, or in default already.

    A liquidation is over when there is nothing left for it to sell, and a default when one of the
    marks has a value that is ruled now, at which it is none.

    `taken_amounts` is the cash that the record has taken already, by account.
    """
    loan = state.loans[loan_id]
    debt = debt_of(loan, day_at(state.market_ns))
    value_amount = value_behind(loan, state, marks)
    if loan.status is LoanStatus.LIQUIDATING:
        return cured(debt, value_amount, state)
    if loan.status is LoanStatus.DEFAULTED and is_value_ruled:
        return lifted(debt, value_amount, state)
    if loan.status not in IN_SERVICE:
        return []
    events: list[Event] = []
    if loan.is_covenant_due:
        taken_amounts = {} if taken_amounts is None else taken_amounts
        events = _covenant(debt, value_amount, taken_amounts, state)
        if debt.due_amount == 0:
            return [*events, *closing(debt, state)]
    return [*events, *_steps(debt, value_amount, state)]


def eased(debt: Debt, value_amount: int, state: State) -> list[Event]:
    """What follows from payments or from more collateral: only what is good for the borrower."""
    loan = debt.loan
    if debt.due_amount == 0:
        return closing(debt, state)
    if loan.status is LoanStatus.LIQUIDATING:
        return cured(debt, value_amount, state)
    if loan.status not in IN_SERVICE:
        return []
    events: list[Event] = []
    if loan.call is not None and _is_met(debt, value_amount):
        events.append(call_ended(loan, CallEnd.MET))
    now = _ladder(debt, value_amount, state)
    if _STEPS.index(now.status) < _STEPS.index(loan.ladder_status):
        events.append(_changed(debt, value_amount, now))
    return events


def call_over(debt: Debt, to_ns: int, state: State) -> list[Event]:
    """The open call's time is over: default, if the loan is still where it was called."""
    loan = debt.loan
    call = loan.call
    assert call is not None, "the clock came for a call"
    value_amount = value_behind(loan, state)
    if _is_met(debt, value_amount):
        return [call_ended(loan, CallEnd.MET)]
    latest_ns = trading_gate_ns(day_at(call.due_ns), RULING_DAYS_COUNT, state)
    if to_ns < latest_ns and _is_undisputed_part_paid(debt, value_amount, state):
        due_ns = trading_gate_ns(day_at(to_ns), 1, state)
        loan_id = loan.applied.loan_id
        return [MarginCallExtended(call_id=call.call_id, loan_id=loan_id, due_ns=due_ns)]
    events: list[Event] = [call_ended(loan, CallEnd.EXPIRED)]
    now = _ladder(debt, value_amount, state, is_cure_expired=True)
    if now.status is not loan.ladder_status:
        events.append(_changed(debt, value_amount, now))
    if now.status is LadderStatus.LIQUIDATE:
        events.append(_default(debt, value_amount, DefaultCause.CALL_EXPIRED))
    return events


def defaulted(debt: Debt, cause: DefaultCause, state: State) -> list[Event]:
    """The loan is in default, whatever was called."""
    loan = debt.loan
    overtaken = [] if loan.call is None else [call_ended(loan, CallEnd.OVERTAKEN)]
    return [*overtaken, _default(debt, value_behind(loan, state), cause)]


def _steps(debt: Debt, value_amount: int, state: State) -> list[Event]:
    """Where the loan stands now, and what is called or over because of it."""
    loan = debt.loan
    now = _ladder(debt, value_amount, state)
    events: list[Event] = []
    if now.status is not loan.ladder_status or loan.status is LoanStatus.DRAWN:
        events.append(_changed(debt, value_amount, now))
    call = loan.call
    if call is not None and _is_met(debt, value_amount):
        events.append(call_ended(loan, CallEnd.MET))
        call = None
    if now.status is LadderStatus.LIQUIDATE:
        if call is not None:
            events.append(call_ended(loan, CallEnd.OVERTAKEN))
        events.append(_default(debt, value_amount, DefaultCause.LIQUIDATION_RATIO))
    elif now.status is LadderStatus.MARGIN_CALL and call is None and now.call_cash_amount:
        events.append(
            MarginCallIssued(
                call_id=state.seq + 1,
                loan_id=loan.applied.loan_id,
                owed_amount=debt.owed_amount,
                value_amount=value_amount,
                call_cash_amount=now.call_cash_amount,
                call_collateral_amount=now.call_collateral_amount,
                due_ns=trading_gate_ns(
                    day_at(state.market_ns), parameters_of(state).cure_days_count, state
                ),
            )
        )
    return events


def _covenant(
    debt: Debt, value_amount: int, taken_amounts: dict[int, int], state: State
) -> list[Event]:
    """Principal beyond the ratio at drawdown is paid, as far as the borrower's cash reaches."""
    applied = debt.loan.applied
    borrower_id = applied.account_id
    covered_amount = lendable_amount(value_amount, debt.loan.drawn_ltv_ppm)
    due_amount = max(0, debt.principal_amount - covered_amount)
    available_amount, _ = state.core.balances(borrower_id)
    left_amount = available_amount - taken_amounts.get(borrower_id, 0)
    paid_amount = min(due_amount, left_amount)
    tested = CovenantTested(
        loan_id=applied.loan_id,
        principal_amount=debt.principal_amount,
        value_amount=value_amount,
        due_amount=due_amount,
        paid_amount=paid_amount,
    )
    if not paid_amount:
        return [tested]
    taken_amounts[borrower_id] = taken_amounts.get(borrower_id, 0) + paid_amount
    paid = debt.take_principal(paid_amount)
    repaid = receipt(debt.loan, paid, RepaymentSource.COVENANT)
    return [tested, *repaid, *cash_to_bank(debt.loan, paid)]


def _ladder(
    debt: Debt, value_amount: int, state: State, *, is_cure_expired: bool = False
) -> Ladder:
    return ladder(
        debt.owed_amount,
        value_amount,
        debt.loan.drawn_ltv_ppm,
        parameters_of(state),
        is_cure_expired=is_cure_expired,
    )


def _is_met(debt: Debt, value_amount: int) -> bool:
    call = debt.loan.call
    assert call is not None, "only a call is met"
    is_back = debt.owed_amount <= lendable_amount(value_amount, debt.loan.drawn_ltv_ppm)
    return is_back or debt.call_paid_amount >= call.call_cash_amount


def _is_undisputed_part_paid(debt: Debt, value_amount: int, state: State) -> bool:
    """
    Whether the borrower disputes a value, and at what it claims the call would be met.

    The ladder looks at values alone, so neither a dispute of a haircut's line holds a call up nor
    one of the bank's. Until it is ruled a claim is the word of one side: like any rise that no
    second source confirms, it counts for `rise_cap_ppm` above the mark in force at most, down.
    """
    marks = marks_of(debt.loan, state)
    most_ppm = PPM_WHOLE + parameters_of(state).rise_cap_ppm
    rise_amounts = [
        min(each.claimed_amount, marks[each.pledge_id].value_amount * most_ppm // PPM_WHOLE)
        - marks[each.pledge_id].value_amount
        for each in (dispute.disputed for dispute in state.mark_disputes.values())
        if each.pledge_id in marks
        and each.account_id == debt.loan.applied.account_id
        and each.line is MarkLine.VALUE
    ]
    covered_amount = lendable_amount(value_amount + sum(rise_amounts), debt.loan.drawn_ltv_ppm)
    return bool(rise_amounts) and debt.owed_amount <= covered_amount


def _changed(debt: Debt, value_amount: int, now: Ladder) -> LadderChanged:
    return LadderChanged(
        loan_id=debt.loan.applied.loan_id,
        ladder_status=now.status,
        owed_amount=debt.owed_amount,
        value_amount=value_amount,
        ltv_ppm=now.ltv_ppm,
    )


def _default(debt: Debt, value_amount: int, cause: DefaultCause) -> LoanDefaulted:
    return LoanDefaulted(
        loan_id=debt.loan.applied.loan_id,
        cause=cause,
        owed_amount=debt.owed_amount,
        value_amount=value_amount,
    )


# -- evolve ---------------------------------------------------------------------------------------


def evolve_ladder(event: LadderChanged, state: State) -> None:
    """The loan is on another step; the first look makes a drawn loan a performing one."""
    loan = state.loans[event.loan_id]
    loan.ladder_status = event.ladder_status
    if loan.status is LoanStatus.DRAWN:
        loan.status = LoanStatus.PERFORMING


def evolve_covenant(event: CovenantTested, state: State) -> None:
    """The final day has been looked at."""
    state.loans[event.loan_id].is_covenant_due = False


def evolve_call(event: MarginCallIssued, state: State) -> None:
    """The borrower has the word."""
    loan = state.loans[event.loan_id]
    loan.status, loan.call, loan.call_paid_amount = LoanStatus.MARGIN_CALLED, event, 0
    loan.call_due_ns = event.due_ns
    note_due(loan, state)


def evolve_extension(event: MarginCallExtended, state: State) -> None:
    """The call waits for a ruling."""
    loan = state.loans[event.loan_id]
    loan.call_due_ns = event.due_ns
    note_due(loan, state)


def evolve_call_end(event: MarginCallEnded, state: State) -> None:
    """Nothing is called."""
    loan = state.loans[event.loan_id]
    loan.status, loan.call = LoanStatus.PERFORMING, None
    loan.call_paid_amount = loan.call_due_ns = 0
    note_due(loan, state)


def evolve_default(event: LoanDefaulted, state: State) -> None:
    """The bank may enforce."""
    loan = state.loans[event.loan_id]
    loan.status = LoanStatus.DEFAULTED
    note_due(loan, state)
