"""
What has happened about delivery, bonds and a supplier's standing.

None of these moves cash or days: the movements that follow in the same record do.
"""

from msgspec import Struct

from .enums import Purpose, SuspensionCause
from .events import Event
from .meter_readings import HourRuling, Reading


class Payout(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Money of a delivery day that goes to an account; its purpose tells where it comes from."""

    account_id: int
    paid_amount: int
    purpose: Purpose
    """`claim`: it is not there, and is owed."""
    pledge_id: int = 0
    """The pledge whose bank comes before the owner here; 0 for what is nobody's security."""


class DeliveryStarted(Event, frozen=True, kw_only=True, tag="delivery_started"):
    """A delivery day of a product began."""

    product_id: int
    day: int
    contracted_qty: int
    """What users may use: sold, or sublet by the supplier's house."""
    reference_micro: int
    """What a GPU-hour of the day was last worth; damages are measured by it. 0 for unknown."""
    due_ns: int
    """When the clock reports the day if the supplier has not; market time."""


class ReadingsRecorded(Event, frozen=True, kw_only=True, tag="readings_recorded"):
    """Readings that were new, of days that are not reported yet."""

    product_id: int
    readings: list[Reading]


class DeliveryReported(Event, frozen=True, kw_only=True, tag="delivery_reported"):
    """No more readings of the day are taken."""

    product_id: int
    day: int
    unknown_count: int
    """Hours without a reading, for the auditor to rule."""
    is_overdue: bool
    """The clock said so, not the supplier."""


class DeliveryAttested(Event, frozen=True, kw_only=True, tag="delivery_attested"):
    """An auditor stands for the day."""

    product_id: int
    day: int
    auditor_account_id: int
    rulings: list[HourRuling]
    evidence_sha256: bytes
    due_ns: int
    """When it is final unless disputed."""


class DeliveryDisputed(Event, frozen=True, kw_only=True, tag="delivery_disputed"):
    """Somebody concerned says that it was otherwise; an auditor rules."""

    product_id: int
    day: int
    account_id: int
    evidence_sha256: bytes


class RulingProposed(Event, frozen=True, kw_only=True, tag="ruling_proposed"):
    """An auditor's finding on a disputed day, which an operator countersigns."""

    product_id: int
    day: int
    auditor_account_id: int
    available_qtys: list[int]
    """By hour."""
    evidence_sha256: bytes


class DeliveryRuled(Event, frozen=True, kw_only=True, tag="delivery_ruled"):
    """The finding is what was delivered."""

    product_id: int
    day: int
    operator_account_id: int
    due_ns: int


class DeliveryPostponed(Event, frozen=True, kw_only=True, tag="delivery_postponed"):
    """The day cannot close, because days are still set aside; it is looked at again then."""

    product_id: int
    day: int
    due_ns: int


class DeliveryFinalized(Event, frozen=True, kw_only=True, tag="delivery_finalized"):
    """What was delivered is settled for ever; its cash follows on the next business day."""

    product_id: int
    day: int
    contracted_qty: int
    undelivered_hours: int
    """GPU-hours that were contracted and not available."""
    due_ns: int
    """When its cash is due."""


class SettlementPlanned(Event, frozen=True, kw_only=True, tag="settlement_planned"):
    """Who is paid what for a day with more payouts than one record holds; they follow in parts."""

    product_id: int
    day: int
    payouts: list[Payout]


class DeliverySettled(Event, frozen=True, kw_only=True, tag="delivery_settled"):
    """A day's cash, or the next part of it, was paid; the movements follow."""

    product_id: int
    day: int
    supplier_account_id: int
    payout_count: int
    """Payouts of this record."""
    drawn_amount: int
    """What of them came out of the bond."""
    is_complete: bool


class DamagesClaimed(Event, frozen=True, kw_only=True, tag="damages_claimed"):
    """Damages that the bond did not cover are owed."""

    claim_id: int
    product_id: int
    day: int
    supplier_account_id: int
    account_id: int
    """Who is owed: the owner of the hours, or its pledgee."""
    claim_amount: int
    pledge_id: int = 0
    """The pledge for which the pledgee is owed."""


class ClaimPaid(Event, frozen=True, kw_only=True, tag="claim_paid"):
    """A supplier paid of what it owes; a claim of which nothing is left is over."""

    claim_id: int
    paid_amount: int
    left_amount: int


class BondPosted(Event, frozen=True, kw_only=True, tag="bond_posted"):
    """A supplier's bond grew."""

    supplier_account_id: int
    posted_amount: int
    bond_amount: int
    """Now."""


class BondWithdrawn(Event, frozen=True, kw_only=True, tag="bond_withdrawn"):
    """A supplier's bond shrank by what it did not need."""

    supplier_account_id: int
    withdrawn_amount: int
    bond_amount: int
    required_amount: int
    """For sold days; open claims are kept besides."""


class BondShort(Event, frozen=True, kw_only=True, tag="bond_short"):
    """
    At the start of a day a supplier's bond was below what its sold days ask for.

    It is said when that begins and when either amount is another one than was said last.
    """

    supplier_account_id: int
    bond_amount: int
    required_amount: int


class BondMadeGood(Event, frozen=True, kw_only=True, tag="bond_made_good"):
    """A bond that was short is as large as its sold days ask for, or they ask for less."""

    supplier_account_id: int
    bond_amount: int
    required_amount: int


class SupplierSuspended(Event, frozen=True, kw_only=True, tag="supplier_suspended"):
    """A supplier sells nothing of its own; the end of its open sales follows in the record."""

    supplier_account_id: int
    cause: SuspensionCause
    product_id: int
    """Of the poor days; 0 where an operator suspended it."""
    day: int


class SupplierReinstated(Event, frozen=True, kw_only=True, tag="supplier_reinstated"):
    """A supplier may sell again."""

    supplier_account_id: int
    operator_account_id: int


class SupplierTerminated(Event, frozen=True, kw_only=True, tag="supplier_terminated"):
    """A supplier delivers no more; the clock gives back what the days to come have in escrow."""

    supplier_account_id: int
    operator_account_id: int
    from_day: int


class DeliveryCancelled(Event, frozen=True, kw_only=True, tag="delivery_cancelled"):
    """A day of a terminated supplier is final before it began: nothing of it is delivered."""

    product_id: int
    day: int
    contracted_qty: int
    undelivered_hours: int
    reference_micro: int
    due_ns: int
    bond_amount: int = 0
    """The day's share of the bond: pro rata by the damages of all the supplier's cancelled days."""
