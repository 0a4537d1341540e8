"""
The price of a lot: it begins high and falls in equal steps, the last one to the floor.

Pure functions of the offer and market time, for rules and readers alike.
"""

from .lending_events import LotOffered


def lot_price(offered: LotOffered, market_ns: int) -> int:
    """What the lot costs at a moment since it was offered, in fen per GPU-hour."""
    steps_count = (market_ns - offered.offered_ns) // offered.step_ns
    return max(offered.floor_price, offered.start_price - offered.step_price * steps_count)


def next_step_ns(offered: LotOffered, market_ns: int) -> int:
    """When the price falls next, or where it falls no more, when the lot ends."""
    if lot_price(offered, market_ns) == offered.floor_price:
        return offered.end_ns
    steps_count = (market_ns - offered.offered_ns) // offered.step_ns
    return min(offered.end_ns, offered.offered_ns + (steps_count + 1) * offered.step_ns)


def steps_to_floor(start_price: int, floor_price: int, step_price: int) -> int:
    """How many steps it takes from the start to the floor; 0 for a fixed price."""
    return -(-(start_price - floor_price) // step_price) if step_price else 0
