# cython: language_level=3
"""
Which open orders are linked, and what a group of them holds; `links.pxd` says why.

A group is made by its first order and gone with its last; its id means nothing else.
"""

from cython cimport final
from libc.stdint cimport INT64_MAX, int32_t, int64_t

from .errors cimport fail
from .money cimport fee_at_most
from .types cimport BUY


cdef int64_t _worst_notional(const Alternatives* group) noexcept nogil:
    """What the dearest sequence of fills costs, at the limits."""
    cdef int64_t total_amount = 0
    cdef int64_t level_qty = 0
    cdef int64_t next_qty, unit_amount
    cdef int32_t index
    while True:
        next_qty = INT64_MAX
        unit_amount = 0
        for index in range(group.count):
            if group.rows[index].qty > level_qty:
                next_qty = min(next_qty, group.rows[index].qty)
                unit_amount = max(unit_amount, group.rows[index].unit_amount)
        if unit_amount == 0:
            return total_amount
        total_amount += (next_qty - level_qty) * unit_amount
        level_qty = next_qty


cdef int64_t hold_together(
    const Alternatives* group, int side, bint is_fee_in_cash
) noexcept nogil:
    """Fen that a group must hold: the whole cost of buying; of selling, fees paid in cash."""
    cdef int64_t notional = _worst_notional(group)
    cdef int64_t bps = 0
    cdef int64_t room = 0
    cdef int64_t fee
    cdef int32_t index
    for index in range(group.count):
        if group.rows[index].qty and group.rows[index].bps:
            bps = max(bps, group.rows[index].bps)
            room += 9_999 - group.rows[index].fee_slack
    fee = fee_at_most(notional, bps, room)
    if side == BUY:
        return notional + fee
    return fee if is_fee_in_cash else 0


cdef int64_t reserved_on(const Alternatives* group, int64_t day) noexcept nogil:
    """GPUs of a day that a selling group reserves."""
    cdef int64_t qty = 0
    cdef int32_t index
    for index in range(group.count):
        if group.rows[index].start_day <= day < group.rows[index].end_day:
            qty = max(qty, group.rows[index].qty)
    return qty


cdef void fill_together(
    Alternatives* group, int32_t slot, int64_t qty, int64_t fee_slack
) noexcept nogil:
    cdef int32_t index
    for index in range(group.count):
        group.rows[index].qty = max(<int64_t>0, group.rows[index].qty - qty)
        if group.rows[index].slot == slot:
            group.rows[index].fee_slack = fee_slack


cdef Alternative* row_of(Alternatives* group, int32_t slot) except NULL:
    cdef int32_t index
    for index in range(group.count):
        if group.rows[index].slot == slot:
            return &group.rows[index]
    fail("a linked order is one of its group; not so that in slot", slot)


@final
cdef class Group:
    """The open orders of one account under one link id, by order id."""


@final
cdef class Links:
    """All groups, by account and link id, and by the slots of their orders."""

    def __cinit__(self):
        self.groups = {}
        self.by_slot = {}

    cdef Group find(self, int64_t account_id, int64_t link_id):
        """The account's group of this id, None where no order of it is open."""
        return self.groups.get((account_id, link_id))

    cdef Group of(self, int32_t slot):
        """The group of a linked order."""
        return self.by_slot[slot]

    cdef int join(
        self, int64_t account_id, int64_t link_id, int32_t slot, int32_t place
    ) except -1:
        """Adds an order at its place among the ids of the others; the first makes the group."""
        cdef Group group = self.find(account_id, link_id)
        cdef int32_t index
        if group is None:
            group = Group()
            group.account_id = account_id
            group.link_id = link_id
            self.groups[account_id, link_id] = group
        if group.count == MAX_LINKED:
            fail("a group has 8 orders at most; one more has group", link_id)
        for index in range(group.count, place, -1):
            group.slots[index] = group.slots[index - 1]
        group.slots[place] = slot
        group.count += 1
        self.by_slot[slot] = group
        return 0

    cdef int leave(self, int32_t slot) except -1:
        """Takes an order that ends out of its group, and the group away with the last."""
        cdef Group group = self.by_slot.pop(slot)
        cdef int32_t index
        cdef int32_t kept = 0
        for index in range(group.count):
            if group.slots[index] != slot:
                group.slots[kept] = group.slots[index]
                kept += 1
        group.count = kept
        if kept == 0:
            del self.groups[group.account_id, group.link_id]
        return 0
