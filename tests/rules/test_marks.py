"""The marking cycle through the engine: each source, the guards around it, and what it records."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.domain.commands import (
    AcceptPledge,
    DefineProduct,
    HaltInstrument,
    PublishIndexPrice,
    PublishMarks,
    PublishRiskParameters,
    ReleasePledge,
    RequestPledge,
    ResumeInstrument,
)
from exchange.domain.enums import ProductKind, Role, Side
from exchange.domain.events import (
    IndexPricePublished,
    MarksPublished,
    NodeMarked,
    NodeObserved,
    RiskParametersPublished,
)
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND
from exchange.domain.windows import day_at, gate_ns, start_ns
from exchange.rules.marks import SHORTEST_CYCLE_NS
from tests.rules.markets import HOUR_NS, assert_refused, cross, day, mainland, own, span
from tests.scenario import BANK, FIRST_DAY, OTHER, PRODUCT, SUPPLIER, TRADER, Market, secret_hash

GPU_CLASS, REGION = "A100-80-SXM", "SG"
YUAN = 1_000_000
"""In micro-CNY."""
TRADES, AUCTION, LAST_TRADE, QUOTES, CURVE, INDEX, DECAYED = range(1, 8)


@pytest.fixture
def market() -> Market:
    """January is listed and granted, and nothing has traded."""
    market = Market()
    market.grant("Y27", 10_000)
    market.january = market.list_window("M2701")
    return market


def index(market: Market, index_micro: int, age_days: int = 0, **fields: Any) -> PublishIndexPrice:
    """An outside price of the fixture's class, observed some days ago."""
    command = PublishIndexPrice(
        gpu_class=GPU_CLASS,
        region=REGION,
        index_micro=index_micro,
        usd_micro=index_micro,
        usd_cny_ppm=1_000_000,
        observed_day=day_at(market.state.market_ns) - age_days,
        source="test",
        row_count=3,
        file_sha256=secret_hash("file"),
    )
    return replace(command, **fields)


def cycle(market: Market) -> list[Any]:
    """The events of a marking cycle, as soon as the last one is a minute ago."""
    wait(market)
    market.do(0, PublishMarks())
    return market.events


def wait(market: Market) -> None:
    """Lets a minute pass since the last cycle."""
    next_ns = market.state.market_data.marked_ns + SHORTEST_CYCLE_NS
    if market.state.market_data.marked_ns and market.state.market_ns < next_ns:
        market.advance(next_ns)


def assert_unchanged(market: Market) -> None:
    """Another cycle would publish nothing."""
    wait(market)
    assert_refused(market, 0, PublishMarks(), Reason.EMPTY)


def mark(market: Market, month: int = 202701) -> NodeMarked:
    """What a cycle says of one month."""
    (found,) = [e for e in cycle(market) if isinstance(e, NodeMarked) and e.month == month]
    return found


def quote(market: Market, bid_price: int, ask_price: int, instrument_id: int = 1) -> None:
    """A bid of the trader and an offer of the supplier."""
    market.order(TRADER, instrument_id, Side.BUY, 1, bid_price)
    market.order(SUPPLIER, instrument_id, Side.SELL, 1, ask_price)


def tomorrow(market: Market) -> None:
    """The first moment of the next delivery day."""
    cross(market, start_ns(day_at(market.state.market_ns) + 1))


# -- indices and parameters ------------------------------------------------------------------------


def test_an_index_is_recorded_as_it_came(market):
    command = index(market, YUAN)
    market.do(1, command)
    fields = IndexPricePublished.__struct_fields__
    wanted = {name: getattr(command, name) for name in fields}
    assert market.events == [IndexPricePublished(**wanted)]


def test_an_index_is_not_of_the_future(market):
    cross(market, market.state.market_ns + 1)
    future = index(market, YUAN, age_days=-1)
    wanted = (Reason.BAD_WINDOW, FIRST_DAY + 1, FIRST_DAY)
    assert_refused(market, 1, future, *wanted)
    market.do(1, index(market, YUAN))


def test_an_index_older_than_the_one_in_force_is_refused(market):
    market.do(1, index(market, YUAN, age_days=2))
    stale = index(market, YUAN, age_days=3)
    in_force = FIRST_DAY - 2
    wanted = (Reason.STALE_INDEX, FIRST_DAY - 3, in_force, in_force)
    assert_refused(market, 1, stale, *wanted)
    market.do(1, index(market, 2 * YUAN, age_days=2))
    market.do(1, replace(stale, region="CN-North"))
    market.do(1, replace(stale, gpu_class="H100"))


