"""
Blocks: trades that two sides have negotiated, brought to the venue to be paid and registered.

    alleged ──confirm──▶ registered ──allocate──▶ (the same day, over accounts of the buyer's party)
       └──── decline, or fifteen minutes ────▶ declined | lapsed

The proposer's days or cash are held while the block is alleged; the other side's are checked when
it confirms. A price outside the static band passes with the waiver of two operators, neither of a
side's party, but never in a primary sale.
"""

from msgspec.structs import replace

from exchange.domain.desk_commands import (
    AllocateBlock,
    ConfirmBlock,
    ConfirmWaiver,
    DeclineBlock,
    ProposeBlock,
    WaiveBand,
)
from exchange.domain.desk_events import (
    AllocatedPart,
    BandWaived,
    BandWaiverRequested,
    BlockAllocated,
    BlockEnded,
    BlockProposed,
    BlockRegistered,
)
from exchange.domain.enums import BlockStatus, Purpose, Side, TradeSource
from exchange.domain.events import Event
from exchange.domain.movements import CashPaid, HoldClosed, TitleTransferred
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import HOURS_PER_DAY, NS_PER_MINUTE
from exchange.domain.windows import day_at

from .bands import require_in_band
from .desk import Block, DeskTrade, block_end
from .desk_hours import expires_ns, require_desk_open
from .desk_trades import (
    Terms,
    execution,
    fee_amount,
    is_primary,
    require_dealer,
    require_free,
    require_window,
    required_hold,
    terms_between,
    terms_of,
)
from .persons import require_apart
from .quotes import require_room
from .state import State

LAPSE_NS = 15 * NS_PER_MINUTE
LEAST_BLOCK_AMOUNT = 100_000_000
"""Notional of CNY 1 M."""
MAX_ALLOCATIONS = 20


# -- decide ---------------------------------------------------------------------------------------


def decide_propose(command: ProposeBlock, state: State, account_id: int) -> list[Event]:
    """Alleges a block, with what the proposer needs set aside."""
    require_desk_open(state)
    product, gate_closure_ns = require_window(
        command.product_id, command.start_day, command.end_day, command.block_qty, state
    )
    other_id = command.counterparty_account_id
    require(other_id != account_id, Reason.SAME_PERSON, account_id)
    require_dealer(account_id, product, state)
    require_dealer(other_id, product, state)
    require_room(account_id, state)
    block_id = state.seq + 1
    proposed = BlockProposed(
        block_id=block_id,
        account_id=account_id,
        counterparty_account_id=other_id,
        product_id=command.product_id,
        start_day=command.start_day,
        end_day=command.end_day,
        side=command.side,
        block_qty=command.block_qty,
        block_price=command.block_price,
        notional_amount=0,
        expires_ns=expires_ns(LAPSE_NS, gate_closure_ns, state),
        key_id=command.key_id,
    )
    terms = _terms(proposed)
    notional_amount = terms.notional_amount
    is_large = notional_amount >= LEAST_BLOCK_AMOUNT
    require(is_large, Reason.SMALL_BLOCK, notional_amount, LEAST_BLOCK_AMOUNT)
    hold = required_hold(block_id, account_id, terms, product.maker_bps, state)
    return [replace(proposed, notional_amount=notional_amount), hold]


def decide_confirm(command: ConfirmBlock, state: State, account_id: int) -> list[Event]:
    """The other side agrees; every check is made again, and its own means now."""
    require_desk_open(state)
    block = _block_of_party(command.block_id, state, account_id)
    proposed = block.proposed
    require(proposed.account_id != account_id, Reason.SAME_PERSON, account_id)
    require(block.is_open, Reason.WRONG_STATE, command.block_id)
    terms = _terms(proposed)
    product, _ = require_window(terms.product_id, terms.start_day, terms.end_day, terms.qty, state)
    # The band may have moved since the waiver, which is for nobody's primary sale.
    if is_primary(terms, state) or not block.is_waived:
        require_in_band(terms.price, product, terms.start_day, terms.end_day, state)
    # The trade takes what is needed at once, so the hold is never opened.
    required_hold(state.seq + 1, account_id, terms, product.taker_bps, state)
    taker_side = Side.SELL if proposed.side is Side.BUY else Side.BUY
    return [
        BlockRegistered(block_id=command.block_id, trade_id=state.seq + 1),
        HoldClosed(hold_id=command.block_id, account_id=proposed.account_id),
        *execution(terms, taker_side, Purpose.BLOCK, state),
    ]


