"""What can be asked for about delivery, bonds and a supplier's standing."""

from typing import Annotated

from msgspec import Meta

from .commands import Command
from .meter_readings import HourRuling, Reading
from .units import HOURS_PER_DAY, Amount, Day, Id, QtyOrZero, Sha256

MAX_READINGS = 1_000
"""Of one command, so that a frame stays small."""
Readings = Annotated[list[Reading], Meta(max_length=MAX_READINGS)]
HourQuantities = Annotated[
    list[QtyOrZero], Meta(min_length=HOURS_PER_DAY, max_length=HOURS_PER_DAY)
]
HourRulings = Annotated[list[HourRuling], Meta(max_length=HOURS_PER_DAY)]


class RecordReadings(Command, frozen=True, kw_only=True, tag="record_readings"):
    """
    Meter readings of a product, in any order.

    What is known already is not an error: a meter may send again. Another quantity for an hour
    needs a higher revision.
    """

    product_id: Id
    readings: Readings


class ReportDelivery(Command, frozen=True, kw_only=True, tag="report_delivery"):
    """The supplier has no more to say about a day; 12:00 on the day after says so for it."""

    product_id: Id
    day: Day


class AttestDelivery(Command, frozen=True, kw_only=True, tag="attest_delivery"):
    """An auditor stands for a reported day, and rules on every hour without a reading."""

    product_id: Id
    day: Day
    rulings: HourRulings
    evidence_sha256: Sha256


class DisputeDelivery(Command, frozen=True, kw_only=True, tag="dispute_delivery"):
    """A holder, sublessee or pledgee says that a day was not as reported; its proof by hash."""

    product_id: Id
    day: Day
    evidence_sha256: Sha256


class RuleDelivery(Command, frozen=True, kw_only=True, tag="rule_delivery"):
    """What an auditor finds was available in each hour of a disputed day."""

    product_id: Id
    day: Day
    available_qtys: HourQuantities
    evidence_sha256: Sha256


class CountersignRuling(Command, frozen=True, kw_only=True, tag="countersign_ruling"):
    """
    An operator's word for an auditor's ruling, which is in force with it.

    It restates what it signs: another finding may have taken the place of the one that was read.
    """

    product_id: Id
    day: Day
    available_qtys: HourQuantities
    evidence_sha256: Sha256


class PostBond(Command, frozen=True, kw_only=True, tag="post_bond"):
    """A supplier puts cash up against what it may fail to deliver."""

    bond_amount: Amount


class WithdrawBond(Command, frozen=True, kw_only=True, tag="withdraw_bond"):
    """A supplier takes cash back that its bond does not need."""

    bond_amount: Amount


class PayClaim(Command, frozen=True, kw_only=True, tag="pay_claim"):
    """A supplier pays damages, or a part of them, that its bond did not cover."""

    claim_id: Id
    paid_amount: Amount


class SuspendSupplier(Command, frozen=True, kw_only=True, tag="suspend_supplier"):
    """A supplier sells nothing of its own until it is reinstated."""

    supplier_account_id: Id


class ReinstateSupplier(Command, frozen=True, kw_only=True, tag="reinstate_supplier"):
    """A suspended supplier may sell again."""

    supplier_account_id: Id


class TerminateSupplier(Command, frozen=True, kw_only=True, tag="terminate_supplier"):
    """
    A suspended supplier will deliver no more.

    The escrow of all days to come goes back to their owners, its rents to the sublessees.
    """

    supplier_account_id: Id
