"""Lots: who may offer what, how the price falls, and how a lot ends."""

import pytest
from msgspec.structs import replace

from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import LoanStatus, LotEnd, PledgeStatus, Role, TradingMode
from exchange.domain.lending_commands import BuyLot, OfferLot, WithdrawLot
from exchange.domain.lending_events import LiquidationOpened, LotEnded, LotOffered
from exchange.domain.letting import OpenSublet, SubletLapsed
from exchange.domain.lot_prices import lot_price
from exchange.domain.movements import HoldClosed, HoldOpened
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_MINUTE
from exchange.domain.windows import start_ns
from exchange.rules.clock import next_boundary_ns
from exchange.rules.lots import MAX_LOTS_COUNT, NEAR_DAYS_COUNT
from tests.rules.lending import YUAN
from tests.rules.liquidations import END, PRICE, LiquidationMarket, enforcement, lot
from tests.rules.markets import assert_refused, cross, day, events_of
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER

FIRST = day("2027-01-01")
PRICES = [800, 770, 740, 710, 700]


@pytest.fixture
def market():
    """A loan in liquidation before the first day of its collateral."""
    market = LiquidationMarket()
    yield market
    market.assert_replays()


def falling(market: LiquidationMarket, **fields: object) -> OfferLot:
    """From 800 in steps of 30 a quarter of an hour to 700."""
    return lot(market, floor_price=700, step_price=30, step_minutes_count=15, **fields)


def near(market: LiquidationMarket, **fields: object) -> OfferLot:
    """The use of the first week."""
    return lot(market, mode=TradingMode.SUBLET, start_day=FIRST, end_day=FIRST + 7, **fields)


# -- enforcement -----------------------------------------------------------------------------------


def test_a_bank_enforces_a_loan_in_default_and_its_pledges_may_be_sold():
    market = LiquidationMarket(is_enforced=False)
    market.price(4 * YUAN)
    assert market.loan.status is LoanStatus.DEFAULTED
    market.do(BANK, enforcement(7))
    (opened,) = market.events
    assert isinstance(opened, LiquidationOpened)
    assert (opened.loan_id, opened.costs_amount) == (1, 7)
    assert (market.loan.status, market.loan.costs_amount) == (LoanStatus.LIQUIDATING, 7)
    assert market.state.pledges[1].status is PledgeStatus.ENFORCING
    market.assert_replays()


def test_costs_are_at_most_two_percent_of_what_is_owed():
    market = LiquidationMarket(is_enforced=False)
    market.price(4 * YUAN)
    most_amount = market.loan.principal_amount * 2 // 100
    too_much = enforcement(most_amount + 1)
    assert_refused(market, BANK, too_much, Reason.COSTS, most_amount + 1, most_amount)
    market.do(BANK, enforcement(most_amount))


def test_only_a_loan_in_default_is_enforced_and_only_by_its_bank():
    market = LiquidationMarket(is_enforced=False)
    assert_refused(market, BANK, enforcement(), Reason.WRONG_STATE, 1)
    assert_refused(market, BANK, enforcement(loan_id=2), Reason.UNKNOWN_LOAN, 2)
    market.price(4 * YUAN)
    assert_refused(market, market.other_bank, enforcement(), Reason.UNKNOWN_LOAN, 1)
    assert_refused(market, TRADER, enforcement(), Reason.WRONG_ROLE, TRADER)
    market.do(BANK, enforcement())
    assert_refused(market, BANK, enforcement(), Reason.WRONG_STATE, 1)


# -- what may be offered ---------------------------------------------------------------------------


def test_a_lot_states_all_that_its_price_follows_from(market):
    lot_id = market.do(BANK, falling(market)).seq
    now_ns = market.state.market_ns
    quarter_ns = 15 * NS_PER_MINUTE
    assert market.events == [
        LotOffered(
            lot_id=lot_id,
            loan_id=1,
            pledge_id=1,
            mode=TradingMode.TITLE,
            product_id=1,
            start_day=FIRST,
            end_day=END,
            lot_qty=100,
            start_price=800,
            floor_price=700,
            step_price=30,
            step_ns=quarter_ns,
            offered_ns=now_ns,
            end_ns=now_ns + 5 * quarter_ns,
            buyer_account_id=0,
            reserve_price=277,
        )
    ]
    assert set(market.state.lots) == {lot_id}


def test_nothing_is_offered_before_the_loan_is_enforced():
    market = LiquidationMarket(is_enforced=False)
    assert_refused(market, BANK, lot(market), Reason.WRONG_STATE, 1)
    market.price(4 * YUAN)
    assert_refused(market, BANK, lot(market), Reason.WRONG_STATE, 1)


def test_a_pledge_is_offered_by_its_bank_alone(market):
    assert_refused(market, BANK, lot(market, pledge_id=9), Reason.UNKNOWN_PLEDGE, 9)
    assert_refused(market, market.other_bank, lot(market), Reason.UNKNOWN_PLEDGE, 1)
    assert_refused(market, TRADER, lot(market), Reason.WRONG_ROLE, TRADER)


