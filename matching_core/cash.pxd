# cython: language_level=3
"""Cash of every account, in fen."""

from libc.stdint cimport int64_t

cdef class Cash:
    """Two balances an account: what it may use, and what its open orders hold."""
    cdef int64_t* available
    cdef int64_t* held
    cdef readonly int64_t count            # accounts, with dense ids from 0
    cdef int64_t capacity
    cdef readonly int64_t deposits_amount  # deposits less withdrawals of all accounts

    cdef int add_account(self, int64_t account_id) except -1
    cdef int deposit(self, int64_t account_id, int64_t amount) except -1
    cdef int withdraw(self, int64_t account_id, int64_t amount) except -1
    cdef int hold(self, int64_t account_id, int64_t amount) except -1
    cdef int settle(self, int64_t account_id, int64_t released, int64_t received) except -1
