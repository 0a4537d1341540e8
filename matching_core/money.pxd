# cython: language_level=3
"""
Money products, in 128 bits where 64 do not hold them.

A notional, price x hours x quantity, is below 2**61 within the bounds of `types`, so 64 bits hold
it; its product with a fee rate does not.

An order is charged cumulatively. `slack` is what its fees so far exceed its exact fees, in 1/10000
fen, 0 to 9999; a fill of notional n at rate b charges f = max(0, ceil((n*b - slack) / 10000)), and
the slack becomes slack + 10000*f - n*b, which is again 0 to 9999. So many small fills never cost
more than one large fill.

What a buy of remaining limit notional N must hold is H(N, s) = N + max(0, ceil((N*B - s) / 10000)),
with B the higher of its two rates. Every fill is paid out of the hold:

    H(N, s) - H(N - m, s') >= n + f      for n <= m (the same quantity at the limit), b <= B

because N - (N - m) >= n, and 10000*f covers n*b - s: the fee part left, (N - m)*B - s', is at most
(N - m)*B + n*b - s - 10000*f <= N*B - s - 10000*f. What is over becomes available.

A house member's sell holds the fee part alone. At its limit (n = m) the same inequality holds; a
better price may charge more, and with a large slack the hold may even have to grow. Both come from
available cash, and the plan checks that it is there.
"""

from libc.stdint cimport int64_t

cdef extern from *:
    """
    #include <stdint.h>

    #define CORE_MAX_INTEGER 9007199254740991LL

    static inline int64_t core_fee_due(int64_t notional, int64_t bps, int64_t slack) {
        __int128 open = (__int128)notional * bps - slack;
        return open <= 0 ? 0 : (int64_t)((open + 9999) / 10000);
    }

    static inline int64_t core_slack_after(
        int64_t slack, int64_t fee, int64_t notional, int64_t bps
    ) {
        __int128 after = (__int128)fee * 10000 + slack - (__int128)notional * bps;
        return after < 0 || after > 9999 ? -1 : (int64_t)after;
    }

    static inline int64_t core_fee_at_most(int64_t notional, int64_t bps, int64_t room) {
        return (int64_t)(((__int128)notional * bps + room) / 10000);
    }

    static inline int64_t core_share(int64_t amount, int64_t part_qty, int64_t whole_qty) {
        return (int64_t)((__int128)amount * part_qty / whole_qty);
    }
    """
    const int64_t MAX_INTEGER "CORE_MAX_INTEGER"
    # The fee of a fill, rounded up: the venue gains.
    int64_t fee_due "core_fee_due"(int64_t notional, int64_t bps, int64_t slack) noexcept nogil
    # The slack once `fee` was charged for `notional`; -1 where that is not 0 to 9999.
    int64_t slack_after "core_slack_after"(
        int64_t slack, int64_t fee, int64_t notional, int64_t bps
    ) noexcept nogil
    # What the fees of several orders may come to, `room` being the sum of what each one's slack lacks
    # to 9999; see `links`.
    int64_t fee_at_most "core_fee_at_most"(int64_t notional, int64_t bps, int64_t room) noexcept nogil
    # A part of an amount, rounded down: what stays behind gains.
    int64_t share "core_share"(int64_t amount, int64_t part_qty, int64_t whole_qty) noexcept nogil
