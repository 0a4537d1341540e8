"""The plain book, rule by rule: each mistake that other engines made, and each condition."""

import contextlib
from random import Random
from struct import pack_into

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_core import AuctionResult, OrderBook, Result

MAX = 2**31 - 1
EXTREMES = [
    *(-(2**63) - 1, -(2**63), -(2**31) - 1, -(2**31), -1, 0, 1, 2, 3, 999, 1_000, 1_001),
    *(MAX - 1, MAX, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 10**30),
]


def book_of(*orders: tuple) -> OrderBook:
    """A book with (side, price, qty) resting, ids from 1; conditions as a fourth entry."""
    book = OrderBook()
    for order_id, (side, price, qty, *conditions) in enumerate(orders, start=1):
        options = conditions[0] if conditions else {}
        assert book.place(order_id, side, price, qty, **options).status == "resting"
    return book


def answer(result: Result) -> tuple:
    """A result's status, fills, rest and reason."""
    return result.status, result.fills, result.leaves_qty, result.reason


# -- mistakes found in other engines


def test_a_trade_is_at_the_makers_price():
    book = book_of(("sell", 100, 5))
    assert book.place(2, "buy", 103, 5).fills == [(1, 100, 5)]


def test_the_better_price_trades_first_and_the_older_order_at_a_price():
    book = book_of(("sell", 101, 1), ("sell", 100, 2), ("sell", 100, 3))
    result = book.place(4, "buy", 101, 9)
    assert answer(result) == ("resting", [(2, 100, 2), (3, 100, 3), (1, 101, 1)], 3, None)


def test_an_amendment_through_the_spread_trades_and_never_rests_crossed():
    book = book_of(("sell", 100, 5), ("buy", 98, 8))
    assert answer(book.amend(2, price=101)) == ("resting", [(1, 100, 5)], 3, None)
    assert book.bids() == [(101, 3, 1)]
    assert book.asks() == []
    book.check()


def test_a_partial_fill_keeps_its_place():
    book = book_of(("sell", 100, 5), ("sell", 100, 5))
    book.place(3, "buy", 100, 2)
    assert book.queue("sell", 100) == [1, 2]
    assert book.place(4, "buy", 100, 4).fills == [(1, 100, 3), (2, 100, 1)]


def test_the_best_price_after_a_cancel_is_the_next_one():
    book = book_of(("sell", 100, 5), ("sell", 102, 5))
    assert book.cancel(1) == 5
    assert book.asks() == [(102, 5, 1)]
    assert answer(book.place(3, "buy", 101, 5)) == ("resting", [], 5, None)


def test_a_filled_maker_leaves_the_map():
    book = book_of(("sell", 100, 5))
    book.place(2, "buy", 100, 5)
    assert 1 not in book
    assert 2 not in book
    assert book.cancel(1) == 0
    assert book.place(1, "buy", 100, 5).status == "resting"


def test_self_match_does_not_depend_on_ids():
    fills = []
    for ids in ([1, 2, 3], [900, 7, 2**60], [3, 2, 1]):
        book = OrderBook()
        for order_id, account in zip(ids, [7, 8, 7], strict=True):
            book.place(order_id, "sell", 100, 2, account=account)
        result = book.place(50, "buy", 100, 6, account=7, self_match_policy="cancel_resting")
        assert result.cancelled == [ids[0], ids[2]]
        fills.append([(ids.index(maker), qty) for maker, _, qty in result.fills])
    assert fills == [[(1, 2)]] * 3


def test_a_reversed_queue_is_another_state():
    one = book_of(("buy", 100, 5), ("buy", 100, 5))
    other = OrderBook()
    other.place(2, "buy", 100, 5)
    other.place(1, "buy", 100, 5)
    assert one.bids() == other.bids()
    assert one.state_hash() != other.state_hash()


def test_books_with_different_pasts_and_the_same_orders_are_one_state():
    one = book_of(("buy", 100, 5), ("sell", 105, 5))
    other = OrderBook()
    for order_id in range(10, 300):
        other.place(order_id, "sell", 100 + order_id, 5)
    other.place(2, "sell", 105, 5)
    other.place(1, "buy", 100, 5)
    other.mass_cancel()
    other.place(1, "buy", 100, 5)
    other.place(2, "sell", 105, 5)
    assert one.state_hash() == other.state_hash()


# -- amend


