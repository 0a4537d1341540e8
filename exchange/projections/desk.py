"""
The OTC desk: requests, quotes, blocks, trades and what became of them.

Kept are all that are open and the latest of those that are over; older ones are in the log. Who may
see what is decided here, in one place: a request by its asker and those it asks, a quote by its
asker and its quoter, a block and a trade by their two sides, and by the public a trade once it is
published, without its sides and no more of it than is displayed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from msgspec import Struct, field

from exchange.domain import desk_events as e
from exchange.domain.enums import (
    BlockStatus,
    CorrectionStatus,
    QuoteRequestStatus,
    QuoteStatus,
    TradeSource,
)
from exchange.domain.events import Event
from exchange.domain.record import Record

from .projection import Handler, Projection

KEPT_COUNT = 1_000
"""Of each kind; one more lets the oldest go, if that is over."""


class Quote(Struct):
    """A quote and where it stands."""

    submitted: e.QuoteSubmitted
    status: QuoteStatus = QuoteStatus.FIRM
    trade_id: int = 0


class QuoteRequest(Struct):
    """A request, where it stands, and its quotes."""

    asked: e.QuoteRequested
    status: QuoteRequestStatus = QuoteRequestStatus.OPEN
    quotes: list[Quote] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to it any more."""
        return self.status not in (QuoteRequestStatus.OPEN, QuoteRequestStatus.QUOTED)

    def is_for(self, account_id: int) -> bool:
        """Whether the account asked, or was asked by name."""
        return account_id in (self.asked.account_id, *self.asked.dealer_account_ids)


class Block(Struct):
    """A block and where it stands."""

    proposed: e.BlockProposed
    status: BlockStatus = BlockStatus.ALLEGED
    is_waived: bool = False
    trade_id: int = 0
    parts: list[e.AllocatedPart] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether it waits for nobody."""
        return self.status is not BlockStatus.ALLEGED

    def is_for(self, account_id: int) -> bool:
        """Whether the account is one of its sides."""
        return account_id in (self.proposed.account_id, self.proposed.counterparty_account_id)


class DeskTrade(Struct):
    """A trade as it stands."""

    executed: e.DeskTradeExecuted
    market_ns: int
    trade_price: int
    is_busted: bool = False
    published_seq: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the public has heard of it, or never will."""
        return self.published_seq > 0 or self.is_busted

    def is_for(self, account_id: int) -> bool:
        """Whether the account is one of its parties."""
        return account_id in (self.executed.buyer_account_id, self.executed.seller_account_id)


class Correction(Struct):
    """What a party wants done about a trade, and what was."""

    requested: e.CorrectionRequested
    status: CorrectionStatus = CorrectionStatus.REQUESTED
    first_operator_id: int = 0
    claim_amount: int = 0

    @property
    def is_over(self) -> bool:
        """Whether operators have decided."""
        return self.status not in (CorrectionStatus.REQUESTED, CorrectionStatus.APPROVED)


class DeskState(Struct):
    """The checkpoint."""

    requests: list[QuoteRequest]
    request_ids: list[tuple[int, int]]
    blocks: list[Block]
    trades: list[DeskTrade]
    corrections: list[Correction]


Entry = TypeVar("Entry", QuoteRequest, Block, DeskTrade, Correction)


def _unheard(_trade: DeskTrade) -> None:
    """Nobody listens."""


