"""When trading takes place: sessions by the calendar, auctions, price bands, halts."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    AdvanceClock,
    AmendOrder,
    CancelOrder,
    HaltInstrument,
    PlaceOrder,
    PublishBandWidths,
    PublishSettlementPrice,
    ResumeInstrument,
    UncrossBooks,
)
from exchange.domain.enums import (
    CancelReason,
    ExecInst,
    SessionState,
    Side,
    TimeInForce,
    TradingMode,
)
from exchange.domain.events import (
    AuctionEnded,
    AuctionStarted,
    AuctionUncrossed,
    InstrumentExpired,
    InstrumentHalted,
    InstrumentResumed,
    OrderCancelled,
    SettlementPricePublished,
    TradeExecuted,
    TradingSessionChanged,
)
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.domain.trading_sessions import TRADING_DAY, SessionStart
from exchange.domain.units import NS_PER_MINUTE
from exchange.domain.windows import gate_ns, start_ns
from tests.rules.markets import OtherMarket, assert_refused, calendar, day, mainland
from tests.scenario import OTHER, SUPPLIER, TRADER, Market

MONDAY = day("2026-11-23")
OPERATOR = 1
LETTING = TradingMode.SUBLET


def at(minutes: str, day_number: int = MONDAY) -> int:
    """Market time of a clock's reading at the site."""
    hours, rest = minutes.split(":")
    return start_ns(day_number) + (int(hours) * 60 + int(rest)) * NS_PER_MINUTE


def venue(*, holidays: tuple[str, ...] = (), **genesis: int) -> Market:
    """A mainland venue with sessions, two months listed; it is Monday before the pre-open."""
    market = OtherMarket({"is_always_open": False, **genesis})
    for year in (2026, 2027):
        published = calendar(year, holidays=holidays)
        market.do(OPERATOR, replace(published, session_starts=TRADING_DAY))
    market.grant("Y27", 100)
    for code in ("M2701", "M2702"):
        market.list_window(code)
    market.advance(at("08:59"))
    return market


@pytest.fixture
def market() -> Market:
    return venue()


@pytest.fixture
def open_market() -> Market:
    """Always open, with January around 1000 fen; the trader owns ten GPUs."""
    market = Market()
    market.grant("Y27", 100)
    market.list_window("M2701")
    market.order(SUPPLIER, 1, Side.SELL, 10, 1000)
    market.order(TRADER, 1, Side.BUY, 10, 1000)
    market.do(OPERATOR, PublishSettlementPrice(instrument_id=1, settlement_price=1000))
    return market


def trades(market: Market) -> list[tuple[int, int]]:
    """(price, quantity) of the last record's trades."""
    return [(e.last_price, e.last_qty) for e in market.events if isinstance(e, TradeExecuted)]


def buy(price: int, qty: int = 1, **fields: object) -> PlaceOrder:
    """A bid for January."""
    return PlaceOrder(instrument_id=1, side=Side.BUY, order_qty=qty, limit_price=price, **fields)


# -- the trading day ------------------------------------------------------------------------------


def test_the_clock_leads_the_venue_through_its_trading_day(market):
    market.advance(at("23:59"))
    found = [
        (e.market_ns, after.session_state)
        for events in (decode_body(record)[1] for record in market.records)
        for e, after in pairwise(events)
        if isinstance(after, TradingSessionChanged)
    ]
    day_parts = [(at("09:00"), 2), (at("09:15"), 3), (at("11:30"), 7), (at("13:00"), 3)]
    assert found[-6:] == [*day_parts, (at("15:45"), 4), (at("16:00"), 5)]
    market.assert_replays()


def test_a_venue_is_closed_from_the_publication_of_its_sessions_on_until_the_pre_open(market):
    assert market.core.session_state == SessionState.CLOSED
    assert_refused(market, TRADER, buy(100), Reason.HALTED, SessionState.CLOSED, 1)


def test_a_decreed_holiday_has_no_sessions():
    market = venue(holidays=("2026-11-24",))
    market.advance(at("23:59", MONDAY + 1))
    assert market.core.session_state == SessionState.CLOSED
    market.advance(at("09:00", MONDAY + 2))
    assert market.core.session_state == SessionState.PRE_OPEN