@pytest.mark.parametrize(
    ("change", "queue"),
    [
        ({"qty": 3}, [1, 2]),
        ({"qty": 5}, [1, 2]),
        ({}, [1, 2]),
        ({"qty": 6}, [2, 1]),
        ({"price": 99}, [2]),
        ({"qty": 0}, [2]),
    ],
)
def test_only_less_quantity_keeps_priority(change, queue):
    book = book_of(("buy", 100, 5), ("buy", 100, 5))
    book.amend(1, **change)
    assert book.queue("buy", 100) == queue
    book.check()


def test_a_refused_amendment_changes_nothing():
    book = book_of(("sell", 100, 5), ("buy", 98, 8, {"post_only": True}))
    before = book.snapshot()
    assert book.amend(2, price=100).reason == "would_take"
    assert book.amend(2, price=0).reason == "bad_price"
    assert book.amend(2, qty=-1).reason == "bad_qty"
    assert book.amend(3, qty=1).reason == "unknown_order"
    assert book.snapshot() == before


# -- conditions


def test_what_never_rests_ends_with_its_fills():
    book = book_of(("sell", 100, 5))
    result = book.place(2, "buy", 100, 8, time_in_force="ioc")
    assert answer(result) == ("cancelled", [(1, 100, 5)], 0, "unfilled")
    assert len(book) == 0


def test_a_killed_fok_changes_nothing():
    book = book_of(("sell", 100, 5), ("sell", 101, 5))
    before = book.snapshot()
    result = book.place(3, "buy", 100, 6, time_in_force="fok")
    assert answer(result) == ("rejected", [], 0, "cannot_fill")
    assert book.snapshot() == before
    assert book.place(3, "buy", 101, 10, time_in_force="fok").status == "filled"


def test_post_only_never_takes():
    book = book_of(("sell", 100, 5))
    assert book.place(2, "buy", 100, 5, post_only=True).reason == "would_take"
    assert book.place(2, "buy", 99, 5, post_only=True).status == "resting"


def test_all_or_none_is_for_orders_that_never_rest_and_show_all():
    book = book_of(("sell", 100, 5))
    assert book.place(2, "buy", 100, 5, all_or_none=True).reason == "all_or_none"
    for time_in_force in ("ioc", "fok"):
        options = {"time_in_force": time_in_force, "all_or_none": True}
        assert book.place(2, "buy", 100, 5, display_qty=1, **options).reason == "all_or_none"
        assert book.place(2, "buy", 100, 6, **options).reason == "cannot_fill"
    assert book.place(2, "buy", 100, 5, time_in_force="ioc", all_or_none=True).status == "filled"


@pytest.mark.parametrize("time_in_force", ["ioc", "fok"])
def test_an_order_that_never_rests_is_neither_post_only_nor_an_iceberg(time_in_force):
    book = book_of(("sell", 100, 5))
    for price in (99, 100):
        options = {"time_in_force": time_in_force, "post_only": True}
        assert book.place(2, "buy", price, 5, **options).reason == "immediate"
    assert book.place(2, "buy", 100, 5, time_in_force="ioc", display_qty=1).reason == "immediate"
    assert book.place(2, "buy", 100, 5, time_in_force=time_in_force).status == "filled"


def test_a_minimum_quantity_is_of_the_entry_only():
    book = book_of(("sell", 100, 5))
    assert book.place(2, "buy", 100, 9, min_qty=6).reason == "cannot_fill"
    assert answer(book.place(2, "buy", 100, 9, min_qty=5)) == ("resting", [(1, 100, 5)], 4, None)
    assert book.place(3, "sell", 100, 1).fills == [(2, 100, 1)]


# -- icebergs


def test_a_clip_refills_behind_the_queue():
    book = book_of(("sell", 100, 10, {"display_qty": 3}), ("sell", 100, 4))
    assert book.asks() == [(100, 7, 2)]
    assert book.place(3, "buy", 100, 3).fills == [(1, 100, 3)]
    assert book.queue("sell", 100) == [2, 1]
    assert book.asks() == [(100, 7, 2)]


def test_a_clip_that_is_part_filled_keeps_its_place():
    book = book_of(("sell", 100, 10, {"display_qty": 3}), ("sell", 100, 4))
    book.place(3, "buy", 100, 2)
    assert book.queue("sell", 100) == [1, 2]
    assert book.asks() == [(100, 5, 2)]


