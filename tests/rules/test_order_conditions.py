"""What an order may ask for beyond price and quantity, through the rules: refusals and ends."""

import pytest

from exchange.domain.commands import AdvanceClock, AmendOrder, PlaceOrder
from exchange.domain.enums import (
    CancelReason,
    ExecInst,
    SelfMatchPolicy,
    Side,
    TimeInForce,
)
from exchange.domain.events import (
    ClockAdvanced,
    InstrumentExpired,
    OrderAccepted,
    OrderCancelled,
    OrderRested,
    TradeExecuted,
)
from exchange.domain.reasons import Reason
from exchange.domain.windows import gate_ns
from exchange.rules import clock
from tests.rules.markets import assert_refused, cross, events_of, own, times
from tests.scenario import FIRST_DAY, OTHER, SUPPLIER, TRADER, Market

DAY, GTC, IOC, FOK, GTD = (
    TimeInForce.DAY,
    TimeInForce.GTC,
    TimeInForce.IOC,
    TimeInForce.FOK,
    TimeInForce.GTD,
)
LAST_DAY = FIRST_DAY + 4
"""The last trading day of the fifth window, the day before it."""


@pytest.fixture
def market() -> Market:
    """A window five days ahead, of which the supplier has a hundred GPUs."""
    market = Market()
    market.grant("X261123-270101", 100)
    market.window = market.list_window("D261128")
    return market


def bid(market: Market, order_qty: int = 10, limit_price: int = 100, **terms) -> PlaceOrder:
    """A bid for the market's window."""
    return PlaceOrder(
        instrument_id=market.window,
        side=Side.BUY,
        order_qty=order_qty,
        limit_price=limit_price,
        **terms,
    )


def offer(market: Market, order_qty: int = 10, limit_price: int = 100, **terms) -> PlaceOrder:
    """An offer of the market's window."""
    return PlaceOrder(
        instrument_id=market.window,
        side=Side.SELL,
        order_qty=order_qty,
        limit_price=limit_price,
        **terms,
    )


def fills(market: Market) -> list[tuple[int, int]]:
    """Maker and quantity of each trade of the last record."""
    return [(e.maker_order_id, e.last_qty) for e in market.events if isinstance(e, TradeExecuted)]


# -- all or none, minimum quantity -----------------------------------------------------------------


def test_all_or_none_goes_with_immediate_orders_only(market):
    market.do(SUPPLIER, offer(market))
    for time_in_force in (GTC, DAY):
        whole = bid(market, exec_inst=ExecInst.ALL_OR_NONE, time_in_force=time_in_force)
        assert_refused(market, TRADER, whole, Reason.ALL_OR_NONE, 10)
    market.do(TRADER, bid(market, exec_inst=ExecInst.ALL_OR_NONE, time_in_force=IOC))
    assert [qty for _, qty in fills(market)] == [10]


def test_all_or_none_takes_the_last_unit_and_nothing_for_one_more(market):
    market.do(SUPPLIER, offer(market))
    more = bid(market, 11, exec_inst=ExecInst.ALL_OR_NONE, time_in_force=IOC)
    assert_refused(market, TRADER, more, Reason.CANNOT_FILL, 11, 10)


def test_an_all_or_none_order_shows_no_part(market):
    part = bid(market, exec_inst=ExecInst.ALL_OR_NONE, time_in_force=IOC, display_qty=2)
    assert_refused(market, TRADER, part, Reason.ALL_OR_NONE, 10, 2)
    part = bid(market, time_in_force=FOK, display_qty=2)
    assert_refused(market, TRADER, part, Reason.ALL_OR_NONE, 10, 2)


def test_a_minimum_trades_on_entry_and_the_rest_rests(market):
    market.do(SUPPLIER, offer(market, 4))
    assert_refused(market, TRADER, bid(market, min_qty=5), Reason.CANNOT_FILL, 5, 4)
    market.do(TRADER, bid(market, min_qty=4))
    assert [qty for _, qty in fills(market)] == [4]
    assert market.core.levels(market.window, Side.BUY, 9) == [(100, 6, 1)]


def test_a_minimum_is_the_quantity_at_most(market):
    assert_refused(market, TRADER, bid(market, 10, min_qty=11), Reason.MIN_QTY, 11, 10)
    assert_refused(market, TRADER, bid(market, 10, min_qty=10), Reason.CANNOT_FILL, 10, 0)


# -- own orders ------------------------------------------------------------------------------------


def two_offers(market: Market) -> tuple[int, int]:
    """An offer of the trader's own and one of the supplier's behind it."""
    own(market, TRADER, market.window, 20, 50)
    mine = market.do(TRADER, offer(market, 5, 100)).seq
    other = market.do(SUPPLIER, offer(market, 5, 100)).seq
    return mine, other


def test_the_incoming_order_is_refused_where_it_says_nothing_else(market):
    mine, _ = two_offers(market)
    assert_refused(market, TRADER, bid(market, 8), Reason.SELF_MATCH, mine)


