# cython: language_level=3
"""Cash, title and money in trust, as rules outside the order path move them."""

from libc.stdint cimport int64_t

from .holdings cimport Holding
from .state cimport State

cdef class Hold:
    """Cash and title of one account, set aside for something that is not an order."""
    cdef readonly int64_t hold_id
    cdef readonly int64_t account_id
    cdef readonly int64_t held_amount  # fen
    cdef readonly int64_t product_id   # 0 where no days are set aside
    cdef readonly int64_t start_day
    cdef readonly int64_t end_day
    cdef readonly int64_t qty          # GPUs of each day
    cdef readonly int which            # the day function: reserved for a sale, or for a sublet

cdef class Custody(State):
    """What rules do to cash and title."""
    cdef Holding _held_days(
        self, int64_t account_id, int64_t product_id, int64_t start_day, int64_t end_day, int64_t qty
    )
    cdef int _known_amount(self, int64_t amount) except -1
