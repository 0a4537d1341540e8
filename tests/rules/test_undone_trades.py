"""Busted and corrected trades in what is made of trades: marks and settlement prices."""

import pytest

from exchange.domain.commands import PublishMarks
from exchange.domain.desk_commands import ApproveCorrection, RequestBust, RequestCorrection
from exchange.domain.enums import Role, Side, TradeSource
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE
from exchange.domain.windows import start_ns
from exchange.engine.replay import verify
from exchange.rules.marks import SHORTEST_CYCLE_NS
from tests.rules.markets import cross
from tests.rules.test_settlement import CLOSE_NS, LOT_QTY, last_half_hour, settled, venue, window_id
from tests.scenario import FIRST_DAY, OTHER, SUPPLIER, TRADER, Market

HOURS = 744
"""Of January."""
TRADES, LAST_TRADE = 1, 3
NOTE = "fat finger"


@pytest.fixture
def market():
    """January is listed and granted; whatever a test does is replayed and decided again."""
    market = Market()
    market.grant("Y27", 10_000)
    market.january = market.list_window("M2701")
    yield market
    market.assert_replays()
    assert verify(market.records).state.hash() == market.state.hash()


def trade(market, buyer_id, price, qty=4):
    """The buyer's purchase of January from the supplier: the trade's id."""
    market.order(SUPPLIER, market.january, Side.SELL, qty, price)
    market.order(buyer_id, market.january, Side.BUY, qty, price)
    return market.core.next_trade_id - 1


def decided(market, account_id, command):
    """Both operators agree to what a party asks."""
    wanted = market.do(account_id, command).seq
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))


def bust(market, trade_id, account_id):
    """A trade undone."""
    command = RequestBust(trade_id=trade_id, note=NOTE, trade_source=TradeSource.BOOK)
    decided(market, account_id, command)


def correct(market, trade_id, account_id, price):
    """A trade at another price."""
    command = RequestCorrection(
        trade_id=trade_id, corrected_price=price, note=NOTE, trade_source=TradeSource.BOOK
    )
    decided(market, account_id, command)


