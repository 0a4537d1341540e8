"""
What happened at the OTC desk.

These events move nothing: holds, cash, title and escrow follow in the same record as movements.
A request, a quote, a block, a correction and a trade of the desk each have the sequence number of
their record for an id; trades of books have numbers of their own, so corrections say whose they
mean.
"""

from msgspec import Struct

from .enums import BlockStatus, Purpose, QuoteRequestStatus, QuoteStatus, Side, TradeSource
from .events import Event


class EscrowRun(Struct, frozen=True, array_like=True):
    """The same amount of escrow on each day of `[start_day, end_day)`."""

    start_day: int
    end_day: int
    day_amount: int


class AllocatedPart(Struct, frozen=True, array_like=True):
    """What one account got of a block, and what it paid the buyer for it, fee included."""

    account_id: int
    allocated_qty: int
    paid_amount: int


# -- requests for quote ---------------------------------------------------------------------------


class QuoteRequested(Event, frozen=True, kw_only=True, tag="quote_requested"):
    """An account asked for quotes."""

    quote_request_id: int
    account_id: int
    product_id: int
    start_day: int
    end_day: int
    request_qty: int
    side: Side | None
    """The asker's; None for quotes of both sides."""
    dealer_account_ids: list[int]
    """Who may see it; empty for all."""
    expires_ns: int
    key_id: int = 0
    """The key that asked; with it the request ends."""


class QuoteSubmitted(Event, frozen=True, kw_only=True, tag="quote_submitted"):
    """A firm quote stands; the quoter's hold, of the same id, follows in the record."""

    quote_id: int
    quote_request_id: int
    account_id: int
    side: Side
    """The quoter's."""
    quote_price: int
    notional_amount: int
    expires_ns: int
    key_id: int = 0
    """The key that quoted; with it the quote ends."""


class QuoteAccepted(Event, frozen=True, kw_only=True, tag="quote_accepted"):
    """The asker dealt; the trade follows in the record."""

    quote_id: int
    trade_id: int


class QuoteEnded(Event, frozen=True, kw_only=True, tag="quote_ended"):
    """A quote is no longer firm, and nothing came of it."""

    quote_id: int
    quote_status: QuoteStatus


class QuoteRequestEnded(Event, frozen=True, kw_only=True, tag="quote_request_ended"):
    """No more quotes are taken; those that stood ended before this."""

    quote_request_id: int
    quote_request_status: QuoteRequestStatus


# -- blocks ---------------------------------------------------------------------------------------


class BlockProposed(Event, frozen=True, kw_only=True, tag="block_proposed"):
    """A block is alleged; the proposer's hold, of the same id, follows in the record."""

    block_id: int
    account_id: int
    counterparty_account_id: int
    product_id: int
    start_day: int
    end_day: int
    side: Side
    """The proposer's."""
    block_qty: int
    block_price: int
    notional_amount: int
    expires_ns: int
    key_id: int = 0
    """The key that proposed; with it the block ends while it is alleged."""


class BandWaiverRequested(Event, frozen=True, kw_only=True, tag="band_waiver_requested"):
    """An operator would waive the price band for a block."""

    block_id: int
    operator_account_id: int
    note: str


class BandWaived(Event, frozen=True, kw_only=True, tag="band_waived"):
    """A second operator agreed: the block may pass at its price."""

    block_id: int
    operator_account_id: int


class BlockRegistered(Event, frozen=True, kw_only=True, tag="block_registered"):
    """The other side confirmed; the trade follows in the record."""

    block_id: int
    trade_id: int


class BlockEnded(Event, frozen=True, kw_only=True, tag="block_ended"):
    """A block was declined or lapsed."""

    block_id: int
    block_status: BlockStatus


class BlockAllocated(Event, frozen=True, kw_only=True, tag="block_allocated"):
    """The buyer spread the block over accounts of its party; cash and title follow."""

    block_id: int
    parts: list[AllocatedPart]


# -- trades and their corrections -----------------------------------------------------------------


class DeskTradeExecuted(Event, frozen=True, kw_only=True, tag="desk_trade_executed"):
    """
    A trade outside the books; what it moves follows in the record.

    Quoter and proposer pay the maker's fee, who accepts or confirms the taker's.
    """

    trade_id: int
    purpose: Purpose
    product_id: int
    start_day: int
    end_day: int
    traded_qty: int
    trade_price: int
    buyer_account_id: int
    seller_account_id: int
    taker_side: Side
    notional_amount: int
    buyer_fee_amount: int
    seller_fee_amount: int
    escrow_amount: int
    """The part of the notional that went to the escrow of its days: all of a primary sale's."""
    returned_escrow: list[EscrowRun]
    """What the escrow gave back to a supplier that bought."""
    publish_ns: int
    """Market time at which the public hears of it."""
    displayed_qty: int
    """The most that the public is shown of it."""


class DeskTradePublished(Event, frozen=True, kw_only=True, tag="desk_trade_published"):
    """The delay is over: the trade is public."""

    trade_id: int


class CorrectionRequested(Event, frozen=True, kw_only=True, tag="correction_requested"):
    """A party wants a trade undone, or at another price."""

    correction_id: int
    trade_id: int
    account_id: int
    corrected_price: int
    """0 asks for a bust."""
    note: str
    trade_source: TradeSource = TradeSource.DESK
    respondent_account_id: int = 0
    """The trade's other party; 0 in records from before it was stated."""


class CorrectionApproved(Event, frozen=True, kw_only=True, tag="correction_approved"):
    """The first operator agreed."""

    correction_id: int
    operator_account_id: int


class TradeBusted(Event, frozen=True, kw_only=True, tag="trade_busted"):
    """A second operator agreed: what gives days, price and fees back follows in the record."""

    correction_id: int
    trade_id: int
    operator_account_id: int
    trade_source: TradeSource = TradeSource.DESK


class TradePriceCorrected(Event, frozen=True, kw_only=True, tag="trade_price_corrected"):
    """
    A second operator agreed: the difference follows in the record, fees stay.

    It is cash; of a primary sale the escrow returns to the buyer, who pays it anew.
    """

    correction_id: int
    trade_id: int
    corrected_price: int
    operator_account_id: int
    trade_source: TradeSource = TradeSource.DESK


class CorrectionDeclined(Event, frozen=True, kw_only=True, tag="correction_declined"):
    """An operator ended a request; the trade stands as it was."""

    correction_id: int
    operator_account_id: int
    note: str


class ClaimRecorded(Event, frozen=True, kw_only=True, tag="claim_recorded"):
    """A trade stands, and one party claims money of the other; the venue moves none."""

    correction_id: int
    trade_id: int
    claimant_account_id: int
    respondent_account_id: int
    claim_amount: int
    operator_account_id: int
    note: str
    trade_source: TradeSource = TradeSource.DESK
