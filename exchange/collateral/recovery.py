"""
Whose recovery from stress a first mark goes on with: a regime is not one pledge's alone.

It is left after clear *marking* days, so a new pledge does not begin anew. It opens with the most
that is left to the owner's other pledges of the same days, released ones too, and to whatever is
under lien of the same supplier, class and region. That somebody else is of the supplier's house is
not passed on: it is that owner's stress alone.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import Struct

from exchange.domain.events import PledgeRequested, ProductDefined
from exchange.domain.lending_events import PledgeMarked


class Opening(NamedTuple):
    """Where a mark begins: days of recovery left by the day before, and what its own day saw."""

    recovery_days_count: int = 0
    is_stressed_day: bool = False


_CLEAR = Opening()


class Recovering(Struct, frozen=True, array_like=True):
    """What of a pledge's mark in force another pledge may go on with."""

    valuation_day: int
    opening_recovery_days_count: int
    recovery_days_count: int
    is_stressed: bool
    """The mark, or one before it on its day, had reasons of stress."""
    is_affiliated: bool

    def opening(self, today: int) -> Opening:
        """Of the next mark, whether of the same day or of a later."""
        if self.valuation_day < today:
            return Opening(self.recovery_days_count)
        return Opening(self.opening_recovery_days_count, self.is_stressed)


def recovering(mark: PledgeMarked) -> Recovering:
    """That of a mark."""
    return Recovering(
        mark.valuation_day,
        mark.opening_recovery_days_count,
        mark.recovery_days_count,
        mark.is_stressed_day or bool(mark.stress_reasons),
        mark.is_affiliated,
    )


def first_opening(
    known: Mapping[int, Recovering],
    today: int,
    is_passed_on: Callable[[int], bool],
    opening: Opening = _CLEAR,
) -> Opening:
    """
    The worst of those pledges by whose id it is passed on, and of `opening`.

    After a crash there are as many as pledges: nothing is asked of what would not make it worse.
    """
    longest, is_stressed_day = opening
    for pledge_id, each in known.items():
        found = each.opening(today)
        is_worse = found.recovery_days_count > longest or found.is_stressed_day > is_stressed_day
        if is_worse and is_passed_on(pledge_id):
            longest = max(longest, found.recovery_days_count)
            is_stressed_day |= found.is_stressed_day
    return Opening(longest, is_stressed_day)


def is_passed_on(
    other: PledgeRequested,
    request: PledgeRequested,
    products: tuple[ProductDefined, ProductDefined],
    *,
    is_liened: bool,
    is_affiliated: bool,
) -> bool:
    """Whether a request goes on with the recovery of another pledge; products in this order."""
    is_own = other.account_id == request.account_id
    if not is_own and (is_affiliated or not is_liened):
        return False
    is_overlapping = other.start_day < request.end_day and request.start_day < other.end_day
    if is_own and other.product_id == request.product_id and is_overlapping:
        return True
    places = {(each.supplier_account_id, each.gpu_class, each.region) for each in products}
    return is_liened and len(places) == 1
