"""
Whole pools at once: a hundred thousand pledges, the same figures to the fen.

Pledges come as columns. A market says how one node, supplier and bank are valued; pledges of one
curve share a table of slices, and pledges of one market and window share a haircut: every line
only rises with the strip factor and with the average life, so where the haircut of the smallest of
both equals that of the largest, all between have it too. Where it differs, each has its own.

`revalue` answers what `valuation.value_contract` answers for each pledge; a test compares them.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from exchange.collateral.expected_shortfall import historical_es_e12
from exchange.collateral.haircut import Haircut, haircut
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import YEAR_DAYS, Contract
from exchange.collateral.rounding import E12
from exchange.collateral.slice_table import (
    DAMPING_DIGIT,
    WAL_DIGIT,
    AmountTooLarge,
    Integers,
    SliceTable,
)
from exchange.collateral.valuation import ContractInputs, haircut_inputs, value_contract
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE


class PledgeColumns(Struct, frozen=True, kw_only=True):
    """Pledges, one a row."""

    market: NDArray[np.int64]
    """Which of the markets values it."""
    pledged_qty: NDArray[np.int64]
    start_day: NDArray[np.int64]
    end_day: NDArray[np.int64]


class Revaluation(Struct, frozen=True, kw_only=True):
    """What each pledge is worth and lends, in the order of the columns."""

    value_amounts: NDArray[np.int64]
    lendable_amounts: NDArray[np.int64]
    haircut_of: NDArray[np.int64]
    """Which of the haircuts a pledge has."""
    haircuts: tuple[Haircut, ...]


class _Rows(Struct, frozen=True, kw_only=True):
    """Pledges of one curve: what they are worth and what their haircuts depend on."""

    value_amounts: Integers
    strip_factors_e12: Integers
    wal_years_e12: Integers


class _WorstOutcomes:
    """The historical shortfall by volatility and strip factor, which markets of a curve share."""

    def __init__(self, parameters: RiskParameters) -> None:
        self._parameters = parameters
        self._known: dict[tuple[int, int], int] = {}

    def of(self, market: ContractInputs, strip_e12: int) -> int:
        """The volatility is told by its identity: markets outlive this."""
        if market.recorded_es_e12 is not None:
            return market.recorded_es_e12
        key = (id(market.volatility), strip_e12)
        if key not in self._known:
            self._known[key] = historical_es_e12(market.volatility, strip_e12, self._parameters)
        return self._known[key]


class _Cuts:
    """Haircuts of one market."""

    def __init__(
        self, market: ContractInputs, worst: _WorstOutcomes, parameters: RiskParameters
    ) -> None:
        self._market, self._worst, self._parameters = market, worst, parameters

    def of(
        self, members: Integers, strips: Integers, lives: Integers
    ) -> list[tuple[Integers, Haircut]]:
        """
        The haircuts of some members of a window: one for all, or one for each pair of figures.

        The ends are those of the whole window, so that its markets ask for the same shortfalls,
        unless those are recorded.
        """
        if len(members) == 1 and self._market.recorded_es_e12 is not None:
            return [(members, self._cut(strips[members[0]], lives[members[0]]))]
        lowest = self._cut(strips.min(), lives.min())
        if lowest == self._cut(strips.max(), lives.max()):
            return [(members, lowest)]
        pairs = np.stack((strips[members], lives[members]))
        each, pair_of = np.unique(pairs, axis=1, return_inverse=True)
        return [
            (members[pair_of.ravel() == at], self._cut(strip_e12, wal_e12))
            for at, (strip_e12, wal_e12) in enumerate(each.T)
        ]

    def _cut(self, strip_e12: np.int64, wal_e12: np.int64) -> Haircut:
        worst_e12 = self._worst.of(self._market, int(strip_e12))
        found = haircut_inputs(self._market, int(strip_e12), int(wal_e12), worst_e12)
        return haircut(found, self._parameters)


def revalue(
    pledges: PledgeColumns, markets: Sequence[ContractInputs], parameters: RiskParameters
) -> Revaluation:
    """Values every pledge in its market; a market's own contract is not looked at."""
    count = len(pledges.pledged_qty)
    values, ratios_ppm, haircut_of = (np.zeros(count, dtype=np.int64) for _ in range(3))
    haircuts: list[Haircut] = []
    for rows, of_curve in _by_curve(pledges, markets):
        try:
            found = _valued(rows, pledges, of_curve, parameters)
        except AmountTooLarge:
            found = _one_by_one(rows, pledges, of_curve, parameters)
        values[rows] = found.value_amounts
        worst = _WorstOutcomes(parameters)
        for window in _grouped((pledges.start_day[rows], pledges.end_day[rows])):
            strips, lives = found.strip_factors_e12[window], found.wal_years_e12[window]
            for members in _grouped((pledges.market[rows[window]],)):
                market = markets[int(pledges.market[rows[window[members[0]]]])]
                cuts = _Cuts(market, worst, parameters)
                for part, cut in cuts.of(members, strips, lives):
                    at = rows[window[part]]
                    haircut_of[at], ratios_ppm[at] = len(haircuts), cut.ltv_ppm
                    haircuts.append(cut)
                    if market.level is MarkLevel.UNMARKABLE:
                        values[at] = 0
    return Revaluation(
        value_amounts=values,
        lendable_amounts=shares(values, ratios_ppm),
        haircut_of=haircut_of,
        haircuts=tuple(haircuts),
    )


