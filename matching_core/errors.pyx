# cython: language_level=3
"""
The core's one exception. The market's refusals are return codes and never raise.
"""

from libc.stdint cimport int64_t


class CoreError(RuntimeError):
    """
    Something impossible was asked or found; the venue must not trade on.

    Commands and queries raise it before they change anything. A writer that raises it may have
    written in part: whoever recovers stops there.
    """


cdef int fail(str what, int64_t value) except -1:
    raise CoreError(f"{what}: {value}")
