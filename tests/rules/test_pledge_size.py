"""How much one pledge, and all behind one loan, may be: never more than a mark can state."""

import pytest
from msgspec.structs import replace

from exchange.collateral.curve import Curve
from exchange.collateral.marks import HIGHEST_MICRO
from exchange.collateral.present_value import Contract
from exchange.collateral.valuation import contract_worth
from exchange.domain.commands import RequestPledge
from exchange.domain.lending_commands import AddCollateral, SubstituteCollateral
from exchange.domain.reasons import Reason
from exchange.domain.units import HOURS_PER_DAY, MAX_INTEGER, MAX_QTY, PPM_WHOLE
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, month_of
from exchange.genesis import risk_parameters
from exchange.rules.pledges import MAX_MARKED_HOURS
from tests.rules.lending import APPLICATION, LendingMarket, offer
from tests.rules.markets import assert_refused, day, own, span
from tests.scenario import BANK, SUPPLIER, TRADER

FIRST = day("2027-01-01")
QUARTER_HOURS = 90 * HOURS_PER_DAY
MOST_QTY = MAX_MARKED_HOURS // QUARTER_HOURS
"""GPUs of the first quarter."""
WHOLE_RENT = replace(
    risk_parameters(),
    occupancy_ppm=PPM_WHOLE,
    sla_ppm=PPM_WHOLE,
    fee_ppm=0,
    rate_ppm=0,
    curve_decline_ppm=0,
)
"""Of what a bank may sign, what makes the most of a price."""


@pytest.fixture
def market() -> LendingMarket:
    """The trader owns a little more than the most of the first quarter."""
    market = LendingMarket()
    market.grant("Y27", 1_000_000)
    market.deposit(TRADER, 10**13)
    own(market, TRADER, market.list_window("Q271"), MOST_QTY, 1_000)
    market.mark()
    return market


def worth(qty: int, days: int) -> tuple[int, int, int]:
    """The amounts of a mark of so many GPUs for so many days at the highest price."""
    contract = Contract(contract_qty=qty, start_day=FIRST, end_day=FIRST + days)
    curve = Curve(months=(month_of(FIRST),), marks_micro=(HIGHEST_MICRO,))
    found = contract_worth(contract, curve, FIRST - 1, WHOLE_RENT)
    return found.market_amount, found.pv_amount, found.nominal_amount


@pytest.mark.parametrize("days", [1, 90, MAX_USER_DEFINED_DAYS])
def test_the_most_that_may_be_pledged_is_no_more_than_an_amount_at_the_highest_price(days):
    most_qty = MAX_MARKED_HOURS // (days * HOURS_PER_DAY)
    assert max(worth(most_qty, days)) <= MAX_INTEGER
    assert min(worth(most_qty + 1, days)) > MAX_INTEGER


def test_a_request_is_for_so_many_gpu_hours_and_no_more(market):
    market.grant("Y28", MAX_QTY)
    command = RequestPledge(
        product_id=1, pledged_qty=MOST_QTY, bank_account_id=BANK, **span("Q271")
    )
    market.do(TRADER, command)
    beyond = replace(command, pledged_qty=MOST_QTY + 1)
    hours = (MOST_QTY + 1) * QUARTER_HOURS
    assert_refused(market, TRADER, beyond, Reason.PLEDGE_SIZE, hours, MAX_MARKED_HOURS)
    everything = replace(command, pledged_qty=MAX_QTY, **span("Y28"))
    hours = MAX_QTY * MAX_USER_DEFINED_DAYS * HOURS_PER_DAY
    assert_refused(market, SUPPLIER, everything, Reason.PLEDGE_SIZE, hours, MAX_MARKED_HOURS)


def test_what_secures_a_loan_is_measured_together(market):
    parts = [offer(pledged_qty=MOST_QTY - 10), offer(pledged_qty=10)]
    beyond = replace(APPLICATION, collateral=[*parts, offer(pledged_qty=1)])
    hours = (MOST_QTY + 1) * QUARTER_HOURS
    assert_refused(market, TRADER, beyond, Reason.PLEDGE_SIZE, hours, MAX_MARKED_HOURS)
    market.do(TRADER, replace(APPLICATION, collateral=parts))


def test_no_more_is_added_to_a_loan_or_takes_a_pledges_place(market):
    market.drawn(1_000, collateral=[offer(pledged_qty=MOST_QTY - 20), offer(pledged_qty=10)])
    hours = (MOST_QTY + 1) * QUARTER_HOURS
    too_much = (Reason.PLEDGE_SIZE, hours, MAX_MARKED_HOURS)
    add = AddCollateral(loan_id=1, collateral=offer(pledged_qty=11))
    assert_refused(market, TRADER, add, *too_much)
    other = SubstituteCollateral(pledge_id=2, collateral=offer(pledged_qty=21))
    assert_refused(market, TRADER, other, *too_much)
    market.do(TRADER, replace(other, collateral=offer(pledged_qty=20)))
    market.assert_replays()
