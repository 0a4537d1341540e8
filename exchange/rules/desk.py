"""
What lies on the OTC desk's table: requests, quotes, blocks, trades, and what is wrong with them.

Each entry is the event that created it with where it stands. Those that are over stay until the
next day begins, so that acting on one is refused for what became of it. A quote or block that comes
to nothing gives back what it held.
"""

from msgspec import Struct

from exchange.domain.desk_events import (
    BlockEnded,
    BlockProposed,
    CorrectionRequested,
    DeskTradeExecuted,
    QuoteEnded,
    QuoteRequested,
    QuoteSubmitted,
)
from exchange.domain.enums import BlockStatus, CorrectionStatus, QuoteRequestStatus, QuoteStatus
from exchange.domain.events import Event
from exchange.domain.movements import HoldClosed
from exchange.domain.units import NS_PER_MINUTE

DISPUTE_NS = 10 * NS_PER_MINUTE
"""After a trade; whoever finds out later has its claim outside the venue."""


class QuoteRequest(Struct, frozen=True):
    """A request for quote."""

    asked: QuoteRequested
    status: QuoteRequestStatus

    @property
    def is_open(self) -> bool:
        """Whether it takes quotes."""
        return self.status in (QuoteRequestStatus.OPEN, QuoteRequestStatus.QUOTED)


class Quote(Struct, frozen=True):
    """A quote."""

    submitted: QuoteSubmitted
    status: QuoteStatus

    @property
    def is_open(self) -> bool:
        """Whether it is firm."""
        return self.status is QuoteStatus.FIRM


class Block(Struct, frozen=True):
    """A block."""

    proposed: BlockProposed
    status: BlockStatus
    waiver_operator_id: int = 0
    """Who first waived the band for it."""
    is_waived: bool = False
    trade_id: int = 0
    is_allocated: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it waits for its other side."""
        return self.status is BlockStatus.ALLEGED


class DeskTrade(Struct, frozen=True):
    """A trade that the desk made, or a book."""

    executed: DeskTradeExecuted
    executed_ns: int
    trade_price: int
    """As corrected."""
    is_busted: bool = False
    is_published: bool = False
    instrument_id: int = 0
    """Whose book made it; 0 where the desk did."""

    @property
    def is_unpublished(self) -> bool:
        """Whether the public has yet to hear of it."""
        return not self.is_published and not self.is_busted


class Correction(Struct, frozen=True):
    """What a party wants done about a trade."""

    requested: CorrectionRequested
    status: CorrectionStatus
    first_operator_id: int = 0

    @property
    def is_open(self) -> bool:
        """Whether operators have yet to decide."""
        return self.status in (CorrectionStatus.REQUESTED, CorrectionStatus.APPROVED)


def quote_end(quote: Quote, status: QuoteStatus) -> list[Event]:
    """A quote is over, and its hold free."""
    submitted = quote.submitted
    return [
        QuoteEnded(quote_id=submitted.quote_id, quote_status=status),
        HoldClosed(hold_id=submitted.quote_id, account_id=submitted.account_id),
    ]


def block_end(block: Block, status: BlockStatus) -> list[Event]:
    """A block comes to nothing, and the proposer's hold is free."""
    proposed = block.proposed
    return [
        BlockEnded(block_id=proposed.block_id, block_status=status),
        HoldClosed(hold_id=proposed.block_id, account_id=proposed.account_id),
    ]
