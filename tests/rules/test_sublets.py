"""Sublets in the market: what their book does to positions, trust and the rules' memory."""

import pytest

from exchange.domain.commands import AcceptPledge, PlaceOrder, RequestPledge
from exchange.domain.enums import Side, TradingMode, Trust
from exchange.domain.events import SubletOpened
from exchange.domain.reasons import Reason
from exchange.domain.windows import parse_window
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market

JUNE = parse_window("M2706")


@pytest.fixture
def market():
    """The trader owns ten of June, and their use can be traded."""
    market = Market()
    market.grant("Y27", 100)
    june = market.list_window("M2706")
    market.list_window("M2706", mode=TradingMode.SUBLET)
    market.order(SUPPLIER, june, Side.SELL, 10, 1000)
    market.order(TRADER, june, Side.BUY, 10, 1000)
    yield market
    market.assert_replays()


def test_the_use_of_a_window_is_an_instrument_of_its_own(market):
    assert market.state.instruments[2].symbol == "A100-80-SXM.SG1:M2706.SUB"
    assert market.state.instruments[2].mode is TradingMode.SUBLET


def test_a_trade_of_use_opens_a_sublet_and_tells_no_mark(market):
    market.order(TRADER, 2, Side.SELL, 4, 1200)
    market.order(OTHER, 2, Side.BUY, 4, 1200)
    sublet = SubletOpened(2, 1, TRADER, OTHER, JUNE.start_day, JUNE.end_day, 4, 1200)
    assert market.events[-1] == sublet
    assert market.state.sublets == {2: sublet}
    assert market.core.trust_amount(Trust.RENT) == 4 * 720 * 1200
    nodes = market.state.market_data.nodes.values()
    assert [node.trades.trades_count for node in nodes] == [1]


def test_pledged_days_are_not_let_while_no_price_says_what_is_fair(market):
    request = RequestPledge(
        product_id=1,
        start_day=JUNE.start_day,
        end_day=JUNE.end_day,
        pledged_qty=10,
        bank_account_id=BANK,
    )
    market.do(TRADER, request)
    market.do(BANK, AcceptPledge(pledge_id=1))
    offer = PlaceOrder(instrument_id=2, side=Side.SELL, order_qty=1, limit_price=1)
    refused = market.refused(TRADER, offer)
    assert (refused.reason, refused.limit, refused.day) == (Reason.RENT, 0, JUNE.start_day)
