# cython: language_level=3
"""The price levels of one side of a book, in a 64-ary trie over the bits of the price."""

from libc.stdint cimport int32_t, int64_t, uint64_t

cdef enum:
    MAX_TIERS = 6                  # of 6 bits: every price of 31 bits, and some to spare
    NODE_WIDTH = 64

cdef struct Level:
    int64_t total_qty              # GPUs on display, the sum of its orders' leaves
    int64_t hidden_qty             # GPUs that its icebergs keep back
    int32_t price                  # fen per GPU-hour
    int32_t head_slot              # the oldest order, next to trade; of a free level, the next one
    int32_t tail_slot
    int32_t count                  # orders, > 0 between commands

cdef struct Node:
    uint64_t used                  # a bit for each child
    int32_t[NODE_WIDTH] children   # nodes, on the lowest tier levels; NO_SLOT where there is none

cdef class PriceLevels:
    """Finds a price, and from a level the next, in time that the depth of the book does not change."""
    cdef Level* levels
    cdef Node* nodes
    cdef int32_t root
    cdef int tiers                 # as many as the highest price so far needs, at least 3
    cdef readonly int32_t length   # levels
    cdef int32_t sign              # +1: the higher price is better (bids); -1: the lower (asks)
    cdef int32_t best_level        # NO_SLOT on an empty side
    cdef int32_t capacity
    cdef int32_t used_levels
    cdef int32_t free_level
    cdef int32_t node_capacity
    cdef int32_t used_nodes
    cdef int32_t free_node

    # -- queries; a `Level*` is stale once a level is opened
    cdef int32_t best_price(self) noexcept nogil
    cdef bint reaches(self, int64_t price, int64_t limit_price) noexcept nogil
    cdef Level* best(self) noexcept nogil
    cdef Level* worse(self, const Level* level) noexcept nogil
    cdef Level* better(self, const Level* level) noexcept nogil
    cdef Level* at(self, int32_t price) noexcept nogil
    # -- writers
    cdef Level* at_or_new(self, int32_t price) except NULL
    cdef void drop(self, Level* level) noexcept nogil

    cdef Level* _beside(self, int32_t price, bint is_up) noexcept nogil
    cdef int _grow_tiers(self, int64_t price) except -1
    cdef int32_t _new_level(self, int32_t price) except -1
    cdef int32_t _new_node(self) except -1