def test_own_resting_orders_end_before_the_trades_behind_them(market):
    mine, other = two_offers(market)
    market.do(TRADER, bid(market, 8, self_match_policy=SelfMatchPolicy.CANCEL_RESTING))
    accepted, cancelled, traded, *_, rested = market.events
    assert accepted.self_match_policy is SelfMatchPolicy.CANCEL_RESTING
    assert (cancelled.order_id, cancelled.cancel_reason) == (mine, CancelReason.SELF_MATCH)
    assert (traded.maker_order_id, traded.last_qty) == (other, 5)
    assert isinstance(rested, OrderRested)
    market.assert_replays()


def test_both_end_and_nothing_trades(market):
    mine, other = two_offers(market)
    seq = market.do(TRADER, bid(market, 8, self_match_policy=SelfMatchPolicy.CANCEL_BOTH)).seq
    assert [type(event) for event in market.events] == [
        OrderAccepted,
        OrderCancelled,
        OrderCancelled,
    ]
    ended = [(e.order_id, e.cancel_reason) for e in market.events[1:]]
    assert ended == [(mine, CancelReason.SELF_MATCH), (seq, CancelReason.SELF_MATCH)]
    assert market.core.queue(market.window, Side.SELL, 100) == [other]
    market.assert_replays()


def test_an_amended_order_keeps_its_policy(market):
    mine, other = two_offers(market)
    policy = SelfMatchPolicy.CANCEL_BOTH
    seq = market.do(TRADER, bid(market, 8, 90, self_match_policy=policy)).seq
    market.do(TRADER, AmendOrder(order_id=seq, limit_price=100))
    ended = [e.order_id for e in market.events if isinstance(e, OrderCancelled)]
    assert ended == [mine, seq]
    assert market.core.queue(market.window, Side.SELL, 100) == [other]
    market.assert_replays()


# -- icebergs --------------------------------------------------------------------------------------


def test_an_iceberg_shows_a_clip_and_queues_up_anew_with_the_next(market):
    iceberg = market.do(SUPPLIER, offer(market, 10, display_qty=3)).seq
    other = market.do(SUPPLIER, offer(market, 4)).seq
    assert market.core.levels(market.window, Side.SELL, 9) == [(100, 7, 2)]
    market.do(TRADER, bid(market, 5))
    assert fills(market) == [(iceberg, 3), (other, 2)]
    assert market.core.queue(market.window, Side.SELL, 100) == [other, iceberg]
    assert market.core.levels(market.window, Side.SELL, 9) == [(100, 5, 2)]
    market.do(TRADER, bid(market, 9))
    assert fills(market) == [(other, 2), (iceberg, 3), (iceberg, 3), (iceberg, 1)]
    market.assert_replays()


def test_a_reduced_iceberg_gives_up_what_it_hides_first(market):
    iceberg = market.do(SUPPLIER, offer(market, 10, display_qty=3)).seq
    market.do(SUPPLIER, AmendOrder(order_id=iceberg, order_qty=3))
    assert market.core.levels(market.window, Side.SELL, 9) == [(100, 3, 1)]
    market.do(SUPPLIER, AmendOrder(order_id=iceberg, order_qty=2))
    assert market.core.levels(market.window, Side.SELL, 9) == [(100, 2, 1)]
    market.assert_replays()


def test_a_clip_is_the_quantity_at_most_and_a_thousandth_at_least(market):
    assert_refused(market, TRADER, bid(market, 10, display_qty=11), Reason.DISPLAY_QTY, 11, 10)
    assert_refused(market, TRADER, bid(market, 5_001, display_qty=5), Reason.DISPLAY_QTY, 5, 6)
    market.do(TRADER, bid(market, 10, display_qty=10))
    order_id = market.do(TRADER, bid(market, 5_000, display_qty=5)).seq
    more = AmendOrder(order_id=order_id, order_qty=5_001)
    assert_refused(market, TRADER, more, Reason.DISPLAY_QTY, 5, 6)


def test_a_clip_is_whole_lots():
    market = Market(lot_qty=8)
    market.window = market.list_window("D261128")
    assert_refused(market, TRADER, bid(market, 16, display_qty=4), Reason.LOT, 4, 8)
    market.do(TRADER, bid(market, 16, display_qty=8))


# -- day and good till date ------------------------------------------------------------------------


def test_a_day_order_ends_at_sixteen_hours_of_its_day_and_not_before(market):
    order_id = market.do(TRADER, bid(market, time_in_force=DAY)).seq
    gate = gate_ns(FIRST_DAY)
    market.advance(gate - 1)
    assert market.core.order(order_id) is not None
    market.do(0, AdvanceClock(market_ns=gate + 5))
    assert market.events == [
        ClockAdvanced(market_ns=gate),
        OrderCancelled(order_id, TRADER, market.window, Side.BUY, 10, 24_024, CancelReason.EXPIRED),
    ]
    assert market.core.order(order_id) is None
    market.assert_replays()


