"""
What becomes of sublets when the pledged days under them are sold.

The buyer gets the days as they are. What the seller has let and reserved stays with it as far as
the title that it keeps covers it; the rest of its sublets goes to the buyer, who is the lessor from
then on, and their rents stay in trust. What the bank itself has let of the pledge goes first, down
to what stays under its lien, then of the seller's own those with the highest ids: the last that
came to lie on pledged days; and only then what banks have let. What is only on offer is no sublet
yet, so it ends before a sublet is divided.

A sublet is divided by days and by GPUs. The first part that the seller keeps has the old id, every
other part an id of its own: 10^12 times 2, 3 and so on, and the number of the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from exchange.domain.enums import CancelReason, Side, TradingMode
from exchange.domain.events import Event, SubletOpened
from exchange.domain.letting import SubletLapsed
from exchange.domain.movements import HoldClosed, SubletPart

from .lending_state import Pledge
from .letting import FIRST_SUBLET_ID
from .participants import cancellations
from .state import State

Run = tuple[int, int, int]
"""(start_day, end_day, GPUs of each day)."""
_ORDER_INSTRUMENT, _ORDER_SIDE = 4, 5
"""Their places in what the core tells of an order."""


def uncovered(
    seller_id: int,
    product_id: int,
    days: tuple[int, int],
    sold_qty: int,
    state: State,
    reserved: Sequence[Run] | None = None,
) -> list[Run]:
    """
    How much of what the seller has let and reserved its title would not cover after the sale.

    `reserved` are the days reserved for sublets, where they are not to be those of now.
    """
    core = state.core
    title, let, for_sale, to_let = (
        core.day_function(seller_id, product_id, name)
        for name in ("title", "sublet_out", "reserved_sale", "reserved_sublet")
    )
    used = [let, for_sale, to_let if reserved is None else reserved]
    runs = []
    for start_day, end_day in _spans(days, [title, *used]):
        left_qty = _qty_on(title, start_day) - sold_qty
        over_qty = sum(_qty_on(function, start_day) for function in used) - left_qty
        if over_qty > 0:
            runs.append((start_day, end_day, over_qty))
    return runs


def ended_offers(
    seller_id: int, product_id: int, days: tuple[int, int], state: State
) -> list[Event]:
    """The end of all the use of these days that the seller has on offer, in books and by name."""
    order_ids = [
        order_id
        for order_id in state.core.orders_of_account(seller_id)
        if _offers_use(order_id, product_id, days, state)
    ]
    events: list[Event] = [*cancellations(order_ids, CancelReason.COLLATERAL_SOLD, state)]
    for offer_id, offered in sorted(state.sublet_offers.items()):
        offer = offered.offer
        is_here = (offer.lessor_account_id, offer.product_id) == (seller_id, product_id)
        if is_here and _overlap((offer.start_day, offer.end_day), days):
            events.append(SubletLapsed(offer_id=offer_id))
            events.append(HoldClosed(hold_id=offer_id, account_id=seller_id))
    return events


def let_by_bank(pledge: Pledge, days: tuple[int, int], sold_qty: int, state: State) -> list[Run]:
    """How much of what lots have let of a pledge its lien would not cover after the sale."""
    pledge_id, first_day = pledge.request.pledge_id, pledge.request.start_day
    let = [_run_of(sublet) for sublet in _swept(pledge_id, state)]
    to_let = [
        (lot.offered.start_day, lot.offered.end_day, lot.offered.lot_qty)
        for lot in state.lots.values()
        if lot.offered.pledge_id == pledge_id and lot.offered.mode is TradingMode.SUBLET
    ]
    sold = [(first_day, end_day, qty) for end_day, qty in pledge.sold]
    runs = []
    for start_day, end_day in _spans(days, [let, to_let, sold]):
        left_qty = pledge.liened_qty(start_day) - sold_qty - _qty_on(to_let, start_day)
        over_qty = _qty_on(let, start_day) - left_qty
        if over_qty > 0:
            runs.append((start_day, end_day, over_qty))
    return runs


def divided(
    pledge: Pledge, buyer_id: int, over: Sequence[Run], bound: Sequence[Run], state: State
) -> tuple[list[SubletPart], list[SubletPart]]:
    """
    The parts of sublets that go to a pledge's buyer, and those that the seller keeps of the same.

    `over` is what must go of all, `bound` what must go of those that the bank has let.
    """
    sublets = _sublets_of(pledge, state)
    days = (pledge.request.start_day, pledge.request.end_day)
    swept_ids = {sublet.sublet_id for sublet in _swept(pledge.request.pledge_id, state)}
    taken: dict[int, list[Run]] = {}
    for start_day, end_day in _spans(days, [over, bound, *([_run_of(s)] for s in sublets)]):
        here = {s.sublet_id: s.sublet_qty for s in sublets if s.start_day <= start_day < s.end_day}
        swept = {k: q for k, q in here.items() if k in swept_ids}
        bound_qty = _qty_on(bound, start_day)
        gone = _take(bound_qty, swept)
        order = sorted(here, key=state.swept_sublets.__contains__)
        left = {key: here[key] - gone.get(key, 0) for key in order}
        more = _take(max(0, _qty_on(over, start_day) - bound_qty), left)
        for sublet_id in here:
            if qty := gone.get(sublet_id, 0) + more.get(sublet_id, 0):
                _append(taken.setdefault(sublet_id, []), (start_day, end_day, qty))
    return _parts(taken, {sublet.sublet_id: sublet for sublet in sublets}, buyer_id, state)


def _take(wanted_qty: int, from_qtys: Mapping[int, int]) -> dict[int, int]:
    """So many GPUs, of each sublet as far as it goes, in order."""
    taken = {}
    for sublet_id, qty in from_qtys.items():
        taken[sublet_id] = min(wanted_qty, qty)
        wanted_qty -= taken[sublet_id]
    assert wanted_qty == 0, "what has to go is let, for offers are over"
    return taken


def _parts(
    taken: Mapping[int, list[Run]],
    sublets: Mapping[int, SubletOpened],
    buyer_id: int,
    state: State,
) -> tuple[list[SubletPart], list[SubletPart]]:
    """What goes and what stays of each sublet that loses something, by id."""
    novated: list[SubletPart] = []
    kept: list[SubletPart] = []
    next_id = 2 * FIRST_SUBLET_ID + state.seq + 1
    for sublet_id, gone in sorted(taken.items()):
        sublet = sublets[sublet_id]
        for run in gone:
            is_merged = sublet.lessee_account_id == buyer_id
            novated.append(_part(sublet, 0 if is_merged else next_id, run))
            next_id += 0 if is_merged else FIRST_SUBLET_ID
        for index, run in enumerate(_rest(sublet, gone)):
            kept.append(_part(sublet, next_id if index else sublet_id, run))
            next_id += FIRST_SUBLET_ID if index else 0
    return novated, kept


def _sublets_of(pledge: Pledge, state: State) -> list[SubletOpened]:
    """All that the pledge's owner has let of the product, the highest id first."""
    request = pledge.request
    return [
        sublet
        for _, sublet in sorted(state.sublets.items(), reverse=True)
        if (sublet.lessor_account_id, sublet.product_id) == (request.account_id, request.product_id)
    ]


