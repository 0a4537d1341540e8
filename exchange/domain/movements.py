"""
Movements: what happens to cash, days and escrow outside the order path.

A rule of the desk, of sublets, delivery or lending states what happened in an event of its own and
lets movements follow in the same record. They alone move anything, so whoever keeps balances or
positions knows no others. Amounts are 0 or more; `purpose` is what a statement of account calls the
line.
"""

from msgspec import Struct

from .enums import Purpose, Trust
from .events import Event


class HoldOpened(Event, frozen=True, kw_only=True, tag="hold_opened"):
    """Cash, and with a product days, are set aside: for a quote, a block, a sublet on offer."""

    hold_id: int
    """The sequence number of the record, unique: a record opens one hold at most."""
    account_id: int
    held_amount: int
    product_id: int = 0
    start_day: int = 0
    end_day: int = 0
    held_qty: int = 0
    is_sublet: bool = False
    """The days are reserved for a sublet; otherwise for a sale."""


class HoldClosed(Event, frozen=True, kw_only=True, tag="hold_closed"):
    """All that a hold has set aside is free again."""

    hold_id: int
    account_id: int


class CashPaid(Event, frozen=True, kw_only=True, tag="cash_paid"):
    """Available cash changed hands."""

    payer_account_id: int
    payee_account_id: int
    paid_amount: int
    purpose: Purpose


class TrustFunded(Event, frozen=True, kw_only=True, tag="trust_funded"):
    """Available cash is now kept by the venue for a purpose."""

    account_id: int
    trust: Trust
    funded_amount: int
    purpose: Purpose


class TrustReleased(Event, frozen=True, kw_only=True, tag="trust_released"):
    """Money that the venue kept is an account's available cash."""

    account_id: int
    trust: Trust
    released_amount: int
    purpose: Purpose


class TradeSettled(Event, frozen=True, kw_only=True, tag="trade_settled"):
    """
    A sale outside a book was paid: `cash_amount` to the seller, both fees to the venue.

    The escrow part left the buyer too; `EscrowFunded` follows with its days.
    """

    trade_id: int
    """The sequence number of the record."""
    buyer_account_id: int
    seller_account_id: int
    cash_amount: int
    escrow_amount: int
    buyer_fee_amount: int
    seller_fee_amount: int
    purpose: Purpose


class TitleTransferred(Event, frozen=True, kw_only=True, tag="title_transferred"):
    """Free days changed hands outside a book."""

    product_id: int
    seller_account_id: int
    buyer_account_id: int
    start_day: int
    end_day: int
    transferred_qty: int


class SubletGranted(Event, frozen=True, kw_only=True, tag="sublet_granted"):
    """The use of days was granted outside a book; the rent is moved by an event of its own."""

    sublet_id: int
    """10^12 and the number of the record, so that it is no trade's."""
    product_id: int
    lessor_account_id: int
    lessee_account_id: int
    start_day: int
    end_day: int
    sublet_qty: int
    rent_price: int
    """Fen per GPU-hour."""


class SubletEnded(Event, frozen=True, kw_only=True, tag="sublet_ended"):
    """The use of days went back to their owner before they were delivered."""

    sublet_id: int
    product_id: int
    lessor_account_id: int
    lessee_account_id: int
    start_day: int
    end_day: int
    sublet_qty: int


class CapacityWithdrawn(Event, frozen=True, kw_only=True, tag="capacity_withdrawn"):
    """Title that the supplier's house had not sold, pledged or offered ceased to exist."""

    grant_id: int
    product_id: int
    account_id: int
    start_day: int
    end_day: int
    withdrawn_qty: int


class EscrowReleased(Event, frozen=True, kw_only=True, tag="escrow_released"):
    """A part of a day's escrow was paid to an account."""

    product_id: int
    day: int
    account_id: int
    released_amount: int
    purpose: Purpose


class DeliveryDayClosed(Event, frozen=True, kw_only=True, tag="delivery_day_closed"):
    """A day is final: title, liens and sublets of it are over, its escrow is paid out."""

    product_id: int
    day: int


class SubletPart(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Days and GPUs of a sublet that is divided, and the id under which they go on."""

    sublet_id: int
    """Of what is divided."""
    new_sublet_id: int
    """10^12 times 2 or more, and the number of the record; 0 where nobody lets it any more."""
    lessee_account_id: int
    start_day: int
    end_day: int
    sublet_qty: int
    rent_price: int
    """Fen per GPU-hour."""


class CollateralSold(Event, frozen=True, kw_only=True, tag="collateral_sold"):
    """
    Pledged days left their lien and changed hands, with the sublets that lie on them.

    All of it or nothing. The rents stay in trust, and so do the escrow's claims with the days.
    """

    pledge_id: int
    product_id: int
    seller_account_id: int
    buyer_account_id: int
    start_day: int
    end_day: int
    sold_qty: int
    novated: list[SubletPart]
    """Whose lessor is now the buyer; the buyer's own are over, for nobody rents from itself."""
    kept: list[SubletPart]
    """What the seller goes on letting of those; the first part of each keeps its id."""
