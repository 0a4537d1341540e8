"""
The availability certificate from loans as they are shown: sums, and nothing that has to be found.

A loan's base is what its collateral lends at the ratios that apply to it while it is drawn; what is
left of the base over what is owed may be drawn or released.
"""

from collections.abc import Sequence

from exchange.domain.certificates import (
    CERTIFICATE_FORMAT,
    BorrowingBase,
    CertifiedCall,
    CertifiedLoan,
    CertifiedPledge,
    CertifiedTotals,
)
from exchange.domain.enums import IN_SERVICE, OWING, LoanStatus
from exchange.domain.lending_views import LoanPledgeView, LoanView, MarginCallView
from exchange.domain.windows import day_at

from .bundle import Projections
from .loan_views import is_behind, loan_view

OPEN_CALLS = ("issued", "partly_met")


def borrowing_base_view(
    bank_account_id: int, borrower_account_id: int, projections: Projections
) -> BorrowingBase:
    """The certificate of loans that owe something, of one bank or all (0), to one or all."""
    published = projections.marks.parameters_as_of(projections.at_seq)
    market_ns = projections.venue.market_ns
    loans = [
        _loan(loan_view(loan, projections))
        for _, loan in sorted(projections.loans.loans.items())
        if loan.status in OWING
        and bank_account_id in (0, loan.applied.bank_account_id)
        and borrower_account_id in (0, loan.applied.account_id)
    ]
    return BorrowingBase(
        format=CERTIFICATE_FORMAT,
        venue_id=projections.venue.venue_id,
        as_of_seq=projections.at_seq,
        market_ns=market_ns,
        valuation_day=day_at(market_ns),
        parameters_version=published.version if published else 0,
        bank_account_id=bank_account_id,
        borrower_account_id=borrower_account_id,
        loans=loans,
        totals=_totals(loans),
    )


def _loan(loan: LoanView) -> CertifiedLoan:
    excess_amount = loan.base_amount - loan.owed_amount
    is_in_default = LoanStatus(loan.loan_status) not in IN_SERVICE
    calls = [call for call in loan.margin_calls if call.call_status in OPEN_CALLS]
    return CertifiedLoan(
        loan_id=loan.loan_id,
        account_id=loan.account_id,
        bank_account_id=loan.bank_account_id,
        loan_status=loan.loan_status,
        ladder_status=loan.ladder_status,
        interest_ppm=loan.interest_ppm,
        maturity_day=loan.maturity_day,
        drawn_ltv_ppm=loan.drawn_ltv_ppm,
        principal_amount=loan.principal_amount,
        interest_amount=loan.interest_amount,
        owed_amount=loan.owed_amount,
        value_amount=loan.value_amount,
        base_amount=loan.base_amount,
        availability_amount=0 if is_in_default else max(0, excess_amount),
        excess_amount=excess_amount,
        margin_calls=[_call(call) for call in calls],
        pledges=[_pledge(pledge) for pledge in loan.pledges if is_behind(pledge)],
    )


def _call(call: MarginCallView) -> CertifiedCall:
    return CertifiedCall(**{name: getattr(call, name) for name in CertifiedCall.__struct_fields__})


def _pledge(pledge: LoanPledgeView) -> CertifiedPledge:
    names = CertifiedPledge.__struct_fields__
    return CertifiedPledge(**{name: getattr(pledge, name) for name in names})


def _totals(loans: Sequence[CertifiedLoan]) -> CertifiedTotals:
    calls = [call for loan in loans for call in loan.margin_calls]
    return CertifiedTotals(
        loans_count=len(loans),
        pledges_count=sum(len(loan.pledges) for loan in loans),
        value_amount=sum(loan.value_amount for loan in loans),
        base_amount=sum(loan.base_amount for loan in loans),
        owed_amount=sum(loan.owed_amount for loan in loans),
        availability_amount=sum(loan.availability_amount for loan in loans),
        deficit_amount=sum(max(0, -loan.excess_amount) for loan in loans),
        excess_amount=sum(loan.excess_amount for loan in loans),
        margin_calls_count=len(calls),
        call_cash_amount=sum(max(0, call.call_cash_amount - call.paid_amount) for call in calls),
    )
