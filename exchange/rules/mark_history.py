"""
What of earlier marks goes into the next: days of recovery, the ratio that glides, a ruled value.

A regime is the collateral's and the market's and not one pledge's, and it is left after clear
*marking* days. So a first mark does not begin anew: it opens with the most that is left to

- the owner's other pledges of the same days, also those that are over as long as the state
  remembers them: releasing days and pledging them again ends no stress, here or at another bank;
- whatever is under lien of the same supplier, class and region, whoever owns it;
- the pledge in whose place it comes, of which it takes the applied ratio too, unless its own is
  lower: an exchange is no way around the glide.

That somebody else is of the supplier's house is not passed on: it is that owner's stress alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exchange.domain.enums import LIENED
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_events import NO_LTV_PPM, PledgeMarked
from exchange.domain.windows import day_at

from .lending_state import Pledge
from .state import State


class Carried(NamedTuple):
    """What of earlier marks goes into the next."""

    recovery_days_count: int = 0
    """Of the marking day before, as is the ratio."""
    ltv_ppm: int = NO_LTV_PPM
    ruled_amount: int = 0
    """For the day of the ruling only; of fewer GPUs than it was ruled for their part, down."""
    is_stressed_day: bool = False


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
    before = Carried() if replaced is None else _next_of(replaced, today)
    found = [before, *(_next_of(other, today) for other in _others(request, state))]
    return Carried(
        recovery_days_count=max(each.recovery_days_count for each in found),
        ltv_ppm=before.ltv_ppm,
        is_stressed_day=any(each.is_stressed_day for each in found),
    )


def is_stressed(mark: PledgeMarked) -> bool:
    """Whether the mark, or one before it on its day, had reasons of stress."""
    return mark.is_stressed_day or bool(mark.stress_reasons)


def _next(pledge: Pledge, mark: PledgeMarked, pledged_qty: int, today: int) -> Carried:
    """What the mark in force leaves to the next one, whether of its own day or of a later."""
    ltv_ppm = mark.applied_ltv_ppm if pledge.status in LIENED else NO_LTV_PPM
    if mark.valuation_day < today:
        return Carried(mark.recovery_days_count, ltv_ppm)
    if mark.opening_ltv_ppm != NO_LTV_PPM:
        ltv_ppm = mark.opening_ltv_ppm
    ruled_amount = mark.ruled_amount * pledged_qty // mark.pledged_qty
    return Carried(mark.opening_recovery_days_count, ltv_ppm, ruled_amount, is_stressed(mark))


def _next_of(pledge: Pledge, today: int) -> Carried:
    mark = pledge.mark
    assert mark is not None, "a pledge is valued when it is asked for"
    return _next(pledge, mark, mark.pledged_qty, today)


def _others(request: PledgeRequested, state: State) -> Iterator[Pledge]:
    """The pledges under stress, or recovering from it, whose recovery is that of a first mark."""
    product = state.products[request.product_id]
    place = (product.supplier_account_id, product.gpu_class, product.region)
    for pledge_id in state.recovering_ids:
        other = state.pledges[pledge_id]
        mark, asked = other.mark, other.request
        assert mark is not None, "only a mark says that it recovers"
        is_own = asked.account_id == request.account_id
        is_same = is_own and asked.product_id == request.product_id
        if is_same and asked.start_day < request.end_day and request.start_day < asked.end_day:
            yield other
        elif other.status in LIENED and (is_own or not mark.is_affiliated):
            known = state.products[asked.product_id]
            if (known.supplier_account_id, known.gpu_class, known.region) == place:
                yield other
