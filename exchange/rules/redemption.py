"""
The costs of enforcement that no sale has paid: with the debt, when a borrower redeems its loan, or
out of what pledged days earn beyond it.
"""

from exchange.domain.enums import Purpose
from exchange.domain.events import Event
from exchange.domain.lending_events import LoanRepaid, WaterfallPaid
from exchange.domain.movements import CashPaid

from .lending_state import Loan


def redemption(loan: Loan, repaid: LoanRepaid) -> list[Event]:
    """The unpaid costs of enforcement, to the bank, before the repayment of all that is owed."""
    costs_amount = loan.costs_amount
    return [
        costs_paid(repaid.loan_id, costs_amount, repaid.interest_amount, repaid.principal_amount),
        CashPaid(
            payer_account_id=loan.applied.account_id,
            payee_account_id=loan.applied.bank_account_id,
            paid_amount=costs_amount,
            purpose=Purpose.LIQUIDATION,
        ),
    ]


def costs_paid(
    loan_id: int, costs_amount: int, interest_amount: int = 0, principal_amount: int = 0
) -> WaterfallPaid:
    """The waterfall of what is no lot's price; the cash moves in an event of its own."""
    return WaterfallPaid(
        loan_id=loan_id,
        lot_id=0,
        proceeds_amount=costs_amount + interest_amount + principal_amount,
        costs_amount=costs_amount,
        interest_amount=interest_amount,
        principal_amount=principal_amount,
        fee_amount=0,
        surplus_amount=0,
    )
