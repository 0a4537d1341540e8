# cython: language_level=3
"""
Unit-days: per account and product six integers a delivery day, and per product the escrow.

A window is half-open. Arrays begin at the venue's base day and grow in chunks of 64 days; days
beyond an array hold 0, so nothing is kept for days that nobody ever touched. Windows net by
themselves: whoever buys a year and sells March out of it owns the year but March.

Invariants, part of `Venue.check()`, for every product and day: the titles sum to what was granted;
lien + reserved_sale <= title; sublet_out + reserved_sublet + reserved_sale <= title; what strangers
of the house own is what the escrow counts as sold.
"""

from cython cimport final
from libc.stdint cimport INT32_MAX, int32_t, int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from .errors cimport fail
from .money cimport MAX_INTEGER, share

cdef enum:
    CHUNK_DAYS = 64


cdef void* _longer(void* array, int64_t length, int64_t wanted, size_t width) except NULL:
    cdef void* longer = realloc(array, wanted * width)
    if longer == NULL:
        raise MemoryError
    memset(<char*>longer + length * width, 0, (wanted - length) * width)
    return longer


cdef int64_t _chunked(int64_t length) noexcept nogil:
    return (length + CHUNK_DAYS - 1) // CHUNK_DAYS * CHUNK_DAYS


cdef list _runs(const int32_t* days, int64_t length, int64_t base_day):
    cdef list runs = []
    cdef int64_t start = 0
    cdef int64_t day
    for day in range(1, length + 1):
        if day == length or days[day] != days[start]:
            if days[start] != 0:
                runs.append((base_day + start, base_day + day, days[start]))
            start = day
    return runs


@final
cdef class Holding:
    """One account's days of one product, as arrays from the venue's base day."""

    def __cinit__(self, int64_t base_day):
        self.base_day = base_day

    def __dealloc__(self):
        cdef int which
        for which in range(DAY_FUNCTIONS):
            free(self.days[which])

    # -- queries ----------------------------------------------------------------------------------

    cdef int64_t sellable(self, int64_t start_day, int64_t end_day) noexcept nogil:
        """The least free title over a window: what can be sold or pledged of every day."""
        cdef int64_t start = start_day - self.base_day
        cdef int64_t end = min(end_day - self.base_day, self.length)
        cdef const int32_t* title = self.days[TITLE]
        cdef const int32_t* lien = self.days[LIEN]
        cdef const int32_t* sublet_out = self.days[SUBLET_OUT]
        cdef const int32_t* reserved_sale = self.days[RESERVED_SALE]
        cdef const int32_t* reserved_sublet = self.days[RESERVED_SUBLET]
        cdef int32_t least = INT32_MAX if end == end_day - self.base_day else 0
        cdef int32_t free_qty
        cdef int64_t day
        for day in range(start, end):
            free_qty = (
                title[day] - lien[day] - sublet_out[day] - reserved_sale[day] - reserved_sublet[day]
            )
            least = min(least, free_qty)
        return max(least, 0)

    cdef int64_t sublettable(self, int64_t start_day, int64_t end_day) noexcept nogil:
        """The least title over a window that is neither sublet nor offered; a lien is no bar."""
        cdef int64_t start = start_day - self.base_day
        cdef int64_t end = min(end_day - self.base_day, self.length)
        cdef const int32_t* title = self.days[TITLE]
        cdef const int32_t* sublet_out = self.days[SUBLET_OUT]
        cdef const int32_t* reserved_sale = self.days[RESERVED_SALE]
        cdef const int32_t* reserved_sublet = self.days[RESERVED_SUBLET]
        cdef int32_t least = INT32_MAX if end == end_day - self.base_day else 0
        cdef int64_t day
        for day in range(start, end):
            least = min(
                least, title[day] - sublet_out[day] - reserved_sale[day] - reserved_sublet[day]
            )
        return max(least, 0)

    cdef int64_t binding_day(self, int64_t start_day, int64_t end_day, int64_t qty) noexcept nogil:
        """The first day of a window with no more than `qty` free."""
        cdef int64_t day
        for day in range(start_day, end_day):
            if self.sellable(day, day + 1) <= qty:
                return day
        return end_day

    cdef int64_t sublet_binding_day(
        self, int64_t start_day, int64_t end_day, int64_t qty
    ) noexcept nogil:
        """The first day of a window with no more than `qty` to sublet."""
        cdef int64_t day
        for day in range(start_day, end_day):
            if self.sublettable(day, day + 1) <= qty:
                return day
        return end_day

    cdef int64_t encumbered_day(
        self, int64_t start_day, int64_t end_day, int64_t qty
    ) noexcept nogil:
        """The first day on which subletting `qty` more would reach into pledged title, or the end."""
        cdef int64_t end = min(end_day - self.base_day, self.length)
        cdef int64_t day
        for day in range(start_day - self.base_day, end):
            if (
                self.days[LIEN][day] != 0
                and self.days[SUBLET_OUT][day] + self.days[RESERVED_SUBLET][day] + qty
                > self.days[TITLE][day] - self.days[LIEN][day]
            ):
                return self.base_day + day
        return end_day

    cdef int64_t lowest(self, int which, int64_t start_day, int64_t end_day) noexcept nogil:
        """The least value of one function over a window."""
        cdef int64_t end = min(end_day - self.base_day, self.length)
        cdef int32_t least = INT32_MAX if end == end_day - self.base_day else 0
        cdef int64_t day
        for day in range(start_day - self.base_day, end):
            least = min(least, self.days[which][day])
        return least

    cdef int64_t value(self, int which, int64_t day) noexcept nogil:
        """One function on one day, from the base day on."""
        day -= self.base_day
        return self.days[which][day] if day < self.length else 0

    cdef list runs(self, int which):
        """One function as (start_day, end_day, qty) where it is not 0."""
        return _runs(self.days[which], self.length, self.base_day)

    cdef bint is_empty(self) noexcept nogil:
        """Whether every function of every day is 0, as if the account had never held anything."""
        cdef int which
        cdef int64_t day
        for which in range(DAY_FUNCTIONS):
            for day in range(self.length):
                if self.days[which][day] != 0:
                    return False
        return True

    # -- writers ----------------------------------------------------------------------------------

    cdef int add(self, int which, int64_t start_day, int64_t end_day, int64_t qty) except -1:
        """Adds to one function over a window; the caller holds to the bounds of the sum."""
        cdef int32_t delta = <int32_t>qty
        cdef int32_t signs = 0
        cdef int64_t day
        self._reach(end_day)
        cdef int32_t* days = self.days[which]
        for day in range(start_day - self.base_day, end_day - self.base_day):
            days[day] += delta
            signs |= days[day]
        if signs < 0:
            fail("no day of a holding falls below 0; its function is", which)
        return 0

    cdef void clear(self, int64_t day) noexcept nogil:
        """A day is over: no function says anything about it."""
        cdef int which
        if day - self.base_day < self.length:
            for which in range(DAY_FUNCTIONS):
                self.days[which][day - self.base_day] = 0

    cdef int _reach(self, int64_t end_day) except -1:
        cdef int64_t wanted = end_day - self.base_day
        cdef int which
        if wanted <= self.length:
            return 0
        wanted = _chunked(wanted)
        for which in range(DAY_FUNCTIONS):
            self.days[which] = <int32_t*>_longer(
                self.days[which], self.length, wanted, sizeof(int32_t)
            )
        self.length = wanted
        return 0


