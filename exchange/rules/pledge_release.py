"""
What a bank may release: all that a drawn loan does not need.

After a release the loan is covered by the borrowing base of what is left, at the marks of this
moment (`fresh_marks`); the ladder decides calls, the base decides releases. What is left of a
pledge is valued anew, for a mark is for a quantity. With a pledge the pool loses a part of what one
supplier delivers, so the shares of the others rise: what is left of the loan counts at the share
that it will have. The shares of the bank's other loans follow in the next cycle, which may take a
point or two a day off their base; a ladder looks at values, and no share moves it.
"""

from exchange.domain.enums import OWING
from exchange.domain.events import Event, PledgeReleased
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .fresh_marks import at_worse_shares, changed_marks
from .lending_state import Loan, Pledge
from .loan_cover import Marks, cover_of, debt_of, marks_of
from .state import State
from .valuation import mark_of


def released(pledge: Pledge, released_qty: int, state: State) -> list[Event]:
    """The release of so many GPUs; refuses where it would uncover the loan that they secure."""
    request = pledge.request
    pledge_id, left_qty = request.pledge_id, pledge.pledged_qty - released_qty
    left = {pledge_id: mark_of(request, left_qty, state)} if left_qty else {}
    event = PledgeReleased(pledge_id=pledge_id, released_qty=released_qty)
    loan = state.loans.get(request.loan_id)
    if loan is None or loan.status not in OWING:
        return [event, *left.values()]
    changes = changed_marks(loan, state)
    changes.pop(pledge_id, None)
    marks = marks_of(loan, state, changes)
    marks.pop(pledge_id, None)
    _require_covered(loan, {**marks, **left}, state)
    return [*changes.values(), event, *left.values()]


def _require_covered(loan: Loan, marks: Marks, state: State) -> None:
    due_amount = debt_of(loan, day_at(state.market_ns)).due_amount
    base_amount = cover_of(at_worse_shares(loan, marks, state)).base_amount
    require(due_amount <= base_amount, Reason.NOT_COVERED, due_amount, base_amount)
