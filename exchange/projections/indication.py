"""
The price at which a collecting book would uncross now: what an auction shows while it runs.

The same rule as the core's (`matching_core/auction.pyx`), over the levels of the read model: the
largest volume, then the smallest surplus, then nearest the reference price, hidden quantity in
full.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from exchange.domain.wire import Indication

from .depth import PriceQty


def indication_of(
    bids: Sequence[PriceQty], asks: Sequence[PriceQty], reference_price: int, end_ns: int
) -> Indication:
    """
    The uncrossing of these levels, best first on both sides; all 0 where nothing crosses.

    Demand falls and supply rises from the best ask to the best bid, so the best prices adjoin: only
    the prices of orders and those one tick beside them need to be looked at.
    """
    if not bids or not asks or bids[0][0] < asks[0][0]:
        return Indication(end_ns=end_ns)
    low_price, high_price = asks[0][0], bids[0][0]
    demand_qty = _reached([(-price, qty) for price, qty in bids])
    supply_qty = _reached(asks)
    offered = {
        tick: (demand_qty(-tick), supply_qty(tick))
        for price, _ in (*bids, *asks)
        for tick in (price - 1, price, price + 1)
        if low_price <= tick <= high_price
    }
    best = min(map(_rank, offered.values()))
    as_good = [price for price, pair in offered.items() if _rank(pair) == best]
    wanted_price = reference_price or (min(as_good) + max(as_good)) // 2
    price = min(max(wanted_price, min(as_good)), max(as_good))
    demanded, supplied = demand_qty(-price), supply_qty(price)
    return Indication(
        indicative_price=price,
        indicative_qty=min(demanded, supplied),
        surplus_qty=demanded - supplied,
        end_ns=end_ns,
    )


def _rank(pair: tuple[int, int]) -> tuple[int, int]:
    """Demand and supply, the better the smaller: more volume, then less surplus."""
    return -min(pair), abs(pair[0] - pair[1])


def _reached(levels: Sequence[PriceQty]) -> Callable[[int], int]:
    """How much of ascending levels lies at a price or before it."""
    prices = [price for price, _ in levels]
    totals = [0, *accumulate(qty for _, qty in levels)]
    return lambda price: totals[bisect_right(prices, price)]
