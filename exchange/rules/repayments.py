"""
What is paid on a loan: by the borrower, and by what its pledged days earn.

Interest comes first, then principal; at most what is owed is taken. Rent, refunds and damages of
pledged days reach the bank in any case: they repay the loan in the same record, and what is more
than is owed goes on to the borrower. When nothing is owed the loan is over and its liens are off.
"""

from exchange.domain.enums import OWING, LoanStatus, Purpose, RepaymentSource
from exchange.domain.events import Event
from exchange.domain.lending_commands import RepayLoan
from exchange.domain.lending_events import LoanClosed, LoanRepaid
from exchange.domain.movements import CashPaid
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .loan_cover import Debt, debt_of, owed_amounts, own_loan, value_behind
from .loan_dues import note_due
from .loan_review import cash_to_bank, eased
from .redemption import costs_paid, redemption
from .state import State

_IN_DEFAULT = (LoanStatus.DEFAULTED, LoanStatus.LIQUIDATING)
_SOURCES = {
    Purpose.RENT_SWEPT: RepaymentSource.SWEPT_RENT,
    Purpose.SHORTFALL_REFUND: RepaymentSource.SHORTFALL_REFUND,
    Purpose.COVER_DAMAGES: RepaymentSource.COVER_DAMAGES,
    Purpose.CLAIM: RepaymentSource.CLAIM,
}

# -- decide ---------------------------------------------------------------------------------------


def decide_repay(command: RepayLoan, state: State, account_id: int) -> list[Event]:
    """Cash of the borrower. In default only all of it helps: a call's time to cure is over."""
    loan = own_loan(command.loan_id, state, account_id)
    applied = loan.applied
    require(applied.account_id == account_id, Reason.UNKNOWN_LOAN, command.loan_id)
    require(loan.status in OWING, Reason.WRONG_STATE, command.loan_id)
    debt = debt_of(loan, day_at(state.market_ns))
    paid_amount = min(command.repaid_amount, debt.owed_amount)
    is_in_time = loan.status not in _IN_DEFAULT or paid_amount == debt.owed_amount
    require(is_in_time, Reason.IN_DEFAULT, command.repaid_amount, debt.owed_amount)
    available_amount, _ = state.core.balances(account_id)
    costs_amount = loan.costs_amount if paid_amount == debt.owed_amount else 0
    needed_amount = paid_amount + costs_amount
    require(needed_amount <= available_amount, Reason.CASH, needed_amount, available_amount)
    repaid = debt.take(paid_amount, RepaymentSource.CASH)
    return [
        *(redemption(loan, repaid) if costs_amount else []),
        repaid,
        cash_to_bank(loan, paid_amount),
        *eased(debt, value_behind(loan, state), state),
    ]


class Earnings:
    """What pledged days earn in one record, each amount after the movement that paid the bank."""

    def __init__(self, today: int, state: State) -> None:
        self._state = state
        self._today = today
        self._debts: dict[int, Debt] = {}
        self._costs: dict[int, int] = {}
        """Of enforcement, unpaid, by loan."""

    def received(self, pledge_id: int, amount: int, purpose: Purpose) -> list[Event]:
        """A bank has had this for a pledge: the repayment, and what goes on to the borrower."""
        loan_id = self._state.pledges[pledge_id].request.loan_id if pledge_id else 0
        loan = self._state.loans.get(loan_id)
        if loan is None:
            return []
        debt = self._debts.get(loan_id)
        if debt is None:
            debt = self._debts[loan_id] = debt_of(loan, self._today)
        events: list[Event] = []
        taken_amount = min(amount, debt.owed_amount)
        if taken_amount:
            events.append(debt.take(taken_amount, _SOURCES[purpose]))
        unpaid_amount = self._costs.setdefault(loan_id, loan.costs_amount)
        costs_amount = min(amount - taken_amount, unpaid_amount)
        if costs_amount:
            self._costs[loan_id] -= costs_amount
            events.append(costs_paid(loan_id, costs_amount))
        left_amount = amount - taken_amount - costs_amount
        if left_amount:
            applied = loan.applied
            events.append(
                CashPaid(
                    payer_account_id=applied.bank_account_id,
                    payee_account_id=applied.account_id,
                    paid_amount=left_amount,
                    purpose=purpose,
                )
            )
        return events

    def consequences(self) -> list[Event]:
        """What the repayments of the record bring about, loan by loan."""
        return [
            event
            for debt in self._debts.values()
            if debt.loan.status in OWING
            for event in eased(debt, value_behind(debt.loan, self._state), self._state)
        ]


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


def evolve_closed(event: LoanClosed, state: State) -> None:
    """It is repaid."""
    loan = state.loans[event.loan_id]
    assert loan.principal_amount == 0, "a loan is closed when nothing is owed"
    loan.status = LoanStatus.REPAID
    note_due(loan, state)
