"""
Derating: an auditor finds that a product has less than was granted.

What is unsold goes, in whichever account of the house it lies: what is free first, and where that
is not enough, what the house has on offer, whose orders, quotes, blocks and substitutions end. What
is sold stays with its owners, and so does what the house has pledged or let: its hours will not be
delivered, and `short_qty` tells how many GPUs of a day those are at most.
"""

from collections.abc import Iterable

from exchange.domain.capacity_commands import DerateCapacity
from exchange.domain.capacity_events import CapacityDerated
from exchange.domain.enums import BlockStatus, CancelReason, QuoteStatus, Side
from exchange.domain.events import Event
from exchange.domain.movements import CapacityWithdrawn
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .capacity import require_days
from .desk import block_end, quote_end
from .participants import cancellations
from .persons import require_independent
from .state import State
from .substitutions import lapsed

_ORDER_INSTRUMENT, _ORDER_SIDE = 4, 5
"""Their places in what the core tells of an order."""


def decide_derate(command: DerateCapacity, state: State, account_id: int) -> list[Event]:
    """What is granted beyond the finding goes, as far as the house has it; the rest is short."""
    product_id = state.product(command.product_id).product_id
    require_independent(product_id, account_id, state)
    require_days(command.start_day, command.end_day, day_at(state.market_ns) + 1)
    house = _house(product_id, state)
    withdrawn: dict[int, list[tuple[int, int, int]]] = {member_id: [] for member_id in house}
    offered_days, short_qty = set(), 0
    for day in range(command.start_day, command.end_day):
        left_qty = max(0, state.core.day_totals(product_id, day)[0] - command.derated_qty)
        free = {a: state.core.sellable(a, product_id, day, day + 1)[0] for a in house}
        if left_qty > sum(free.values()):
            offered = {a: _on_offer(a, product_id, day, state) for a in house}
            offered_days.update([day] if any(offered.values()) else [])
            free = {a: free[a] + offered[a] for a in house}
        for member_id in house:
            qty = min(left_qty, free[member_id])
            left_qty -= qty
            _append(withdrawn[member_id], day, qty)
        short_qty = max(short_qty, left_qty)
    is_less = any(withdrawn.values()) or short_qty > 0
    require(is_less, Reason.EMPTY, command.derated_qty)
    derated = CapacityDerated(
        product_id=product_id,
        start_day=command.start_day,
        end_day=command.end_day,
        derated_qty=command.derated_qty,
        short_qty=short_qty,
        auditor_account_id=account_id,
        evidence_sha256=command.evidence_sha256,
    )
    return [
        derated,
        *(_ended_offers(product_id, offered_days, house, state) if offered_days else []),
        *(
            CapacityWithdrawn(
                grant_id=0,
                product_id=product_id,
                account_id=member_id,
                start_day=start_day,
                end_day=end_day,
                withdrawn_qty=qty,
            )
            for member_id, runs in withdrawn.items()
            for start_day, end_day, qty in runs
        ),
    ]


def _house(product_id: int, state: State) -> list[int]:
    """The accounts that count as the supplier, itself first."""
    supplier_id = state.products[product_id].supplier_account_id
    others = [a for a in sorted(state.participants) if a != supplier_id]
    return [supplier_id, *(a for a in others if state.core.is_house(product_id, a))]


def _on_offer(account_id: int, product_id: int, day: int, state: State) -> int:
    runs = state.core.day_function(account_id, product_id, "reserved_sale")
    return sum(qty for start_day, end_day, qty in runs if start_day <= day < end_day)


def _append(runs: list[tuple[int, int, int]], day: int, qty: int) -> None:
    if qty and runs and runs[-1][1:] == (day, qty):
        runs[-1] = (runs[-1][0], day + 1, qty)
    elif qty:
        runs.append((day, day + 1, qty))


def _ended_offers(
    product_id: int, days: Iterable[int], house: list[int], state: State
) -> list[Event]:
    """The end of all sales of any of these days that the house has on offer."""

    def is_here(of_product_id: int, start_day: int, end_day: int) -> bool:
        return of_product_id == product_id and any(start_day <= day < end_day for day in days)

    order_ids = []
    for order_id in (o for a in house for o in state.core.orders_of_account(a)):
        order = state.core.order(order_id)
        assert order is not None, "an account's open orders are open"
        listed = state.instruments[order[_ORDER_INSTRUMENT]]
        if order[_ORDER_SIDE] == Side.SELL and is_here(
            listed.product_id, listed.start_day, listed.end_day
        ):
            order_ids.append(order_id)
    events = cancellations(order_ids, CancelReason.DERATED, state)
    for _, quote in sorted(state.quotes.items()):
        submitted = quote.submitted
        asked = state.quote_requests[submitted.quote_request_id].asked
        is_sale = submitted.side is Side.SELL and submitted.account_id in house
        if quote.is_open and is_sale and is_here(asked.product_id, asked.start_day, asked.end_day):
            events += quote_end(quote, QuoteStatus.EXPIRED)
    for _, block in sorted(state.blocks.items()):
        of = block.proposed
        is_sale = of.side is Side.SELL and of.account_id in house
        if block.is_open and is_sale and is_here(of.product_id, of.start_day, of.end_day):
            events += block_end(block, BlockStatus.LAPSED)
    for _, swap in sorted(state.substitutions.items()):
        start_day, days_count = swap.other_start_day, swap.end_day - swap.start_day
        if is_here(swap.other_product_id, start_day, start_day + days_count):
            events += lapsed(swap)
    return events