def decide_decline(command: DeclineBlock, state: State, account_id: int) -> list[Event]:
    """Either side ends a block that is alleged; possible at any hour."""
    block = _block_of_party(command.block_id, state, account_id)
    require(block.is_open, Reason.WRONG_STATE, command.block_id)
    return block_end(block, BlockStatus.DECLINED)


def decide_waive(command: WaiveBand, state: State, account_id: int) -> list[Event]:
    """The first operator's word for a price outside the band."""
    block = _known_block(command.block_id, state)
    require(block.is_open, Reason.WRONG_STATE, command.block_id)
    require(not block.waiver_operator_id, Reason.ALREADY_DONE, command.block_id)
    require_apart(account_id, _sides(block), state)
    proposed, terms = block.proposed, _terms(block.proposed)
    if is_primary(terms, state):
        product = state.products[terms.product_id]
        require_in_band(terms.price, product, terms.start_day, terms.end_day, state)
    return [
        BandWaiverRequested(
            block_id=proposed.block_id, operator_account_id=account_id, note=command.note
        )
    ]


def decide_confirm_waiver(command: ConfirmWaiver, state: State, account_id: int) -> list[Event]:
    """The second operator's word."""
    block = _known_block(command.block_id, state)
    is_waiting = block.is_open and block.waiver_operator_id > 0 and not block.is_waived
    require(is_waiting, Reason.WRONG_STATE, command.block_id)
    require_apart(account_id, [block.waiver_operator_id, *_sides(block)], state)
    return [BandWaived(block_id=command.block_id, operator_account_id=account_id)]


def decide_allocate(command: AllocateBlock, state: State, account_id: int) -> list[Event]:
    """
    Spreads a block over accounts of the buyer's party, who pay the buyer their part at once.

    The parts of the fee are charged cumulatively, so they add up to the fee.
    """
    block = _block_of_party(command.block_id, state, account_id)
    require(block.status is BlockStatus.REGISTERED, Reason.WRONG_STATE, command.block_id)
    require(not block.is_allocated, Reason.ALREADY_DONE, command.block_id)
    trade = _untouched_trade(block.trade_id, state)
    terms = replace(terms_of(trade.executed), price=trade.trade_price)
    require(terms.buyer_account_id == account_id, Reason.WRONG_ROLE, account_id)
    traded_day, today = day_at(trade.executed_ns), day_at(state.market_ns)
    require(today == traded_day, Reason.TOO_LATE, today, traded_day)
    _require_allocations(command, terms, state)
    parts = _parts(command, terms, trade, state)
    given = [part for part in parts if part.account_id != account_id]
    for part in given:
        available_amount, _ = state.core.balances(part.account_id)
        can_pay = part.paid_amount <= available_amount
        require(can_pay, Reason.CASH, part.paid_amount, available_amount)
    require_free(account_id, terms, sum(part.allocated_qty for part in given), state)
    allocated = BlockAllocated(block_id=command.block_id, parts=parts)
    return [allocated, *(event for part in given for event in _handed_on(part, terms))]


def _require_allocations(command: AllocateBlock, terms: Terms, state: State) -> None:
    allocations, core = command.allocations, state.core
    product = state.products[terms.product_id]
    require(
        len(allocations) <= MAX_ALLOCATIONS, Reason.ALLOCATION, len(allocations), MAX_ALLOCATIONS
    )
    total_qty = sum(part.allocated_qty for part in allocations)
    require(total_qty == terms.qty, Reason.ALLOCATION, total_qty, terms.qty)
    account_ids = [part.account_id for part in allocations]
    is_once = len(set(account_ids)) == len(account_ids)
    require(is_once, Reason.ALLOCATION, len(account_ids), len(set(account_ids)))
    is_house = core.is_house(terms.product_id, terms.buyer_account_id)
    for part in allocations:
        account_id = part.account_id
        require_dealer(account_id, product, state)
        # Within one party and one house an allocation is no sale, and no price is paid into escrow.
        is_own = core.parties_are_one(terms.buyer_account_id, account_id) and is_house == (
            core.is_house(terms.product_id, account_id)
        )
        require(is_own, Reason.WRONG_ROLE, account_id)
        is_in_lots = part.allocated_qty % product.lot_qty == 0
        require(is_in_lots, Reason.LOT, part.allocated_qty, product.lot_qty)


