# cython: language_level=3
"""The price levels of one side of a book, as a sorted array."""

from libc.stdint cimport int32_t, int64_t

cdef struct Level:
    int64_t total_qty              # GPUs on display, the sum of its orders' leaves
    int64_t hidden_qty             # GPUs that its icebergs keep back
    int32_t price                  # fen per GPU-hour
    int32_t head_slot              # the oldest order, next to trade
    int32_t tail_slot
    int32_t count                  # orders, > 0 between commands

cdef class PriceLevels:
    """Sorted from the worst price to the best, so that most changes are near the end."""
    cdef Level* levels
    cdef int32_t length
    cdef int32_t capacity
    cdef int32_t sign              # +1: the higher price is better (bids); -1: the lower (asks)

    cdef int32_t best_price(self) noexcept nogil
    cdef bint reaches(self, int64_t price, int64_t limit_price) noexcept nogil
    cdef int32_t place_of(self, int32_t price) noexcept nogil
    cdef Level* at(self, int32_t price) noexcept nogil
    cdef Level* at_or_new(self, int32_t price) except NULL
    cdef void drop(self, Level* level) noexcept nogil
