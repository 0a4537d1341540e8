"""
What of earlier marks goes into the next: days of recovery, the ratio that glides, a ruled value.

A first mark goes on with others' recovery (`exchange.collateral.recovery`), and in another pledge's
place with that pledge's, of which it takes the applied ratio too, unless its own is lower: an
exchange is no way around the glide.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exchange.collateral.recovery import Opening, is_passed_on, recovering, worst_opening
from exchange.domain.enums import LIENED
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_events import NO_LTV_PPM, PledgeMarked
from exchange.domain.windows import day_at

from .lending_state import Pledge
from .state import State


class Carried(NamedTuple):
    """What of earlier marks goes into the next."""

    opening: Opening
    ltv_ppm: int = NO_LTV_PPM
    """Applied on the marking day before; -1 where nothing glides."""
    ruled_amount: int = 0
    """For the day of the ruling only; of fewer GPUs than it was ruled for their part, down."""


def carried(
    request: PledgeRequested, pledged_qty: int, state: State, replaced: Pledge | None = None
) -> Carried:
    """
    What goes into the mark of so many GPUs now.

    `replaced` is the pledge whose place a first mark takes; whether the ratio that it glides from
    is the worse one is seen when it is priced.
    """
    today = day_at(state.market_ns)
    pledge = state.pledges.get(request.pledge_id)
    if pledge is not None and pledge.mark is not None:
        return _next(pledge, pledge.mark, pledged_qty, today)
    openings = _openings(request, today, state)
    if replaced is None or replaced.mark is None:
        return Carried(worst_opening(openings))
    before = _next(replaced, replaced.mark, pledged_qty, today)
    return Carried(worst_opening([before.opening, *openings]), before.ltv_ppm)


def _next(pledge: Pledge, mark: PledgeMarked, pledged_qty: int, today: int) -> Carried:
    """What the mark in force leaves to the next one, whether of its own day or of a later."""
    opening = recovering(mark).opening(today)
    ltv_ppm = mark.applied_ltv_ppm if pledge.status in LIENED else NO_LTV_PPM
    if mark.valuation_day < today:
        return Carried(opening, ltv_ppm)
    if mark.opening_ltv_ppm != NO_LTV_PPM:
        ltv_ppm = mark.opening_ltv_ppm
    return Carried(opening, ltv_ppm, mark.ruled_amount * pledged_qty // mark.pledged_qty)


def _openings(request: PledgeRequested, today: int, state: State) -> Iterator[Opening]:
    """Those of the pledges with whose recovery a first mark goes on."""
    product = state.products[request.product_id]
    for pledge_id in state.recovering_ids:
        other = state.pledges[pledge_id]
        assert other.mark is not None, "only a mark says that it recovers"
        if is_passed_on(
            other.request,
            request,
            (state.products[other.request.product_id], product),
            is_liened=other.status in LIENED,
            is_affiliated=other.mark.is_affiliated,
        ):
            yield recovering(other.mark).opening(today)
