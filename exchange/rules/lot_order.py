"""
In which order a loan's collateral is sold: near days first, then the nearest, most traded month.

    the days before a title lot   let or on offer as sublets, as many GPUs as it sells
    title lots                    by the month in which the rest of their pledge begins; of one
                                  month, what is traded most there first

The market's page wants near days first as sublets, which melt fastest, and the rest as one block;
CR-1 the nearest, most traded month first, in whole lots. Both hold: a title lot is the whole rest
of a pledge's window, so what is ordered are the pledges, and an auction of title ends as its first
day begins, so the days that would melt meanwhile are those before it. A lot that begins tomorrow
leaves none. A pledge has had its turn when all of it stands on offer or an auction of it found no
buyer at its reserve; one that nobody may buy has none.
"""

from exchange.domain.enums import LIENED, TradingMode
from exchange.domain.lending_events import LotOffered
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.windows import day_at, month_of

from .lending_state import Pledge
from .state import State
from .valuation import product_market


def require_order(offered: LotOffered, state: State) -> None:
    """Refuses a title lot out of its turn: with what comes first and the day it begins."""
    pledge = state.pledges[offered.pledge_id]
    day = _day_left_to_melt(offered, pledge, state)
    require(not day, Reason.LOT_ORDER, offered.pledge_id, offered.pledge_id, day)
    here = _turn(pledge, state)
    for other_id in state.loans[offered.loan_id].pledge_ids:
        other = state.pledges[other_id]
        if _waits(other, state) and _turn(other, state) < here:
            first_day = _first_day(other, state)
            raise Refused(Reason.LOT_ORDER, offered.pledge_id, other_id, first_day)


def _day_left_to_melt(offered: LotOffered, pledge: Pledge, state: State) -> int:
    """The first day of which more could be let, of what is sold or on offer later; 0 for none."""
    pledge_id, product_id = offered.pledge_id, offered.product_id
    lots = [each.offered for each in state.lots.values() if each.offered.pledge_id == pledge_id]
    later = [(offered.start_day, offered.lot_qty), *pledge.sold]
    later += [(lot.start_day, lot.lot_qty) for lot in lots if lot.mode is TradingMode.TITLE]
    used = [
        (lot.start_day, lot.end_day, lot.lot_qty) for lot in lots if lot.mode is TradingMode.SUBLET
    ]
    for sublet_id, of_id in state.swept_sublets.items():
        if of_id == pledge_id:
            let = state.sublets[sublet_id]
            used.append((let.start_day, let.end_day, let.sublet_qty))
    whole_lot_qty = state.products[product_id].lot_qty
    for day in range(_first_day(pledge, state), offered.start_day):
        later_qty = sum(qty for first_day, qty in later if day < first_day)
        used_qty = sum(qty for start_day, end_day, qty in used if start_day <= day < end_day)
        free_qty, _ = state.core.sublettable(pledge.request.account_id, product_id, day, day + 1)
        if used_qty < later_qty and free_qty >= whole_lot_qty:
            return day
    return 0


def _waits(pledge: Pledge, state: State) -> bool:
    """Whether a pledge could be offered and has not had its turn."""
    request = pledge.request
    product = state.products[request.product_id]
    standing = state.standings.get(product.supplier_account_id)
    is_ended = standing is not None and standing.is_terminated
    is_over = pledge.status not in LIENED or _first_day(pledge, state) >= request.end_day
    if is_ended or is_over or pledge.unsold_count:
        return False
    standing_qty = sum(
        lot.offered.lot_qty
        for lot in state.lots.values()
        if lot.offered.pledge_id == request.pledge_id and lot.offered.mode is TradingMode.TITLE
    )
    return pledge.pledged_qty - standing_qty >= product.lot_qty


def _turn(pledge: Pledge, state: State) -> tuple[int, int]:
    """The month in which the rest of a pledge begins, and what is traded there, most first."""
    month = month_of(_first_day(pledge, state))
    node = product_market(pledge.request.product_id, state).nodes.get(month)
    mark = None if node is None else node.mark
    return month, 0 if mark is None else -mark.adv_hours


def _first_day(pledge: Pledge, state: State) -> int:
    """The first day of a pledge that has not begun."""
    return max(pledge.request.start_day, day_at(state.market_ns) + 1)
