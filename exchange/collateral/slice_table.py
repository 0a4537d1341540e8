"""
Present values of many quantities of one curve at once: exact, in 64-bit integers.

A window's value is the sum of its days, each rounded half to even for its own quantity. So for a
curve and a day of valuation there is one table: a row for each quantity, a column for each day to
come, summed up along the days; any window of any listed quantity is then a difference of two
columns. What a row holds is what `present_value` says of that contract, to the last fen.

One GPU's slice is a fraction of integers far beyond 64 bits. It is split into whole fen and a
fraction in digits of eight decimal places each, which quantities below `HIGHEST_QTY` cannot
overflow; the products are carried from digit to digit and rounded at the end.
"""

from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from exchange.collateral.curve import Curve, forward_micro, months_within
from exchange.collateral.expected_shortfall import damping_e12
from exchange.collateral.present_value import (
    AMOUNT_SCALE,
    YEAR_DAYS,
    Contract,
    discount_factor_e12,
    slice_numerator,
)
from exchange.collateral.rounding import E12
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import HOURS_PER_DAY, MICRO_PER_FEN

Integers = NDArray[np.int64]

DIGIT = 10**8
HALF_DIGIT = DIGIT // 2
HIGHEST_QTY = 10**9
HIGHEST_AMOUNT = 2 * 10**12
"""Of one contract, 20 billion yuan: up to here no sum or remainder leaves 64 bits."""
DAMPING_DIGIT = 10**6
WAL_DIGIT = 10**4


class AmountTooLarge(Exception):
    """A contract is too large for 64 bits; value it by itself."""


class SliceTable:
    """All undelivered days of some quantities on one curve."""

    def __init__(
        self,
        quantities: Integers,
        curve: Curve,
        valuation_day: int,
        end_day: int,
        parameters: RiskParameters,
    ) -> None:
        """Quantities rise, each once; days run from the one after the valuation to `end_day`."""
        self.quantities = quantities
        self.first_day = valuation_day + 1
        self._curve = curve
        self._end_day = max(end_day, self.first_day)
        self._parameters = parameters
        whole = Contract(contract_qty=1, start_day=self.first_day, end_day=self._end_day)
        self._spans = months_within(whole.start_day, whole.end_day)
        largest = int(quantities[-1]) if len(quantities) else 0
        if largest > HIGHEST_QTY or largest * self._sum_of_one() > HIGHEST_AMOUNT:
            raise AmountTooLarge(f"amount_too_large: {largest} GPUs for {len(self.distances)} days")
        self._amounts = self._slices()

    @cached_property
    def distances(self) -> Integers:
        """Days from the valuation to each column."""
        return np.arange(1, self._end_day - self.first_day + 1, dtype=np.int64)

    @cached_property
    def pv_amounts(self) -> Integers:
        """Sums of the slices before each column; one column more than there are days."""
        return _summed(self._amounts)

    @cached_property
    def day_weighted(self) -> Integers:
        """Sums of distance times slice."""
        return _summed(self._amounts * self.distances)

    @cached_property
    def damped(self) -> tuple[Integers, Integers]:
        """Sums of slice times damping, in millions of twelve places and the rest."""
        factors = [
            damping_e12(distance, YEAR_DAYS, self._parameters.kappa_e12)
            for distance in range(1, len(self.distances) + 1)
        ]
        high, low = np.divmod(np.array(factors, dtype=np.int64), DAMPING_DIGIT)
        return _summed(self._amounts * high), _summed(self._amounts * low)

    @cached_property
    def market_amounts(self) -> Integers:
        """Sums of the slices at the marks, undiscounted, each half to even."""
        prices = [
            forward_micro(self._curve, month, self._parameters) for month, _, _ in self._spans
        ]
        exact = self.quantities[:, None] * np.array(prices, dtype=np.int64) * HOURS_PER_DAY
        monthly = _half_even(exact, MICRO_PER_FEN)
        days = [to_day - from_day for _, from_day, to_day in self._spans]
        return _summed(np.repeat(monthly, days, axis=1))

    def _numerators(self) -> list[int]:
        """One GPU's exact discounted slices over `AMOUNT_SCALE` and twelve places."""
        rate_ppm = self._parameters.rate_ppm
        found = []
        for month, from_day, to_day in self._spans:
            price_micro = forward_micro(self._curve, month, self._parameters)
            exact = slice_numerator(1, price_micro, self._parameters)
            first = from_day - self.first_day + 1
            found += [
                exact * discount_factor_e12(distance, rate_ppm)
                for distance in range(first, first + to_day - from_day)
            ]
        return found

    def _sum_of_one(self) -> int:
        """More than one GPU can be worth, discounted or at the marks, whatever is rounded."""
        marks = [
            (to_day - from_day)
            * (forward_micro(self._curve, month, self._parameters) * HOURS_PER_DAY // MICRO_PER_FEN)
            for month, from_day, to_day in self._spans
        ]
        return sum(marks) + 2 * len(self.distances) + 1

    def _slices(self) -> Integers:
        """Each quantity's slice on each day, half to even."""
        numerators, scale = self._numerators(), AMOUNT_SCALE * E12
        if not numerators:
            return np.zeros((len(self.quantities), 0), dtype=np.int64)
        while scale % DIGIT == 0 and not any(number % DIGIT for number in numerators):
            numerators, scale = [number // DIGIT for number in numerators], scale // DIGIT
        wholes, digits = _split(numerators, scale)
        rows = self.quantities[:, None]
        carry = np.zeros((len(rows), len(numerators)), dtype=np.int64)
        is_more = np.zeros(carry.shape, dtype=np.bool_)
        last = carry
        for at, digit in enumerate(digits):
            carry, last = np.divmod(rows * digit + carry, DIGIT)
            if at < len(digits) - 1:
                is_more |= last > 0
        amounts = rows * wholes + carry
        is_half = (last == HALF_DIGIT) & ~is_more
        rises: Integers = amounts + ((last >= HALF_DIGIT) & (~is_half | (amounts % 2 == 1)))
        return rises


def _split(numerators: list[int], scale: int) -> tuple[Integers, list[Integers]]:
    """Whole parts, and fractions as digits of eight places, the least first."""
    digits_count = 1
    while DIGIT**digits_count < scale:
        digits_count += 1
    stretch = DIGIT**digits_count // scale
    assert stretch * scale == DIGIT**digits_count, f"{scale} is no power of ten"
    wholes = [number // scale for number in numerators]
    fractions = [number % scale * stretch for number in numerators]
    powers = [DIGIT**at for at in range(digits_count + 1)]
    digits = [
        np.array([fraction % above // below for fraction in fractions], dtype=np.int64)
        for below, above in pairwise(powers)
    ]
    return np.array(wholes, dtype=np.int64), digits


def _summed(values: Integers) -> Integers:
    """Sums along the days, beginning with nothing."""
    found = np.zeros((values.shape[0], values.shape[1] + 1), dtype=np.int64)
    np.cumsum(values, axis=1, out=found[:, 1:])
    return found


def _half_even(numerators: Integers, denominator: int) -> Integers:
    """Quotients of what is not negative, a tie to the even one."""
    quotients, rests = np.divmod(numerators, denominator)
    is_odd = quotients % 2 == 1
    rises: Integers = quotients + (
        (2 * rests > denominator) | ((2 * rests == denominator) & is_odd)
    )
    return rises
