"""
Liquidations on the wire: what a bank asks for, and the lots that anybody may see.

A lot's id is the number of its record, so a receipt's `created_id` names it. The public sees
neither the borrower nor the bank; a block shows to its buyer and its bank alone.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .units import MAX_PRICE, Day, Id, Name, Price, Qty
from .wire_words import Message

ModeWord = Literal["title", "sublet"]
Sha256Hex = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
AmountOrZero = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class EnforcementRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/loans/{loan_id}/enforce, by the bank of a loan in default."""

    costs_amount: AmountOrZero = 0
    """Of enforcement, fen; they are paid before all else."""
    evidence_sha256: Sha256Hex
    """Of the bills."""


class LotRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/lots, by the bank; prices in fen per GPU-hour."""

    pledge_id: Id
    mode: ModeWord = "title"
    start_day: Day
    end_day: Day
    lot_qty: Qty
    start_price: Price
    floor_price: Price
    step_price: Annotated[int, Meta(ge=0, le=MAX_PRICE)] = 0
    """How much the price falls with each step; 0 for a fixed price."""
    step_minutes_count: Annotated[int, Meta(gt=0, le=1_440)] = 60
    buyer_account_id: Id = 0
    """The only one that may buy; 0 for anybody."""


class LotPurchase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/lots/{lot_id}/buy: the whole lot, at its price of the moment."""

    limit_price: Price
    """No more than this, fen per GPU-hour."""


class LotView(Struct, frozen=True, kw_only=True):
    """A lot on offer, at its price of the moment."""

    lot_id: int
    product: Name
    mode: ModeWord
    window: str
    start_day: int
    end_day: int
    lot_qty: int
    lot_price: int
    """Now, fen per GPU-hour."""
    floor_price: int
    notional_amount: int
    """Of the whole lot now."""
    next_step_ns: int
    """When the price falls next; at the floor, when the lot ends."""
    end_ns: int
    loan_id: int = 0
    """Shown to the lot's bank alone, as are the next two."""
    pledge_id: int = 0
    buyer_account_id: int = 0
    """Of a block; to its buyer too."""


class LotGone(Struct, frozen=True, kw_only=True):
    """A lot that is over."""

    lot_id: int
    end: str
    """`sold`, `withdrawn`, `unsold`, or `redeemed` where the loan was repaid first."""
    ended_seq: int
    lot_price: int
    """At which it was sold, fen per GPU-hour; 0 where it was not."""


class LotNews(Message, frozen=True, kw_only=True, tag="lots"):
    """
    The channel `lots`, to whoever `GET /v1/lots` would show them.

    The first message is the snapshot, of many lots its first page: the others come between the
    news, and each lot is as it was told last. Then come new lots, those whose price fell, and those
    that are gone.
    """

    as_of_seq: int
    market_ns: int
    """Of the prices."""
    lots: list[LotView]
    gone: list[LotGone]
    snapshot: bool = False
    after_lot_id: int = 0
    """Of a later page of the snapshot: behind which lot it begins."""
    left_count: int = 0
    """Of a page: lots of the snapshot that are still to come."""


class Lots(Struct, frozen=True, kw_only=True):
    """GET /v1/lots: those on offer to the reader, in the order of their ids."""

    as_of_seq: int
    market_ns: int
    """Of the prices."""
    lots: list[LotView]
