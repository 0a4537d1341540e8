"""
One waterfall for all money that comes in for a loan, whoever pays it: a lot's buyer, the borrower
who redeems, the rent, refunds and damages of pledged days.

    costs of enforcement ─▶ interest ─▶ principal ─▶ the exchange's fee ─▶ the borrower

Without enforcement there are no costs, and what is left is a repayment like any other. The rule is
CR-1's, `exchange.collateral.ladder.waterfall`.
"""

from exchange.collateral.ladder import Waterfall
from exchange.domain.enums import LoanStatus, Purpose, RepaymentSource
from exchange.domain.events import Event
from exchange.domain.lending_events import LoanRepaid, WaterfallPaid
from exchange.domain.movements import CashPaid

from .lending_state import Loan


def receipt(loan: Loan, paid: Waterfall, source: RepaymentSource, lot_id: int = 0) -> list[Event]:
    """
    What money did for a loan; `paid` holds all of it.

    The waterfall is told of a loan that is enforced, and of one whose costs are unpaid.
    """
    loan_id = loan.applied.loan_id
    events: list[Event] = []
    if loan.status is LoanStatus.LIQUIDATING or loan.costs_amount:
        events.append(
            WaterfallPaid(
                loan_id=loan_id,
                lot_id=lot_id,
                proceeds_amount=paid.proceeds_amount,
                costs_amount=paid.costs_amount,
                interest_amount=paid.interest_amount,
                principal_amount=paid.principal_amount,
                fee_amount=paid.fee_amount,
                surplus_amount=paid.surplus_amount,
            )
        )
    if paid.interest_amount + paid.principal_amount:
        events.append(
            LoanRepaid(
                loan_id=loan_id,
                source=source,
                interest_amount=paid.interest_amount,
                principal_amount=paid.principal_amount,
            )
        )
    return events


def cash_to_bank(loan: Loan, paid: Waterfall) -> list[Event]:
    """The borrower's cash to its bank: the costs, and the repayment."""
    amounts = (
        (paid.costs_amount, Purpose.LIQUIDATION),
        (paid.interest_amount + paid.principal_amount, Purpose.REPAYMENT),
    )
    return [
        CashPaid(
            payer_account_id=loan.applied.account_id,
            payee_account_id=loan.applied.bank_account_id,
            paid_amount=amount,
            purpose=purpose,
        )
        for amount, purpose in amounts
        if amount
    ]
