"""
The marking of pledges, which follows a marking cycle of the nodes in records of their own.

The first record begins: it lists what is to be looked at, bank by bank and loan by loan, and sums
up the banks' pools. Each further one takes as many of these as fit, marks those whose figures
changed, and looks at a loan's ladder behind the last of its pledges. Trading goes on between them.
A record is of one bank, so that the bank can be handed it whole, with its proof. A pledge that is
requested is marked in the record of its request.
"""

from itertools import pairwise

from exchange.collateral.recovery import recovering
from exchange.domain.enums import IN_SERVICE, LIENED, PledgeStatus
from exchange.domain.events import Event, PledgeRequested
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.lending_events import PledgeMarked, PledgesMarked
from exchange.domain.reasons import Reason, require
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at

from .lending_state import Pledge
from .loan_review import review
from .state import State
from .valuation import (
    ProductMarket,
    finished,
    is_known,
    marked_qty,
    market_figures,
    product_market,
)

SLICES_COUNT = 180
"""GPU-days of distinct dates after which a record takes no more: half a year."""
MARKS_COUNT = 4
"""Marks of one record: about half a millisecond of the writer's time."""
LOOKS_COUNT = 20
"""Pledges that one record looks at, as long where none of them has changed."""


# -- decide ---------------------------------------------------------------------------------------


def decide_marking(command: MarkPledges, state: State, account_id: int) -> list[Event]:
    """Begins a cycle, or takes the next pledges of the one under way."""
    left = state.marking_left
    if not left:
        require(is_anything_to_mark(state), Reason.EMPTY)
        return [PledgesMarked(marked_count=0, is_complete=False)]
    events: list[Event] = []
    marks: dict[int, PledgeMarked] = {}
    markets: dict[int, ProductMarket] = {}
    taken_amounts: dict[int, int] = {}
    looked_at_count = slices_count = 0
    asked = [state.pledges[pledge_id].request for pledge_id in left[: LOOKS_COUNT + 1]]
    loan_ids = [request.loan_id for request in asked]
    for pledge_id, (loan_id, next_loan_id) in zip(left, pairwise([*loan_ids, 0]), strict=False):
        is_worked = len(marks) == MARKS_COUNT or slices_count >= SLICES_COUNT
        is_full = looked_at_count == LOOKS_COUNT or is_worked
        if is_full or state.pledges[pledge_id].request.bank_account_id != asked[0].bank_account_id:
            break
        looked_at_count += 1
        mark = changed_mark(state.pledges[pledge_id], state, markets)
        if mark is not None:
            marks[pledge_id] = mark
            events.append(mark)
            slices_count += mark.position_hours // (HOURS_PER_DAY * mark.pledged_qty)
        if loan_id and loan_id != next_loan_id:
            events += review(loan_id, marks, state, taken_amounts)
    is_complete = looked_at_count == len(left)
    progress = PledgesMarked(
        marked_count=len(marks), is_complete=is_complete, looked_at_count=looked_at_count
    )
    return [*events, progress]


def is_anything_to_mark(state: State) -> bool:
    """Whether a cycle would look at any pledge, or at a loan without any."""
    today = day_at(state.market_ns)
    return any(_is_looked_at(pledge, today, state) for pledge in state.pledges.values())


def is_live(pledge: Pledge, today: int) -> bool:
    """Whether a pledge can still become, or is, security for something to be delivered."""
    request, mark = pledge.request, pledge.mark
    if pledge.status is PledgeStatus.REQUESTED:
        return request.start_day > today
    is_over = mark is not None and mark.position_hours == 0 and request.end_day <= today + 1
    return pledge.status in LIENED and not is_over


def _is_looked_at(pledge: Pledge, today: int, state: State) -> bool:
    """Whether a cycle comes to it: the last of a loan in service stands for it when it is over."""
    if is_live(pledge, today):
        return True
    loan = state.loans.get(pledge.request.loan_id)
    is_last = loan is not None and loan.pledge_ids[-1] == pledge.request.pledge_id
    return is_last and loan is not None and loan.status in IN_SERVICE


def changed_mark(
    pledge: Pledge, state: State, markets: dict[int, ProductMarket]
) -> PledgeMarked | None:
    """The pledge's mark, where it says something else than the one in force."""
    request = pledge.request
    if not is_live(pledge, day_at(state.market_ns)):
        return None
    market = markets.get(request.product_id)
    if market is None:
        market = markets[request.product_id] = product_market(request.product_id, state)
    figures = market_figures(request, marked_qty(pledge), state, market)
    if is_known(figures, pledge, state):
        return None
    return finished(figures, request, state, market)


# -- evolve ---------------------------------------------------------------------------------------


def evolve_marked(event: PledgeMarked, state: State) -> None:
    """The mark stands until the next one."""
    pledge = state.pledges[event.pledge_id]
    pledge.mark, pledge.mark_seq = event, state.seq
    pledge.ruled_ppm = event.ruled_ppm
    if event.recovery_days_count:
        state.recovering[event.pledge_id] = recovering(event)
    else:
        state.recovering.pop(event.pledge_id, None)


def evolve_marking(event: PledgesMarked, state: State) -> None:
    """The cycle begins with what it will look at, or has so much of it behind it."""
    if event.looked_at_count:
        del state.marking_left[: event.looked_at_count]
        return
    today = day_at(state.market_ns)
    found = [each for each in state.pledges.values() if _is_looked_at(each, today, state)]
    state.marking_left = [r.pledge_id for r in sorted((p.request for p in found), key=_place)]
    state.pools, state.pool_values = {}, {}
    for pledge in found:
        if pledge.mark is not None and pledge.status in LIENED:
            _add_to_pool(pledge.request, pledge.mark.value_amount, state)


def _place(request: PledgeRequested) -> tuple[int, int, int]:
    return request.bank_account_id, request.loan_id, request.pledge_id


def _add_to_pool(request: PledgeRequested, value_amount: int, state: State) -> None:
    state.pool_values[request.pledge_id] = value_amount
    supplier_id = state.products[request.product_id].supplier_account_id
    pool = state.pools.setdefault(request.bank_account_id, {})
    pool[supplier_id] = pool.get(supplier_id, 0) + value_amount
