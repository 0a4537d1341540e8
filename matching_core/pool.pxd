# cython: language_level=3
"""
Where all open orders live.

Orders are rows of arrays, found by a slot: what matching reads (`Order`, 32 bytes), what an iceberg
keeps back (`Clip`, 8 bytes, an array that exists from the first iceberg on), and what only the
venue needs (`OrderDetail`, 18 bytes; a plain book has none). One more array maps ids to slots, at 8
to 16 bytes an order. Slots are reused and mean nothing outside; links are slots and `NO_SLOT` ends
a list.

What an order of a venue shares with others of its sender is a row of `origins`. What it holds is
not kept at all: it follows from the rest (`State.held_amount`).
"""

from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from .errors cimport fail
from .origins cimport Origin, Origins
from .types cimport BUY, NO_SLOT

cdef enum:                         # the low bits of `Order.marks`
    IS_SELL = 1
    IS_QUEUED = 2                  # linked in a queue; not so between accepted and rested
    IS_ICEBERG = 4                 # has a row in `Pool.clips`
    IS_POST_ONLY = 8
    POLICY_SHIFT = 4               # two bits of self-match policy
    IS_LINKED = 64                 # has a group in `State.links`
    BOOK_SHIFT = 7                 # and above it the book's index, in order of listing

cdef struct Order:
    int64_t order_id               # > 0; 0 marks a free slot
    int32_t limit_price            # fen per GPU-hour
    int32_t leaves_qty             # GPUs, > 0; of a queued iceberg the clip on display
    int32_t account_id
    uint32_t marks                 # side, conditions and book; see above
    int32_t prev_slot              # towards the front of the price's queue
    int32_t next_slot              # towards its end; of a free slot, the next free one

cdef struct Clip:
    int32_t display_qty            # GPUs, the most that is on display
    int32_t hidden_qty             # GPUs behind it; 0 while the order is in no queue

cdef packed struct OrderDetail:
    int32_t order_qty              # GPUs, with what is filled
    int32_t origin                 # index of the row in `Pool.origins`
    int32_t account_prev_slot      # the account's open orders, newest first
    int32_t account_next_slot
    int16_t fee_slack              # 1/10000 fen that the fees so far exceed the exact ones

cdef struct AccountOrders:
    int32_t first_slot
    int32_t count

cdef struct Ending:
    int64_t order_id
    int64_t expire_day

cdef inline int side_of(const Order* order) noexcept nogil:
    return BUY + <int>(order.marks & IS_SELL)

cdef inline int policy_of(const Order* order) noexcept nogil:
    return (order.marks >> POLICY_SHIFT) & 3

cdef inline int32_t book_index_of(const Order* order) noexcept nogil:
    return <int32_t>(order.marks >> BOOK_SHIFT)

cdef inline uint32_t marks_of(
    int32_t book_index, int side, int policy, bint is_post_only
) noexcept nogil:
    return (
        <uint32_t>book_index << BOOK_SHIFT
        | <uint32_t>policy << POLICY_SHIFT
        | (IS_POST_ONLY if is_post_only else 0)
        | <uint32_t>(side - BUY)
    )

