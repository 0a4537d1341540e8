"""
Exclusive orders: a fill of one takes as much from all that are linked to it.

January has 31 days, 744 hours; February 28; the first quarter 90 days, 2 160 hours. Accounts 3 to 5
own what they own by a purchase of the quarter from the supplier, account 1.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.domain.enums import CancelReason
from exchange.domain.events import OrderAccepted, OrderAmended, OrderCancelled, TradeExecuted
from exchange.domain.reasons import Reason
from matching_core.venue import CoreError, Venue
from tests.core.venues import BASE_DAY, BUY, GTC, IOC, SELL, Market, decode, new_venue, prefixes
from tests.reference_sessions import PRE_OPEN
from tests.reference_state import CONTINUOUS

JANUARY, FEBRUARY, MARCH, QUARTER, USE = 1, 2, 3, 4, 5
WINDOWS = {JANUARY: (0, 31), FEBRUARY: (31, 59), MARCH: (59, 90), QUARTER: (0, 90)}
OWNER, OTHER = 3, 4
JANUARY_HOURS = 744
RICH = 10**13


class Quarter:
    """A venue with the first quarter and its months; orders are numbered as they come."""

    def __init__(self, maker_bps: int = 0, taker_bps: int = 0) -> None:
        self.venue = new_venue()
        for account_id in range(1, 7):
            self.venue.add_account(account_id)
            self.venue.deposit(account_id, RICH)
        self.venue.add_product(1, 1, 1, maker_bps, taker_bps)
        for instrument_id, (start, end) in WINDOWS.items():
            days = (BASE_DAY + start, BASE_DAY + end)
            self.venue.add_instrument(instrument_id, 1, *days, True)
        self.venue.add_instrument(USE, 1, BASE_DAY, BASE_DAY + 31, True, 2**63 - 1, True)
        self.venue.add_product(2, 2, 1, 0, 0)
        self.venue.add_instrument(9, 2, BASE_DAY, BASE_DAY + 31, True)
        self.venue.grant(1, 1, BASE_DAY, BASE_DAY + 90, 1_000)
        self.venue.grant(2, 2, BASE_DAY, BASE_DAY + 90, 1_000)
        self.last_order_id = 0

    def place(self, account_id, instrument_id, side, qty, price, link_id=0, in_force=GTC):
        """An order with the next id; its answer."""
        self.last_order_id += 1
        terms = (qty, price, in_force, 0, 0, 0, 1, 0, link_id)
        return self.venue.place(self.last_order_id, account_id, 1, 1, instrument_id, side, *terms)

    def own(self, account_id, qty):
        """Lets an account buy the quarter from the supplier."""
        assert self.place(1, QUARTER, SELL, qty, 1) == 0
        assert self.place(account_id, QUARTER, BUY, qty, 1) == 0
        self.events()

    def events(self):
        """What the commands since the last call did; the state is sound."""
        self.venue.check()
        self.venue.take_trades()
        return decode(self.venue.take_events())

    def leaves(self, order_id):
        """What is left of an open order, 0 of one that has ended."""
        order = self.venue.order(order_id)
        return 0 if order is None else order[10]

    def reserved(self, account_id):
        """What open sells reserve, as (first day of the year, day after the last, GPUs)."""
        runs = self.venue.day_function(account_id, 1, "reserved_sale")
        return [(start - BASE_DAY, end - BASE_DAY, qty) for start, end, qty in runs]


@pytest.fixture
def quarter() -> Quarter:
    """An owner of 100 GPUs over the quarter."""
    quarter = Quarter()
    quarter.own(OWNER, 100)
    return quarter


# -- title ----------------------------------------------------------------------------------------


def test_an_owner_of_100_offers_them_as_january_and_as_the_quarter(quarter):
    assert quarter.place(OWNER, JANUARY, SELL, 100, 500) == 0
    assert quarter.place(OWNER, QUARTER, SELL, 100, 400) == Reason.TITLE
    assert quarter.venue.refusal == (100, 0, BASE_DAY)
    quarter.venue.cancel(3, OWNER)
    assert quarter.place(OWNER, JANUARY, SELL, 100, 500, link_id=7) == 0
    assert quarter.place(OWNER, QUARTER, SELL, 100, 400, link_id=7) == 0
    assert quarter.reserved(OWNER) == [(0, 90, 100)]
    quarter.events()

    assert quarter.place(OTHER, JANUARY, BUY, 40, 500) == 0
    accepted, amended, trade = quarter.events()
    assert isinstance(accepted, OrderAccepted)
    assert amended == OrderAmended(6, OWNER, QUARTER, 60, 400, 60, 0, 0)
    assert isinstance(trade, TradeExecuted)
    assert (trade.last_qty, trade.maker_leaves_qty) == (40, 60)
    assert (quarter.leaves(5), quarter.leaves(6)) == (60, 60)
    assert quarter.reserved(OWNER) == [(0, 90, 60)]
    free = [
        quarter.venue.sellable(OWNER, 1, BASE_DAY + s, BASE_DAY + e) for s, e in [(0, 31), (31, 90)]
    ]
    assert free == [(0, BASE_DAY), (40, BASE_DAY + 31)]

    assert quarter.place(OTHER, QUARTER, BUY, 60, 400) == 0
    _, cancelled, trade = quarter.events()
    assert cancelled == OrderCancelled(5, OWNER, JANUARY, SELL, 60, 0, CancelReason.LINKED_FILLED)
    assert trade.last_qty == 60
    assert quarter.reserved(OWNER) == []
    assert not quarter.venue.has_links


def test_the_free_days_of_a_linked_sale_count_what_its_group_reserves(quarter):
    assert quarter.place(OWNER, FEBRUARY, SELL, 30, 500, link_id=7) == 0
    assert quarter.place(OWNER, MARCH, SELL, 50, 500) == 0
    # January has 100, February 100 with its 30, March 50.
    assert quarter.place(OWNER, QUARTER, SELL, 51, 400, link_id=7) == Reason.TITLE
    assert quarter.venue.refusal == (51, 50, BASE_DAY + 59)
    assert quarter.place(OWNER, QUARTER, SELL, 50, 400, link_id=7) == 0
    assert quarter.reserved(OWNER) == [(0, 59, 50), (59, 90, 100)]
    assert quarter.venue.amend(3, OWNER, 100, -1) == 0
    assert quarter.reserved(OWNER) == [(0, 31, 50), (31, 90, 100)]
    assert quarter.venue.amend(3, OWNER, 101, -1) == Reason.TITLE
    assert quarter.venue.refusal == (101, 100, BASE_DAY + 31)
    quarter.events()


def test_a_sibling_that_gives_way_keeps_its_place(quarter):
    quarter.own(5, 100)
    assert quarter.place(OWNER, JANUARY, SELL, 100, 500, link_id=7) == 0
    assert quarter.place(OWNER, QUARTER, SELL, 100, 400, link_id=7) == 0
    assert quarter.place(5, QUARTER, SELL, 10, 400) == 0
    assert quarter.place(OTHER, JANUARY, BUY, 99, 500) == 0
    assert quarter.venue.levels(QUARTER, SELL, 9) == [(400, 11, 2)]
    assert quarter.venue.queue(QUARTER, SELL, 400) == [6, 7]


# -- cash -----------------------------------------------------------------------------------------


def test_linked_bids_hold_what_the_worst_sequence_of_fills_costs(quarter):
    """5 GPUs of January at 10.00 and 10 at 6.00 an hour, the latter as February and March too."""
    assert quarter.place(OTHER, JANUARY, BUY, 5, 1_000, link_id=1) == 0
    dear = 1_000 * JANUARY_HOURS
    assert quarter.venue.balances(OTHER)[1] == 5 * dear
    assert quarter.place(OTHER, MARCH, BUY, 10, 600, link_id=1) == 0
    cheap = 600 * JANUARY_HOURS
    assert quarter.venue.balances(OTHER)[1] == 5 * dear + 5 * cheap
    accepted = [e for e in quarter.events() if isinstance(e, OrderAccepted)]
    assert [e.held_amount for e in accepted] == [5 * dear, 5 * cheap]

    # 3 at a better price: all of the sibling's rest is smaller by 3.
    assert quarter.place(OWNER, MARCH, SELL, 3, 500, in_force=IOC) == 0
    _, amended, trade = quarter.events()
    assert amended == OrderAmended(3, OTHER, JANUARY, 2, 1_000, 2, -3 * dear + 3 * cheap, 0)
    assert trade.maker_released_amount == 3 * cheap
    assert quarter.venue.balances(OTHER)[1] == 2 * dear + 5 * cheap

    assert quarter.place(OWNER, JANUARY, SELL, 2, 1_000, in_force=IOC) == 0
    assert (quarter.leaves(3), quarter.leaves(4)) == (0, 5)
    assert quarter.venue.balances(OTHER)[1] == 5 * cheap
    assert quarter.place(OWNER, MARCH, SELL, 5, 600, in_force=IOC) == 0
    assert quarter.venue.balances(OTHER) == (RICH - 8 * cheap - 2 * dear, 0)


def test_what_siblings_release_pays_for_the_trade(quarter):
    """A cheap fill under a dear and larger sibling releases nothing by itself."""
    assert quarter.place(OTHER, JANUARY, BUY, 5, 600, link_id=1) == 0
    assert quarter.place(OTHER, MARCH, BUY, 20, 1_000, link_id=1) == 0
    available_amount, held_amount = quarter.venue.balances(OTHER)
    assert held_amount == 20 * 1_000 * JANUARY_HOURS
    quarter.venue.withdraw(OTHER, available_amount)
    quarter.events()
    assert quarter.place(OWNER, JANUARY, SELL, 5, 600) == 0
    _, amended, trade = quarter.events()
    assert amended.held_delta_amount == -5 * 1_000 * JANUARY_HOURS
    assert trade.maker_released_amount == 0
    assert quarter.venue.balances(OTHER) == (5 * 400 * JANUARY_HOURS, 15 * 1_000 * JANUARY_HOURS)


def test_linked_orders_are_short_of_cash_as_a_group(quarter):
    assert quarter.place(OTHER, JANUARY, BUY, 5, 600, link_id=1) == 0
    available_amount, held_amount = quarter.venue.balances(OTHER)
    quarter.venue.withdraw(OTHER, available_amount - 1)
    assert quarter.place(OTHER, MARCH, BUY, 5, 601, link_id=1) == Reason.CASH
    needed_amount = 5 * 601 * JANUARY_HOURS
    assert quarter.venue.refusal == (needed_amount, held_amount + 1, 0)
    assert quarter.place(OTHER, MARCH, BUY, 5, 600, link_id=1) == 0
    assert quarter.venue.balances(OTHER) == (1, held_amount)
    assert quarter.venue.amend(5, OTHER, -1, 599) == 0
    assert quarter.venue.balances(OTHER) == (1, held_amount)
    assert quarter.venue.amend(3, OTHER, 4, -1) == 0
    assert quarter.venue.balances(OTHER) == (
        1 + JANUARY_HOURS,
        4 * 600 * JANUARY_HOURS + 599 * JANUARY_HOURS,
    )


bids = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 40)), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(
    bids,
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(0, 3)), max_size=25),
    st.sampled_from([(0, 0), (3, 7), (25, 10), (9_999, 1), (0, 333)]),
)
def test_no_sequence_of_fills_costs_more_than_a_group_holds(terms, fills, rates):
    """A buyer who has nothing but what its group holds never owes more, whatever trades."""
    quarter = Quarter(*rates)
    quarter.own(OWNER, 100)
    first_id = quarter.last_order_id + 1
    for offset, (qty, price) in enumerate(terms):
        assert quarter.place(OTHER, JANUARY + offset, BUY, qty, price, link_id=1) == 0
    quarter.venue.withdraw(OTHER, quarter.venue.balances(OTHER)[0])
    for pick, qty, better in fills:
        order = quarter.venue.order(first_id + pick % len(terms))
        if order is None:
            continue
        price = max(1, order[7] - better)
        if better == 3:
            assert quarter.venue.amend(order[0], OTHER, -1, price) in (0, Reason.EMPTY)
        assert quarter.place(OWNER, order[4], SELL, min(qty, order[10]), price) == 0
        quarter.events()
    quarter.venue.mass_cancel(OTHER, 0, 0, 9)
    assert quarter.venue.balances(OTHER)[1] == 0


@settings(max_examples=200, deadline=None)
@given(bids, st.sampled_from([(3, 7), (25, 25), (0, 333)]))
def test_a_group_holds_no_more_than_the_dearest_fills_cost_and_their_roundings(terms, rates):
    quarter = Quarter(max(rates), max(rates))
    quarter.own(OWNER, 100)
    first_id = quarter.last_order_id + 1
    for offset, (qty, price) in enumerate(terms):
        assert quarter.place(OTHER, JANUARY + offset, BUY, qty, price, link_id=1) == 0
    quarter.venue.withdraw(OTHER, quarter.venue.balances(OTHER)[0])
    while True:
        orders = [quarter.venue.order(first_id + offset) for offset in range(len(terms))]
        left = [order for order in orders if order is not None]
        if not left:
            break
        dearest = max(left, key=lambda order: order[7] * hours_of(order[4]))
        assert quarter.place(OWNER, dearest[4], SELL, 1, dearest[7]) == 0
    available_amount, held_amount = quarter.venue.balances(OTHER)
    assert held_amount == 0
    assert available_amount < len(terms)


def hours_of(instrument_id):
    """Of a window, for one GPU."""
    start, end = WINDOWS[instrument_id]
    return 24 * (end - start)


def test_an_order_that_is_linked_to_none_holds_what_it_would_alone():
    alone, linked = Quarter(3, 7), Quarter(3, 7)
    for each, link_id in ((alone, 0), (linked, 5)):
        each.own(OWNER, 100)
        assert each.place(OTHER, JANUARY, BUY, 9, 1, link_id=link_id) == 0
        for qty in (1, 2, 1):
            assert each.place(OWNER, JANUARY, SELL, qty, 1) == 0
    assert [e.venue.balances(OTHER) for e in (alone, linked)] == [alone.venue.balances(OTHER)] * 2


# -- auctions, halts, ends ------------------------------------------------------------------------


def test_a_fill_in_an_auction_takes_from_a_book_that_is_halted_and_one_that_collects(quarter):
    quarter.venue.set_session(PRE_OPEN)
    for instrument_id, price in ((JANUARY, 500), (FEBRUARY, 450), (QUARTER, 400)):
        assert quarter.place(OWNER, instrument_id, SELL, 100, price, link_id=7) == 0
    assert quarter.place(OTHER, JANUARY, BUY, 30, 510) == 0
    assert quarter.place(OTHER, QUARTER, BUY, 80, 410) == 0
    quarter.venue.halt(FEBRUARY)
    quarter.venue.set_session(CONTINUOUS)
    quarter.events()
    assert quarter.venue.uncross(100) == 2
    kinds = [(type(event).__name__, getattr(event, "order_id", 0)) for event in quarter.events()]
    assert kinds == [
        ("AuctionUncrossed", 0),
        ("OrderAmended", 4),
        ("OrderAmended", 5),
        ("TradeExecuted", 0),
        ("AuctionUncrossed", 0),
        ("OrderCancelled", 3),
        ("OrderCancelled", 4),
        ("TradeExecuted", 0),
    ]
    # The quarter had 70 left, all of which traded.
    assert (quarter.leaves(5), quarter.leaves(7)) == (0, 10)
    assert quarter.venue.sellable(OWNER, 1, BASE_DAY + 31, BASE_DAY + 90)[0] == 30


def test_a_crossed_book_that_a_sibling_leaves_uncrosses_without_it(quarter):
    """January uncrosses first and ends the quarter's offer: nothing is left there to uncross."""
    quarter.venue.set_session(PRE_OPEN)
    assert quarter.place(OWNER, JANUARY, SELL, 100, 500, link_id=7) == 0
    assert quarter.place(OWNER, QUARTER, SELL, 100, 400, link_id=7) == 0
    assert quarter.place(OTHER, JANUARY, BUY, 100, 500) == 0
    assert quarter.place(OTHER, QUARTER, BUY, 100, 400) == 0
    quarter.venue.set_session(CONTINUOUS)
    assert quarter.venue.uncross(100) == 1
    assert not quarter.venue.is_uncrossing
    assert (quarter.leaves(4), quarter.leaves(6)) == (0, 100)