@pytest.mark.parametrize(("usd_micro", "limit"), [(49_999, 50_000), (100_000_001, 100_000_000)])
def test_an_index_outside_what_a_gpu_hour_can_cost_is_refused(market, usd_micro, limit):
    absurd = index(market, usd_micro)
    assert_refused(market, 1, absurd, Reason.INDEX_PRICE, usd_micro, limit)
    market.do(1, index(market, limit))


def test_an_index_is_its_dollars_at_its_rate(market):
    wrong = index(market, 9_940_001, usd_micro=1_400_000, usd_cny_ppm=7_100_000)
    assert_refused(market, 1, wrong, Reason.INDEX_RATE, 9_940_001, 9_940_000)
    half = index(market, 4_970_004, usd_micro=1_420_001, usd_cny_ppm=3_500_000)
    market.do(1, half)


def test_the_same_parameters_again_are_nothing_new_and_others_a_new_version(market):
    parameters = genesis.risk_parameters()
    same = PublishRiskParameters(risk_parameters=parameters)
    assert_refused(market, 1, same, Reason.EMPTY)
    other = replace(parameters, rise_cap_ppm=200_000)
    market.do(1, PublishRiskParameters(risk_parameters=other))
    assert market.events == [RiskParametersPublished(version=2, risk_parameters=other)]


def test_parameters_that_average_volume_over_no_days_cannot_be_published():
    with pytest.raises(ValueError, match="adv_days_count is 0"):
        replace(genesis.risk_parameters(), adv_days_count=0)


# -- sources ---------------------------------------------------------------------------------------


def test_a_cycle_without_months_or_without_changes_publishes_nothing():
    market = Market()
    assert_unchanged(market)
    market.list_window("Y27")
    market.list_window("D261124")
    assert_refused(market, 1, PublishMarks(), Reason.EMPTY)


def test_a_month_that_nothing_prices_is_marked_zero_once_and_not_observed(market):
    assert cycle(market) == [
        NodeMarked(
            gpu_class=GPU_CLASS,
            region=REGION,
            month=202701,
            mark_micro=0,
            raw_micro=0,
            level=0,
            notes=["UNMARKABLE"],
            bid_micro=0,
            ask_micro=0,
            adv_hours=0,
            observed_day=0,
        ),
        MarksPublished(node_count=1, changed_count=1),
    ]
    assert_unchanged(market)


def test_an_index_alone_marks_and_begins_the_history(market):
    market.do(1, index(market, 9 * YUAN))
    marked, observed, published = cycle(market)
    assert (marked.level, marked.mark_micro, marked.observed_day) == (INDEX, 9 * YUAN, FIRST_DAY)
    assert isinstance(observed, NodeObserved)
    assert (observed.observed_day, observed.mark_micro) == (FIRST_DAY, 9 * YUAN)
    assert observed.basis_e12 == 0
    assert published == MarksPublished(node_count=1, changed_count=1)
    assert_unchanged(market)
    market.assert_replays()


def test_a_cycle_may_follow_another_after_a_minute_and_not_a_nanosecond_sooner(market):
    quote(market, 900, 902)
    cycle(market)
    next_ns = market.state.market_ns + SHORTEST_CYCLE_NS
    market.advance(next_ns - 1)
    market.do(1, index(market, 9 * YUAN))
    quote(market, 910, 912, market.january)
    assert_refused(market, 1, PublishMarks(), Reason.EMPTY, next_ns - 1, next_ns)
    market.advance(next_ns)
    market.do(1, PublishMarks())


def test_an_index_of_another_region_marks_nothing(market):
    market.do(1, replace(index(market, YUAN), region="CN-North"))
    assert mark(market).level == 0


@pytest.mark.parametrize(("age_days", "level"), [(5, INDEX), (6, 0)])
def test_an_index_is_carried_for_five_trading_days(market, age_days, level):
    market.do(1, index(market, YUAN, age_days=age_days))
    assert mark(market).level == level


def test_a_mainland_index_does_not_age_over_a_holiday():
    market = mainland(2026, 2027, holidays=("2026-11-26", "2026-11-27"))
    market.list_window("M2701")
    market.do(1, index(market, YUAN))
    cross(market, start_ns(day("2026-12-02")))
    assert mark(market).level == INDEX
    cross(market, start_ns(day("2026-12-03")))
    assert mark(market).level == DECAYED


