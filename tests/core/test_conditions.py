"""The venue's conditions of orders, where the obvious venue alone would not say what is meant."""

import itertools

import pytest

from exchange.domain.events import OrderAccepted, OrderCancelled, OrderRested, TradeExecuted
from exchange.domain.reasons import Reason
from matching_core.venue import CoreError
from tests.core.venues import BASE_DAY, BUY, FOK, GTC, IOC, POST_ONLY, SELL, Market

DAY, GTD = 0, 6
ALL_OR_NONE = 2
CANCEL_INCOMING, CANCEL_RESTING, CANCEL_BOTH = 1, 2, 3


@pytest.fixture
def market() -> Market:
    return Market()


def place(market, account_id, side, qty, price, time_in_force=GTC, exec_inst=0, **terms):
    """An order with conditions; its answer."""
    market.last_order_id += 1
    return market.venue.place(
        market.last_order_id,
        account_id,
        1,
        1,
        1,
        side,
        qty,
        price,
        time_in_force,
        exec_inst,
        **terms,
    )


def test_what_own_orders_release_does_not_pay_for_the_order_that_ends_them():
    market = Market(maker_bps=10, taker_bps=10)
    assert market.sell(1, 100, 1_000) == 0  # a house sale: its fee is held
    available, held = market.venue.balances(1)
    assert held == 24_000
    needed = 240 * 1_000 * 10 + 2_400
    market.venue.withdraw(1, available - needed + 1)
    market.events()
    terms = {"self_match_policy": CANCEL_RESTING}
    assert place(market, 1, BUY, 10, 1_000, **terms) == Reason.CASH
    assert market.venue.refusal == (needed, needed - 1, 0)
    market.venue.deposit(1, 1)
    assert place(market, 1, BUY, 10, 1_000, **terms) == 0
    kinds = [type(event) for event in market.events()]
    assert kinds == [OrderAccepted, OrderCancelled, OrderRested]
    assert market.venue.balances(1) == (held, needed)


def test_post_only_that_would_meet_own_orders_alone_is_refused_all_the_same(market):
    market.sell(1, 5, 100)
    market.events()
    answer = place(market, 1, BUY, 5, 100, GTC, POST_ONLY, self_match_policy=CANCEL_RESTING)
    assert answer == Reason.WOULD_TAKE
    assert market.events() == []


def test_own_orders_that_the_walk_does_not_reach_stay(market):
    market.own(3, 5, 50)
    assert market.sell(3, 5, 100) == 0
    assert market.sell(1, 5, 100) == 0
    market.events()
    assert place(market, 1, BUY, 5, 100, self_match_policy=CANCEL_BOTH) == 0
    assert market.trades() == [(100, 5, 3)]
    assert market.venue.queue(1, SELL, 100) == [4]


def test_an_own_iceberg_ends_once_with_all_that_it_hides(market):
    assert place(market, 1, SELL, 50, 100, display_qty=5) == 0
    market.events()
    assert place(market, 1, BUY, 20, 100, self_match_policy=CANCEL_BOTH) == 0
    ended = [(e.order_id, e.cancelled_qty) for e in market.events() if type(e) is OrderCancelled]
    assert ended == [(1, 50), (2, 20)]


def test_own_quantity_counts_towards_a_minimum_only_where_it_stands_in_the_way(market):
    market.own(3, 3, 50)
    assert market.sell(1, 5, 100) == 0
    assert market.sell(3, 3, 100) == 0
    market.events()
    answers = [
        place(market, 1, BUY, 8, 100, min_qty=4, self_match_policy=policy)
        for policy in (CANCEL_INCOMING, CANCEL_RESTING)
    ]
    assert answers == [Reason.SELF_MATCH, Reason.CANNOT_FILL]
    assert market.events() == []


def test_an_iceberg_that_takes_rests_with_a_clip_of_what_is_left(market):
    market.own(3, 20, 50)
    assert market.sell(1, 7, 100) == 0
    market.events()
    assert place(market, 3, BUY, 20, 100, display_qty=4) == 0
    accepted, traded, *_, rested = market.events()
    assert isinstance(traded, TradeExecuted)
    assert (accepted.display_qty, traded.last_qty) == (4, 7)
    assert (rested.leaves_qty, rested.display_qty) == (13, 4)
    assert market.venue.levels(1, BUY, 5) == [(100, 4, 1)]


def test_a_repriced_iceberg_shows_a_whole_clip_again(market):
    assert place(market, 3, BUY, 20, 100, display_qty=4) == 0
    market.own(4, 3, 200)
    assert market.sell(4, 3, 100) == 0
    assert market.venue.levels(1, BUY, 5) == [(100, 1, 1)]
    assert market.venue.amend(1, 3, -1, 99) == 0
    assert market.venue.levels(1, BUY, 5) == [(99, 4, 1)]
    market.venue.check()


