"""What has happened about capacity before and after it is title."""

from .events import Event


class CapacitySubmitted(Event, frozen=True, kw_only=True, tag="capacity_submitted"):
    """A supplier offered hardware for inspection; there is no title yet."""

    grant_id: int
    product_id: int
    account_id: int
    start_day: int
    end_day: int
    submitted_qty: int


class CapacityInspected(Event, frozen=True, kw_only=True, tag="capacity_inspected"):
    """An auditor has inspected it, and the burn-in began."""

    grant_id: int
    auditor_account_id: int
    evidence_sha256: bytes
    burnt_in_ns: int
    """Market time at which the burn-in ends."""


class CapacityVerified(Event, frozen=True, kw_only=True, tag="capacity_verified"):
    """An auditor stands for it; with an operator's signature it is title."""

    grant_id: int
    auditor_account_id: int


class CapacityRejected(Event, frozen=True, kw_only=True, tag="capacity_rejected"):
    """The submission ended without title."""

    grant_id: int
    account_id: int


class CapacityDerated(Event, frozen=True, kw_only=True, tag="capacity_derated"):
    """
    A product has less than was granted; the end of unsold title follows in the record.

    What is sold beyond it stays, as does what the house has pledged: its hours will not be
    delivered, and are paid for as such.
    """

    product_id: int
    start_day: int
    end_day: int
    derated_qty: int
    short_qty: int
    """The most that is left beyond it on a day."""
    auditor_account_id: int
    evidence_sha256: bytes
