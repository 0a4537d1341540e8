"""Exclusive orders through the rules: what they hold, and how they end one after another."""

import pytest

from exchange.domain.commands import (
    AmendOrder,
    CancelOrder,
    CloseSession,
    MassCancel,
    OpenSession,
    PlaceOrder,
    PublishSettlementPrice,
    RevokeKey,
)
from exchange.domain.enums import CancelReason, Side, TimeInForce, TradingMode
from exchange.domain.events import (
    InstrumentExpired,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    TradeExecuted,
)
from exchange.domain.reasons import Reason
from exchange.domain.windows import gate_ns, parse_window
from exchange.rules.state import State
from tests.rules.markets import assert_refused
from tests.scenario import FIRST_DAY, OTHER, SUPPLIER, TRADER, Market

JANUARY_HOURS, QUARTER_HOURS = 744, 2_160
DEPOSIT_AMOUNT = 10**13
TAKER_BPS = 10


@pytest.fixture
def market() -> Market:
    """January, March and the first quarter of 2027, of which the trader owns 100 GPUs."""
    market = Market(deposit_amount=DEPOSIT_AMOUNT)
    market.grant("Q271", 1_000)
    market.january = market.list_window("M2701")
    market.march = market.list_window("M2703")
    market.quarter = market.list_window("Q271")
    market.order(SUPPLIER, market.quarter, Side.SELL, 100, 300)
    market.order(TRADER, market.quarter, Side.BUY, 100, 300)
    return market


def linked(
    instrument_id: int, side: Side, order_qty: int, limit_price: int, link_id: int = 7, **terms
) -> PlaceOrder:
    """An exclusive order."""
    return PlaceOrder(
        instrument_id=instrument_id,
        side=side,
        order_qty=order_qty,
        limit_price=limit_price,
        link_id=link_id,
        **terms,
    )


def two_bids(market: Market, **terms) -> tuple[int, int]:
    """Linked bids of another account for 5 of January at 5.00 and 5 of March at 4.00."""
    january = market.do(OTHER, linked(market.january, Side.BUY, 5, 500, **terms)).seq
    march = market.do(OTHER, linked(market.march, Side.BUY, 5, 400, **terms)).seq
    return january, march


def held_amount(market: Market, account_id: int = OTHER) -> int:
    """What the account's orders hold."""
    return market.core.balances(account_id)[1]


def assert_ended_in_turn(market: Market, reason: CancelReason) -> None:
    """The last record ended both bids; the first gave what the second did not need."""
    ended = [event for event in market.events if isinstance(event, OrderCancelled)]
    assert {event.cancel_reason for event in ended} == {reason}
    dear, cheap = with_fee(5 * 500 * JANUARY_HOURS), with_fee(5 * 400 * JANUARY_HOURS)
    assert len(ended) == 2
    assert sum(event.released_amount for event in ended) == dear + 1
    assert ended[1].released_amount in (cheap, dear)
    assert market.core.balances(OTHER) == (DEPOSIT_AMOUNT, 0)
    market.assert_replays()


