"""
The core's bytes are those that msgspec writes for the same event.

Fields that the market leaves free take every width of an integer: ids the positive ones, the cash
that an amendment releases the negative ones.
"""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain.commands import CancelOrder
from exchange.domain.events import (
    EscrowFunded,
    EscrowReturned,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRested,
    TradeExecuted,
)
from tests.core.venues import (
    BASE_DAY,
    BUY,
    CORE_EVENTS,
    GTC,
    IOC,
    SELL,
    Market,
    decode,
    new_venue,
)

EDGES = [
    *(2**bits + step for bits in (7, 8, 16, 31, 32, 52) for step in (-1, 0, 1)),
    2**53 - 1,
]
NEGATIVE_EDGES = [-(2**bits) + step for bits in (5, 7, 8, 15, 16, 31, 32) for step in (-1, 0, 1)]

FEE_BPS = 417


def assert_bytes_are_msgspecs(taken):
    """The same bytes come out when the decoded events are encoded again."""
    count, data = taken
    events = decode(taken)
    assert len(events) == count
    assert b"".join(map(msgspec.msgpack.encode, events)) == data
    return events


def test_the_core_takes_the_fields_of_its_events_in_their_order():
    assert [len(event_type.__struct_fields__) for event_type in CORE_EVENTS] == [
        15,
        6,
        8,
        7,
        18,
        6,
        7,
        8,
        4,
        4,
    ]


@pytest.mark.parametrize("number", [0, 1, *EDGES])
def test_ids_at_every_width_are_written_as_msgspec_writes_them(number):
    market = Market()
    order_id = max(number, 1)
    assert market.venue.place(order_id, 3, number, number, 1, BUY, 5, 100, IOC, 0) == 0
    accepted, cancelled = assert_bytes_are_msgspecs(market.venue.take_events())
    assert accepted == OrderAccepted(order_id, 3, number, number, 1, BUY, 5, 100, IOC, 0, 120_000)
    assert cancelled == OrderCancelled(order_id, 3, 1, BUY, 5, 120_000, 3)


@given(st.integers(1, 2**53 - 1), st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
def test_any_ids_are_written_as_msgspec_writes_them(order_id, key_id, session_id):
    market = Market()
    assert market.venue.place(order_id, 3, key_id, session_id, 1, BUY, 5, 100, GTC, 0) == 0
    accepted, _ = assert_bytes_are_msgspecs(market.venue.take_events())
    assert (accepted.order_id, accepted.key_id, accepted.session_id) == (
        order_id,
        key_id,
        session_id,
    )


@pytest.mark.parametrize("delta_amount", NEGATIVE_EDGES)
def test_a_negative_amount_is_written_as_msgspec_writes_it(delta_amount):
    """A house member's sale holds its fee; amended to less, it releases any amount wanted."""
    venue = one_day_venue(FEE_BPS)
    large_price, small_price = prices_that_release(-delta_amount)
    assert venue.place(1, 1, 1, 1, 1, SELL, 1_000, large_price, GTC, 0) == 0
    venue.take_events()
    assert venue.amend(1, 1, 1, small_price) == 0
    amended, _ = assert_bytes_are_msgspecs(venue.take_events())
    assert amended.held_delta_amount == delta_amount


def prices_that_release(amount):
    """Of 1 000 GPUs and of one, so that their fees differ by the amount."""
    for small_price in range(1, 5_000):
        large_price = (amount + fee_of(small_price)) * 10_000 // (24 * FEE_BPS * 1_000)
        for price in (large_price, large_price + 1):
            if fee_of(1_000 * price) - fee_of(small_price) == amount:
                return price, small_price
    raise AssertionError(f"no prices release {amount}")


def fee_of(price):
    """For a GPU-day, in fen, rounded up; about the price in fen per GPU-hour."""
    return -(-24 * price * FEE_BPS // 10_000)


@given(st.integers(1, 9_999_999), st.integers(1, 16_000_000))
def test_any_released_amount_is_written_as_msgspec_writes_it(qty, price):
    venue = one_day_venue()
    if venue.place(1, 3, 1, 1, 1, BUY, qty + 1, price, GTC, 0) != 0:
        return
    venue.take_events()
    venue.amend(1, 3, 1, -1)
    (amended,) = assert_bytes_are_msgspecs(venue.take_events())
    assert amended.held_delta_amount == -24 * qty * price


def one_day_venue(maker_bps=0):
    """A supplier and a buyer with all the cash that there can be, before a single day's window."""
    venue = new_venue()
    for account_id in (1, 2, 3):
        venue.add_account(account_id)
    venue.add_product(1, 1, 1, maker_bps, 0)
    venue.add_instrument(1, 1, BASE_DAY, BASE_DAY + 1, True)
    venue.grant(1, 1, BASE_DAY, BASE_DAY + 1, 1_000)
    venue.deposit(1, 2**40)
    venue.deposit(3, 2**53 - 1 - 2**40)
    return venue


def test_every_event_of_the_core_is_written_as_msgspec_writes_it():
    market = Market(maker_bps=2, taker_bps=5)
    market.sell(1, 300, 70_000)
    market.buy(3, 260, 70_001)
    market.buy(1, 100, 65_536)
    market.sell(3, 40, 60_000)
    market.venue.amend(1, 1, 280, -1)
    market.venue.amend(1, 1, -1, 70_002)
    market.venue.cancel(1, 1)
    events = assert_bytes_are_msgspecs(market.venue.take_events())
    assert {type(event) for event in events} == {
        OrderAccepted,
        OrderRested,
        OrderAmended,
        OrderCancelled,
        TradeExecuted,
        EscrowFunded,
        EscrowReturned,
    }


def test_events_are_taken_once():
    market = Market()
    market.sell(1, 3, 100)
    assert market.venue.take_events()[0] == 2
    assert market.venue.take_events() == (0, b"")
    assert market.sell(1, 10_000, 100) != 0
    assert market.venue.take_events() == (0, b"")


@pytest.mark.parametrize("count", [1, 2, 15, 16, 65_535, 65_536])
def test_a_record_is_its_command_and_its_events_as_msgspec_joins_them(count):
    twins = []
    for _ in range(2):
        market = Market()
        market.sell(1, 3, 100)
        market.venue.take_events()
        for _ in range(count // 2):
            market.buy(3, 1, 90, IOC)
        if count % 2:
            market.venue.cancel(1, 1)
        twins.append(market.venue)
    events = decode(twins[0].take_events())
    assert len(events) == count
    command = CancelOrder(key_id=1, command_id="the last", order_id=1)
    record = twins[1].take_record(msgspec.msgpack.encode(command))
    assert record == msgspec.msgpack.encode((command, events))
    assert twins[1].take_events() == (0, b"")


def test_there_is_no_record_of_what_changed_nothing():
    market = Market()
    assert market.venue.cancel(1, 1) != 0
    assert market.venue.take_record(b"\xc0") is None
