"""
How a loan is over, and how its liquidation is without it.

    nothing is due                         repaid: what is left under lien is free, its lots are off
    liquidating, L + costs ≤ α × V         cured: it performs again, its lots are off
    defaulted, a value is ruled at which   cured: the default was none; nothing was sold or cost
        it would be below a margin call

CR-1 sells what brings a loan back to its ratio at drawdown and nothing at or below it, so a
liquidation that has come there, by a sale, by what pledged days earn or by the marks, has nothing
to sell: it ends in that record, and what is left of the pledges is under lien as before. A loan
that has come to its maturity owes all, so it is sold on. Costs that are still unpaid stay with the
loan, first in its waterfall.

A default is not looked at again for a better price, but for a better value that a ruling finds: the
marks that it was decided on were wrong. It falls where a call that is over would not have become
one either, and for a loan that is due it stays.
"""

from exchange.collateral.ladder import Ladder, ladder, lendable_amount
from exchange.domain.enums import LIENED, CallEnd, LadderStatus, LoanStatus, LotEnd, PledgeStatus
from exchange.domain.events import Event, PledgeReleased
from exchange.domain.lending_events import (
    LadderChanged,
    LiquidationClosed,
    LoanClosed,
    LoanCured,
    LotOffered,
    MarginCallEnded,
)
from exchange.domain.risk_parameters import RiskParameters

from .lending_past import note_loan_over
from .lending_state import Loan
from .loan_cover import Debt
from .loan_dues import note_due
from .lot_ends import redeemed_lots
from .lot_reserve import note_sold
from .state import State


def closing(debt: Debt, state: State, sold: LotOffered | None = None) -> list[Event]:
    """
    Nothing is due: the loan is over, what is left under lien is free, and its lots are off.

    `sold` is the lot that repaid it in this record.
    """
    loan = debt.loan
    events: list[Event] = []
    if loan.call is not None:
        events.append(call_ended(loan, CallEnd.OVERTAKEN))
    events.append(LoanClosed(loan_id=loan.applied.loan_id))
    for pledge_id in loan.pledge_ids:
        pledge = state.pledges[pledge_id]
        is_sold = sold is not None and sold.pledge_id == pledge_id
        left_qty = pledge.pledged_qty - (sold.lot_qty if sold is not None and is_sold else 0)
        if pledge.status in LIENED and left_qty:
            events.append(PledgeReleased(pledge_id=pledge_id, released_qty=left_qty))
    if loan.status is LoanStatus.LIQUIDATING:
        events += _liquidation_closed(loan, LotEnd.REDEEMED, state, sold)
    return events


def cured(
    debt: Debt, value_amount: int, state: State, sold: LotOffered | None = None
) -> list[Event]:
    """
    The end of a liquidation that has nothing to sell any more; nothing where it goes on.

    `value_amount` is of what is left under lien; `sold` is the lot that cured it in this record.
    """
    loan = debt.loan
    is_due = state.market_ns >= loan.maturity_ns
    if is_due or debt.due_amount > lendable_amount(value_amount, loan.drawn_ltv_ppm):
        return []
    now = ladder(debt.owed_amount, value_amount, loan.drawn_ltv_ppm, parameters_of(state))
    performing = _performing(debt, value_amount, now)
    return [*performing, *_liquidation_closed(loan, LotEnd.CURED, state, sold)]


def lifted(debt: Debt, value_amount: int, state: State) -> list[Event]:
    """The end of a default that is none at a ruled value; nothing where it stays one."""
    loan = debt.loan
    now = ladder(
        debt.owed_amount,
        value_amount,
        loan.drawn_ltv_ppm,
        parameters_of(state),
        is_cure_expired=True,
    )
    is_due = state.market_ns >= loan.maturity_ns
    if is_due or now.status is LadderStatus.LIQUIDATE:
        return []
    return _performing(debt, value_amount, now)


def call_ended(loan: Loan, end: CallEnd) -> MarginCallEnded:
    """The end of a loan's open call."""
    assert loan.call is not None, "only a call ends"
    return MarginCallEnded(call_id=loan.call.call_id, loan_id=loan.applied.loan_id, end=end)


def parameters_of(state: State) -> RiskParameters:
    """The parameters in force."""
    parameters = state.market_data.risk_parameters
    assert parameters is not None, "genesis publishes the risk parameters"
    return parameters


def _performing(debt: Debt, value_amount: int, now: Ladder) -> list[Event]:
    loan, owed_amount = debt.loan, debt.owed_amount
    loan_id = loan.applied.loan_id
    changed = LadderChanged(
        loan_id=loan_id,
        ladder_status=now.status,
        owed_amount=owed_amount,
        value_amount=value_amount,
        ltv_ppm=now.ltv_ppm,
    )
    return [
        LoanCured(loan_id=loan_id, owed_amount=owed_amount, value_amount=value_amount),
        *([] if loan.ladder_status is now.status else [changed]),
    ]


def _liquidation_closed(
    loan: Loan, end: LotEnd, state: State, sold: LotOffered | None
) -> list[Event]:
    loan_id = loan.applied.loan_id
    lots = redeemed_lots(loan_id, end, state, but_id=0 if sold is None else sold.lot_id)
    return [*lots, LiquidationClosed(loan_id=loan_id, shortfall_amount=0)]


# -- evolve ---------------------------------------------------------------------------------------


def evolve_closed(event: LoanClosed, state: State) -> None:
    """It is repaid."""
    loan = state.loans[event.loan_id]
    left_amount = loan.costs_amount + loan.principal_amount
    assert left_amount == 0, "a loan is closed when nothing is due"
    loan.status = LoanStatus.REPAID
    note_due(loan, state)
    note_loan_over(event.loan_id, state)


def evolve_cured(event: LoanCured, state: State) -> None:
    """It performs, and what is left of its pledges is under lien as before."""
    loan = state.loans[event.loan_id]
    loan.status = LoanStatus.PERFORMING
    for pledge_id in loan.pledge_ids:
        pledge = state.pledges[pledge_id]
        note_sold(pledge)
        if pledge.status is PledgeStatus.ENFORCING:
            is_whole = pledge.pledged_qty == pledge.request.pledged_qty
            pledge.status = PledgeStatus.ACTIVE if is_whole else PledgeStatus.PARTLY_RELEASED
    note_due(loan, state)
