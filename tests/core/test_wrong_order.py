"""Facts and events that are right in themselves and come when they cannot are a `CoreError`."""

import pytest

from exchange.domain.reasons import Reason
from matching_core.venue import CoreError
from tests.core.venues import BUY, IOC, Market
from tests.reference_sessions import AUCTION_NS, BREAK, CLOSED, HALTED, PRE_OPEN
from tests.reference_state import CONTINUOUS

NOW_NS = 1_000


@pytest.fixture
def market() -> Market:
    """In the pre-open a bid of 110 has met an offer of 100, five each, over ten days."""
    market = Market()
    market.venue.set_clock(NOW_NS, False)
    market.venue.set_session(PRE_OPEN)
    assert market.sell(1, 5, 100) == 0
    assert market.buy(3, 5, 110) == 0
    market.events()
    return market


def trade(price: int = 105, qty: int = 5) -> tuple[int, ...]:
    """The only trade that the two orders can make, as an event; no fees, all of it to escrow."""
    notional, held_amount = price * 240 * qty, 110 * 240 * qty
    accounts = (1, 3)
    leaves = (5 - qty, 5 - qty)
    return (
        1,
        1,
        price,
        qty,
        1,
        2,
        *accounts,
        BUY,
        notional,
        0,
        notional,
        0,
        0,
        0,
        held_amount,
        *leaves,
    )


def assert_impossible(market: Market, match: str, name: str, *arguments: int) -> None:
    """The fact raises and changes nothing."""
    before = market.state()
    with pytest.raises(CoreError, match=match):
        getattr(market.venue, name)(*arguments)
    assert market.state() == before


def test_the_trade_of_an_auction_is_taken_in_while_its_book_uncrosses(market):
    market.venue.set_session(CONTINUOUS)
    market.venue.trade_executed(*trade())
    assert not market.venue.is_uncrossing


def test_a_book_that_collects_does_not_trade(market):
    assert_impossible(market, "uncrosses", "trade_executed", *trade())
    market.venue.set_session(CONTINUOUS)
    market.venue.start_auction(1, NOW_NS + 1, 0, 0)
    assert_impossible(market, "uncrosses", "trade_executed", *trade())


def test_a_halted_book_does_not_uncross(market):
    market.venue.halt(1)
    market.venue.set_session(CONTINUOUS)
    assert not market.venue.is_uncrossing
    assert market.venue.uncross(100) == 0
    assert_impossible(market, "uncrosses", "trade_executed", *trade())
    market.venue.resume(1)
    assert market.venue.uncross(100) == 1


@pytest.mark.parametrize("price", [99, 111])
def test_an_auction_trades_at_no_price_outside_a_limit(market, price):
    market.venue.set_session(CONTINUOUS)
    assert_impossible(market, "limit", "trade_executed", *trade(price))


@pytest.mark.parametrize("price", [100, 110])
def test_an_auction_may_trade_at_the_limits_themselves(market, price):
    market.venue.set_session(CONTINUOUS)
    market.venue.trade_executed(*trade(price))


@pytest.mark.parametrize("session_state", [PRE_OPEN, BREAK, CLOSED])
def test_no_order_takes_outside_continuous_trading(session_state):
    market = Market()
    assert market.sell(1, 5, 100) == 0
    market.venue.order_accepted(2, 3, 1, 1, 1, BUY, 5, 110, IOC, 0, 110 * 240 * 5)
    market.venue.set_session(session_state)
    assert_impossible(market, "continuous", "trade_executed", *trade(100))
    market.venue.set_session(CONTINUOUS)
    market.venue.trade_executed(*trade(100))


@pytest.mark.parametrize("end_ns", [NOW_NS, NOW_NS - 1, 0, -1])
def test_an_auction_does_not_end_before_it_starts(market, end_ns):
    market.venue.set_session(CONTINUOUS)
    assert_impossible(market, "after now", "start_auction", 1, end_ns, 0, 0)


def test_an_auction_that_was_not_started_does_not_end(market):
    assert_impossible(market, "started", "end_auction", 1)
    market.venue.set_session(CONTINUOUS)
    market.venue.start_auction(1, NOW_NS + 1, 0, 0)
    market.venue.end_auction(1)
    assert_impossible(market, "started", "end_auction", 1)


@pytest.mark.parametrize("session_state", [PRE_OPEN, BREAK, CLOSED])
def test_a_book_holds_no_auction_of_its_own_outside_continuous_trading(market, session_state):
    market.venue.set_session(session_state)
    assert_impossible(market, "continuous", "start_auction", 1, NOW_NS + 1, 0, 0)


def test_a_book_holds_one_auction_at_a_time_and_none_while_it_is_halted_or_closed(market):
    market.venue.set_session(CONTINUOUS)
    market.venue.start_auction(1, NOW_NS + 1, 0, 0)
    assert_impossible(market, "continuous", "start_auction", 1, NOW_NS + 9, 0, 0)
    market.venue.halt(1)
    assert market.venue.book_state(1) == HALTED
    assert_impossible(market, "continuous", "start_auction", 1, NOW_NS + 9, 0, 0)
    market.venue.close_instrument(2)
    assert_impossible(market, "continuous", "start_auction", 2, NOW_NS + 9, 0, 0)


def test_only_what_was_halted_resumes(market):
    assert_impossible(market, "halted", "resume", 1)
    market.venue.halt(1)
    market.venue.halt(1)
    market.venue.resume(1)
    assert_impossible(market, "halted", "resume", 1)


def test_market_time_leaves_room_for_an_auction():
    """Found by hostile numbers: the end of an auction overflowed, with half a command done."""
    market = Market()
    assert market.sell(1, 5, 100) == 0
    assert market.sell(1, 5, 200) == 0
    market.venue.set_bands(1, 100, 1, 1_000, 300)
    assert_impossible(market, "2\\*\\*62", "set_clock", 2**62 + 1, False)
    market.venue.set_clock(2**62, False)
    assert market.buy(3, 10, 200) == 0
    assert market.venue.next_auction_end_ns() == 2**62 + AUCTION_NS
    assert market.buy(3, 10, 200, IOC) == Reason.WRONG_STATE
    market.events()
