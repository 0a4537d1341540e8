"""
The availability certificate from loans as they are shown: sums, and nothing that has to be found.

A loan's base is what its collateral lends at the ratios that apply to it while it is drawn; what is
left of the base over what is owed, with the unpaid costs of enforcement, may be drawn or released.
Beside the loans stands what a bank has and has not lent on: pledges to it outside loans, and loans
that are asked for or offered.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from exchange.collateral.ladder import lendable_together
from exchange.domain.certificates import (
    CERTIFICATE_FORMAT,
    BorrowingBase,
    CertifiedCall,
    CertifiedLien,
    CertifiedLoan,
    CertifiedOffer,
    CertifiedPledge,
    CertifiedTotals,
)
from exchange.domain.enums import IN_SERVICE, OWING, LoanStatus
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_events import LoanApplied
from exchange.domain.lending_views import LoanView
from exchange.domain.windows import day_at

from .bundle import Projections
from .loan_views import is_behind, loan_view, pledge_view

OPEN_CALLS = ("issued", "partly_met")
_UNDRAWN = (LoanStatus.APPLIED, LoanStatus.APPROVED)


def borrowing_base_view(
    bank_account_id: int, borrower_account_id: int, projections: Projections
) -> BorrowingBase:
    """The certificate of loans that owe something, of one bank or all (0), to one or all."""
    published = projections.marks.parameters_as_of(projections.at_seq)
    market_ns = projections.venue.market_ns
    whose = (bank_account_id, borrower_account_id)
    loans = [
        _loan(loan_view(loan, projections))
        for _, loan in sorted(projections.loans.loans.items())
        if loan.status in OWING and _is_of(whose, loan.applied)
    ]
    liens, offers = _liens(whose, projections), _offers(whose, projections)
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
        liens=liens,
        offers=offers,
        totals=_totals(loans, liens, offers),
    )


def _is_of(whose: tuple[int, int], asked: LoanApplied | PledgeRequested) -> bool:
    """Whether it is of these sides, bank and borrower; 0 for all."""
    bank_id, borrower_id = whose
    return bank_id in (0, asked.bank_account_id) and borrower_id in (0, asked.account_id)


def _liens(whose: tuple[int, int], projections: Projections) -> list[CertifiedLien]:
    found = []
    for pledge_id, pledge in sorted(projections.pledges.pledges.items()):
        asked = pledge.request
        if asked.loan_id or not _is_of(whose, asked):
            continue
        view = pledge_view(pledge_id, projections)
        if is_behind(view):
            found.append(
                CertifiedLien(
                    **_fields(view, CertifiedPledge),
                    account_id=asked.account_id,
                    bank_account_id=asked.bank_account_id,
                    lendable_amount=view.lendable_amount,
                )
            )
    return found


def _offers(whose: tuple[int, int], projections: Projections) -> list[CertifiedOffer]:
    return [
        _offer(loan_view(loan, projections))
        for _, loan in sorted(projections.loans.loans.items())
        if loan.status in _UNDRAWN and _is_of(whose, loan.applied)
    ]


def _offer(loan: LoanView) -> CertifiedOffer:
    return CertifiedOffer(
        loan_id=loan.loan_id,
        account_id=loan.account_id,
        bank_account_id=loan.bank_account_id,
        loan_status=loan.loan_status,
        applied_amount=loan.applied_amount,
        offered_amount=loan.principal_amount,
        interest_ppm=loan.interest_ppm,
        maturity_day=loan.maturity_day,
        lapse_ns=loan.lapse_ns,
        value_amount=sum(pledge.value_amount for pledge in loan.pledges),
        lendable_amount=lendable_together(
            [(pledge.value_amount, pledge.ltv_ppm) for pledge in loan.pledges]
        ),
    )


def _fields(view: Struct, kind: type[Struct]) -> dict[str, Any]:
    return {name: getattr(view, name) for name in kind.__struct_fields__}


def _loan(loan: LoanView) -> CertifiedLoan:
    excess_amount = loan.base_amount - loan.owed_amount - loan.costs_amount
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
        costs_amount=loan.costs_amount,
        value_amount=loan.value_amount,
        base_amount=loan.base_amount,
        availability_amount=0 if is_in_default else max(0, excess_amount),
        excess_amount=excess_amount,
        margin_calls=[CertifiedCall(**_fields(call, CertifiedCall)) for call in calls],
        pledges=[
            CertifiedPledge(**_fields(pledge, CertifiedPledge))
            for pledge in loan.pledges
            if is_behind(pledge)
        ],
    )


def _totals(
    loans: Sequence[CertifiedLoan],
    liens: Sequence[CertifiedLien],
    offers: Sequence[CertifiedOffer],
) -> CertifiedTotals:
    calls = [call for loan in loans for call in loan.margin_calls]
    return CertifiedTotals(
        loans_count=len(loans),
        pledges_count=sum(len(loan.pledges) for loan in loans),
        value_amount=sum(loan.value_amount for loan in loans),
        base_amount=sum(loan.base_amount for loan in loans),
        owed_amount=sum(loan.owed_amount for loan in loans),
        costs_amount=sum(loan.costs_amount for loan in loans),
        availability_amount=sum(loan.availability_amount for loan in loans),
        deficit_amount=sum(max(0, -loan.excess_amount) for loan in loans),
        excess_amount=sum(loan.excess_amount for loan in loans),
        margin_calls_count=len(calls),
        call_cash_amount=sum(max(0, call.call_cash_amount - call.paid_amount) for call in calls),
        liens_count=len(liens),
        liens_value_amount=sum(lien.value_amount for lien in liens),
        liens_lendable_amount=sum(lien.lendable_amount for lien in liens),
        offers_count=len(offers),
        offered_amount=sum(offer.offered_amount for offer in offers),
        offers_lendable_amount=sum(offer.lendable_amount for offer in offers),
    )
