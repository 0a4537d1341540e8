# cython: language_level=3
"""Integers as msgpack, read from bytes that may be anything."""

from libc.stdint cimport int64_t

from .errors cimport fail

cdef enum:
    MAX_CLAIM_MIB = 4096           # for what takes memory out of proportion to its bytes

cdef class IntegerReader:
    """A run of msgpack integers, from the first to the last."""
    cdef bytes data
    cdef const unsigned char* at
    cdef const unsigned char* end
    cdef int64_t claimed_bytes

    cdef int numbers(self, int64_t* values, int count) except -1
    cdef int64_t count(self) except -1
    cdef int claim(self, int64_t size) except -1
    cdef int finish(self) except -1

    cdef int64_t _wide(self, unsigned char tag) except? -1

    # -- inlined into the callers of all modules: a snapshot has millions of them
    cdef inline int64_t number(self) except? -1:
        """The next integer."""
        cdef unsigned char tag
        if self.at == self.end:
            fail("the bytes end before the last number; they are", len(self.data))
        tag = self.at[0]
        self.at += 1
        if tag < 0x80:
            return tag
        if tag >= 0xE0:
            return <int64_t>tag - 0x100
        return self._wide(tag)
