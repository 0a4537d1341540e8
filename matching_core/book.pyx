# cython: language_level=3
"""
One instrument: a delivery window of a product, and the queues of its book.

What orders do to each other is in `queues` and `plan`; here is what the price of one means.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t

from .holdings cimport Product
from .pool cimport Pool
from .queues cimport Queues
from .types cimport HOURS_PER_DAY


@final
cdef class Book(Queues):
    """One instrument's resting orders in price-time priority."""

    def __cinit__(
        self,
        Pool pool,
        int32_t index,
        Product product,
        int64_t instrument_id,
        int64_t start_day,
        int64_t end_day,
        bint is_resting_allowed,
    ):
        self.product = product
        self.instrument_id = instrument_id
        self.start_day = start_day
        self.end_day = end_day
        self.hours = (end_day - start_day) * HOURS_PER_DAY
        self.is_resting_allowed = is_resting_allowed

    cdef int64_t notional(self, int64_t price, int64_t qty) noexcept nogil:
        """Fen for so many GPUs over the whole window; below 2**61 within the bounds."""
        return price * self.hours * qty
