"""Loans, their calls and what secures them as the wire shows them, where the projections stand."""

from collections.abc import Iterable

from msgspec.structs import replace

from exchange.collateral.ladder import lendable_amount, rungs
from exchange.domain import lending_views as wire
from exchange.domain.enums import LIENED, OWING, PledgeStatus, Role
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at

from .bundle import Projections
from .loans import Call, Loan, Lot
from .pledges import Pledge

ALL_ACCOUNTS = 0


def loans_view(account_id: int, projections: Projections, loan_id: int = 0) -> wire.Loans:
    """The loans that concern an account, or all (0); with `loan_id` that one, if it does."""
    loan_ids = [loan_id] if loan_id else projections.loans.ids_seen_by(account_id)
    return _loans(account_id, loan_ids, projections, is_snapshot=True)


def loans_page(
    account_id: int, after_loan_id: int, count: int, projections: Projections
) -> wire.Loans:
    """The next loans that an account sees, by id; the first page is the snapshot."""
    viewer_id = viewer_of(account_id, projections)
    loan_ids = projections.loans.ids_seen_by(viewer_id, after_loan_id)
    page = _loans(viewer_id, loan_ids[:count], projections, is_snapshot=not after_loan_id)
    left_count = max(0, len(loan_ids) - count)
    return replace(page, after_loan_id=after_loan_id, left_count=left_count)


def changed_loans_view(
    account_id: int, loan_ids: Iterable[int], projections: Projections
) -> wire.Loans:
    """Those of the loans that concern an account, or all where it is an operator's or auditor's."""
    return _loans(viewer_of(account_id, projections), loan_ids, projections, is_snapshot=False)


def viewer_of(account_id: int, projections: Projections) -> int:
    """The account itself, or all (0) where it answers for the market."""
    account = projections.participants.accounts[account_id]
    sees_all = account.has_role(Role.OPERATOR) or account.has_role(Role.AUDITOR)
    return ALL_ACCOUNTS if sees_all else account_id


def _loans(
    account_id: int, loan_ids: Iterable[int], projections: Projections, *, is_snapshot: bool
) -> wire.Loans:
    found = map(projections.loans.loans.get, loan_ids)
    return wire.Loans(
        as_of_seq=projections.at_seq,
        market_ns=projections.venue.market_ns,
        loans=[
            loan_view(loan, projections)
            for loan in found
            if loan is not None and (account_id == ALL_ACCOUNTS or loan.is_for(account_id))
        ],
        snapshot=is_snapshot,
    )


def loan_view(loan: Loan, projections: Projections) -> wire.LoanView:
    """One loan, with what is owed as of the market's day."""
    applied = loan.applied
    pledges = [pledge_view(pledge_id, projections) for pledge_id in loan.pledge_ids]
    interest_amount, principal_amount = loan.owed_amounts(day_at(projections.venue.market_ns))
    owed_amount = interest_amount + principal_amount
    liened = [pledge for pledge in pledges if is_behind(pledge)]
    return wire.LoanView(
        loan_id=applied.loan_id,
        account_id=applied.account_id,
        bank_account_id=applied.bank_account_id,
        loan_status=loan.status.value,
        end=loan.end,
        default_cause=loan.default_cause,
        applied_amount=applied.principal_amount,
        drawn_amount=loan.drawn_amount,
        interest_ppm=loan.interest_ppm,
        maturity_day=applied.maturity_day,
        drawn_day=loan.drawn_day,
        lapse_ns=loan.lapse_ns,
        drawn_ltv_ppm=loan.drawn_ltv_ppm,
        principal_amount=loan.principal_amount,
        interest_amount=interest_amount,
        costs_amount=loan.costs_amount,
        owed_amount=owed_amount,
        shortfall_amount=loan.shortfall_amount,
        ladder_status=loan.ladder_status.value,
        value_amount=sum(pledge.value_amount for pledge in liened),
        base_amount=sum(pledge.base_amount for pledge in liened),
        margin_call_value_amount=_margin_call_value_amount(loan, owed_amount, projections),
        changed_seq=loan.changed_seq,
        pledges=pledges,
        margin_calls=[call_view(call, loan) for call in loan.calls],
        lots=[_lot_view(lot) for lot in loan.lots],
    )


