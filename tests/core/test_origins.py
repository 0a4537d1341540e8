"""Session, key, rates and days of an order are shared with others, and still its own."""

from random import Random

import pytest

from matching_core.venue import CoreError
from tests.core.test_venue_bytes import restored
from tests.core.venues import BASE_DAY, BUY, GTC, SELL, Market

GTD = 6
HOURS = Market.HOURS


def placed(market: Market, order_id: int, key_id: int, session_id: int, expire_day: int = 0) -> int:
    """A bid that rests; its id."""
    terms = (1, BUY, 1, 1 + order_id % 50, GTD if expire_day else GTC, 0, 0, 0, 1, expire_day)
    assert market.venue.place(order_id, 3 + order_id % 4, key_id, session_id, *terms) == 0
    return order_id


def test_each_order_keeps_its_own_key_and_session_while_thousands_come_and_go():
    """More origins than rows at first, then fewer, so that rows are freed and taken again."""
    random = Random(3)
    market = Market(max_open_orders=10**6)
    wanted: dict[int, tuple[int, int, int]] = {}
    for order_id in range(1, 6_001):
        key_id, session_id = random.choice([(1, order_id % 3), (order_id, 7), (7, order_id)])
        expire_day = random.choice([0, 0, BASE_DAY + order_id % 9])
        placed(market, order_id, key_id, session_id, expire_day)
        wanted[order_id] = (key_id, session_id, expire_day)
        while len(wanted) > (1_500 if order_id < 3_000 else 40):
            ended_id = random.choice(list(wanted))
            market.venue.cancel(ended_id, 3 + ended_id % 4)
            del wanted[ended_id]
        if order_id % 1_000 == 0:
            market.events()
    for order_id, terms in wanted.items():
        order = market.venue.order(order_id)
        assert (order[2], order[3], order[14]) == terms
        assert (market.venue.key_of(order_id), market.venue.session_of(order_id)) == terms[:2]
    assert market.venue.next_expire_day() == min(day for *_, day in wanted.values() if day)
    again = restored(market.venue.snapshot())
    assert again.snapshot() == market.venue.snapshot()


def test_a_session_that_moves_takes_its_own_orders_along_and_no_others():
    market = Market()
    for order_id in (4, 8, 12):
        placed(market, order_id, 1, 5)
    for order_id, session_id in ((5, 5), (16, 6)):
        placed(market, order_id, 1, session_id)
    market.venue.rehome_session(5, 6, 3)
    sessions = {order_id: market.venue.session_of(order_id) for order_id in (4, 8, 12, 5, 16)}
    assert sessions == {4: 6, 8: 6, 12: 6, 5: 5, 16: 6}
    market.venue.cancel(16, 3)
    market.venue.check()


def test_what_is_due_is_found_again_after_orders_end_and_come():
    """The list of a day's end is made once and serves until an order joins it."""
    market = Market()
    for order_id in range(1, 9):
        placed(market, order_id, 1, 1, BASE_DAY + order_id % 2)
    assert market.venue.orders_due(BASE_DAY, 2) == [2, 4]
    market.venue.cancel(2, 5)
    market.venue.cancel(6, 5)
    assert market.venue.orders_due(BASE_DAY, 9) == [4, 8]
    placed(market, 3_000, 1, 1, BASE_DAY)
    placed(market, 2, 1, 1)
    assert market.venue.orders_due(BASE_DAY, 9) == [4, 8, 3_000]
    assert market.venue.orders_due(BASE_DAY + 1, 9) == [4, 8, 3_000, 1, 3, 5, 7]
    assert market.venue.orders_due(BASE_DAY - 1, 9) == []
    market.venue.cancel(4, 3)
    placed(market, 4, 1, 1, BASE_DAY + 1)
    assert market.venue.orders_due(BASE_DAY + 1, 9) == [8, 3_000, 1, 3, 4, 5, 7]
    assert market.venue.orders_due(BASE_DAY + 1, 0) == []
    market.events()