def test_a_cancelled_order_leaves_its_siblings_as_they_are(quarter):
    assert quarter.place(OWNER, JANUARY, SELL, 100, 500, link_id=7) == 0
    assert quarter.place(OWNER, QUARTER, SELL, 60, 400, link_id=7) == 0
    assert quarter.venue.cancel(3, OWNER) == 0
    assert quarter.leaves(4) == 60
    assert quarter.reserved(OWNER) == [(0, 90, 60)]


def test_an_id_is_free_again_when_the_last_order_has_ended(quarter):
    assert quarter.place(OWNER, JANUARY, SELL, 100, 500, link_id=7) == 0
    assert quarter.venue.cancel(3, OWNER) == 0
    assert quarter.place(OWNER, JANUARY, BUY, 5, 500, link_id=7) == 0
    assert quarter.place(OTHER, JANUARY, BUY, 5, 400, link_id=7) == 0
    assert quarter.place(OWNER, USE, BUY, 5, 500, link_id=8) == 0
    quarter.events()


# -- what goes with what --------------------------------------------------------------------------


def test_linked_orders_are_of_one_product_and_mode(quarter):
    assert quarter.place(OTHER, JANUARY, BUY, 5, 500, link_id=7) == 0
    assert quarter.place(OTHER, 9, BUY, 5, 500, link_id=7) == Reason.LINK_PRODUCT
    assert quarter.venue.refusal == (9, JANUARY, 0)
    assert quarter.place(OTHER, USE, BUY, 5, 500, link_id=7) == Reason.LINK_PRODUCT
    assert quarter.venue.refusal == (USE, JANUARY, 0)


