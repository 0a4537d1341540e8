# cython: language_level=3
"""
Which accounts are under the same control.

A party is named by its lowest account id. In a book of sublets the orders of one party count as its
own, so that nobody lets pledged days to an affiliate; in all other books an account is on its own.
"""

from cython cimport final
from libc.stdint cimport INT32_MAX, int32_t, int64_t
from libc.stdlib cimport free, realloc

from .errors cimport fail


@final
cdef class Parties:
    """Of each account the party that it belongs to."""

    def __dealloc__(self):
        free(self.party)

    cdef int add(self) except -1:
        """The next account, a party by itself."""
        cdef int64_t capacity
        cdef int32_t* party
        if self.count == INT32_MAX:
            fail("accounts are less than 2**31; there are", self.count)
        if self.count == self.capacity:
            capacity = 64 if self.capacity == 0 else 2 * self.capacity
            party = <int32_t*>realloc(self.party, capacity * sizeof(int32_t))
            if party == NULL:
                raise MemoryError
            self.party = party
            self.capacity = capacity
        self.party[self.count] = <int32_t>self.count
        self.count += 1
        return 0

    cdef int join(self, int64_t account_id, int64_t affiliate_id) except -1:
        """Two accounts, and all that belong to the party of either, are one party."""
        cdef int32_t one = self.party[account_id]
        cdef int32_t other = self.party[affiliate_id]
        cdef int64_t index
        for index in range(self.count):
            if self.party[index] == max(one, other):
                self.party[index] = min(one, other)
        return 0
