"""Every refusal: the last value that passes, the first that does not, and nothing changed by it."""

import pytest

from exchange.domain.events import OrderAccepted, OrderAmended
from exchange.domain.reasons import Reason
from matching_core.venue import CoreError
from tests.core.venues import BASE_DAY, BUY, FOK, GTC, IOC, POST_ONLY, SELL, Market
from tests.reference_sessions import PRE_OPEN
from tests.reference_state import CONTINUOUS


def assert_refused(market, answer, reason, value, limit=0, day=0):
    """The last command was refused for this, and wrote nothing."""
    assert answer == reason
    assert market.venue.refusal == (value, limit, day)
    assert market.events() == []


@pytest.fixture
def market() -> Market:
    return Market()


def test_an_unknown_instrument_is_refused(market):
    answer = market.place(3, BUY, 1, 100, instrument_id=99)
    assert_refused(market, answer, Reason.UNKNOWN_INSTRUMENT, 99)


def test_a_closed_window_takes_orders_until_it_closes(market):
    assert market.buy(3, 1, 100) == 0
    assert market.venue.cancel(1, 3) == 0
    market.events()
    market.venue.close_instrument(1)
    assert_refused(market, market.buy(3, 1, 100), Reason.WINDOW_CLOSED, 1)
    with pytest.raises(CoreError, match="closed"):
        market.venue.order_accepted(90, 3, 1, 1, 1, BUY, 1, 100, GTC, 0, 100 * Market.HOURS)


def test_a_window_closes_after_its_last_order_has_ended_also_where_it_has_crossed(market):
    market.venue.set_session(PRE_OPEN)
    assert market.sell(1, 2, 100) == 0
    assert market.buy(3, 2, 110) == 0
    market.events()
    for order_id, account_id in ((1, 1), (2, 3)):
        with pytest.raises(CoreError, match="last order"):
            market.venue.close_instrument(1)
        assert market.venue.cancel(order_id, account_id) == 0
    market.venue.close_instrument(1)
    market.venue.set_session(CONTINUOUS)
    assert not market.venue.is_uncrossing
    market.events()


def test_behind_its_gate_an_order_can_be_cancelled_but_not_amended(market):
    market.venue.add_instrument(3, 1, BASE_DAY, BASE_DAY + 1, True, 60)
    assert market.place(3, BUY, 2, 100, instrument_id=3) == 0
    market.events()
    market.venue.set_clock(60, False)
    assert_refused(market, market.venue.amend(1, 3, 1, -1), Reason.WINDOW_CLOSED, 60, 60)
    assert market.venue.cancel(1, 3) == 0


def test_a_quantity_is_whole_lots():
    market = Market(lot_qty=8)
    assert market.buy(3, 16, 100) == 0
    market.events()
    assert_refused(market, market.buy(3, 12, 100), Reason.LOT, 12, 8)
    assert_refused(market, market.venue.amend(1, 3, 12, -1), Reason.LOT, 12, 8)


@pytest.mark.parametrize("time_in_force", [IOC, FOK])
def test_a_window_that_never_rests_takes_immediate_orders_only(market, time_in_force):
    assert_refused(
        market, market.place(3, BUY, 1, 100, GTC, instrument_id=2), Reason.NEVER_RESTS, 2
    )
    answer = market.place(3, BUY, 1, 100, time_in_force, instrument_id=2)
    assert answer == (0 if time_in_force == IOC else Reason.CANNOT_FILL)


def test_the_last_open_order_is_accepted_and_the_next_is_refused():
    market = Market(max_open_orders=2)
    assert market.buy(3, 1, 100) == 0
    assert market.buy(3, 1, 100) == 0
    market.events()
    assert_refused(market, market.buy(3, 1, 100), Reason.OPEN_ORDERS, 3, 2)
    assert market.buy(3, 1, 100, IOC) == 0
    assert market.venue.cancel(1, 3) == 0
    assert market.buy(3, 1, 100) == 0


def test_post_only_rests_below_the_best_offer_and_never_takes_it(market):
    market.sell(1, 5, 100)
    assert market.buy(3, 5, 99, GTC, POST_ONLY) == 0
    market.events()
    answer = market.buy(3, 5, 103, GTC, POST_ONLY)
    assert_refused(market, answer, Reason.WOULD_TAKE, 103, 100)
    answer = market.buy(3, 5, 100, GTC, POST_ONLY)
    assert_refused(market, answer, Reason.WOULD_TAKE, 100, 100)


def test_post_only_holds_for_an_amended_price_too(market):
    market.sell(1, 5, 100)
    market.buy(3, 5, 98, GTC, POST_ONLY)
    market.events()
    assert_refused(market, market.venue.amend(2, 3, -1, 100), Reason.WOULD_TAKE, 100, 100)
    assert market.venue.amend(2, 3, -1, 99) == 0
    assert market.venue.queue(1, BUY, 99) == [2]


