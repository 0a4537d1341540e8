# cython: language_level=3
"""
What the plain book answers. One result is made for each command, so it is as small as it can be.
"""

from cython cimport final, freelist, no_gc
from libc.stdint cimport int64_t

from .auction cimport Uncross
from .types cimport (
    REASON_ALL_OR_NONE,
    REASON_CANNOT_FILL,
    REASON_DISPLAY_QTY,
    REASON_IMMEDIATE,
    REASON_MIN_QTY,
    REASON_SELF_MATCH,
    REASON_UNKNOWN_ORDER,
    REASON_WOULD_TAKE,
    REASON_WRONG_STATE,
)

cdef dict REASON_NAMES = {
    REASON_ORDER_ID: "bad_order_id",
    REASON_DUPLICATE_ID: "duplicate_id",
    REASON_PRICE: "bad_price",
    REASON_QTY: "bad_qty",
    REASON_MIN_QTY: "bad_min_qty",
    REASON_DISPLAY_QTY: "bad_display_qty",
    REASON_WOULD_TAKE: "would_take",
    REASON_CANNOT_FILL: "cannot_fill",
    REASON_ALL_OR_NONE: "all_or_none",
    REASON_IMMEDIATE: "immediate",
    REASON_WRONG_STATE: "wrong_state",
    REASON_UNKNOWN_ORDER: "unknown_order",
    REASON_SELF_MATCH: "self_match",
}
cdef tuple STATUS_NAMES = ("resting", "filled", "cancelled", "rejected")


@final
@no_gc
@freelist(32)
cdef class Result:
    """What became of one order."""

    def __init__(self):
        raise TypeError("results are made by the book")

    @property
    def fills(self):
        """(maker_order_id, price, qty) of each fill, in order."""
        if self.fill_rows is None:
            self.fill_rows = []
        return self.fill_rows

    @property
    def cancelled(self):
        """The own resting orders that the self-match policy ended, in order."""
        if self.cancelled_ids is None:
            self.cancelled_ids = []
        return self.cancelled_ids

    def __repr__(self):
        return (
            f"Result(status={self.status!r}, fills={self.fills!r}, "
            f"leaves_qty={self.leaves_qty}, reason={self.reason!r})"
        )


@final
cdef class AuctionResult:
    """What an auction traded, or would."""

    def __init__(self):
        raise TypeError("results are made by the book")

    def __repr__(self):
        return (
            f"AuctionResult(price={self.price}, qty={self.qty}, "
            f"surplus_qty={self.surplus_qty}, fills={self.fills!r})"
        )


cdef Result result_of(int status, int64_t leaves_qty, str reason):
    cdef Result result = Result.__new__(Result)
    result.status = <str>STATUS_NAMES[status]
    result.leaves_qty = leaves_qty
    result.reason = reason
    return result


cdef Result rejected(int reason):
    return result_of(REJECTED, 0, REASON_NAMES[reason])


cdef AuctionResult auction_result_of(Uncross uncross, list cancelled):
    cdef AuctionResult result = AuctionResult.__new__(AuctionResult)
    result.price = uncross.price
    result.qty = uncross.volume_qty
    result.surplus_qty = uncross.surplus_qty
    result.fills = []
    result.cancelled = cancelled
    return result
