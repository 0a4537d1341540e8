"""
What a bank may release: all that a drawn loan does not need.

After a release the loan is covered by the borrowing base of what is left; the ladder decides calls,
the base decides releases. What is left of a pledge is valued anew, for a mark is for a quantity.
"""

from exchange.domain.enums import OWING
from exchange.domain.events import Event, PledgeReleased
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .lending_state import Loan, Pledge
from .loan_cover import cover_of, debt_of, marks_of
from .state import State
from .valuation import mark_of


def released(pledge: Pledge, released_qty: int, state: State) -> list[Event]:
    """The release of so many GPUs; refuses where it would uncover the loan that they secure."""
    request = pledge.request
    left_qty = pledge.pledged_qty - released_qty
    marks = [mark_of(request, left_qty, state)] if left_qty else []
    loan = state.loans.get(request.loan_id)
    if loan is not None and loan.status in OWING:
        _require_covered(loan, request.pledge_id, marks, state)
    return [PledgeReleased(pledge_id=request.pledge_id, released_qty=released_qty), *marks]


def _require_covered(loan: Loan, pledge_id: int, left: list[PledgeMarked], state: State) -> None:
    rest = [mark for key, mark in marks_of(loan, state).items() if key != pledge_id]
    due_amount = debt_of(loan, day_at(state.market_ns)).due_amount
    base_amount = cover_of([*rest, *left]).base_amount
    require(due_amount <= base_amount, Reason.NOT_COVERED, due_amount, base_amount)
