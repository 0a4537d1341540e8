"""What a borrower pays besides its debt when it repays a loan that is being enforced: the costs."""

from exchange.domain.enums import Purpose
from exchange.domain.events import Event
from exchange.domain.lending_events import LoanRepaid, WaterfallPaid
from exchange.domain.movements import CashPaid

from .lending_state import Loan


def redemption(loan: Loan, repaid: LoanRepaid) -> list[Event]:
    """The unpaid costs of enforcement, to the bank, before the repayment of all that is owed."""
    costs_amount = loan.costs_amount
    return [
        WaterfallPaid(
            loan_id=repaid.loan_id,
            lot_id=0,
            proceeds_amount=costs_amount + repaid.interest_amount + repaid.principal_amount,
            costs_amount=costs_amount,
            interest_amount=repaid.interest_amount,
            principal_amount=repaid.principal_amount,
            fee_amount=0,
            surplus_amount=0,
        ),
        CashPaid(
            payer_account_id=loan.applied.account_id,
            payee_account_id=loan.applied.bank_account_id,
            paid_amount=costs_amount,
            purpose=Purpose.LIQUIDATION,
        ),
    ]
