"""What the close of a day decided, over HTTP: prices, curves, cascades, where windows stand."""

import msgspec

from exchange.domain.commands import AdvanceClock
from exchange.domain.enums import Side
from exchange.domain.listing_views import CascadeView, InstrumentView, SettlementPrices
from exchange.domain.windows import date_of, gate_ns, parse_window
from exchange.rules.clock import next_boundary_ns, owed_before
from tests.gateway.conftest import OPERATOR, SUPPLIER, SYMBOL, TRADER
from tests.gateway.test_http import order
from tests.scenario import FIRST_DAY, PRODUCT

SCHEDULE = {
    "product_id": 1,
    "day_count": 2,
    "month_count": 3,
    "quarter_count": 1,
    "year_count": 0,
    "strip_count": 0,
}


async def administer(house, command: str, **body) -> None:
    """An operator's command, which must be accepted."""
    key = f"{command[:20]} {len(house.records)}"
    status, answer = await house.post(f"/v1/admin/{command}", body, OPERATOR, key)
    assert status == 201, answer


async def advance(house, market_ns: int) -> None:
    """Market time, as the market's clock brings it."""
    state = house.sequencer.engine.state
    while state.market_ns < market_ns or next_boundary_ns(state) <= market_ns:
        command = owed_before(state) or AdvanceClock(market_ns=market_ns)
        outcome = await house.sequencer.execute(command)
        assert outcome.reason is None, outcome


async def windows(house, query: str) -> dict[str, InstrumentView]:
    """Instruments by their windows' codes."""
    status, found = await house.get(f"/v1/instruments?product={PRODUCT}{query}")
    assert status == 200, found
    views = msgspec.convert(found, list[InstrumentView])
    return {view.instrument.split(":")[1]: view for view in views}


async def test_what_a_schedule_lists_is_shown_with_its_status_and_last_trading_day(house):
    await administer(house, "schedule_listings", **SCHEDULE)
    await advance(house, house.sequencer.market_ns)
    found = await windows(house, "")
    assert {"D261124", "D261125", "B261124", "M2612", "M2701", "M2702"} <= set(found)
    tomorrow = found["D261124"]
    assert (tomorrow.status, tomorrow.last_trading_day) == ("last_day", FIRST_DAY)
    assert found["D261125"].status == "open"
    assert set(await windows(house, "&kind=balance")) == {"B261124"}
    assert set(await windows(house, "&kind=day&status=last_day")) == {"D261124"}
    await advance(house, gate_ns(FIRST_DAY))
    assert set(await windows(house, "&status=expired")) == {"D261124", "B261124"}
    status, problem = await house.get("/v1/instruments?status=dead")
    assert (status, problem["field"]) == (400, "status")
    status, problem = await house.get("/v1/instruments?kind=week")
    assert (status, problem["field"]) == (400, "kind")


async def test_open_interest_is_shown(house):
    await order(house, SUPPLIER, Side.SELL, 10, 1_000)
    await order(house, TRADER, Side.BUY, 6, 1_000)
    found = await windows(house, "")
    assert found[SYMBOL.split(":")[1]].open_interest_qty == 6


async def test_settlement_prices_and_curves_are_public(house):
    _, found = await house.get("/v1/settlement_prices")
    assert found == {"settled_day": 0, "prices": [], "curves": []}
    schedule = {**SCHEDULE, "month_count": 4, "day_count": 10}
    await administer(house, "schedule_listings", **schedule)
    await advance(house, house.sequencer.market_ns)
    listed = await windows(house, "")
    for code, price in (("M2612", 990), ("D261201", 1_005), ("M2701", 1_001)):
        instrument_id = listed[code].instrument_id
        fields = {"instrument_id": instrument_id, "settlement_price": price}
        await administer(house, "publish_settlement_price", **fields)
    for month in ("M2702", "M2703"):
        fields = {"instrument_id": listed[month].instrument_id, "settlement_price": 1_000}
        await administer(house, "publish_settlement_price", **fields)
    await advance(house, gate_ns(FIRST_DAY))
    status, body = await house.get(f"/v1/settlement_prices?product={PRODUCT}")
    assert status == 200
    view = msgspec.convert(body, SettlementPrices)
    prices = {price.instrument.split(":")[1]: price for price in view.prices}
    assert view.settled_day == FIRST_DAY
    quarter = prices["Q271"]
    assert (quarter.notional_amount, quarter.gpu_hours) == (2_160 * 1_000 + 744, 2_160)
    assert (quarter.settlement_price, quarter.source) == (1_000, "parts")
    assert (prices["M2612"].source, prices["M2612"].notional_amount) == ("prior", 744 * 990)
    (curve,) = view.curves
    assert (curve.month, curve.rest_hours) == (202_612, 720)
    assert curve.rest_notional_amount == 744 * 990 - 24 * 1_005
    assert (await house.get("/v1/settlement_prices?product=none"))[0] == 404


async def test_a_cascade_is_shown_by_its_parts(house):
    await administer(house, "schedule_listings", **SCHEDULE)
    await advance(house, gate_ns(FIRST_DAY))
    status, body = await house.get(f"/v1/cascades/{PRODUCT}:B261124")
    assert status == 200
    view = msgspec.convert(body, CascadeView)
    assert [child.instrument for child in view.children[:2]] == [
        f"{PRODUCT}:D261124",
        f"{PRODUCT}:D261125",
    ]
    assert [child.is_listed for child in view.children] == [True, True, *[False] * 5]
    last_day = parse_window("D261130").start_day
    assert (view.children[-1].start_day, date_of(last_day).day) == (last_day, 30)
    assert view.open_interest_qty == 0
    for symbol in (f"{PRODUCT}:M2612", SYMBOL, "none"):
        assert (await house.get(f"/v1/cascades/{symbol}"))[0] == 404
