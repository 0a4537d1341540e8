"""
What the rules remember of lending: pledges, loans, margin calls, lots on offer, disputed marks.
"""

from msgspec import Struct, field

from exchange.domain.enums import LadderStatus, LoanStatus, PledgeStatus
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_events import (
    LoanApplied,
    LotOffered,
    MarginCallIssued,
    MarkDisputed,
    MarkRulingProposed,
    PledgeMarked,
)


class Pledge(Struct):
    """A pledge: what was asked for, what of it is under lien, and its last mark."""

    request: PledgeRequested
    status: PledgeStatus
    pledged_qty: int = 0
    """GPUs under lien on every day of the window that has not begun."""
    sold: list[tuple[int, int]] = field(default_factory=list)
    """(first day, GPUs) of what was sold; the lien stays on earlier days until they are closed."""
    mark: PledgeMarked | None = None
    mark_seq: int = 0
    """The record of that mark."""
    ruled_ppm: int = 0
    """The last ruling's charge, of this pledge or of the one whose place it took."""
    unsold_count: int = 0
    """Auctions of its title that found no buyer at their reserve, since one did."""
    unsold_day: int = 0
    """When the last of these ended."""

    def liened_qty(self, day: int) -> int:
        """GPUs under lien on a day of the window that is not closed."""
        return self.pledged_qty + sum(qty for first_day, qty in self.sold if day < first_day)


class Loan(Struct):
    """A loan's terms and what is owed of it."""

    applied: LoanApplied
    status: LoanStatus
    pledge_ids: list[int]
    """In the order in which they came; those that are over too."""
    interest_ppm: int = 0
    lapse_ns: int = 0
    """Until it is drawn: when the application, and then the terms, are over."""
    hold_id: int = 0
    """The bank's hold of the principal while its terms stand."""
    principal_amount: int = 0
    """Offered, and from the drawing on what is owed of it."""
    interest_amount: int = 0
    """Accrued and unpaid up to `accrued_day`."""
    accrued_day: int = 0
    drawn_ltv_ppm: int = 0
    costs_amount: int = 0
    """Of enforcement, still unpaid."""
    ladder_status: LadderStatus = LadderStatus.OK
    call: MarginCallIssued | None = None
    """The open call."""
    call_due_ns: int = 0
    """When it is over, extensions included."""
    call_paid_amount: int = 0
    """Since it was issued."""
    is_covenant_due: bool = False
    """A day of its collateral is final and the principal has not been looked at since."""
    maturity_ns: int = 0
    """When a drawn loan is due."""
    due_ns: int = 0
    """When the clock comes to it by itself; 0 for never."""


class Lot(Struct, frozen=True):
    """Pledged days on offer."""

    offered: LotOffered


class MarkDispute(Struct, frozen=True):
    """An open dispute, and the finding that waits for its countersignature."""

    disputed: MarkDisputed
    proposed: MarkRulingProposed | None = None