def calls_view(
    account_id: int, projections: Projections, *, wants_all: bool
) -> list[wire.MarginCallView]:
    """Calls of the loans that concern an account, or all (0): those that are open, or all."""
    table = projections.loans
    loan_ids = table.ids_seen_by(account_id) if wants_all else table.called_ids(account_id)
    return [
        call_view(call, table.loans[loan_id])
        for loan_id in loan_ids
        for call in table.loans[loan_id].calls
        if wants_all or call.end is None
    ]


def call_view(call: Call, loan: Loan) -> wire.MarginCallView:
    """A call and what became of it."""
    issued = call.issued
    return wire.MarginCallView(
        call_id=issued.call_id,
        loan_id=issued.loan_id,
        account_id=loan.applied.account_id,
        bank_account_id=loan.applied.bank_account_id,
        call_status=call.status,
        issued_seq=issued.call_id,
        ended_seq=call.ended_seq,
        owed_amount=issued.owed_amount,
        value_amount=issued.value_amount,
        call_cash_amount=issued.call_cash_amount,
        call_collateral_amount=issued.call_collateral_amount,
        paid_amount=call.paid_amount,
        due_ns=call.due_ns,
    )


def is_behind(pledge: wire.LoanPledgeView) -> bool:
    """Whether something of it is under lien: then its mark counts."""
    return PledgeStatus(pledge.pledge_status) in LIENED and pledge.pledged_qty > 0


def liened_qty(pledge: Pledge) -> int:
    """GPUs under lien, or asked for where nothing is yet."""
    is_asked = pledge.status is PledgeStatus.REQUESTED
    return pledge.request.pledged_qty if is_asked else pledge.pledged_qty


def _margin_call_value_amount(loan: Loan, owed_amount: int, projections: Projections) -> int:
    """The highest value at which the ladder calls what is owed today."""
    parameters = projections.marks.parameters_as_of(projections.at_seq)
    if loan.status not in OWING or parameters is None:
        return 0
    steps = rungs(loan.drawn_ltv_ppm, parameters.risk_parameters)
    return owed_amount * PPM_WHOLE // steps.margin_call_ppm


def pledge_view(pledge_id: int, projections: Projections) -> wire.LoanPledgeView:
    """A pledge with the mark in force."""
    pledge = projections.pledges.pledges[pledge_id]
    asked, qty = pledge.request, liened_qty(pledge)
    product = projections.listings.products[asked.product_id]
    published = projections.collateral_marks.as_of(pledge_id, projections.at_seq)
    mark = published.event if published else None
    value_amount = mark.value_amount if mark and qty else 0
    return wire.LoanPledgeView(
        pledge_id=pledge_id,
        product=product.code,
        supplier_account_id=product.supplier_account_id,
        start_day=asked.start_day,
        end_day=asked.end_day,
        pledge_status=pledge.status.value,
        pledged_qty=qty,
        mark_seq=published.seq if published else 0,
        marked_day=mark.valuation_day if mark else 0,
        level=mark.level if mark else 0,
        regime=mark.regime if mark else "",
        haircut_ppm=mark.haircut_ppm if mark else 0,
        value_amount=value_amount,
        ltv_raw_ppm=mark.ltv_raw_ppm if mark else 0,
        ltv_ppm=mark.ltv_ppm if mark else 0,
        applied_ltv_ppm=mark.applied_ltv_ppm if mark else 0,
        base_amount=lendable_amount(value_amount, mark.applied_ltv_ppm) if mark else 0,
        lendable_amount=lendable_amount(value_amount, mark.ltv_ppm) if mark else 0,
    )


def _lot_view(lot: Lot) -> wire.LoanLotView:
    offered = lot.offered
    return wire.LoanLotView(
        lot_id=offered.lot_id,
        pledge_id=offered.pledge_id,
        mode=offered.mode.value,
        start_day=offered.start_day,
        end_day=offered.end_day,
        lot_qty=offered.lot_qty,
        start_price=offered.start_price,
        floor_price=offered.floor_price,
        end_ns=offered.end_ns,
        lot_status=lot.status,
        lot_price=lot.lot_price,
        proceeds_amount=lot.proceeds_amount,
    )
