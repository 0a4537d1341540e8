# cython: language_level=3
"""How the core says that it, or its caller, is wrong."""

from libc.stdint cimport int64_t

# Always raises `CoreError`, naming what must hold and the value that broke it.
cdef int fail(str what, int64_t value) except -1
