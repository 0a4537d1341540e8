# cython: language_level=3
"""
One instrument: a delivery window of a product, title or use, and the queues of its book.

What orders do to each other is in `queues` and `plan`; here is what the price of one means.
"""

from cython cimport final
from libc.stdint cimport int32_t, int64_t

from .holdings cimport RESERVED_SALE, RESERVED_SUBLET, Product
from .parties cimport Parties
from .pool cimport Pool
from .queues cimport Queues
from .types cimport BUY, HOURS_PER_DAY, MAX_BPS, MAX_PRICE


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
        int64_t gate_closure_ns,
        Parties parties=None,
    ):
        self.pool = pool
        self.index = index
        self.product = product
        self.instrument_id = instrument_id
        self.start_day = start_day
        self.end_day = end_day
        self.hours = (end_day - start_day) * HOURS_PER_DAY
        self.is_resting_allowed = is_resting_allowed
        self.gate_closure_ns = gate_closure_ns
        self.high_limit_price = MAX_PRICE
        self.is_sublet = parties is not None
        self.reserves = RESERVED_SUBLET if self.is_sublet else RESERVED_SALE
        self.parties = parties

    cdef int64_t notional(self, int64_t price, int64_t qty) noexcept nogil:
        """Fen for so many GPUs over the whole window; below 2**61 within the bounds."""
        return price * self.hours * qty

    cdef bint is_fee_in_cash(self, int64_t account_id) except -1:
        """Whether a seller pays its fee from cash, because the price does not come to it."""
        return self.is_sublet or self.product.is_house(account_id)

    cdef int64_t reach(self, int side, int64_t limit_price) noexcept nogil:
        """
        How far an order may trade at once: to its limit, or to the edge of the dynamic band.

        The band lies around the last trade, or the settlement price before there is one, rounded
        towards it, and is a tick wide at least. Without either there is none.
        """
        cdef int64_t reference_price = self.reference_price()
        cdef int64_t width_price
        if self.dynamic_bps == 0 or reference_price == 0:
            return limit_price
        width_price = max(<int64_t>1, reference_price * self.dynamic_bps // MAX_BPS)
        if side == BUY:
            return min(limit_price, reference_price + width_price)
        return max(limit_price, reference_price - width_price)
