# cython: language_level=3
"""The order path's commands: check and plan, then carry out."""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .holdings cimport Holding
from .links cimport Alternatives
from .sessions cimport Sessions

cdef struct Intent:
    # What a taker asks for: a new order, or the rest of an amended one with what it has already.
    int64_t account_id
    int64_t required_qty           # GPUs, what must fill at once, or nothing happens
    int64_t wanted_qty             # GPUs, what may trade or rest
    int64_t limit_price
    int64_t slack
    int64_t own_held_amount        # fen that its order holds already
    int64_t own_reserved_qty       # GPUs that its order reserves already
    int64_t maker_bps
    int64_t taker_bps
    int side
    int policy                     # on meeting own orders
    bint is_post_only
    bint is_linked                 # `Venue.group` and `joint` say with what
    int32_t slot                   # of an amended order, else NO_SLOT

cdef class Venue(Sessions):
    """The matching core as Python sees it."""
    cdef readonly int64_t max_open_orders
    cdef Alternatives group              # of the command at hand: what its order is linked to now
    cdef Alternatives joint              # and with the order as the command wants it

    # -- plan: reads only; 0 or a refusal
    cdef int _check_conditions(
        self,
        Book book,
        int64_t order_qty,
        int64_t time_in_force,
        int64_t exec_inst,
        int64_t min_qty,
        int64_t display_qty,
    ) except -1
    cdef int _check_clips(self, int64_t display_qty, int64_t qty) except -1
    cdef int _plan(self, Book book, const Intent* intent, int64_t* needed_amount) except -1
    cdef int _check_link(
        self, Book book, int64_t side, int64_t account_id, int64_t link_id
    ) except -1
    cdef int _join_as_wanted(self, Book book, const Intent* intent) except -1
    cdef int _plan_days(self, Book book, Holding holding, const Intent* intent) except -1
    cdef int64_t _binding_day(self, Book book, Holding holding, int64_t free_qty) noexcept
    cdef int _check_rent(self, Book book, Holding holding, const Intent* intent) except -1
    cdef int _plan_cash(self, const Intent* intent, int64_t required_amount) except -1
    cdef int64_t _fee_excess_of(
        self, Book book, const Intent* intent, int64_t needed_amount
    ) except -1
    # -- apply
    cdef int _carry_out(
        self, Book book, int64_t order_id, const Intent* intent, bint rests
    ) except -1
    cdef int _requeue(self, int32_t slot, int64_t order_qty, int64_t limit_price) except -1

    cdef int32_t _own_slot(self, int64_t order_id, int64_t account_id) noexcept
    cdef int _require_terms(
        self,
        int64_t order_id,
        int64_t account_id,
        int64_t side,
        int64_t order_qty,
        int64_t limit_price,
    ) except -1
