"""Settlement prices and the curve: where each price comes from, and when it is published."""

from fractions import Fraction

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    AdvanceClock,
    PublishSettlementPrice,
    PublishSettlementPrices,
    ScheduleListings,
)
from exchange.domain.enums import CancelReason, Side, WindowKind
from exchange.domain.events import (
    ClockAdvanced,
    InstrumentExpired,
    OrderCancelled,
    SettlementPricePublished,
    TradeExecuted,
    TradingSessionChanged,
)
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.domain.schedule_events import CurvePublished, SettlementCompleted
from exchange.domain.trading_sessions import TRADING_DAY
from exchange.domain.units import NS_PER_MINUTE
from exchange.domain.windows import gate_ns, parse_window, start_ns
from exchange.rules import settlement
from exchange.rules.clock import next_boundary_ns, owed_before
from exchange.rules.settlement_prices import nearest
from tests.rules.markets import (
    OtherMarket,
    assert_refused,
    calendar,
    cross,
    day,
    events_of,
    mainland,
    order,
)
from tests.scenario import FIRST_DAY, OTHER, PRODUCT, SUPPLIER, TRADER, Market

OPERATOR = 1
CLOSE_NS = gate_ns(FIRST_DAY)
LOT_QTY = 8
FIVE_LOTS_QTY = 5 * LOT_QTY
NO_WINDOWS = ScheduleListings(
    product_id=1,
    day_count=0,
    month_count=0,
    quarter_count=0,
    year_count=0,
    strip_count=0,
    is_balance_listed=False,
)


def venue(*codes: str, lot_qty: int = LOT_QTY, market: Market | None = None) -> Market:
    """A market that settles by the clock, with these windows listed; a new one has much to sell."""
    if market is None:
        market = Market(lot_qty=lot_qty)
        for code in ("X261124-270101", "Y27", "Y28"):
            market.grant(code, 1_000 * lot_qty)
    for code in codes:
        market.list_window(code)
    market.do(OPERATOR, NO_WINDOWS)
    cross(market, market.state.market_ns + 1)
    return market


def window_id(market: Market, code: str) -> int:
    """The instrument of a window."""
    return market.state.instrument_ids[f"{PRODUCT}:{code}"]


def trade(market: Market, code: str, qty: int, price: int) -> None:
    """The supplier sells to the trader."""
    market.order(SUPPLIER, window_id(market, code), Side.SELL, qty, price)
    market.order(TRADER, window_id(market, code), Side.BUY, qty, price)


def quote(market: Market, code: str, bid: tuple[int, int], ask: tuple[int, int]) -> None:
    """A bid and an offer that rest, as (quantity, price)."""
    market.order(OTHER, window_id(market, code), Side.BUY, *bid)
    market.order(SUPPLIER, window_id(market, code), Side.SELL, *ask)


def price_by_hand(market: Market, code: str, price: int) -> None:
    """A price of the operator's, as a first one is."""
    instrument_id = window_id(market, code)
    command = PublishSettlementPrice(instrument_id=instrument_id, settlement_price=price)
    market.do(OPERATOR, command)


def settled(market: Market, close_ns: int = CLOSE_NS) -> dict[str, SettlementPricePublished]:
    """Goes through a close; what it published, by window."""
    count = len(market.records)
    cross(market, close_ns)
    events = [event for record in market.records[count:] for event in decode_body(record)[1]]
    return {
        market.state.instruments[event.instrument_id].symbol.split(":")[1]: event
        for event in events
        if isinstance(event, SettlementPricePublished)
    }


def last_half_hour(market: Market, close_ns: int = CLOSE_NS) -> None:
    """Its first moment, the first that counts."""
    cross(market, close_ns - 30 * NS_PER_MINUTE)


# -- days and months: trades, quotes, the parent, the prior price ---------------------------------


