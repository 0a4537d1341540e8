"""Node marks come out again from an extract's trades without names; another price is named."""

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.pledge_marks import figures_of, priced, sources_of
from exchange.domain.commands import AcceptPledge, PublishRiskParameters
from exchange.domain.enums import Role, Side
from exchange.domain.events import (
    IndexPricePublished,
    MarksPublished,
    NodeMarked,
    NodeObserved,
)
from exchange.domain.lending_events import PledgeMarked
from exchange.extract import ToldRecord, TradeFact, TradeKind, records_in
from exchange.marks_replay import MarkDiffers
from tests.projections.test_collateral_marks import replayed
from tests.rules.lending import YUAN, LendingMarket
from tests.rules.markets import own
from tests.rules.pledge_marks import MarkedMarket
from tests.rules.test_marks import auction
from tests.rules.test_undone_trades import bust, correct, mark, trade
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market
from tests.test_extract_uptime import extract_of


@pytest.fixture(scope="module")
def market() -> MarkedMarket:
    """Months that trade and are quoted; one is pledged, and marked over three days."""
    market = MarkedMarket()
    market.pledge("M2702")
    for _ in range(3):
        market.tomorrow()
        market.cycle()
    return market


def told(market: MarkedMarket | LendingMarket) -> list[ToldRecord]:
    """The bank's extract."""
    return list(records_in(extract_of(market))[1])


def assert_named(records: list[ToldRecord], named: str) -> None:
    """The records are refused with these words."""
    with pytest.raises(MarkDiffers, match=named):
        replayed(records).answer(records[-1].seq, BANK)


def test_every_node_mark_comes_out_again_and_only_quotes_are_stated(market):
    records = told(market)
    replay = replayed(records)
    assert replay.answer(records[-1].seq, BANK).startswith(b"[{")
    marked = sum(isinstance(event, NodeMarked) for record in records for event in record.events)
    assert replay.told.nodes.marks_count == marked > 3
    assert f"{marked} node marks come out of trades" in replay.trusted()
    assert "in 0 of them how much other banks' pledges" in replay.trusted()


def test_node_marks_that_are_doubled_with_the_pledges_that_rest_on_them_are_named(market):
    found = []
    for record in told(market):
        events = []
        for event in record.events:
            if isinstance(event, NodeMarked):
                event = replace(event, mark_micro=2 * event.mark_micro)
            elif isinstance(event, PledgeMarked):
                doubled = [2 * each for each in event.curve_marks_micro]
                figures = replace(figures_of(event), curve_marks_micro=doubled)
                event = priced(figures, sources_of(event), genesis.risk_parameters())
            events.append(event)
        found.append(replace(record, events=events))
    assert_named(found, "NodeMarked of A100-80-SXM SG 2027..: mark_micro is recorded as 16000000")


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        (NodeMarked, "level", lambda level: level + 1),
        (NodeMarked, "raw_micro", lambda price: price + 1),
        (NodeMarked, "adv_hours", lambda hours: hours + 1),
        (NodeMarked, "notes", lambda notes: [*notes, "CLAMP_BID"]),
        (NodeMarked, "observed_day", lambda day: day + 1),
        (NodeObserved, "sigma_ewma_e12", lambda sigma: sigma + 1),
        (NodeObserved, "sigma_sum_e12", lambda sigma: sigma - 1),
        (NodeObserved, "mark_micro", lambda price: price + 1),
        (NodeObserved, "basis_e12", lambda basis: basis + 1),
    ],
)
def test_another_figure_of_a_node_is_named(market, kind, name, change):
    records = told(market)
    at = next(n for n, r in enumerate(records) if any(isinstance(e, kind) for e in r.events))
    events = [
        replace(e, **{name: change(getattr(e, name))}) if isinstance(e, kind) else e
        for e in records[at].events
    ]
    records[at] = replace(records[at], events=events)
    assert_named(records, f"{kind.__name__} of .*: {name} is recorded as")