def test_a_day_order_after_sixteen_hours_has_no_day_left(market):
    market.advance(gate_ns(FIRST_DAY) - 1)
    market.do(TRADER, bid(market, time_in_force=DAY))
    market.advance(gate_ns(FIRST_DAY))
    late = bid(market, time_in_force=DAY)
    assert_refused(market, TRADER, late, Reason.EXPIRE_DAY, FIRST_DAY, FIRST_DAY + 1, FIRST_DAY)


def test_a_date_lies_between_today_and_the_last_trading_day(market):
    early = bid(market, time_in_force=GTD, expire_day=FIRST_DAY - 1)
    assert_refused(
        market, TRADER, early, Reason.EXPIRE_DAY, FIRST_DAY - 1, FIRST_DAY, FIRST_DAY - 1
    )
    missing = bid(market, time_in_force=GTD)
    assert_refused(market, TRADER, missing, Reason.EXPIRE_DAY, 0, FIRST_DAY, 0)
    late = bid(market, time_in_force=GTD, expire_day=LAST_DAY + 1)
    assert_refused(market, TRADER, late, Reason.EXPIRE_DAY, LAST_DAY + 1, LAST_DAY, LAST_DAY + 1)
    market.do(TRADER, bid(market, time_in_force=GTD, expire_day=FIRST_DAY))
    market.do(TRADER, bid(market, time_in_force=GTD, expire_day=LAST_DAY))


@pytest.mark.parametrize("time_in_force", [DAY, GTC, IOC, FOK])
def test_a_date_goes_with_good_till_date_alone(market, time_in_force):
    dated = bid(market, time_in_force=time_in_force, expire_day=FIRST_DAY)
    assert_refused(market, TRADER, dated, Reason.EXPIRE_DAY, FIRST_DAY)


def test_each_date_is_crossed_once_and_ends_its_own_orders(market):
    for ahead in (2, 1, 2):
        market.do(TRADER, bid(market, time_in_force=GTD, expire_day=FIRST_DAY + ahead))
    stays = market.do(OTHER, bid(market, 1)).seq
    records = cross(market, gate_ns(FIRST_DAY + 3))
    gates = [gate_ns(FIRST_DAY + 1), gate_ns(FIRST_DAY + 2), gate_ns(FIRST_DAY + 3)]
    crossed = times(records)
    assert [at for at in crossed if at in gates] == gates
    assert [e.order_id for e in events_of(market, OrderCancelled)] == [
        stays - 2,
        stays - 3,
        stays - 1,
    ]
    assert market.core.orders_of_instrument(market.window, 9) == [stays]
    market.assert_replays()


def test_orders_of_a_date_and_of_a_gate_that_fall_together_end_in_one_record(market):
    dated = market.do(TRADER, bid(market, time_in_force=GTD, expire_day=LAST_DAY)).seq
    plain = market.do(OTHER, bid(market)).seq
    market.advance(gate_ns(LAST_DAY))
    ended = [e.order_id for e in market.events if isinstance(e, OrderCancelled)]
    assert ended == [dated, plain]
    assert market.events[-1] == InstrumentExpired(instrument_id=market.window)
    market.assert_replays()


@pytest.mark.parametrize("dated_count", [0, 2, 3, 4, 5])
def test_what_ends_at_one_moment_ends_in_batches(market, monkeypatch, dated_count):
    monkeypatch.setattr(clock, "CLOCK_BATCH", 3)
    for number in range(5):
        is_dated = number < dated_count
        terms = {"time_in_force": GTD, "expire_day": LAST_DAY} if is_dated else {}
        market.do(TRADER, bid(market, 1, **terms))
    gate = gate_ns(LAST_DAY)
    market.advance(gate)
    assert len([e for e in market.events if isinstance(e, OrderCancelled)]) == 3
    assert market.state.gates
    assert clock.next_boundary_ns(market.state) <= gate
    market.do(0, AdvanceClock(market_ns=gate))
    assert len([e for e in market.events if isinstance(e, OrderCancelled)]) == 2
    assert market.state.gates == []
    assert market.core.open_order_count(TRADER) == 0
    market.assert_replays()


def test_an_amended_order_ends_on_the_day_it_was_given(market):
    order_id = market.do(TRADER, bid(market, time_in_force=DAY)).seq
    market.do(TRADER, AmendOrder(order_id=order_id, limit_price=99, order_qty=20))
    market.advance(gate_ns(FIRST_DAY))
    assert [e.cancelled_qty for e in market.events if isinstance(e, OrderCancelled)] == [20]


def test_an_order_that_never_rests_is_neither_post_only_nor_an_iceberg(market):
    post_only = bid(market, exec_inst=ExecInst.POST_ONLY, time_in_force=IOC)
    assert_refused(market, TRADER, post_only, Reason.IMMEDIATE, IOC)
    iceberg = bid(market, time_in_force=IOC, display_qty=2)
    assert_refused(market, TRADER, iceberg, Reason.IMMEDIATE, IOC, 2)
    market.do(TRADER, bid(market, time_in_force=IOC))