def test_a_title_lot_runs_to_the_end_of_its_pledge_and_begins_within_the_near_days(market):
    early, late = FIRST - 1, FIRST + 1
    assert_refused(market, BANK, lot(market, start_day=early), Reason.BAD_WINDOW, early, FIRST)
    assert_refused(market, BANK, lot(market, start_day=late), Reason.BAD_WINDOW, late, FIRST)
    assert_refused(market, BANK, lot(market, end_day=END - 1), Reason.BAD_WINDOW, END - 1, END)
    cross(market, start_ns(FIRST + 3))
    today, last = FIRST + 3, FIRST + 3 + NEAR_DAYS_COUNT
    begun = lot(market, start_day=today)
    assert_refused(market, BANK, begun, Reason.BAD_WINDOW, today, today + 1)
    far = lot(market, start_day=last + 1)
    assert_refused(market, BANK, far, Reason.BAD_WINDOW, last + 1, last)
    near_days = {"mode": TradingMode.SUBLET, "start_day": today + 1, "end_day": last}
    market.do(BANK, lot(market, **near_days))
    market.offered(start_day=last)


def test_a_sublet_lot_is_of_near_days_of_the_pledge():
    market = LiquidationMarket()
    cross(market, start_ns(FIRST - 1))
    end_day = FIRST + NEAR_DAYS_COUNT
    far = near(market)
    too_far = replace(far, end_day=end_day + 1)
    assert_refused(market, BANK, too_far, Reason.BAD_WINDOW, end_day + 1, end_day)
    empty = replace(far, end_day=FIRST)
    assert_refused(market, BANK, empty, Reason.BAD_WINDOW, 0, 1)
    market.do(BANK, replace(far, end_day=end_day))


def test_lots_are_whole_and_together_no_more_than_is_under_lien(market):
    market.do(BANK, lot(market, lot_qty=60))
    assert_refused(market, BANK, lot(market, lot_qty=41), Reason.LIEN, 41, 40)
    cross(market, start_ns(FIRST - 20))
    assert_refused(market, BANK, lot(market, lot_qty=101), Reason.LIEN, 101, 100)
    market.do(BANK, lot(market, lot_qty=100))


def test_a_loan_has_so_many_lots_at_a_time(market):
    for _ in range(MAX_LOTS_COUNT):
        market.do(BANK, lot(market, lot_qty=1))
    one_more = lot(market, lot_qty=1)
    outcome = market.refused(BANK, one_more)
    assert (outcome.reason, outcome.limit) == (Reason.DESK_ITEMS, MAX_LOTS_COUNT)


def test_a_price_falls_from_its_start_to_its_floor_or_not_at_all(market):
    above = lot(market, floor_price=801, step_price=1)
    assert_refused(market, BANK, above, Reason.LOT_PRICE, 801, 800)
    stuck = lot(market, floor_price=799)
    assert_refused(market, BANK, stuck, Reason.LOT_PRICE, 799, 800)
    slow = lot(market, start_price=800, floor_price=699, step_price=1)
    assert_refused(market, BANK, slow, Reason.LOT_STEPS, 101, 100)


@pytest.mark.parametrize("mode", TradingMode)
def test_days_of_a_supplier_that_was_ended_are_not_offered(mode):
    """Nobody could buy them, and days kept for a lot would hold up what is paid back of them."""
    market = LiquidationMarket()
    cross(market, start_ns(FIRST - 1))
    command = near(market) if mode is TradingMode.SUBLET else lot(market)
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(BANK, command)
    market.do(BANK, WithdrawLot(lot_id=market.state.seq))
    market.do(2, TerminateSupplier(supplier_account_id=SUPPLIER))
    assert_refused(market, BANK, command, Reason.SUSPENDED, SUPPLIER)


# -- blocks ----------------------------------------------------------------------------------------


def test_a_block_is_for_its_buyer_alone(market):
    lot_id = market.offered(buyer_account_id=market.buyer)
    buy = BuyLot(lot_id=lot_id, limit_price=PRICE)
    assert_refused(market, OTHER, buy, Reason.UNKNOWN_LOT, lot_id)
    market.bought(lot_id)


def test_a_block_is_for_a_trader_who_is_a_stranger(market):
    affiliate = market.admit("affiliate", Role.TRADER, affiliate_ids=[TRADER])
    banks_own = market.admit("bank's own", Role.TRADER, affiliate_ids=[BANK])
    to_nobody = lot(market, buyer_account_id=99)
    assert_refused(market, BANK, to_nobody, Reason.UNKNOWN_ACCOUNT, 99)
    to_no_trader = lot(market, buyer_account_id=SUPPLIER)
    assert_refused(market, BANK, to_no_trader, Reason.WRONG_ROLE, SUPPLIER)
    for party, other in ((TRADER, TRADER), (affiliate, TRADER), (banks_own, BANK)):
        own = lot(market, buyer_account_id=party)
        assert_refused(market, BANK, own, Reason.AFFILIATE, party, other, FIRST)


