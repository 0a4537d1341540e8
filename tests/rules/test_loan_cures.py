"""Liquidations that come back: one waterfall for all that comes in, and an end at the ratio."""

import pytest

from exchange.domain.enums import (
    LadderStatus,
    LoanStatus,
    LotEnd,
    PledgeStatus,
    RepaymentSource,
    TradingMode,
)
from exchange.domain.lending_commands import BuyLot
from exchange.domain.lending_events import (
    LadderChanged,
    LiquidationClosed,
    LoanCured,
    LoanDefaulted,
    LoanRepaid,
    LotEnded,
    LotSold,
    PledgeMarked,
    WaterfallPaid,
)
from exchange.domain.movements import CashPaid, CollateralSold, TradeSettled
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import start_ns
from exchange.projections import Projections
from tests.rules.lending import YUAN, repay
from tests.rules.liquidations import (
    FIRST,
    LiquidationMarket,
    cash_of,
    deliver,
    enforcement,
    lot,
    of_kind,
)
from tests.rules.markets import assert_refused, cross, day, events_of
from tests.scenario import BANK, TRADER

HOURS = 24 * 90
ROUND = 48
"""GPUs that a round sells at seven, where the loan is beyond sale and a part would do."""
CURING = 588
"""The lowest price at which a round brings the loan back to its ratio."""


@pytest.fixture
def market():
    """At seven a part of the collateral is enough."""
    market = LiquidationMarket(index_micro=7 * YUAN)
    yield market
    market.assert_replays()


def sell_round(market, price=CURING, sold_qty=ROUND):
    """A round is sold at a price; its record."""
    lot_id = market.offered(lot_qty=sold_qty, start_price=price, floor_price=price)
    return market.bought(lot_id, price)


# -- the way back ----------------------------------------------------------------------------------


def test_a_sale_that_brings_the_loan_back_to_its_ratio_ends_the_liquidation_in_its_record(market):
    owed_amount = market.loan.principal_amount - CURING * HOURS * ROUND
    events = sell_round(market)
    assert [type(event) for event in events] == [
        LotSold,
        TradeSettled,
        CashPaid,
        CollateralSold,
        WaterfallPaid,
        LoanRepaid,
        PledgeMarked,
        LoanCured,
        LadderChanged,
        LiquidationClosed,
    ]
    value_amount = events[6].value_amount
    assert events[7] == LoanCured(loan_id=1, owed_amount=owed_amount, value_amount=value_amount)
    assert owed_amount * PPM_WHOLE <= value_amount * market.loan.drawn_ltv_ppm
    assert events[8].ladder_status is market.loan.ladder_status is LadderStatus.OK
    assert events[9].shortfall_amount == 0
    pledge = market.state.pledges[1]
    assert (market.loan.status, market.loan.principal_amount) == (
        LoanStatus.PERFORMING,
        owed_amount,
    )
    assert (pledge.status, pledge.pledged_qty) == (PledgeStatus.PARTLY_RELEASED, 100 - ROUND)
    assert_refused(market, BANK, lot(market, lot_qty=1), Reason.WRONG_STATE, 1)


def test_a_fen_less_an_hour_leaves_the_loan_in_liquidation(market):
    events = sell_round(market, CURING - 1)
    assert not [event for event in events if isinstance(event, LoanCured)]
    assert market.loan.status is LoanStatus.LIQUIDATING
    events = sell_round(market, CURING, 1)
    assert of_kind(events, LiquidationClosed).shortfall_amount == 0
    assert market.loan.status is LoanStatus.PERFORMING


def test_lots_that_still_stand_end_with_the_cure(market):
    standing_id = market.offered(lot_qty=1)
    events = sell_round(market, 700, ROUND - 1)
    assert of_kind(events, LotEnded) == LotEnded(lot_id=standing_id, end=LotEnd.CURED)
    late = BuyLot(lot_id=standing_id, limit_price=800)
    assert_refused(market, market.buyer, late, Reason.UNKNOWN_LOT, standing_id)


def test_marks_that_leave_nothing_to_sell_end_it_too(market):
    """A rise is believed once a second source confirms it, or an interval later."""
    standing_id = market.offered(lot_qty=ROUND)
    for _ in range(5):
        market.price(11 * YUAN)
    assert events_of(market, LotEnded) == [LotEnded(lot_id=standing_id, end=LotEnd.CURED)]
    assert len(events_of(market, LoanCured)) == 1
    assert market.loan.status is LoanStatus.PERFORMING
    assert market.state.pledges[1].status is PledgeStatus.ACTIVE


def test_a_cured_loan_is_called_and_lost_like_any_other(market):
    sell_round(market)
    market.price(3 * YUAN)
    assert len(events_of(market, LoanDefaulted)) == 2
    market.do(BANK, enforcement(1_000))
    assert (market.loan.status, market.loan.costs_amount) == (LoanStatus.LIQUIDATING, 1_000)


def test_a_cured_loan_is_due_at_its_maturity(market):
    sell_round(market)
    cross(market, market.loan.maturity_ns)
    assert market.loan.status is LoanStatus.DEFAULTED


def test_a_loan_that_is_due_is_not_cured_by_a_sale():
    """It owes all, so what is left goes on being sold."""
    market = LiquidationMarket(is_drawn=False)
    loan = market.drawn(maturity_day=day("2026-12-20"))
    cross(market, loan.maturity_ns)
    market.do(BANK, enforcement())
    sell_round(market, 800, 50)
    assert market.loan.principal_amount * PPM_WHOLE <= (
        market.state.pledges[1].mark.value_amount * loan.drawn_ltv_ppm
    )
    assert market.loan.status is LoanStatus.LIQUIDATING
    market.assert_replays()


