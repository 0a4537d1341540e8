"""Market time: every boundary once and in order, gates in batches, command ids and retention."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import AdvanceClock, AmendOrder, CancelOrder
from exchange.domain.enums import CancelReason, Side
from exchange.domain.events import (
    ClockAdvanced,
    CommandIdsExpired,
    InstrumentExpired,
    OrderCancelled,
)
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import gate_ns, start_ns
from exchange.engine import engine as engine_module
from exchange.rules import clock
from exchange.rules.delivery import report_due_ns
from tests.rules.markets import (
    HOUR_NS,
    OtherMarket,
    assert_refused,
    cross,
    day,
    events_of,
    mainland,
    order,
    own,
    times,
)
from tests.scenario import FIRST_DAY, OTHER, TRADER, Market

GATE = gate_ns(FIRST_DAY)
"""16:00 of the first day: the gate of the second."""


@pytest.fixture
def market() -> Market:
    """Five days can be bid for; the supplier has some of them."""
    market = Market()
    market.grant("X261123-270101", 1_000)
    market.days = [market.list_window(f"D2611{number}") for number in range(24, 29)]
    return market


# -- moving on -------------------------------------------------------------------------------------


def test_the_clock_moves_to_the_nanosecond_asked_for_when_nothing_is_due_before(market):
    market.do(0, AdvanceClock(market_ns=GATE - 1))
    assert market.events == [ClockAdvanced(market_ns=GATE - 1)]


def test_the_clock_never_goes_back_and_standing_still_is_not_recorded(market):
    market.do(0, AdvanceClock(market_ns=GATE - 1))
    back = AdvanceClock(market_ns=GATE - 2)
    assert_refused(market, 0, back, Reason.CLOCK_BACK, GATE - 2, GATE - 1)
    assert_refused(market, 0, AdvanceClock(market_ns=GATE - 1), Reason.EMPTY)


def test_one_command_crosses_one_boundary_at_most(market):
    market.do(0, AdvanceClock(market_ns=GATE + 10 * NS_PER_DAY))
    assert market.state.market_ns == GATE
    market.do(0, AdvanceClock(market_ns=GATE + 10 * NS_PER_DAY))
    assert market.state.market_ns == start_ns(FIRST_DAY + 1)


def test_catching_up_for_days_crosses_every_gate_and_midnight_once_and_in_order(market):
    target_ns = start_ns(FIRST_DAY + 6) + HOUR_NS
    records = cross(market, target_ns)
    boundaries = [gate_ns(FIRST_DAY), start_ns(FIRST_DAY + 1)]
    for number in range(1, 5):
        day = FIRST_DAY + number
        boundaries += [report_due_ns(day - 1), gate_ns(day), start_ns(day + 1)]
    rest = [report_due_ns(FIRST_DAY + 4), start_ns(FIRST_DAY + 6), target_ns]
    assert times(records) == [*boundaries, *rest]
    expired = [e.instrument_id for e in events_of(market, InstrumentExpired)]
    assert expired == market.days
    assert market.state.gates == []
    market.assert_replays()


def test_catching_up_at_once_and_living_through_it_give_the_same_market(market):
    live = Market()
    live.grant("X261123-270101", 1_000)
    for number in range(24, 29):
        live.list_window(f"D2611{number}")
    for at in (market, live):
        own(at, TRADER, 3, 10)
        at.order(OTHER, 2, Side.BUY, 3, 90)
    target_ns = start_ns(FIRST_DAY + 3) + 1
    cross(market, target_ns)
    for market_ns in (GATE - 5, GATE, GATE + 7, start_ns(FIRST_DAY + 2), target_ns):
        cross(live, market_ns)
    assert live.core.snapshot() == market.core.snapshot()
    assert live.state.market_ns == market.state.market_ns


def test_windows_with_the_same_gate_expire_in_one_record_in_the_order_of_their_ids():
    market = mainland(2026)
    weekend = [market.list_window(f"D2611{number}") for number in (30, 29, 28)]
    cross(market, gate_ns(day("2026-11-27")))
    expired = [e.instrument_id for e in market.events if isinstance(e, InstrumentExpired)]
    assert expired == sorted(weekend)


# -- gates -----------------------------------------------------------------------------------------


def test_at_the_gate_open_orders_are_cancelled_and_release_what_they_hold(market):
    own(market, TRADER, market.days[0], 5)
    bid = market.order(OTHER, market.days[0], Side.BUY, 3, 90)
    offer = market.order(TRADER, market.days[0], Side.SELL, 5, 110)
    next_day = market.order(OTHER, market.days[1], Side.BUY, 1, 90)
    before = market.core.balances(OTHER)
    (events,) = cross(market, GATE)
    held_amount = 3 * 24 * 90 + 7
    assert events == [
        ClockAdvanced(market_ns=GATE),
        OrderCancelled(bid, OTHER, market.days[0], Side.BUY, 3, held_amount, CancelReason.EXPIRED),
        OrderCancelled(offer, TRADER, market.days[0], Side.SELL, 5, 0, CancelReason.EXPIRED),
        InstrumentExpired(instrument_id=market.days[0]),
    ]
    assert market.core.balances(OTHER) == (before[0] + held_amount, before[1] - held_amount)
    assert market.core.day_function(TRADER, 1, "reserved_sale") == []
    assert market.core.order(next_day) is not None


def test_orders_and_amendments_are_refused_from_the_gate_on(market):
    bid = market.order(TRADER, market.days[0], Side.BUY, 2, 90)
    cross(market, GATE - 1)
    market.do(TRADER, AmendOrder(order_id=bid, order_qty=1))
    cross(market, GATE)
    late = order(market.days[0], Side.BUY)
    assert_refused(market, TRADER, late, Reason.WINDOW_CLOSED, GATE, GATE)
    gone = AmendOrder(order_id=bid, order_qty=2)
    assert_refused(market, TRADER, gone, Reason.UNKNOWN_ORDER, bid)


def resting(market: Market, count: int) -> list[int]:
    """That many bids for tomorrow."""
    return [market.order(TRADER, market.days[0], Side.BUY, 1, 50) for _ in range(count)]


@pytest.mark.parametrize(("count", "batches"), [(3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])])
def test_a_gate_with_many_orders_takes_several_records_all_at_its_time(
    market, monkeypatch, count, batches
):
    monkeypatch.setattr(clock, "CLOCK_BATCH", 3)
    orders = resting(market, count)
    records = cross(market, GATE)
    found = [[e.order_id for e in r if isinstance(e, OrderCancelled)] for r in records]
    assert [order_id for batch in found for order_id in batch] == orders
    assert list(map(len, found)) == batches
    assert set(times(records)) == {GATE}
    assert [e for r in records for e in r if isinstance(e, InstrumentExpired)] == [
        InstrumentExpired(instrument_id=market.days[0])
    ]
    assert records[-1][-1] == InstrumentExpired(instrument_id=market.days[0])
    market.assert_replays()


def test_while_a_gate_is_being_worked_off_nothing_more_trades_and_time_stands(market, monkeypatch):
    monkeypatch.setattr(clock, "CLOCK_BATCH", 2)
    orders = resting(market, 6)
    market.do(0, AdvanceClock(market_ns=GATE + HOUR_NS))
    assert market.core.order(orders[-1]) is not None
    late = order(market.days[0], Side.BUY)
    assert_refused(market, TRADER, late, Reason.WINDOW_CLOSED, GATE, GATE)
    amend = AmendOrder(order_id=orders[-1], limit_price=60)
    assert_refused(market, TRADER, amend, Reason.WINDOW_CLOSED, GATE, GATE)
    market.do(TRADER, CancelOrder(order_id=orders[-1]))
    market.do(0, AdvanceClock(market_ns=GATE + HOUR_NS))
    assert market.state.market_ns == GATE
    market.do(0, AdvanceClock(market_ns=GATE + HOUR_NS))
    market.do(0, AdvanceClock(market_ns=GATE + HOUR_NS))
    assert market.state.market_ns == GATE + HOUR_NS
    market.assert_replays()


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_many_windows_with_one_gate_share_the_batch(monkeypatch, batch):
    monkeypatch.setattr(clock, "CLOCK_BATCH", batch)
    market = mainland(2026)
    weekend = [market.list_window(f"D2611{number}") for number in (28, 29, 30)]
    orders = [
        market.order(TRADER, instrument_id, Side.BUY, 1, 50)
        for instrument_id in weekend
        for _ in range(3)
    ]
    cross(market, gate_ns(day("2026-11-27")))
    assert [e.order_id for e in events_of(market, OrderCancelled)] == orders
    assert [e.instrument_id for e in events_of(market, InstrumentExpired)] == weekend
    market.assert_replays()


# -- command ids -----------------------------------------------------------------------------------


def expiries(market: Market) -> list[int]:
    """Every `before_seq` recorded so far."""
    return [event.before_seq for event in events_of(market, CommandIdsExpired)]


@pytest.mark.parametrize("retention_days", [1, 2, 3])
def test_an_id_is_kept_for_the_whole_retention_and_then_good_again(retention_days):
    market = OtherMarket({"command_id_retention_ns": retention_days * NS_PER_DAY})
    month = market.list_window("M2701")
    cancel = replace(order(month, Side.BUY), command_id="mine")
    first = market.do(TRADER, cancel)
    market.do(TRADER, CancelOrder(order_id=first.seq))
    last_kept_ns = start_ns(FIRST_DAY + 1 + retention_days) - 1
    cross(market, last_kept_ns)
    assert expiries(market) == []
    assert market.do(TRADER, cancel).is_duplicate
    cross(market, last_kept_ns + 1)
    assert len(expiries(market)) == 1
    again = market.do(TRADER, cancel)
    assert not again.is_duplicate
    assert again.seq == market.state.seq
    market.assert_replays()


def test_an_id_of_an_open_order_is_kept_for_as_long_as_the_order_is_open():
    market = OtherMarket({"command_id_retention_ns": NS_PER_DAY})
    month = market.list_window("M2701")
    open_order = market.do(TRADER, replace(order(month, Side.BUY), command_id="open"))
    gone = market.do(TRADER, replace(order(month, Side.BUY), command_id="gone"))
    market.do(TRADER, CancelOrder(order_id=gone.seq))
    cross(market, start_ns(FIRST_DAY + 9))
    assert set(market.state.seen[TRADER]) == {"open"}
    other = replace(order(month, Side.BUY, 2), command_id="open")
    assert market.refused(TRADER, other).reason is Reason.ID_CONFLICT
    market.do(TRADER, CancelOrder(orig_client_order_id="open"))
    assert market.events[0].order_id == open_order.seq
    cross(market, start_ns(FIRST_DAY + 12))
    market.do(TRADER, other)
    market.assert_replays()


def test_ids_expire_day_by_day_and_day_rolls_with_them():
    market = OtherMarket({"command_id_retention_ns": NS_PER_DAY})
    cross(market, start_ns(FIRST_DAY + 10))
    found = expiries(market)
    assert found == sorted(set(found))
    assert len(found) == 9
    assert len(market.state.day_rolls) == 1


def test_ids_of_the_same_day_after_the_roll_are_kept(market):
    month = market.list_window("M2701")
    cross(market, start_ns(FIRST_DAY + 1))
    kept = replace(order(month, Side.BUY), command_id="kept")
    market.do(TRADER, kept)
    market.do(TRADER, CancelOrder(orig_client_order_id="kept"))
    cross(market, start_ns(FIRST_DAY + 3))
    assert len(expiries(market)) == 1
    assert market.do(TRADER, kept).is_duplicate


def test_the_last_free_command_id_is_taken_and_the_next_is_refused(market, monkeypatch):
    month = market.list_window("M2701")
    monkeypatch.setattr(engine_module, "MAX_COMMAND_IDS", 2)
    first = replace(order(month, Side.BUY), command_id="1")
    market.do(TRADER, first)
    market.do(TRADER, replace(first, command_id="2"))
    third = replace(first, command_id="3")
    assert_refused(market, TRADER, third, Reason.COMMAND_IDS, 2, 2)
    assert market.do(TRADER, first).is_duplicate
    market.do(OTHER, third)
