# cython: language_level=3
"""Who sent the open orders and on which terms: one row for all the orders that share it."""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t

cdef enum:
    NO_ORIGIN = -1

cdef struct Origin:
    int64_t session_id             # of a free row, the next free one
    int64_t key_id
    int32_t expire_day             # 0 where its orders do not end by themselves
    int16_t maker_bps              # frozen when the order was accepted
    int16_t taker_bps
    int8_t time_in_force
    int8_t exec_inst
    int32_t order_count            # open orders; a row without may be freed

cdef class Origins:
    """The origins of all open orders, each once, with how many orders it has."""
    cdef Origin* rows              # by index, which means nothing outside
    cdef int32_t capacity
    cdef int32_t used              # rows ever taken
    cdef int32_t first_free
    cdef int32_t* table            # open addressing, linear probing; indices or NO_ORIGIN
    cdef int64_t table_mask
    cdef int table_shift
    cdef dict day_counts           # expire day: open orders that end then

    # -- queries
    cdef int64_t next_expire_day(self) except -1
    cdef int check(self, const int32_t* order_counts) except -1
    # -- writers; pointers to rows are stale after `add`
    cdef int32_t add(self, const Origin* wanted) except -1
    cdef int drop(self, int32_t index) except -1

    cdef int64_t _place_of(self, const Origin* wanted) noexcept nogil
    cdef int32_t _take_row(self) noexcept nogil
    cdef int _make_room(self) except -1
    cdef int _grow(self) except -1
    cdef int _count_day(self, int32_t day, int change) except -1
