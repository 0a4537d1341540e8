"""
What a book must do, each a mistake that other engines have made.

Prices, places in the queue, the best price after a cancel, ids that stay behind, and who is paid.
"""

import pytest

from exchange.domain.events import (
    EscrowFunded,
    EscrowReturned,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRested,
    TradeExecuted,
)
from tests.core.venues import BASE_DAY, BUY, FOK, GTC, IOC, SELL, Market, new_venue


@pytest.fixture
def market() -> Market:
    return Market()


def kinds(events: list) -> list[type]:
    return [type(event) for event in events]


def test_trades_are_at_the_makers_price(market):
    market.sell(1, 5, 98)
    market.events()
    market.buy(3, 5, 105)
    assert market.trades() == [(98, 5, 1)]
    market.buy(3, 5, 105)
    market.events()
    market.sell(1, 5, 98)
    assert market.trades() == [(105, 5, 3)]


def test_better_prices_trade_first_and_then_older_orders(market):
    market.venue.grant(1, 2, BASE_DAY, BASE_DAY + 30, 10)
    market.sell(1, 2, 101)
    market.sell(1, 2, 100)
    market.sell(2, 2, 101)
    market.events()
    market.buy(3, 5, 101)
    assert market.trades() == [(100, 2, 2), (101, 2, 1), (101, 1, 3)]


def test_a_partial_fill_keeps_its_place(market):
    market.sell(1, 5, 100)
    market.sell(1, 5, 100)
    market.buy(3, 2, 100)
    assert market.venue.queue(1, SELL, 100) == [1, 2]
    assert market.venue.levels(1, SELL, 9) == [(100, 8, 2)]
    market.events()
    market.buy(3, 4, 100)
    assert market.trades() == [(100, 3, 1), (100, 1, 2)]


def test_less_quantity_keeps_the_place(market):
    market.buy(3, 5, 100)
    market.buy(4, 5, 100)
    market.events()
    assert market.venue.amend(1, 3, 3, -1) == 0
    assert market.venue.queue(1, BUY, 100) == [1, 2]
    (amended,) = market.events()
    assert amended == OrderAmended(1, 3, 1, 3, 100, 3, -2 * 240 * 100, 0)


@pytest.mark.parametrize(("qty", "price"), [(6, -1), (4, 101), (5, 99), (-1, 99)])
def test_more_quantity_or_another_price_loses_the_place(market, qty, price):
    market.buy(3, 5, 100)
    market.buy(4, 5, 100)
    market.buy(5, 5, 99)
    market.events()
    assert market.venue.amend(1, 3, qty, price) == 0
    new_price = 100 if price == -1 else price
    assert market.venue.queue(1, BUY, new_price)[-1] == 1
    assert kinds(market.events()) == [OrderAmended, OrderRested]


def test_an_amendment_through_the_spread_trades_and_does_not_rest_crossed(market):
    market.sell(1, 3, 100)
    market.buy(3, 5, 99)
    market.events()
    assert market.venue.amend(2, 3, -1, 101) == 0
    amended, trade, funded, rested = market.events()
    assert isinstance(amended, OrderAmended)
    assert isinstance(trade, TradeExecuted)
    assert isinstance(funded, EscrowFunded)
    assert isinstance(rested, OrderRested)
    assert (trade.last_price, trade.last_qty, trade.taker_side) == (100, 3, BUY)
    assert (rested.limit_price, rested.leaves_qty) == (101, 2)
    assert market.venue.best(1, SELL) == 0


def test_an_amendment_down_to_what_is_filled_ends_the_order(market):
    market.buy(3, 5, 100)
    market.sell(1, 2, 100)
    market.events()
    assert market.venue.amend(1, 3, 2, -1) == 0
    assert market.events() == [OrderCancelled(1, 3, 1, BUY, 3, 3 * 240 * 100, 1)]
    assert market.venue.order(1) is None


def test_an_amended_quantity_includes_what_is_filled(market):
    market.buy(3, 5, 100)
    market.sell(1, 2, 100)
    market.events()
    assert market.venue.amend(1, 3, 4, -1) == 0
    assert market.venue.levels(1, BUY, 1) == [(100, 2, 1)]
    assert market.venue.amend(1, 3, 9, -1) == 0
    assert market.venue.levels(1, BUY, 1) == [(100, 7, 1)]


def test_the_best_price_is_right_after_a_cancel(market):
    market.buy(3, 1, 101)
    market.buy(3, 1, 99)
    market.buy(3, 1, 100)
    assert market.venue.cancel(1, 3) == 0
    assert market.venue.best(1, BUY) == 100
    assert market.venue.cancel(3, 3) == 0
    assert market.venue.best(1, BUY) == 99
    assert market.venue.cancel(2, 3) == 0
    assert market.venue.best(1, BUY) == 0
    market.venue.check()