@pytest.mark.parametrize("kind", [NodeMarked, NodeObserved, MarksPublished])
def test_what_a_cycle_published_and_is_left_out_is_missed(market, kind):
    records = told(market)
    at = next(n for n, r in enumerate(records) if any(isinstance(e, kind) for e in r.events))
    events = [event for event in records[at].events if not isinstance(event, kind)]
    assert_named([*records[:at], replace(records[at], events=events), *records[at + 1 :]], "Node")


@pytest.mark.parametrize(
    "changes",
    [
        {"price": 801},
        {"traded_hours": 1},
        {"is_affiliated": True},
        {"pair_number": 1},
    ],
)
def test_another_trade_makes_another_mark(market, changes):
    records = [replace(r, trades=[replace(t, **changes) for t in r.trades]) for r in told(market)]
    assert_named(records, "NodeMarked of")


def test_another_index_price_makes_another_mark():
    market = LendingMarket()
    market.drawn()
    market.price(9 * YUAN)
    records = told(market)
    assert replayed(records).answer(records[-1].seq, BANK).startswith(b"[{")
    for at, record in enumerate(records):
        events = [
            replace(e, index_micro=e.index_micro + 10_000)
            if isinstance(e, IndexPricePublished)
            else e
            for e in record.events
        ]
        records[at] = replace(record, events=events)
    assert_named(records, "NodeMarked of .*_micro is recorded as")


def test_who_traded_is_not_told(market):
    trades = [trade for record in told(market) for trade in record.trades]
    assert {trade.pair_number for trade in trades} == {1, 2, 3, 4, 5, 6}
    assert not any(trade.is_affiliated for trade in trades)
    assert TradeFact.__struct_fields__ == (
        "kind",
        "trade_id",
        "price",
        "instrument_id",
        "product_id",
        "month",
        "traded_hours",
        "pair_number",
        "is_affiliated",
    )


def test_busts_other_prices_houses_and_auctions_are_in_the_marks_of_an_extract():
    market = Market()
    market.grant("Y27", 10_000)
    market.january = market.list_window("M2701")
    auction(market, (SUPPLIER, Side.SELL, 4, 99), (TRADER, Side.BUY, 4, 101))
    mark(market)
    first_id, other_id = trade(market, TRADER, 100), trade(market, OTHER, 120)
    trade(market, OTHER, 104)
    mark(market)
    bust(market, other_id, OTHER)
    mark(market)
    correct(market, first_id, TRADER, 90)
    mark(market)
    house_id = market.admit("house", Role.TRADER, affiliate_ids=[SUPPLIER])
    market.deposit(house_id, 10**9)
    trade(market, house_id, 300)
    mark(market)
    records = told(market)
    kinds = {fact.kind for record in records for fact in record.trades}
    assert kinds == set(TradeKind)
    assert any(fact.is_affiliated for record in records for fact in record.trades)
    replay = replayed(records)
    assert replay.answer(records[-1].seq, BANK) == b"[]"
    assert replay.told.nodes.marks_count >= 4
    for kind in (TradeKind.AUCTION, TradeKind.BUSTED, TradeKind.REPRICED):
        left = [replace(r, trades=[t for t in r.trades if t.kind is not kind]) for r in records]
        assert_named(left, "NodeMarked of")


def test_a_trade_that_is_too_small_for_what_other_banks_hold_is_counted_as_stated():
    market = MarkedMarket()
    parameters = replace(genesis.risk_parameters(), mark_pledged_ppm=1_000_000)
    market.do(1, PublishRiskParameters(risk_parameters=parameters))
    bank_id = market.admit("other bank", Role.BANK)
    pledge_id = market.request("M2702", 40, bank_account_id=bank_id)
    market.do(bank_id, AcceptPledge(pledge_id=pledge_id))
    for _ in range(2):
        market.tomorrow()
    for buyer_id in (OTHER, TRADER, OTHER):
        own(market, buyer_id, market.months[1], 3, 805)
    market.cycle()
    records = told(market)
    replay = replayed(records)
    assert replay.answer(records[-1].seq, BANK) == b"[]"
    assert replay.told.nodes.depths_stated_count > 0
