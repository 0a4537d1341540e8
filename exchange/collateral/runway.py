"""
How long a loan lasts if nothing happens but the passing of days, at several prices.

A strip melts as it is delivered while interest accrues, so even a calm market brings every
unrepaid loan to its call; at a lower price it comes sooner. The days until then are the early
warning on a bank's screen. A strip that starts late first gains as its discount unwinds, so a loan
may be called, calm and called again: the first day is found by leaving out stretches that cannot
have a call in them, and looking at each day of the others.

The break-even rent is the price at which the delivered days, all sublet and all rent swept to the
lender each day, just repay the loan with interest by the end.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from exchange.collateral.curve import Curve, moved
from exchange.collateral.ladder import rungs
from exchange.collateral.present_value import Contract, market_amount, present_value
from exchange.collateral.rounding import divide_up
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import HOURS_PER_DAY, PPM_WHOLE

INTEREST_YEAR_DAYS = 360
SHOWN_MOVES_PPM = (0, -100_000, -200_000, -300_000)
"""At today's prices, and 10, 20 and 30 % under them."""


class Loan(Struct, frozen=True, kw_only=True):
    """What is owed today and how it grows."""

    loan_amount: int
    """Principal with interest accrued so far."""
    drawn_ltv_ppm: int
    interest_ppm: int
    """A year of 360 days, simple, on the amount of today."""


class Secured(Struct, frozen=True, kw_only=True):
    """One contract of the pool behind a loan, with the curve of its class and region."""

    contract: Contract
    curve: Curve


class Runway(Struct, frozen=True, kw_only=True):
    """
    Days from the valuation day; 0 says that it has happened.

    Neither is later than the last delivery: from then on nothing secures the loan.
    """

    margin_call_days_count: int
    liquidation_days_count: int
    move_ppm: int = 0
    """How far all prices were moved first."""


def runway(
    loan: Loan, contract: Contract, curve: Curve, valuation_day: int, parameters: RiskParameters
) -> Runway:
    """When time alone would bring a loan on one contract to a call and to liquidation."""
    pool = [Secured(contract=contract, curve=curve)]
    return pool_runway(loan, pool, valuation_day, parameters)


def melting(
    loan: Loan,
    pool: Sequence[Secured],
    valuation_day: int,
    parameters: RiskParameters,
    moves_ppm: Sequence[int] = SHOWN_MOVES_PPM,
) -> list[Runway]:
    """The runway of a loan on a pool at each of several prices."""
    return [pool_runway(loan, pool, valuation_day, parameters, move_ppm) for move_ppm in moves_ppm]


def pool_runway(
    loan: Loan,
    pool: Sequence[Secured],
    valuation_day: int,
    parameters: RiskParameters,
    move_ppm: int = 0,
) -> Runway:
    """When a loan on a pool is called and sold, once all prices have moved and then stand still."""
    steps = rungs(loan.drawn_ltv_ppm, parameters)
    shifted = [Secured(contract=each.contract, curve=moved(each.curve, move_ppm)) for each in pool]
    last = max((each.contract.end_day - 1 for each in pool), default=valuation_day)
    last_count = max(0, last - valuation_day)

    def lowest_amount(first_count: int, end_count: int) -> int:
        days = (valuation_day + first_count, valuation_day + end_count)
        return _lowest_amount(shifted, *days, parameters)

    def owed(days_count: int) -> int:
        return owed_amount(loan, days_count)

    called = first_day_of(owed, lowest_amount, steps.margin_call_ppm, last_count)
    # The cap on liquidation can put it under the call; else it cannot come before.
    earliest = called if steps.margin_call_ppm <= steps.liquidation_ppm else 0
    return Runway(
        margin_call_days_count=called,
        liquidation_days_count=first_day_of(
            owed, lowest_amount, steps.liquidation_ppm, last_count, earliest
        ),
        move_ppm=move_ppm,
    )


