# cython: language_level=3
"""Carrying out what was planned: apply, and write down as bytes."""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .encode cimport EventBuffer
from .plan cimport Plan
from .types cimport Traded
from .view cimport View

cdef class Execution(View):
    """Applies and writes down; decides nothing."""
    cdef Plan plan                       # of the command at hand
    cdef EventBuffer events              # of the commands since they were last taken
    cdef readonly list trades            # likewise, as tuples
    cdef list sublets
    cdef bytes accepted_prefix
    cdef bytes rested_prefix
    cdef bytes amended_prefix
    cdef bytes cancelled_prefix
    cdef bytes traded_prefix
    cdef bytes funded_prefix
    cdef bytes returned_prefix
    cdef bytes sublet_prefix
    cdef bytes started_prefix
    cdef bytes uncrossed_prefix

    cdef int _cancel_own(self) except -1
    cdef int _trade(self, Book book, int64_t taker_order_id) except -1
    cdef int _trade_one(
        self, Book book, int32_t maker_slot, int32_t taker_slot, int64_t qty, int64_t price
    ) except -1
    cdef int _settle_escrow(self, Book book, const Traded* trade) except -1
    cdef int _open_sublet(self, Book book, const Traded* trade) except -1
    cdef int _amend_in_place(self, int32_t slot, int64_t order_qty) except -1
    cdef int _rest(self, int64_t order_id) except -1
    cdef int _cancel(self, int32_t slot, int64_t reason) except -1
    cdef int _give_way(self, int32_t slot, int64_t qty) except -1
    cdef bint _is_primary(self, Book book, int64_t seller_account_id, int64_t buyer_account_id)
    cdef int64_t _released(
        self, int32_t slot, const Traded* trade, int64_t fee_amount, int64_t bps
    ) except? -1
