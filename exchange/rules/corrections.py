"""
Busts and corrections of trades: asked for by a party, decided by two operators of neither.

    requested ──first operator──▶ approved ──second──▶ done
        └───────────┴──── an operator ────▶ declined | claimed

Nothing is deleted: a bust is a trade back, by movements of its own, in one record. It takes every
day from the buyer and the price from the seller, so it is refused, with the first binding day,
while a day is sold on, pledged, let or offered; and while the seller has not the cash. What remains
then is another price, which moves the difference alone, or a claim on record.

The bust of a primary sale returns what it paid into the escrow to the house, which pays the price
back; that of a supplier's buy-back pays into the escrow again what it gave up. The difference of
another price is cash; of a primary sale it goes into the escrow or comes out of it, and the price
keeps to the band. Fees are returned with a bust and stay with a correction.
"""

from msgspec.structs import replace

from exchange.domain.desk_commands import (
    ApproveCorrection,
    DeclineCorrection,
    RecordClaim,
    RequestBust,
    RequestCorrection,
)
from exchange.domain.desk_events import (
    ClaimRecorded,
    CorrectionApproved,
    CorrectionDeclined,
    CorrectionRequested,
    TradeBusted,
    TradePriceCorrected,
)
from exchange.domain.enums import CorrectionStatus, Purpose, TradeSource
from exchange.domain.events import Event
from exchange.domain.movements import CashPaid, TitleTransferred
from exchange.domain.reasons import Reason, Refused, require

from .book_trades import book_trade
from .desk import DISPUTE_NS, Correction, DeskTrade
from .desk_trades import escrow_returns, require_free, terms_of, total_of
from .noted_trades import remove_trade, reprice_trade
from .persons import require_apart
from .state import VENUE_ACCOUNT_ID, State
from .trade_escrow import own_escrow, repriced, require_ahead, undone_buy_back

# -- decide ---------------------------------------------------------------------------------------


def decide_bust_request(command: RequestBust, state: State, account_id: int) -> list[Event]:
    """A party wants a trade undone."""
    return _request(command, 0, state, account_id)


def decide_correction_request(
    command: RequestCorrection, state: State, account_id: int
) -> list[Event]:
    """A party wants a trade at another price."""
    return _request(command, command.corrected_price, state, account_id)


def _request(
    command: RequestBust | RequestCorrection, corrected_price: int, state: State, account_id: int
) -> list[Event]:
    trade_id, source = command.trade_id, command.trade_source
    trade = _trade(trade_id, source, state)
    parties = (trade.executed.buyer_account_id, trade.executed.seller_account_id)
    require(account_id in parties, Reason.UNKNOWN_TRADE, trade_id)
    require(not trade.is_busted, Reason.ALREADY_DONE, trade_id)
    require(corrected_price != trade.trade_price, Reason.EMPTY, corrected_price)
    latest_ns = trade.executed_ns + DISPUTE_NS
    require(state.market_ns <= latest_ns, Reason.TOO_LATE, state.market_ns, latest_ns)
    for correction in state.corrections.values():
        requested = correction.requested
        is_same = (requested.trade_id, requested.trade_source) == (trade_id, source)
        is_open = correction.is_open and is_same
        require(not is_open, Reason.ALREADY_EXISTS, requested.correction_id)
    return [
        CorrectionRequested(
            correction_id=state.seq + 1,
            trade_id=trade_id,
            account_id=account_id,
            corrected_price=corrected_price,
            note=command.note,
            trade_source=source,
            respondent_account_id=parties[1] if account_id == parties[0] else parties[0],
        )
    ]