@pytest.mark.parametrize(
    ("bid_price", "ask_price", "level", "mark_micro"),
    [(98, 102, QUOTES, YUAN), (95, 105, QUOTES, YUAN), (95, 106, 0, 0)],
)
def test_the_middle_of_narrow_quotes_marks(market, bid_price, ask_price, level, mark_micro):
    quote(market, bid_price, ask_price)
    marked = mark(market)
    assert (marked.level, marked.mark_micro) == (level, mark_micro)
    assert (marked.bid_micro, marked.ask_micro) == (bid_price * 10_000, ask_price * 10_000)


def another_product(market: Market, region: str) -> None:
    """The same class at another supplier's site."""
    rival = market.admit("rival", Role.SUPPLIER)
    market.do(
        1,
        DefineProduct(
            code=f"{GPU_CLASS}.{region}2",
            kind=ProductKind.GPU_TIME,
            gpu_class=GPU_CLASS,
            region=region,
            supplier_account_id=rival,
            lot_qty=1,
        ),
    )
    market.deposit(rival, 10**9)


def test_the_best_quotes_over_all_products_of_the_node_count(market):
    another_product(market, REGION)
    elsewhere = market.list_window("M2701", product_id=2)
    quote(market, 90, 102)
    market.order(OTHER, elsewhere, Side.BUY, 1, 98)
    marked, _, published = cycle(market)
    assert (marked.bid_micro, marked.ask_micro) == (980_000, 1_020_000)
    assert (marked.level, marked.mark_micro) == (QUOTES, YUAN)
    assert published.node_count == 1


def test_quotes_are_better_than_an_index_and_set_the_basis(market):
    market.do(1, index(market, 2 * YUAN))
    quote(market, 98, 102)
    marked, observed, _ = cycle(market)
    assert (marked.level, marked.mark_micro) == (QUOTES, YUAN)
    assert observed.basis_e12 == 10**12 // 2


def trade(market: Market, buyer_id: int, price: int, qty: int = 1) -> None:
    """A purchase of January from the supplier."""
    own(market, buyer_id, market.january, qty, price)


def test_three_trades_between_two_pairs_mark_at_their_average(market):
    trade(market, TRADER, 100, 2)
    trade(market, OTHER, 103)
    trade(market, TRADER, 101)
    marked = mark(market)
    average = (2 * 100 + 103 + 101) * 10_000 // 4
    assert (marked.level, marked.mark_micro) == (TRADES, average)
    assert marked.adv_hours == 4 * 744 // 20


def test_two_trades_or_one_pair_or_too_few_hours_leave_the_last_trade(market):
    trade(market, TRADER, 100, 4)
    trade(market, OTHER, 103, 4)
    assert (mark(market).level, market.events[0].mark_micro) == (LAST_TRADE, 103 * 10_000)

    one_pair = Market()
    one_pair.grant("Y27", 100)
    one_pair.january = one_pair.list_window("M2701")
    for price in (100, 101, 102, 103):
        trade(one_pair, TRADER, price)
    assert (mark(one_pair).level, one_pair.events[0].mark_micro) == (LAST_TRADE, 103 * 10_000)

    small = Market()
    small.grant("Y27", 100)
    small.january = small.list_window("M2701")
    for buyer_id in (TRADER, OTHER, TRADER):
        trade(small, buyer_id, 100)
    assert mark(small).level == LAST_TRADE, "2,232 of the 2,400 hours that are needed"
    trade(small, OTHER, 100)
    assert mark(small).level == TRADES


@pytest.mark.parametrize(
    ("second", "late_ns", "level"),
    [
        (0, 0, TRADES),
        (0, NS_PER_MINUTE - 1, TRADES),
        (0, NS_PER_MINUTE, INDEX),
        (59, NS_PER_SECOND - 1, TRADES),
        (59, NS_PER_SECOND, INDEX),
    ],
)
def test_a_trade_counts_until_its_minute_is_more_than_a_day_ago(market, second, late_ns, level):
    market.advance(market.state.market_ns + second * NS_PER_SECOND)
    for buyer_id in (TRADER, OTHER, TRADER):
        trade(market, buyer_id, 100, 2)
    traded_ns = market.state.market_ns
    market.do(1, index(market, YUAN))
    cross(market, traded_ns + NS_PER_DAY + late_ns)
    assert mark(market).level == level


