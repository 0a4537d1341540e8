# cython: language_level=3
"""Which accounts are under the same control."""

from libc.stdint cimport int32_t, int64_t

cdef class Parties:
    """Of each account the party that it belongs to."""
    cdef int32_t* party            # the lowest account id under the same control, by account id
    cdef int64_t count
    cdef int64_t capacity

    cdef int add(self) except -1
    cdef int join(self, int64_t account_id, int64_t affiliate_id) except -1

    cdef inline bint are_one(self, int64_t account_id, int64_t other_id) noexcept nogil:
        """Whether two accounts belong to the same party."""
        return self.party[account_id] == self.party[other_id]