def test_read_models_see_the_loan_and_its_pledge_come_back(market):
    sell_round(market)
    projections = Projections()
    for seq, record in enumerate(market.records, start=1):
        projections.apply(Record(seq, market.state.market_ns, *decode_body(record)))
    loan, pledge = projections.loans.loans[1], projections.pledges.pledges[1]
    assert (loan.status, loan.ladder_status) == (LoanStatus.PERFORMING, LadderStatus.OK)
    assert (pledge.status, pledge.pledged_qty) == (PledgeStatus.PARTLY_RELEASED, 100 - ROUND)


# -- costs -----------------------------------------------------------------------------------------


def test_a_round_is_large_enough_for_the_costs_that_come_first():
    market = LiquidationMarket(is_enforced=False)
    market.enforce(7 * YUAN, costs_amount=1_900_000)
    assert market.refused(BANK, lot(market)).limit == ROUND + 4
    market.assert_replays()


def test_costs_that_are_unpaid_stay_with_a_cured_loan_and_are_paid_before_it():
    market = LiquidationMarket(is_enforced=False)
    market.enforce(7 * YUAN, costs_amount=5_000)
    for _ in range(5):
        market.price(11 * YUAN)
    assert (market.loan.status, market.loan.costs_amount) == (LoanStatus.PERFORMING, 5_000)
    market.do(TRADER, repay(7_000))
    assert of_kind(market.events, LoanRepaid).principal_amount == 2_000
    assert of_kind(market.events, WaterfallPaid).costs_amount == 5_000
    assert market.loan.costs_amount == 0
    market.assert_replays()


def test_costs_of_two_enforcements_are_bounded_together():
    market = LiquidationMarket(is_enforced=False)
    market.enforce(7 * YUAN, costs_amount=5_000)
    for _ in range(5):
        market.price(11 * YUAN)
    market.price(3 * YUAN)
    most_amount = sum(events_of(market, LoanDefaulted)[-1].owed_amount for _ in range(2)) // 100
    over = enforcement(most_amount - 4_999)
    assert_refused(market, BANK, over, Reason.COSTS, most_amount + 1, most_amount)
    market.do(BANK, enforcement(most_amount - 5_000))
    assert market.loan.costs_amount == most_amount


def test_who_redeems_pays_all_that_is_due_and_a_fen_less_is_refused():
    market = LiquidationMarket(is_enforced=False)
    market.enforce(costs_amount=5_000)
    due_amount = market.loan.principal_amount + 5_000
    less = repay(due_amount - 1)
    assert_refused(market, TRADER, less, Reason.IN_DEFAULT, due_amount - 1, due_amount)
    before = cash_of(market, TRADER, BANK)
    market.do(TRADER, repay(due_amount))
    now = cash_of(market, TRADER, BANK)
    assert [a - b for a, b in zip(now, before, strict=True)] == [-due_amount, due_amount]
    assert of_kind(market.events, WaterfallPaid) == WaterfallPaid(
        loan_id=1,
        lot_id=0,
        proceeds_amount=due_amount,
        costs_amount=5_000,
        interest_amount=0,
        principal_amount=due_amount - 5_000,
        fee_amount=0,
        surplus_amount=0,
    )
    assert market.loan.status is LoanStatus.REPAID


# -- what pledged days earn ------------------------------------------------------------------------


def let_first_day(market, rent_price=500, lot_qty=100):
    """A lot lets the first day, which is then delivered; its rent comes in."""
    cross(market, start_ns(FIRST - 1))
    one_day = {"mode": TradingMode.SUBLET, "end_day": FIRST + 1, "lot_qty": lot_qty}
    lot_id = market.offered(**one_day, start_price=rent_price, floor_price=rent_price)
    market.bought(lot_id, rent_price)
    deliver(market, 12_000)


def test_what_days_earn_pays_the_costs_first_then_interest_then_principal():
    market = LiquidationMarket(is_enforced=False)
    market.enforce(costs_amount=100_000)
    cash = market.cash(BANK)
    let_first_day(market)
    rent_amount = 500 * 24 * 100
    (paid,) = events_of(market, WaterfallPaid)
    (repaid,) = events_of(market, LoanRepaid)
    assert (paid.lot_id, paid.proceeds_amount, paid.costs_amount) == (0, rent_amount, 100_000)
    assert repaid.source is RepaymentSource.SWEPT_RENT
    left_amount = rent_amount - 100_000
    assert repaid.interest_amount + repaid.principal_amount == left_amount
    assert (paid.interest_amount, paid.principal_amount) == (
        repaid.interest_amount,
        repaid.principal_amount,
    )
    assert min(paid.interest_amount, paid.principal_amount) > 0
    assert market.loan.costs_amount == 0
    assert market.cash(BANK) - cash == rent_amount
    market.assert_replays()


def test_what_days_earn_may_not_even_pay_the_costs():
    market = LiquidationMarket(is_enforced=False)
    market.enforce(costs_amount=1_300_000)
    owed_amount = market.loan.principal_amount
    let_first_day(market)
    assert events_of(market, LoanRepaid) == []
    assert market.loan.costs_amount == 1_300_000 - 500 * 24 * 100
    assert market.loan.principal_amount == owed_amount
    market.assert_replays()


def test_what_days_earn_cures_a_loan_too(market):
    """After a sale that falls short by less than a day's rent."""
    sell_round(market, CURING - 10)
    assert market.loan.status is LoanStatus.LIQUIDATING
    let_first_day(market, 8_000, 100 - ROUND)
    (cured,) = events_of(market, LoanCured)
    assert cured.owed_amount == market.loan.principal_amount + market.loan.interest_amount
    assert market.loan.status is LoanStatus.PERFORMING
