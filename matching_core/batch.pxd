# cython: language_level=3
"""Commands for plain books, packed, and what becomes of them."""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t

from .order_book cimport OrderBook, Terms

cdef enum:
    GROUP_COUNT = 16               # commands whose memory is called for together
    NEAR_BOOKS = 100               # so many, with so many orders, the caches mostly hold
    NEAR_ORDERS = 300_000

cdef packed struct Command:        # 24 bytes, at any address
    int64_t order_id
    int32_t book_index
    int32_t price                  # 0 cancels; quantity and side mean nothing then
    int32_t qty
    int32_t side

cdef struct Outcome:
    int32_t done_qty               # what traded, or what a cancel removed
    int32_t leaves_qty             # what rests
    int32_t fill_count
    int32_t reason                 # 0, or the code of the refusal

cdef struct MakerFill:
    int64_t maker_order_id
    int32_t price
    int32_t qty

cdef struct Trail:
    # How far the way of a command through its book is known.
    PyObject* book                 # borrowed, as its side is
    PyObject* levels
    int32_t price                  # 0 for a cancel whose order is not there
    int32_t node                   # of the trie; in the end the row of the level
    bint is_taking                 # it meets an order of the other side

cdef class Books:
    """Plain books whose commands come together."""
    cdef tuple books
    cdef MakerFill* fills          # of the batch at hand
    cdef int64_t fill_count
    cdef int64_t fill_capacity

    cdef int _require_commands(self, const Command* commands, int64_t count) except -1
    cdef bint _is_far(self) noexcept
    cdef void _call_for(self, const Command* commands) noexcept
    cdef int _place(
        self, OrderBook book, const Command* command, Terms* terms, Outcome* outcome
    ) except -1
    cdef int _note_fills(self, OrderBook book) except -1