def test_a_sweep_takes_what_shows_and_then_the_clips_in_queue_order():
    book = book_of(
        ("sell", 100, 6, {"display_qty": 3}),
        ("sell", 100, 4),
        ("sell", 100, 5, {"display_qty": 2}),
        ("sell", 101, 9),
    )
    fills = book.place(5, "buy", 101, 17).fills
    shown = [(1, 100, 3), (2, 100, 4), (3, 100, 2)]
    assert fills == [*shown, (1, 100, 3), (3, 100, 2), (3, 100, 1), (4, 101, 2)]
    book.check()


def test_hidden_quantity_counts_as_fillable():
    book = book_of(("sell", 100, 10, {"display_qty": 1}))
    assert book.place(2, "buy", 100, 10, time_in_force="fok").status == "filled"


def test_less_quantity_comes_off_what_is_hidden_first():
    book = book_of(("sell", 100, 10, {"display_qty": 3}), ("sell", 100, 4))
    assert book.amend(1, qty=4).leaves_qty == 4
    assert (book.asks(), book.open_qty(1)) == ([(100, 7, 2)], 4)
    assert book.amend(1, qty=2).leaves_qty == 2
    assert book.asks() == [(100, 6, 2)]
    assert book.queue("sell", 100) == [1, 2]
    assert book.cancel(1) == 2


def test_an_iceberg_has_at_most_a_thousand_clips():
    book = OrderBook()
    assert book.place(1, "sell", 100, 1_001, display_qty=1).reason == "bad_display_qty"
    assert book.place(1, "sell", 100, 1_000, display_qty=1).status == "resting"
    assert book.amend(1, qty=1_001).reason == "bad_display_qty"
    assert len(book.place(2, "buy", 100, 1_000).fills) == 1_000


# -- self-match


def own_market() -> OrderBook:
    """Asks of a stranger, of account 7, and of a stranger again, at prices of their own."""
    return book_of(
        ("sell", 100, 2, {"account": 8}),
        ("sell", 101, 2, {"account": 7}),
        ("sell", 102, 2, {"account": 9}),
    )


@pytest.mark.parametrize(
    ("policy", "qty", "expected", "cancelled", "left"),
    [
        ("none", 5, ("filled", [(1, 100, 2), (2, 101, 2), (3, 102, 1)], 0, None), [], [3]),
        ("cancel_incoming", 2, ("filled", [(1, 100, 2)], 0, None), [], [2, 3]),
        ("cancel_incoming", 3, ("rejected", [], 0, "self_match"), [], [1, 2, 3]),
        ("cancel_resting", 5, ("resting", [(1, 100, 2), (3, 102, 2)], 1, None), [2], [50]),
        ("cancel_resting", 2, ("filled", [(1, 100, 2)], 0, None), [], [2, 3]),
        ("cancel_both", 3, ("cancelled", [], 0, "self_match"), [2], [1, 3]),
        ("cancel_both", 2, ("filled", [(1, 100, 2)], 0, None), [], [2, 3]),
    ],
)
def test_each_policy_decides_before_any_fill(policy, qty, expected, cancelled, left):
    book = own_market()
    result = book.place(50, "buy", 102, qty, account=7, self_match_policy=policy)
    assert answer(result) == expected
    assert result.cancelled == cancelled
    assert [order_id for order_id in (1, 2, 3, 50) if order_id in book] == left
    book.check()


def test_a_killed_fok_cancels_no_own_orders():
    book = own_market()
    before = book.snapshot()
    for policy in ("cancel_resting", "cancel_both", "cancel_incoming"):
        options = {"account": 7, "self_match_policy": policy, "time_in_force": "fok"}
        assert book.place(50, "buy", 102, 7, **options).reason == "cannot_fill"
    assert book.snapshot() == before


# -- call auction


def collected(*orders: tuple) -> OrderBook:
    """A book that collects (side, price, qty), ids from 1."""
    book = OrderBook(is_collecting=True)
    for order_id, (side, price, qty, *conditions) in enumerate(orders, start=1):
        options = conditions[0] if conditions else {}
        assert book.place(order_id, side, price, qty, **options).fills == []
    return book