# -- what an order holds follows from its rest: an event that says otherwise is impossible ---------


@pytest.fixture
def market() -> Market:
    """The house offers 20 at 110; account 3 bids for 10 at 95."""
    market = Market(maker_bps=3, taker_bps=7)
    assert market.sell(1, 20, 110) == 0
    assert market.buy(3, 10, 95) == 0
    market.events()
    return market


def held(qty: int, price: int, side: int) -> int:
    """What so much at a price needs, at 7 basis points."""
    notional = price * HOURS * qty
    fee = -(-notional * 7 // 10_000)
    return notional + fee if side == BUY else fee


@pytest.mark.parametrize("account_id", [1, 3])
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("too_much", [-1, 0, 1, 10**6, -(10**6)])
def test_a_new_order_holds_what_it_needs_and_no_fen_more_or_less(
    market, account_id, side, too_much
):
    market.own(3, 5)
    is_stranger = account_id == 3 and side == SELL
    amount = (0 if is_stranger else held(5, 100, side)) + too_much
    event = (90, account_id, 1, 1, 1, side, 5, 100, GTC, 0, amount)
    assert_only_right(market, "order_accepted", event, too_much == 0)


@pytest.mark.parametrize("too_much", [-1, 0, 1])
@pytest.mark.parametrize(("order_id", "side", "price"), [(1, SELL, 110), (2, BUY, 95)])
def test_an_amended_order_holds_what_its_new_terms_need(market, order_id, side, price, too_much):
    account_id, qty = (1, 20) if side == SELL else (3, 10)
    delta_amount = held(5, price, side) - held(qty, price, side) + too_much
    event = (order_id, account_id, 1, 5, price, 5, delta_amount, 0)
    assert_only_right(market, "order_amended", event, too_much == 0)


@pytest.mark.parametrize("too_much", [-1, 0, 1])
def test_a_cancelled_order_releases_all_that_it_holds(market, too_much):
    event = (2, 3, 1, BUY, 10, held(10, 95, BUY) + too_much, 1)
    assert_only_right(market, "order_cancelled", event, too_much == 0)


@pytest.mark.parametrize("maker_too_much", [-1, 0, 1])
@pytest.mark.parametrize("taker_too_much", [-1, 0, 1])
def test_a_fill_dissolves_what_the_rest_does_not_need(market, maker_too_much, taker_too_much):
    """Five of twenty trade: what the offer still holds is for fifteen, less what it overpaid."""
    notional = 110 * HOURS * 5
    maker_fee, taker_fee = -(-notional * 3 // 10_000), -(-notional * 7 // 10_000)
    slack = 10_000 * maker_fee - 3 * notional
    rest_amount = -(-(110 * HOURS * 15 * 7 - slack) // 10_000)
    bid = (90, 4, 1, 1, 1, BUY, 5, 110, GTC, 0, held(5, 110, BUY))
    released = (
        held(20, 110, SELL) - rest_amount + maker_too_much,
        held(5, 110, BUY) + taker_too_much,
    )
    amounts = (notional, 0, notional, maker_fee, taker_fee)
    trade = (1, 1, 110, 5, 1, 90, 1, 4, BUY, *amounts, *released, 15, 0)
    market.venue.order_accepted(*bid)
    if maker_too_much or taker_too_much:
        with pytest.raises(CoreError, match="dissolves"):
            market.venue.trade_executed(*trade)
    else:
        market.venue.trade_executed(*trade)
        assert market.venue.order(1)[11] == rest_amount


def assert_only_right(market: Market, name: str, event: tuple[int, ...], is_right: bool) -> None:
    """The event is taken in, or is impossible and changes nothing."""
    before = market.state()
    if is_right:
        getattr(market.venue, name)(*event)
        return
    with pytest.raises(CoreError, match="hold"):
        getattr(market.venue, name)(*event)
    assert market.state() == before
