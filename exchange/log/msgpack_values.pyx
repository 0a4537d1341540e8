# cython: language_level=3
"""
Where a msgpack value ends, without decoding it.

A frame's body is values one behind the other, and only walking through each of them says where the
next one begins. A general decoder makes an object of every value it passes, or asks for each what
it is to become; here a record of 100 bytes takes some 40 ns instead of 130. What is open is counted
and not stacked: values may lie in each other as deep as they like.

All forms of msgpack are known; the byte c1, which it never uses, is no value. Text is not looked
into, as decoding does not look into text that it skips.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef uint8_t[256] FIXED_BYTES       # of a value that holds no others and says no length, else 0
cdef uint8_t[256] LENGTH_BYTES      # of the length or count behind the first byte, else 0

for _first in (*range(0x80), *range(0xe0, 0x100), 0xc0, 0xc2, 0xc3):
    FIXED_BYTES[_first] = 1         # small integers, nil, false, true
for _first in range(0xa0, 0xc0):
    FIXED_BYTES[_first] = 1 + (_first & 0x1f)   # short text
for _place in range(4):             # integers of 8 to 64 bits, extensions of 1 to 8 bytes
    FIXED_BYTES[0xcc + _place] = FIXED_BYTES[0xd0 + _place] = 1 + (1 << _place)
    FIXED_BYTES[0xd4 + _place] = 2 + (1 << _place)
FIXED_BYTES[0xd8] = 18              # an extension of 16 bytes
FIXED_BYTES[0xca], FIXED_BYTES[0xcb] = 5, 9     # floats
for _place in range(3):             # bytes, extensions, text
    LENGTH_BYTES[0xc4 + _place] = LENGTH_BYTES[0xc7 + _place] = 1 << _place
    LENGTH_BYTES[0xd9 + _place] = 1 << _place
for _first in (0xdc, 0xde):         # arrays, maps
    LENGTH_BYTES[_first], LENGTH_BYTES[_first + 1] = 2, 4


def are_values(records):
    """Whether each of the byte strings is one whole value and nothing else."""
    cdef bytes record
    cdef const uint8_t* data
    for record in records:
        data = <const uint8_t*>PyBytes_AS_STRING(record)
        if _value_end(data, data + len(record)) != data + len(record):
            return False
    return True


def split_values(bytes data, Py_ssize_t start):
    """The bytes of each value from `start` to the end, or None where they end in the midst of one."""
    assert 0 <= start <= len(data), "starts within the data"
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(data) + start
    cdef const uint8_t* end = at + len(data) - start
    cdef const uint8_t* next_at
    cdef list values = []
    while at < end:
        next_at = _value_end(at, end)
        if next_at == NULL:
            return None
        values.append(PyBytes_FromStringAndSize(<const char*>at, next_at - at))
        at = next_at
    return values


cdef const uint8_t* _value_end(const uint8_t* at, const uint8_t* end) noexcept nogil:
    """Behind the value that begins at `at`, or NULL where there is no whole value before `end`."""
    cdef uint64_t open_count = 1    # values that must still come; an empty container has none
    cdef uint64_t size
    cdef uint8_t first
    while open_count > 0:
        # Each value has a byte at least: this also keeps the count of a lying header small.
        if open_count > <uint64_t>(end - at):
            return NULL
        first = at[0]
        # Small integers are most of a record, and a jump foretold is faster than a table's answer.
        if <signed char>first >= -32:
            at += 1
            open_count -= 1
            continue
        size = FIXED_BYTES[first]
        if size > 0:
            open_count -= 1
        elif 0x80 <= first < 0xa0:
            size = 1
            open_count += (2 * (first & 0xf) if first < 0x90 else first & 0xf) - 1
        else:
            size = _long_form(at, end, &open_count)
            if size == 0:
                return NULL
        if size > <uint64_t>(end - at):
            return NULL
        at += size
    return at


cdef uint64_t _long_form(
    const uint8_t* at, const uint8_t* end, uint64_t* open_count
) noexcept nogil:
    """The bytes of a value that states its length or count, or of its header; 0 if there is none."""
    cdef uint8_t first = at[0]
    cdef uint64_t stated = 0
    cdef int place
    if LENGTH_BYTES[first] == 0 or end - at <= LENGTH_BYTES[first]:
        return 0
    for place in range(1, 1 + LENGTH_BYTES[first]):
        stated = stated << 8 | at[place]
    open_count[0] -= 1
    if first >= 0xdc:
        open_count[0] += stated if first < 0xde else 2 * stated
        return 1 + LENGTH_BYTES[first]
    # An extension has its kind as well.
    return 1 + LENGTH_BYTES[first] + stated + (0xc7 <= first <= 0xc9)
