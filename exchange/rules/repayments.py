"""
What is paid on a loan: by the borrower, and by what its pledged days earn.

All of it goes down the one waterfall (`loan_waterfall`): interest first, then principal, and before
them the costs of a loan that was enforced; at most what is due is taken. Rent, refunds and damages
of pledged days reach the bank in any case: they repay the loan in the same record, and what is more
than is due goes on to the borrower. When nothing is due the loan is over and its liens are off.
"""

from exchange.domain.enums import OWING, LoanStatus, Purpose, RepaymentSource
from exchange.domain.events import Event
from exchange.domain.lending_commands import RepayLoan
from exchange.domain.lending_events import LoanRepaid
from exchange.domain.movements import CashPaid
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .loan_cover import Debt, debt_of, owed_amounts, own_loan, value_behind
from .loan_review import eased
from .loan_waterfall import cash_to_bank, receipt
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
    paid_amount = min(command.repaid_amount, debt.due_amount)
    is_in_time = loan.status not in _IN_DEFAULT or paid_amount == debt.due_amount
    require(is_in_time, Reason.IN_DEFAULT, command.repaid_amount, debt.due_amount)
    available_amount, _ = state.core.balances(account_id)
    require(paid_amount <= available_amount, Reason.CASH, paid_amount, available_amount)
    paid = debt.take(paid_amount)
    return [
        *receipt(loan, paid, RepaymentSource.CASH),
        *cash_to_bank(loan, paid),
        *eased(debt, value_behind(loan, state), state),
    ]


class Earnings:
    """What pledged days earn in one record, each amount after the movement that paid the bank."""

    def __init__(self, today: int, state: State) -> None:
        self._state = state
        self._today = today
        self._debts: dict[int, Debt] = {}

    def received(self, pledge_id: int, amount: int, purpose: Purpose) -> list[Event]:
        """A bank has had this for a pledge: the repayment, and what goes on to the borrower."""
        loan_id = self._state.pledges[pledge_id].request.loan_id if pledge_id else 0
        loan = self._state.loans.get(loan_id)
        if loan is None:
            return []
        debt = self._debts.get(loan_id)
        if debt is None:
            debt = self._debts[loan_id] = debt_of(loan, self._today)
        paid = debt.take(amount)
        events = receipt(loan, paid, _SOURCES[purpose])
        if paid.surplus_amount:
            events.append(
                CashPaid(
                    payer_account_id=loan.applied.bank_account_id,
                    payee_account_id=loan.applied.account_id,
                    paid_amount=paid.surplus_amount,
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
