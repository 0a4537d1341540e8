# cython: language_level=3
"""Everything that the order path knows: reference data, balances, open orders."""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .cash cimport Cash
from .holdings cimport Product
from .links cimport Alternative, Alternatives, Group, Links
from .parties cimport Parties
from .pool cimport Pool
from .types cimport TRUSTS, Started

cdef class State:
    """Reference data, balances and open orders of one venue."""
    cdef readonly int64_t base_day       # the first delivery day that holdings describe
    cdef readonly int64_t next_trade_id
    cdef readonly int64_t market_ns      # market time
    cdef readonly bint is_catching_up    # the clock has work left at this moment: nobody trades
    cdef readonly int session_state      # of the venue; a book's own is `state_of`
    cdef Pool pool
    cdef Cash cash
    cdef Parties parties
    cdef Links links                     # the open orders that are linked
    cdef dict products                   # by product id
    cdef list books                      # in order of listing
    cdef dict books_by_id                # by instrument id
    cdef dict holds                      # by hold id, what rules reserve outside the books
    cdef int64_t[TRUSTS] trusts          # fen kept for others, by purpose

    cdef Product product_of(self, int64_t product_id)
    cdef Book book_of(self, int64_t instrument_id)
    cdef Book book_of_slot(self, int32_t slot)
    cdef int state_of(self, Book book) noexcept
    cdef int apply_started(self, const Started* event) except -1
    cdef int note_state(self, Book book) except -1
    cdef int known_account(self, int64_t account_id) except -1
    cdef int known_days(self, int64_t start_day, int64_t end_day) except -1
    cdef int known_qty(self, int64_t qty) except -1
    cdef int64_t held_amount(self, int32_t slot) except -1
    cdef int64_t hold_needed(
        self, int32_t slot, int64_t limit_price, int64_t leaves_qty, int64_t slack
    ) except -1

    cdef int64_t hold_alone(
        self, int32_t slot, int64_t limit_price, int64_t leaves_qty, int64_t slack
    ) except -1
    cdef int64_t released_by_end(self, int32_t slot) except -1
    cdef int64_t hold_after_fill(self, int32_t slot, int64_t qty, int64_t slack) except -1
    cdef Alternative alternative_of(self, int32_t slot) except *
    cdef int alternatives_of(self, Group group, Alternatives* found) except -1
    cdef int misfit(
        self,
        Book book,
        int side,
        int64_t account_id,
        int64_t link_id,
        int64_t* value,
        int64_t* limit,
    ) except -1
    cdef int join(self, int32_t slot, int64_t link_id) except -1

# What an order of these terms must hold: the whole cost of a buy; of a sale its fee where that is in
# cash (`Book.is_fee_in_cash`), else nothing, for the fee comes out of the proceeds.
cdef int64_t hold_of(
    Book book, int side, bint is_fee_in_cash, int64_t bps, int64_t price, int64_t qty, int64_t slack
) except -1