def test_fill_or_kill_fills_the_last_unit_and_is_killed_for_one_more(market):
    market.sell(1, 5, 100)
    market.sell(1, 5, 101)
    market.sell(1, 5, 102)
    market.events()
    assert_refused(market, market.buy(3, 11, 101, FOK), Reason.CANNOT_FILL, 11, 10)
    assert market.buy(3, 10, 101, FOK) == 0
    assert market.trades() == [(100, 5, 1), (101, 5, 2)]


def test_a_plan_that_reaches_an_own_order_is_refused_whole(market):
    market.own(3, 10)
    market.sell(1, 5, 100)
    market.sell(3, 5, 101)
    market.events()
    first, own = 3, 4
    assert market.venue.queue(1, SELL, 100) == [first]
    assert_refused(market, market.buy(3, 6, 101), Reason.SELF_MATCH, own)
    assert_refused(market, market.buy(3, 6, 101, FOK), Reason.SELF_MATCH, own)
    assert_refused(market, market.buy(3, 11, 101, FOK), Reason.CANNOT_FILL, 11, 10)
    assert market.buy(3, 5, 101) == 0
    assert market.trades() == [(100, 5, first)]


def test_a_bid_needs_its_notional_and_the_higher_fee_to_the_fen():
    market = Market(maker_bps=7, taker_bps=3)
    required = 240 * 101 * 3 + 51  # 72_720 x 7 / 10_000 = 50.9, rounded up
    market.venue.withdraw(3, 10**12 - required)
    market.venue.withdraw(4, 10**12 - required + 1)
    assert market.buy(3, 3, 101) == 0
    (accepted, _) = market.events()
    assert isinstance(accepted, OrderAccepted)
    assert accepted.held_amount == required
    assert market.venue.balances(3) == (0, required)
    assert_refused(market, market.buy(4, 3, 101), Reason.CASH, required, required - 1)


def test_a_better_price_does_not_lower_what_a_bid_must_hold():
    market = Market()
    market.sell(1, 1, 10)
    market.events()
    market.venue.withdraw(3, 10**12 - 240 * 10)
    assert_refused(market, market.buy(3, 1, 11), Reason.CASH, 240 * 11, 240 * 10)
    assert market.buy(3, 1, 10) == 0


def test_a_required_amount_beyond_every_browser_is_reported_as_the_largest():
    market = Market()
    answer = market.buy(3, 10_000_000, 16_000_000)
    assert_refused(market, answer, Reason.CASH, 2**53 - 1, 10**12)


def test_a_sell_needs_free_title_and_names_the_first_binding_day(market):
    day = BASE_DAY + 13
    market.own(3, 10)
    market.venue.add_lien(3, 1, day, day + 2, 4)
    assert_refused(market, market.sell(3, 7, 100), Reason.TITLE, 7, 6, day)
    assert market.sell(3, 6, 100) == 0
    market.events()
    assert_refused(market, market.sell(3, 1, 100), Reason.TITLE, 1, 0, day)


def test_who_never_held_the_product_has_nothing_to_sell(market):
    assert_refused(market, market.sell(4, 1, 100), Reason.TITLE, 1, 0, BASE_DAY + 10)


def test_sells_of_overlapping_windows_reserve_twice(market):
    market.own(3, 10)
    assert market.sell(3, 6, 100) == 0
    market.sell(1, 100, 1)
    market.events()
    answer = market.place(3, SELL, 5, 100, IOC, instrument_id=2)
    assert_refused(market, answer, Reason.TITLE, 5, 4, BASE_DAY + 12)
    assert market.place(3, SELL, 4, 100, IOC, instrument_id=2) == 0


def test_a_primary_sale_holds_its_fee_in_cash_to_the_fen():
    market = Market(maker_bps=2, taker_bps=5)
    fee = 61  # 240 x 101 x 5 x 5 / 10_000 = 60.6, rounded up
    market.venue.withdraw(1, 10**12 - fee)
    market.venue.withdraw(2, 10**12 - fee + 1)
    market.venue.grant(1, 2, BASE_DAY, BASE_DAY + 30, 5)
    assert_refused(market, market.sell(2, 5, 101), Reason.CASH, fee, fee - 1)
    assert market.sell(1, 5, 101) == 0
    assert market.venue.balances(1) == (0, fee)


def test_a_primary_sale_at_a_better_price_needs_the_larger_fee_to_the_fen():
    market = Market(taker_bps=10)
    market.buy(3, 5, 200)
    market.events()
    fee = 240  # 240 x 200 x 5 x 10 / 10_000; at the limit it would be 120
    market.venue.withdraw(1, 10**12 - fee + 1)
    assert_refused(market, market.sell(1, 5, 100), Reason.CASH, fee, fee - 1)
    market.venue.deposit(1, 1)
    assert market.sell(1, 5, 100) == 0
    assert market.venue.balances(1) == (0, 0)
    assert market.venue.balances(0) == (fee, 0)


