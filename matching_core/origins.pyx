# cython: language_level=3
"""
Who sent the open orders and on which terms, interned.

An account's orders mostly come from few sessions and keys, at the same rates, for the same days. So
session, key, rates, conditions and expire day stand once, in a row that counts its orders, and an
order keeps the row's index: 4 bytes for 26. In the worst case, a row for each order, the rows take
up to 100 bytes an order.

A row whose last order has ended stays where it is, for the same session's next order, and is reused
when rows are wanted; so nothing is ever taken out of the map, which is made anew then.

Invariants, see `check`: a row counts its orders, no two rows in use are alike, and the map finds
each of them; a day counts the orders that end on it.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memset

from .errors cimport fail


@final
cdef class Origins:
    """The origins of all open orders, each once, with how many orders it has."""

    def __cinit__(self):
        self.day_counts = {}
        self.table_shift = 60
        self._make_room()

    def __dealloc__(self):
        free(self.rows)
        free(self.table)

    # -- queries ----------------------------------------------------------------------------------

    cdef int64_t next_expire_day(self) except -1:
        """The first day on which an open order ends, 0 if none does."""
        return min(self.day_counts) if self.day_counts else 0

    cdef int check(self, const int32_t* order_counts) except -1:
        """Verifies rows, map and days against the orders that each row has."""
        cdef const Origin* row
        cdef int32_t index
        cdef dict day_counts = {}
        for index in range(self.used):
            row = &self.rows[index]
            if row.order_count != order_counts[index]:
                fail("an origin counts its orders; it counts", row.order_count)
            if row.order_count == 0:
                continue
            if self.table[self._place_of(row)] != index:
                fail("the map finds each origin that has orders, once; not so at", index)
            if row.expire_day:
                day_counts[row.expire_day] = (
                    day_counts.get(row.expire_day, 0) + row.order_count
                )
        if day_counts != self.day_counts:
            fail("an expire day counts the orders that end then; there are days", len(day_counts))
        return 0

    # -- writers ----------------------------------------------------------------------------------

    cdef int32_t add(self, const Origin* wanted) except -1:
        """The index of the row that says the same, found or made, which has one more order."""
        cdef int64_t place = self._place_of(wanted)
        cdef int32_t index = self.table[place]
        if index == NO_ORIGIN:
            if self.first_free == NO_ORIGIN and self.used == self.capacity:
                self._make_room()
                place = self._place_of(wanted)
            index = self._take_row()
            self.rows[index] = wanted[0]
            self.rows[index].order_count = 0
            self.table[place] = index
        self.rows[index].order_count += 1
        if wanted.expire_day:
            self._count_day(wanted.expire_day, 1)
        return index

    cdef int drop(self, int32_t index) except -1:
        """One order less."""
        cdef Origin* row = &self.rows[index]
        if row.order_count <= 0:
            fail("an order that ends has an origin; not so at", index)
        row.order_count -= 1
        return self._count_day(row.expire_day, -1) if row.expire_day else 0

    cdef int _count_day(self, int32_t day, int change) except -1:
        cdef int64_t count = self.day_counts.get(day, 0) + change
        if count:
            self.day_counts[day] = count
        else:
            del self.day_counts[day]
        return 0

    # -- the map ----------------------------------------------------------------------------------

    cdef int64_t _place_of(self, const Origin* wanted) noexcept nogil:
        """Where the map has the row that says the same, or would have it."""
        cdef int64_t place = <int64_t>(_hash_of(wanted) >> self.table_shift)
        while self.table[place] != NO_ORIGIN and not _is_alike(
            &self.rows[self.table[place]], wanted
        ):
            place = (place + 1) & self.table_mask
        return place

    cdef int32_t _take_row(self) noexcept nogil:
        cdef int32_t index = self.first_free
        if index != NO_ORIGIN:
            self.first_free = <int32_t>self.rows[index].session_id
            return index
        self.used += 1
        return self.used - 1

    cdef int _make_room(self) except -1:
        """Frees the rows without orders, and has twice as many where that is few; maps anew."""
        cdef int32_t index
        cdef int32_t count = 0
        for index in range(self.used):
            count += self.rows[index].order_count > 0
        if self.capacity == 0 or 4 * <int64_t>count > 3 * <int64_t>self.capacity:
            self._grow()
        memset(self.table, 0xFF, (self.table_mask + 1) * sizeof(int32_t))
        self.first_free = NO_ORIGIN
        for index in range(self.used):
            if self.rows[index].order_count:
                self.table[self._place_of(&self.rows[index])] = index
            else:
                self.rows[index].session_id = self.first_free
                self.first_free = index
        return 0

    cdef int _grow(self) except -1:
        """Twice the rows, and a map that they fill to a half at most; it is still to be filled."""
        cdef int64_t capacity = 16 if self.capacity == 0 else 2 * <int64_t>self.capacity
        cdef Origin* rows = <Origin*>realloc(self.rows, capacity * sizeof(Origin))
        cdef int32_t* table
        if rows == NULL:
            raise MemoryError
        self.rows = rows
        table = <int32_t*>malloc(2 * capacity * sizeof(int32_t))
        if table == NULL:
            raise MemoryError
        free(self.table)
        self.table = table
        self.table_mask = 2 * capacity - 1
        self.table_shift -= 1
        self.capacity = <int32_t>capacity
        return 0


cdef inline uint64_t _hash_of(const Origin* row) noexcept nogil:
    cdef uint64_t terms = (
        <uint64_t>row.expire_day << 44
        ^ <uint64_t>row.maker_bps << 30
        ^ <uint64_t>row.taker_bps << 16
        ^ <uint64_t>row.time_in_force << 8
        ^ <uint64_t>row.exec_inst
    )
    cdef uint64_t hashed = <uint64_t>row.session_id * <uint64_t>0x9E3779B97F4A7C15
    hashed = (hashed ^ hashed >> 32 ^ <uint64_t>row.key_id) * <uint64_t>0xBF58476D1CE4E5B9
    return (hashed ^ hashed >> 32 ^ terms) * <uint64_t>0x94D049BB133111EB


cdef inline bint _is_alike(const Origin* one, const Origin* other) noexcept nogil:
    return (
        one.session_id == other.session_id
        and one.key_id == other.key_id
        and one.expire_day == other.expire_day
        and one.maker_bps == other.maker_bps
        and one.taker_bps == other.taker_bps
        and one.time_in_force == other.time_in_force
        and one.exec_inst == other.exec_inst
    )
