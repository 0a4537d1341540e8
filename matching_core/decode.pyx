# cython: language_level=3
"""
Reads integers back that `encode` wrote.

Nothing is read beyond the bytes, and what is no msgpack integer of 64 bits is a `CoreError`. That
each integer is in its shortest form is not looked at: whoever needs it writes again and compares.
"""

from cython cimport final
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint64_t

from .errors cimport fail


@final
cdef class IntegerReader:
    """A run of msgpack integers, from the first to the last."""

    def __cinit__(self, bytes data not None):
        self.data = data
        self.at = <const unsigned char*>PyBytes_AS_STRING(data)
        self.end = self.at + PyBytes_GET_SIZE(data)

    cdef int numbers(self, int64_t* values, int count) except -1:
        """The next so many integers."""
        cdef int index
        for index in range(count):
            values[index] = self.number()
        return 0

    cdef int64_t count(self) except -1:
        """How many things follow, each of which takes a byte at least."""
        cdef int64_t count = self.number()
        if not 0 <= count <= self.end - self.at:
            fail("a count is that of things for which there are bytes", count)
        return count

    cdef int claim(self, int64_t size) except -1:
        """Counts memory that few bytes ask for, so that hostile ones do not get all there is."""
        if size > (<int64_t>MAX_CLAIM_MIB << 20) - self.claimed_bytes:
            fail("days and holders take 4 GiB at most; too much is a further", size)
        self.claimed_bytes += size
        return 0

    cdef int finish(self) except -1:
        """Refuses bytes behind the last integer."""
        if self.at != self.end:
            fail("nothing follows the last number; bytes that do are", self.end - self.at)
        return 0

    cdef int64_t _wide(self, unsigned char tag) except? -1:
        cdef int width
        cdef int index
        cdef uint64_t value = 0
        if not 0xCC <= tag <= 0xD3:
            fail("an integer begins with the tag of one; not so", tag)
        width = 1 << (tag & 3)
        if self.end - self.at < width:
            fail("the bytes end within a number; they are", len(self.data))
        for index in range(width):
            value = value << 8 | self.at[index]
        self.at += width
        if tag == 0xD0:
            return <int8_t>value
        if tag == 0xD1:
            return <int16_t>value
        if tag == 0xD2:
            return <int32_t>value
        if tag == 0xCF and value >> 63:
            fail("an integer has 63 bits and a sign; its tag is", tag)
        return <int64_t>value
