# cython: language_level=3
"""
Where all open orders live.

Orders are rows of two arrays, found by a slot: what matching reads (`Order`, 32 bytes) apart from
the rest (`OrderDetail`, 48 bytes). A third array maps ids to slots. Slots are reused and mean
nothing outside; links are slots and `NO_SLOT` ends a list.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t

cdef struct Order:
    int64_t order_id               # > 0; 0 marks a free slot
    int32_t limit_price            # fen per GPU-hour
    int32_t leaves_qty             # GPUs, > 0
    int32_t account_id
    int32_t book_index             # of the instrument's book, in order of listing
    int32_t prev_slot              # towards the front of the price's queue
    int32_t next_slot              # towards its end; of a free slot, the next free one

cdef struct OrderDetail:
    int64_t held_amount            # fen
    int64_t session_id
    int64_t key_id
    int32_t order_qty              # GPUs, with what is filled
    int32_t fee_slack              # 1/10000 fen that the fees so far exceed the exact ones
    int32_t account_prev_slot      # the account's open orders, newest first
    int32_t account_next_slot
    int16_t maker_bps              # frozen when the order was accepted
    int16_t taker_bps
    int8_t side
    int8_t time_in_force
    int8_t exec_inst
    int8_t is_resting              # linked in a queue; not so between accepted and rested

cdef struct AccountOrders:
    int32_t first_slot
    int32_t count

cdef class Pool:
    """All open orders of the venue."""
    cdef Order* orders
    cdef OrderDetail* details
    cdef readonly int32_t count    # open orders
    cdef int32_t capacity
    cdef int32_t used              # slots ever taken
    cdef int32_t free_slot
    cdef int32_t* table            # open addressing, linear probing; slots or NO_SLOT
    cdef int64_t table_mask
    cdef int table_shift
    cdef AccountOrders* accounts
    cdef int32_t account_capacity

    # -- queries
    cdef int32_t find(self, int64_t order_id) noexcept nogil
    cdef int32_t open_count(self, int64_t account_id) noexcept nogil
    cdef int32_t first_of_account(self, int64_t account_id) noexcept nogil
    # -- writers
    cdef int32_t add(self, int64_t order_id, int32_t account_id) except -1
    cdef int remove(self, int32_t slot) except -1

    cdef int64_t _home(self, int64_t order_id) noexcept nogil
    cdef void _enter(self, int32_t slot) noexcept nogil
    cdef void _leave(self, int32_t slot) noexcept nogil
    cdef int _grow(self) except -1
    cdef int _grow_table(self) except -1
    cdef int _reach_account(self, int32_t account_id) except -1
