# cython: language_level=3
"""
All open orders, in arrays.

The map from ids to slots stores slots alone and reads the id from the order, so an entry is four
bytes. Deleting shifts the entries behind it back instead of leaving a tombstone: a map that only
ever sees orders come and go stays as short to probe as a fresh one.

Invariants, part of `Venue.check()`: the map finds every open order and nothing else; an account's
list holds exactly its open orders; an origin counts its own.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memset

from .errors cimport fail
from .origins cimport NO_ORIGIN, Origin, Origins
from .types cimport NO_SLOT


cdef int _by_day_and_id(const void* one, const void* other) noexcept nogil:
    cdef const Ending* first = <const Ending*>one
    cdef const Ending* second = <const Ending*>other
    if first.expire_day != second.expire_day:
        return (first.expire_day > second.expire_day) - (first.expire_day < second.expire_day)
    return (first.order_id > second.order_id) - (first.order_id < second.order_id)


@final
cdef class Pool:
    """All open orders of a venue, or of one plain book."""

    def __cinit__(self, bint has_details=True):
        self.has_details = has_details
        self.free_slot = NO_SLOT
        self.origins = Origins() if has_details else None
        self._grow()
        self._grow_table()

    def __dealloc__(self):
        free(self.orders)
        free(self.clips)
        free(self.details)
        free(self.table)
        free(self.accounts)
        free(self.endings)

    # -- queries ----------------------------------------------------------------------------------

    cdef int64_t display_qty(self, int32_t slot) noexcept nogil:
        """The most that an order shows at once; 0 where it shows all."""
        return self.clips[slot].display_qty if self.orders[slot].marks & IS_ICEBERG else 0

    cdef int32_t open_count(self, int64_t account_id) noexcept nogil:
        """How many orders an account has open."""
        if account_id < 0 or account_id >= self.account_capacity:
            return 0
        return self.accounts[account_id].count

    cdef int32_t first_of_account(self, int64_t account_id) noexcept nogil:
        """The head of an account's list."""
        if account_id < 0 or account_id >= self.account_capacity:
            return NO_SLOT
        return self.accounts[account_id].first_slot

    cdef int check(self) except -1:
        """Verifies the map's count, for queues look for each order, and the lists of expiry."""
        cdef int64_t at
        cdef int64_t entry_count = 0
        for at in range(self.table_mask + 1):
            if self.table[at] != NO_SLOT:
                entry_count += 1
        if entry_count != self.count:
            fail("the map holds the open orders and no others; it holds", entry_count)
        return self._check_origins() if self.has_details else 0

    cdef int _check_origins(self) except -1:
        cdef int32_t used = self.origins.used
        cdef int32_t* order_counts = <int32_t*>calloc(used + 1, sizeof(int32_t))
        cdef int32_t slot, index
        if order_counts == NULL:
            raise MemoryError
        try:
            for slot in range(self.used):
                if self.orders[slot].order_id == 0:
                    continue
                index = self.details[slot].origin
                if not 0 <= index < used:
                    fail("every order has an origin; not so", self.orders[slot].order_id)
                order_counts[index] += 1
            self.origins.check(order_counts)
        finally:
            free(order_counts)
        return 0

    # -- writers ----------------------------------------------------------------------------------

    cdef int show(self, int32_t slot, int32_t display_qty) except -1:
        """Makes an order that is in no queue an iceberg: no more than so much of it shows."""
        if self.orders[slot].marks & IS_QUEUED or display_qty <= 0:
            fail("an order becomes an iceberg before it rests", self.orders[slot].order_id)
        if self.clips == NULL:
            self.clips = <Clip*>malloc(self.capacity * sizeof(Clip))
            if self.clips == NULL:
                raise MemoryError
        self.clips[slot].display_qty = display_qty
        self.clips[slot].hidden_qty = 0
        self.orders[slot].marks |= IS_ICEBERG
        return 0

    # -- the lists of accounts --------------------------------------------------------------------

    cdef void _link_account(self, int32_t slot) noexcept nogil:
        cdef OrderDetail* detail = &self.details[slot]
        cdef AccountOrders* account = &self.accounts[self.orders[slot].account_id]
        detail.order_qty = detail.fee_slack = 0
        detail.origin = NO_ORIGIN
        detail.account_prev_slot = NO_SLOT
        detail.account_next_slot = account.first_slot
        if account.first_slot != NO_SLOT:
            self.details[account.first_slot].account_prev_slot = slot
        account.first_slot = slot
        account.count += 1

    cdef void _unlink_account(self, int32_t slot) noexcept nogil:
        cdef OrderDetail* detail = &self.details[slot]
        cdef AccountOrders* account = &self.accounts[self.orders[slot].account_id]
        if detail.account_prev_slot == NO_SLOT:
            account.first_slot = detail.account_next_slot
        else:
            self.details[detail.account_prev_slot].account_next_slot = detail.account_next_slot
        if detail.account_next_slot != NO_SLOT:
            self.details[detail.account_next_slot].account_prev_slot = detail.account_prev_slot
        account.count -= 1

    # -- where orders come from, and when they end -------------------------------------------------

    cdef int come_from(self, int32_t slot, const Origin* origin) except -1:
        """Says where a new order comes from, or that it comes from elsewhere now."""
        cdef int32_t index = self.origins.add(origin)
        if self.details[slot].origin != NO_ORIGIN:
            self.origins.drop(self.details[slot].origin)
        self.details[slot].origin = index
        if 0 < origin.expire_day <= self.endings_day:
            self.endings_day = 0
        return 0

    cdef list orders_due(self, int64_t day, int64_t max_count):
        """
        The ids of orders that end by a day: earlier days first, then the lowest ids.

        Nothing is kept in this order while orders come and go. They are looked for and sorted once,
        when a day's end is asked for the first time, and the list then serves all that ask for the
        next of them; an order that comes to end by that day makes it void.
        """
        cdef list order_ids = []
        cdef int64_t at
        cdef int64_t first_day = self.origins.next_expire_day()
        if first_day == 0 or first_day > day:
            self._forget_endings()
            return order_ids
        if day != self.endings_day:
            self._list_endings(day)
        while self.ending_at < self.ending_count and not self._is_open(
            &self.endings[self.ending_at]
        ):
            self.ending_at += 1
        at = self.ending_at
        while at < self.ending_count and len(order_ids) < max_count:
            if self._is_open(&self.endings[at]):
                order_ids.append(self.endings[at].order_id)
            at += 1
        return order_ids

    cdef int _list_endings(self, int64_t day) except -1:
        cdef int32_t slot
        cdef int64_t expire_day
        self._forget_endings()
        self.endings = <Ending*>malloc((self.count + 1) * sizeof(Ending))
        if self.endings == NULL:
            raise MemoryError
        for slot in range(self.used):
            if self.orders[slot].order_id == 0:
                continue
            expire_day = self.origin_of(slot).expire_day
            if 0 < expire_day <= day:
                self.endings[self.ending_count] = Ending(self.orders[slot].order_id, expire_day)
                self.ending_count += 1
        qsort(self.endings, self.ending_count, sizeof(Ending), _by_day_and_id)
        self.endings_day = day
        return 0

    cdef void _forget_endings(self) noexcept nogil:
        free(self.endings)
        self.endings = NULL
        self.endings_day = self.ending_count = self.ending_at = 0

    cdef bint _is_open(self, const Ending* ending) noexcept nogil:
        cdef int32_t slot = self.find(ending.order_id)
        return slot != NO_SLOT and self.origin_of(slot).expire_day == ending.expire_day

    # -- growth -----------------------------------------------------------------------------------

    cdef int _grow(self) except -1:
        # From a thousand orders on the arrays are so large that the system lends them by the page,
        # as they fill, and moves them without a copy; smaller ones leave a hole where they were.
        cdef int64_t capacity = max(<int64_t>64, 2 * <int64_t>self.capacity)
        cdef Order* orders
        cdef Clip* clips
        cdef OrderDetail* details
        if self.capacity >= 1_024:
            capacity = max(<int64_t>8_192, 5 * <int64_t>self.capacity // 4)
        if capacity > 1 << 30:
            raise MemoryError("more than 2**30 open orders")
        orders = <Order*>realloc(self.orders, capacity * sizeof(Order))
        if orders == NULL:
            raise MemoryError
        self.orders = orders
        if self.clips != NULL:
            clips = <Clip*>realloc(self.clips, capacity * sizeof(Clip))
            if clips == NULL:
                raise MemoryError
            self.clips = clips
        if self.has_details:
            details = <OrderDetail*>realloc(self.details, capacity * sizeof(OrderDetail))
            if details == NULL:
                raise MemoryError
            self.details = details
        self.capacity = <int32_t>capacity
        return 0

    cdef int _grow_table(self) except -1:
        cdef int64_t size = 128 if self.table == NULL else 2 * (self.table_mask + 1)
        cdef int32_t* table = <int32_t*>malloc(size * sizeof(int32_t))
        cdef int32_t slot
        if table == NULL:
            raise MemoryError
        memset(table, 0xFF, size * sizeof(int32_t))
        free(self.table)
        self.table = table
        self.table_shift = 57 if self.table_shift == 0 else self.table_shift - 1
        self.table_mask = size - 1
        for slot in range(self.used):
            if self.orders[slot].order_id != 0:
                self._enter(slot)
        return 0

    cdef int _reach_account(self, int32_t account_id) except -1:
        cdef int64_t capacity = self.account_capacity
        cdef int64_t index
        if account_id < capacity:
            return 0
        while capacity <= account_id:
            capacity = 16 if capacity == 0 else 2 * capacity
        cdef AccountOrders* accounts = <AccountOrders*>realloc(
            self.accounts, capacity * sizeof(AccountOrders)
        )
        if accounts == NULL:
            raise MemoryError
        for index in range(self.account_capacity, capacity):
            accounts[index].first_slot = NO_SLOT
            accounts[index].count = 0
        self.accounts = accounts
        self.account_capacity = <int32_t>capacity
        return 0