def test_linked_orders_are_of_one_side(quarter):
    assert quarter.place(OTHER, JANUARY, BUY, 5, 500, link_id=7) == 0
    assert quarter.place(OTHER, QUARTER, SELL, 5, 500, link_id=7) == Reason.LINK_SIDE
    assert quarter.venue.refusal == (SELL, BUY, 0)


def test_linked_orders_are_of_one_instrument_each(quarter):
    assert quarter.place(OTHER, JANUARY, BUY, 5, 500, link_id=7) == 0
    assert quarter.place(OTHER, JANUARY, BUY, 5, 400, link_id=7) == Reason.LINK_INSTRUMENT
    assert quarter.venue.refusal == (JANUARY, 3, 0)


def test_eight_orders_are_linked_and_no_ninth(quarter):
    for number in range(11, 20):
        days = (BASE_DAY + number, BASE_DAY + number + 1)
        quarter.venue.add_instrument(number, 1, *days, True)
    for number in range(11, 19):
        assert quarter.place(OTHER, number, BUY, 5, 500, link_id=7) == 0
    assert quarter.place(OTHER, 19, BUY, 5, 500, link_id=7) == Reason.LINK_COUNT
    assert quarter.venue.refusal == (9, 8, 0)
    quarter.events()


@pytest.mark.parametrize("link_id", [-1, 2**53])
def test_a_link_id_survives_a_browser(quarter, link_id):
    with pytest.raises(CoreError, match="link id"):
        quarter.place(OTHER, JANUARY, BUY, 5, 500, link_id=link_id)
    terms = (1, 1, JANUARY, BUY, 5, 500, GTC, 0, 5 * 500 * JANUARY_HOURS, 0, 1, 0, link_id)
    with pytest.raises(CoreError, match="link id"):
        quarter.venue.order_accepted(99, OTHER, *terms)


