"""
A venue's bytes: what they bring back, and that no other bytes are ever taken for a venue.

That a restored venue goes on as the one before it is asked by `test_reference`, which goes on from
its own snapshot in the middle of everything.
"""

from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_core.venue import CoreError, Venue
from tests.core.test_reference import SideBySide
from tests.core.venues import BASE_DAY, BUY, GTC, SELL, Market, new_venue, prefixes
from tests.reference_sessions import AUCTION, CLOSED, PRE_OPEN
from tests.reference_state import CONTINUOUS

GTD = 6
EXTREMES = [
    *(-(2**63), -(2**53), -(2**31) - 1, -2, -1, 0, 1, 2, 127, 128, 9_999, 10_001),
    *(2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**62, 2**63 - 1),
]


def restored(data: bytes) -> Venue:
    """The venue of these bytes."""
    return Venue.restore(data, prefixes())


def numbers_of(data: bytes) -> list[int]:
    """The integers of a snapshot."""
    found = []
    at = 0
    while at < len(data):
        width = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9}.get(
            data[at], 1
        )
        found.append(msgspec.msgpack.decode(data[at : at + width]))
        at += width
    return found


def bytes_of(numbers: list[int]) -> bytes:
    """Integers as a snapshot has them."""
    return b"".join(map(msgspec.msgpack.encode, numbers))


def busy_market() -> Market:
    """Every kind of thing that a snapshot holds: trades, escrow, icebergs, dates, liens, a rest."""
    market = Market(maker_bps=3, taker_bps=7)
    venue = market.venue
    market.sell(1, 300, 70_000)
    market.buy(3, 260, 70_001)
    market.buy(1, 100, 65_536)
    market.sell(3, 40, 60_000)
    venue.place(10, 4, 2**53 - 1, 0, 1, BUY, 9, 100, GTC, 1, 0, 2, 2)
    venue.place(11, 5, 7, 3, 1, BUY, 4, 100, GTD, 0, 0, 0, 3, BASE_DAY + 4)
    venue.place(12, 3, 7, 3, 1, SELL, 20, 100_000, GTD, 0, 0, 6, 1, BASE_DAY + 4)
    venue.place(13, 6, 7, 3, 1, SELL, 2, 90, GTC, 0)
    venue.place(14, 5, 1, 1, 1, SELL, 4, 100, 3, 0)
    venue.add_instrument(3, 1, BASE_DAY + 11, BASE_DAY + 16, True)
    linked = (1, 0, 9)
    venue.place(15, 3, 7, 3, 3, SELL, 6, 120, GTC, 0, 0, 2, *linked)
    venue.place(16, 3, 7, 3, 1, SELL, 4, 70_002, GTC, 0, 0, 0, *linked)
    venue.place(17, 5, 7, 3, 3, BUY, 4, 90, GTC, 0, 0, 0, *linked)
    assert {venue.order(order_id)[-1] for order_id in (15, 16, 17)} == {9}
    venue.add_lien(3, 1, BASE_DAY + 10, BASE_DAY + 14, 30)
    venue.close_instrument(2)
    market.last_order_id = 20
    market.events()
    return market


def test_a_restored_venue_has_the_same_bytes_hash_and_soundness():
    venue = busy_market().venue
    again = restored(venue.snapshot())
    again.check()
    assert again.snapshot() == venue.snapshot()
    assert again.state_hash() == venue.state_hash()
    assert again.next_trade_id == venue.next_trade_id > 1
    assert again.base_day == venue.base_day


def test_a_new_venue_is_restored_too():
    assert restored(new_venue().snapshot()).snapshot() == new_venue().snapshot()


def test_the_cap_of_open_orders_is_a_setting_and_comes_with_the_restoring():
    data = new_venue(max_open_orders=7).snapshot()
    assert Venue.restore(data, prefixes(), 9).max_open_orders == 9
    assert restored(data).max_open_orders == 1000