def shares(amounts: Integers, ratio_ppm: Integers | int) -> Integers:
    """So many parts of a million of each, down; divided in two digits, so that none overflows."""
    whole, rest = np.divmod(amounts, PPM_WHOLE)
    found = whole * ratio_ppm + (rest * ratio_ppm) // PPM_WHOLE
    return found.astype(np.int64, copy=False)


def _by_curve(
    pledges: PledgeColumns, markets: Sequence[ContractInputs]
) -> list[tuple[Integers, ContractInputs]]:
    """The pledges' rows by curve and valuation day, with one market of each."""
    keys: dict[tuple[object, ...], int] = {}
    curve_of = np.array(
        [
            keys.setdefault(
                (market.curve.months, market.curve.marks_micro, market.valuation_day), len(keys)
            )
            for market in markets
        ],
        dtype=np.int64,
    )
    of_pledge = curve_of[pledges.market]
    order = np.argsort(of_pledge, kind="stable")
    cuts = np.flatnonzero(np.diff(of_pledge[order])) + 1
    parts = [part for part in np.split(order, cuts) if len(part)]
    return [(part, markets[int(pledges.market[part[0]])]) for part in parts]


def _grouped(keys: tuple[Integers, ...]) -> list[Integers]:
    """The rows of each combination of keys; none of nothing."""
    order = np.lexsort(keys)
    changes = np.zeros(max(0, len(order) - 1), dtype=np.bool_)
    for key in keys:
        changes |= np.diff(key[order]) != 0
    return [part for part in np.split(order, np.flatnonzero(changes) + 1) if len(part)]


def _valued(
    rows: Integers, pledges: PledgeColumns, inputs: ContractInputs, parameters: RiskParameters
) -> _Rows:
    """Values rows of one curve from its table of slices."""
    quantities, row_of = np.unique(pledges.pledged_qty[rows], return_inverse=True)
    last_day = int(pledges.end_day[rows].max())
    table = SliceTable(quantities, inputs.curve, inputs.valuation_day, last_day, parameters)
    end = np.maximum(pledges.end_day[rows] - table.first_day, 0)
    start = np.minimum(np.maximum(pledges.start_day[rows] - table.first_day, 0), end)

    def within(sums: Integers) -> Integers:
        found: Integers = sums[row_of, end] - sums[row_of, start]
        return found

    pv, day_weighted = within(table.pv_amounts), within(table.day_weighted)
    high, low = (within(sums) for sums in table.damped)
    return _Rows(
        value_amounts=np.minimum(pv, within(table.market_amounts)),
        strip_factors_e12=_strip_factors_e12(high, low, pv),
        wal_years_e12=_wal_years_e12(day_weighted, pv),
    )


def _one_by_one(
    rows: Integers, pledges: PledgeColumns, inputs: ContractInputs, parameters: RiskParameters
) -> _Rows:
    """The same for amounts that leave 64 bits on the way; they must fit in the end."""
    marks = []
    for row in rows.tolist():
        contract = Contract(
            contract_qty=int(pledges.pledged_qty[row]),
            start_day=int(pledges.start_day[row]),
            end_day=int(pledges.end_day[row]),
        )
        marks.append(value_contract(replace(inputs, contract=contract), parameters))
    columns = [
        [min(mark.pv_amount, mark.market_amount), mark.strip_factor_e12, mark.wal_years_e12]
        for mark in marks
    ]
    values, strips, lives = np.array(columns, dtype=np.int64).T
    return _Rows(value_amounts=values, strip_factors_e12=strips, wal_years_e12=lives)


def _strip_factors_e12(high: Integers, low: Integers, weight: Integers) -> Integers:
    """(high · 10⁶ + low) over the weight, up; 1 of nothing. Divided digit by digit."""
    safe = np.maximum(weight, 1)
    whole, rest = np.divmod(high, safe)
    factors = whole * DAMPING_DIGIT - (-(rest * DAMPING_DIGIT + low) // safe)
    found: Integers = np.where(weight > 0, factors, E12)
    return found


def _wal_years_e12(day_weighted: Integers, weight: Integers) -> Integers:
    """Days · 10¹² over 365 weights, up; 0 of nothing. Divided in three digits of four places."""
    yearly = np.maximum(weight, 1) * YEAR_DAYS
    years, rest = np.divmod(day_weighted, yearly)
    for _ in range(2):
        digit, rest = np.divmod(rest * WAL_DIGIT, yearly)
        years = years * WAL_DIGIT + digit
    years = years * WAL_DIGIT - (-(rest * WAL_DIGIT) // yearly)
    found: Integers = np.where(weight > 0, years, 0)
    return found