def test_the_price_is_the_average_of_the_last_half_hours_trades():
    market = venue("M2701")
    last_half_hour(market)
    trade(market, "M2701", 24, 1_000)
    trade(market, "M2701", 16, 1_005)
    price = settled(market)["M2701"]
    assert Fraction(price.notional_amount, price.gpu_hours) == Fraction(24 * 1_000 + 16 * 1_005, 40)
    assert (price.settlement_price, price.source) == (1_002, "trades")
    assert price.gpu_hours == 40 * 744
    assert price.settlement_day == FIRST_DAY


@pytest.mark.parametrize(("qty", "source"), [(FIVE_LOTS_QTY, "trades"), (32, "prior")])
def test_fewer_than_five_lots_are_no_price(qty, source):
    market = venue("M2701")
    price_by_hand(market, "M2701", 990)
    last_half_hour(market)
    trade(market, "M2701", qty, 1_000)
    price = settled(market)["M2701"]
    assert (price.source, price.settlement_price) == (source, 1_000 if qty == 40 else 990)


@pytest.mark.parametrize(("early_ns", "is_counted"), [(0, True), (1, False)])
def test_the_last_half_hour_begins_thirty_minutes_before_the_close(early_ns, is_counted):
    market = venue("M2701")
    cross(market, CLOSE_NS - 30 * NS_PER_MINUTE - early_ns)
    trade(market, "M2701", FIVE_LOTS_QTY, 1_000)
    assert ("M2701" in settled(market)) is is_counted


def test_a_days_trades_count_for_that_day_alone():
    market = venue("M2701")
    last_half_hour(market)
    trade(market, "M2701", FIVE_LOTS_QTY, 1_000)
    assert settled(market)["M2701"].source == "trades"
    trade(market, "M2701", FIVE_LOTS_QTY, 1_010)
    assert market.state.closing_trades == {}
    assert settled(market, gate_ns(FIRST_DAY + 1))["M2701"].source == "prior"
    market.assert_replays()


@pytest.mark.parametrize(
    ("bid", "ask", "price"),
    [
        ((5, 985), (5, 1_015), 1_000),
        ((5, 990), (5, 1_001), 996),
        ((4, 985), (5, 1_015), None),
        ((5, 985), (4, 1_015), None),
        ((5, 985), (5, 1_016), None),
    ],
)
def test_without_trades_it_is_the_middle_of_close_quotes_of_five_lots(bid, ask, price):
    market = venue("M2701", lot_qty=1)
    quote(market, "M2701", bid, ask)
    found = settled(market).get("M2701")
    assert (None if found is None else found.settlement_price) == price
    if found is not None:
        assert found.source == "quotes"
        assert Fraction(found.notional_amount, found.gpu_hours) == Fraction(bid[1] + ask[1], 2)


def test_trades_come_before_quotes():
    market = venue("M2701")
    last_half_hour(market)
    trade(market, "M2701", FIVE_LOTS_QTY, 1_000)
    quote(market, "M2701", (40, 995), (40, 1_001))
    assert settled(market)["M2701"].source == "trades"


def test_a_day_without_evidence_moves_with_its_month():
    market = venue("M2612", "D261205", "D261206")
    for code, price in (("M2612", 1_000), ("D261205", 1_010)):
        price_by_hand(market, code, price)
    last_half_hour(market)
    trade(market, "M2612", FIVE_LOTS_QTY, 1_050)
    found = settled(market)
    moved = found["D261205"]
    assert (moved.settlement_price, moved.source) == (nearest(1_010 * 1_050, 1_000), "parent")
    assert "D261206" not in found


