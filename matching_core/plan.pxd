# cython: language_level=3
"""What would happen if an order came in."""

from libc.stdint cimport int32_t, int64_t

from .queues cimport Queues

cdef struct Fill:
    int32_t maker_slot
    int32_t qty                    # GPUs; more than the maker displays is in a later fill

cdef class Plan:
    """What would happen if an order came in; stale once anything changes."""
    cdef Fill* fills               # in the order in which they trade
    cdef int32_t count
    cdef int32_t capacity
    cdef Fill* clips               # scratch: makers whose next clip the walk reaches, what they hide
    cdef int32_t clip_count
    cdef int32_t clip_capacity
    cdef Fill* own                 # own orders that it would meet, in that order
    cdef int32_t own_count
    cdef int32_t own_capacity
    cdef int64_t filled_qty        # GPUs that the fills give
    cdef int64_t crossing_qty      # GPUs that stop the walk: at most those wanted; see `walk`
    cdef int64_t own_order_id      # the first own order that it would meet, 0 if none

    cdef int walk(
        self,
        Queues queues,
        int side,
        int policy,
        int32_t account_id,
        int64_t limit_price,
        int64_t wanted_qty,
    ) except -1

    cdef int _note_fill(self, int32_t slot, int32_t qty) except -1
    cdef int _note_clip(self, int32_t slot, int32_t hidden_qty) except -1
    cdef int _note_own(self, int32_t slot, int64_t order_id) except -1
    cdef int _take_clips(self, Queues queues, int64_t wanted_qty) except -1

    # -- inlined into the callers of all modules
    cdef inline void clear(self) noexcept nogil:
        """The plan of an order that meets nothing."""
        self.count = self.own_count = 0
        self.filled_qty = self.crossing_qty = self.own_order_id = 0

    cdef inline bint is_taking(self) noexcept nogil:
        """Whether the order would meet anything at all, which a post-only order must not."""
        return self.count != 0 or self.own_count != 0
