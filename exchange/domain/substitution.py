"""
Substitution: a supplier that cannot deliver some days gives a holder other ones, with its consent.

What is asked, and what happened. The days, their title and their escrow move by the movements that
follow in the same record.
"""

from .commands import Command
from .events import Event
from .units import Day, Id, Qty

# -- commands -------------------------------------------------------------------------------------


class OfferSubstitution(Command, frozen=True, kw_only=True, tag="offer_substitution"):
    """A supplier offers a holder as many GPUs on other days, or of another product, of its own."""

    holder_account_id: Id
    product_id: Id
    """Of the days that the holder has and the supplier would take back."""
    start_day: Day
    end_day: Day
    substituted_qty: Qty
    other_product_id: Id
    """Of the days that the supplier gives for them; the same product on other days too."""
    other_start_day: Day
    """As many days from here on."""


class AcceptSubstitution(Command, frozen=True, kw_only=True, tag="accept_substitution"):
    """The holder consents: the days change places at once."""

    substitution_id: Id


class DeclineSubstitution(Command, frozen=True, kw_only=True, tag="decline_substitution"):
    """The holder declines, or the supplier withdraws, what is on offer."""

    substitution_id: Id


# -- events ---------------------------------------------------------------------------------------


class SubstitutionOffered(Event, frozen=True, kw_only=True, tag="substitution_offered"):
    """Other days are on offer to a holder; the supplier's hold of them follows."""

    substitution_id: int
    """The sequence number of the record, which is the hold's id too."""
    supplier_account_id: int
    holder_account_id: int
    product_id: int
    start_day: int
    end_day: int
    substituted_qty: int
    other_product_id: int
    other_start_day: int
    lapse_ns: int
    """Market time at which the offer is over."""
    key_id: int
    """The key that offered; with it the offer ends."""


class SubstitutionAccepted(Event, frozen=True, kw_only=True, tag="substitution_accepted"):
    """The holder consented; title and escrow follow in the record."""

    substitution_id: int
    escrow_amount: int
    """What the old days' escrow had of them, which is the new days' escrow now."""


class SubstitutionDeclined(Event, frozen=True, kw_only=True, tag="substitution_declined"):
    """Holder or supplier ended the offer."""

    substitution_id: int
    account_id: int


class SubstitutionLapsed(Event, frozen=True, kw_only=True, tag="substitution_lapsed"):
    """Nobody consented in time."""

    substitution_id: int
