# cython: language_level=3
"""Integers as msgpack, appended to one growing buffer."""

from libc.stdint cimport int64_t

cdef class EventBuffer:
    """Events back to back; `count` of them in `size` bytes."""
    cdef unsigned char* data
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    cdef Py_ssize_t count

    cdef int write(self, bytes prefix, const int64_t* fields, int field_count) except -1
    cdef int number(self, int64_t value) except -1
    cdef int numbers(self, const int64_t* values, int count) except -1
    cdef tuple take(self)
    cdef bytes take_record(self, bytes command)

    cdef int _reserve(self, Py_ssize_t more) except -1
    cdef void _put(self, int64_t value) noexcept nogil
    cdef void _tagged(self, unsigned char tag, int64_t value, int width) noexcept nogil