@pytest.mark.parametrize("observed", ["Q271", "Y27"])
def test_a_month_without_evidence_moves_with_its_quarter_else_its_year(observed):
    months = [f"M27{number:02d}" for number in range(1, 13)]
    market = venue(*months, "Q271", "Y27")
    for code in months:
        price_by_hand(market, code, 1_000)
    price_by_hand(market, observed, 1_000)
    last_half_hour(market)
    trade(market, observed, FIVE_LOTS_QTY, 1_020)
    found = settled(market)
    assert (found["M2702"].settlement_price, found["M2702"].source) == (1_020, "parent")
    april = (1_000, "prior") if observed == "Q271" else (1_020, "parent")
    assert (found["M2704"].settlement_price, found["M2704"].source) == april


def test_a_price_that_nothing_moved_is_published_again_as_the_prior_one():
    market = venue("M2701")
    price_by_hand(market, "M2701", 997)
    for number in range(3):
        price = settled(market, gate_ns(FIRST_DAY + number))["M2701"]
        assert (price.settlement_price, price.source) == (997, "prior")
        assert price.settlement_day == FIRST_DAY + number


def test_what_was_never_priced_and_has_no_evidence_has_no_price():
    market = venue("M2701")
    assert settled(market) == {}
    completed = SettlementCompleted(settlement_day=FIRST_DAY, price_count=0)
    assert events_of(market, SettlementCompleted) == [completed]


@pytest.mark.parametrize(
    ("numerator", "denominator", "tick"), [(2_003, 2, 1_002), (2_001, 2, 1_001), (1_001, 3, 334)]
)
def test_half_a_tick_rounds_up(numerator, denominator, tick):
    assert nearest(numerator, denominator) == tick


# -- derived --------------------------------------------------------------------------------------

ASKS_OF_2027 = range(1_000, 940, -5)
"""From January's 1000 fen down to December's 945."""
MONTHS_OF_2027 = [f"M27{number:02d}" for number in range(1, 13)]


def year_of_months(*more: str) -> Market:
    """The months of the worked example, priced by hand."""
    market = venue(*MONTHS_OF_2027, "Q271", "Q272", "Q273", "Q274", "Y27", *more)
    for code, price in zip(MONTHS_OF_2027, ASKS_OF_2027, strict=True):
        price_by_hand(market, code, price)
    return market


def test_the_year_is_the_notional_of_its_months_over_their_hours():
    """Σ p·h = 8,517,960, h = 8 760: the average is 972.3699 and not the simple mean 972.5."""
    year = settled(year_of_months())["Y27"]
    assert (year.notional_amount, year.gpu_hours) == (8_517_960, 8_760)
    assert (year.settlement_price, year.source) == (972, "parts")


def test_the_strip_from_march_is_made_of_twelve_months_with_the_leap_day():
    """With 940 and 935 for the next months: 8,455,440 / 8 784."""
    market = year_of_months("M2801", "M2802", "S2703")
    price_by_hand(market, "M2801", 940)
    price_by_hand(market, "M2802", 935)
    strip = settled(market)["S2703"]
    assert (strip.notional_amount, strip.gpu_hours) == (8_455_440, 8_784)


def test_quarters_have_their_months_hours_and_make_up_the_year():
    found = settled(year_of_months())
    quarters = [found[f"Q27{number}"] for number in range(1, 5)]
    assert [quarter.gpu_hours for quarter in quarters] == [2_160, 2_184, 2_208, 2_208]
    year = found["Y27"]
    assert sum(quarter.notional_amount for quarter in quarters) == year.notional_amount
    assert sum(quarter.gpu_hours for quarter in quarters) == year.gpu_hours


def test_no_parts_are_worth_more_or_less_than_the_whole():
    market = year_of_months()
    last_half_hour(market)
    trade(market, "M2703", FIVE_LOTS_QTY, 1_003)
    quote(market, "M2707", (40, 960), (40, 963))
    trade(market, "Q272", FIVE_LOTS_QTY, 990)
    found = settled(market)
    parts = sum(found[code].settlement_price * parse_window(code).hours for code in MONTHS_OF_2027)
    assert found["Y27"].notional_amount == parts
    assert found["Q272"].source == "parts"
    market.assert_replays()


