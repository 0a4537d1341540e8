"""The order of the sources of a mark, their limits, and the guards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.marks import (
    HIGHEST_MICRO,
    NS_PER_HOUR,
    IndexQuote,
    MarkInputs,
    MarkLevel,
    MarkNote,
    MonthMark,
    PreviousMark,
    RecentAuction,
    mark_node,
    next_basis_e12,
)
from exchange.collateral.recent_trades import (
    RecentTrade,
    RecentTrades,
    TradeNote,
    oldest_minute,
)
from exchange.domain.units import NS_PER_DAY

from .first_proposal import PARAMETERS

EIGHT = 8_000_000
NODE = MarkInputs(month=202705, previous=PreviousMark(mark_micro=EIGHT, age_days_count=1))


NOW_NS = 20_000 * NS_PER_DAY
"""A whole minute, as cycles are at."""


def trade(price_micro=EIGHT, traded_hours=800, hours_ago=1, parties=(1, 2), is_affiliated=False):
    at_ns = NOW_NS - hours_ago * NS_PER_HOUR
    return RecentTrade(at_ns, 1, price_micro, traded_hours, *parties, is_affiliated)


def added_up(trades, now_ns=NOW_NS):
    recent = RecentTrades()
    for each in sorted(trades, key=lambda each: each.at_ns):
        recent.add(each)
    return recent.traded(oldest_minute(now_ns, PARAMETERS), tick_micro=1)


def marked(trades=(), **inputs):
    mark = mark_node(replace(NODE, traded=added_up(trades), **inputs), PARAMETERS)
    return mark.level, mark.mark_micro, mark.notes


THREE = (trade(), trade(parties=(3, 2)), trade())


def test_three_trades_of_two_pairs_and_enough_hours_set_the_average():
    assert marked(trades=THREE) == (MarkLevel.TRADES, EIGHT, ())


@pytest.mark.parametrize(
    "trades",
    [
        (trade(traded_hours=1200), trade(traded_hours=1200, parties=(3, 2))),
        (trade(), trade(), trade(parties=(2, 1))),
        (trade(), trade(parties=(3, 2)), trade(traded_hours=799)),
        (trade(), trade(parties=(3, 2)), replace(trade(), at_ns=NOW_NS - NS_PER_DAY - 1)),
        (trade(), trade(), trade(parties=(3, 2), is_affiliated=True)),
    ],
    ids=["two trades", "one pair both ways", "an hour short", "one too old", "one affiliated"],
)
def test_one_short_of_any_condition_the_last_trade_is_used(trades):
    level, price_micro, _ = marked(trades=trades)
    assert (level, price_micro) == (MarkLevel.LAST_TRADE, EIGHT)


def test_the_last_instant_of_the_window_still_counts():
    trades = (trade(), trade(parties=(3, 2)), trade(hours_ago=24))
    assert marked(trades=trades)[0] is MarkLevel.TRADES


def test_a_large_pledge_asks_for_more_hours():
    assert marked(trades=THREE, pledged_hours=2_400_000)[0] is MarkLevel.TRADES
    assert marked(trades=THREE, pledged_hours=2_400_001)[0] is MarkLevel.LAST_TRADE


def test_a_deep_fresh_auction_comes_before_the_last_trade():
    auction = RecentAuction(price_micro=7_900_000, matched_hours=2400, age_ns=24 * NS_PER_HOUR)
    expected = (MarkLevel.AUCTION, 7_900_000, ())
    assert marked(trades=(trade(),), auction=auction) == expected
    shallow = replace(auction, matched_hours=2399)
    assert marked(trades=(trade(),), auction=shallow)[0] is MarkLevel.LAST_TRADE
    old = replace(auction, age_ns=auction.age_ns + 1)
    assert marked(trades=(trade(),), auction=old)[0] is MarkLevel.LAST_TRADE


def test_the_last_trade_is_the_youngest_in_whatever_order_they_come():
    trades = (trade(price_micro=7_000_000, hours_ago=1), trade(hours_ago=5))
    assert marked(trades=trades)[1] == marked(trades=trades[::-1])[1] == 7_000_000


def test_the_last_trade_is_clamped_into_the_quotes():
    low = marked(trades=(trade(),), bid_micro=8_100_000)
    assert low == (MarkLevel.LAST_TRADE, 8_100_000, (MarkNote.CLAMP_BID,))
    high = marked(trades=(trade(),), ask_micro=7_900_000)
    assert high == (MarkLevel.LAST_TRADE, 7_900_000, (MarkNote.CLAMP_ASK,))


def test_the_raw_price_is_the_one_before_the_guards():
    inputs = replace(NODE, traded=added_up([trade(20_000_000)]), ask_micro=15_000_000)
    mark = mark_node(inputs, PARAMETERS)
    assert (mark.raw_micro, mark.mark_micro) == (20_000_000, 9_200_000)
    assert mark.notes == (MarkNote.CLAMP_ASK, MarkNote.UP_MOVE_CAPPED_15PCT_PENDING)


def test_quotes_up_to_a_tenth_wide_give_their_middle():
    assert marked(bid_micro=7_600_000, ask_micro=8_400_000)[:2] == (MarkLevel.QUOTES, EIGHT)
    assert marked(bid_micro=7_599_999, ask_micro=8_400_001)[0] is MarkLevel.DECAYED


def test_one_quote_or_crossed_quotes_give_no_middle():
    assert marked(bid_micro=EIGHT)[0] is MarkLevel.DECAYED
    assert marked(ask_micro=EIGHT)[0] is MarkLevel.DECAYED
    assert marked(bid_micro=8_000_001, ask_micro=EIGHT)[0] is MarkLevel.DECAYED


def test_the_curve_runs_between_the_nearest_good_nodes_on_either_side():
    nodes = (
        MonthMark(month=202612, mark_micro=1, level=MarkLevel.TRADES),
        MonthMark(month=202704, mark_micro=4_000_000, level=MarkLevel.QUOTES),
        MonthMark(month=202706, mark_micro=9_000_000, level=MarkLevel.TRADES),
        MonthMark(month=202707, mark_micro=1, level=MarkLevel.TRADES),
    )
    assert marked(neighbours=nodes) == (MarkLevel.CURVE, 6_000_000, ())
    one_side = marked(neighbours=nodes[:2])
    assert one_side[0] is MarkLevel.DECAYED
    weak = (nodes[1], replace(nodes[2], level=MarkLevel.CURVE))
    assert marked(neighbours=weak)[0] is MarkLevel.DECAYED


def test_an_index_is_carried_for_five_business_days():
    index = IndexQuote(index_micro=EIGHT, basis_e12=1_031_000_000_000, age_days_count=5)
    assert marked(index=index)[:2] == (MarkLevel.INDEX, 8_248_000)
    assert marked(index=replace(index, age_days_count=6))[0] is MarkLevel.DECAYED


def test_an_index_at_its_basis_counts_at_most_the_highest_price_of_the_venue():
    index = IndexQuote(index_micro=HIGHEST_MICRO, basis_e12=10**12, age_days_count=0)
    highest = (MarkLevel.INDEX, HIGHEST_MICRO, ())
    assert marked(index=index, previous=None) == highest
    assert marked(index=replace(index, basis_e12=10**18), previous=None) == highest
    below = replace(index, index_micro=HIGHEST_MICRO - 1)
    assert marked(index=below, previous=None)[1] == HIGHEST_MICRO - 1


def test_a_node_without_any_source_is_unmarkable_and_worth_nothing():
    assert marked(previous=None) == (MarkLevel.UNMARKABLE, 0, (MarkNote.UNMARKABLE,))


def test_prices_of_nothing_and_affiliates_are_noted_once_and_only_inside_the_window():
    trades = (
        trade(0, hours_ago=1),
        trade(is_affiliated=True, hours_ago=2),
        trade(is_affiliated=True, hours_ago=3),
    )
    notes = (TradeNote.REJECT_NONPOSITIVE, TradeNote.EXCLUDE_AFFILIATED)
    assert marked(trades=trades)[2] == notes
    assert marked(trades=(trade(-5, hours_ago=30), trades[1]))[2] == notes[1:]


def test_what_the_guards_did_comes_behind_the_notes_of_trades():
    trades = (trade(20_000_000), trade(is_affiliated=True))
    assert marked(trades=trades)[2] == (
        TradeNote.EXCLUDE_AFFILIATED,
        MarkNote.UP_MOVE_CAPPED_15PCT_PENDING,
    )


def test_a_rise_to_the_cap_passes_and_one_beyond_it_is_held_until_confirmed():
    def two(ask_micro):
        return {"bid_micro": ask_micro, "ask_micro": ask_micro}

    assert marked(**two(9_200_000)) == (MarkLevel.QUOTES, 9_200_000, ())
    held = (MarkLevel.QUOTES, 9_200_000, (MarkNote.UP_MOVE_CAPPED_15PCT_PENDING,))
    assert marked(**two(9_200_001)) == held
    assert marked(**two(9_200_001), is_rise_confirmed=True)[1:] == (9_200_001, ())


@given(st.integers(1, 100_000_000), st.integers(1, 100_000_000))
def test_falls_pass_at_once_and_rises_are_capped(previous_micro, price_micro):
    previous = PreviousMark(mark_micro=previous_micro, age_days_count=1)
    mark = mark_node(
        replace(NODE, previous=previous, bid_micro=price_micro, ask_micro=price_micro), PARAMETERS
    )
    assert mark.raw_micro == price_micro
    assert mark.mark_micro == min(price_micro, previous_micro * 115 // 100)


@settings(deadline=None)
@given(st.lists(st.integers(1, 100_000_000), min_size=2, max_size=30))
def test_from_mark_to_mark_falls_pass_at_once_and_rises_wait(prices):
    """A capped mark is the next one's previous; it reaches any price that stays, from below."""
    mark_micro = prices[0]
    for price_micro in prices[1:]:
        previous = PreviousMark(mark_micro=mark_micro, age_days_count=1)
        inputs = MarkInputs(
            month=202701, bid_micro=price_micro, ask_micro=price_micro, previous=previous
        )
        confirmed = mark_node(replace(inputs, is_rise_confirmed=True), PARAMETERS)
        assert confirmed.mark_micro == price_micro
        capped_micro = mark_node(inputs, PARAMETERS).mark_micro
        assert capped_micro == min(price_micro, mark_micro * 115 // 100)
        mark_micro = capped_micro


@given(st.integers(0, 3000))
def test_a_decayed_mark_never_rises_with_age(age_days_count):
    younger, older = (
        mark_node(
            replace(NODE, previous=PreviousMark(mark_micro=EIGHT, age_days_count=age)), PARAMETERS
        ).mark_micro
        for age in (age_days_count, age_days_count + 1)
    )
    assert older < younger <= EIGHT


def test_the_basis_starts_at_the_first_day_and_then_moves_by_two_parts_in_twenty_one():
    first_e12 = next_basis_e12(None, 8_400_000, EIGHT, PARAMETERS)
    assert first_e12 == 1_050_000_000_000
    assert next_basis_e12(first_e12, EIGHT, EIGHT, PARAMETERS) == 1_045_238_095_238
