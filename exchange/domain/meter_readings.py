"""What a meter says, and what an auditor rules where it says nothing."""

from typing import Annotated

from msgspec import Meta, Struct

from .units import HOURS_PER_DAY, Day, Id, QtyOrZero

Hour = Annotated[int, Meta(ge=0, le=HOURS_PER_DAY - 1)]
"""Of a delivery day: hour 0 ends at 01:00 at the site."""
UNKNOWN_QTY = -1
"""Nobody has said what was available in the hour."""


class Reading(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """How many GPUs of a product were available for the whole of an hour."""

    day: Day
    hour: Hour
    available_qty: QtyOrZero
    revision: Id = 0
    """A higher one corrects a lower one, until the day is reported."""


class HourRuling(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What an auditor finds was available in an hour without a reading."""

    hour: Hour
    available_qty: QtyOrZero