def test_where_a_month_has_no_price_the_whole_keeps_its_prior_one():
    market = venue("M2701", "M2702", "M2703", "Q271")
    for code, price in (("M2701", 1_000), ("M2702", 1_000), ("Q271", 980)):
        price_by_hand(market, code, price)
    found = settled(market)
    assert set(found) == {"M2701", "M2702"}
    quarter = market.state.settled_prices[window_id(market, "Q271")]
    assert (quarter.settlement_price, quarter.settlement_day) == (980, 0)


def test_a_balance_of_month_is_derived_from_its_days():
    days = [f"D2611{number}" for number in range(25, 31)]
    market = venue(*days, "B261125")
    for number, code in enumerate(days):
        price_by_hand(market, code, 1_000 + number)
    balance = settled(market)["B261125"]
    assert balance.gpu_hours == 6 * 24
    assert balance.notional_amount == 24 * sum(range(1_000, 1_006))


# -- the curve ------------------------------------------------------------------------------------


def curve_of_march(*priced_days: int) -> list[CurvePublished]:
    """March at 990 and so many of its first days at 1005, at the close of 26 February."""
    market = Market(lot_qty=LOT_QTY)
    cross(market, start_ns(day("2027-02-26")))
    codes = [f"D2703{number:02d}" for number in range(1, 32)]
    venue("M2703", *codes, market=market)
    price_by_hand(market, "M2703", 990)
    for number in priced_days:
        price_by_hand(market, codes[number - 1], 1_005)
    cross(market, gate_ns(day("2027-02-26")))
    return events_of(market, CurvePublished)


def test_the_rest_of_march_is_what_the_months_price_leaves():
    """March at 990, days 1-7 at 1005 → the rest of March 7885/8 = 985.625 fen."""
    (rest,) = curve_of_march(*range(1, 8))
    assert rest.month == 202_703
    assert Fraction(rest.rest_notional_amount, rest.rest_hours) == Fraction(7_885, 8)
    assert rest.rest_notional_amount / rest.rest_hours == 985.625
    assert rest.rest_hours == (31 - 7) * 24
    assert 7 * 24 * 1_005 + rest.rest_notional_amount == 744 * 990


def test_a_month_without_priced_days_or_with_nothing_else_has_no_rest():
    assert curve_of_march() == []
    assert curve_of_march(*range(1, 32)) == []
    (rest,) = curve_of_march(*range(1, 31))
    assert rest.rest_hours == 24


# -- when -----------------------------------------------------------------------------------------


def sessions_venue() -> Market:
    """A mainland venue on Monday morning; December and tomorrow are listed."""
    market = OtherMarket({"is_always_open": False}, lot_qty=LOT_QTY)
    for year in (2026, 2027):
        published = calendar(year, holidays=("2026-11-25",))
        market.do(OPERATOR, replace(published, session_starts=TRADING_DAY))
    market.grant("X261124-270101", 1_000)
    market.list_window("D261124")
    market.list_window("M2612")
    market.do(OPERATOR, NO_WINDOWS)
    cross(market, start_ns(FIRST_DAY) + 14 * 60 * NS_PER_MINUTE)
    return market


def test_the_closing_auctions_trades_count_and_orders_end_after_the_settlement():
    market = sessions_venue()
    cross(market, start_ns(FIRST_DAY) + (15 * 60 + 50) * NS_PER_MINUTE)
    trade(market, "D261124", FIVE_LOTS_QTY, 1_000)
    count = len(market.records)
    cross(market, CLOSE_NS)
    change, uncrossed, prices, ends = [decode_body(record)[1] for record in market.records[count:]][
        -4:
    ]
    assert change == [
        ClockAdvanced(market_ns=CLOSE_NS, is_complete=False),
        TradingSessionChanged(session_state=change[1].session_state),
    ]
    assert any(isinstance(event, TradeExecuted) for event in uncrossed)
    assert (prices[0].settlement_price, prices[0].source) == (1_000, "trades")
    assert isinstance(prices[-1], SettlementCompleted)
    assert ends == [ClockAdvanced(market_ns=CLOSE_NS), InstrumentExpired(instrument_id=1)]
    market.assert_replays()


