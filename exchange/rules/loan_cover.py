"""
What a loan owes and what stands behind it: arithmetic over the marks in force.

Interest is simple, actual days over 360, rounded down; each payment begins a new stretch. A pledge
counts with its last mark while any of it is under lien.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from exchange.collateral.interest import accrued_amount
from exchange.collateral.ladder import lendable_amount
from exchange.domain.enums import LIENED, RepaymentSource
from exchange.domain.lending_events import LoanRepaid, PledgeMarked
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
    call_paid_amount: int
    """Cash since its open call, this record's included."""

    @property
    def owed_amount(self) -> int:
        """Interest and principal."""
        return self.interest_amount + self.principal_amount

    def take(self, paid_amount: int, source: RepaymentSource) -> LoanRepaid:
        """A payment, interest first; what it is more than is owed stays out of it."""
        interest_amount = min(paid_amount, self.interest_amount)
        principal_amount = min(paid_amount - interest_amount, self.principal_amount)
        return self.take_parts(interest_amount, principal_amount, source)

    def take_parts(
        self, interest_amount: int, principal_amount: int, source: RepaymentSource
    ) -> LoanRepaid:
        """A payment whose parts are known."""
        self.interest_amount -= interest_amount
        self.principal_amount -= principal_amount
        self.call_paid_amount += interest_amount + principal_amount
        return LoanRepaid(
            loan_id=self.loan.applied.loan_id,
            source=source,
            interest_amount=interest_amount,
            principal_amount=principal_amount,
        )


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
    return Debt(loan, *owed_amounts(loan, day), loan.call_paid_amount)


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
    value_amount = sum(mark.value_amount for mark in found)
    weighted = sum(mark.value_amount * mark.ltv_ppm for mark in found)
    ltv_ppm = weighted // value_amount if value_amount else 0
    lendable = sum(mark.lendable_amount for mark in found)
    return Cover(
        value_amount=value_amount,
        ltv_ppm=ltv_ppm,
        lendable_amount=min(lendable, lendable_amount(value_amount, ltv_ppm)),
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
