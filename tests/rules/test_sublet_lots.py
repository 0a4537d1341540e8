"""Sublet lots: a bank lets near days of a pledge, and what becomes of them and their rent."""

import pytest
from msgspec.structs import replace

from exchange.domain.enums import (
    LoanStatus,
    Purpose,
    RepaymentSource,
    TradingMode,
    Trust,
)
from exchange.domain.lending_commands import DrawLoan
from exchange.domain.lending_events import (
    LoanRepaid,
    WaterfallPaid,
)
from exchange.domain.letting import AcceptSublet, EndSublet, OpenSublet
from exchange.domain.movements import (
    CollateralSold,
    SubletGranted,
    TrustReleased,
)
from exchange.domain.reasons import Reason
from exchange.domain.windows import start_ns
from exchange.rules.letting import FIRST_SUBLET_ID
from tests.rules.lending import APPLICATION, YUAN, offer, terms
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
from tests.scenario import BANK, OTHER, TRADER

REST = [offer(pledged_qty=900)]
"""All that the first pledge leaves."""


@pytest.fixture
def market():
    """A loan in liquidation before the first day of its collateral."""
    market = LiquidationMarket()
    yield market
    market.assert_replays()


def test_a_sublet_lot_lets_near_days_and_its_rent_waits_in_trust(market):
    cross(market, start_ns(FIRST - 1))
    lot_id = market.offered(
        mode=TradingMode.SUBLET, end_day=FIRST + 7, start_price=500, floor_price=500
    )
    events = market.bought(lot_id, 500)
    rent_amount = 500 * 24 * 7 * 100
    granted = of_kind(events, SubletGranted)
    assert granted.sublet_id == FIRST_SUBLET_ID + market.state.seq
    assert (granted.lessor_account_id, granted.lessee_account_id) == (TRADER, market.buyer)
    assert market.core.trust_amount(Trust.RENT) == rent_amount
    assert market.core.day_function(TRADER, 1, "sublet_out") == [(FIRST, FIRST + 7, 100)]
    assert market.core.day_function(TRADER, 1, "reserved_sublet") == []
    assert not [event for event in events if isinstance(event, WaterfallPaid | LoanRepaid)]


@pytest.mark.parametrize("sold_qty", [100, 40])
def test_days_let_by_a_lot_go_with_the_title_and_their_rent_is_the_buyers(market, sold_qty):
    """However much other title the borrower has, for it is the pledged days that were let."""
    cross(market, start_ns(FIRST - 1))
    week = {"mode": TradingMode.SUBLET, "end_day": FIRST + 7}
    market.bought(market.offered(**week, start_price=500, floor_price=500), 500, OTHER)
    sublet_id = of_kind(market.events, SubletGranted).sublet_id
    market.do(TRADER, sublet_of_the_rest(market))
    market.do(OTHER, AcceptSublet(offer_id=market.state.seq))
    lot_id = market.offered(lot_qty=sold_qty, start_price=300, floor_price=300)
    sold = of_kind(market.bought(lot_id, 300), CollateralSold)
    assert [(part.sublet_id, part.sublet_qty) for part in sold.novated] == [(sublet_id, sold_qty)]
    let = market.core.day_function(market.buyer, 1, "sublet_out")
    assert let == [(FIRST, FIRST + 7, sold_qty)]
    left = {sublet_id: 1} if sold_qty < 100 else {}
    assert market.state.swept_sublets == left
    assert sum(s.sublet_qty for s in market.state.sublets.values()) == 1_000


def test_what_stays_of_a_sublet_that_goes_in_two_parts_is_still_the_banks():
    """Forty GPUs are sold from the eleventh day and sixty from the first, under sixty let."""
    market = LiquidationMarket(is_enforced=False)
    cross(market, start_ns(FIRST - 1))
    market.enforce(2 * YUAN)
    near = {"mode": TradingMode.SUBLET, "end_day": FIRST + 20, "lot_qty": 60}
    market.bought(market.offered(**near), buyer_id=OTHER)
    sublet_id = of_kind(market.events, SubletGranted).sublet_id
    market.bought(market.offered(start_day=FIRST + 10, lot_qty=40))
    sold = of_kind(market.bought(market.offered(lot_qty=50)), CollateralSold)
    assert [part.sublet_qty for part in sold.novated] == [10, 50]
    kept = {part.new_sublet_id: part.sublet_qty for part in sold.kept}
    assert list(kept.values()) == [50, 10]
    assert sublet_id in kept
    assert market.state.swept_sublets == dict.fromkeys(kept, 1)
    market.assert_replays()