def first_day_of(
    owed_amount: Callable[[int], int],
    lowest_amount: Callable[[int, int], int],
    ratio_ppm: int,
    last_count: int,
    first_count: int = 0,
) -> int:
    """
    The first day, from `first_count` on, on which what is owed reaches a ratio of the value.

    Days are counted; `last_count` if it comes no sooner. `lowest_amount(first, end)` is no more
    than the value on any of the days from `first` up to `end`, not included, and the value itself
    of a single day. What is owed never falls. So a stretch whose last debt is covered by its lowest
    value has no call in it; another is halved.
    """
    stretches = [(first_count, last_count)]
    while stretches:
        first, end = stretches.pop()
        if first >= end:
            continue
        if owed_amount(end - 1) * PPM_WHOLE >= ratio_ppm * lowest_amount(first, end):
            if end - first == 1:
                return first
            middle = (first + end) // 2
            stretches += [(middle, end), (first, middle)]
    return last_count


def owed_amount(loan: Loan, days_count: int) -> int:
    """The loan after so many more days without a payment, interest up."""
    interest = loan.loan_amount * loan.interest_ppm * days_count
    return loan.loan_amount + divide_up(interest, INTEREST_YEAR_DAYS * PPM_WHOLE)


def break_even_price(
    loan: Loan, contract: Contract, valuation_day: int, utilisation_ppm: int = PPM_WHOLE
) -> int:
    """
    The lowest rent in fen per GPU-hour that repays the loan with interest, up.

    Each day's rent is swept, interest (up to the fen) before principal. At a lower utilisation the
    rent must bring the same from fewer hours. A contract that delivers no more has none: 0.
    """
    return pool_break_even_price(loan, [contract], valuation_day, utilisation_ppm)


def pool_break_even_price(
    loan: Loan, pool: Sequence[Contract], valuation_day: int, utilisation_ppm: int = PPM_WHOLE
) -> int:
    """The same of a loan on several contracts, at one rent for the hours of all."""
    tomorrow = valuation_day + 1
    left = [each for each in pool if max(each.start_day, tomorrow) < each.end_day]
    if not left or not loan.loan_amount:
        return 0
    first_day = max(tomorrow, min(each.start_day for each in left))
    last_day = max(each.end_day for each in left)
    idle_count = first_day - tomorrow
    at_start = owed_amount(loan, idle_count)
    daily_hours = [
        HOURS_PER_DAY
        * sum(each.contract_qty for each in left if each.start_day <= day < each.end_day)
        for day in range(first_day, last_day)
    ]

    def is_repaid(price: int) -> bool:
        left_amount = at_start
        for hours in daily_hours:
            interest = left_amount * loan.interest_ppm
            left_amount += divide_up(interest, INTEREST_YEAR_DAYS * PPM_WHOLE) - price * hours
            if left_amount <= 0:
                return True
        return False

    highest = divide_up(owed_amount(loan, idle_count + 1), daily_hours[0])
    lowest = bisect_left(range(highest), True, key=is_repaid)
    return divide_up(lowest * PPM_WHOLE, utilisation_ppm)


def pool_amount(pool: Sequence[Secured], day: int, parameters: RiskParameters) -> int:
    """The eligible value of a pool on a later day, at the same prices."""
    return sum(
        min(
            present_value(each.contract, each.curve, day, parameters).pv_amount,
            market_amount(each.contract, each.curve, day, parameters),
        )
        for each in pool
    )


def _lowest_amount(
    pool: Sequence[Secured], first_day: int, end_day: int, parameters: RiskParameters
) -> int:
    """
    No more than the pool's value on any day from the first up to the end, at the same prices.

    What is delivered in between is left out, and the rest discounted from the first day.
    """
    lowest_amount = 0
    for each in pool:
        start_day = max(each.contract.start_day, end_day)
        if start_day < each.contract.end_day:
            left = replace(each.contract, start_day=start_day)
            lowest_amount += min(
                present_value(left, each.curve, first_day, parameters).pv_amount,
                market_amount(left, each.curve, first_day, parameters),
            )
    return lowest_amount
