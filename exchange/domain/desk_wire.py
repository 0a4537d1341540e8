"""
The OTC desk on the wire: what is asked over the websocket and HTTP alike, and what is shown.

A request, a quote, a block, a trade and a correction each have the log's number of their record for
an id, so an acknowledgement's `log_seq` names what was made. Over HTTP the command's id is the
Idempotency-Key instead.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from .desk_commands import MAX_LISTED_ALLOCATIONS, DealerIds
from .units import Day, Id, Name, Ns, Price, Qty, Reference
from .wire_words import ClientId, Message, Request, SideWord

Seconds = Annotated[int, Meta(ge=1, le=86_400)]
BothSidesWord = Literal["buy", "sell", "both"]
TradeSourceWord = Literal["desk", "book"]


# -- what clients send ----------------------------------------------------------------------------


class RequestQuote(Request, frozen=True, kw_only=True, tag="request_quote"):
    """Asks dealers, or all, for firm quotes over any window."""

    command_id: ClientId
    product: Name
    start_day: Day
    end_day: Day
    request_qty: Qty
    side: BothSidesWord = "both"
    """What the asker means to do."""
    dealer_account_ids: DealerIds = field(default_factory=list)
    """Empty for all."""
    lifetime_s: Seconds = 1_800
    valid_until_ns: Ns = 0


class SubmitQuote(Request, frozen=True, kw_only=True, tag="submit_quote"):
    """A firm quote; `side` is the quoter's, and needed where both sides are asked for."""

    command_id: ClientId
    quote_request_id: Id
    quote_price: Price
    side: SideWord | None = None
    lifetime_s: Seconds = 300
    valid_until_ns: Ns = 0


class AcceptQuote(Request, frozen=True, kw_only=True, tag="accept_quote"):
    """Deals at a firm quote."""

    command_id: ClientId
    quote_id: Id
    valid_until_ns: Ns = 0


class WithdrawQuote(Request, frozen=True, kw_only=True, tag="withdraw_quote"):
    """Takes an own quote back."""

    command_id: ClientId
    quote_id: Id
    valid_until_ns: Ns = 0


class WithdrawQuoteRequest(Request, frozen=True, kw_only=True, tag="withdraw_quote_request"):
    """Ends an own request and the quotes to it."""

    command_id: ClientId
    quote_request_id: Id
    valid_until_ns: Ns = 0


class ProposeBlock(Request, frozen=True, kw_only=True, tag="propose_block"):
    """Alleges a negotiated trade; `side` is the proposer's."""

    command_id: ClientId
    counterparty_account_id: Id
    product: Name
    start_day: Day
    end_day: Day
    side: SideWord
    block_qty: Qty
    block_price: Price
    valid_until_ns: Ns = 0


class ConfirmBlock(Request, frozen=True, kw_only=True, tag="confirm_block"):
    """Agrees to a block that another side has alleged."""

    command_id: ClientId
    block_id: Id
    valid_until_ns: Ns = 0


class DeclineBlock(Request, frozen=True, kw_only=True, tag="decline_block"):
    """Ends an alleged block, from either side."""

    command_id: ClientId
    block_id: Id
    valid_until_ns: Ns = 0


# -- HTTP bodies ----------------------------------------------------------------------------------


class AllocationPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one account gets of a block."""

    account_id: Id
    allocated_qty: Qty


class AllocationRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/blocks/{block_id}/allocate, by the buyer."""

    allocations: Annotated[list[AllocationPart], Meta(max_length=MAX_LISTED_ALLOCATIONS)]


class DisputeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    POST /v1/desk_trades/{trade_id}/dispute, or /v1/book_trades/…, by a party.

    Without a price it asks for a bust.
    """

    note: Reference
    corrected_price: Price | None = None


# -- what the exchange shows ----------------------------------------------------------------------


class QuoteView(Struct, frozen=True, kw_only=True):
    """A quote, for its asker and its quoter alone."""

    quote_id: int
    quote_request_id: int
    account_id: int
    side: SideWord
    quote_price: int
    notional_amount: int
    expires_ns: int
    quote_status: str
    trade_id: int = 0


class QuoteRequestView(Struct, frozen=True, kw_only=True):
    """A request, with the quotes that the reader may see: all of its own, else the reader's."""

    quote_request_id: int
    account_id: int
    product: str
    window: str
    start_day: int
    end_day: int
    request_qty: int
    side: BothSidesWord
    expires_ns: int
    quote_request_status: str
    dealer_account_ids: list[int]
    """Shown to the asker alone."""
    quotes: list[QuoteView]


class BlockView(Struct, frozen=True, kw_only=True):
    """A block, for its two sides; `side` is the proposer's."""

    block_id: int
    account_id: int
    counterparty_account_id: int
    product: str
    window: str
    start_day: int
    end_day: int
    side: SideWord
    block_qty: int
    block_price: int
    notional_amount: int
    expires_ns: int
    block_status: str
    is_waived: bool
    trade_id: int = 0
    allocations: list[AllocationPart] = []
    """Shown to the buyer alone."""


class DeskTradeView(Struct, frozen=True, kw_only=True):
    """A trade of the desk, for its parties."""

    trade_id: int
    made_by: str
    """A quote or a block."""
    product: str
    window: str
    start_day: int
    end_day: int
    traded_qty: int
    trade_price: int
    """As corrected."""
    notional_amount: int
    """As traded."""
    buyer_account_id: int
    seller_account_id: int
    buyer_fee_amount: int
    seller_fee_amount: int
    escrow_amount: int
    market_ns: int
    is_busted: bool


class CorrectionView(Struct, frozen=True, kw_only=True):
    """What a party wants done about a trade; a `corrected_price` of 0 is a bust."""

    correction_id: int
    trade_id: int
    account_id: int
    corrected_price: int
    note: str
    correction_status: str
    first_operator_id: int
    claim_amount: int
    """Of a claim on record, else 0."""
    trade_source: str = "desk"
    """`desk` or `book`: each numbers its own trades."""


class Desk(Message, frozen=True, kw_only=True, tag="desk"):
    """All of the desk that an account may see, the latest last."""

    as_of_seq: int
    account_id: int
    quote_requests: list[QuoteRequestView]
    blocks: list[BlockView]
    desk_trades: list[DeskTradeView]
    corrections: list[CorrectionView]


class PublicDeskTrade(Struct, frozen=True, kw_only=True):
    """A trade of the desk, after its delay and without its parties."""

    trade_id: int
    seq: int
    """The record that made it public."""
    product: str
    window: str
    start_day: int
    end_day: int
    trade_price: int
    displayed_qty: int
    is_capped: bool
    """More was traded than is shown."""
    market_ns: int
    """When it was made."""
    is_busted: bool = False


class DeskTrades(Message, frozen=True, kw_only=True, tag="desk_trades"):
    """Public trades of the desk, the latest last; after the snapshot those that are new."""

    as_of_seq: int
    desk_trades: list[PublicDeskTrade]