def minute_later(market):
    """The next whole minute, so that a trade is in another one than the last."""
    market.advance((market.state.market_ns // NS_PER_MINUTE + 1) * NS_PER_MINUTE)


def mark(market):
    """January's mark, by the next cycle or as it stands where that finds nothing new."""
    data = market.state.market_data
    if data.marked_ns and market.state.market_ns < data.marked_ns + SHORTEST_CYCLE_NS:
        market.advance(data.marked_ns + SHORTEST_CYCLE_NS)
    market.execute(0, PublishMarks())
    return data.nodes["A100-80-SXM|SG|202701"].mark


# -- marks -----------------------------------------------------------------------------------------


def test_a_busted_trade_leaves_the_average_and_the_daily_volume(market):
    trade(market, TRADER, 100)
    trade(market, OTHER, 103)
    wrong = trade(market, TRADER, 190, 40)
    trade(market, TRADER, 106)
    bust(market, wrong, TRADER)
    marked = mark(market)
    assert (marked.level, marked.mark_micro) == (TRADES, 103 * 10_000)
    assert marked.adv_hours == 12 * HOURS // 20


def test_a_mark_that_is_published_stands_until_the_next_cycle(market):
    trade(market, TRADER, 100)
    trade(market, OTHER, 100)
    wrong = trade(market, TRADER, 80)
    before = mark(market)
    assert before.mark_micro == (100 + 100 + 80) * 10_000 // 3
    bust(market, wrong, TRADER)
    data = market.state.market_data
    assert data.nodes["A100-80-SXM|SG|202701"].mark is before
    assert (mark(market).level, data.nodes["A100-80-SXM|SG|202701"].mark.mark_micro) == (
        LAST_TRADE,
        100 * 10_000,
    )


def test_a_bust_takes_its_pair_away_unless_the_pair_traded_otherwise(market):
    for price in (100, 100, 100):
        trade(market, TRADER, price)
    first, second = trade(market, OTHER, 100), trade(market, OTHER, 100)
    bust(market, first, OTHER)
    assert mark(market).level == TRADES
    bust(market, second, OTHER)
    assert mark(market).level == LAST_TRADE


def test_a_corrected_trade_counts_at_its_corrected_price(market):
    trade(market, TRADER, 100)
    trade(market, OTHER, 100)
    wrong = trade(market, TRADER, 130)
    correct(market, wrong, TRADER, 103)
    marked = mark(market)
    assert (marked.level, marked.mark_micro) == (TRADES, 101 * 10_000)
    assert marked.adv_hours == 12 * HOURS // 20


def test_a_corrected_trade_is_busted_at_its_corrected_price(market):
    trade(market, TRADER, 100)
    trade(market, OTHER, 103)
    trade(market, TRADER, 106)
    wrong = trade(market, OTHER, 190)
    correct(market, wrong, OTHER, 150)
    bust(market, wrong, OTHER)
    assert mark(market).mark_micro == 103 * 10_000


def test_a_busted_last_trade_leaves_the_last_price_of_the_minute_before(market):
    trade(market, TRADER, 100)
    minute_later(market)
    wrong = trade(market, TRADER, 130)
    bust(market, wrong, TRADER)
    assert (mark(market).level, mark(market).mark_micro) == (LAST_TRADE, 100 * 10_000)


def test_a_node_whose_only_trade_is_busted_has_no_mark_of_trades(market):
    bust(market, trade(market, TRADER, 130), TRADER)
    marked = mark(market)
    assert (marked.level, marked.mark_micro, marked.adv_hours) == (0, 0, 0)


def test_the_bust_of_a_trade_between_affiliates_takes_its_note_away(market):
    daughter = market.admit("daughter", Role.TRADER, affiliate_ids=[SUPPLIER])
    market.deposit(daughter, 10**12)
    trade(market, TRADER, 100)
    wrong = trade(market, daughter, 130)
    assert mark(market).notes == ["EXCLUDE_AFFILIATED"]
    bust(market, wrong, daughter)
    assert mark(market).notes == []
    assert mark(market).mark_micro == 100 * 10_000


def test_a_bust_that_is_decided_a_day_later_takes_nothing_from_the_trades_since(market):
    wrong = trade(market, TRADER, 130)
    wanted = market.do(
        TRADER, RequestBust(trade_id=wrong, note=NOTE, trade_source=TradeSource.BOOK)
    ).seq
    cross(market, market.state.market_ns + NS_PER_DAY + NS_PER_MINUTE)
    mark(market)
    for buyer_id in (TRADER, OTHER, TRADER):
        trade(market, buyer_id, 100)
    for operator_id in (1, 2):
        market.do(operator_id, ApproveCorrection(correction_id=wanted))
    marked = mark(market)
    assert (marked.level, marked.mark_micro) == (TRADES, 100 * 10_000)
    assert marked.adv_hours == 12 * HOURS // 20, "the day before had hours of the busted trade only"


def test_a_bust_after_midnight_takes_its_hours_from_the_day_before(market):
    trade(market, TRADER, 100, 12)
    cross(market, start_ns(FIRST_DAY + 1) - NS_PER_MINUTE)
    wrong = trade(market, OTHER, 100, 3)
    cross(market, start_ns(FIRST_DAY + 1) + NS_PER_MINUTE)
    trade(market, OTHER, 100, 8)
    bust(market, wrong, OTHER)
    (node,) = market.state.market_data.nodes.values()
    assert node.traded_days == [(FIRST_DAY, 12 * HOURS), (FIRST_DAY + 1, 8 * HOURS)]


# -- settlement ------------------------------------------------------------------------------------


def close_of(market, code="M2701"):
    """Goes through the close; the window's settlement price."""
    return settled(market)[code].settlement_price


def sold(market, buyer_id, lots_count, price):
    """The supplier sells whole lots of January; the trade's id."""
    instrument_id = window_id(market, "M2701")
    market.order(SUPPLIER, instrument_id, Side.SELL, lots_count * LOT_QTY, price)
    market.order(buyer_id, instrument_id, Side.BUY, lots_count * LOT_QTY, price)
    return market.core.next_trade_id - 1


@pytest.fixture
def closing():
    """The closing half hour has begun; what happens is replayed and decided again."""
    market = venue("M2701")
    last_half_hour(market)
    yield market
    market.assert_replays()
    assert verify(market.records).state.hash() == market.state.hash()


def test_a_busted_trade_leaves_the_settlement_average(closing):
    sold(closing, TRADER, 5, 1_000)
    wrong = sold(closing, OTHER, 20, 1_010)
    bust(closing, wrong, OTHER)
    sold(closing, OTHER, 5, 1_004)
    assert close_of(closing) == 1_002


def test_a_corrected_trade_settles_at_its_corrected_price(closing):
    sold(closing, TRADER, 5, 1_000)
    wrong = sold(closing, OTHER, 5, 1_010)
    correct(closing, wrong, OTHER, 1_004)
    assert close_of(closing) == 1_002


def test_busts_that_leave_too_few_lots_leave_no_price_of_trades(closing):
    bust(closing, sold(closing, TRADER, 5, 1_000), TRADER)
    assert closing.state.closing_trades == {}
    assert "M2701" not in settled(closing)


def test_the_bust_of_a_trade_before_the_half_hour_leaves_the_average_as_it_is():
    market = venue("M2701")
    instrument_id = window_id(market, "M2701")
    cross(market, market.state.closing_from_ns - NS_PER_MINUTE)
    wrong = sold(market, OTHER, 9, 1_010)
    last_half_hour(market)
    sold(market, TRADER, 5, 1_000)
    before = market.state.closing_trades[instrument_id].hourly_amount
    bust(market, wrong, OTHER)
    assert market.state.closing_trades[instrument_id].hourly_amount == before
    assert close_of(market) == 1_000
    market.assert_replays()


def test_a_bust_after_the_close_leaves_the_price_that_was_published(closing):
    cross(closing, CLOSE_NS - NS_PER_MINUTE)
    sold(closing, TRADER, 5, 1_000)
    wrong = sold(closing, OTHER, 5, 1_010)
    assert close_of(closing) == 1_005
    bust(closing, wrong, OTHER)
    settled_price = closing.state.settled_prices[window_id(closing, "M2701")]
    assert settled_price.settlement_price == 1_005
    assert closing.state.closing_trades == {}