def test_immediate_or_cancel_never_rests(market):
    market.sell(1, 3, 100)
    market.events()
    assert market.buy(3, 5, 100, IOC) == 0
    assert kinds(market.events()) == [OrderAccepted, TradeExecuted, EscrowFunded, OrderCancelled]
    assert market.venue.best(1, BUY) == 0
    assert market.venue.balances(3) == (10**12 - 3 * 240 * 100, 0)


def test_a_filled_fill_or_kill_leaves_nothing_behind(market):
    market.sell(1, 3, 100)
    assert market.buy(3, 3, 101, FOK) == 0
    assert market.venue.open_order_count(3) == 0
    assert market.venue.balances(3) == (10**12 - 3 * 240 * 100, 0)


def test_mass_cancel_goes_by_age_and_stops_at_its_count(market):
    for price in (99, 97, 98, 96):
        market.buy(3, 1, price)
    market.buy(4, 1, 95)
    market.events()
    assert market.venue.mass_cancel(3, 0, 0, 3) == 0
    assert [(e.order_id, e.cancel_reason) for e in market.events()] == [(1, 2), (2, 2), (3, 2)]
    assert market.venue.orders_of_instrument(1, 9) == [4, 5]
    assert market.venue.mass_cancel(3, 1, SELL, 9) == 0
    assert market.venue.mass_cancel(3, 2, BUY, 9) == 0
    assert market.events() == []
    assert market.venue.mass_cancel(3, 1, BUY, 9) == 0
    assert market.venue.orders_of_account(3) == []


def test_a_state_hash_sees_the_order_of_a_queue():
    hashes = []
    for order_ids in ((1, 2), (2, 1)):
        venue = Market().venue
        for order_id in order_ids:
            venue.place(order_id, 3, 1, 1, 1, BUY, 5, 100, GTC, 0)
        assert venue.levels(1, BUY, 1) == [(100, 10, 2)]
        hashes.append(venue.state_hash())
    assert hashes[0] != hashes[1]


def test_a_state_hash_does_not_see_what_came_and_went():
    one, other = Market(), Market()
    for order_id in range(1, 300):
        one.venue.place(order_id, 3, 1, 1, 1, BUY, 5, 100 + order_id % 7, GTC, 0)
    for order_id in range(1, 300):
        one.venue.cancel(order_id, 3)
    for venue in (one.venue, other.venue):
        for order_id in range(300, 310):
            venue.place(order_id, 4, 1, 1, 1, BUY, 5, 100 + order_id % 3, GTC, 0)
    assert one.venue.snapshot() == other.venue.snapshot()


