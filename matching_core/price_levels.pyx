# cython: language_level=3
"""
Price levels in a sorted array with the best level last.

Finding a level is a binary search after one look at the best; opening or dropping one moves the
better levels by one place, and those are few. A deep book with thousands of levels pays for that
with a `memmove`; a bitmap trie would not, and could take this class's place without its users
noticing.

Invariants, part of `Venue.check()`: prices strictly improve towards the end; no level is empty; a
level's quantity and count are those of its orders.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

from .types cimport NO_SLOT


@final
cdef class PriceLevels:
    """Sorted from the worst price to the best, so that most changes are near the end."""

    def __cinit__(self, int32_t sign):
        self.sign = sign

    def __dealloc__(self):
        free(self.levels)

    cdef int32_t best_price(self) noexcept nogil:
        """The best price, 0 on an empty side."""
        return self.levels[self.length - 1].price if self.length else 0

    cdef bint reaches(self, int64_t price, int64_t limit_price) noexcept nogil:
        """Whether a level of this side at `price` is good enough for a taker's limit."""
        return self.sign * price >= self.sign * limit_price

    cdef int32_t place_of(self, int32_t price) noexcept nogil:
        """The index of the first level that is not worse than `price`."""
        cdef int32_t low = 0
        cdef int32_t high = self.length
        cdef int32_t middle
        cdef int32_t key = self.sign * price
        if high:
            if self.sign * self.levels[high - 1].price < key:
                return high
            if self.levels[high - 1].price == price:
                return high - 1
        while low < high:
            middle = (low + high) >> 1
            if self.sign * self.levels[middle].price < key:
                low = middle + 1
            else:
                high = middle
        return low

    cdef Level* at(self, int32_t price) noexcept nogil:
        """The level at a price, NULL if there is none; stale once a level is opened or dropped."""
        cdef int32_t index = self.place_of(price)
        if index < self.length and self.levels[index].price == price:
            return &self.levels[index]
        return NULL

    cdef Level* at_or_new(self, int32_t price) except NULL:
        """The level at a price, opened empty if there is none."""
        cdef Level* level
        cdef int32_t capacity
        cdef int32_t index = self.place_of(price)
        if index < self.length and self.levels[index].price == price:
            return &self.levels[index]
        if self.length == self.capacity:
            capacity = 8 if self.capacity == 0 else 2 * self.capacity
            level = <Level*>realloc(self.levels, capacity * sizeof(Level))
            if level == NULL:
                raise MemoryError
            self.levels = level
            self.capacity = capacity
        level = &self.levels[index]
        memmove(level + 1, level, (self.length - index) * sizeof(Level))
        self.length += 1
        level.price = price
        level.total_qty = 0
        level.hidden_qty = 0
        level.count = 0
        level.head_slot = level.tail_slot = NO_SLOT
        return level

    cdef void drop(self, Level* level) noexcept nogil:
        """Removes a level of this side."""
        cdef int64_t index = level - self.levels
        memmove(level, level + 1, (self.length - index - 1) * sizeof(Level))
        self.length -= 1
