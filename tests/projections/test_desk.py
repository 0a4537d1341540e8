"""The desk's read model against the rules' own tables, and cash and days against the core's."""

import pytest

from exchange.domain.desk_commands import ConfirmBlock
from exchange.domain.record import Record, decode_body
from exchange.engine.engine import Engine
from exchange.projections import Projections
from exchange.projections import desk as desk_projection
from exchange.projections.desk_views import desk_view, public_trades_view
from tests.properties.conservation import FUNCTIONS
from tests.properties.test_desk import run
from tests.rules.desk import alleged, desk_market, pass_time, registered
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market


def folded(market: Market) -> Projections:
    """Every record of the market, folded, each at its own time."""
    engine, projections = Engine(), Projections()
    for seq, body in enumerate(market.records, start=1):
        engine.apply(body)
        projections.apply(Record(seq, engine.state.market_ns, *decode_body(body)))
    return projections


@pytest.fixture(scope="module", params=range(4))
def dealt(request):
    """A random market after a day or two at the desk, and its read models."""
    market = run(request.param)
    return market, folded(market)


def test_cash_and_days_are_those_of_the_core(dealt):
    market, projections = dealt
    for account_id in (0, *market.state.participants):
        balance = projections.balances.of(account_id)
        found = (balance.available_amount, balance.held_amount)
        assert found == market.core.balances(account_id), account_id
        for position in projections.positions.of(account_id):
            for name in FUNCTIONS:
                steps = [(r.start_day, r.end_day, r.qty) for r in getattr(position, name)]
                assert steps == market.core.day_function(account_id, 1, name), (account_id, name)
    assert projections.balances.total_amount() == projections.balances.deposited_amount


def test_everything_on_the_table_stands_as_the_rules_have_it(dealt):
    market, projections = dealt
    state, desk = market.state, projections.desk
    for request_id, request in state.quote_requests.items():
        assert desk.requests[request_id].status is request.status
    shown = {q.submitted.quote_id: q for r in desk.requests.values() for q in r.quotes}
    for quote_id, quote in state.quotes.items():
        assert shown[quote_id].status is quote.status
    for block_id, block in state.blocks.items():
        known = desk.blocks[block_id]
        assert (known.status, known.is_waived) == (block.status, block.is_waived)
        assert bool(known.parts) is block.is_allocated
    for trade_id, trade in state.desk_trades.items():
        known = desk.trades[trade_id]
        assert (known.trade_price, known.is_busted) == (trade.trade_price, trade.is_busted)
        assert (known.published_seq > 0) is trade.is_published
    for correction_id, correction in state.corrections.items():
        assert desk.corrections[correction_id].status is correction.status


def test_a_checkpoint_brings_the_desk_back(dealt):
    _, projections = dealt
    again = Projections.restore(projections.checkpoint())
    assert again.digests() == projections.digests()
    for account_id in (SUPPLIER, TRADER, 1):
        assert desk_view(account_id, again) == desk_view(account_id, projections)


def test_nobody_is_shown_what_is_not_its_own(dealt):
    market, projections = dealt
    for account_id in market.state.participants:
        view = desk_view(account_id, projections)
        if account_id in (1, 2, 7):
            assert len(view.blocks) == len(projections.desk.blocks)
            continue
        for request in view.quote_requests:
            is_askers = request.account_id == account_id
            assert is_askers or {quote.account_id for quote in request.quotes} <= {account_id}
            assert is_askers or request.dealer_account_ids == []
        for block in view.blocks:
            assert account_id in (block.account_id, block.counterparty_account_id)
        for trade in view.desk_trades:
            assert account_id in (trade.buyer_account_id, trade.seller_account_id)
    assert desk_view(BANK, projections).quote_requests == []


def test_the_public_sees_published_trades_and_no_more_of_them_than_is_displayed():
    market = desk_market()
    registered(market, block_qty=800, block_price=10_000)
    assert public_trades_view(folded(market)).desk_trades == []
    pass_time(market, 15 * 60 * 10**9)
    [trade] = public_trades_view(folded(market)).desk_trades
    assert (trade.displayed_qty, trade.is_capped) == (416, True)


def test_only_what_is_over_makes_room(monkeypatch):
    monkeypatch.setattr(desk_projection, "KEPT_COUNT", 1)
    market = desk_market()
    first, second = alleged(market, block_qty=450), alleged(market, block_qty=450)
    assert set(folded(market).desk.blocks) == {first, second}
    market.do(OTHER, ConfirmBlock(block_id=first))
    third = alleged(market, OTHER, counterparty_account_id=SUPPLIER, block_qty=420)
    assert set(folded(market).desk.blocks) == {second, third}
