"""
What a loan owes and what stands behind it: arithmetic over the marks in force.

Interest is simple, actual days over 360, rounded down; each payment begins a new stretch. A pledge
counts with its last mark while any of it is under lien.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from exchange.collateral.interest import accrued_amount
from exchange.collateral.ladder import (
    Waterfall,
    lendable_amount,
    lendable_together,
    ltv_together_ppm,
    waterfall,
)
from exchange.domain.enums import LIENED
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.windows import day_at

from .lending_state import Loan
from .state import State

Marks = Mapping[int, PledgeMarked]
"""By pledge."""
NO_MARKS: Marks = {}


class Cover(Struct, frozen=True):
    """What pledges are worth and lend together, in fen."""

    value_amount: int
    ltv_ppm: int
    """Their ratios weighted by value, down; 0 for what is worth nothing."""
    lendable_amount: int
    """Down, for each pledge and for all at `ltv_ppm`; the smaller."""
    base_amount: int
    """The borrowing base: each at the ratio that applies to it while the loan is drawn; down."""


class Debt(Struct):
    """What a loan owes while the payments of a record are put together."""

    loan: Loan
    interest_amount: int
    principal_amount: int
    costs_amount: int
    """Of enforcement, unpaid."""
    call_paid_amount: int
    """Cash since its open call, this record's included."""

    @property
    def owed_amount(self) -> int:
        """Interest and principal: what the ladder looks at."""
        return self.interest_amount + self.principal_amount

    @property
    def due_amount(self) -> int:
        """What ends the loan when it is paid: the costs of enforcement too."""
        return self.costs_amount + self.owed_amount

    def take(self, received_amount: int, fee_amount: int = 0) -> Waterfall:
        """Money that has come in, in its order; what is more than is due is its surplus."""
        paid = waterfall(
            received_amount,
            self.costs_amount,
            self.interest_amount,
            self.principal_amount,
            fee_amount,
        )
        self._repaid(paid)
        return paid

    def take_principal(self, paid_amount: int) -> Waterfall:
        """A payment that is of principal alone: the covenant's."""
        paid = waterfall(paid_amount, 0, 0, self.principal_amount, 0)
        self._repaid(paid)
        return paid

    def _repaid(self, paid: Waterfall) -> None:
        self.costs_amount -= paid.costs_amount
        self.interest_amount -= paid.interest_amount
        self.principal_amount -= paid.principal_amount
        self.call_paid_amount += paid.interest_amount + paid.principal_amount


def known_loan(loan_id: int, state: State) -> Loan:
    """The loan; refuses where there is none."""
    loan = state.loans.get(loan_id)
    if loan is None:
        raise Refused(Reason.UNKNOWN_LOAN, loan_id)
    return loan


def own_loan(loan_id: int, state: State, account_id: int) -> Loan:
    """The loan, for its borrower or its bank; to anyone else it does not exist."""
    loan = known_loan(loan_id, state)
    parties = (loan.applied.account_id, loan.applied.bank_account_id)
    require(account_id in parties, Reason.UNKNOWN_LOAN, loan_id)
    return loan


def debt_of(loan: Loan, day: int) -> Debt:
    """What a loan owes on a day, before the record's payments."""
    return Debt(loan, *owed_amounts(loan, day), loan.costs_amount, loan.call_paid_amount)


def owed_amounts(loan: Loan, day: int) -> tuple[int, int]:
    """What a loan owes on a day: (interest, principal)."""
    stretch = accrued_amount(loan.principal_amount, loan.interest_ppm, day - loan.accrued_day)
    return loan.interest_amount + stretch, loan.principal_amount


def owed_amount(loan: Loan, state: State) -> int:
    """Interest and principal at this moment."""
    return sum(owed_amounts(loan, day_at(state.market_ns)))


def cover_of(marks: Iterable[PledgeMarked]) -> Cover:
    """What these marks say together."""
    found = list(marks)
    parts = [(mark.value_amount, mark.ltv_ppm) for mark in found]
    return Cover(
        value_amount=sum(mark.value_amount for mark in found),
        ltv_ppm=ltv_together_ppm(parts),
        lendable_amount=lendable_together(parts),
        base_amount=sum(lendable_amount(m.value_amount, m.applied_ltv_ppm) for m in found),
    )


def marks_of(loan: Loan, state: State, changes: Marks = NO_MARKS) -> dict[int, PledgeMarked]:
    """
    The marks of what is under lien for a loan, by pledge.

    `changes` are about to be published, for pledges about to be under lien too.
    """
    found = {}
    for pledge_id in loan.pledge_ids:
        pledge = state.pledges[pledge_id]
        mark = changes.get(pledge_id, pledge.mark)
        if mark is not None and pledge.status in LIENED and pledge.pledged_qty:
            found[pledge_id] = mark
    return found


def value_behind(loan: Loan, state: State, changes: Marks = NO_MARKS) -> int:
    """What the collateral of a loan is worth."""
    return sum(mark.value_amount for mark in marks_of(loan, state, changes).values())
