# cython: language_level=3
"""Everything that the order path knows, and the only functions that change it."""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .cash cimport Cash
from .holdings cimport Product
from .pool cimport Pool
from .types cimport Accepted, Amended, Cancelled, Funded, Rested, Returned, Traded

cdef class State:
    """Reference data, balances and open orders of one venue."""
    cdef readonly int64_t base_day       # the first delivery day that holdings describe
    cdef readonly int64_t next_trade_id
    cdef Pool pool
    cdef Cash cash
    cdef dict products                   # by product id
    cdef list books                      # in order of listing
    cdef dict books_by_id                # by instrument id

    # -- queries
    cdef Product product_of(self, int64_t product_id)
    cdef Book book_of(self, int64_t instrument_id)
    cdef Book book_of_slot(self, int32_t slot)
    cdef int known_account(self, int64_t account_id) except -1
    cdef int known_days(self, int64_t start_day, int64_t end_day) except -1
    cdef int64_t hold_needed(
        self, int32_t slot, int64_t limit_price, int64_t leaves_qty, int64_t slack
    ) except -1
    # -- apply: the only writers of orders, shared by live trading and recovery
    cdef int apply_accepted(self, const Accepted* event) except -1
    cdef int apply_rested(self, const Rested* event) except -1
    cdef int apply_amended(self, const Amended* event) except -1
    cdef int apply_cancelled(self, const Cancelled* event) except -1
    cdef int apply_traded(self, const Traded* event) except -1
    cdef int apply_funded(self, const Funded* event) except -1
    cdef int apply_returned(self, const Returned* event) except -1

    cdef int32_t _slot_of(self, int64_t order_id) except -1
    cdef int _known_qty(self, int64_t qty) except -1
    cdef int _known_escrow(
        self, int64_t start_day, int64_t end_day, int64_t qty, int64_t day_amount
    ) except -1
    cdef int _reserve(self, Book book, int64_t account_id, int64_t qty) except -1
    cdef int _unreserve(self, Book book, int64_t account_id, int64_t qty) except -1
    cdef int _fill(
        self,
        int32_t slot,
        Book book,
        const Traded* event,
        int64_t fee_amount,
        int64_t bps,
        int64_t released_amount,
        int64_t leaves_qty,
    ) except -1

# What an order of these terms must hold: the whole cost of a buy, the fee of a house member's sale,
# nothing for other sales, whose fee comes out of the proceeds.
cdef int64_t hold_of(
    Book book, int side, bint is_house, int64_t bps, int64_t price, int64_t qty, int64_t slack
) except -1
