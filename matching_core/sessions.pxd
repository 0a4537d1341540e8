# cython: language_level=3
"""When a book takes orders, how far they reach, and what it does with those that it collected."""

from libc.stdint cimport int32_t, int64_t

from .auction cimport Uncross
from .book cimport Book
from .execution cimport Execution

cdef class Sessions(Execution):
    """The session of each book, its bands, and its call auctions."""
    cdef Uncross auction                 # of the book at hand
    cdef int64_t refused_value
    cdef int64_t refused_limit
    cdef int64_t refused_day

    cdef int _check_session(self, Book book) noexcept
    cdef int _check_band(self, Book book, int64_t limit_price) noexcept
    cdef int _start_auction(self, Book book, int side, int64_t reference_price) except -1
    cdef int64_t _uncross(self, Book book, int64_t max_count) except -1
    cdef int32_t _unfunded_slot(self, Book book) except? -2
    cdef int64_t _fee_excess(self, Book book, int32_t slot, int64_t qty) except? -1
    cdef int64_t _linked_fee_excess(self, Book book, int32_t slot) except? -1
    cdef int _refuse(self, int reason, int64_t value, int64_t limit, int64_t day) noexcept