def test_until_prices_are_settled_the_clock_stands_and_no_order_is_taken():
    market = venue("M2701")
    market.do(0, AdvanceClock(market_ns=CLOSE_NS))
    assert market.events == [ClockAdvanced(market_ns=CLOSE_NS, is_complete=False)]
    assert owed_before(market.state) == PublishSettlementPrices()
    later = AdvanceClock(market_ns=CLOSE_NS + 1)
    assert_refused(market, 0, later, Reason.WRONG_STATE, CLOSE_NS)
    assert market.refused(TRADER, order(1, Side.BUY, LOT_QTY)).reason is Reason.HALTED
    market.do(0, PublishSettlementPrices())
    assert owed_before(market.state) is None
    market.do(0, later)
    assert market.events == [ClockAdvanced(market_ns=CLOSE_NS)]
    market.order(TRADER, 1, Side.BUY, LOT_QTY, 100)


def test_a_day_is_settled_once_and_only_when_it_has_closed():
    market = venue("M2701")
    assert_refused(market, 0, PublishSettlementPrices(), Reason.EMPTY)
    cross(market, CLOSE_NS)
    assert_refused(market, 0, PublishSettlementPrices(), Reason.EMPTY)
    assert len(events_of(market, SettlementCompleted)) == 1


def test_an_always_open_venue_settles_every_day_and_a_mainland_one_every_trading_day():
    for market, dates in (
        (venue("M2701"), range(23, 31)),
        (venue("M2701", market=mainland(2026, 2027)), (23, 24, 25, 26, 27, 30)),
    ):
        cross(market, start_ns(day("2026-12-01")))
        days = [event.settlement_day for event in events_of(market, SettlementCompleted)]
        assert days == [day(f"2026-11-{number}") for number in dates]


def test_a_holiday_is_no_close():
    market = sessions_venue()
    cross(market, start_ns(day("2026-11-27")))
    days = [event.settlement_day for event in events_of(market, SettlementCompleted)]
    assert days == [day("2026-11-23"), day("2026-11-24"), day("2026-11-26")]


def test_a_product_that_no_schedule_names_is_priced_by_operators_alone():
    market = Market()
    market.list_window("M2701")
    price_by_hand(market, "M2701", 1_000)
    cross(market, CLOSE_NS + 1)
    assert events_of(market, SettlementCompleted) == []
    assert len(events_of(market, SettlementPricePublished)) == 1
    assert market.state.settled_prices[1].gpu_hours == 744


def test_the_first_settlement_after_the_schedule_is_the_next_close():
    market = Market()
    cross(market, CLOSE_NS + NS_PER_MINUTE)
    market.list_window("M2701")
    market.do(OPERATOR, NO_WINDOWS)
    cross(market, CLOSE_NS + 2 * NS_PER_MINUTE)
    assert events_of(market, SettlementCompleted) == []
    cross(market, gate_ns(FIRST_DAY + 1))
    (completed,) = events_of(market, SettlementCompleted)
    assert completed.settlement_day == FIRST_DAY + 1


def test_the_close_is_a_boundary_that_no_tick_jumps_over():
    market = venue("M2701")
    assert next_boundary_ns(market.state) == CLOSE_NS
    market.do(0, AdvanceClock(market_ns=CLOSE_NS + 10**15))
    assert market.state.market_ns == CLOSE_NS
    assert next_boundary_ns(market.state) == CLOSE_NS


# -- bands and batches ----------------------------------------------------------------------------