@pytest.mark.parametrize("gone", list(itertools.permutations(range(1, 5))))
def test_a_day_lists_its_orders_whichever_of_them_leaves_first(gone):
    market = Market()
    for _ in range(4):
        assert place(market, 3, BUY, 1, 90, GTD, expire_day=BASE_DAY + 3) == 0
    left = [1, 2, 3, 4]
    for order_id in gone:
        assert market.venue.cancel(order_id, 3) == 0
        left.remove(order_id)
        market.venue.check()
        assert market.venue.orders_due(BASE_DAY + 3, 9) == left
    assert market.venue.next_expire_day() == 0
    assert place(market, 3, BUY, 1, 90, GTD, expire_day=BASE_DAY + 3) == 0
    assert market.venue.orders_due(BASE_DAY + 3, 9) == [5]


def test_orders_are_due_by_day_and_then_as_they_came(market):
    for ahead in (2, 1, 2, 1, 3):
        assert place(market, 3, BUY, 1, 90, GTD, expire_day=BASE_DAY + ahead) == 0
    venue = market.venue
    assert venue.next_expire_day() == BASE_DAY + 1
    assert venue.orders_due(BASE_DAY, 9) == []
    assert venue.orders_due(BASE_DAY + 2, 9) == [2, 4, 1, 3]
    assert venue.orders_due(BASE_DAY + 2, 3) == [2, 4, 1]
    assert venue.orders_due(BASE_DAY + 2, 0) == []


@pytest.mark.parametrize(
    "terms",
    [
        {"display_qty": 5},
        {"display_qty": 6},
        {"self_match_policy": CANCEL_RESTING},
        {"self_match_policy": CANCEL_BOTH},
        {"time_in_force": DAY, "expire_day": BASE_DAY},
        {"time_in_force": GTD, "expire_day": BASE_DAY},
        {"time_in_force": GTD, "expire_day": BASE_DAY + 1},
    ],
)
def test_the_state_hash_sees_every_condition_that_can_matter_later(terms):
    plain, other = Market(), Market()
    assert place(plain, 3, BUY, 10, 90) == 0
    assert place(other, 3, BUY, 10, 90, **terms) == 0
    assert plain.venue.state_hash() != other.venue.state_hash()


def test_the_state_hash_sees_what_is_hidden():
    """Two icebergs that show the same and hide different quantities."""
    hashes = set()
    for qty in (10, 15):
        market = Market()
        assert place(market, 3, BUY, qty, 90, display_qty=5) == 0
        assert market.venue.amend(1, 3, 10, -1) in (0, Reason.EMPTY)
        assert market.venue.levels(1, BUY, 1) == [(90, 5, 1)]
        hashes.add(market.venue.state_hash())
        market.venue.amend(1, 3, 9, -1)
        hashes.add(market.venue.state_hash())
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("time_in_force", "exec_inst", "terms"),
    [
        (DAY, 0, {}),
        (GTD, 0, {}),
        (GTC, 0, {"expire_day": BASE_DAY}),
        (IOC, 0, {"expire_day": BASE_DAY}),
        (GTD, 0, {"expire_day": 100_001}),
        (2, 0, {}),
        (5, 0, {}),
        (7, 0, {}),
        (GTC, 4, {}),
        (GTC, 0, {"self_match_policy": 0}),
        (GTC, 0, {"self_match_policy": 4}),
    ],
)
def test_terms_that_the_border_never_lets_through_are_the_callers_mistake(
    market, time_in_force, exec_inst, terms
):
    with pytest.raises(CoreError):
        place(market, 3, BUY, 5, 90, time_in_force, exec_inst, **terms)
    market.venue.check()


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"min_qty": 11, "display_qty": 11}, (Reason.MIN_QTY, 11, 10)),
        ({"min_qty": -1}, (Reason.MIN_QTY, -1, 10)),
        ({"display_qty": 11, "exec_inst": ALL_OR_NONE}, (Reason.DISPLAY_QTY, 11, 10)),
        ({"display_qty": -1}, (Reason.DISPLAY_QTY, -1, 10)),
        ({"exec_inst": ALL_OR_NONE}, (Reason.ALL_OR_NONE, 10, 0)),
        ({"exec_inst": POST_ONLY | ALL_OR_NONE}, (Reason.ALL_OR_NONE, 10, 0)),
        ({"exec_inst": ALL_OR_NONE, "time_in_force": IOC, "display_qty": 2}, (4027, 10, 2)),
        ({"time_in_force": FOK, "display_qty": 2}, (Reason.ALL_OR_NONE, 10, 2)),
        ({"exec_inst": POST_ONLY, "time_in_force": IOC}, (Reason.IMMEDIATE, IOC, 0)),
        ({"exec_inst": POST_ONLY, "time_in_force": FOK}, (Reason.IMMEDIATE, FOK, 0)),
        ({"exec_inst": 3, "time_in_force": IOC}, (Reason.IMMEDIATE, IOC, 0)),
        ({"time_in_force": IOC, "display_qty": 2}, (Reason.IMMEDIATE, IOC, 2)),
        ({"min_qty": 10}, (Reason.CANNOT_FILL, 10, 0)),
    ],
)
def test_conditions_are_refused_in_the_order_in_which_they_are_documented(market, terms, refusal):
    assert place(market, 3, BUY, 10, 90, **terms) == refusal[0]
    assert market.venue.refusal == (*refusal[1:], 0)
    assert market.events() == []
