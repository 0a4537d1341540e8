"""What can be asked for about capacity before and after it is title."""

from .commands import Command
from .units import Day, Id, Qty, QtyOrZero, Sha256


class SubmitCapacity(Command, frozen=True, kw_only=True, tag="submit_capacity"):
    """A supplier offers hardware for inspection."""

    product_id: Id
    start_day: Day
    end_day: Day
    submitted_qty: Qty


class InspectCapacity(Command, frozen=True, kw_only=True, tag="inspect_capacity"):
    """An auditor has inspected it, and the burn-in begins; the report by its hash."""

    grant_id: Id
    evidence_sha256: Sha256


class VerifyCapacity(Command, frozen=True, kw_only=True, tag="verify_capacity"):
    """An auditor stands for the capacity after its burn-in; `GrantCapacity` countersigns it."""

    grant_id: Id


class RejectCapacity(Command, frozen=True, kw_only=True, tag="reject_capacity"):
    """An auditor ends a submission that is not title yet; the supplier may too."""

    grant_id: Id


class WithdrawCapacity(Command, frozen=True, kw_only=True, tag="withdraw_capacity"):
    """A supplier takes back what it has not sold, pledged or offered, of days to come."""

    product_id: Id
    start_day: Day
    end_day: Day
    withdrawn_qty: Qty


class DerateCapacity(Command, frozen=True, kw_only=True, tag="derate_capacity"):
    """
    An auditor finds that a product has less than was granted from a day on.

    Unsold title goes, on offer or not, and not by the word of the product's own house; what is sold
    stays as a claim on escrow and bond.
    """

    product_id: Id
    start_day: Day
    end_day: Day
    derated_qty: QtyOrZero
    """What is left of the product."""
    evidence_sha256: Sha256
