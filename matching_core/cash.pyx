# cython: language_level=3
"""
Cash in fen: available and held, per account.

Only deposits and withdrawals change the sum over all accounts and escrows, and that sum is bounded
by 2**53 - 1. So no balance, escrow or amount that is really paid can exceed it either, and sums of
two fit 64 bits without a check.
"""

from cython cimport final
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc

from .errors cimport fail
from .money cimport MAX_INTEGER


@final
cdef class Cash:
    """Two balances an account: what it may use, and what its open orders hold."""

    def __dealloc__(self):
        free(self.available)
        free(self.held)

    cdef int add_account(self, int64_t account_id) except -1:
        """Opens the next account, empty."""
        cdef int64_t capacity
        cdef int64_t* longer
        if account_id != self.count:
            fail("account ids are dense; the next is not", account_id)
        if self.count == self.capacity:
            capacity = 64 if self.capacity == 0 else 2 * self.capacity
            longer = <int64_t*>realloc(self.available, capacity * sizeof(int64_t))
            if longer == NULL:
                raise MemoryError
            self.available = longer
            longer = <int64_t*>realloc(self.held, capacity * sizeof(int64_t))
            if longer == NULL:
                raise MemoryError
            self.held = longer
            self.capacity = capacity
        self.available[account_id] = self.held[account_id] = 0
        self.count += 1
        return 0

    cdef int deposit(self, int64_t account_id, int64_t amount) except -1:
        """Money comes in."""
        if amount <= 0 or amount > MAX_INTEGER - self.deposits_amount:
            fail("a deposit is positive and keeps all cash below 2**53", amount)
        self.available[account_id] += amount
        self.deposits_amount += amount
        return 0

    cdef int withdraw(self, int64_t account_id, int64_t amount) except -1:
        """Money goes out."""
        if amount <= 0 or amount > self.available[account_id]:
            fail("a withdrawal is positive and available", amount)
        self.available[account_id] -= amount
        self.deposits_amount -= amount
        return 0

    cdef int hold(self, int64_t account_id, int64_t amount) except -1:
        """Moves cash from available to held, or back where the amount is negative."""
        if amount > self.available[account_id] or -amount > self.held[account_id]:
            fail("a hold moves cash that is there", amount)
        self.available[account_id] -= amount
        self.held[account_id] += amount
        return 0

    cdef int settle(self, int64_t account_id, int64_t released, int64_t received) except -1:
        """Dissolves a hold into available cash and adds what is received, negative when paid."""
        cdef int64_t available = self.available[account_id] + released + received
        if released > self.held[account_id] or available < 0:
            fail("a payment is covered; it is", received)
        self.held[account_id] -= released
        self.available[account_id] = available
        return 0
