# cython: language_level=3
"""
What open sells reserve of title, or of use.

A sell reserves its leaves on every day of its window. Of linked sells each day reserves the largest
leaves of those that cover it, so what one of them changes differs from day to day and follows from
its whole group (`links`).
"""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .custody cimport Custody
from .errors cimport fail
from .holdings cimport Holding
from .links cimport Alternative, Alternatives, hold_together, reserved_on, row_of
from .types cimport NO_SLOT, SELL, Accepted


cdef class Reserves(Custody):
    """What open sells reserve."""

    # -- plan -------------------------------------------------------------------------------------

    cdef int64_t free_for(
        self, Book book, int64_t account_id, const Alternatives* group, int64_t* binding_day
    ) except -1:
        """
        What is free of a window for an order of a group, with what the group reserves already.

        And the first day that allows no more.
        """
        cdef Holding holding = book.product.holding(account_id)
        cdef int64_t least_qty = -1
        cdef int64_t day, free_qty
        binding_day[0] = book.start_day
        if holding is None:
            return 0
        for day in range(book.start_day, book.end_day):
            if book.is_sublet:
                free_qty = holding.sublettable(day, day + 1)
            else:
                free_qty = holding.sellable(day, day + 1)
            free_qty += reserved_on(group, day)
            if least_qty < 0 or free_qty < least_qty:
                least_qty = free_qty
                binding_day[0] = day
        return least_qty

    cdef int64_t encumbered_for(
        self, Book book, int64_t account_id, const Alternatives* group, int64_t qty
    ) except -1:
        """The first day on which an order of a group would let pledged days, else the end."""
        cdef Holding holding = book.product.holding(account_id)
        cdef int64_t day
        for day in range(book.start_day, book.end_day):
            if holding.encumbered_day(day, day + 1, qty - reserved_on(group, day)) == day:
                return day
        return book.end_day

    # -- apply ------------------------------------------------------------------------------------

    cdef int reserve(self, Book book, int64_t account_id, int64_t qty) except -1:
        """A sale by itself reserves more."""
        cdef Holding holding = book.product.holding(account_id)
        cdef int64_t free_qty = 0
        if holding is not None and book.is_sublet:
            free_qty = holding.sublettable(book.start_day, book.end_day)
        elif holding is not None:
            free_qty = holding.sellable(book.start_day, book.end_day)
        if free_qty < qty:
            fail("a sell reserves free title; it asks for", qty)
        return holding.add(book.reserves, book.start_day, book.end_day, qty)

    cdef int unreserve(self, Book book, int64_t account_id, int64_t qty) except -1:
        """A sale by itself reserves less."""
        cdef Holding holding = book.product.holding(account_id)
        return holding.add(book.reserves, book.start_day, book.end_day, -qty)

    cdef int accept_linked(self, Book book, const Accepted* event) except -1:
        """A new order goes with those that it is linked to; states what they hold more, and reserves."""
        cdef Alternatives before, after
        cdef bint is_fee_in_cash = book.is_fee_in_cash(event.account_id)
        cdef int64_t value, limit
        if self.misfit(book, <int>event.side, event.account_id, event.link_id, &value, &limit):
            fail("linked orders are alike, of one book each, and 8 at most; not so", event.order_id)
        self.alternatives_of(self.links.find(event.account_id, event.link_id), &before)
        after = before
        after.rows[after.count] = Alternative(
            NO_SLOT,
            book.notional(event.limit_price, 1),
            event.order_qty,
            0,
            max(book.product.maker_bps, book.product.taker_bps),
            book.start_day,
            book.end_day,
        )
        after.count += 1
        if event.held_amount != hold_together(
            &after, <int>event.side, is_fee_in_cash
        ) - hold_together(&before, <int>event.side, is_fee_in_cash):
            fail("a group holds what its rest needs; not with", event.held_amount)
        if event.side == SELL:
            self.reserve_change(book, event.account_id, &before, &after)
        return 0

    cdef int reserve_linked(self, Book book, int32_t slot, int64_t leaves_qty) except -1:
        """A sale's group reserves what it does with so much of the sale left."""
        cdef Alternatives before, after
        self.alternatives_of(self.links.of(slot), &before)
        after = before
        row_of(&after, slot).qty = leaves_qty
        return self.reserve_change(book, self.pool.orders[slot].account_id, &before, &after)

    cdef int reserve_change(
        self,
        Book book,
        int64_t account_id,
        const Alternatives* before,
        const Alternatives* after,
    ) except -1:
        """One order's part of a group's reservations changes, on days of its own window only."""
        cdef Holding holding = book.product.holding(account_id)
        cdef int64_t day, free_qty, more_qty
        cdef int64_t start_day = book.start_day
        cdef int64_t start_qty = 0
        for day in range(book.start_day, book.end_day):
            more_qty = reserved_on(after, day) - reserved_on(before, day)
            free_qty = 0
            if more_qty > 0 and holding is not None:
                if book.is_sublet:
                    free_qty = holding.sublettable(day, day + 1)
                else:
                    free_qty = holding.sellable(day, day + 1)
            if more_qty > free_qty:
                fail("a sell reserves free title; it asks for", more_qty)
        for day in range(book.start_day, book.end_day + 1):
            more_qty = 0
            if day < book.end_day:
                more_qty = reserved_on(after, day) - reserved_on(before, day)
            if more_qty != start_qty or day == book.end_day:
                if start_qty:
                    holding.add(book.reserves, start_day, day, start_qty)
                start_day = day
                start_qty = more_qty
        return 0