def test_a_stranger_without_cash_sells_and_pays_its_fee_out_of_the_proceeds():
    market = Market(maker_bps=10, taker_bps=10)
    market.own(3, 5, 1)
    market.venue.withdraw(3, market.venue.balances(3)[0])
    market.buy(4, 5, 100)
    assert market.sell(3, 5, 100) == 0
    assert market.venue.balances(3) == (120_000 - 120, 0)


def test_an_amendment_counts_its_own_hold_as_cash(market):
    market.venue.withdraw(3, 10**12 - 240 * 100)
    assert market.buy(3, 1, 90) == 0
    market.events()
    assert_refused(market, market.venue.amend(1, 3, -1, 101), Reason.CASH, 240 * 101, 240 * 100)
    assert market.venue.amend(1, 3, -1, 100) == 0
    assert market.venue.balances(3) == (0, 240 * 100)


def test_an_amendment_counts_its_own_reserve_as_free(market):
    market.own(3, 10)
    assert market.sell(3, 6, 100) == 0
    market.events()
    order_id = market.last_order_id
    answer = market.venue.amend(order_id, 3, 11, -1)
    assert_refused(market, answer, Reason.TITLE, 11, 10, BASE_DAY + 10)
    assert market.venue.amend(order_id, 3, 10, -1) == 0
    amended = market.events()[0]
    assert isinstance(amended, OrderAmended)
    assert amended.is_requeued == 1


def test_an_amendment_into_an_own_order_is_refused_and_the_order_stays(market):
    market.own(3, 10)
    market.sell(3, 5, 101)
    market.buy(3, 5, 99)
    own, order_id = market.last_order_id - 1, market.last_order_id
    market.events()
    before = market.state()
    answer = market.venue.amend(order_id, 3, -1, 101)
    assert_refused(market, answer, Reason.SELF_MATCH, own)
    assert market.state() == before


def test_an_amendment_that_changes_nothing_is_refused(market):
    market.buy(3, 5, 99)
    market.events()
    assert_refused(market, market.venue.amend(1, 3, -1, -1), Reason.EMPTY, 1)
    assert_refused(market, market.venue.amend(1, 3, 5, 99), Reason.EMPTY, 1)


@pytest.mark.parametrize("order_id", [0, -1, 2, 2**62])
def test_an_order_that_is_not_open_cannot_be_cancelled_or_amended(market, order_id):
    market.buy(3, 5, 99)
    market.events()
    assert_refused(market, market.venue.cancel(order_id, 3), Reason.UNKNOWN_ORDER, order_id)
    answer = market.venue.amend(order_id, 3, 1, -1)
    assert_refused(market, answer, Reason.UNKNOWN_ORDER, order_id)


def test_another_accounts_order_is_unknown(market):
    market.buy(3, 5, 99)
    market.events()
    assert_refused(market, market.venue.cancel(1, 4), Reason.UNKNOWN_ORDER, 1)
    assert_refused(market, market.venue.amend(1, 4, 1, -1), Reason.UNKNOWN_ORDER, 1)


def test_filled_and_cancelled_orders_are_unknown_the_second_time(market):
    market.sell(1, 5, 100)
    market.buy(3, 5, 100)
    market.buy(3, 5, 99)
    assert market.venue.cancel(3, 3) == 0
    market.events()
    assert_refused(market, market.venue.cancel(3, 3), Reason.UNKNOWN_ORDER, 3)
    assert_refused(market, market.venue.cancel(1, 1), Reason.UNKNOWN_ORDER, 1)
    assert_refused(market, market.venue.cancel(2, 3), Reason.UNKNOWN_ORDER, 2)
    assert market.venue.order(1) is None


def test_the_first_failing_check_answers(market):
    """One order that fails them all, mended check by check."""
    market.own(3, 5)
    market.sell(3, 5, 100)
    own = market.last_order_id
    market.events()
    market.venue.withdraw(3, market.venue.balances(3)[0])
    market.venue.close_instrument(2)
    assert market.place(3, BUY, 6, 100, FOK, POST_ONLY, 9) == Reason.UNKNOWN_INSTRUMENT
    assert market.place(3, BUY, 6, 100, GTC, POST_ONLY, 2) == Reason.WINDOW_CLOSED
    assert market.place(3, BUY, 6, 100, FOK, POST_ONLY) == Reason.IMMEDIATE
    assert market.place(3, BUY, 6, 100, GTC, POST_ONLY) == Reason.WOULD_TAKE
    assert market.place(3, BUY, 6, 100, FOK) == Reason.CANNOT_FILL
    assert market.place(3, BUY, 5, 100, FOK) == Reason.SELF_MATCH
    assert market.venue.refusal == (own, 0, 0)
    assert market.place(3, BUY, 5, 99) == Reason.CASH
