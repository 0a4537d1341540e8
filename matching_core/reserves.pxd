# cython: language_level=3
"""What open sells reserve, each by itself or together with those that they are linked to."""

from libc.stdint cimport int32_t, int64_t

from .book cimport Book
from .custody cimport Custody
from .links cimport Alternatives
from .types cimport Accepted

cdef class Reserves(Custody):
    """What open sells reserve."""
    cdef int reserve(self, Book book, int64_t account_id, int64_t qty) except -1
    cdef int unreserve(self, Book book, int64_t account_id, int64_t qty) except -1
    cdef int reserve_change(
        self,
        Book book,
        int64_t account_id,
        const Alternatives* before,
        const Alternatives* after,
    ) except -1
    cdef int accept_linked(self, Book book, const Accepted* event) except -1
    cdef int reserve_linked(self, Book book, int32_t slot, int64_t leaves_qty) except -1
    cdef int64_t free_for(
        self, Book book, int64_t account_id, const Alternatives* group, int64_t* binding_day
    ) except -1
    cdef int64_t encumbered_for(
        self, Book book, int64_t account_id, const Alternatives* group, int64_t qty
    ) except -1