def decide_approve(command: ApproveCorrection, state: State, account_id: int) -> list[Event]:
    """One operator agrees; the second one's word does it, or is refused for what stands against."""
    correction = _open_correction(command.correction_id, state, account_id)
    if correction.status is CorrectionStatus.REQUESTED:
        return [
            CorrectionApproved(correction_id=command.correction_id, operator_account_id=account_id)
        ]
    require_apart(account_id, [correction.first_operator_id], state)
    requested = correction.requested
    trade = _trade(requested.trade_id, requested.trade_source, state)
    if requested.corrected_price == 0:
        busted = TradeBusted(
            correction_id=command.correction_id,
            trade_id=requested.trade_id,
            operator_account_id=account_id,
            trade_source=requested.trade_source,
        )
        return [busted, *_reversal(trade, state)]
    corrected = TradePriceCorrected(
        correction_id=command.correction_id,
        trade_id=requested.trade_id,
        corrected_price=requested.corrected_price,
        operator_account_id=account_id,
        trade_source=requested.trade_source,
    )
    return [corrected, *_difference(trade, requested.corrected_price, state)]


def decide_decline(command: DeclineCorrection, state: State, account_id: int) -> list[Event]:
    """An operator ends a request; the trade stands."""
    _open_correction(command.correction_id, state, account_id)
    return [
        CorrectionDeclined(
            correction_id=command.correction_id, operator_account_id=account_id, note=command.note
        )
    ]


def decide_claim(command: RecordClaim, state: State, account_id: int) -> list[Event]:
    """An operator puts on record what the asker claims of the other party."""
    requested = _open_correction(command.correction_id, state, account_id).requested
    executed = _trade(requested.trade_id, requested.trade_source, state).executed
    parties = {executed.buyer_account_id, executed.seller_account_id}
    (respondent_id,) = parties - {requested.account_id}
    return [
        ClaimRecorded(
            correction_id=command.correction_id,
            trade_id=requested.trade_id,
            claimant_account_id=requested.account_id,
            respondent_account_id=respondent_id,
            claim_amount=command.claim_amount,
            operator_account_id=account_id,
            note=command.note,
            trade_source=requested.trade_source,
        )
    ]


def _trade(trade_id: int, source: TradeSource, state: State) -> DeskTrade:
    """The trade of a source; refuses where there is none."""
    if source is TradeSource.BOOK:
        return book_trade(trade_id, state)
    trade = state.desk_trades.get(trade_id)
    if trade is None:
        raise Refused(Reason.UNKNOWN_TRADE, trade_id)
    return trade


def _open_correction(correction_id: int, state: State, account_id: int) -> Correction:
    """What waits for a decision; refuses one by a party of the trade."""
    correction = state.corrections.get(correction_id)
    if correction is None:
        raise Refused(Reason.UNKNOWN_CORRECTION, correction_id)
    require(correction.is_open, Reason.WRONG_STATE, correction_id)
    requested = correction.requested
    require_apart(account_id, [requested.account_id, requested.respondent_account_id], state)
    return correction


# -- what undoes a trade ---------------------------------------------------------------------------


def _reversal(trade: DeskTrade, state: State) -> list[Event]:
    """The trade back: fees first, so that they help to pay, then escrow, price and days."""
    executed = trade.executed
    terms = replace(terms_of(executed), price=trade.trade_price)
    buyer_id, seller_id = terms.buyer_account_id, terms.seller_account_id
    require_ahead(terms, state)
    require_free(buyer_id, terms, terms.qty, state)
    returned = own_escrow(terms, state) if executed.escrow_amount else []
    available_amount, _ = state.core.balances(seller_id)
    available_amount += executed.seller_fee_amount + total_of(returned)
    price_amount = terms.notional_amount
    require(price_amount <= available_amount, Reason.CASH, price_amount, available_amount)
    fees = ((buyer_id, executed.buyer_fee_amount), (seller_id, executed.seller_fee_amount))
    events: list[Event] = [
        *(_paid(VENUE_ACCOUNT_ID, payee_id, fee, Purpose.BUST) for payee_id, fee in fees if fee),
        *escrow_returns(executed.trade_id, terms, seller_id, returned),
        _paid(seller_id, buyer_id, price_amount, Purpose.BUST),
        TitleTransferred(
            product_id=terms.product_id,
            seller_account_id=buyer_id,
            buyer_account_id=seller_id,
            start_day=terms.start_day,
            end_day=terms.end_day,
            transferred_qty=terms.qty,
        ),
    ]
    return events + undone_buy_back(trade, terms, state)


