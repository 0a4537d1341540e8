"""
The call auction by the shortest way from its rule, and queues played through on paper.

Every tick between the best offer and the best bid is tried; outside of them one side gives nothing.
"""

from dataclasses import dataclass

from tests.reference_orders import Order


@dataclass
class Standing:
    """An order in a queue on paper, and what it still shows and hides there."""

    order: Order
    shown_qty: int
    hidden_qty: int


def on_paper(orders):
    """A queue, or several of one side, best price first, to be played through."""
    return [Standing(each, each.shown_qty, each.leaves_qty - each.shown_qty) for each in orders]


def take(queue, qty):
    """Takes so much of what the first shows; its next clip goes behind the others of its price."""
    first = queue[0]
    first.shown_qty -= qty
    if first.shown_qty:
        return
    queue.pop(0)
    if first.hidden_qty:
        order = first.order
        clip_qty = order.clip_of(first.hidden_qty)
        behind = sum(other.order.limit_price == order.limit_price for other in queue)
        queue.insert(behind, Standing(order, clip_qty, first.hidden_qty - clip_qty))


def auction_price(bids, asks, reference_price):
    """
    (price, volume, surplus) at which two sides, each best price first, would trade.

    The largest volume, then the smallest surplus, then the price nearest the reference, or where
    that is 0 the middle, rounded down. The surplus is negative on the sell side. Zeros where
    nothing crosses.
    """
    if not bids or not asks or bids[0].limit_price < asks[0].limit_price:
        return 0, 0, 0
    balance = {}
    for price in range(asks[0].limit_price, bids[0].limit_price + 1):
        demand_qty = sum(bid.leaves_qty for bid in bids if bid.limit_price >= price)
        supply_qty = sum(ask.leaves_qty for ask in asks if ask.limit_price <= price)
        balance[price] = (min(demand_qty, supply_qty), demand_qty - supply_qty)
    best = max((volume_qty, -abs(surplus_qty)) for volume_qty, surplus_qty in balance.values())
    good = [
        price
        for price, (volume_qty, surplus_qty) in balance.items()
        if (volume_qty, -abs(surplus_qty)) == best
    ]
    middle_price = (good[0] + good[-1]) // 2
    price = min(good, key=lambda price: abs(price - (reference_price or middle_price)))
    return price, *balance[price]


def pairs_at(price, bids, asks):
    """Who trades with whom at a price, in order, as (bid, ask, qty): by price, then time."""
    buyers = on_paper(bid for bid in bids if bid.limit_price >= price)
    sellers = on_paper(ask for ask in asks if ask.limit_price <= price)
    pairs = []
    while buyers and sellers:
        qty = min(buyers[0].shown_qty, sellers[0].shown_qty)
        pairs.append((buyers[0].order, sellers[0].order, qty))
        take(buyers, qty)
        take(sellers, qty)
    return pairs
