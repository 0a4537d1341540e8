"""Trades added up by minutes come to what the trades themselves would, and take no more room."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.recent_trades import (
    PAIRS_COUNT,
    RecentTrade,
    RecentTrades,
    Traded,
    TradeNote,
    oldest_minute,
)
from exchange.domain.units import NS_PER_MINUTE, NS_PER_SECOND

from .first_proposal import PARAMETERS

WINDOW_MINUTES = 24 * 60
NOW_MINUTE = 30_000_000

# Few minutes, prices and parties, so that trades share them all the time.
trades_in_order = st.lists(
    st.builds(
        RecentTrade,
        at_ns=st.integers(-6, 3).map(lambda n: (NOW_MINUTE - WINDOW_MINUTES + n) * NS_PER_MINUTE),
        trade_id=st.just(1),
        last_price=st.integers(-1, 5),
        traded_hours=st.integers(1, 3),
        buyer_id=st.integers(1, 3),
        seller_id=st.integers(1, 3),
        is_affiliated=st.booleans(),
    ),
    max_size=30,
).map(lambda trades: sorted(trades, key=lambda trade: trade.at_ns))


def added_up(trades):
    recent = RecentTrades()
    for trade in trades:
        recent.add(trade)
    return recent


def one_by_one(trades, oldest, tick_micro):
    """What the trades come to, from the list of them."""
    recent = [trade for trade in trades if trade.at_ns // NS_PER_MINUTE >= oldest]
    counted = [trade for trade in recent if trade.last_price > 0 and not trade.is_affiliated]
    notes = [
        (TradeNote.REJECT_NONPOSITIVE, any(trade.last_price <= 0 for trade in recent)),
        (
            TradeNote.EXCLUDE_AFFILIATED,
            any(trade.last_price > 0 and trade.is_affiliated for trade in recent),
        ),
    ]
    return Traded(
        trades_count=len(counted),
        pairs_count=len({frozenset((trade.buyer_id, trade.seller_id)) for trade in counted}),
        traded_hours=sum(trade.traded_hours for trade in counted),
        notional_micro=tick_micro * sum(t.last_price * t.traded_hours for t in counted),
        last_micro=tick_micro * counted[-1].last_price if counted else 0,
        notes=tuple(note for note, is_noted in notes if is_noted),
    )


@given(trades_in_order, st.integers(-7, 4))
def test_the_sums_are_those_of_the_trades_whether_or_not_old_minutes_are_gone(trades, shift):
    oldest = NOW_MINUTE - WINDOW_MINUTES + shift
    recent = added_up(trades)
    wanted = one_by_one(trades, oldest, 10_000)
    assert recent.traded(oldest, 10_000) == wanted
    before = msgspec.msgpack.encode(recent)
    assert recent.traded(oldest, 10_000) == wanted, "reading takes nothing away"
    assert msgspec.msgpack.encode(recent) == before
    recent.expire(oldest)
    assert recent.traded(oldest, 10_000) == wanted
    assert all(minute.minute >= oldest for minute in recent.minutes)
    recent.expire(NOW_MINUTE + 9)
    assert recent == RecentTrades()


def test_a_million_trades_take_no_more_room_than_two_of_each_pair():
    def of_an_hour(rounds):
        recent = RecentTrades()
        for minute in range(60):
            for number in range(rounds):
                at_ns = (NOW_MINUTE + minute) * NS_PER_MINUTE + number
                recent.add(RecentTrade(at_ns, 1, 900, 744, 1 + number % 20, 30))
        return recent

    few, many = of_an_hour(40), of_an_hour(1_000)
    assert many.trades_count == 60_000
    encoded = [len(msgspec.msgpack.encode(each)) for each in (few, many)]
    assert encoded[1] - encoded[0] < 60 * 30, "only the sums have more digits"
    assert [len(minute.pairs) for minute in many.minutes] == [PAIRS_COUNT] * 60


def test_the_pairs_of_a_minute_are_counted_as_far_as_a_mark_may_ask():
    trades = [
        RecentTrade(NOW_MINUTE * NS_PER_MINUTE, 1, 900, 1, number, 99)
        for number in range(1, PAIRS_COUNT + 3)
    ]
    assert added_up(trades).traded(0, 1).pairs_count == PAIRS_COUNT
    later = RecentTrade((NOW_MINUTE + 1) * NS_PER_MINUTE, 1, 900, 1, PAIRS_COUNT + 2, 99)
    assert added_up([*trades, later]).traded(0, 1).pairs_count == PAIRS_COUNT + 1


def test_a_trade_counts_as_long_as_its_minute_is_within_the_window():
    at_ns = NOW_MINUTE * NS_PER_MINUTE + 59 * NS_PER_SECOND
    recent = added_up([RecentTrade(at_ns, 1, 900, 24, 1, 2)])
    last_ns = (NOW_MINUTE + WINDOW_MINUTES + 1) * NS_PER_MINUTE - 1
    assert recent.traded(oldest_minute(last_ns, PARAMETERS), 1).trades_count == 1
    assert recent.traded(oldest_minute(last_ns + 1, PARAMETERS), 1) == Traded()


def test_the_sums_of_the_largest_trades_of_a_day_fit_64_bits():
    recent = RecentTrades()
    for minute in range(WINDOW_MINUTES + 1):
        for _ in range(2):
            at_ns = (NOW_MINUTE + minute) * NS_PER_MINUTE
            recent.add(RecentTrade(at_ns, 1, 1, 2**53 - 1, 1, 2))
    assert recent.trades_count == WINDOW_MINUTES + 1, "a full minute takes no more"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(recent), type=RecentTrades) == recent


@given(trades_in_order, st.data())
def test_what_is_left_of_busts_and_corrections_is_what_the_rest_would_have_come_to(trades, data):
    """All but the last price, which is told below."""
    trades = [replace(trade, trade_id=number) for number, trade in enumerate(trades, start=1)]
    recent = added_up(trades)
    for trade in data.draw(st.permutations(trades)) if trades else []:
        asked = data.draw(st.sampled_from(["stands", "busted", "corrected"]))
        index = trades.index(trade)
        if asked == "busted":
            recent.remove(trade)
            del trades[index]
        elif asked == "corrected" and trade.last_price > 0:
            recent.reprice(trade, 7)
            trades[index] = replace(trade, last_price=7)
    oldest = NOW_MINUTE - WINDOW_MINUTES
    found = recent.traded(oldest, 1)
    wanted = one_by_one(trades, oldest, 1)
    assert replace(found, last_micro=wanted.last_micro) == wanted
    counted_prices = [trade.last_price for trade in trades if trade.note is None]
    assert (found.last_micro > 0) == (wanted.last_micro > 0)
    if found.last_micro:
        assert min(counted_prices) <= found.last_micro <= max(counted_prices)
    recent.expire(NOW_MINUTE + 9)
    assert recent == RecentTrades()


def of_minutes(*prices_of_minutes):
    """Trades of 24 hours at these prices, minute by minute, and their sums."""
    trades = [
        RecentTrade((NOW_MINUTE + minute) * NS_PER_MINUTE, 10 * minute + n, price, 24, 1, 2)
        for minute, prices in enumerate(prices_of_minutes)
        for n, price in enumerate(prices, start=1)
    ]
    return trades, added_up(trades)


@pytest.mark.parametrize(
    ("minutes", "last_price"),
    [
        (((900,), (950,)), 900),
        (((900,), (910, 950)), 910),
        (((900,), (910, 921, 950)), 915),
        (((950,),), 0),
    ],
    ids=["none left: the minute before", "one left: it", "more: their average, down", "no other"],
)
def test_a_busted_last_trade_leaves_its_minutes_average_as_the_last_price(minutes, last_price):
    trades, recent = of_minutes(*minutes)
    recent.remove(trades[-1])
    assert recent.traded(0, 1).last_micro == last_price


def test_the_average_of_a_minute_follows_further_busts_and_gives_way_to_a_new_trade():
    trades, recent = of_minutes((900, 910, 920, 950))
    recent.remove(trades[3])
    assert recent.traded(0, 1).last_micro == 910
    recent.remove(trades[0])
    assert recent.traded(0, 1).last_micro == 915
    recent.reprice(trades[1], 930)
    assert recent.traded(0, 1).last_micro == 925
    recent.add(replace(trades[3], trade_id=9, last_price=940))
    assert recent.traded(0, 1).last_micro == 940


def test_a_bust_of_an_earlier_trade_leaves_the_last_price_and_a_correction_of_the_last_moves_it():
    trades, recent = of_minutes((900, 950))
    recent.remove(trades[0])
    assert recent.traded(0, 1).last_micro == 950
    recent.reprice(trades[1], 930)
    assert recent.traded(0, 1).last_micro == 930


def test_a_bust_of_a_trade_that_is_let_go_or_that_a_full_minute_left_out_changes_nothing():
    trades, recent = of_minutes((900,), (950,))
    recent.expire(NOW_MINUTE + 1)
    before = msgspec.msgpack.encode(recent)
    recent.remove(trades[0])
    recent.reprice(trades[0], 1)
    assert msgspec.msgpack.encode(recent) == before
    largest = [RecentTrade(NOW_MINUTE * NS_PER_MINUTE, n, 1, 2**53 - 1, 1, 2) for n in (1, 2)]
    full = added_up(largest)
    before = msgspec.msgpack.encode(full)
    full.remove(largest[1])
    full.reprice(largest[1], 2)
    assert msgspec.msgpack.encode(full) == before