def test_a_clip_that_is_half_traded_stays_so():
    market = Market()
    market.venue.place(1, 1, 1, 1, 1, SELL, 10, 100, GTC, 0, 0, 4)
    market.last_order_id = 1
    assert market.buy(3, 3, 100) == 0
    again = restored(market.venue.snapshot())
    assert again.levels(1, SELL, 1) == market.venue.levels(1, SELL, 1) == [(100, 1, 1)]
    assert again.order(1) == market.venue.order(1)
    again.check()


def test_orders_that_end_on_a_day_do_so_by_their_ids_however_they_came():
    market = Market()
    for order_id in (50, 20, 40, 10, 30, 60, 25):
        market.venue.place(
            order_id, 4, 1, 1, 1, BUY, 1, order_id, GTD, 0, 0, 0, 1, BASE_DAY + 4 + order_id // 60
        )
        market.venue.check()
    again = restored(market.venue.snapshot())
    for venue in (market.venue, again):
        assert venue.orders_due(BASE_DAY + 4, 99) == [10, 20, 25, 30, 40, 50]
        for order_id in (10, 50, 25):
            assert venue.cancel(order_id, 4) == 0
            venue.check()
        assert venue.orders_due(BASE_DAY + 9, 99) == [20, 30, 40, 60]


def test_an_account_that_sold_everything_may_join_the_house_before_and_after():
    market = Market()
    market.own(3, 5)
    with pytest.raises(CoreError):
        market.venue.add_to_house(1, 3)
    assert market.sell(3, 5, 9) == 0
    assert market.buy(4, 5, 9) == 0
    again = restored(market.venue.snapshot())
    for venue in (market.venue, again):
        venue.add_to_house(1, 3)
        venue.check()
    assert again.snapshot() == market.venue.snapshot()


# -- bytes that are no snapshot --------------------------------------------------------------------


def refused_or_sound(data: bytes) -> bool:
    """Whether these bytes are refused; if not, they are a sound venue's and nobody else's."""
    try:
        venue = restored(data)
    except CoreError:
        return True
    venue.check()
    assert venue.snapshot() == data
    return False


def test_every_shortened_or_lengthened_snapshot_is_refused():
    data = busy_market().venue.snapshot()
    for length in range(len(data)):
        with pytest.raises(CoreError):
            restored(data[:length])
    for tail in (b"\0", b"\xff", data):
        with pytest.raises(CoreError):
            restored(data + tail)


def test_every_flipped_bit_is_refused_or_another_sound_venue():
    data = busy_market().venue.snapshot()
    refused_count = 0
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            refused_count += refused_or_sound(bytes(damaged))
    # Of a session, a key or a link any number is as good as another; money, title, queues add up.
    assert refused_count > 8 * len(data) * 0.75


@pytest.mark.parametrize("number", EXTREMES)
def test_no_number_in_any_place_breaks_the_core(number):
    numbers = numbers_of(busy_market().venue.snapshot())
    for place in range(len(numbers)):
        changed = [*numbers[:place], number, *numbers[place + 1 :]]
        assert (
            refused_or_sound(bytes_of(changed))
            or bytes_of(changed) != bytes_of(numbers)
            or (number == numbers[place])
        )


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_mixture_of_numbers_breaks_the_core(data):
    """Left out, doubled, swapped and replaced, several at a time."""
    numbers = numbers_of(busy_market().venue.snapshot())
    places = st.integers(0, len(numbers) - 1)
    for _ in range(data.draw(st.integers(1, 4))):
        first, second = data.draw(places), data.draw(places)
        match data.draw(st.sampled_from(["out", "in", "swap", "extreme", "near"])):
            case "out" if len(numbers) > first:
                del numbers[first]
            case "in":
                numbers.insert(first, numbers[min(second, len(numbers) - 1)])
            case "swap" if max(first, second) < len(numbers):
                numbers[first], numbers[second] = numbers[second], numbers[first]
            case "extreme" if first < len(numbers):
                numbers[first] = data.draw(st.sampled_from(EXTREMES))
            case "near" if first < len(numbers):
                near = numbers[first] + data.draw(st.sampled_from([-1, 1]))
                numbers[first] = max(-(2**63), min(near, 2**63 - 1))
    refused_or_sound(bytes_of(numbers))


