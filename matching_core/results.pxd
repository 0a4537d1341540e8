# cython: language_level=3
"""What the plain book answers."""

from libc.stdint cimport int64_t

from .auction cimport Uncross

cdef enum:                         # statuses
    RESTING = 0
    FILLED = 1
    CANCELLED = 2
    REJECTED = 3

cdef enum:                         # refusals that only a caller without a border meets
    REASON_ORDER_ID = 1
    REASON_DUPLICATE_ID = 2
    REASON_PRICE = 3
    REASON_QTY = 4

cdef class Result:
    """What became of one order."""
    cdef readonly str status
    cdef readonly str reason       # None unless rejected, or cancelled by the book
    cdef readonly int64_t leaves_qty
    cdef list fill_rows            # None stands for none
    cdef list cancelled_ids        # likewise

cdef class AuctionResult:
    """What an auction traded, or would."""
    cdef readonly int64_t price    # 0 where nothing crosses
    cdef readonly int64_t qty
    cdef readonly int64_t surplus_qty  # left over at the price; negative on the sell side
    cdef readonly list fills
    cdef readonly list cancelled

cdef Result result_of(int status, int64_t leaves_qty, str reason)
cdef Result rejected(int reason)
cdef AuctionResult auction_result_of(Uncross uncross, list cancelled)
