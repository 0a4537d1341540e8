"""
What the OTC desk is asked: quotes to a request, negotiated blocks, and what is wrong with a trade.

Quantities are GPUs over a window of delivery days, prices fen per GPU-hour. A window need not be
listed. `side` is always that of whoever gives the command.
"""

from typing import Annotated

from msgspec import Meta, Struct, field

from .commands import Command
from .enums import Side, TradeSource
from .units import NS_PER_MINUTE, Amount, Day, Id, Ns, Price, Qty, Reference

MAX_DEALERS = 32
"""Of one request; a request to nobody in particular is for all."""
MAX_LISTED_ALLOCATIONS = 100
"""What can be sent at all; the market takes fewer."""
DealerIds = Annotated[list[Id], Meta(max_length=MAX_DEALERS)]


class Allocation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A block's part that goes to one account."""

    account_id: Id
    allocated_qty: Qty


class RequestQuote(Command, frozen=True, kw_only=True, tag="request_quote"):
    """Asks dealers, or all, for firm quotes."""

    product_id: Id
    start_day: Day
    end_day: Day
    request_qty: Qty
    side: Side | None = None
    """What the asker means to do; None asks for both sides and gives nothing away."""
    dealer_account_ids: DealerIds = field(default_factory=list)
    """Who may see it and quote; empty for all."""
    lifetime_ns: Ns = 30 * NS_PER_MINUTE
    """How long it stands, 1 minute to 8 hours; the desk's end cuts it short."""


class SubmitQuote(Command, frozen=True, kw_only=True, tag="submit_quote"):
    """A firm quote for the full size: the quoter's days or cash are held while it stands."""

    quote_request_id: Id
    quote_price: Price
    side: Side | None = None
    """What the quoter would do; needed where the request is for both sides."""
    lifetime_ns: Ns = 5 * NS_PER_MINUTE
    """1 to 30 minutes; it ends with its request at the latest."""


class AcceptQuote(Command, frozen=True, kw_only=True, tag="accept_quote"):
    """The asker deals: the trade is made and paid at once, nobody is asked again."""

    quote_id: Id


class WithdrawQuote(Command, frozen=True, kw_only=True, tag="withdraw_quote"):
    """The quoter takes back a quote that nobody has accepted."""

    quote_id: Id


class WithdrawQuoteRequest(Command, frozen=True, kw_only=True, tag="withdraw_quote_request"):
    """The asker wants no more quotes; those that stand end with the request."""

    quote_request_id: Id


class ProposeBlock(Command, frozen=True, kw_only=True, tag="propose_block"):
    """One side of a negotiated trade alleges it; the other has yet to confirm."""

    counterparty_account_id: Id
    product_id: Id
    start_day: Day
    end_day: Day
    side: Side
    block_qty: Qty
    block_price: Price


class ConfirmBlock(Command, frozen=True, kw_only=True, tag="confirm_block"):
    """The other side agrees: the block is registered and paid at once."""

    block_id: Id


class DeclineBlock(Command, frozen=True, kw_only=True, tag="decline_block"):
    """The other side does not agree, or the proposer takes it back."""

    block_id: Id


class WaiveBand(Command, frozen=True, kw_only=True, tag="waive_band"):
    """An operator would let an alleged block pass outside the price band, and says why."""

    block_id: Id
    note: Reference


class ConfirmWaiver(Command, frozen=True, kw_only=True, tag="confirm_waiver"):
    """The second operator's word for a waiver."""

    block_id: Id


class AllocateBlock(Command, frozen=True, kw_only=True, tag="allocate_block"):
    """The buyer spreads a registered block over accounts of its own party, on the same day."""

    block_id: Id
    allocations: Annotated[list[Allocation], Meta(max_length=MAX_LISTED_ALLOCATIONS)]
    """Each account once, the buyer's own too where it keeps a part; they add up to the block."""


class RequestBust(Command, frozen=True, kw_only=True, tag="request_bust"):
    """A party of a trade, within ten minutes, wants it undone."""

    trade_id: Id
    note: Reference
    trade_source: TradeSource = TradeSource.DESK


class RequestCorrection(Command, frozen=True, kw_only=True, tag="request_correction"):
    """A party of a trade, within ten minutes, wants it at another price."""

    trade_id: Id
    corrected_price: Price
    note: Reference
    trade_source: TradeSource = TradeSource.DESK


class ApproveCorrection(Command, frozen=True, kw_only=True, tag="approve_correction"):
    """An operator agrees to a bust or a correction; with the second operator's it is done."""

    correction_id: Id


class DeclineCorrection(Command, frozen=True, kw_only=True, tag="decline_correction"):
    """An operator ends a request without effect."""

    correction_id: Id
    note: Reference


class RecordClaim(Command, frozen=True, kw_only=True, tag="record_claim"):
    """What cannot be undone any more goes on record as the asker's claim on the other party."""

    correction_id: Id
    claim_amount: Amount
    note: Reference
