# cython: language_level=3
"""A plain book as bytes, and back."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from .queues cimport Queues

cdef struct Header:
    # A snapshot's first 32 bytes; then the rows of the bids and of the asks, the best first.
    char[8] magic
    int64_t is_collecting
    int64_t bid_count
    int64_t ask_count

cdef struct Row:
    # A resting order, in the order of its queue.
    int64_t order_id
    int32_t price
    int32_t leaves_qty             # on display
    int32_t hidden_qty
    int32_t display_qty            # 0 for an order that shows all
    int32_t account_id
    uint32_t marks                 # `Order.marks`, of book 0

cdef bytes write_book(Queues queues, bint is_collecting)
cdef bint read_book(Queues queues, bytes data) except -1
