"""The order of a liquidation: near days first, then the nearest, most traded month."""

import pytest

from exchange.domain.commands import DefineProduct
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import ProductKind, Role, Side, TradingMode
from exchange.domain.lending_commands import WithdrawLot
from exchange.domain.lending_events import LotEnded
from exchange.domain.letting import AcceptSublet, OpenSublet
from exchange.domain.reasons import Reason
from exchange.domain.windows import parse_window, start_ns
from tests.rules.lending import YUAN, offer
from tests.rules.liquidations import FIRST, PRICE, LiquidationMarket, lot
from tests.rules.markets import HOUR_NS, assert_refused, cross, events_of, span
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER

MONTHS = ("M2703", "M2701", "M2702")
"""Of the pledges, in the order of their ids."""


class ThreeMonths(LiquidationMarket):
    """A loan in liquidation on a hundred GPUs of each of three months."""

    def __init__(self) -> None:
        super().__init__(is_drawn=False)
        self.drawn(95_000_000, collateral=[offer(code) for code in MONTHS])
        self.enforce(2 * YUAN)

    def month(self, pledge_id: int, **fields: object) -> object:
        """The whole of a pledge's month, for an hour."""
        window = parse_window(MONTHS[pledge_id - 1])
        days = {"start_day": window.start_day, "end_day": window.end_day, **fields}
        return lot(self, pledge_id=pledge_id, **days)


@pytest.fixture
def market():
    """Nothing is offered yet, and no day has begun."""
    market = ThreeMonths()
    yield market
    market.assert_replays()


def assert_comes_first(market, pledge_id, first_id):
    """A pledge's title is refused, because another one comes before it."""
    first_day = parse_window(MONTHS[first_id - 1]).start_day
    command = market.month(pledge_id)
    assert_refused(market, BANK, command, Reason.LOT_ORDER, pledge_id, first_id, first_day)


def unsold_at_its_reserve(market, pledge_id=2):
    """A GPU of a pledge comes down to its reserve and finds no buyer."""
    least = market.refused(BANK, market.month(pledge_id, floor_price=1, step_price=799)).limit
    price = {"start_price": least, "floor_price": least}
    market.do(BANK, market.month(pledge_id, lot_qty=1, **price))
    cross(market, market.state.market_ns + HOUR_NS)


# -- months ----------------------------------------------------------------------------------------


def test_the_nearest_month_is_offered_first_and_the_refusal_names_it(market):
    assert_comes_first(market, 1, 2)
    assert_comes_first(market, 3, 2)
    for pledge_id in (2, 3, 1):
        market.do(BANK, market.month(pledge_id))


def test_a_month_has_its_turn_when_all_of_it_stands_on_offer(market):
    market.do(BANK, market.month(2, lot_qty=99))
    assert_comes_first(market, 3, 2)
    market.do(BANK, market.month(2, lot_qty=1))
    market.do(BANK, market.month(3))


def test_the_next_month_follows_when_the_nearest_is_sold(market):
    market.bought(market.do(BANK, market.month(2)).seq)
    assert_comes_first(market, 1, 3)
    market.do(BANK, market.month(3))


def test_an_auction_that_found_no_buyer_was_the_months_turn(market):
    market.do(BANK, market.month(2, lot_qty=1))
    cross(market, market.state.market_ns + HOUR_NS)
    assert_comes_first(market, 3, 2)
    unsold_at_its_reserve(market)
    assert len(events_of(market, LotEnded)) == 2
    market.do(BANK, market.month(3))


def test_a_lot_that_was_taken_off_or_a_block_to_one_buyer_was_no_turn(market):
    market.do(BANK, market.month(2))
    market.do(BANK, WithdrawLot(lot_id=market.state.seq))
    assert_comes_first(market, 3, 2)
    market.do(BANK, market.month(2, buyer_account_id=OTHER))
    cross(market, market.state.market_ns + HOUR_NS)
    assert_comes_first(market, 3, 2)


def test_what_is_left_of_a_month_comes_first_again_once_some_of_it_is_sold(market):
    unsold_at_its_reserve(market)
    market.bought(market.do(BANK, market.month(2, lot_qty=1)).seq)
    assert_comes_first(market, 3, 2)


def test_months_that_have_begun_count_from_tomorrow(market):
    """In February what is left of it comes before March; of January nothing is left."""
    cross(market, start_ns(parse_window("M2702").start_day))
    rest = FIRST + 32
    late = market.month(1, start_day=parse_window("M2703").start_day)
    assert_refused(market, BANK, late, Reason.LOT_ORDER, 1, 3, rest)


