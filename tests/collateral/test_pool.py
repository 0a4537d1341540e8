"""Whole pools against one contract after the other: the same figures, to the last fen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.curve import Curve
from exchange.collateral.haircut_lines import Grade, Liquidity, Supplier
from exchange.collateral.marks import MarkLevel
from exchange.collateral.pool import PledgeColumns, revalue
from exchange.collateral.present_value import Contract
from exchange.collateral.valuation import ContractInputs, value_contract

from .first_proposal import PARAMETERS
from .test_valuation import EVE, INPUTS


def columns(rows: list[tuple[int, int, int, int]]) -> PledgeColumns:
    """Pledges from (market, quantity, first day, days)."""
    market, qty, start, days = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return PledgeColumns(
        market=market, pledged_qty=qty, start_day=EVE + start, end_day=EVE + start + days
    )


def one_by_one(pledges: PledgeColumns, markets: list[ContractInputs], parameters):
    """The same by the model's own function."""
    for market, qty, start, end in zip(
        pledges.market, pledges.pledged_qty, pledges.start_day, pledges.end_day, strict=True
    ):
        contract = Contract(contract_qty=int(qty), start_day=int(start), end_day=int(end))
        yield value_contract(replace(markets[market], contract=contract), parameters)


def assert_same(pledges: PledgeColumns, markets: list[ContractInputs], parameters=PARAMETERS):
    found = revalue(pledges, markets, parameters)
    for row, mark in enumerate(one_by_one(pledges, markets, parameters)):
        assert found.value_amounts[row] == mark.value_amount
        assert found.lendable_amounts[row] == mark.lendable_amount
        assert found.haircuts[found.haircut_of[row]] == mark.haircut


markets = st.builds(
    lambda prices, grade, level, hours, spread, recorded_es_e12: replace(
        INPUTS,
        recorded_es_e12=recorded_es_e12,
        curve=Curve(months=tuple(202501 + at for at in range(len(prices))), marks_micro=prices),
        supplier=Supplier(grade=grade, pool_share_ppm=200_000, uptime_ppm=995_000),
        level=level,
        liquidity=Liquidity(position_hours=hours, adv_hours=4_000_000, half_spread_ppm=spread),
    ),
    st.lists(st.integers(1, 100_000_000), min_size=1, max_size=12).map(tuple),
    st.sampled_from(Grade),
    st.sampled_from(MarkLevel),
    st.integers(0, 50_000_000),
    st.integers(0, 150_000),
    st.none() | st.integers(0, 400_000_000_000),
)
pledges = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 3_000), st.integers(-60, 120), st.integers(1, 400)),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(
    pledges,
    st.lists(markets, min_size=3, max_size=3),
    st.sampled_from([(1_000_000, 1_000_000, 0), (850_000, 990_000, 5_000), (1, 999_999, 7)]),
    st.integers(0, 400_000),
)
def test_a_pool_is_valued_as_its_contracts_are_one_by_one(rows, of_markets, kept, rate_ppm):
    occupancy_ppm, sla_ppm, fee_ppm = kept
    parameters = replace(
        PARAMETERS,
        occupancy_ppm=occupancy_ppm,
        sla_ppm=sla_ppm,
        fee_ppm=fee_ppm,
        rate_ppm=rate_ppm,
    )
    assert_same(columns(rows), of_markets, parameters)


def test_exact_halves_go_to_the_even_fen():
    """Undiscounted, a day of one GPU at 3 125 micro-CNY is seven fen and a half."""
    undiscounted = replace(PARAMETERS, rate_ppm=0, curve_decline_ppm=0)
    rows = [(0, qty, 1, 1) for qty in range(1, 12)]
    cheap = replace(INPUTS, curve=Curve(months=(202501,), marks_micro=(3_125,)))
    found = revalue(columns(rows), [cheap], undiscounted)
    assert found.value_amounts.tolist() == [8, 15, 22, 30, 38, 45, 52, 60, 68, 75, 82]


def test_an_empty_pool_and_a_delivered_one_are_worth_nothing():
    assert len(revalue(columns([]), [INPUTS], PARAMETERS).value_amounts) == 0
    assert_same(columns([(0, 8, -40, 20), (0, 8, -40, 40)]), [INPUTS])


def test_pledges_whose_haircut_depends_on_their_rounding_have_each_their_own():
    """A price near nothing: a fen more or less changes weights, and so strip factor and life."""
    cheap = replace(INPUTS, curve=Curve(months=(202501,), marks_micro=(300,)))
    rows = [(0, qty, 1, 300) for qty in range(1, 40)]
    found = revalue(columns(rows), [cheap], PARAMETERS)
    assert len(found.haircuts) > 1
    assert_same(columns(rows), [cheap])


def test_a_contract_beyond_64_bits_on_the_way_is_valued_by_itself():
    rows = [(0, 10_000_000, 1, 365), (0, 8, 1, 365)]
    assert_same(columns(rows), [INPUTS])


@pytest.mark.parametrize("qty", [1, 999, 1_000_000])
def test_every_month_of_a_year_is_the_years_part(qty):
    rows = [(0, qty, start, days) for start, days in ((1, 365), (1, 31), (32, 28), (60, 306))]
    whole, *parts = revalue(columns(rows), [INPUTS], PARAMETERS).value_amounts.tolist()
    assert whole == sum(parts)