def with_fee(notional_amount: int) -> int:
    """And the higher of the venue's rates, rounded up; one more order rounds by itself."""
    return notional_amount - (-notional_amount * TAKER_BPS // 10_000)


def test_an_owner_of_100_offers_january_and_the_quarter(market):
    january = market.do(TRADER, linked(market.january, Side.SELL, 100, 500)).seq
    plain = linked(market.quarter, Side.SELL, 100, 400, link_id=0)
    first_day = parse_window("M2701").start_day
    assert_refused(market, TRADER, plain, Reason.TITLE, 100, 0, first_day)
    quarter = market.do(TRADER, linked(market.quarter, Side.SELL, 100, 400)).seq
    market.order(OTHER, market.january, Side.BUY, 40, 500)
    accepted, amended, trade = market.events
    assert isinstance(accepted, OrderAccepted)
    assert amended == OrderAmended(quarter, TRADER, market.quarter, 60, 400, 60, 0, 0)
    assert isinstance(trade, TradeExecuted)
    assert market.core.order(january)[10] == 60
    # February and March are free again by what January sold.
    march = parse_window("M2703")
    window = (TRADER, 1, march.start_day, march.end_day)
    assert market.core.sellable(*window) == (40, march.start_day)
    market.order(OTHER, market.quarter, Side.BUY, 60, 400)
    ended = [event for event in market.events if isinstance(event, OrderCancelled)]
    assert [(event.order_id, event.cancel_reason) for event in ended] == [
        (january, CancelReason.LINKED_FILLED)
    ]
    market.assert_replays()


def test_linked_bids_hold_the_dearest_sequence_and_their_fees(market):
    january, march = two_bids(market)
    assert held_amount(market) == with_fee(5 * 500 * JANUARY_HOURS) + 1
    quarter = market.do(OTHER, linked(market.quarter, Side.BUY, 8, 100)).seq
    notional_amount = 5 * 500 * JANUARY_HOURS + 3 * 100 * QUARTER_HOURS
    assert held_amount(market) == with_fee(notional_amount) + 2
    market.order(TRADER, market.march, Side.SELL, 5, 400)
    kinds = [(type(event), getattr(event, "order_id", 0)) for event in market.events]
    assert kinds == [
        (OrderAccepted, market.state.seq),
        (OrderCancelled, january),
        (OrderAmended, quarter),
        (TradeExecuted, 0),
    ]
    assert held_amount(market) == with_fee(3 * 100 * QUARTER_HOURS)
    assert march not in market.core.orders_of_account(OTHER)
    market.assert_replays()


def test_linked_orders_go_together_or_are_refused(market):
    first = market.do(OTHER, linked(market.january, Side.BUY, 5, 500)).seq
    sale = linked(market.march, Side.SELL, 5, 500)
    assert_refused(market, OTHER, sale, Reason.LINK_SIDE, Side.SELL, Side.BUY)
    again = linked(market.january, Side.BUY, 5, 400)
    assert_refused(market, OTHER, again, Reason.LINK_INSTRUMENT, market.january, first)
    use_id = market.list_window("M2701", mode=TradingMode.SUBLET)
    use = linked(use_id, Side.BUY, 5, 400)
    assert_refused(market, OTHER, use, Reason.LINK_PRODUCT, use_id, market.january)
    for day in range(261_201, 261_208):
        instrument_id = market.list_window(f"D{day}")
        market.do(OTHER, linked(instrument_id, Side.BUY, 1, 100))
    ninth = linked(market.march, Side.BUY, 1, 100)
    assert_refused(market, OTHER, ninth, Reason.LINK_COUNT, 9, 8)
    market.do(OTHER, CancelOrder(order_id=first))
    market.do(OTHER, ninth)


def test_another_account_and_a_later_group_may_use_the_same_id(market):
    january, march = two_bids(market)
    market.do(TRADER, linked(market.january, Side.SELL, 5, 600))
    for order_id in (january, march):
        market.do(OTHER, CancelOrder(order_id=order_id))
    market.order(SUPPLIER, market.march, Side.SELL, 1, 100)
    market.order(OTHER, market.march, Side.BUY, 1, 100)
    market.do(OTHER, linked(market.march, Side.SELL, 1, 500))
    market.assert_replays()


def test_an_immediate_order_takes_from_what_it_is_linked_to(market):
    january, _ = two_bids(market)
    market.order(TRADER, market.quarter, Side.SELL, 2, 150)
    take = linked(market.quarter, Side.BUY, 9, 150, time_in_force=TimeInForce.IOC)
    market.do(OTHER, take)
    assert market.core.order(january)[10] == 3
    assert market.core.has_links
    market.assert_replays()


def test_an_amended_order_takes_from_its_siblings_and_less_of_one_leaves_them(market):
    january, march = two_bids(market)
    market.do(OTHER, AmendOrder(order_id=january, order_qty=4))
    assert market.core.order(march)[10] == 5
    market.order(TRADER, market.january, Side.SELL, 3, 520)
    market.do(OTHER, AmendOrder(order_id=january, limit_price=520))
    assert (market.core.order(january)[10], market.core.order(march)[10]) == (1, 2)
    market.assert_replays()


# -- ends of several in one record ----------------------------------------------------------------


def test_a_key_that_ends_releases_linked_orders_in_turn(market):
    two_bids(market)
    market.do(1, RevokeKey(revoked_key_id=OTHER))
    assert_ended_in_turn(market, CancelReason.KEY_REVOKED)


def test_a_session_that_is_cut_releases_linked_orders_in_turn(market):
    session_id = market.do(
        OTHER, OpenSession(is_cancel_on_disconnect=True, previous_session_id=0)
    ).seq
    two_bids(market, session_id=session_id)
    market.do(0, CloseSession(closed_session_id=session_id))
    assert_ended_in_turn(market, CancelReason.SESSION_CLOSED)


def test_a_mass_cancel_releases_linked_orders_in_turn(market):
    two_bids(market)
    market.do(OTHER, MassCancel())
    assert_ended_in_turn(market, CancelReason.MASS_CANCEL)


def test_a_date_that_is_over_ends_linked_orders_in_turn(market):
    terms = {"time_in_force": TimeInForce.GTD, "expire_day": FIRST_DAY}
    two_bids(market, **terms)
    market.advance(gate_ns(FIRST_DAY))
    assert_ended_in_turn(market, CancelReason.EXPIRED)


def test_gates_that_close_together_end_linked_orders_in_turn(market):
    """A quarter and its first month have the same last trading day."""
    market.do(OTHER, linked(market.january, Side.BUY, 5, 500))
    market.do(OTHER, linked(market.quarter, Side.BUY, 5, 100))
    gate = market.state.instruments[market.january].gate_closure_ns
    assert market.state.instruments[market.quarter].gate_closure_ns == gate
    while market.core.has_links:
        market.advance(min(gate, market.state.market_ns + 10**15))
    ended = [event for event in market.events if isinstance(event, OrderCancelled)]
    expired = [event for event in market.events if isinstance(event, InstrumentExpired)]
    assert (len(ended), len(expired)) == (2, 2)
    assert market.core.balances(OTHER) == (DEPOSIT_AMOUNT, 0)
    market.assert_replays()


def test_a_band_ends_a_linked_order_and_leaves_its_sibling(market):
    _, march = two_bids(market)
    price = PublishSettlementPrice(instrument_id=market.january, settlement_price=600)
    market.do(1, price)
    ended = [event for event in market.events if isinstance(event, OrderCancelled)]
    assert [event.cancel_reason for event in ended] == [CancelReason.PRICE_BAND]
    assert held_amount(market) == with_fee(5 * 400 * JANUARY_HOURS)
    assert market.core.order(march)[-1] == 7
    market.assert_replays()


def test_a_restored_state_keeps_what_is_linked(market):
    two_bids(market)
    restored = State.restore(market.state.canonical())
    assert restored.core.has_links
    assert restored.hash() == market.state.hash()
