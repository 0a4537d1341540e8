# cython: language_level=3
"""Who owns what on which delivery day: six step functions an account, and the escrow a product."""

from libc.stdint cimport int32_t, int64_t

cdef enum:                         # day functions: GPUs of each delivery day
    TITLE = 0                      # owned
    LIEN = 1                       # the pledged part of it
    SUBLET_OUT = 2                 # use granted to others
    SUBLET_IN = 3                  # use received
    RESERVED_SALE = 4              # under open sell orders
    RESERVED_SUBLET = 5            # under open sublet offers
    DAY_FUNCTIONS = 6

cdef class Holding:
    """One account's days of one product, as arrays from the venue's base day."""
    cdef int32_t* days[6]          # by day function
    cdef int64_t base_day
    cdef int64_t length            # days in each array; every day beyond holds 0
    cdef readonly bint is_house    # the supplier or an affiliate: its title is the unsold capacity

    # -- queries
    cdef int64_t sellable(self, int64_t start_day, int64_t end_day) noexcept nogil
    cdef int64_t sublettable(self, int64_t start_day, int64_t end_day) noexcept nogil
    cdef int64_t binding_day(self, int64_t start_day, int64_t end_day, int64_t qty) noexcept nogil
    cdef int64_t sublet_binding_day(
        self, int64_t start_day, int64_t end_day, int64_t qty
    ) noexcept nogil
    cdef int64_t encumbered_day(
        self, int64_t start_day, int64_t end_day, int64_t qty
    ) noexcept nogil
    cdef int64_t lowest(self, int which, int64_t start_day, int64_t end_day) noexcept nogil
    cdef int64_t value(self, int which, int64_t day) noexcept nogil
    cdef list runs(self, int which)
    cdef bint is_empty(self) noexcept nogil
    # -- writers
    cdef int add(self, int which, int64_t start_day, int64_t end_day, int64_t qty) except -1

    cdef void clear(self, int64_t day) noexcept nogil

    cdef int _reach(self, int64_t end_day) except -1

cdef class Product:
    """One supplier's hardware at one site: its terms, what was granted, and its pooled escrow."""
    cdef readonly int64_t product_id
    cdef readonly int64_t supplier_account_id
    cdef readonly int64_t lot_qty
    cdef readonly int64_t maker_bps
    cdef readonly int64_t taker_bps
    cdef int64_t base_day
    cdef int64_t length            # days in each array
    cdef int32_t* granted          # GPUs
    cdef int32_t* sold             # GPUs held by strangers: what the escrow is for
    cdef int64_t* escrow           # fen
    cdef int64_t escrow_amount     # fen, the sum over the days
    cdef list holdings             # by account id; None until an account holds or joins the house

    # -- queries
    cdef Holding holding(self, int64_t account_id)
    cdef bint is_house(self, int64_t account_id)
    cdef list granted_runs(self)
    cdef int64_t escrow_share(self, int64_t day, int64_t qty) except -1
    cdef list escrow_runs(self)
    # -- writers
    cdef Holding holding_or_new(self, int64_t account_id)
    cdef int grant(self, int64_t start_day, int64_t end_day, int64_t qty) except -1
    cdef int ungrant(self, int64_t start_day, int64_t end_day, int64_t qty) except -1
    cdef int fund(self, int64_t start_day, int64_t end_day, int64_t qty, int64_t amount) except -1
    cdef int give_back(
        self, int64_t start_day, int64_t end_day, int64_t qty, int64_t amount
    ) except -1
    cdef int release(self, int64_t day, int64_t amount) except -1
    cdef int close_day(self, int64_t day) except -1

    cdef int _reach(self, int64_t end_day) except -1
