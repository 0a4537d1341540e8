"""
What of earlier marks goes into the next: days of recovery, the ratio that glides, what was ruled.

A first mark goes on with others' recovery (`exchange.collateral.recovery`), and in another pledge's
place with that pledge's, of which it takes the applied ratio too, unless its own is lower, and the
charge that was ruled: an exchange is no way around the glide, nor around a ruling. To add
collateral to a loan and have the old released is no way around the glide either: what is added goes
on with the lowest ratio that is held back under its own there, as if it were to take that pledge's
place. What was released before has no say: the loan was covered without it, and its bank let it go.
"""

from collections.abc import Iterable
from typing import NamedTuple

from exchange.collateral.recovery import Opening, first_opening, is_passed_on, recovering
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
    ruled_ppm: int = 0
    """Charged until another ruling."""
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
    before = Carried(Opening())
    if replaced is not None and replaced.mark is not None:
        before = _next(replaced, replaced.mark, pledged_qty, today)

    def is_passed_on_by(pledge_id: int) -> bool:
        other, products = state.pledges[pledge_id], state.products
        return is_passed_on(
            other.request,
            request,
            (products[other.request.product_id], products[request.product_id]),
            is_liened=other.status in LIENED,
            is_affiliated=state.recovering[pledge_id].is_affiliated,
        )

    opening = first_opening(state.recovering, today, is_passed_on_by, before.opening)
    return Carried(opening, before.ltv_ppm, before.ruled_ppm)


def held_back(pledges: Iterable[Pledge]) -> Pledge | None:
    """Of those under lien the one with the lowest ratio that glides up; None where none does."""
    found = [
        (pledge.mark.applied_ltv_ppm, pledge.request.pledge_id, pledge)
        for pledge in pledges
        if pledge.status in LIENED
        and pledge.mark is not None
        and pledge.mark.applied_ltv_ppm < pledge.mark.ltv_ppm
    ]
    return min(found)[2] if found else None


def _next(pledge: Pledge, mark: PledgeMarked, pledged_qty: int, today: int) -> Carried:
    """What the mark in force leaves to the next one, whether of its own day or of a later."""
    opening = recovering(mark).opening(today)
    ltv_ppm = mark.applied_ltv_ppm if pledge.status in LIENED else NO_LTV_PPM
    if mark.valuation_day < today:
        return Carried(opening, ltv_ppm, pledge.ruled_ppm)
    if mark.opening_ltv_ppm != NO_LTV_PPM:
        ltv_ppm = mark.opening_ltv_ppm
    ruled_amount = mark.ruled_amount * pledged_qty // mark.pledged_qty
    return Carried(opening, ltv_ppm, pledge.ruled_ppm, ruled_amount)
