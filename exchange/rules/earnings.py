"""
What pledged days earn repays the loan that they secure, in the record that pays the bank.

Rent, refunds and damages of pledged days reach the bank in any case. They go down the loan's
waterfall as the borrower's own cash does (`repayments`), and what is more than is due goes on to
the borrower. Such a record may be of many loans, so what follows for each is seen at the marks in
force, which the clock brings up to date before it settles the next day: the review that comes with
a cycle sees it again.
"""

from exchange.domain.enums import OWING, Purpose, RepaymentSource
from exchange.domain.events import Event
from exchange.domain.movements import CashPaid

from .loan_cover import Debt, debt_of, value_behind
from .loan_review import eased
from .loan_waterfall import receipt
from .state import State

_SOURCES = {
    Purpose.RENT_SWEPT: RepaymentSource.SWEPT_RENT,
    Purpose.SHORTFALL_REFUND: RepaymentSource.SHORTFALL_REFUND,
    Purpose.COVER_DAMAGES: RepaymentSource.COVER_DAMAGES,
    Purpose.CLAIM: RepaymentSource.CLAIM,
}


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