def test_neither_the_borrowers_party_nor_the_banks_buys(market):
    affiliate = market.admit("affiliate", Role.TRADER, affiliate_ids=[TRADER])
    banks_own = market.admit("bank's own", Role.TRADER, affiliate_ids=[BANK])
    lot_id = market.offered()
    buy = BuyLot(lot_id=lot_id, limit_price=PRICE)
    for party, other in ((TRADER, TRADER), (affiliate, TRADER), (banks_own, BANK)):
        assert_refused(market, party, buy, Reason.AFFILIATE, party, other, FIRST)


# -- the price -------------------------------------------------------------------------------------


def test_the_price_falls_at_each_step_and_not_a_moment_before(market):
    market.do(BANK, falling(market))
    (offered,) = (entry.offered for entry in market.state.lots.values())
    begin_ns, step_ns = offered.offered_ns, 15 * NS_PER_MINUTE
    for step, price in enumerate(PRICES):
        at_ns = begin_ns + step * step_ns
        assert lot_price(offered, at_ns) == price
        assert lot_price(offered, at_ns + step_ns - 1) == price


@pytest.mark.parametrize(("steps", "price"), list(enumerate(PRICES)))
def test_a_lot_costs_its_price_of_the_moment(market, steps, price):
    lot_id = market.do(BANK, falling(market, lot_qty=10)).seq
    step_ns = 15 * NS_PER_MINUTE
    begin_ns = market.state.market_ns
    if steps:
        cross(market, begin_ns + steps * step_ns - 1)
        dear = BuyLot(lot_id=lot_id, limit_price=price)
        before = PRICES[steps - 1]
        assert_refused(market, market.buyer, dear, Reason.LOT_PRICE, before, price)
        assert next_boundary_ns(market.state) == begin_ns + steps * step_ns
        cross(market, begin_ns + steps * step_ns)
    cheap = BuyLot(lot_id=lot_id, limit_price=price - 1)
    assert_refused(market, market.buyer, cheap, Reason.LOT_PRICE, price, price - 1)
    sold = market.bought(lot_id, limit_price=price)[0]
    assert (sold.lot_price, sold.proceeds_amount) == (price, price * 24 * 90 * 10)


# -- how a lot ends --------------------------------------------------------------------------------


def test_a_lot_that_nobody_buys_ends_one_step_after_its_floor(market):
    lot_id = market.do(BANK, falling(market)).seq
    end_ns = market.state.lots[lot_id].offered.end_ns
    cross(market, end_ns - 1)
    assert set(market.state.lots) == {lot_id}
    cross(market, end_ns)
    assert market.state.lots == {}
    assert events_of(market, LotEnded) == [LotEnded(lot_id=lot_id, end=LotEnd.UNSOLD)]
    late = BuyLot(lot_id=lot_id, limit_price=PRICE)
    assert_refused(market, market.buyer, late, Reason.UNKNOWN_LOT, lot_id)


def test_a_lot_ends_when_its_first_day_begins(market):
    cross(market, start_ns(FIRST) - NS_PER_MINUTE)
    lot_id = market.do(BANK, falling(market)).seq
    assert market.state.lots[lot_id].offered.end_ns == start_ns(FIRST)
    cross(market, start_ns(FIRST))
    assert events_of(market, LotEnded) == [LotEnded(lot_id=lot_id, end=LotEnd.UNSOLD)]


def test_a_bank_takes_its_own_lot_off_once(market):
    lot_id = market.offered()
    withdraw = WithdrawLot(lot_id=lot_id)
    assert_refused(market, market.other_bank, withdraw, Reason.UNKNOWN_LOT, lot_id)
    market.do(BANK, withdraw)
    assert market.events == [LotEnded(lot_id=lot_id, end=LotEnd.WITHDRAWN)]
    assert_refused(market, BANK, withdraw, Reason.UNKNOWN_LOT, lot_id)


# -- use of near days ------------------------------------------------------------------------------


def test_a_sublet_lot_keeps_its_days_until_it_is_over(market):
    cross(market, start_ns(FIRST - 1))
    lot_id = market.do(BANK, near(market, lot_qty=30)).seq
    assert market.events[1] == HoldOpened(
        hold_id=lot_id,
        account_id=TRADER,
        held_amount=0,
        product_id=1,
        start_day=FIRST,
        end_day=FIRST + 7,
        held_qty=30,
        is_sublet=True,
    )
    market.do(BANK, WithdrawLot(lot_id=lot_id))
    assert market.events == [
        LotEnded(lot_id=lot_id, end=LotEnd.WITHDRAWN),
        HoldClosed(hold_id=lot_id, account_id=TRADER),
    ]
    assert market.core.day_function(TRADER, 1, "reserved_sublet") == []


def test_what_the_owner_has_on_offer_gives_way_to_a_sublet_lot(market):
    cross(market, start_ns(FIRST - 1))
    offer = OpenSublet(
        product_id=1,
        lessee_account_id=OTHER,
        start_day=FIRST,
        end_day=FIRST + 3,
        sublet_qty=1_000,
        rent_price=900,
    )
    offer_id = market.do(TRADER, offer).seq
    market.do(BANK, near(market))
    assert [type(event) for event in market.events] == [
        SubletLapsed,
        HoldClosed,
        LotOffered,
        HoldOpened,
    ]
    assert market.events[0].offer_id == offer_id
