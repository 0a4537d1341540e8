"""
Sublets between two named participants: what is asked, and what happened.

An offer keeps the lessor's days and fee until the lessee takes it, either side ends it, or its time
is over. What moves follows in the same record as movements.
"""

from .commands import Command
from .events import Event
from .units import Day, Id, Price, Qty

# -- commands -------------------------------------------------------------------------------------


class OpenSublet(Command, frozen=True, kw_only=True, tag="open_sublet"):
    """An owner offers the use of its days to one participant; title stays where it is."""

    lessee_account_id: Id
    product_id: Id
    start_day: Day
    end_day: Day
    sublet_qty: Qty
    rent_price: Price
    """Fen per GPU-hour."""


class AcceptSublet(Command, frozen=True, kw_only=True, tag="accept_sublet"):
    """The lessee takes the days and pays the rent into trust."""

    offer_id: Id


class DeclineSublet(Command, frozen=True, kw_only=True, tag="decline_sublet"):
    """The lessee declines, or the lessor withdraws, what is on offer."""

    offer_id: Id


class ConsentToSublet(Command, frozen=True, kw_only=True, tag="consent_to_sublet"):
    """A pledgee agrees that its days are let below the least rent."""

    offer_id: Id


class EndSublet(Command, frozen=True, kw_only=True, tag="end_sublet"):
    """
    One side's word that a sublet shall end; the other's, in time, ends it.

    The days that have not begun go back, and so does their rent.
    """

    sublet_id: Id


# -- events ---------------------------------------------------------------------------------------


class RentFloorPublished(Event, frozen=True, kw_only=True, tag="rent_floor_published"):
    """The least rent of pledged days in a book of sublets."""

    instrument_id: int
    rent_floor_price: int
    """Half the mark, rounded up; 0 where a month has no mark, so that no rent is known fair."""


class SubletOffered(Event, frozen=True, kw_only=True, tag="sublet_offered"):
    """Days are on offer to one participant; the lessor's hold of them follows."""

    offer_id: int
    """The sequence number of the record, which is the hold's id too."""
    product_id: int
    lessor_account_id: int
    lessee_account_id: int
    start_day: int
    end_day: int
    sublet_qty: int
    rent_price: int
    lessor_fee_amount: int
    rent_floor_price: int
    """What pledged days are let for at least; 0 where there is no mark."""
    encumbered_day: int
    """The first day that reaches into pledged title, 0 where none does."""
    consent_bank_ids: list[int]
    """Pledgees that must agree, because the rent is below the floor on days pledged to them."""
    lapse_ns: int
    """Market time at which the offer is over."""
    key_id: int = 0
    """The key that offered; with it the offer ends."""


class SubletConsented(Event, frozen=True, kw_only=True, tag="sublet_consented"):
    """A pledgee agreed."""

    offer_id: int
    bank_account_id: int


class SubletAccepted(Event, frozen=True, kw_only=True, tag="sublet_accepted"):
    """The lessee took the days; rent, fees and use follow in the record."""

    offer_id: int
    sublet_id: int
    rent_amount: int
    lessee_fee_amount: int


class SubletDeclined(Event, frozen=True, kw_only=True, tag="sublet_declined"):
    """Lessee or lessor ended the offer."""

    offer_id: int
    account_id: int


class SubletLapsed(Event, frozen=True, kw_only=True, tag="sublet_lapsed"):
    """Nobody took the offer in time."""

    offer_id: int


class SubletEndAsked(Event, frozen=True, kw_only=True, tag="sublet_end_asked"):
    """One side wants a sublet to end."""

    sublet_id: int
    account_id: int
    lapse_ns: int
    """Market time from which its word no longer counts."""


class SubletEndAgreed(Event, frozen=True, kw_only=True, tag="sublet_end_agreed"):
    """The other side agreed; the days' return and that of their rent follow."""

    sublet_id: int
    account_id: int
    start_day: int
    """The first day that goes back."""
    refund_amount: int
