# cython: language_level=3
"""The matcher on its own: one book without accounts, cash or title."""

from libc.stdint cimport int32_t, int64_t

from .auction cimport Uncross
from .plan cimport Plan
from .queues cimport Queues
from .results cimport Result

cdef struct Terms:
    # What an order asks for, checked for its ranges by `plan_order`.
    int64_t order_id
    int64_t price
    int64_t qty                    # all that may trade or rest
    int64_t min_qty                # that must trade at once, 0 for none
    int64_t display_qty            # of an iceberg's clip, 0 for an order that shows all
    int32_t account_id
    int32_t slot                   # of the order that these terms amend, NO_SLOT for a new one
    int side
    int time_in_force
    int policy
    bint is_post_only
    bint is_all_or_none

cdef class OrderBook(Queues):
    """One book in price-time priority."""
    cdef Plan plan                 # of the command at hand
    cdef Uncross uncross
    cdef readonly bint is_collecting

    # -- plan: reads only; 0 or a refusal
    cdef int plan_order(self, const Terms* terms) except -1
    # -- apply: what `plan_order` left in `plan`; what rests in the end
    cdef int64_t apply_order(self, const Terms* terms) except -1
    cdef int64_t cancel_order(self, int64_t order_id) except -1

    cdef int _check_terms(self, const Terms* terms) noexcept
    cdef int _check_conditions(self, const Terms* terms) noexcept
    cdef int _walk(self, const Terms* terms, int64_t required_qty) except -1
    cdef int _trade(self) except -1
    cdef int _end(self, int32_t slot) except -1
    cdef Result _enter(self, const Terms* terms)
    cdef list _planned_fills(self)
    cdef list _planned_cancels(self)