@given(st.binary(max_size=200))
def test_bytes_of_chance_are_refused(data):
    with pytest.raises(CoreError):
        restored(data)


def test_an_order_that_rests_twice_is_refused():
    market = Market()
    for _ in range(2):
        market.buy(3, 5, 100)
    numbers = numbers_of(market.venue.snapshot())
    at = next(i for i in range(len(numbers)) if numbers[i : i + 6] == [2, 3, 1, 1, 5, 5])
    numbers[at] = 1
    with pytest.raises(CoreError, match="rests once"):
        restored(bytes_of(numbers))


def test_a_number_in_a_longer_form_is_refused():
    data = new_venue().snapshot()
    assert restored(data)
    with pytest.raises(CoreError, match="order and form"):
        restored(b"\xcc" + data)


@pytest.mark.parametrize("session_state", [PRE_OPEN, CLOSED])
def test_a_book_in_an_auction_of_its_own_while_the_venue_is_not_trading_is_refused(session_state):
    market = Market()
    market.venue.set_clock(10, False)
    market.venue.start_auction(1, 99, 0, 0)
    numbers = numbers_of(market.venue.snapshot())
    assert numbers[4:7] == [10, 0, CONTINUOUS]
    assert restored(bytes_of(numbers)).book_state(1) == AUCTION
    numbers[6] = session_state
    with pytest.raises(CoreError, match="own auction"):
        restored(bytes_of(numbers))


@pytest.mark.parametrize("step", [-1, 1, -9, 2**40])
def test_another_version_is_refused(step):
    version, *numbers = numbers_of(new_venue().snapshot())
    with pytest.raises(CoreError, match="version"):
        restored(bytes_of([version + step, *numbers]))


@pytest.mark.parametrize("count", [2**20, 2**31, 2**62, -1])
@pytest.mark.parametrize("place", [-8, -4, -3, -2, -1])
def test_a_count_of_what_is_not_there_is_refused_at_once(place, count):
    """An empty venue ends with one account and its three numbers; then nothing of any kind."""
    numbers = numbers_of(new_venue().snapshot())
    assert numbers[-8:] == [1, 0, 0, 0, 0, 0, 0, 0]
    numbers[place] = count
    with pytest.raises(CoreError):
        restored(bytes_of(numbers))


def test_few_bytes_cannot_ask_for_all_the_memory_that_there_is():
    """3 000 products, any of which the last of 200 000 accounts might hold."""
    head = numbers_of(new_venue().snapshot())[:-8]
    accounts = [200_000, *[number for id_ in range(200_000) for number in (0, 0, id_)]]
    products = [number for id_ in range(1, 3_001) for number in (id_, 1, 1, 0, 0, 0, 0, -1)]
    with pytest.raises(CoreError, match="4 GiB"):
        restored(bytes_of([*head, *accounts, 3_000, *products, 0, 0, 0]))


@pytest.mark.parametrize("wrong", [None, "text", bytearray(b"\2"), 2])
def test_what_is_no_bytes_is_a_type_error(wrong):
    with pytest.raises(TypeError):
        restored(wrong)


def test_a_day_of_flow_is_restored_from_its_middle_and_its_numbers_are_looked_at():
    """Snapshots of the reference's market, which has two products and five windows."""
    random = Random(5)
    day = SideBySide()
    day.begin()
    for _ in range(150):
        day.place(
            random.choice([1, 2, 3, 4, 5]),
            random.choice([1, 2, 3, 5]),
            random.choice([1, 2]),
            random.randint(1, 8) * 2,
            random.randint(98, 102),
            random.choice([0, 1, 6]),
            0,
            0,
            random.choice([0, 0, 2]),
            3,
            BASE_DAY + random.randint(0, 3),
            random.choice([0, 1, 2]),
        )
    assert day.core.has_links
    numbers = numbers_of(day.core.snapshot())
    assert restored(bytes_of(numbers)).state_hash() == day.core.state_hash()
    for place in range(len(numbers)):
        for step in (-1, 1):
            changed = [*numbers[:place], numbers[place] + step, *numbers[place + 1 :]]
            refused_or_sound(bytes_of(changed))