def _difference(trade: DeskTrade, corrected_price: int, state: State) -> list[Event]:
    """Who gains by the new price is paid by the other; of a primary sale, out of the escrow."""
    terms = replace(terms_of(trade.executed), price=trade.trade_price)
    if trade.executed.escrow_amount:
        return repriced(trade, terms, corrected_price, state)
    corrected_amount = replace(terms, price=corrected_price).notional_amount
    change_amount = corrected_amount - terms.notional_amount
    payer_id, payee_id = terms.buyer_account_id, terms.seller_account_id
    if change_amount < 0:
        payer_id, payee_id = payee_id, payer_id
    paid_amount = abs(change_amount)
    available_amount, _ = state.core.balances(payer_id)
    require(paid_amount <= available_amount, Reason.CASH, paid_amount, available_amount)
    return [_paid(payer_id, payee_id, paid_amount, Purpose.CORRECTION)]


def _paid(payer_id: int, payee_id: int, paid_amount: int, purpose: Purpose) -> CashPaid:
    return CashPaid(
        payer_account_id=payer_id,
        payee_account_id=payee_id,
        paid_amount=paid_amount,
        purpose=purpose,
    )


# -- evolve ---------------------------------------------------------------------------------------


def evolve_request(event: CorrectionRequested, state: State) -> None:
    """Operators have something to decide; a book's trade is kept until they have."""
    if event.trade_source is TradeSource.BOOK:
        state.book_trades[event.trade_id] = book_trade(event.trade_id, state)
    state.corrections[event.correction_id] = Correction(event, CorrectionStatus.REQUESTED)


def evolve_approval(event: CorrectionApproved, state: State) -> None:
    """The first of them agreed."""
    correction = state.corrections[event.correction_id]
    state.corrections[event.correction_id] = replace(
        correction, status=CorrectionStatus.APPROVED, first_operator_id=event.operator_account_id
    )


def evolve_bust(event: TradeBusted, state: State) -> None:
    """The trade is undone; a book's counts for no average any more."""
    _set_status(event.correction_id, CorrectionStatus.DONE, state)
    trades = _table(event.trade_source, state)
    if event.trade_source is TradeSource.BOOK:
        remove_trade(trades[event.trade_id], state)
    trades[event.trade_id] = replace(trades[event.trade_id], is_busted=True)


def evolve_price(event: TradePriceCorrected, state: State) -> None:
    """The trade has another price; a book's counts at that one."""
    _set_status(event.correction_id, CorrectionStatus.DONE, state)
    trades = _table(event.trade_source, state)
    if event.trade_source is TradeSource.BOOK:
        reprice_trade(trades[event.trade_id], event.corrected_price, state)
    trades[event.trade_id] = replace(trades[event.trade_id], trade_price=event.corrected_price)


def evolve_decline(event: CorrectionDeclined, state: State) -> None:
    """The request is over."""
    _set_status(event.correction_id, CorrectionStatus.DECLINED, state)


def evolve_claim(event: ClaimRecorded, state: State) -> None:
    """The request is over, the claim on record."""
    _set_status(event.correction_id, CorrectionStatus.CLAIMED, state)


def _table(source: TradeSource, state: State) -> dict[int, DeskTrade]:
    return state.book_trades if source is TradeSource.BOOK else state.desk_trades


def _set_status(correction_id: int, status: CorrectionStatus, state: State) -> None:
    correction = state.corrections[correction_id]
    state.corrections[correction_id] = replace(correction, status=status)