def test_a_weekend_is_closed_until_monday(market):
    market.advance(at("09:00", MONDAY + 7) - 1)
    assert market.core.session_state == SessionState.CLOSED
    market.advance(at("09:00", MONDAY + 7))
    assert market.core.session_state == SessionState.PRE_OPEN


def test_a_year_whose_calendar_names_no_sessions_is_continuous():
    market = mainland(2026, 2027)
    market.advance(at("03:00"))
    assert market.core.session_state == SessionState.CONTINUOUS


@pytest.mark.parametrize(("minutes", "state"), [("11:30", 7), ("12:59", 7), ("16:00", 5)])
def test_outside_trading_hours_orders_are_refused_and_can_be_cancelled(market, minutes, state):
    market.advance(at("09:15"))
    bid = market.order(TRADER, 1, Side.BUY, 2, 100)
    market.advance(at(minutes))
    assert_refused(market, OTHER, buy(100), Reason.HALTED, state, 1)
    assert_refused(market, TRADER, AmendOrder(order_id=bid, order_qty=1), Reason.HALTED, state, 1)
    market.do(TRADER, CancelOrder(order_id=bid))


def test_a_calendar_ends_its_trading_day_closed_and_in_order(market):
    twice = [SessionStart(540, SessionState.PRE_OPEN)] * 2
    refused = replace(calendar(2026, version=2), session_starts=twice)
    assert_refused(market, OPERATOR, refused, Reason.BAD_WINDOW, 2)
    left_open = replace(refused, session_starts=TRADING_DAY[:-1])
    assert_refused(market, OPERATOR, left_open, Reason.BAD_WINDOW, 4, 5)


# -- the call auction -----------------------------------------------------------------------------


def crossed(market: Market) -> None:
    """In the pre-open: supply 5 at 100 and 5 at 104, demand 4 at 106 and 4 at 103."""
    market.advance(at("09:00"))
    for price in (100, 104):
        market.order(SUPPLIER, 1, Side.SELL, 5, price)
    for account_id, price in ((TRADER, 106), (OTHER, 103)):
        market.order(account_id, 1, Side.BUY, 4, price)


def test_the_pre_open_collects_and_uncrosses_at_the_price_of_the_largest_volume(market):
    crossed(market)
    assert trades(market) == []
    # From 100 to 103 five trade, three are left over; at 104 to 106 four trade.
    assert market.core.indication(1) == (101, 5, 3)
    market.do(0, AdvanceClock(market_ns=at("09:15")))
    assert market.core.is_uncrossing
    market.do(0, UncrossBooks())
    assert market.events[0] == AuctionUncrossed(1, 101, 5, 3)
    assert trades(market) == [(101, 4), (101, 1)]
    assert not market.core.is_uncrossing
    assert market.core.levels(1, Side.BUY, 9) == [(103, 3, 1)]
    assert market.core.levels(1, Side.SELL, 9) == [(104, 5, 1)]
    market.assert_replays()


def test_of_equal_prices_the_one_nearest_the_settlement_price_is_taken(market):
    market.do(OPERATOR, PublishSettlementPrice(instrument_id=1, settlement_price=103))
    crossed(market)
    market.advance(at("09:15"))
    assert {price for price, _ in trades(market)} == {103}


def test_until_a_book_has_uncrossed_it_takes_no_orders_and_the_clock_waits(market):
    crossed(market)
    market.do(0, AdvanceClock(market_ns=at("09:15")))
    assert_refused(market, OTHER, buy(100), Reason.HALTED, SessionState.CONTINUOUS, 1)
    late = AdvanceClock(market_ns=at("09:16"))
    assert_refused(market, 0, late, Reason.WRONG_STATE, at("09:15"))