class TwoProducts(LiquidationMarket):
    """The same month of two products, of which one is hardly traded."""

    def __init__(self) -> None:
        super().__init__(is_drawn=False)
        self.rival = self.admit("rival", Role.SUPPLIER)
        self.do(
            1,
            DefineProduct(
                code="A100.HK",
                kind=ProductKind.GPU_TIME,
                gpu_class="A100-80-SXM",
                region="HK",
                supplier_account_id=self.rival,
                lot_qty=1,
            ),
        )
        self.grant("M2701", 1_000, product_id=2)
        rare = self.list_window("M2701", product_id=2)
        self.deposit(self.rival, 10**9)
        self.order(self.rival, rare, Side.SELL, 100, 100)
        self.order(TRADER, rare, Side.BUY, 100, 100)
        january = span("M2701")
        self.drawn(
            collateral=[offer("M2701", product_id=1), offer("M2701", product_id=2)],
            maturity_day=january["end_day"] - 1,
        )
        self.enforce(2 * YUAN)
        self.traded = lot(self, pledge_id=1, **january)
        self.rare = lot(self, pledge_id=2, **january)


def test_of_one_month_what_is_traded_most_is_offered_first():
    market = TwoProducts()
    assert_refused(market, BANK, market.rare, Reason.LOT_ORDER, 2, 1, FIRST)
    market.do(BANK, market.traded)
    market.do(BANK, market.rare)
    market.assert_replays()


def test_what_nobody_may_buy_any_more_is_not_waited_for():
    market = TwoProducts()
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    assert_refused(market, BANK, market.rare, Reason.LOT_ORDER, 2, 1, FIRST)
    market.do(2, TerminateSupplier(supplier_account_id=SUPPLIER))
    market.do(BANK, market.rare)
    market.assert_replays()


# -- near days -------------------------------------------------------------------------------------


@pytest.fixture
def near():
    """A quarter whose first days are near."""
    market = LiquidationMarket()
    cross(market, start_ns(FIRST - 1))
    yield market
    market.assert_replays()


def sublet(market, start_day=FIRST, end_day=FIRST + 7, **fields):
    """The use of near days."""
    days = {"start_day": start_day, "end_day": end_day}
    return lot(market, mode=TradingMode.SUBLET, **days, **fields)


def test_days_before_a_title_lot_are_on_offer_as_sublets_first(near):
    rest = lot(near, start_day=FIRST + 7)
    assert_refused(near, BANK, rest, Reason.LOT_ORDER, 1, 1, FIRST)
    near.do(BANK, sublet(near, end_day=FIRST + 6))
    assert_refused(near, BANK, rest, Reason.LOT_ORDER, 1, 1, FIRST + 6)
    near.do(BANK, sublet(near, start_day=FIRST + 6))
    near.do(BANK, rest)


def test_as_many_gpus_are_let_as_are_sold_from_later_days_on(near):
    near.do(BANK, sublet(near, lot_qty=40))
    more = lot(near, start_day=FIRST + 7, lot_qty=41)
    assert_refused(near, BANK, more, Reason.LOT_ORDER, 1, 1, FIRST)
    near.do(BANK, lot(near, start_day=FIRST + 7, lot_qty=30))
    again = lot(near, start_day=FIRST + 7, lot_qty=11)
    assert_refused(near, BANK, again, Reason.LOT_ORDER, 1, 1, FIRST)
    near.do(BANK, lot(near, start_day=FIRST + 7, lot_qty=10))


def test_days_that_are_let_or_whose_later_days_are_sold_count_as_well(near):
    near.bought(near.do(BANK, sublet(near, lot_qty=40)).seq)
    near.bought(near.do(BANK, lot(near, start_day=FIRST + 7, lot_qty=30)).seq, PRICE)
    again = lot(near, start_day=FIRST + 7, lot_qty=11)
    assert_refused(near, BANK, again, Reason.LOT_ORDER, 1, 1, FIRST)
    near.do(BANK, lot(near, start_day=FIRST + 7, lot_qty=10))


def test_what_begins_tomorrow_leaves_no_day_to_melt(near):
    near.do(BANK, lot(near))


def test_days_that_the_owner_has_let_itself_are_not_waited_for(near):
    near.do(
        TRADER,
        OpenSublet(
            product_id=1,
            lessee_account_id=OTHER,
            start_day=FIRST,
            end_day=FIRST + 7,
            sublet_qty=1_000,
            rent_price=900,
        ),
    )
    near.do(OTHER, AcceptSublet(offer_id=near.state.seq))
    near.do(BANK, lot(near, start_day=FIRST + 7))