def test_what_another_bank_has_let_is_not_sold_with_a_pledge():
    """The borrower's own sublet goes first, though it is older than that of the other pledgee."""
    market = LiquidationMarket(is_enforced=False)
    market.do(TRADER, replace(APPLICATION, bank_account_id=market.other_bank, collateral=REST))
    market.do(market.other_bank, terms(market.state.pledges[2].mark.lendable_amount, 2))
    market.do(TRADER, DrawLoan(loan_id=2))
    market.do(TRADER, replace(sublet_of_the_rest(market), sublet_qty=100))
    market.do(OTHER, AcceptSublet(offer_id=market.state.seq))
    own_id = of_kind(market.events, SubletGranted).sublet_id
    cross(market, start_ns(FIRST - 1))
    market.enforce(2 * YUAN)
    market.do(market.other_bank, enforcement(loan_id=2))
    week = {"mode": TradingMode.SUBLET, "end_day": FIRST + 7, "lot_qty": 900, "pledge_id": 2}
    lot_id = market.do(market.other_bank, lot(market, **week)).seq
    market.bought(lot_id)
    swept_id = of_kind(market.events, SubletGranted).sublet_id
    sold = of_kind(market.bought(market.offered()), CollateralSold)
    assert [(part.sublet_id, part.sublet_qty) for part in sold.novated] == [(own_id, 100)]
    assert market.state.swept_sublets == {swept_id: 2}
    market.assert_replays()


def test_a_bank_lets_no_more_than_is_under_its_lien(market):
    cross(market, start_ns(FIRST - 1))
    week = {"mode": TradingMode.SUBLET, "end_day": FIRST + 7, "lot_qty": 70}
    market.bought(market.offered(**week, start_price=500, floor_price=500), 500)
    more = lot(market, **{**week, "lot_qty": 31})
    assert_refused(market, BANK, more, Reason.LIEN, 31, 30)
    market.do(BANK, replace(more, lot_qty=30))


def sublet_of_the_rest(market):
    """All that the trader has besides the pledge, of the same week."""
    return OpenSublet(
        product_id=1,
        lessee_account_id=OTHER,
        start_day=FIRST,
        end_day=FIRST + 7,
        sublet_qty=900,
        rent_price=900,
    )


def test_the_rent_of_a_sublet_lot_repays_the_loan_whatever_title_of_the_owner_is_free(market):
    """The owner has ten times as much; what it has let itself stays its own."""
    cross(market, start_ns(FIRST - 1))
    two_days = {"mode": TradingMode.SUBLET, "end_day": FIRST + 2}
    market.bought(market.offered(**two_days, start_price=500, floor_price=500), 500)
    sublet_id = of_kind(market.events, SubletGranted).sublet_id
    market.do(TRADER, replace(sublet_of_the_rest(market), end_day=FIRST + 1))
    market.do(OTHER, AcceptSublet(offer_id=market.state.seq))
    owed_amount = market.loan.principal_amount
    deliver(market, 12_000)
    (repaid,) = events_of(market, LoanRepaid)
    assert repaid.source is RepaymentSource.SWEPT_RENT
    assert repaid.interest_amount + repaid.principal_amount == 500 * 24 * 100
    assert market.loan.principal_amount < owed_amount
    assert market.state.swept_sublets == {sublet_id: 1}
    rents = [e for e in events_of(market, TrustReleased) if e.purpose is Purpose.RENT]
    assert [(e.account_id, e.released_amount) for e in rents] == [(TRADER, 900 * 24 * 900)]


def test_what_days_earn_beyond_the_debt_pays_the_costs_before_the_borrower():
    """A small loan on a hundred GPUs, whose first days are let for more than it owes."""
    market = LiquidationMarket(is_drawn=False)
    loan = market.drawn(100_000, maturity_day=day("2026-12-20"))
    cross(market, loan.maturity_ns)
    market.do(BANK, enforcement(2_000))
    cross(market, start_ns(FIRST - 1))
    one_day = {"mode": TradingMode.SUBLET, "end_day": FIRST + 1}
    market.bought(market.offered(**one_day, start_price=500, floor_price=500), 500)
    trader_cash, bank_cash = cash_of(market, TRADER, BANK)
    deliver(market, 12_000)
    (repaid,) = events_of(market, LoanRepaid)
    owed_amount = repaid.interest_amount + repaid.principal_amount
    assert repaid.principal_amount == 100_000
    assert events_of(market, WaterfallPaid)[-1].costs_amount == 2_000
    assert market.cash(BANK) - bank_cash == owed_amount + 2_000
    assert market.cash(TRADER) - trader_cash == 500 * 24 * 100 - owed_amount - 2_000
    assert (market.loan.status, market.loan.costs_amount) == (LoanStatus.REPAID, 0)
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.assert_replays()


def test_a_sublet_that_a_bank_has_let_runs_its_time(market):
    cross(market, start_ns(FIRST - 1))
    week = {"mode": TradingMode.SUBLET, "end_day": FIRST + 7}
    market.bought(market.offered(**week, start_price=500, floor_price=500), 500)
    sublet_id = of_kind(market.events, SubletGranted).sublet_id
    end = EndSublet(sublet_id=sublet_id)
    for side in (TRADER, market.buyer):
        assert_refused(market, side, end, Reason.WRONG_STATE, sublet_id)