def _parts(
    command: AllocateBlock, terms: Terms, trade: DeskTrade, state: State
) -> list[AllocatedPart]:
    """Each account's part with its price and fee."""
    product = state.products[terms.product_id]
    is_taker = trade.executed.taker_side is Side.BUY
    bps = product.taker_bps if is_taker else product.maker_bps
    original = terms_of(trade.executed)
    hours = (terms.end_day - terms.start_day) * HOURS_PER_DAY
    parts, charged_amount, total_qty = [], 0, 0
    for allocation in command.allocations:
        total_qty += allocation.allocated_qty
        # The fee was charged on the price as traded, whatever was corrected since.
        fee = fee_amount(total_qty * hours * original.price, bps) - charged_amount
        charged_amount += fee
        notional_amount = allocation.allocated_qty * hours * terms.price
        parts.append(
            AllocatedPart(allocation.account_id, allocation.allocated_qty, notional_amount + fee)
        )
    return parts


def _handed_on(part: AllocatedPart, terms: Terms) -> list[Event]:
    return [
        CashPaid(
            payer_account_id=part.account_id,
            payee_account_id=terms.buyer_account_id,
            paid_amount=part.paid_amount,
            purpose=Purpose.BLOCK,
        ),
        TitleTransferred(
            product_id=terms.product_id,
            seller_account_id=terms.buyer_account_id,
            buyer_account_id=part.account_id,
            start_day=terms.start_day,
            end_day=terms.end_day,
            transferred_qty=part.allocated_qty,
        ),
    ]


def _untouched_trade(trade_id: int, state: State) -> DeskTrade:
    """The trade, unless it is undone or under dispute."""
    trade = state.desk_trades[trade_id]
    require(not trade.is_busted, Reason.WRONG_STATE, trade_id)
    for correction in state.corrections.values():
        requested = correction.requested
        is_its = requested.trade_id == trade_id and requested.trade_source is TradeSource.DESK
        is_disputed = correction.is_open and is_its
        require(not is_disputed, Reason.WRONG_STATE, trade_id)
    return trade


def _known_block(block_id: int, state: State) -> Block:
    block = state.blocks.get(block_id)
    if block is None:
        raise Refused(Reason.UNKNOWN_BLOCK, block_id)
    return block


def _block_of_party(block_id: int, state: State, account_id: int) -> Block:
    """The block, for its two sides; to anyone else it does not exist."""
    block = _known_block(block_id, state)
    require(account_id in _sides(block), Reason.UNKNOWN_BLOCK, block_id)
    return block


def _sides(block: Block) -> tuple[int, int]:
    return block.proposed.account_id, block.proposed.counterparty_account_id


def _terms(proposed: BlockProposed) -> Terms:
    return terms_between(
        proposed.account_id,
        proposed.counterparty_account_id,
        proposed.side,
        (proposed.product_id, proposed.start_day, proposed.end_day),
        proposed.block_qty,
        proposed.block_price,
    )


# -- evolve ---------------------------------------------------------------------------------------


def evolve_proposal(event: BlockProposed, state: State) -> None:
    """The block is alleged."""
    state.blocks[event.block_id] = Block(event, BlockStatus.ALLEGED)


def evolve_waiver_request(event: BandWaiverRequested, state: State) -> None:
    """One operator would let it pass."""
    block = state.blocks[event.block_id]
    state.blocks[event.block_id] = replace(block, waiver_operator_id=event.operator_account_id)


def evolve_waiver(event: BandWaived, state: State) -> None:
    """It may pass."""
    state.blocks[event.block_id] = replace(state.blocks[event.block_id], is_waived=True)


def evolve_registration(event: BlockRegistered, state: State) -> None:
    """The block has become a trade."""
    block = state.blocks[event.block_id]
    registered = replace(block, status=BlockStatus.REGISTERED, trade_id=event.trade_id)
    state.blocks[event.block_id] = registered


def evolve_end(event: BlockEnded, state: State) -> None:
    """The block is over."""
    block = state.blocks[event.block_id]
    state.blocks[event.block_id] = replace(block, status=event.block_status)


def evolve_allocation(event: BlockAllocated, state: State) -> None:
    """The block lies with the accounts it was bought for."""
    block = state.blocks[event.block_id]
    state.blocks[event.block_id] = replace(block, is_allocated=True)
