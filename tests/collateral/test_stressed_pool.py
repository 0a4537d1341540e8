"""All loans of a pool after a scenario against one loan after the other: the same, to the fen."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.present_value import Contract
from exchange.collateral.runway import Loan
from exchange.collateral.stress import SCENARIOS, Scenario, stressed
from exchange.collateral.stressed_pool import loan_columns, loans_after

from .first_proposal import PARAMETERS
from .test_pool import markets, pledges
from .test_stress import LOAN, ON_CURVE
from .test_valuation import EVE


def pool_of(rows, of_markets, loans_count=2):
    """Loans in turn on the pledges of the rows: (market, quantity, first day, days)."""
    loans = [
        Loan(loan_amount=10**9 + number, drawn_ltv_ppm=650_000, interest_ppm=0)
        for number in range(loans_count)
    ]
    contracts = [
        replace(
            of_markets[market],
            contract=Contract(contract_qty=qty, start_day=EVE + start, end_day=EVE + start + days),
        )
        for market, qty, start, days in rows
    ]
    return [(loan, contracts[number::loans_count]) for number, loan in enumerate(loans)]


@settings(deadline=None, max_examples=20)
@given(
    pledges,
    st.lists(markets, min_size=3, max_size=3),
    st.integers(0, 4),
    st.integers(-900_000, 0),
    st.integers(-30_000, 30_000),
)
def test_loans_of_a_pool_stand_where_each_alone_would(
    rows, of_markets, failed_id, move_ppm, later_ppm
):
    shock = Scenario(
        name="it",
        move_ppm=move_ppm,
        later_ppm=later_ppm,
        failed_supplier_account_id=failed_id,
    )
    suppliers = [
        replace(market.supplier, account_id=at + 1) for at, market in enumerate(of_markets)
    ]
    named = [replace(market, supplier=suppliers[at]) for at, market in enumerate(of_markets)]
    pool = pool_of(rows, named)
    found = loans_after(loan_columns(pool), shock, PARAMETERS)
    assert found == [stressed(loan, contracts, shock, PARAMETERS) for loan, contracts in pool]


def test_contracts_that_are_valued_alike_share_a_market():
    other = replace(ON_CURVE, contract=replace(ON_CURVE.contract, contract_qty=77))
    dear = replace(ON_CURVE, curve=replace(ON_CURVE.curve, marks_micro=(9_000_000,) * 12))
    columns = loan_columns([(LOAN, [ON_CURVE, dear]), (LOAN, [other])])
    assert len(columns.markets) == 2
    assert columns.pledges.market.tolist() == [0, 1, 0]
    assert columns.loan_of.tolist() == [0, 0, 1]


def test_a_pool_without_loans_and_a_loan_without_contracts_are_answered_too():
    assert loans_after(loan_columns([]), SCENARIOS[0], PARAMETERS) == []
    [bare] = loans_after(loan_columns([(LOAN, [])]), SCENARIOS[0], PARAMETERS)
    assert bare == stressed(LOAN, [], SCENARIOS[0], PARAMETERS)
    assert bare.shortfall_amount == LOAN.loan_amount
