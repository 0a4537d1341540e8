"""The desk as the wire shows it to one account, to operators and to the public."""

from exchange.domain.desk_wire import (
    AllocationPart,
    BlockView,
    BothSidesWord,
    CorrectionView,
    DeskTrades,
    DeskTradeView,
    PublicDeskTrade,
    QuoteRequestView,
    QuoteView,
)
from exchange.domain.desk_wire import Desk as DeskMessage
from exchange.domain.enums import Role, Side, WindowKind
from exchange.domain.windows import Window
from exchange.domain.wire_words import SideWord

from .bundle import Projections
from .desk import Block, Correction, DeskTrade, Quote, QuoteRequest

_WORDS: dict[Side, SideWord] = {Side.BUY: "buy", Side.SELL: "sell"}


def desk_view(account_id: int, projections: Projections) -> DeskMessage:
    """All of the desk that an account may see; an operator or auditor sees all of it."""
    desk, participants = projections.desk, projections.participants
    participant = participants.accounts.get(account_id)
    is_all = participant is not None and (
        participant.has_role(Role.OPERATOR) or participant.has_role(Role.AUDITOR)
    )
    requests = [r for r in desk.requests.values() if is_all or may_see(account_id, r, projections)]
    corrections = desk.corrections.values() if is_all else desk.corrections_for(account_id)
    return DeskMessage(
        as_of_seq=projections.at_seq,
        account_id=account_id,
        quote_requests=[
            _request_view(each, 0 if is_all else account_id, projections) for each in requests
        ],
        blocks=[
            _block_view(each, 0 if is_all else account_id, projections)
            for each in desk.blocks.values()
            if is_all or each.is_for(account_id)
        ],
        desk_trades=[
            _trade_view(each, projections)
            for each in desk.trades.values()
            if is_all or each.is_for(account_id)
        ],
        corrections=[_correction_view(each) for each in corrections],
    )


def may_see(account_id: int, request: QuoteRequest, projections: Projections) -> bool:
    """Whether a request is the account's own or asks it, by name or as one of all who may deal."""
    if request.is_for(account_id):
        return True
    if request.asked.dealer_account_ids:
        return False
    participant = projections.participants.accounts.get(account_id)
    if participant is None or participant.has_role(Role.TRADER):
        return participant is not None
    product = projections.listings.products[request.asked.product_id]
    return product.supplier_account_id == account_id


def public_trades_view(
    projections: Projections, product_id: int = 0, count: int = 100
) -> DeskTrades:
    """The latest public trades of a product or all."""
    found = list(projections.desk.published(product_id))[-count:]
    return DeskTrades(
        as_of_seq=projections.at_seq,
        desk_trades=[public_trade_view(trade, projections) for trade in found],
    )


def public_trade_view(trade: DeskTrade, projections: Projections) -> PublicDeskTrade:
    """A trade without its parties, and no more of it than is displayed."""
    executed = trade.executed
    return PublicDeskTrade(
        trade_id=executed.trade_id,
        seq=trade.published_seq,
        product=projections.listings.products[executed.product_id].code,
        window=window_code(executed.start_day, executed.end_day),
        start_day=executed.start_day,
        end_day=executed.end_day,
        trade_price=trade.trade_price,
        displayed_qty=executed.displayed_qty,
        is_capped=executed.displayed_qty < executed.traded_qty,
        market_ns=trade.market_ns,
        is_busted=trade.is_busted,
    )


def _request_view(
    request: QuoteRequest, account_id: int, projections: Projections
) -> QuoteRequestView:
    """A request with the quotes that the account may see; account 0 stands for all eyes."""
    asked = request.asked
    is_askers = account_id in (0, asked.account_id)
    side: BothSidesWord = "both" if asked.side is None else _WORDS[asked.side]
    return QuoteRequestView(
        quote_request_id=asked.quote_request_id,
        account_id=asked.account_id,
        product=projections.listings.products[asked.product_id].code,
        window=window_code(asked.start_day, asked.end_day),
        start_day=asked.start_day,
        end_day=asked.end_day,
        request_qty=asked.request_qty,
        side=side,
        expires_ns=asked.expires_ns,
        quote_request_status=request.status.value,
        dealer_account_ids=asked.dealer_account_ids if is_askers else [],
        quotes=[
            _quote_view(quote)
            for quote in request.quotes
            if is_askers or quote.submitted.account_id == account_id
        ],
    )


def _quote_view(quote: Quote) -> QuoteView:
    submitted = quote.submitted
    return QuoteView(
        quote_id=submitted.quote_id,
        quote_request_id=submitted.quote_request_id,
        account_id=submitted.account_id,
        side=_WORDS[submitted.side],
        quote_price=submitted.quote_price,
        notional_amount=submitted.notional_amount,
        expires_ns=submitted.expires_ns,
        quote_status=quote.status.value,
        trade_id=quote.trade_id,
    )


def _block_view(block: Block, account_id: int, projections: Projections) -> BlockView:
    proposed = block.proposed
    proposer_buys = proposed.side is Side.BUY
    buyer_id = proposed.account_id if proposer_buys else proposed.counterparty_account_id
    parts = block.parts if account_id in (0, buyer_id) else []
    return BlockView(
        block_id=proposed.block_id,
        account_id=proposed.account_id,
        counterparty_account_id=proposed.counterparty_account_id,
        product=projections.listings.products[proposed.product_id].code,
        window=window_code(proposed.start_day, proposed.end_day),
        start_day=proposed.start_day,
        end_day=proposed.end_day,
        side=_WORDS[proposed.side],
        block_qty=proposed.block_qty,
        block_price=proposed.block_price,
        notional_amount=proposed.notional_amount,
        expires_ns=proposed.expires_ns,
        block_status=block.status.value,
        is_waived=block.is_waived,
        trade_id=block.trade_id,
        allocations=[
            AllocationPart(account_id=part.account_id, allocated_qty=part.allocated_qty)
            for part in parts
        ],
    )


def _trade_view(trade: DeskTrade, projections: Projections) -> DeskTradeView:
    executed = trade.executed
    return DeskTradeView(
        trade_id=executed.trade_id,
        made_by=executed.purpose.value,
        product=projections.listings.products[executed.product_id].code,
        window=window_code(executed.start_day, executed.end_day),
        start_day=executed.start_day,
        end_day=executed.end_day,
        traded_qty=executed.traded_qty,
        trade_price=trade.trade_price,
        notional_amount=executed.notional_amount,
        buyer_account_id=executed.buyer_account_id,
        seller_account_id=executed.seller_account_id,
        buyer_fee_amount=executed.buyer_fee_amount,
        seller_fee_amount=executed.seller_fee_amount,
        escrow_amount=executed.escrow_amount,
        market_ns=trade.market_ns,
        is_busted=trade.is_busted,
    )


def _correction_view(correction: Correction) -> CorrectionView:
    requested = correction.requested
    return CorrectionView(
        correction_id=requested.correction_id,
        trade_id=requested.trade_id,
        account_id=requested.account_id,
        corrected_price=requested.corrected_price,
        note=requested.note,
        correction_status=correction.status.value,
        first_operator_id=correction.first_operator_id,
        claim_amount=correction.claim_amount,
        trade_source=requested.trade_source.value,
    )


def window_code(start_day: int, end_day: int) -> str:
    """The code of a window as cut by hand, which every window of the desk may be called by."""
    return Window(WindowKind.USER_DEFINED, start_day, end_day).code
