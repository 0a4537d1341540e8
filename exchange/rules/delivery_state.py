"""
What the rules remember of delivery: open days, suppliers' standing, damages that are owed.

A delivery day is here from its first moment until its cash is paid. A day of the past that is not
here is closed: nobody owns, pledges or uses anything of it.
"""

from msgspec import Struct, field

from exchange.domain.delivery_events import DamagesClaimed, Payout
from exchange.domain.enums import DeliveryStatus
from exchange.domain.meter_readings import UNKNOWN_QTY
from exchange.domain.units import HOURS_PER_DAY


def _unknown_hours() -> list[int]:
    return [UNKNOWN_QTY] * HOURS_PER_DAY


def _no_revisions() -> list[int]:
    return [0] * HOURS_PER_DAY


class DeliveryDay(Struct):
    """One product's day between its first moment and its cash."""

    product_id: int
    day: int
    status: DeliveryStatus
    contracted_qty: int
    reference_micro: int
    due_ns: int
    """Market time of what the clock does next; 0 while it waits for people."""
    available_qtys: list[int] = field(default_factory=_unknown_hours)
    """By hour; -1 where nobody has said."""
    revisions: list[int] = field(default_factory=_no_revisions)
    """Of the readings that stand, by hour."""
    ruled_qtys: list[int] = field(default_factory=list)
    """An auditor's finding that waits for its countersignature."""
    ruling_sha256: bytes = b""
    """Of the evidence for it."""
    ruler_account_id: int = 0
    undelivered_hours: int = 0
    """GPU-hours; known when the day is final."""
    payouts: list[Payout] = field(default_factory=list)
    """What is left to pay of a day that takes more than one record."""
    is_cancelled: bool = False
    """Whether its supplier was terminated before it began."""
    bond_amount: int = 0
    """What of the bond is kept for a cancelled day; any other has what is kept for none."""


class Standing(Struct):
    """A supplier's bond, and whether it may sell."""

    bond_amount: int = 0
    short_bond_amount: int = 0
    short_required_amount: int = 0
    """What was last said of a bond that is short; both 0 for one that is large enough."""
    is_suspended: bool = False
    is_terminated: bool = False
    poor_days: list[tuple[int, int]] = field(default_factory=list)
    """(product, day) of the last days below the least uptime."""
    final_days: list[tuple[int, int, int]] = field(default_factory=list)
    """(day, GPU-hours contracted, of these undelivered) of the last `UPTIME_DAYS_COUNT` days."""


class Claim(Struct, frozen=True):
    """Damages that are owed, with what is left of them."""

    recorded: DamagesClaimed
    left_amount: int
