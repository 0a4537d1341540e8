"""The reserve of a lot: where its price stops falling, and what follows when nobody buys."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import PublishRiskParameters
from exchange.domain.enums import LotEnd, PledgeStatus, TradingMode
from exchange.domain.lending_commands import WithdrawLot
from exchange.domain.lending_events import LotEnded
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY, PPM_WHOLE
from exchange.domain.windows import start_ns
from tests.rules.liquidations import FIRST, PRICE, LiquidationMarket, lot
from tests.rules.markets import HOUR_NS, assert_refused, cross, events_of
from tests.scenario import BANK, OTHER

RESERVES = [277, 222]
"""Seventy per cent of a mark of four, less present value; then a fifth less."""


@pytest.fixture
def market():
    """A loan in liquidation at four, before the first day of its collateral."""
    market = LiquidationMarket()
    yield market
    market.assert_replays()


def at(market, price, **fields):
    """All of the pledge at a fixed price."""
    return lot(market, start_price=price, floor_price=price, **fields)


def unsold(market, price, **fields):
    """A lot that stands its hour for nobody."""
    market.do(BANK, at(market, price, **fields))
    cross(market, market.state.market_ns + HOUR_NS)


def share_of_mark(market, share_ppm):
    """A share of the value of a pledged GPU-hour, up to a whole fen."""
    mark = market.state.pledges[1].mark
    return -(-mark.value_amount * share_ppm // (mark.position_hours * PPM_WHOLE))


def assert_reserve(market, price, **fields):
    """The last price that passes, which the lot states, and the first that does not."""
    below = at(market, price - 1, **fields)
    assert_refused(market, BANK, below, Reason.LOT_RESERVE, price - 1, price)
    market.do(BANK, at(market, price, **fields))
    assert market.state.lots[market.state.seq].offered.reserve_price == price
    market.do(BANK, WithdrawLot(lot_id=market.state.seq))


def test_a_floor_is_no_lower_than_a_published_share_of_the_mark(market):
    assert share_of_mark(market, 700_000) == RESERVES[0]
    assert_reserve(market, RESERVES[0])
    falling = lot(market, floor_price=276, step_price=100)
    assert_refused(market, BANK, falling, Reason.LOT_RESERVE, 276, 277)


def test_other_parameters_make_another_reserve(market):
    parameters = market.state.market_data.risk_parameters
    market.do(
        1, PublishRiskParameters(risk_parameters=replace(parameters, lot_reserve_ppm=350_000))
    )
    assert_reserve(market, 139)


def test_a_block_to_a_named_buyer_has_the_same_reserve(market):
    assert_reserve(market, RESERVES[0], buyer_account_id=OTHER)


def test_use_of_pledged_days_is_let_for_half_its_mark_at_least(market):
    cross(market, start_ns(FIRST - 1))
    week = {"mode": TradingMode.SUBLET, "start_day": FIRST, "end_day": FIRST + 7}
    (mark,) = set(market.state.pledges[1].mark.curve_marks_micro)
    assert_reserve(market, -(-mark // 20_000), **week)


def test_an_auction_that_ends_unsold_at_its_reserve_lowers_the_next_one(market):
    for share_ppm in (700_000, 560_000, 448_000):
        reserve = share_of_mark(market, share_ppm)
        assert_reserve(market, reserve)
        unsold(market, reserve)
        cross(market, market.state.market_ns + NS_PER_DAY)
    ends = [event.end for event in events_of(market, LotEnded)]
    assert ends.count(LotEnd.UNSOLD) == 3


def test_it_lowers_the_next_one_once_a_day(market):
    unsold(market, RESERVES[0])
    unsold(market, RESERVES[1])
    assert_reserve(market, RESERVES[1])


@pytest.mark.parametrize(
    "fields",
    [{"price": 278}, {"price": 277, "buyer_account_id": OTHER}],
    ids=["its own floor was higher", "it was a block"],
)
def test_what_was_no_auction_down_to_the_reserve_lowers_nothing(market, fields):
    unsold(market, **fields)
    assert_reserve(market, RESERVES[0])


def test_a_sale_begins_anew_with_what_is_left(market):
    unsold(market, RESERVES[0])
    market.bought(market.do(BANK, at(market, RESERVES[1], lot_qty=1)).seq, RESERVES[1])
    assert_reserve(market, RESERVES[0], lot_qty=99)


def test_a_bank_that_offers_no_more_keeps_its_pledge(market):
    unsold(market, RESERVES[0])
    pledge = market.state.pledges[1]
    assert (pledge.status, pledge.pledged_qty) == (PledgeStatus.ENFORCING, 100)
    assert RESERVES[0] < PRICE
