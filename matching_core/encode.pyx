# cython: language_level=3
"""
Writes events as msgpack, byte for byte as msgspec writes their Structs.

An event is a constant prefix (array header and tag) and then integers, each in the shortest form.
The caller brings the prefixes, so nothing here knows an event by name.
"""

from cython cimport final
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

cdef enum:
    LONGEST_INTEGER = 9            # a tag byte and eight more
    LONGEST_ARRAY_HEADER = 5       # a tag byte and four more
    ARRAY_OF_TWO = 0x92


@final
cdef class EventBuffer:
    """Events back to back; `count` of them in `size` bytes."""

    def __dealloc__(self):
        free(self.data)

    cdef int write(self, bytes prefix, const int64_t* fields, int field_count) except -1:
        """Appends one event."""
        cdef Py_ssize_t prefix_size = PyBytes_GET_SIZE(prefix)
        cdef int index
        self._reserve(prefix_size + LONGEST_INTEGER * field_count)
        memcpy(self.data + self.size, PyBytes_AS_STRING(prefix), prefix_size)
        self.size += prefix_size
        for index in range(field_count):
            self._put(fields[index])
        self.count += 1
        return 0

    cdef int number(self, int64_t value) except -1:
        """Appends one integer outside any event."""
        self._reserve(LONGEST_INTEGER)
        self._put(value)
        return 0

    cdef int numbers(self, const int64_t* values, int count) except -1:
        """Appends some integers outside any event."""
        cdef int index
        self._reserve(LONGEST_INTEGER * count)
        for index in range(count):
            self._put(values[index])
        return 0

    cdef tuple take(self):
        """How many events there are, and their bytes; the buffer is empty after this."""
        cdef tuple taken = (
            self.count,
            PyBytes_FromStringAndSize(<const char*>self.data, self.size),
        )
        self.count = 0
        self.size = 0
        return taken

    cdef bytes take_record(self, bytes command):
        """
        The array of an encoded command and of the array of the events; the buffer is empty then.

        None, and nothing is copied, where there is no event.
        """
        cdef Py_ssize_t command_size = PyBytes_GET_SIZE(command)
        cdef unsigned char header[LONGEST_ARRAY_HEADER]
        cdef Py_ssize_t header_size = array_header(header, self.count)
        cdef bytes record
        cdef char* at
        if self.count == 0:
            return None
        record = PyBytes_FromStringAndSize(NULL, 1 + command_size + header_size + self.size)
        at = PyBytes_AS_STRING(record)
        at[0] = <char>ARRAY_OF_TWO
        memcpy(at + 1, PyBytes_AS_STRING(command), command_size)
        memcpy(at + 1 + command_size, header, header_size)
        memcpy(at + 1 + command_size + header_size, self.data, self.size)
        self.count = 0
        self.size = 0
        return record

    cdef int _reserve(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t capacity = self.capacity
        cdef unsigned char* data
        if self.size + more <= capacity:
            return 0
        while capacity < self.size + more:
            capacity = 4096 if capacity == 0 else 2 * capacity
        data = <unsigned char*>realloc(self.data, capacity)
        if data == NULL:
            raise MemoryError
        self.data = data
        self.capacity = capacity
        return 0

    cdef void _put(self, int64_t value) noexcept nogil:
        if -32 <= value < 128:
            self._tagged(<unsigned char>value, 0, 0)
        elif value >= 0:
            if value <= 0xFF:
                self._tagged(0xCC, value, 1)
            elif value <= 0xFFFF:
                self._tagged(0xCD, value, 2)
            elif value <= <int64_t>0xFFFFFFFF:
                self._tagged(0xCE, value, 4)
            else:
                self._tagged(0xCF, value, 8)
        elif value >= -0x80:
            self._tagged(0xD0, value, 1)
        elif value >= -0x8000:
            self._tagged(0xD1, value, 2)
        elif value >= -<int64_t>0x80000000:
            self._tagged(0xD2, value, 4)
        else:
            self._tagged(0xD3, value, 8)

    cdef void _tagged(self, unsigned char tag, int64_t value, int width) noexcept nogil:
        cdef unsigned char* at = self.data + self.size
        cdef int index
        at[0] = tag
        for index in range(width):
            at[1 + index] = <unsigned char>(<uint64_t>value >> (8 * (width - 1 - index)))
        self.size += 1 + width


cdef Py_ssize_t array_header(unsigned char* header, Py_ssize_t count) noexcept nogil:
    """Writes the header of an array of `count` entries; the header's size."""
    cdef int width = 2 if count <= 0xFFFF else 4
    cdef int index
    if count < 16:
        header[0] = <unsigned char>(0x90 | count)
        return 1
    header[0] = 0xDC if width == 2 else 0xDD
    for index in range(width):
        header[1 + index] = <unsigned char>(count >> (8 * (width - 1 - index)))
    return 1 + width