def _swept(pledge_id: int, state: State) -> list[SubletOpened]:
    """What lots have let of a pledge."""
    return [
        state.sublets[sublet_id] for sublet_id, of in state.swept_sublets.items() if of == pledge_id
    ]


def _rest(sublet: SubletOpened, gone: list[Run]) -> list[Run]:
    """What is left of a sublet, in order of its days."""
    runs: list[Run] = []
    days = (sublet.start_day, sublet.end_day)
    for start_day, end_day in _spans(days, [gone]):
        left_qty = sublet.sublet_qty - _qty_on(gone, start_day)
        if left_qty:
            _append(runs, (start_day, end_day, left_qty))
    return runs


def _part(sublet: SubletOpened, new_sublet_id: int, run: Run) -> SubletPart:
    start_day, end_day, qty = run
    return SubletPart(
        sublet_id=sublet.sublet_id,
        new_sublet_id=new_sublet_id,
        lessee_account_id=sublet.lessee_account_id,
        start_day=start_day,
        end_day=end_day,
        sublet_qty=qty,
        rent_price=sublet.rent_price,
    )


def _run_of(sublet: SubletOpened) -> Run:
    return sublet.start_day, sublet.end_day, sublet.sublet_qty


def _offers_use(order_id: int, product_id: int, days: tuple[int, int], state: State) -> bool:
    order = state.core.order(order_id)
    assert order is not None, "an account's open orders are open"
    listed = state.instruments[order[_ORDER_INSTRUMENT]]
    return (
        order[_ORDER_SIDE] == Side.SELL
        and listed.mode is TradingMode.SUBLET
        and listed.product_id == product_id
        and _overlap((listed.start_day, listed.end_day), days)
    )


def _overlap(span: tuple[int, int], other: tuple[int, int]) -> bool:
    return span[0] < other[1] and other[0] < span[1]


def _spans(days: tuple[int, int], functions: Iterable[Sequence[Run]]) -> Iterable[tuple[int, int]]:
    """The days cut so that every function is constant on each piece."""
    start_day, end_day = days
    cuts = {start_day, end_day}
    for runs in functions:
        cuts.update(day for run in runs for day in run[:2] if start_day < day < end_day)
    return pairwise(sorted(cuts))


def _qty_on(runs: Iterable[Run], day: int) -> int:
    return sum(qty for start_day, end_day, qty in runs if start_day <= day < end_day)


def _append(runs: list[Run], run: Run) -> None:
    """Adds a run behind the others, joined to the last where nothing lies between."""
    if runs and runs[-1][1:] == (run[0], run[2]):
        runs[-1] = (runs[-1][0], run[1], run[2])
    else:
        runs.append(run)
