"""
The model beside QuantLib, which others wrote: discounting, present values, prices and yields.

QuantLib computes in floating point with its own calendars and solvers; agreement to a hundredth of
a fen a slice is all that its numbers can say. Without it (`.[checks]`) this file is skipped.
"""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.crt import MONTH_END_DAYS, level_amount, price_e12, yield_e12
from exchange.collateral.curve import Curve, forward_micro, months_within
from exchange.collateral.present_value import (
    Contract,
    arrears_amount,
    discount_factor_e12,
    present_value,
)
from exchange.domain.windows import date_of

from .first_proposal import PARAMETERS, day

ql = pytest.importorskip("QuantLib", reason="QuantLib is not installed: pip install '.[checks]'")

EVE = day("2024-12-31")
DAY_COUNT = ql.Actual365Fixed()
NOTE = 30_000_000_000
rates = st.integers(0, 400_000)


def ql_date(day_number: int):
    """A day number as QuantLib's date."""
    at = date_of(day_number)
    return ql.Date(at.day, at.month, at.year)


def flows_of(amounts: dict[int, float]):
    """Cash flows by day number."""
    return [ql.SimpleCashFlow(amount, ql_date(at)) for at, amount in amounts.items()]


def value_of(amounts: dict[int, float], valuation_day: int, rate: float) -> float:
    """What QuantLib makes of them at an annual effective rate."""
    settlement = ql_date(valuation_day)
    yield_of = ql.InterestRate(rate, DAY_COUNT, ql.Compounded, ql.Annual)
    return ql.CashFlows.npv(flows_of(amounts), yield_of, False, settlement, settlement)


@settings(deadline=None)
@given(st.integers(0, 3_650), rates)
def test_a_discount_factor_is_the_one_of_quantlib(days_count, rate_ppm):
    found = discount_factor_e12(days_count, rate_ppm) / 1e12
    rate = ql.InterestRate(rate_ppm / 1e6, DAY_COUNT, ql.Compounded, ql.Annual)
    assert found == pytest.approx(rate.discountFactor(days_count / 365), abs=1e-12)


contracts = st.builds(
    lambda qty, start, days: Contract(
        contract_qty=qty, start_day=EVE + start, end_day=EVE + start + days
    ),
    st.integers(1, 5_000),
    st.integers(-60, 200),
    st.integers(1, 400),
)


@settings(deadline=None, max_examples=40)
@given(contracts, st.lists(st.integers(10**6, 10**8), min_size=1, max_size=12), rates)
def test_a_contract_is_worth_what_quantlib_says(contract, prices, rate_ppm):
    parameters = replace(PARAMETERS, rate_ppm=rate_ppm)
    months = tuple(202501 + after for after in range(len(prices)))
    curve = Curve(months=months, marks_micro=tuple(prices))
    worth = present_value(contract, curve, EVE, parameters)
    first_day = max(contract.start_day, EVE + 1)
    amounts = {
        at: contract.contract_qty * 24 * forward_micro(curve, month, parameters) / 1e4
        for month, from_day, to_day in months_within(first_day, contract.end_day)
        for at in range(from_day, to_day)
    }
    expected = value_of(amounts, EVE, rate_ppm / 1e6) if amounts else 0.0
    assert worth.pv_amount == pytest.approx(expected, abs=0.5 * len(amounts) + 0.01, rel=1e-11)


def test_a_year_by_the_day_and_in_arrears_is_worth_what_quantlib_says():
    year = Contract(contract_qty=1000, start_day=EVE + 1, end_day=EVE + 366)
    flat = Curve(months=(202501,), marks_micro=(8_000_000,))
    level = replace(PARAMETERS, curve_decline_ppm=0)
    by_day = dict.fromkeys(range(EVE + 1, EVE + 366), 19200000.0)
    assert present_value(year, flat, EVE, level).pv_amount == pytest.approx(
        value_of(by_day, EVE, 0.06), abs=182.5
    )
    by_month = {
        to_day - 1: 19_200_000.0 * (to_day - from_day)
        for _, from_day, to_day in months_within(EVE + 1, EVE + 366)
    }
    assert len(by_month) == 12
    assert arrears_amount(year, flat, EVE, level) == pytest.approx(
        value_of(by_month, EVE, 0.06), abs=6
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(-300_000, 3_000_000))
def test_a_notes_price_is_the_one_of_quantlib(yield_ppm):
    payment = level_amount(NOTE, MONTH_END_DAYS, PARAMETERS)
    found = price_e12(payment, MONTH_END_DAYS, NOTE, yield_ppm * 10**6) / 1e12
    amounts = {EVE + after: float(payment) for after in MONTH_END_DAYS}
    assert found == pytest.approx(value_of(amounts, EVE, yield_ppm / 1e6) / NOTE * 100, rel=1e-10)


@settings(deadline=None, max_examples=15)
@given(st.integers(80_000_000, 105_000_000))
def test_a_notes_yield_is_the_one_of_quantlib(price_micro):
    payment = level_amount(NOTE, MONTH_END_DAYS, PARAMETERS)
    found = yield_e12(payment, MONTH_END_DAYS, NOTE, price_micro * 10**6) / 1e12
    flows = flows_of({EVE + after: float(payment) for after in MONTH_END_DAYS})
    worth = NOTE * price_micro / 1e8
    expected = ql.CashFlows.yieldRate(
        flows, worth, DAY_COUNT, ql.Compounded, ql.Annual, False, ql_date(EVE), ql_date(EVE),
        1e-12, 1_000, 0.05,
    )  # fmt: skip
    assert found == pytest.approx(expected, abs=1e-9)


def test_days_of_the_market_are_days_of_quantlib():
    for day_number in (EVE, EVE + 59, EVE + 365):
        plain = date_of(EVE) + timedelta(days=day_number - EVE)
        assert ql_date(day_number) == ql.Date(plain.day, plain.month, plain.year)