@pytest.mark.parametrize(
    ("orders", "reference_price", "price", "qty", "surplus_qty"),
    [
        # the largest volume, wherever the reference is
        ([("buy", 105, 5), ("sell", 95, 5), ("sell", 100, 5), ("buy", 101, 4)], 95, 100, 9, -1),
        # then the smallest surplus: at 95 the lower bid is left over, above it is not
        ([("buy", 105, 10), ("buy", 95, 5), ("sell", 95, 10)], 90, 96, 10, 0),
        # then nearest the reference, also between the levels
        ([("buy", 105, 10), ("sell", 95, 10)], 100, 100, 10, 0),
        ([("buy", 105, 10), ("sell", 95, 10)], 1, 95, 10, 0),
        ([("buy", 105, 10), ("sell", 95, 10)], MAX, 105, 10, 0),
        ([("buy", 94, 10), ("sell", 95, 10)], 95, 0, 0, 0),
    ],
)
def test_the_auction_price(orders, reference_price, price, qty, surplus_qty):
    book = collected(*orders)
    found = book.indicative(reference_price)
    assert (found.price, found.qty, found.surplus_qty) == (price, qty, surplus_qty)
    traded = book.auction(reference_price)
    assert (traded.price, traded.qty) == (price, qty)
    assert {row[2] for row in traded.fills} <= {price}
    assert sum(row[3] for row in traded.fills) == qty
    assert not book.is_collecting
    book.check()


def test_an_auction_allocates_by_price_then_time_and_counts_what_is_hidden():
    book = collected(
        ("buy", 100, 4, {"display_qty": 1}),
        ("buy", 100, 3),
        ("buy", 101, 2),
        ("sell", 99, 7),
    )
    assert book.auction(100).fills == [
        (3, 4, 100, 2),
        (1, 4, 100, 1),
        (2, 4, 100, 3),
        (1, 4, 100, 1),
    ]
    assert book.open_qty(1) == 2


def test_of_two_own_orders_the_younger_is_cancelled_before_the_auction():
    policy = {"account": 7, "self_match_policy": "cancel_incoming"}
    book = collected(("buy", 100, 5, policy), ("sell", 100, 5, policy), ("sell", 100, 5))
    result = book.auction(100)
    assert (result.cancelled, result.fills) == ([2], [(1, 3, 100, 5)])


def test_an_auction_that_collects_takes_only_what_rests():
    book = collected(("buy", 100, 5))
    assert book.place(9, "sell", 90, 5, time_in_force="ioc").reason == "wrong_state"
    assert book.place(9, "sell", 90, 5, time_in_force="fok").reason == "wrong_state"
    assert book.place(9, "sell", 90, 5, min_qty=1).reason == "wrong_state"
    assert book.place(9, "sell", 90, 5, post_only=True).status == "resting"
    restored = OrderBook.restore(book.snapshot())
    assert restored.is_collecting
    assert restored.auction(95).qty == 5


def test_a_trading_book_can_go_back_to_collecting():
    book = book_of(("buy", 100, 5))
    book.open_auction()
    assert book.place(2, "sell", 99, 5).status == "resting"
    assert book.auction(100).fills == [(1, 2, 100, 5)]


# -- mass cancel


def test_mass_cancel_selects_by_account_and_side():
    orders = [
        (side, 90 if side == "buy" else 110, 1, {"account": account})
        for account in (7, 8)
        for side in ("buy", "sell")
    ]
    assert book_of(*orders).mass_cancel(account=7) == [1, 2]
    assert book_of(*orders).mass_cancel(side="sell") == [2, 4]
    assert book_of(*orders).mass_cancel(8, 1) == [3]
    assert book_of(*orders).mass_cancel() == [1, 2, 3, 4]
    assert OrderBook().mass_cancel() == []


# -- hostile callers


def test_words_and_codes_are_the_same():
    one, other = OrderBook(), OrderBook()
    one.place(1, "buy", 100, 5, self_match_policy="cancel_both", time_in_force="gtc")
    other.place(1, 1, 100, 5, self_match_policy=3, time_in_force=1)
    assert one.snapshot() == other.snapshot()


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((1.0, "buy", 1, 1), {}, TypeError),
        ((1, "buy", 1.5, 1), {}, TypeError),
        ((1, "buy", 1, "1"), {}, TypeError),
        ((1, 1.0, 1, 1), {}, TypeError),
        ((1, ["buy"], 1, 1), {}, TypeError),
        ((1, "bid", 1, 1), {}, ValueError),
        ((1, 3, 1, 1), {}, ValueError),
        ((1, "buy", 1, 1), {"time_in_force": "day"}, ValueError),
        ((1, "buy", 1, 1), {"self_match_policy": "both"}, ValueError),
        ((2**63, "buy", 1, 1), {}, OverflowError),
        ((1, "buy", 1, 1), {"account": 2**31}, OverflowError),
        ((1, "buy", 1, 1), {"price_limit": 3}, TypeError),
        ((1, "buy", 1), {}, TypeError),
    ],
)
def test_a_wrong_type_or_word_is_an_exception(arguments, options, error):
    book = OrderBook()
    with pytest.raises(error):
        book.place(*arguments, **options)
    assert len(book) == 0


