"""
What a borrower pays on a loan; what its pledged days earn is in `earnings`.

All of it goes down the one waterfall (`loan_waterfall`): interest first, then principal, and before
them the costs of a loan that was enforced; at most what is due is taken. When nothing is due the
loan is over and its liens are off. Whether a payment ends a call, or takes the loan down a step of
its ladder, is seen at the marks of this moment (`fresh_marks`).
"""

from exchange.domain.enums import OWING, LadderStatus, LoanStatus, RepaymentSource
from exchange.domain.events import Event
from exchange.domain.lending_commands import RepayLoan
from exchange.domain.lending_events import LoanRepaid, PledgeMarked
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .fresh_marks import changed_marks
from .lending_state import Loan
from .loan_cover import debt_of, owed_amounts, own_loan, value_behind
from .loan_review import eased
from .loan_waterfall import cash_to_bank, receipt
from .state import State

_IN_DEFAULT = (LoanStatus.DEFAULTED, LoanStatus.LIQUIDATING)

# -- decide ---------------------------------------------------------------------------------------


def decide_repay(command: RepayLoan, state: State, account_id: int) -> list[Event]:
    """Cash of the borrower. In default only all of it helps: a call's time to cure is over."""
    loan = own_loan(command.loan_id, state, account_id)
    applied = loan.applied
    require(applied.account_id == account_id, Reason.UNKNOWN_LOAN, command.loan_id)
    require(loan.status in OWING, Reason.WRONG_STATE, command.loan_id)
    debt = debt_of(loan, day_at(state.market_ns))
    paid_amount = min(command.repaid_amount, debt.due_amount)
    is_in_time = loan.status not in _IN_DEFAULT or paid_amount == debt.due_amount
    require(is_in_time, Reason.IN_DEFAULT, command.repaid_amount, debt.due_amount)
    available_amount, _ = state.core.balances(account_id)
    require(paid_amount <= available_amount, Reason.CASH, paid_amount, available_amount)
    paid = debt.take(paid_amount)
    marks = _marks_to_ease_at(loan, state) if debt.due_amount else {}
    return [
        *marks.values(),
        *receipt(loan, paid, RepaymentSource.CASH),
        *cash_to_bank(loan, paid),
        *eased(debt, value_behind(loan, state, marks), state),
    ]


def _marks_to_ease_at(loan: Loan, state: State) -> dict[int, PledgeMarked]:
    """The marks that changed, where a payment could end a call or take the loan down a step."""
    is_in_order = loan.call is None and loan.ladder_status is LadderStatus.OK
    return {} if is_in_order else changed_marks(loan, state)


# -- evolve ---------------------------------------------------------------------------------------


def evolve_repaid(event: LoanRepaid, state: State) -> None:
    """Less is owed, and interest runs on from today."""
    loan = state.loans[event.loan_id]
    today = day_at(state.market_ns)
    interest_amount, principal_amount = owed_amounts(loan, today)
    loan.interest_amount = interest_amount - event.interest_amount
    loan.principal_amount = principal_amount - event.principal_amount
    loan.accrued_day = today
    assert loan.interest_amount >= 0, "no more interest is paid than is owed"
    assert loan.principal_amount >= 0, "no more principal is paid than is owed"
    if loan.call is not None:
        loan.call_paid_amount += event.interest_amount + event.principal_amount