def test_traded_hours_are_averaged_over_twenty_days_and_then_forgotten(market):
    trade(market, TRADER, 100, 5)
    assert mark(market).adv_hours == 5 * 744 // 20
    cross(market, start_ns(FIRST_DAY + 1))
    trade(market, OTHER, 100, 5)
    trade(market, TRADER, 100, 1)
    assert mark(market).adv_hours == 11 * 744 // 20
    for days, qty in ((19, 11), (20, 6), (21, 0)):
        cross(market, start_ns(FIRST_DAY + days))
        assert mark(market).adv_hours == qty * 744 // 20


def test_a_last_trade_is_brought_between_the_quotes(market):
    trade(market, TRADER, 100)
    market.order(TRADER, market.january, Side.BUY, 1, 107)
    marked = mark(market)
    assert (marked.level, marked.raw_micro, marked.mark_micro) == (LAST_TRADE, YUAN, 1_070_000)
    assert marked.notes == ["CLAMP_BID"]


def test_trades_between_affiliates_are_excluded(market):
    daughter = market.admit("daughter", Role.TRADER, affiliate_ids=[SUPPLIER])
    sister = market.admit("sister", Role.TRADER, affiliate_ids=[SUPPLIER])
    niece = market.admit("niece", Role.TRADER, affiliate_ids=[sister])
    for account_id in (daughter, niece):
        market.deposit(account_id, 10**12)
    trade(market, TRADER, 100, 4)
    trade(market, OTHER, 100, 4)
    trade(market, daughter, 150, 4)
    market.order(daughter, market.january, Side.SELL, 1, 160)
    market.order(niece, market.january, Side.BUY, 1, 160)
    marked = mark(market)
    assert (marked.level, marked.mark_micro) == (LAST_TRADE, YUAN)
    assert marked.notes == ["EXCLUDE_AFFILIATED"], "each note once, however many trades"
    assert marked.adv_hours == 8 * 744 // 20, "a house's trades with itself are no volume"


def test_trades_of_other_windows_do_not_mark_the_month(market):
    year = market.list_window("Y27")
    own(market, TRADER, year, 5)
    assert mark(market).level == 0


def test_a_month_between_two_quoted_ones_is_marked_from_the_curve(market):
    months = [market.list_window(code) for code in ("M2702", "M2703")]
    quote(market, 98, 102)
    quote(market, 98, 102, months[1])
    events = [e for e in cycle(market) if isinstance(e, NodeMarked)]
    assert [(e.month, e.level, e.mark_micro) for e in events] == [
        (202701, QUOTES, YUAN),
        (202702, CURVE, YUAN),
        (202703, QUOTES, YUAN),
    ]


def test_a_curve_does_not_cross_regions(market):
    another_product(market, "CN-North")
    north = market.list_window("M2702", product_id=2)
    market.list_window("M2703")
    quote(market, 98, 102)
    quote(market, 98, 102, market.state.instrument_ids[f"{PRODUCT}:M2703"])
    levels = {(e.region, e.month): e.level for e in cycle(market) if isinstance(e, NodeMarked)}
    assert market.core.best(north, Side.BUY) == 0
    assert levels["CN-North", 202702] == 0
    assert levels[REGION, 202703] == QUOTES


def test_a_month_beyond_the_last_quoted_one_takes_the_index(market):
    market.list_window("M2702")
    quote(market, 98, 102)
    market.do(1, index(market, 2 * YUAN))
    assert mark(market, 202702).level == INDEX


@pytest.mark.parametrize(("pledged_qty", "level"), [(4_000, TRADES), (4_001, LAST_TRADE)])
def test_a_pledged_month_needs_a_thousandth_of_what_is_pledged_in_trades(
    market, pledged_qty, level
):
    for buyer_id in (TRADER, OTHER, TRADER, OTHER):
        trade(market, buyer_id, 100)
    request = RequestPledge(
        product_id=1, pledged_qty=pledged_qty, bank_account_id=BANK, **span("X270101-270301")
    )
    market.do(SUPPLIER, request)
    market.do(BANK, AcceptPledge(pledge_id=1))
    assert mark(market).level == level


def test_a_request_or_a_released_pledge_weighs_nothing(market):
    for buyer_id in (TRADER, OTHER, TRADER, OTHER):
        trade(market, buyer_id, 100)
    market.do(
        SUPPLIER,
        RequestPledge(product_id=1, pledged_qty=9_000, bank_account_id=BANK, **span("M2701")),
    )
    assert mark(market).level == TRADES
    market.do(BANK, AcceptPledge(pledge_id=1))
    assert mark(market).level == LAST_TRADE
    market.do(BANK, ReleasePledge(pledge_id=1))
    assert mark(market).level == TRADES


