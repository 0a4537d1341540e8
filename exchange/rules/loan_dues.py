"""When the clock comes to a loan by itself; for `evolve` only."""

from bisect import insort

from exchange.domain.enums import IN_SERVICE, LoanStatus

from .lending_state import Loan
from .state import State


def note_due(loan: Loan, state: State) -> None:
    """Puts a loan where it belongs in the order of what is due."""
    loan_id = loan.applied.loan_id
    if loan.due_ns:
        state.loan_dues.remove((loan.due_ns, loan_id))
    loan.due_ns = _due_ns(loan)
    if loan.due_ns:
        insort(state.loan_dues, (loan.due_ns, loan_id))


def _due_ns(loan: Loan) -> int:
    if loan.status in (LoanStatus.APPLIED, LoanStatus.APPROVED):
        return loan.lapse_ns
    if loan.status not in IN_SERVICE:
        return 0
    return loan.maturity_ns if loan.call is None else min(loan.maturity_ns, loan.call_due_ns)