# -- the past -------------------------------------------------------------------------------------


def test_a_snapshot_keeps_groups(quarter):
    """They come back by their books, of which the last holds the oldest order."""
    assert quarter.place(OWNER, QUARTER, SELL, 100, 400, link_id=7) == 0
    assert quarter.place(OWNER, JANUARY, SELL, 100, 500, link_id=7) == 0
    assert quarter.place(OWNER, FEBRUARY, SELL, 20, 500, link_id=7) == 0
    before = quarter.venue
    quarter.venue = Venue.restore(before.snapshot(), prefixes())
    assert quarter.venue.state_hash() == before.state_hash()
    before.take_events()
    for venue in (before, quarter.venue):
        quarter.venue = venue
        quarter.last_order_id = 5
        assert quarter.place(OTHER, JANUARY, BUY, 40, 500) == 0
    assert quarter.venue.take_events() == before.take_events()
    assert quarter.venue.state_hash() == before.state_hash()
    assert quarter.leaves(3) == 60


def accepted_event(instrument_id, qty, price, held_amount, side=BUY):
    """The fields of an `OrderAccepted` of the other account under link 7."""
    terms = (1, 1, instrument_id, side, qty, price, GTC, 0, held_amount, 0, 1, 0, 7)
    return (50 + instrument_id, OTHER, *terms)