def test_a_long_auction_takes_several_records_at_one_price(market, monkeypatch):
    monkeypatch.setattr("exchange.rules.sessions.UNCROSS_STEPS", 3)
    market.advance(at("09:00"))
    for number in range(8):
        market.order(SUPPLIER, 1, Side.SELL, 1, 95 + number)
        market.order(TRADER, 1, Side.BUY, 1, 109 - number)
    price, volume_qty, _ = market.core.indication(1)
    count = len(market.records)
    market.advance(at("09:15"))
    records = [decode_body(record)[1] for record in market.records[count:]]
    found = [[e.last_price for e in r if isinstance(e, TradeExecuted)] for r in records]
    assert [len(prices) for prices in found if prices] == [3, 3, 2]
    assert sum(map(len, found)) == volume_qty
    assert {each for prices in found for each in prices} == {price}
    market.assert_replays()


def test_both_sides_of_an_auction_pay_the_makers_rate_and_the_older_order_is_the_maker():
    market = venue()
    market.advance(at("09:00"))
    bid = market.order(TRADER, 1, Side.BUY, 5, 1000)
    offer = market.order(SUPPLIER, 1, Side.SELL, 5, 1000)
    market.advance(at("09:15"))
    (trade,) = (e for e in market.events if isinstance(e, TradeExecuted))
    assert (trade.maker_order_id, trade.taker_order_id) == (bid, offer)
    maker_bps = market.state.products[1].maker_bps
    fee_amount = -(-trade.notional_amount * maker_bps // 10_000)
    assert (trade.maker_fee_amount, trade.taker_fee_amount) == (fee_amount, fee_amount)
    assert market.core.balances(TRADER)[1] == 0


def test_the_younger_of_two_own_orders_ends_before_an_auction_trades(market):
    market.advance(at("09:15"))
    market.order(SUPPLIER, 1, Side.SELL, 5, 100)
    market.order(TRADER, 1, Side.BUY, 5, 100)
    market.advance(at("15:45"))
    older = market.order(TRADER, 1, Side.SELL, 2, 100)
    younger = market.order(TRADER, 1, Side.BUY, 2, 101)
    market.order(OTHER, 1, Side.BUY, 2, 100)
    market.advance(at("16:00"))
    (ended,) = (e for e in market.events if isinstance(e, OrderCancelled))
    assert (ended.order_id, ended.cancel_reason) == (younger, CancelReason.SELF_MATCH)
    assert trades(market) == [(100, 2)]
    assert market.core.order(older) is None


def test_a_primary_sale_whose_fee_at_the_auctions_price_is_not_there_ends_first():
    market = venue()
    market.admit("poor", *market.state.participants[TRADER].roles)
    poor = market.state.participants[SUPPLIER].account_id
    available, _ = market.core.balances(poor)
    market.advance(at("09:00"))
    offer = market.order(SUPPLIER, 1, Side.SELL, 50, 1)
    market.order(TRADER, 1, Side.BUY, 50, 1000)
    held = market.core.balances(poor)[1]
    take_out(market, poor, available - held)
    market.advance(at("09:15"))
    (ended,) = (e for e in market.events if isinstance(e, OrderCancelled))
    assert (ended.order_id, ended.cancel_reason) == (offer, CancelReason.UNFUNDED)
    assert trades(market) == []
    market.assert_replays()


def take_out(market: Market, account_id: int, amount: int) -> None:
    """Leaves an account without free cash."""
    market.withdraw(account_id, amount)


def test_while_a_book_collects_nothing_is_immediate(market):
    market.advance(at("09:00"))
    for command in (
        buy(100, time_in_force=TimeInForce.IOC),
        buy(100, time_in_force=TimeInForce.FOK),
        buy(100, min_qty=1),
    ):
        assert_refused(market, TRADER, command, Reason.WRONG_STATE, SessionState.PRE_OPEN, 1)


def test_a_post_only_order_may_wait_for_an_auction(market):
    market.advance(at("09:00"))
    market.order(SUPPLIER, 1, Side.SELL, 1, 100)
    market.do(TRADER, buy(101, exec_inst=ExecInst.POST_ONLY))
    market.advance(at("09:15"))
    assert [qty for _, qty in trades(market)] == [1]


def test_the_closing_auction_trades_before_the_gate_ends_the_day_orders(market):
    market.advance(at("15:45"))
    market.order(SUPPLIER, 1, Side.SELL, 2, 100, TimeInForce.DAY)
    market.order(TRADER, 1, Side.BUY, 1, 100, TimeInForce.DAY)
    count = len(market.records)
    market.advance(at("16:01"))
    kinds = [
        type(e)
        for record in market.records[count:]
        for e in decode_body(record)[1]
        if isinstance(e, (TradingSessionChanged, TradeExecuted, OrderCancelled))
    ]
    assert kinds == [TradingSessionChanged, TradeExecuted, OrderCancelled]


# -- bands ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("price", "limit"), [(899, 900), (1101, 1100)])
def test_a_limit_outside_the_static_band_is_refused(open_market, price, limit):
    assert_refused(open_market, OTHER, buy(price), Reason.PRICE_BAND, price, limit)
    inside = open_market.order(OTHER, 1, Side.BUY, 1, 950)
    amend = AmendOrder(order_id=inside, limit_price=price)
    assert_refused(open_market, OTHER, amend, Reason.PRICE_BAND, price, limit)


def test_the_ends_of_the_band_are_within_and_rounded_towards_the_price(open_market):
    open_market.do(OPERATOR, PublishSettlementPrice(instrument_id=1, settlement_price=1005))
    assert open_market.events[0] == SettlementPricePublished(
        instrument_id=1,
        settlement_price=1005,
        low_limit_price=905,
        high_limit_price=1105,
        dynamic_bps=300,
    )
    for price in (905, 1105):
        open_market.order(OTHER, 1, Side.BUY, 1, price)


def test_single_days_have_a_wider_band_and_an_operator_changes_the_widths():
    market = Market()
    market.list_window("D261201")
    price = PublishSettlementPrice(instrument_id=1, settlement_price=1000)
    market.do(OPERATOR, price)
    assert market.core.bands(1)[1:4] == (800, 1200, 300)
    market.do(OPERATOR, PublishBandWidths(static_bps=1, day_static_bps=500, dynamic_bps=0))
    assert market.core.bands(1)[1:4] == (800, 1200, 300)
    market.do(OPERATOR, price)
    assert market.core.bands(1)[1:4] == (950, 1050, 0)


def test_orders_outside_a_new_band_end_with_its_publication(open_market):
    low = open_market.order(OTHER, 1, Side.BUY, 1, 900)
    high = open_market.order(OTHER, 1, Side.BUY, 1, 950)
    open_market.do(OPERATOR, PublishSettlementPrice(instrument_id=1, settlement_price=1030))
    (ended,) = (e for e in open_market.events if isinstance(e, OrderCancelled))
    assert (ended.order_id, ended.cancel_reason) == (low, CancelReason.PRICE_BAND)
    assert open_market.core.order(high) is not None


def offers(market: Market) -> None:
    """January offered at 1010 (two GPUs), 1030 (two) and 1031 (two), by its owner."""
    for price in (1010, 1030, 1031):
        market.order(TRADER, 1, Side.SELL, 2, price)


def test_an_order_that_reaches_beyond_the_dynamic_band_starts_an_auction(open_market):
    offers(open_market)
    bid = open_market.order(OTHER, 1, Side.BUY, 6, 1040)
    assert trades(open_market) == [(1010, 2), (1030, 2)]
    end_ns = open_market.state.market_ns + 5 * NS_PER_MINUTE
    assert AuctionStarted(1, end_ns, 1000, 1031) in open_market.events
    assert open_market.core.book_state(1) == SessionState.AUCTION
    assert open_market.core.order(bid) is not None
    assert open_market.core.indication(1) == (1031, 2, 0)
    open_market.advance(end_ns)
    assert trades(open_market) == [(1031, 2)]
    assert open_market.core.book_state(1) == SessionState.CONTINUOUS
    open_market.assert_replays()


def test_what_is_immediate_ends_at_the_bands_edge_and_the_auction_starts_without_it(open_market):
    offers(open_market)
    outcome = open_market.do(OTHER, buy(1040, 6, time_in_force=TimeInForce.IOC))
    kinds = [type(e) for e in open_market.events]
    assert kinds.count(TradeExecuted) == 2
    assert kinds[-2:] == [AuctionStarted, OrderCancelled]
    assert open_market.core.order(outcome.seq) is None


def test_all_or_nothing_counts_only_what_is_within_reach(open_market):
    offers(open_market)
    for command in (
        buy(1040, 6, time_in_force=TimeInForce.FOK),
        buy(1040, 6, time_in_force=TimeInForce.IOC, min_qty=5),
    ):
        outcome = open_market.refused(OTHER, command)
        assert (outcome.reason, outcome.limit) == (Reason.CANNOT_FILL, 4)
    assert open_market.core.book_state(1) == SessionState.CONTINUOUS


def test_a_post_only_order_beyond_the_band_would_still_take(open_market):
    open_market.order(TRADER, 1, Side.SELL, 2, 1050)
    command = buy(1060, exec_inst=ExecInst.POST_ONLY)
    assert_refused(open_market, OTHER, command, Reason.WOULD_TAKE, 1060, 1050)


def test_an_auction_of_one_book_is_taken_up_by_the_closing_auction():
    market = venue()
    market.do(OPERATOR, PublishSettlementPrice(instrument_id=1, settlement_price=1000))
    market.advance(at("15:43"))
    market.order(SUPPLIER, 1, Side.SELL, 2, 1050)
    market.order(TRADER, 1, Side.BUY, 2, 1060)
    assert market.core.book_state(1) == SessionState.AUCTION
    market.advance(at("15:45"))
    assert market.core.book_state(1) == SessionState.CLOSING_AUCTION
    assert not any(isinstance(e, AuctionEnded) for e in market.events)
    market.advance(at("15:59"))
    assert market.core.indication(1)[1] == 2
    market.advance(at("16:00"))
    assert [qty for _, qty in trades(market)] == [2]


def test_an_auction_that_the_break_interrupts_uncrosses_then():
    market = venue()
    market.do(OPERATOR, PublishSettlementPrice(instrument_id=1, settlement_price=1000))
    market.advance(at("11:28"))
    market.order(SUPPLIER, 1, Side.SELL, 2, 1050)
    market.order(TRADER, 1, Side.BUY, 2, 1060)
    market.advance(at("11:30"))
    assert [qty for _, qty in trades(market)] == [2]
    assert market.core.session_state == SessionState.BREAK


# -- halts ----------------------------------------------------------------------------------------


def halted(market: Market) -> list[tuple[int, int]]:
    """(instrument, cause) of the last record's halts."""
    return [
        (e.instrument_id, e.cause_instrument_id)
        for e in market.events
        if isinstance(e, InstrumentHalted)
    ]


@pytest.fixture
def tree() -> Market:
    """January 1, February 2, the quarter 3, the year 4, a day of January 5."""
    market = Market()
    market.grant("Y27", 100)
    for code in ("M2701", "M2702", "Q271", "Y27", "D270104"):
        market.list_window(code)
    return market


def test_a_halt_stops_a_window_and_all_that_contain_it(tree):
    tree.do(OPERATOR, HaltInstrument(instrument_id=1))
    assert halted(tree) == [(1, 1), (3, 1), (4, 1)]
    for instrument_id in (1, 3, 4):
        order = PlaceOrder(instrument_id=instrument_id, side=Side.BUY, order_qty=1, limit_price=1)
        assert_refused(tree, OTHER, order, Reason.HALTED, SessionState.HALTED, instrument_id)
    for instrument_id in (2, 5):
        tree.order(OTHER, instrument_id, Side.BUY, 1, 1)


def test_a_parent_resumes_when_its_last_halted_part_does(tree):
    tree.do(OPERATOR, HaltInstrument(instrument_id=1))
    tree.do(OPERATOR, HaltInstrument(instrument_id=2))
    tree.do(OPERATOR, ResumeInstrument(instrument_id=1))
    resumed = [e.instrument_id for e in tree.events if isinstance(e, InstrumentResumed)]
    assert resumed == [1, 3, 4]
    assert [e.instrument_id for e in tree.events if isinstance(e, AuctionStarted)] == [1]
    assert tree.core.book_state(3) == SessionState.HALTED
    tree.do(OPERATOR, ResumeInstrument(instrument_id=2))
    assert [tree.core.book_state(number) for number in (2, 3, 4)] == [SessionState.AUCTION] * 3
    tree.assert_replays()


def test_orders_of_a_halted_window_can_be_cancelled_and_not_amended(tree):
    bid = tree.order(OTHER, 1, Side.BUY, 2, 100)
    tree.do(OPERATOR, HaltInstrument(instrument_id=1))
    amend = AmendOrder(order_id=bid, order_qty=1)
    assert_refused(tree, OTHER, amend, Reason.HALTED, SessionState.HALTED, 1)
    tree.do(OTHER, CancelOrder(order_id=bid))


def test_a_halt_is_lifted_by_a_five_minute_auction(tree):
    tree.do(OPERATOR, HaltInstrument(instrument_id=1))
    tree.do(OPERATOR, ResumeInstrument(instrument_id=1))
    tree.order(SUPPLIER, 1, Side.SELL, 2, 100)
    tree.order(OTHER, 1, Side.BUY, 2, 102)
    assert trades(tree) == []
    tree.advance(tree.state.market_ns + 5 * NS_PER_MINUTE)
    assert trades(tree) == [(101, 2)]


def test_halting_twice_and_resuming_what_trades_are_refused(tree):
    tree.do(OPERATOR, HaltInstrument(instrument_id=1))
    halt, resume = HaltInstrument(instrument_id=1), ResumeInstrument(instrument_id=3)
    assert_refused(tree, OPERATOR, halt, Reason.ALREADY_DONE, 1)
    assert_refused(tree, OPERATOR, resume, Reason.WRONG_STATE, 3)
    unknown = HaltInstrument(instrument_id=9)
    assert_refused(tree, OPERATOR, unknown, Reason.UNKNOWN_INSTRUMENT, 9)


def test_a_halt_of_what_is_let_stops_nothing_that_is_sold_and_the_other_way_round():
    market = Market()
    month, let_month = market.list_window("M2706"), market.list_window("M2706", mode=LETTING)
    day_of_it, let_day = market.list_window("D270605"), market.list_window("D270605", mode=LETTING)
    market.do(OPERATOR, HaltInstrument(instrument_id=let_day))
    assert halted(market) == [(let_month, let_day), (let_day, let_day)]
    market.order(OTHER, month, Side.BUY, 1, 1)
    market.do(OPERATOR, HaltInstrument(instrument_id=day_of_it))
    assert halted(market) == [(month, day_of_it), (day_of_it, day_of_it)]
    market.list_window("Q272", mode=LETTING)
    assert halted(market) == [(5, let_day)]
    market.assert_replays()


def test_a_window_listed_over_a_halted_part_is_halted_from_the_start():
    market = Market()
    market.list_window("M2701")
    market.do(OPERATOR, HaltInstrument(instrument_id=1))
    market.list_window("Q271")
    assert halted(market) == [(2, 1)]
    assert market.core.book_state(2) == SessionState.HALTED


def test_the_expiry_of_a_halted_part_frees_what_contains_it():
    market = Market()
    market.list_window("D261125")
    market.list_window("X261125-261201")
    market.do(OPERATOR, HaltInstrument(instrument_id=1))
    market.list_window("M2612")
    market.advance(gate_ns(day("2026-11-24")))
    assert InstrumentExpired(instrument_id=1) in market.events
    assert market.state.halts == {}
    market.assert_replays()


def test_a_halt_is_not_lifted_while_the_venue_is_closed(market):
    market.advance(at("09:15"))
    market.do(OPERATOR, HaltInstrument(instrument_id=1))
    market.advance(at("16:00"))
    resume = ResumeInstrument(instrument_id=1)
    assert_refused(market, OPERATOR, resume, Reason.HALTED, SessionState.CLOSED, 1)
    market.advance(at("09:00", MONDAY + 1))
    market.do(OPERATOR, resume)
    assert market.core.book_state(1) == SessionState.PRE_OPEN


def test_a_book_halted_in_its_auction_keeps_what_it_collected(market):
    crossed(market)
    market.do(OPERATOR, HaltInstrument(instrument_id=1))
    market.advance(at("09:30"))
    assert trades(market) == []
    assert market.core.indication(1)[1] == 5
    market.do(OPERATOR, ResumeInstrument(instrument_id=1))
    market.advance(at("09:35"))
    assert sum(qty for _, qty in trades(market)) == 5
    market.assert_replays()
