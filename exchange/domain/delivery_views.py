"""What the API shows of capacity, delivery and bonds; units as in `wire`."""

from msgspec import Struct


class CapacityView(Struct, frozen=True, kw_only=True):
    """Capacity on its way to title."""

    grant_id: int
    account_id: int
    product: str
    start_day: int
    end_day: int
    submitted_qty: int
    grant_status: str
    burnt_in_ns: int
    """When the burn-in ends; 0 before an inspection."""


class DeliveryView(Struct, frozen=True, kw_only=True):
    """A delivery day of a product."""

    product: str
    day: int
    delivery_status: str
    """As of `DeliveryStatus`, or `closed`."""
    contracted_qty: int
    available_qtys: list[int]
    """By hour; -1 for unknown."""
    undelivered_hours: int
    """GPU-hours, when it is final."""
    due_ns: int
    """When the clock comes to it next; 0 while it waits for people."""
    is_overdue: bool = False
    """It still waits for an auditor or an operator after the time for disputes."""
    dispute_sha256: str = ""
    """Of the evidence for a dispute; empty where there was none."""
    ruled_qtys: list[int] = []
    """By hour, what an auditor has found and an operator is to countersign; empty where nothing."""
    ruling_sha256: str = ""
    """Of the evidence for the last finding."""


class HolderView(Struct, frozen=True, kw_only=True):
    """Who has title of a delivery day."""

    account_id: int
    title_qty: int
    """Pledged, let or on offer or not: that is between the holder and others."""


class SubstitutionView(Struct, frozen=True, kw_only=True):
    """Other days on offer for some of a holder's."""

    substitution_id: int
    supplier_account_id: int
    holder_account_id: int
    product: str
    start_day: int
    end_day: int
    substituted_qty: int
    other_product: str
    other_start_day: int
    lapse_ns: int
    """Market time at which the offer is over."""


class ClaimView(Struct, frozen=True, kw_only=True):
    """Damages that a bond did not cover."""

    claim_id: int
    product: str
    day: int
    account_id: int
    left_amount: int


class BondView(Struct, frozen=True, kw_only=True):
    """A supplier's bond and standing."""

    supplier_account_id: int
    bond_amount: int
    required_amount: int
    """As last stated."""
    is_suspended: bool
    is_terminated: bool
    claims: list[ClaimView]
    """That concern who asks."""