def test_an_event_states_what_its_group_holds_more(quarter):
    venue = quarter.venue
    venue.order_accepted(*accepted_event(JANUARY, 5, 500, 5 * 500 * JANUARY_HOURS))
    with pytest.raises(CoreError, match="holds what its rest needs"):
        venue.order_accepted(*accepted_event(MARCH, 5, 500, 5 * 500 * JANUARY_HOURS))
    with pytest.raises(CoreError, match="alike"):
        venue.order_accepted(*accepted_event(QUARTER, 5, 500, 0, SELL))
    venue.order_accepted(*accepted_event(MARCH, 5, 500, 0))
    venue.order_rested(51, JANUARY, BUY, 500, 5)
    venue.order_rested(53, MARCH, BUY, 500, 5)
    venue.check()
    with pytest.raises(CoreError, match="releases all"):
        venue.order_cancelled(51, OTHER, JANUARY, BUY, 5, 5 * 500 * JANUARY_HOURS, 1)
    venue.order_cancelled(51, OTHER, JANUARY, BUY, 5, 0, 1)
    venue.order_cancelled(53, OTHER, MARCH, BUY, 5, 5 * 500 * JANUARY_HOURS, 1)
    venue.check()


def test_orders_that_end_in_one_record_release_in_turn(quarter):
    assert quarter.place(OTHER, JANUARY, BUY, 5, 500, link_id=7) == 0
    assert quarter.place(OTHER, MARCH, BUY, 5, 400, link_id=7) == 0
    dear, cheap = 5 * 500 * JANUARY_HOURS, 5 * 400 * JANUARY_HOURS
    assert quarter.venue.releases([3, 4]) == [dear - cheap, cheap]
    assert quarter.venue.releases([4, 3]) == [0, dear]
    assert quarter.venue.cancellation(4, 5)[5] == 0
    with pytest.raises(CoreError, match="open until then"):
        quarter.venue.releases([3, 3])


def test_orders_without_a_link_are_in_no_group():
    market = Market()
    assert market.buy(3, 5, 100) == 0
    assert not market.venue.has_links
    assert market.venue.order(1)[-1] == 0
