# cython: language_level=3
"""The price levels of one side of a book, in a 64-ary trie over the bits of the price."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint64_t

from .types cimport NO_SLOT

cdef enum:
    MAX_TIERS = 6                  # of 6 bits: every price of 31 bits, and some to spare
    NODE_WIDTH = 64
    NO_NODE = 0                    # a node without children: all of its rows are 0
    NO_LEVEL = 0                   # a row that no price has

cdef struct Level:
    int64_t total_qty              # GPUs on display, the sum of its orders' leaves
    int64_t hidden_qty             # GPUs that its icebergs keep back
    int32_t price                  # fen per GPU-hour
    int32_t head_slot              # the oldest order, next to trade; of a free level, the next one
    int32_t tail_slot
    int32_t count                  # orders, > 0 between commands

cdef struct Node:
    int32_t[NODE_WIDTH] children   # nodes, on the lowest tier levels; 0 where there is none

cdef class PriceLevels:
    """Finds a price, and from a level the next, in time that the depth of the book does not change."""
    cdef Level* levels
    cdef Node* nodes
    cdef uint64_t* used            # of each node, a bit for each child
    cdef int32_t root
    cdef int32_t best_level        # NO_LEVEL on an empty side
    cdef int32_t best_price        # 0 there
    cdef readonly int32_t length   # levels
    cdef int16_t tiers             # as many as the highest price so far needs, at least 3
    cdef int16_t sign              # +1: the higher price is better (bids); -1: the lower (asks)
    cdef int32_t capacity
    cdef int32_t used_levels
    cdef int32_t free_level
    cdef int32_t node_capacity
    cdef int32_t used_nodes
    cdef int32_t free_node

    # -- queries; a `Level*` is stale once a level is opened
    cdef Level* worse(self, const Level* level) noexcept nogil
    cdef Level* better(self, const Level* level) noexcept nogil
    # -- writers
    cdef void drop(self, Level* level) noexcept nogil

    cdef int32_t _third_tier(self, int32_t price) noexcept nogil
    cdef Level* _beside(self, int32_t price, bint is_up) noexcept nogil
    cdef Level* _open(self, int32_t price) except NULL
    cdef int32_t _new_leaf(self, int32_t price) except -1
    cdef int _grow_tiers(self, int64_t price) except -1
    cdef void _prune(self, int32_t price) noexcept nogil
    cdef int32_t _new_level(self, int32_t price) except -1
    cdef int32_t _new_node(self) except -1

    # -- inlined into the callers of all modules
    cdef inline bint reaches(self, int64_t price, int64_t limit_price) noexcept nogil:
        """Whether a level of this side at `price` is good enough for a taker's limit."""
        return self.sign * price >= self.sign * limit_price

    cdef inline Level* best(self) noexcept nogil:
        """The level that trades first, NULL on an empty side."""
        return &self.levels[self.best_level] if self.length else NULL

    cdef inline int32_t leaf_of(self, int32_t price) noexcept nogil:
        """The node of the lowest tier on the way to a price, `NO_NODE` if there is none."""
        cdef const Node* nodes = self.nodes
        cdef int32_t at = self.root
        if self.tiers != 3:
            at = self._third_tier(price)
        elif price >> 18:
            return NO_NODE
        # Three tiers there always are; `NO_NODE` leads to itself, so the way needs no questions.
        at = nodes[at].children[(price >> 12) & 63]
        return nodes[at].children[(price >> 6) & 63]

    cdef inline Level* at(self, int32_t price) noexcept nogil:
        """The level at a price, NULL if there is none."""
        cdef int32_t at = self.nodes[self.leaf_of(price)].children[price & 63]
        return NULL if at == NO_LEVEL else &self.levels[at]

    cdef inline int32_t next_row(self) noexcept nogil:
        """The row that the next level will have; it may be one behind the last."""
        return self.free_level if self.free_level != NO_SLOT else self.used_levels

    cdef inline Level* at_or_new(self, int32_t price) except NULL:
        """The level at a price, opened empty if there is none."""
        cdef Level* level = self.at(price)
        return level if level != NULL else self._open(price)