def test_the_band_follows_the_price_and_orders_outside_end():
    market = venue("M2701")
    price_by_hand(market, "M2701", 1_000)
    low = market.order(OTHER, 1, Side.BUY, LOT_QTY, 905)
    last_half_hour(market)
    trade(market, "M2701", FIVE_LOTS_QTY, 1_020)
    price = settled(market)["M2701"]
    assert (price.low_limit_price, price.high_limit_price) == (918, 1_122)
    (cancelled,) = events_of(market, OrderCancelled)
    assert (cancelled.order_id, cancelled.cancel_reason) == (low, CancelReason.PRICE_BAND)
    assert market.core.bands(1)[:3] == (1_020, 918, 1_122)


def test_the_band_of_a_derived_window_lies_around_its_exact_price():
    market = venue("M2701", "M2702", "M2703", "Q271")
    for code, price in (("M2701", 1_001), ("M2702", 1_000), ("M2703", 1_000)):
        price_by_hand(market, code, price)
    quarter = settled(market)["Q271"]
    exact = Fraction(quarter.notional_amount, quarter.gpu_hours)
    assert exact == Fraction(2_160 * 1_000 + 744, 2_160)
    assert quarter.low_limit_price - 1 < exact * Fraction(9, 10) <= quarter.low_limit_price
    assert quarter.high_limit_price <= exact * Fraction(11, 10) < quarter.high_limit_price + 1


def test_a_window_at_its_gate_is_settled_and_its_orders_end_with_it():
    market = venue("D261124")
    price_by_hand(market, "D261124", 1_000)
    bid = market.order(OTHER, 1, Side.BUY, LOT_QTY, 805)
    last_half_hour(market)
    trade(market, "D261124", FIVE_LOTS_QTY, 1_030)
    assert settled(market)["D261124"].settlement_price == 1_030
    (cancelled,) = events_of(market, OrderCancelled)
    assert (cancelled.order_id, cancelled.cancel_reason) == (bid, CancelReason.EXPIRED)


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 7])
def test_where_a_record_ends_makes_no_difference_to_any_price(monkeypatch, batch):
    def prices() -> dict[str, SettlementPricePublished]:
        market = year_of_months("D270101", "D270102")
        price_by_hand(market, "D270101", 1_007)
        price_by_hand(market, "Q271", 1_000)
        for number in range(4):
            market.order(OTHER, window_id(market, "M2702"), Side.BUY, LOT_QTY, 896 + number)
        last_half_hour(market)
        trade(market, "Q271", FIVE_LOTS_QTY, 1_015)
        trade(market, "M2701", FIVE_LOTS_QTY, 1_025)
        found = settled(market)
        market.assert_replays()
        assert len(events_of(market, SettlementCompleted)) == 1
        return found

    whole = prices()
    assert whole["M2702"].source == "parent"
    assert whole["D270101"].source == "parent"
    monkeypatch.setattr(settlement, "SETTLEMENT_BATCH", batch)
    assert prices() == whole


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_more_orders_outside_a_band_than_a_record_holds_end_before_the_price(monkeypatch, batch):
    monkeypatch.setattr(settlement, "SETTLEMENT_BATCH", batch)
    market = venue("M2701")
    price_by_hand(market, "M2701", 1_000)
    bids = [market.order(OTHER, 1, Side.BUY, LOT_QTY, 900) for _ in range(5)]
    last_half_hour(market)
    trade(market, "M2701", FIVE_LOTS_QTY, 1_030)
    count = len(market.records)
    settled(market)
    records = [decode_body(record)[1] for record in market.records[count:]]
    assert [e.order_id for e in events_of(market, OrderCancelled)] == bids
    assert max(len(events) for events in records) <= max(2, batch + 1)
    market.assert_replays()


def test_a_window_kind_without_parts_or_price_of_its_own_is_not_settled():
    market = venue("X261201-261208")
    assert market.state.instruments[1].kind is WindowKind.USER_DEFINED
    assert settled(market) == {}