def test_results_are_the_books_to_make():
    for kind in (Result, AuctionResult):
        with pytest.raises(TypeError):
            kind()


def test_the_largest_quantities_add_up():
    book = OrderBook()
    for order_id in range(1, 6):
        book.place(order_id, "sell", MAX, MAX, display_qty=MAX // 1_000 + 1)
    book.check()
    result = book.place(9, "buy", MAX, MAX, time_in_force="fok")
    assert sum(qty for _, _, qty in result.fills) == MAX
    assert sum(book.open_qty(order_id) for order_id in range(1, 6)) == 4 * MAX
    book.check()


numbers = st.one_of(st.sampled_from(EXTREMES), st.integers(-(2**64), 2**64), st.integers(0, 9))
CALLS = {"amend": 3, "cancel": 1, "auction": 1, "indicative": 1, "open_qty": 1}
CALLS |= {"bids": 1, "asks": 1, "queue": 2, "mass_cancel": 2, "open_auction": 0, "place": 4}
OPTIONS = ["time_in_force", "account", "min_qty", "display_qty", "self_match_policy"]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_hostile_integers_never_break_the_book(data):
    book = book_of(("sell", 100, 10, {"display_qty": 2}), ("buy", 90, 5))
    for _ in range(data.draw(st.integers(1, 12))):
        name = data.draw(st.sampled_from(sorted(CALLS)))
        arguments = data.draw(st.lists(numbers, min_size=CALLS[name], max_size=CALLS[name]))
        options = {}
        if name == "place":
            options = data.draw(st.dictionaries(st.sampled_from(OPTIONS), numbers, max_size=3))
        with contextlib.suppress(OverflowError, ValueError):
            getattr(book, name)(*arguments, **options)
        book.check()
        assert OrderBook.restore(book.snapshot()).snapshot() == book.snapshot()


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 159), st.integers(0, 255)), max_size=4), st.integers(0, 9))
def test_bytes_that_are_no_snapshot_are_refused_or_sound(changes, cut):
    book = book_of(
        ("sell", 100, 10, {"display_qty": 2}), ("sell", 100, 1), ("sell", 101, 5), ("buy", 90, 5)
    )
    data = bytearray(book.snapshot())
    assert len(data) == 160
    for at, value in changes:
        data[at] = value
    try:
        restored = OrderBook.restore(bytes(data[: len(data) - cut]))
    except ValueError:
        return
    restored.check()
    assert restored.snapshot() == bytes(data)


def test_a_snapshot_that_is_crossed_or_repeats_an_id_is_refused():
    data = bytearray(book_of(("buy", 90, 5), ("sell", 100, 5)).snapshot())
    crossed = bytearray(data)
    pack_into("<i", crossed, 32 + 8, 100)
    twice = bytearray(data)
    pack_into("<q", twice, 32, 2)
    for wrong in (crossed, twice, b"", data[:40], b"x" * 32):
        with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
            OrderBook.restore(bytes(wrong))


# -- levels


@pytest.mark.parametrize("seed", range(20))
def test_levels_far_apart_come_in_order(seed):
    chance = Random(seed)
    edges = [1, 2, 63, 64, 65, 4_095, 4_096, 262_143, 262_144, 2**24, 2**30, MAX - 1, MAX]
    book = OrderBook()
    prices: dict[int, int] = {}
    side = chance.choice(["buy", "sell"])
    for order_id in range(1, 300):
        # Low prices first, so that far ones join a book that has levels.
        price = min(MAX, chance.choice(edges[: 2 + order_id // 20]) + chance.randint(0, 70))
        assert book.place(order_id, side, price, 1).status == "resting"
        prices[order_id] = price
        while prices and chance.random() < 0.45:
            gone = chance.choice(list(prices))
            assert book.cancel(gone) == 1
            del prices[gone]
        book.check()
        rows = book.bids() if side == "buy" else book.asks()
        assert [row[0] for row in rows] == sorted(set(prices.values()), reverse=side == "buy")