def test_ten_small_fills_cost_no_more_than_one_large_fill():
    large, small = Market(maker_bps=3, taker_bps=3), Market(maker_bps=3, taker_bps=3)
    for market, parts in ((large, 1), (small, 10)):
        market.buy(3, 10, 7)
        for _ in range(parts):
            assert market.sell(1, 10 // parts, 7, IOC) == 0
        market.events()
    fee = 6  # 240 x 7 x 10 x 3 / 10_000 = 5.04
    spent = 240 * 7 * 10 + fee
    assert large.venue.balances(3) == small.venue.balances(3) == (10**12 - spent, 0)


def test_the_hold_of_a_primary_sale_may_grow_where_a_rounded_fee_covered_it_before():
    """The first fill's fee, rounded up to a fen, covers the second's, no longer the rest's."""
    market = Market(maker_bps=1, taker_bps=1)
    market.buy(3, 1, 10)
    market.buy(3, 3, 9)
    market.events()
    assert market.sell(1, 9, 1) == 0
    trades = [event for event in market.events() if isinstance(event, TradeExecuted)]
    assert [(e.taker_fee_amount, e.taker_released_amount) for e in trades] == [(1, 1), (0, -1)]
    assert market.venue.balances(1) == (10**12 - 1 - 1, 1)


def test_the_price_of_a_primary_sale_goes_to_escrow_and_of_a_secondary_sale_to_the_seller(market):
    market.sell(1, 10, 100)
    market.buy(3, 10, 100)
    assert market.venue.balances(1) == (10**12, 0)
    assert market.venue.escrow(1) == [(BASE_DAY + 10, BASE_DAY + 20, 10, 24_000)]
    market.sell(3, 4, 150)
    market.buy(4, 4, 150)
    assert market.venue.balances(3) == (10**12 - 240_000 + 144_000, 0)
    assert market.venue.escrow(1) == [(BASE_DAY + 10, BASE_DAY + 20, 10, 24_000)]
    market.events()


def test_an_affiliate_is_the_supplier_until_a_stranger_buys(market):
    market.sell(1, 10, 100)
    market.buy(2, 10, 100)
    assert market.venue.balances(1) == (10**12 + 240_000, 0)
    assert market.venue.escrow(1) == []
    market.sell(2, 10, 120)
    market.buy(3, 10, 120)
    assert market.venue.balances(2) == (10**12 - 240_000, 0)
    assert market.venue.escrow(1) == [(BASE_DAY + 10, BASE_DAY + 20, 10, 28_800)]
    market.events()


def test_a_buy_back_returns_its_share_of_each_day_rounded_down(market):
    market.sell(1, 3, 101)
    market.buy(3, 3, 101)
    market.venue.add_instrument(3, 1, BASE_DAY + 15, BASE_DAY + 25, True)
    market.place(1, SELL, 4, 1, instrument_id=3)
    market.place(3, BUY, 4, 1, instrument_id=3)
    market.events()
    market.sell(3, 2, 100)
    market.buy(1, 2, 100)
    returned = [event for event in market.events() if isinstance(event, EscrowReturned)]
    # 3 x 24 x 101 = 7272 for 3; from day 15 on 7272 + 96 = 7368 for 7, of which 2 are 2105.14
    assert [(e.start_day, e.end_day, e.day_amount) for e in returned] == [
        (BASE_DAY + 10, BASE_DAY + 15, 4_848),
        (BASE_DAY + 15, BASE_DAY + 20, 2_105),
    ]


def test_the_last_buy_back_returns_everything(market):
    market.sell(1, 3, 101)
    market.buy(3, 3, 101)
    for qty in (1, 2):
        market.sell(3, qty, 50)
        market.buy(1, qty, 50)
    assert market.venue.escrow(1) == []
    assert market.venue.day_function(1, 1, "title") == [(BASE_DAY, BASE_DAY + 30, 1_000)]
    market.events()


def test_buying_and_then_selling_a_window_restores_what_was_before(market):
    market.own(3, 10, 100)
    before = [market.venue.day_function(4, 1, "title"), market.venue.day_function(3, 1, "title")]
    for seller_id, buyer_id in ((3, 4), (4, 3)):
        market.sell(seller_id, 10, 100)
        market.buy(buyer_id, 10, 100)
    after = [market.venue.day_function(4, 1, "title"), market.venue.day_function(3, 1, "title")]
    assert before == after
    assert market.venue.balances(4) == (10**12, 0)
    market.events()


def test_orders_move_to_a_new_session_by_account_and_session(market):
    market.venue.place(1, 3, 7, 70, 1, BUY, 1, 100, GTC, 0)
    market.venue.place(2, 3, 7, 71, 1, BUY, 1, 100, GTC, 0)
    market.venue.place(3, 4, 8, 70, 1, BUY, 1, 100, GTC, 0)
    market.venue.rehome_session(70, 90, 3)
    assert [market.venue.session_of(order_id) for order_id in (1, 2, 3)] == [90, 71, 70]
    assert [market.venue.key_of(order_id) for order_id in (1, 2, 3)] == [7, 7, 8]


def test_trades_are_told_once(market):
    market.sell(1, 3, 100)
    market.buy(3, 2, 100)
    assert market.venue.take_trades() == [(1, 100, 2, 1, 3)]
    assert market.venue.take_trades() == []


def test_the_largest_order_within_the_bounds_keeps_every_amount_exact():
    venue = new_venue()
    venue.add_account(1)
    venue.add_account(2)
    venue.add_product(1, 1, 1, 10_000, 10_000)
    venue.add_instrument(1, 1, BASE_DAY, BASE_DAY + 366, True)
    venue.grant(1, 1, BASE_DAY, BASE_DAY + 366, 10_000_000)
    notional = 16_000_000 * 366 * 24 * 30_000
    venue.deposit(1, notional)
    venue.deposit(2, 2**53 - 1 - notional)
    assert venue.place(1, 1, 1, 1, 1, SELL, 30_000, 16_000_000, GTC, 0) == 0
    assert venue.place(2, 2, 1, 1, 1, BUY, 30_000, 16_000_000, GTC, 0) == 5001
    assert venue.place(3, 2, 1, 1, 1, BUY, 3_000, 16_000_000, GTC, 0) == 0
    assert venue.balances(1) == (0, notional - notional // 10)
    assert venue.balances(0) == (2 * (notional // 10), 0)
    venue.check()