# -- the cycle -------------------------------------------------------------------------------------


def test_a_rise_beyond_the_cap_waits_and_a_fall_does_not(market):
    market.do(1, index(market, YUAN))
    cycle(market)
    market.do(1, index(market, 1_150_001))
    marked = mark(market)
    assert (marked.mark_micro, marked.raw_micro) == (1_150_000, 1_150_001)
    assert marked.notes == ["UP_MOVE_CAPPED_15PCT_PENDING"]
    market.do(1, index(market, YUAN // 10))
    assert mark(market).mark_micro == YUAN // 10


def test_cycle_after_cycle_a_lone_source_lifts_a_mark_by_no_more_than_the_cap_in_a_day(market):
    """One GPU traded at four times the price, and nobody else says so."""
    market.do(1, index(market, 8 * YUAN))
    cycle(market)
    tomorrow(market)
    trade(market, TRADER, 3_200)
    assert mark(market).mark_micro == 8 * YUAN * 115 // 100
    for _ in range(10):
        wait(market)
        market.execute(0, PublishMarks())
    node = market.state.market_data.node(GPU_CLASS, REGION, 202701)
    assert (node.mark.mark_micro, node.mark.level) == (9_200_000, LAST_TRADE)
    tomorrow(market)
    trade(market, TRADER, 3_200)
    assert mark(market).mark_micro == 9_200_000 * 115 // 100
    market.assert_replays()


def test_a_rise_that_a_second_source_supports_passes(market):
    """The outside index is a little more than 15 % under a trade, then a little less."""
    market.do(1, index(market, 8 * YUAN))
    cycle(market)
    tomorrow(market)
    cycle(market)
    trade(market, TRADER, 1_140)
    market.do(1, index(market, 9_900_000))
    assert mark(market).mark_micro == 9_200_000
    market.do(1, index(market, 10 * YUAN))
    marked = mark(market)
    assert (marked.level, marked.mark_micro, marked.notes) == (LAST_TRADE, 11_400_000, [])


def test_narrow_quotes_support_a_rise_and_wide_ones_do_not(market):
    market.do(1, index(market, 8 * YUAN))
    cycle(market)
    tomorrow(market)
    trade(market, TRADER, 1_200)
    market.order(TRADER, market.january, Side.BUY, 1, 1_000)
    market.order(SUPPLIER, market.january, Side.SELL, 1, 1_250)
    assert mark(market).mark_micro == 9_200_000
    market.order(OTHER, market.january, Side.BUY, 1, 1_180)
    assert mark(market).mark_micro == 12 * YUAN


def test_an_index_of_long_ago_says_nothing_about_how_a_node_stands_to_it(market):
    """An index of 10 is not looked at again while trades go to 20; then there is one of 20."""
    market.do(1, index(market, 10 * YUAN))
    trade(market, TRADER, 1_000)
    cycle(market)
    for _ in range(25):
        tomorrow(market)
        trade(market, TRADER, 2_000)
        cycle(market)
    node = market.state.market_data.node(GPU_CLASS, REGION, 202701)
    basis_e12 = node.basis_e12
    assert 10**12 <= basis_e12 <= 12 * 10**11, "of the days on which both had a price"
    cross(market, start_ns(day_at(market.state.market_ns) + 2))
    market.do(1, index(market, 20 * YUAN))
    assert (mark(market).level, node.mark.raw_micro) == (INDEX, 20 * YUAN * basis_e12 // 10**12)


def test_volatility_is_observed_once_a_day(market):
    market.do(1, index(market, YUAN))
    assert [type(e) for e in cycle(market)] == [NodeMarked, NodeObserved, MarksPublished]
    cross(market, market.state.market_ns + 23 * HOUR_NS)
    market.do(1, index(market, YUAN + 1))
    assert [type(e) for e in cycle(market)] == [NodeMarked, MarksPublished]
    tomorrow(market)
    marked, observed, published = cycle(market)
    assert (marked.mark_micro, marked.observed_day) == (YUAN + 1, FIRST_DAY + 1)
    assert (observed.observed_day, observed.observed_count) == (FIRST_DAY + 1, 2)
    assert published == MarksPublished(node_count=1, changed_count=1)
    node = market.state.market_data.node(GPU_CLASS, REGION, 202701)
    assert node.volatility.recent_marks_micro == (YUAN, YUAN + 1)
    market.assert_replays()


def test_a_mark_that_nothing_renews_decays_and_is_not_observed(market):
    market.do(1, index(market, YUAN))
    cycle(market)
    cross(market, start_ns(FIRST_DAY + 6))
    marked, published = cycle(market)
    assert (marked.level, marked.observed_day) == (DECAYED, FIRST_DAY)
    assert marked.mark_micro == 995_081  # exp(-0.3 x 6 / 365)
    assert published == MarksPublished(node_count=1, changed_count=1)
    cross(market, start_ns(FIRST_DAY + 16))
    assert mark(market).mark_micro == 986_935  # of the last real mark, not of a decayed one
    market.do(1, index(market, 2 * YUAN))
    assert mark(market).mark_micro == 1_150_000  # the cap is on the last real mark too


def test_months_are_marked_after_their_gate_and_not_after_their_end(market):
    market.do(1, index(market, YUAN))
    cycle(market)
    cross(market, gate_ns(day("2026-12-30")))
    assert market.state.gates == []
    market.do(1, index(market, YUAN + 1))
    assert mark(market).mark_micro == YUAN + 1
    cross(market, start_ns(day("2027-02-01")) - 1)
    market.do(1, index(market, YUAN + 2))
    assert mark(market).mark_micro == YUAN + 2
    cross(market, start_ns(day("2027-02-01")))
    market.do(1, index(market, YUAN + 3))
    assert_unchanged(market)


def test_nodes_are_marked_in_the_order_of_their_names(market):
    market.list_window("M2703")
    market.list_window("M2702")
    months = [e.month for e in cycle(market) if isinstance(e, NodeMarked)]
    assert months == [202701, 202702, 202703]


def test_an_operator_may_call_a_cycle_too(market):
    market.do(1, PublishMarks())
    assert isinstance(market.events[-1], MarksPublished)


# -- auctions --------------------------------------------------------------------------------------


def auction(market: Market, *orders: tuple[int, Side, int, int]) -> None:
    """Orders, as (account, side, quantity, price), that the halted January collects and crosses."""
    market.do(1, HaltInstrument(instrument_id=market.january))
    market.do(1, ResumeInstrument(instrument_id=market.january))
    for account_id, side, qty, price in orders:
        market.order(account_id, market.january, side, qty, price)
    cross(market, market.state.core.next_auction_end_ns())
    market.drain()


def test_an_auction_that_matched_enough_marks_until_it_is_a_day_old(market):
    auction(market, (SUPPLIER, Side.SELL, 4, 99), (TRADER, Side.BUY, 4, 101))
    trade(market, OTHER, 90)
    marked = mark(market)
    price = market.state.market_data.node(GPU_CLASS, REGION, 202701).auctions[0].auction_price
    assert (marked.level, marked.mark_micro) == (AUCTION, price * 10_000)
    assert 99 <= price <= 101
    market.assert_replays()
    cross(market, market.state.market_ns + 25 * HOUR_NS)
    trade(market, OTHER, 90)
    assert mark(market).level == LAST_TRADE


def test_an_auction_of_too_few_hours_is_no_source(market):
    auction(market, (SUPPLIER, Side.SELL, 3, 100), (TRADER, Side.BUY, 3, 100))
    assert mark(market).level == LAST_TRADE, "2,232 of the 2,400 hours that are needed"


def test_what_a_house_matches_with_itself_in_an_auction_does_not_count(market):
    daughter = market.admit("daughter", Role.TRADER, affiliate_ids=[SUPPLIER])
    market.deposit(daughter, 10**12)
    auction(
        market,
        (SUPPLIER, Side.SELL, 8, 150),
        (daughter, Side.BUY, 8, 150),
    )
    node = market.state.market_data.node(GPU_CLASS, REGION, 202701)
    assert [auction.matched_hours for auction in node.auctions] == [0]
    assert mark(market).level == 0


def test_what_trades_behind_an_auction_at_the_same_moment_is_not_of_it(market):
    auction(market, (SUPPLIER, Side.SELL, 3, 100), (TRADER, Side.BUY, 3, 100))
    trade(market, OTHER, 100)
    node = market.state.market_data.node(GPU_CLASS, REGION, 202701)
    assert [auction.matched_hours for auction in node.auctions] == [3 * 744]
    market.assert_replays()