cdef class Pool:
    """All open orders of a venue, or of one plain book."""
    cdef Order* orders
    cdef int32_t* table            # open addressing, linear probing; slots or NO_SLOT
    cdef int64_t table_mask
    cdef int table_shift
    cdef int32_t free_slot
    cdef readonly int32_t count    # open orders
    cdef readonly bint has_details # and lists of the orders of each account
    cdef int32_t used              # slots ever taken
    cdef int32_t capacity
    cdef Clip* clips               # NULL until the first iceberg
    cdef OrderDetail* details      # NULL for a plain book
    cdef AccountOrders* accounts
    cdef int32_t account_capacity
    cdef Origins origins           # None for a plain book
    cdef Ending* endings           # those that ended by `endings_day` when it was asked for, in order
    cdef int64_t ending_count
    cdef int64_t ending_at         # those before it have ended since
    cdef int64_t endings_day       # 0 while nothing is listed

    # -- queries
    cdef int64_t display_qty(self, int32_t slot) noexcept nogil
    cdef int32_t open_count(self, int64_t account_id) noexcept nogil
    cdef int32_t first_of_account(self, int64_t account_id) noexcept nogil
    cdef list orders_due(self, int64_t day, int64_t max_count)
    cdef int check(self) except -1
    # -- writers
    cdef int show(self, int32_t slot, int32_t display_qty) except -1
    cdef int come_from(self, int32_t slot, const Origin* origin) except -1

    cdef void _link_account(self, int32_t slot) noexcept nogil
    cdef void _unlink_account(self, int32_t slot) noexcept nogil
    cdef int _list_endings(self, int64_t day) except -1
    cdef void _forget_endings(self) noexcept nogil
    cdef bint _is_open(self, const Ending* ending) noexcept nogil
    cdef int _check_origins(self) except -1
    cdef int _grow(self) except -1
    cdef int _grow_table(self) except -1
    cdef int _reach_account(self, int32_t account_id) except -1

    # -- inlined into the callers of all modules: the time of a command is mostly that of calls
    cdef inline int32_t find(self, int64_t order_id) noexcept nogil:
        """The slot of an open order, `NO_SLOT` if there is none."""
        cdef int64_t at = self._home(order_id)
        cdef int32_t slot = self.table[at]
        while slot != NO_SLOT:
            if self.orders[slot].order_id == order_id:
                return slot
            at = (at + 1) & self.table_mask
            slot = self.table[at]
        return NO_SLOT

    cdef inline int64_t open_qty(self, int32_t slot) noexcept nogil:
        """All that is left of an order, on display or not."""
        cdef int64_t qty = self.orders[slot].leaves_qty
        if self.orders[slot].marks & IS_ICEBERG:
            qty += self.clips[slot].hidden_qty
        return qty

    cdef inline const Origin* origin_of(self, int32_t slot) noexcept nogil:
        """Who sent an order of a venue, and on which terms; stale once another order comes."""
        return &self.origins.rows[self.details[slot].origin]

    cdef inline int32_t next_slot(self) noexcept nogil:
        """The slot that the next order will have; it may be one behind the last."""
        return self.free_slot if self.free_slot != NO_SLOT else self.used

    cdef inline bint is_queued(self, int32_t slot) noexcept nogil:
        """Whether an order stands in a queue; not so between accepted and rested."""
        return (self.orders[slot].marks & IS_QUEUED) != 0

    cdef inline int64_t _home(self, int64_t order_id) noexcept nogil:
        # Ids count up, and this multiplier spreads such runs evenly.
        return <int64_t>((<uint64_t>order_id * <uint64_t>0x9E3779B97F4A7C15) >> self.table_shift)

    cdef inline int32_t add(self, int64_t order_id, int32_t account_id) except -1:
        """
        A zeroed, unlinked row under an id that is positive and new, which the caller has looked up.

        Pointers to rows are stale after this. In a venue `come_from` follows.
        """
        cdef int32_t slot = self.free_slot
        if self.has_details:
            self._reach_account(account_id)
        if 2 * <int64_t>self.count > self.table_mask:
            self._grow_table()
        if slot != NO_SLOT:
            self.free_slot = self.orders[slot].next_slot
        else:
            if self.used == self.capacity:
                self._grow()
            slot = self.used
            self.used += 1
        cdef Order* order = &self.orders[slot]
        memset(order, 0, sizeof(Order))
        order.order_id = order_id
        order.account_id = account_id
        order.prev_slot = order.next_slot = NO_SLOT
        if self.has_details:
            self._link_account(slot)
        self.count += 1
        self._enter(slot)
        return slot

    cdef inline int remove(self, int32_t slot) except -1:
        """Forgets an order that no queue links any more."""
        cdef Order* order = &self.orders[slot]
        if order.marks & IS_QUEUED:
            fail("an order that ends has left its queue", order.order_id)
        self._leave(slot)
        if self.has_details:
            self._unlink_account(slot)
            self.origins.drop(self.details[slot].origin)
        self.count -= 1
        order.order_id = 0
        order.next_slot = self.free_slot
        self.free_slot = slot
        return 0

    cdef inline void _enter(self, int32_t slot) noexcept nogil:
        cdef int64_t at = self._home(self.orders[slot].order_id)
        while self.table[at] != NO_SLOT:
            at = (at + 1) & self.table_mask
        self.table[at] = slot

    cdef inline void _leave(self, int32_t slot) noexcept nogil:
        cdef int32_t* table = self.table
        cdef int64_t mask = self.table_mask
        cdef int64_t hole = self._home(self.orders[slot].order_id)
        cdef int64_t at, home
        while table[hole] != slot:
            hole = (hole + 1) & mask
        at = (hole + 1) & mask
        while table[at] != NO_SLOT:
            home = self._home(self.orders[table[at]].order_id)
            # An entry may fill the hole unless its home lies behind the hole.
            if ((at - home) & mask) >= ((at - hole) & mask):
                table[hole] = table[at]
                hole = at
            at = (at + 1) & mask
        table[hole] = NO_SLOT
