# cython: language_level=3
"""The order path's commands: check, plan, apply, encode."""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book, Plan
from .encode cimport EventBuffer
from .state cimport State
from .holdings cimport Product
from .types cimport Cancelled, Traded

cdef struct Intent:
    # What a taker asks for: a new order, or the rest of an amended one with what it has already.
    int64_t account_id
    int64_t order_qty              # GPUs, what refusals name
    int64_t wanted_qty             # GPUs, what may trade or rest
    int64_t limit_price
    int64_t slack
    int64_t own_held_amount        # fen that its order holds already
    int64_t own_reserved_qty       # GPUs that its order reserves already
    int64_t maker_bps
    int64_t taker_bps
    int side
    bint is_post_only
    bint is_fill_or_kill

cdef class Venue(State):
    """The matching core as Python sees it."""
    cdef readonly int64_t max_open_orders
    cdef EventBuffer events
    cdef Plan plan
    cdef list trades
    cdef int64_t refused_value
    cdef int64_t refused_limit
    cdef int64_t refused_day
    cdef bytes accepted_prefix
    cdef bytes rested_prefix
    cdef bytes amended_prefix
    cdef bytes cancelled_prefix
    cdef bytes traded_prefix
    cdef bytes funded_prefix
    cdef bytes returned_prefix

    # -- plan: reads only; 0 or a refusal
    cdef int _plan(self, Book book, const Intent* intent, int64_t* needed_amount) except -1
    cdef int _plan_cash(self, const Intent* intent, int64_t required_amount) except -1
    cdef int64_t _house_excess(
        self, Book book, const Intent* intent, int64_t needed_amount
    ) except -1
    cdef int _refuse(self, int reason, int64_t value, int64_t limit, int64_t day) noexcept
    # -- apply and encode
    cdef int _requeue(self, int32_t slot, int64_t order_qty, int64_t limit_price) except -1
    cdef int _trade(self, Book book, int64_t taker_order_id) except -1
    cdef int _trade_one(
        self, Book book, int32_t maker_slot, int32_t taker_slot, int64_t qty
    ) except -1
    cdef int _settle_escrow(self, Book book, const Traded* trade) except -1
    cdef int _amend_in_place(self, int32_t slot, int64_t order_qty) except -1
    cdef int _rest(self, int64_t order_id) except -1
    cdef int _cancel(self, int32_t slot, int64_t reason) except -1
    cdef int64_t _returned_amount(self, Product product, int64_t day, int64_t qty) except -1
    cdef bint _is_primary(self, Book book, int64_t seller_account_id, int64_t buyer_account_id)
    # -- queries
    cdef Cancelled _cancellation(self, int32_t slot, int64_t reason) except *
    cdef int32_t _own_slot(self, int64_t order_id, int64_t account_id) noexcept
    cdef int64_t _account(self, int64_t account_id) except -1
    cdef int _require_side(self, int64_t side) except -1
    cdef int _require_terms(
        self,
        int64_t order_id,
        int64_t account_id,
        int64_t side,
        int64_t order_qty,
        int64_t limit_price,
    ) except -1
    cdef list _orders_of_account(self, int64_t account_id, int64_t instrument_id, int64_t side)
