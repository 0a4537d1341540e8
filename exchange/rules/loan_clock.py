"""
What the clock does to loans: applications and terms lapse, margin calls run out, loans fall due.

Each loan has one moment at which the clock comes to it next (`due_ns`); a record takes up to
`LOANS_COUNT` of them.
"""

from exchange.domain.enums import IN_SERVICE, DefaultCause, LoanEnd
from exchange.domain.events import Event
from exchange.domain.windows import day_at

from .lending_state import Loan
from .loan_cover import debt_of
from .loan_review import call_over, defaulted
from .loans import ended
from .state import State

LOANS_COUNT = 20


def next_loan_ns(state: State) -> int | None:
    """When a loan is due next; not after now where work is left."""
    return state.loan_dues[0][0] if state.loan_dues else None


def due_loans(to_ns: int, state: State) -> list[Event]:
    """What is due of loans by a moment, as far as one record goes."""
    events: list[Event] = []
    for due_ns, loan_id in state.loan_dues[:LOANS_COUNT]:
        if due_ns > to_ns:
            break
        events += _due(state.loans[loan_id], to_ns, state)
    return events


def _due(loan: Loan, to_ns: int, state: State) -> list[Event]:
    if loan.status not in IN_SERVICE:
        return ended(loan, LoanEnd.LAPSED)
    debt = debt_of(loan, day_at(to_ns))
    if loan.maturity_ns <= to_ns:
        return defaulted(debt, DefaultCause.MATURITY, state)
    return call_over(debt, to_ns, state)
