# cython: language_level=3
"""
All open orders, in arrays.

The map from ids to slots stores slots alone and reads the id from the order, so an entry is four
bytes. Deleting shifts the entries behind it back instead of leaving a tombstone: a map that only
ever sees orders come and go stays as short to probe as a fresh one.

Invariants, part of `Venue.check()`: the map finds every open order and nothing else; an account's
list holds exactly its open orders, and an expire day's those that end then, the lowest id first.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memset

from .errors cimport fail
from .types cimport NO_SLOT

cdef struct Expiring:
    int64_t order_id
    int32_t slot


cdef int _by_order_id(const void* one, const void* other) noexcept nogil:
    cdef int64_t one_id = (<const Expiring*>one).order_id
    cdef int64_t other_id = (<const Expiring*>other).order_id
    return (one_id > other_id) - (one_id < other_id)


@final
cdef class Pool:
    """All open orders of a venue, or of one plain book."""

    def __cinit__(self, bint has_details=True):
        self.has_details = has_details
        self.free_slot = NO_SLOT
        self.expiries = {}
        self._grow()
        self._grow_table()

    def __dealloc__(self):
        free(self.orders)
        free(self.clips)
        free(self.details)
        free(self.table)
        free(self.accounts)

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

    cdef int64_t next_expire_day(self) except -1:
        """The first day on which an open order ends, 0 if none does."""
        return min(self.expiries) if self.expiries else 0

    cdef list orders_due(self, int64_t day, int64_t max_count):
        """The ids of orders that end by a day: earlier days first, then the lowest ids."""
        cdef list order_ids = []
        cdef int32_t slot
        for due_day in sorted(self.expiries):
            if due_day > day or len(order_ids) == max_count:
                break
            slot = self.expiries[due_day]
            while slot != NO_SLOT and len(order_ids) < max_count:
                order_ids.append(self.orders[slot].order_id)
                slot = self.details[slot].expiry_next_slot
        return order_ids

    cdef int check(self) except -1:
        """Verifies the map's count, for queues look for each order, and the lists of expiry."""
        cdef int64_t at
        cdef int64_t entry_count = 0
        for at in range(self.table_mask + 1):
            if self.table[at] != NO_SLOT:
                entry_count += 1
        if entry_count != self.count:
            fail("the map holds the open orders and no others; it holds", entry_count)
        return self._check_expiries() if self.has_details else 0

    cdef int _check_expiries(self) except -1:
        cdef int64_t listed_count = 0
        cdef int32_t first_slot, slot, prev_slot
        cdef int32_t day
        for day in self.expiries:
            first_slot = slot = self.expiries[day]
            prev_slot = self.details[slot].expiry_prev_slot
            while slot != NO_SLOT:
                if self.orders[slot].order_id == 0 or self.details[slot].expire_day != day:
                    fail("an expire day lists orders that end then; not so day", day)
                if self.details[slot].expiry_prev_slot != prev_slot:
                    fail("an expire day is linked both ways; not so", self.orders[slot].order_id)
                if (
                    slot != first_slot
                    and self.orders[prev_slot].order_id >= self.orders[slot].order_id
                ):
                    fail("an expire day lists the lowest id first; not so day", day)
                listed_count += 1
                prev_slot = slot
                slot = self.details[slot].expiry_next_slot
            if self.details[first_slot].expiry_prev_slot != prev_slot:
                fail("before the first of an expire day is its last; not so day", day)
        for slot in range(self.used):
            if self.orders[slot].order_id != 0 and self.details[slot].expire_day != 0:
                listed_count -= 1
        if listed_count:
            fail("every order that ends by itself is listed once; too many are", listed_count)
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
        memset(detail, 0, sizeof(OrderDetail))
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

    # -- the lists of expire days -----------------------------------------------------------------

    cdef int expire_on(self, int32_t slot, int32_t day) except -1:
        """Lists a new order among those that end on a day, by its id; ids mostly count up."""
        cdef OrderDetail* details = self.details
        cdef int32_t first_slot = self.expiries.setdefault(day, slot)
        cdef int32_t prev_slot, next_slot
        details[slot].expire_day = day
        if first_slot == slot:
            details[slot].expiry_prev_slot = slot
            details[slot].expiry_next_slot = NO_SLOT
            return 0
        prev_slot = details[first_slot].expiry_prev_slot
        next_slot = NO_SLOT
        while next_slot != first_slot and self.orders[prev_slot].order_id > self.orders[slot].order_id:
            next_slot = prev_slot
            prev_slot = details[prev_slot].expiry_prev_slot
        details[slot].expiry_prev_slot = prev_slot
        details[slot].expiry_next_slot = next_slot
        if next_slot == first_slot:
            self.expiries[day] = slot
        else:
            details[prev_slot].expiry_next_slot = slot
        details[first_slot if next_slot == NO_SLOT else next_slot].expiry_prev_slot = slot
        return 0

    cdef int list_expiries(self) except -1:
        """Lists all orders that end by themselves, where rows were filled without doing so."""
        cdef Expiring* expiring = <Expiring*>malloc((self.count + 1) * sizeof(Expiring))
        cdef int32_t slot, index
        cdef int32_t count = 0
        if expiring == NULL:
            raise MemoryError
        try:
            for slot in range(self.used):
                if self.orders[slot].order_id != 0 and self.details[slot].expire_day != 0:
                    expiring[count] = Expiring(self.orders[slot].order_id, slot)
                    count += 1
            qsort(expiring, count, sizeof(Expiring), _by_order_id)
            for index in range(count):
                slot = expiring[index].slot
                self.expire_on(slot, self.details[slot].expire_day)
        finally:
            free(expiring)
        return 0

    cdef int _unlink_expiry(self, int32_t slot) except -1:
        cdef OrderDetail* detail = &self.details[slot]
        cdef int32_t first_slot
        if detail.expire_day == 0:
            return 0
        first_slot = self.expiries[detail.expire_day]
        if slot != first_slot:
            self.details[detail.expiry_prev_slot].expiry_next_slot = detail.expiry_next_slot
        elif detail.expiry_next_slot == NO_SLOT:
            del self.expiries[detail.expire_day]
        else:
            self.expiries[detail.expire_day] = detail.expiry_next_slot
        if detail.expiry_next_slot != NO_SLOT:
            self.details[detail.expiry_next_slot].expiry_prev_slot = detail.expiry_prev_slot
        elif slot != first_slot:
            self.details[first_slot].expiry_prev_slot = detail.expiry_prev_slot
        return 0

    # -- the map ----------------------------------------------------------------------------------

    # -- growth -----------------------------------------------------------------------------------

    cdef int _grow(self) except -1:
        # By a quarter, not double: right after growing, a plain book takes 56 bytes an order.
        cdef int64_t capacity = 64 if self.capacity == 0 else 5 * <int64_t>self.capacity // 4
        cdef Order* orders
        cdef Clip* clips
        cdef OrderDetail* details
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
