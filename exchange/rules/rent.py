"""
What rent is fair on pledged days, and whose the rent of a delivered day is.

Pure functions of integers. A pledgee's security melts with each day used, so a sublet that reaches
into pledged title pays it: at least half the mark, and that share of the rent, at release, is the
pledgee's.
"""

from collections.abc import Mapping

from exchange.domain.units import MAX_PRICE, MICRO_PER_FEN
from exchange.domain.windows import add_months, date_of, day_of, month_of

RENT_FLOOR_PARTS = 2
"""The floor is the mark divided by this."""


def rent_floor_price(month_marks_micro: Mapping[int, int], start_day: int, end_day: int) -> int:
    """
    The least rent of pledged days over a window, in fen per GPU-hour, rounded up.

    Half the marks of its months (year × 100 + month), each weighted with its hours in the window.
    0 where a month has no mark: then no rent is known to be fair.
    """
    weighted_micro, at_day = 0, start_day
    while at_day < end_day:
        mark_micro = month_marks_micro.get(month_of(at_day), 0)
        if mark_micro == 0:
            return 0
        next_day = min(end_day, day_of(add_months(date_of(at_day), 1)))
        weighted_micro += mark_micro * (next_day - at_day)
        at_day = next_day
    whole = RENT_FLOOR_PARTS * MICRO_PER_FEN * (end_day - start_day)
    return min(MAX_PRICE, -(-weighted_micro // whole))


def encumbered_qty(title_qty: int, lien_qty: int, sublet_out_qty: int) -> int:
    """How many of an owner's let GPUs of a day are pledged ones: those that the rest cannot be."""
    return max(0, sublet_out_qty - (title_qty - lien_qty))


def swept_amount(rent_amount: int, pledged_qty: int, sublet_out_qty: int) -> int:
    """
    The pledgees' part of a rent or a refund of a day, in fen, rounded up, for they come first.

    Of a rent `pledged_qty` is the `encumbered_qty` of all that the owner has let of the day,
    `sublet_out_qty`: each sublet of the day gives the same share, and the rest is the lessor's.
    Of a refund they are the liened part of the title, and the title.
    """
    assert 0 <= pledged_qty <= sublet_out_qty, "what is encumbered is let"
    return -(-rent_amount * pledged_qty // sublet_out_qty) if pledged_qty else 0