class Desk(Projection[DeskState]):
    """
    Everything at the desk.

    `changed` collects the accounts that have something new to see since whoever publishes last
    cleared it, and `is_changed_for_all` says that everybody has. `listener` hears each trade that
    becomes public, and each public one that is undone.
    """

    state_type = DeskState

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[int] = set()
        self.is_changed_for_all = False
        self.listener: Callable[[DeskTrade], None] = _unheard
        self.requests: dict[int, QuoteRequest] = {}
        self.blocks: dict[int, Block] = {}
        self.trades: dict[int, DeskTrade] = {}
        self.corrections: dict[int, Correction] = {}
        self._request_ids: dict[int, int] = {}
        """By quote."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """All events of the desk."""
        return {
            e.QuoteRequested: self._request,
            e.QuoteSubmitted: self._quote,
            e.QuoteAccepted: self._accept,
            e.QuoteEnded: self._end_quote,
            e.QuoteRequestEnded: self._end_request,
            e.BlockProposed: self._propose,
            e.BandWaived: self._waive,
            e.BlockRegistered: self._register,
            e.BlockEnded: self._end_block,
            e.BlockAllocated: self._allocate,
            e.DeskTradeExecuted: self._trade,
            e.DeskTradePublished: self._publish,
            e.CorrectionRequested: self._ask_correction,
            e.CorrectionApproved: self._approve,
            e.TradeBusted: self._bust,
            e.TradePriceCorrected: self._correct,
            e.CorrectionDeclined: self._decline,
            e.ClaimRecorded: self._claim,
        }

    # -- queries

    def published(self, product_id: int = 0) -> Iterator[DeskTrade]:
        """What the public may see, of one product or all, the oldest first."""
        for trade in self.trades.values():
            if trade.published_seq and product_id in (0, trade.executed.product_id):
                yield trade

    def corrections_for(self, account_id: int) -> Iterator[Correction]:
        """What is wanted done about the account's trades."""
        for correction in self.corrections.values():
            if account_id in self._parties(correction.requested):
                yield correction

    # -- checkpoint

    def state(self) -> DeskState:
        """All tables in the order of the log."""
        return DeskState(
            list(self.requests.values()),
            sorted(self._request_ids.items()),
            list(self.blocks.values()),
            list(self.trades.values()),
            list(self.corrections.values()),
        )

    def load(self, state: DeskState) -> None:
        """Takes the tables."""
        self.requests = {entry.asked.quote_request_id: entry for entry in state.requests}
        self._request_ids = dict(state.request_ids)
        self.blocks = {entry.proposed.block_id: entry for entry in state.blocks}
        self.trades = {entry.executed.trade_id: entry for entry in state.trades}
        self.corrections = {entry.requested.correction_id: entry for entry in state.corrections}

    # -- requests and quotes

    def _request(self, event: e.QuoteRequested, _record: Record, _index: int) -> None:
        gone = _keep(self.requests, event.quote_request_id, QuoteRequest(event))
        for quote in gone.quotes if gone is not None else ():
            del self._request_ids[quote.submitted.quote_id]
        self._tell_asked(event)

    def _quote(self, event: e.QuoteSubmitted, _record: Record, _index: int) -> None:
        request = self.requests[event.quote_request_id]
        request.quotes.append(Quote(event))
        request.status = QuoteRequestStatus.QUOTED
        self._request_ids[event.quote_id] = event.quote_request_id
        self._tell(request.asked.account_id, event.account_id)

    def _accept(self, event: e.QuoteAccepted, _record: Record, _index: int) -> None:
        quote = self._turn(event.quote_id, QuoteStatus.ACCEPTED)
        quote.trade_id = event.trade_id

    def _end_quote(self, event: e.QuoteEnded, _record: Record, _index: int) -> None:
        self._turn(event.quote_id, event.quote_status)

    def _turn(self, quote_id: int, status: QuoteStatus) -> Quote:
        request = self.requests[self._request_ids[quote_id]]
        quote = next(each for each in request.quotes if each.submitted.quote_id == quote_id)
        quote.status = status
        self._tell(request.asked.account_id, quote.submitted.account_id)
        return quote

    def _end_request(self, event: e.QuoteRequestEnded, _record: Record, _index: int) -> None:
        request = self.requests[event.quote_request_id]
        request.status = event.quote_request_status
        self._tell_asked(request.asked)

    # -- blocks

    def _propose(self, event: e.BlockProposed, _record: Record, _index: int) -> None:
        _keep(self.blocks, event.block_id, Block(event))
        self._tell(event.account_id, event.counterparty_account_id)

    def _waive(self, event: e.BandWaived, _record: Record, _index: int) -> None:
        self._block(event.block_id).is_waived = True

    def _register(self, event: e.BlockRegistered, _record: Record, _index: int) -> None:
        block = self._block(event.block_id)
        block.status, block.trade_id = BlockStatus.REGISTERED, event.trade_id

    def _end_block(self, event: e.BlockEnded, _record: Record, _index: int) -> None:
        self._block(event.block_id).status = event.block_status

    def _allocate(self, event: e.BlockAllocated, _record: Record, _index: int) -> None:
        if event.block_id in self.blocks:
            self._block(event.block_id).parts = event.parts

    def _block(self, block_id: int) -> Block:
        block = self.blocks[block_id]
        self._tell(block.proposed.account_id, block.proposed.counterparty_account_id)
        return block

    # -- trades and corrections

    def _trade(self, event: e.DeskTradeExecuted, record: Record, _index: int) -> None:
        trade = DeskTrade(event, record.market_ns, event.trade_price)
        _keep(self.trades, event.trade_id, trade)
        self._tell(event.buyer_account_id, event.seller_account_id)

    def _publish(self, event: e.DeskTradePublished, record: Record, _index: int) -> None:
        trade = self.trades[event.trade_id]
        trade.published_seq = record.seq
        self.listener(trade)

    def _ask_correction(self, event: e.CorrectionRequested, _record: Record, _index: int) -> None:
        _keep(self.corrections, event.correction_id, Correction(event))
        self._tell(*self._parties(event))

    def _approve(self, event: e.CorrectionApproved, _record: Record, _index: int) -> None:
        correction = self._decide(event.correction_id, CorrectionStatus.APPROVED)
        correction.first_operator_id = event.operator_account_id

    def _bust(self, event: e.TradeBusted, _record: Record, _index: int) -> None:
        self._decide(event.correction_id, CorrectionStatus.DONE)
        trade = self._corrected(event)
        if trade is not None:
            trade.is_busted = True
            self._tell_public(trade)

    def _correct(self, event: e.TradePriceCorrected, _record: Record, _index: int) -> None:
        self._decide(event.correction_id, CorrectionStatus.DONE)
        trade = self._corrected(event)
        if trade is not None:
            trade.trade_price = event.corrected_price
            self._tell_public(trade)

    def _decline(self, event: e.CorrectionDeclined, _record: Record, _index: int) -> None:
        self._decide(event.correction_id, CorrectionStatus.DECLINED)

    def _claim(self, event: e.ClaimRecorded, _record: Record, _index: int) -> None:
        correction = self._decide(event.correction_id, CorrectionStatus.CLAIMED)
        correction.claim_amount = event.claim_amount

    def _decide(self, correction_id: int, status: CorrectionStatus) -> Correction:
        correction = self.corrections[correction_id]
        correction.status = status
        self._tell(*self._parties(correction.requested))
        return correction

    def _corrected(self, event: e.TradeBusted | e.TradePriceCorrected) -> DeskTrade | None:
        """The desk's trade that another word is about; a book's trades are not here."""
        is_desk = event.trade_source is TradeSource.DESK
        return self.trades.get(event.trade_id) if is_desk else None

    def _parties(self, requested: e.CorrectionRequested) -> tuple[int, ...]:
        """Both sides; before both were stated they were those of the desk's trade."""
        if requested.respondent_account_id:
            return requested.account_id, requested.respondent_account_id
        trade = self.trades.get(requested.trade_id)
        if trade is None:
            return ()
        return trade.executed.buyer_account_id, trade.executed.seller_account_id

    # -- who has something new to see

    def _tell(self, *account_ids: int) -> None:
        self.changed.update(account_ids)

    def _tell_public(self, trade: DeskTrade) -> None:
        if trade.published_seq:
            self.listener(trade)

    def _tell_asked(self, asked: e.QuoteRequested) -> None:
        self._tell(asked.account_id, *asked.dealer_account_ids)
        self.is_changed_for_all |= not asked.dealer_account_ids


def _keep(table: dict[int, Entry], key: int, entry: Entry) -> Entry | None:
    """Takes an entry in; what leaves for it, if anything."""
    table[key] = entry
    oldest = next(iter(table))
    if len(table) > KEPT_COUNT and table[oldest].is_over:
        return table.pop(oldest)
    return None
