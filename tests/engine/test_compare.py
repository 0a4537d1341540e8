"""The difference of two states: exact, complete, and in the market's words."""

import pytest

from exchange.domain.commands import (
    AcceptPledge,
    AmendOrder,
    CancelOrder,
    HaltInstrument,
    OpenSession,
    PublishIndexPrice,
    PublishMarks,
    RequestPledge,
)
from exchange.domain.enums import Side
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import parse_window
from exchange.engine.compare import compare_states, runs_changed
from exchange.engine.engine import Engine
from exchange.engine.state_rows import Balance, Level
from exchange.rules import State
from tests.scenario import BANK, FIRST_DAY, PRODUCT, SUPPLIER, TRADER, Market

JUNE = parse_window("M2706")


def copy_of(state: State) -> State:
    """The same state, apart."""
    return State.restore(state.canonical())


@pytest.fixture
def market():
    market = Market()
    market.grant("M2706", 100)
    market.list_window("M2706")
    market.order(SUPPLIER, 1, Side.SELL, 30, 1_000)
    return market


def changes_of(market, work) -> dict[str, dict[str, tuple]]:
    """By noun and key, what the work changed."""
    before = copy_of(market.state)
    work()
    found: dict[str, dict[str, tuple]] = {}
    difference = compare_states(before, market.state)
    assert difference.before.state_hash == before.hash().hex()
    assert difference.after.state_hash == market.state.hash().hex()
    for change in difference.changes:
        found.setdefault(change.noun, {})[change.key] = (change.before, change.after)
    found["fields"] = dict.fromkeys(difference.fields, ())
    return found


def test_a_trade_changes_balances_positions_orders_and_the_book(market):
    found = changes_of(market, lambda: market.order(TRADER, 1, Side.BUY, 12, 1_000))
    offer_id = str(market.state.seq - 1)
    before, after = found["balance"]["trader (4)"]
    notional_amount = 12 * 24 * 30 * 1_000
    assert before == Balance(10**13, 0)
    assert after.available_amount <= 10**13 - notional_amount
    assert after.held_amount == 0
    span = "2027-06-01 to 2027-07-01"
    assert found["position"] == {
        f"supplier (3) {PRODUCT} title {span}": (100, 88),
        f"supplier (3) {PRODUCT} reserved_sale {span}": (30, 18),
        f"trader (4) {PRODUCT} title {span}": (None, 12),
    }
    before, after = found["order"][offer_id]
    assert (before.leaves_qty, after.leaves_qty) == (30, 18)
    assert found["level"] == {f"{PRODUCT}:M2706 sell 10.00": (Level(30, 1), Level(18, 1))}
    assert "core.next_trade_id" in found["fields"]
    assert "market_data.nodes.trades" in found["fields"]


def test_orders_come_and_go(market):
    added = changes_of(market, lambda: market.order(TRADER, 1, Side.BUY, 3, 900))
    [(order_id, (nothing, order))] = added["order"].items()
    assert nothing is None
    assert (order.order_qty, order.limit_price, order.side) == (3, 900, Side.BUY)
    gone = changes_of(market, lambda: market.do(TRADER, CancelOrder(order_id=int(order_id))))
    assert gone["order"] == {order_id: (order, None)}
    assert "position" not in gone


def test_who_lost_his_place_in_a_queue_is_told(market):
    first, second = (market.order(TRADER, 1, Side.BUY, 3, 900) for _ in range(2))

    def there_and_back():
        for price in (901, 900):
            market.do(TRADER, AmendOrder(order_id=first, limit_price=price))

    found = changes_of(market, there_and_back)
    assert found["queue"] == {f"{PRODUCT}:M2706 buy 9.00": ([first, second], [second, first])}
    assert "order" not in found


def test_pledges_sessions_marks_and_halts_are_told(market):
    def work():
        market.do(
            SUPPLIER,
            RequestPledge(
                product_id=1,
                start_day=JUNE.start_day,
                end_day=JUNE.end_day,
                pledged_qty=5,
                bank_account_id=BANK,
            ),
        )
        market.do(BANK, AcceptPledge(pledge_id=1))
        market.do(TRADER, OpenSession())
        market.do(
            1,
            PublishIndexPrice(
                gpu_class="A100-80-SXM",
                region="SG",
                index_micro=10_000_000,
                usd_micro=10_000_000,
                usd_cny_ppm=1_000_000,
                observed_day=FIRST_DAY,
                source="test",
                row_count=1,
                file_sha256=bytes(32),
            ),
        )
        market.do(0, PublishMarks())
        market.do(1, HaltInstrument(instrument_id=1))

    found = changes_of(market, work)
    assert found["pledge"]["1"][1].status.value == "active"
    assert [after.account_id for _, after in found["session"].values()] == [TRADER]
    assert found["mark"]["A100-80-SXM SG 202706"][1].mark_micro == 10_000_000
    assert list(found["index"]) == ["A100-80-SXM SG"]
    assert found["halt"] == {"1": (None, [1])}
    lien = f"supplier (3) {PRODUCT} lien 2027-06-01 to 2027-07-01"
    assert found["position"] == {lien: (None, 5)}


def test_nothing_is_listed_exactly_when_the_hashes_are_equal(market):
    """After each record of a market's life, against the state before it."""
    for number in range(4):
        market.order(TRADER, 1, Side.BUY, 2 + number, 1_000 + number)
        market.order(SUPPLIER, 1, Side.SELL, 1, 1_010 - number)
        market.advance(market.state.market_ns + NS_PER_DAY // 3)
    market.do(TRADER, AmendOrder(order_id=market.order(TRADER, 1, Side.BUY, 9, 5), order_qty=4))
    engine, before = Engine(), State()
    for record in market.records:
        engine.apply(record)
        difference = compare_states(before, engine.state)
        assert difference.changes or difference.fields, record
        same = compare_states(engine.state, copy_of(engine.state))
        assert (same.changes, same.fields) == ([], [])
        before = copy_of(engine.state)
    assert engine.state.hash() == market.state.hash()


def test_what_has_no_words_is_named_by_its_field(market):
    """Each field of the state, alone: it is in some row or named."""
    state = market.state
    for name in state.__dataclass_fields__:
        other = copy_of(state)
        value = getattr(other, name)
        if name in ("core", "venue", "seq", "market_ns", "market_data"):
            continue
        if isinstance(value, dict):
            value.clear() if value else value.update({9: []})
        elif isinstance(value, set):
            value.add(b"9" if name == "token_hashes" else "9")
        elif isinstance(value, list):
            value.append((9, 9))
        else:
            setattr(other, name, 9)
        difference = compare_states(state, other)
        assert difference.changes or difference.fields, name


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ([], [], []),
        ([(1, 5, 3)], [(1, 5, 3)], []),
        ([(1, 5, 3)], [], [(1, 5, 3, 0)]),
        ([(1, 9, 3)], [(1, 4, 3), (4, 6, 7), (6, 9, 3)], [(4, 6, 3, 7)]),
        ([(1, 5, 3), (5, 9, 3)], [(1, 9, 4)], [(1, 9, 3, 4)]),
        ([(1, 3, 1)], [(5, 7, 1)], [(1, 3, 1, 0), (5, 7, 0, 1)]),
        ([(1, 3, 1), (5, 7, 1)], [(1, 3, 2), (5, 7, 2)], [(1, 3, 1, 2), (5, 7, 1, 2)]),
    ],
)
def test_spans_that_differ_are_as_long_as_they_can_be(before, after, wanted):
    assert list(runs_changed(before, after)) == wanted
