"""
More or other collateral for a drawn loan, under lien at once: a cure by days.

What is added glides with what is held back there (`mark_history`). A substitution releases a whole
pledge and takes the new one in one record, where the loan is at its ratio at drawdown or below
afterwards; the new one's ratio glides from where the old one's was, and what was ruled of the old
one is charged to it. While a dispute is open, and on the day for which a value is ruled, a pledge
keeps its place. In default neither is possible any more. What else secures the loan counts at its
mark of this moment (`fresh_marks`).
"""

from msgspec.structs import replace

from exchange.collateral.ladder import lendable_amount, may_substitute
from exchange.domain.enums import IN_SERVICE, LIENED, LoanStatus
from exchange.domain.events import Event, PledgeAccepted, PledgeReleased, PledgeRequested
from exchange.domain.lending_commands import (
    MAX_COLLATERAL,
    AddCollateral,
    CollateralOffer,
    SubstituteCollateral,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.windows import day_at

from .fresh_marks import changed_marks
from .lending_state import Loan, Pledge
from .loan_cover import debt_of, marks_of, owed_amount, own_loan, value_behind
from .loan_review import eased
from .loans import requested
from .mark_disputes import open_disputes
from .mark_history import held_back
from .pledges import own_pledge, require_free, require_size
from .state import State
from .valuation import mark_of, replacing_mark

_IN_DEFAULT = (LoanStatus.DEFAULTED, LoanStatus.LIQUIDATING)


def decide_add(command: AddCollateral, state: State, account_id: int) -> list[Event]:
    """More unit-days of the borrower."""
    loan = own_loan(command.loan_id, state, account_id)
    require(loan.applied.account_id == account_id, Reason.UNKNOWN_LOAN, command.loan_id)
    _require_in_service(loan, state)
    count = len(marks_of(loan, state))
    require(count < MAX_COLLATERAL, Reason.LIEN, count + 1, MAX_COLLATERAL)
    request = _asked(command.collateral, loan, state)
    held = held_back(state.pledges[pledge_id] for pledge_id in loan.pledge_ids)
    if held is None:
        mark = mark_of(request, request.pledged_qty, state)
    else:
        # Its ruling stays with it: it is in its place still.
        mark = replacing_mark(request, replace(held, ruled_ppm=0), state)
    require_size([mark, *marks_of(loan, state).values()])
    debt = debt_of(loan, day_at(state.market_ns))
    accepted = PledgeAccepted(pledge_id=request.pledge_id)
    changes = changed_marks(loan, state)
    value_amount = value_behind(loan, state, changes) + mark.value_amount
    return [
        *changes.values(),
        request,
        mark,
        accepted,
        *eased(debt, value_amount, state),
    ]


def decide_substitute(command: SubstituteCollateral, state: State, account_id: int) -> list[Event]:
    """Other unit-days of the borrower, free before the old ones are."""
    pledge = own_pledge(command.pledge_id, state, account_id)
    is_owner = pledge.request.account_id == account_id
    loan = state.loans.get(pledge.request.loan_id)
    require(is_owner and loan is not None, Reason.UNKNOWN_PLEDGE, command.pledge_id)
    assert loan is not None
    _require_in_service(loan, state)
    require(pledge.status in LIENED, Reason.WRONG_STATE, command.pledge_id)
    _require_settled(pledge, state)
    request = _asked(command.collateral, loan, state)
    changes = changed_marks(loan, state)
    replaced = replace(pledge, mark=changes.get(command.pledge_id, pledge.mark))
    mark = replacing_mark(request, replaced, state)
    marks = {**marks_of(loan, state, changes), request.pledge_id: mark}
    del marks[command.pledge_id]
    require_size(marks.values())
    value_amount = sum(each.value_amount for each in marks.values())
    debt = debt_of(loan, day_at(state.market_ns))
    require(
        may_substitute(debt.owed_amount, value_amount, loan.drawn_ltv_ppm),
        Reason.NOT_COVERED,
        debt.owed_amount,
        lendable_amount(value_amount, loan.drawn_ltv_ppm),
    )
    return [
        *changes.values(),
        PledgeReleased(pledge_id=command.pledge_id, released_qty=pledge.pledged_qty),
        request,
        mark,
        PledgeAccepted(pledge_id=request.pledge_id),
        *eased(debt, value_amount, state),
    ]


def _require_in_service(loan: Loan, state: State) -> None:
    """Refuses in default, where the time to cure is over, and without a debt to secure."""
    is_in_default = loan.status in _IN_DEFAULT
    require(not is_in_default, Reason.IN_DEFAULT, 0, owed_amount(loan, state))
    require(loan.status in IN_SERVICE, Reason.WRONG_STATE, loan.applied.loan_id)


def _require_settled(pledge: Pledge, state: State) -> None:
    """Refuses while the mark is disputed, and on the day for which its value is ruled."""
    pledge_id, today = pledge.request.pledge_id, day_at(state.market_ns)
    for dispute_id, _ in open_disputes(pledge_id, state):
        raise Refused(Reason.MARK_DISPUTED, pledge_id, dispute_id)
    mark = pledge.mark
    is_ruled = mark is not None and mark.ruled_amount > 0 and mark.valuation_day == today
    require(not is_ruled, Reason.NOT_YET, today, today + 1)


def _asked(offer: CollateralOffer, loan: Loan, state: State) -> PledgeRequested:
    """The new pledge; refuses days that are not free."""
    applied = loan.applied
    request = requested(
        offer,
        state.pledge_count + 1,
        applied.loan_id,
        applied.bank_account_id,
        state,
        applied.account_id,
    )
    require_free([request], state)
    return request
