"""No number at the surface breaks the core: it is refused, or `CoreError`, or `OverflowError`."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.domain.reasons import Reason
from matching_core.venue import CoreError
from tests.core.venues import BASE_DAY, BUY, GTC, SELL, Market, new_venue
from tests.reference_sessions import CLOSED, PRE_OPEN
from tests.reference_state import CONTINUOUS

EXTREMES = [
    *(-(2**63) - 1, -(2**63), -(2**63) + 1, -(2**31) - 1, -(2**31), -2, -1, 0, 1, 2, 3),
    *(127, 255, 366, 367, 20_010, 20_020, 2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53),
    *(100_000, 100_001, 10_000_000, 10_000_001, 16_000_000, 16_000_001),
    *(2**62, 2**63 - 1, 2**63, 2**64, 10**30),
]
# Every public method that takes integers, with how many; those that answer a code first.
COMMANDS = {"place": 15, "amend": 4, "cancel": 2, "mass_cancel": 4, "uncross": 1}
WRITERS = {
    "add_account": 1,
    "add_product": 5,
    "add_to_house": 2,
    "add_instrument": 6,
    "close_instrument": 1,
    "set_clock": 2,
    "set_session": 1,
    "halt": 1,
    "resume": 1,
    "start_auction": 4,
    "end_auction": 1,
    "set_bands": 5,
    "deposit": 2,
    "withdraw": 2,
    "grant": 5,
    "add_lien": 5,
    "lift_lien": 5,
    "join_party": 2,
    "set_rent_floor": 2,
    "withdraw_capacity": 5,
    "transfer_title": 6,
    "transfer_pledged": 6,
    "sublet": 6,
    "end_sublet": 6,
    "pay": 3,
    "settle_trade": 6,
    "pay_into_trust": 3,
    "pay_out_of_trust": 3,
    "open_hold": 8,
    "close_hold": 1,
    "release_escrow": 4,
    "close_day": 2,
    "rehome_session": 3,
    "order_accepted": 15,
    "order_rested": 6,
    "order_amended": 8,
    "order_cancelled": 7,
    "trade_executed": 18,
    "escrow_funded": 6,
    "escrow_returned": 7,
    "sublet_opened": 8,
}
QUERIES = {
    "sublettable": 4,
    "encumbered_day": 5,
    "holders": 2,
    "day_totals": 2,
    "escrow_shares": 4,
    "parties_are_one": 2,
    "trust_amount": 1,
    "held_by": 1,
    "cancellation": 2,
    "order": 1,
    "session_of": 1,
    "key_of": 1,
    "orders_of_account": 1,
    "orders_of_instrument": 2,
    "open_order_count": 1,
    "orders_due": 2,
    "next_expire_day": 0,
    "orders_outside": 4,
    "book_state": 1,
    "next_auction_end_ns": 0,
    "auctions_due": 1,
    "bands": 1,
    "indication": 1,
    "best": 2,
    "levels": 3,
    "queue": 3,
    "balances": 1,
    "sellable": 4,
    "is_house": 2,
    "escrow": 1,
    "granted": 1,
}
ANSWERS = {name: range(3) if name == "uncross" else {0, *Reason} for name in COMMANDS}
"""Uncrossing answers how many steps it took, the others a reason."""
SESSIONS = (
    "set_clock",
    "set_session",
    "halt",
    "resume",
    "start_auction",
    "end_auction",
    "set_bands",
)

numbers = st.one_of(st.sampled_from(EXTREMES), st.integers(-(2**64), 2**64), st.integers(0, 9))


def market_with_orders() -> Market:
    market = Market(maker_bps=3, taker_bps=7)
    market.own(3, 50, 90)
    market.sell(1, 20, 110)
    market.sell(3, 10, 105)
    market.buy(4, 10, 95)
    market.events()
    return market


def market_that_collected() -> Market:
    """It is crossed by one trade, and uncrosses next."""
    market = market_with_orders()
    market.venue.set_clock(10, False)
    market.venue.set_session(PRE_OPEN)
    market.buy(5, 5, 110)
    market.venue.set_session(CONTINUOUS)
    market.events()
    return market


def market_in_auction() -> Market:
    """One book holds an auction of its own, the other is halted."""
    market = market_with_orders()
    market.venue.set_clock(10, False)
    market.venue.start_auction(1, 100, 0, 0)
    market.buy(5, 5, 110)
    market.venue.halt(2)
    market.events()
    return market


MARKETS = (market_with_orders, market_that_collected, market_in_auction)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(MARKETS),
    st.lists(
        st.sampled_from(sorted(COMMANDS | QUERIES)).flatmap(
            lambda name: st.tuples(
                st.just(name),
                st.lists(
                    numbers,
                    min_size=(COMMANDS | QUERIES)[name],
                    max_size=(COMMANDS | QUERIES)[name],
                ),
            )
        ),
        max_size=12,
    ),
)
def test_hostile_commands_and_queries_leave_a_sound_venue(new_market, calls):
    venue = new_market().venue
    for name, arguments in calls:
        try:
            answer = getattr(venue, name)(*arguments)
        except (CoreError, OverflowError):
            continue
        if name in COMMANDS:
            assert answer in ANSWERS[name]
    venue.check()


@pytest.mark.parametrize("new_market", MARKETS)
@pytest.mark.parametrize("name", sorted(COMMANDS))
@pytest.mark.parametrize("hostile", EXTREMES)
def test_each_field_of_a_command_at_each_extreme(name, hostile, new_market):
    likely = {
        "place": [90, 3, 1, 1, 1, BUY, 5, 100, GTC, 0, 0, 0, 1, 0],
        "amend": [4, 3, 5, 104],
        "cancel": [4, 3],
        "mass_cancel": [3, 1, SELL, 5],
        "uncross": [1],
    }[name]
    for index in range(len(likely)):
        venue = new_market().venue
        arguments = [*likely[:index], hostile, *likely[index + 1 :]]
        try:
            assert getattr(venue, name)(*arguments) in ANSWERS[name]
        except (CoreError, OverflowError):
            assert venue.take_events() == (0, b"")
        venue.check()


@pytest.mark.parametrize("new_market", MARKETS)
@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize("hostile", EXTREMES)
def test_each_field_of_a_fact_about_sessions_at_each_extreme(name, hostile, new_market):
    """It is taken in, or it is a `CoreError` and nothing has changed."""
    likely = {
        "set_clock": [20, False],
        "set_session": [CLOSED],
        "halt": [1],
        "resume": [2],
        "start_auction": [1, 100, 0, 0],
        "end_auction": [1],
        "set_bands": [1, 100, 90, 110, 300],
    }[name]
    for index in range(len(likely)):
        venue = new_market().venue
        before = venue.snapshot()
        try:
            getattr(venue, name)(*likely[:index], hostile, *likely[index + 1 :])
        except (CoreError, OverflowError):
            assert venue.snapshot() == before
        venue.check()


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(MARKETS),
    st.lists(
        st.sampled_from(sorted(WRITERS)).flatmap(
            lambda name: st.tuples(
                st.just(name),
                st.lists(numbers, min_size=WRITERS[name], max_size=WRITERS[name]),
            )
        ),
        max_size=12,
    ),
)
def test_hostile_events_and_facts_never_crash(new_market, calls):
    """A writer may stop half-way, for its caller stops too; the process must live to say so."""
    venue = new_market().venue
    for name, arguments in calls:
        with suppress(CoreError, OverflowError):
            getattr(venue, name)(*arguments)
    venue.snapshot()


def test_facts_that_cannot_be_change_nothing():
    market = market_with_orders()
    venue = market.venue
    before = market.state()
    for name, *arguments in [
        ("add_account", 99),
        ("add_product", 1, 1, 1, 0, 0),
        ("add_product", 2, 1, 1, 10_001, 0),
        ("add_to_house", 1, 3),
        ("add_instrument", 1, 1, BASE_DAY, BASE_DAY + 1, 1),
        ("add_instrument", 7, 1, BASE_DAY, BASE_DAY + 367, 1),
        ("add_instrument", 7, 1, BASE_DAY - 1, BASE_DAY + 1, 1),
        ("add_instrument", 7, 1, BASE_DAY + 1, BASE_DAY + 1, 1),
        ("deposit", 3, 2**53 - 1),
        ("deposit", 3, 0),
        ("withdraw", 3, 10**12 + 1),
        ("grant", 1, 3, BASE_DAY, BASE_DAY + 1, 1),
        ("add_lien", 3, 1, BASE_DAY + 10, BASE_DAY + 20, 41),
        ("lift_lien", 3, 1, BASE_DAY + 10, BASE_DAY + 20, 1),
        ("transfer_pledged", 1, 3, 4, BASE_DAY + 10, BASE_DAY + 20, 1),
        ("place", 4, 3, 1, 1, 1, BUY, 1, 1, GTC, 0),
        ("place", 90, 0, 1, 1, 1, BUY, 1, 1, GTC, 0),
        ("order_rested", 4, 1, SELL, 105, 10),
        ("order_cancelled", 4, 3, 1, SELL, 9, 0, 1),
        ("order_amended", 4, 3, 1, 10, 105, 10, 0, 0),
        ("escrow_funded", 9, 1, BASE_DAY, BASE_DAY + 1, 2_000, 1),
        ("escrow_returned", 9, 1, 1, BASE_DAY, BASE_DAY + 1, 1, 1),
    ]:
        with pytest.raises(CoreError):
            getattr(venue, name)(*arguments)
        assert market.state() == before, name
    venue.check()


def test_a_base_day_is_a_day():
    for base_day in (-1, 100_000, 2**62):
        with pytest.raises(CoreError):
            new_venue(base_day)


def test_an_order_id_is_used_once():
    market = market_with_orders()
    with pytest.raises(CoreError, match="new"):
        market.venue.place(4, 3, 1, 1, 1, BUY, 1, 1, GTC, 0)
    market.venue.check()


def test_a_broken_state_is_found():
    """Escrow that no sale explains."""
    market = market_with_orders()
    market.venue.escrow_funded(9, 1, BASE_DAY + 10, BASE_DAY + 20, 1, 1)
    with pytest.raises(CoreError, match="strangers"):
        market.venue.check()


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
@pytest.mark.parametrize("place", [5, 6], ids=["leaves", "held delta"])
def test_an_amended_event_of_extreme_numbers_is_refused_before_it_is_reckoned_with(number, place):
    """Found by the sanitizers: the difference overflowed before its terms were bounded."""
    market = Market()
    assert market.place(1, SELL, 20, 1000) == 0
    amended = [market.last_order_id, 1, 1, 10, 1000, 10, 0, 0]
    amended[place] = number
    before = market.venue.snapshot()
    with pytest.raises(CoreError):
        market.venue.order_amended(*amended)
    assert market.venue.snapshot() == before
