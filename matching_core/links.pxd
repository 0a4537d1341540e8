# cython: language_level=3
"""
Orders of one account of which a fill reduces all: what they hold together.

A fill of q in one of them takes min(q, leaves) from every other, in the same record. So of a group
with leaves l_k at unit costs c_k (limit x hours) no more can be bought than its largest leaves, and
the unit that brings the filled quantity to y costs at most M(y) = max{c_k : l_k >= y}, for what is
filled is gone from all. Their worst notional is N = sum of M(y) over y = 1, 2, ...: 5 GPUs at 10
and 10 at 6 need 5 x 10 + 5 x 6 = 80, and not the larger of 50 and 60.

With b the highest rate and s_k the fee slack of each (see `money`) the group holds

    H = N + floor((N*b + sum of (9999 - s_k)) / 10000)

which for a single order is what `money` says of one. A fill of q in i, of notional n <= c_i * q at
a rate b_i <= b, charges f = max(0, ceil((n*b_i - s_i) / 10000)) and lowers H by n + f at least:

* N falls by M(1) + ... + M(q) >= c_i * q >= n, because l_i >= q;
* where i stays, s_i becomes s_i + 10000*f - n*b_i: what is divided falls by n*b_i and that, 10000*f;
* where i ends, it falls by n*b_i + 9999 - s_i, and f is floor of that / 10000;
* a sibling that ends takes 9999 - s_k >= 0 away, and a lower b lowers H: both only add to the fall.

H grows with every price, leaves and member, so each step of a record (the siblings first, then the
trade) releases 0 or more of a buyer's, and together they pay for the trade.

Of a selling group each day reserves the largest leaves of its orders that cover the day. A fill of
q in i lowers that by q on every day of i, for it lowers all; so does the title.
"""

from libc.stdint cimport int32_t, int64_t

cdef enum:
    MAX_LINKED = 8                 # orders of a group

cdef struct Alternative:           # one order of a group
    int32_t slot                   # NO_SLOT while it is not open
    int64_t unit_amount            # fen of a GPU over its window, at its limit
    int64_t qty                    # GPUs, all that is left of it; 0 for one that ends
    int64_t fee_slack
    int64_t bps                    # the higher of its rates
    int64_t start_day
    int64_t end_day

cdef struct Alternatives:
    int32_t count
    Alternative[MAX_LINKED] rows

cdef int64_t hold_together(
    const Alternatives* group, int side, bint is_fee_in_cash
) noexcept nogil
cdef int64_t reserved_on(const Alternatives* group, int64_t day) noexcept nogil
# Takes a fill from every order of a group; the one that fills has another slack then.
cdef void fill_together(
    Alternatives* group, int32_t slot, int64_t qty, int64_t fee_slack
) noexcept nogil
# The row of an order, which is one of the group.
cdef Alternative* row_of(Alternatives* group, int32_t slot) except NULL

cdef class Group:
    """The open orders of one account under one link id, by order id."""
    cdef readonly int64_t account_id
    cdef readonly int64_t link_id
    cdef int32_t count
    cdef int32_t[MAX_LINKED] slots

cdef class Links:
    """All groups, by account and link id, and by the slots of their orders."""
    cdef dict groups               # (account_id, link_id): Group
    cdef dict by_slot              # slot: Group

    # -- queries
    cdef Group find(self, int64_t account_id, int64_t link_id)
    cdef Group of(self, int32_t slot)
    # -- writers
    cdef int join(
        self, int64_t account_id, int64_t link_id, int32_t slot, int32_t place
    ) except -1
    cdef int leave(self, int32_t slot) except -1