@final
cdef class Product:
    """One supplier's hardware at one site: its terms, what was granted, and its pooled escrow."""

    def __cinit__(
        self,
        int64_t product_id,
        int64_t supplier_account_id,
        int64_t lot_qty,
        int64_t maker_bps,
        int64_t taker_bps,
        int64_t base_day,
    ):
        self.product_id = product_id
        self.supplier_account_id = supplier_account_id
        self.lot_qty = lot_qty
        self.maker_bps = maker_bps
        self.taker_bps = taker_bps
        self.base_day = base_day
        self.holdings = []

    def __dealloc__(self):
        free(self.granted)
        free(self.sold)
        free(self.escrow)

    # -- queries ----------------------------------------------------------------------------------

    cdef Holding holding(self, int64_t account_id):
        """An account's holding, None if it never had one."""
        if 0 <= account_id < len(self.holdings):
            return <Holding>self.holdings[account_id]
        return None

    cdef bint is_house(self, int64_t account_id):
        """Whether an account is the supplier or one of its affiliates."""
        cdef Holding holding = self.holding(account_id)
        return holding is not None and holding.is_house

    cdef list granted_runs(self):
        """The granted capacity as (start_day, end_day, qty) where it is not 0."""
        return _runs(self.granted, self.length, self.base_day)

    cdef int64_t escrow_share(self, int64_t day, int64_t qty) except -1:
        """What so much of a day has in escrow, rounded down; all of it with the last quantity."""
        cdef int64_t index = day - self.base_day
        if index >= self.length or self.sold[index] < qty:
            fail("what has a share of the escrow was sold; the day is", day)
        return share(self.escrow[index], qty, self.sold[index])

    cdef list escrow_runs(self):
        """The escrow as (start_day, end_day, sold_qty, day_amount), days with neither left out."""
        cdef list runs = []
        cdef int64_t start = 0
        cdef int64_t day
        for day in range(1, self.length + 1):
            if (
                day == self.length
                or self.sold[day] != self.sold[start]
                or self.escrow[day] != self.escrow[start]
            ):
                if self.sold[start] != 0 or self.escrow[start] != 0:
                    runs.append(
                        (
                            self.base_day + start,
                            self.base_day + day,
                            self.sold[start],
                            self.escrow[start],
                        )
                    )
                start = day
        return runs

    # -- writers ----------------------------------------------------------------------------------

    cdef Holding holding_or_new(self, int64_t account_id):
        """An account's holding, empty if it never had one."""
        cdef Holding holding
        while len(self.holdings) <= account_id:
            self.holdings.append(None)
        holding = <Holding>self.holdings[account_id]
        if holding is None:
            holding = self.holdings[account_id] = Holding(self.base_day)
        return holding

    cdef int grant(self, int64_t start_day, int64_t end_day, int64_t qty) except -1:
        """Counts new capacity; its title is given to a holding by the caller."""
        cdef int64_t day
        self._reach(end_day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            if self.granted[day] + qty > INT32_MAX:
                fail("the capacity granted for a day fits 31 bits; the day is", self.base_day + day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            self.granted[day] += <int32_t>qty
        return 0

    cdef int ungrant(self, int64_t start_day, int64_t end_day, int64_t qty) except -1:
        """Takes capacity back that nobody bought; its title is taken by the caller."""
        cdef int64_t day
        if end_day - self.base_day > self.length:
            fail("what is withdrawn was granted; the window ends on", end_day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            if self.granted[day] - self.sold[day] < qty:
                fail("what is withdrawn was not sold; the day is", self.base_day + day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            self.granted[day] -= <int32_t>qty
        return 0

    cdef int fund(self, int64_t start_day, int64_t end_day, int64_t qty, int64_t amount) except -1:
        """A primary sale: each day of the window has `qty` more sold and `amount` more paid."""
        cdef int64_t added_amount = amount * (end_day - start_day)
        cdef int64_t day
        if added_amount > MAX_INTEGER - self.escrow_amount:
            fail("the escrow of a product is below 2**53; a day would add", amount)
        if end_day - self.base_day > self.length:
            fail("what is sold was granted; the window ends on", end_day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            if self.sold[day] + qty > self.granted[day]:
                fail("what is sold was granted; the day is", self.base_day + day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            self.sold[day] += <int32_t>qty
            self.escrow[day] += amount
        self.escrow_amount += added_amount
        return 0

    cdef int give_back(
        self, int64_t start_day, int64_t end_day, int64_t qty, int64_t amount
    ) except -1:
        """A buy-back: each day of the window has `qty` less sold and `amount` less in escrow."""
        cdef int64_t day
        if end_day - self.base_day > self.length:
            fail("what is returned was sold; the window ends on", end_day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            if self.sold[day] < qty or self.escrow[day] < amount:
                fail("what is returned was sold; the day is", self.base_day + day)
        for day in range(start_day - self.base_day, end_day - self.base_day):
            self.sold[day] -= <int32_t>qty
            self.escrow[day] -= amount
        self.escrow_amount -= amount * (end_day - start_day)
        return 0

    cdef int release(self, int64_t day, int64_t amount) except -1:
        """A part of a day's escrow leaves it; what is sold stays so."""
        cdef int64_t index = day - self.base_day
        if index >= self.length or self.escrow[index] < amount:
            fail("what is released was in escrow; the day is", day)
        self.escrow[index] -= amount
        self.escrow_amount -= amount
        return 0

    cdef int close_day(self, int64_t day) except -1:
        """Ends a day for all holders; its escrow has been paid out, and nothing of it is offered."""
        cdef int64_t index = day - self.base_day
        cdef Holding holding
        if index < self.length and self.escrow[index] != 0:
            fail("a day ends with an empty escrow; not so day", day)
        for holding in self.holdings:
            if holding is not None and (
                holding.value(RESERVED_SALE, day) or holding.value(RESERVED_SUBLET, day)
            ):
                fail("of a day that ends nothing is on offer; not so day", day)
        for holding in self.holdings:
            if holding is not None:
                holding.clear(day)
        if index < self.length:
            self.granted[index] = self.sold[index] = 0
        return 0

    cdef int _reach(self, int64_t end_day) except -1:
        cdef int64_t wanted = end_day - self.base_day
        if wanted <= self.length:
            return 0
        wanted = _chunked(wanted)
        self.granted = <int32_t*>_longer(self.granted, self.length, wanted, sizeof(int32_t))
        self.sold = <int32_t*>_longer(self.sold, self.length, wanted, sizeof(int32_t))
        self.escrow = <int64_t*>_longer(self.escrow, self.length, wanted, sizeof(int64_t))
        self.length = wanted
        return 0
