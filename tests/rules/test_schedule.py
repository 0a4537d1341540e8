"""The life cycle of windows by the clock: what is listed at any time, and what cascades when."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    AdvanceClock,
    DefineProduct,
    HaltInstrument,
    ListInstrument,
    ScheduleListings,
)
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import CancelReason, ProductKind, Side, WindowKind
from exchange.domain.events import (
    ClockAdvanced,
    InstrumentExpired,
    InstrumentHalted,
    InstrumentListed,
    OrderCancelled,
)
from exchange.domain.listing_schedule import windows_ahead
from exchange.domain.reasons import Reason
from exchange.domain.schedule_events import ChildInterest, InstrumentCascaded, ListingsScheduled
from exchange.domain.windows import date_of, gate_ns, parse_window, parts_of, start_ns
from exchange.rules import clock
from tests.rules.markets import (
    HOUR_NS,
    assert_refused,
    calendar,
    cross,
    day,
    events_of,
    mainland,
    order,
    own,
    span,
)
from tests.scenario import FIRST_DAY, OTHER, PRODUCT, SUPPLIER, TRADER, Market

OPERATOR = 1
MONDAY_ROLL_NS = start_ns(FIRST_DAY + 1)
SCHEDULE = ScheduleListings(product_id=1)
NOTHING = replace(
    SCHEDULE,
    day_count=0,
    month_count=0,
    quarter_count=0,
    year_count=0,
    strip_count=0,
    is_balance_listed=False,
)


def scheduled(market: Market | None = None, command: ScheduleListings = SCHEDULE) -> Market:
    """A market whose product the clock lists, after the clock's first look at it."""
    market = market or Market()
    market.do(OPERATOR, command)
    cross(market, market.state.market_ns)
    return market


def codes(market: Market, kind: WindowKind | None = None) -> list[str]:
    """The codes of what is listed and open, in the order of listing."""
    open_ids = sorted(instrument_id for _, instrument_id in market.state.gates)
    listed = [market.state.instruments[instrument_id] for instrument_id in open_ids]
    return [each.symbol.split(":")[1] for each in listed if kind in (None, each.kind)]


def window_id(market: Market, code: str) -> int:
    """The instrument of a window."""
    return market.state.instrument_ids[f"{PRODUCT}:{code}"]


# -- what is listed at any time -------------------------------------------------------------------


def test_at_any_time_the_table_of_windows_is_listed():
    market = scheduled()
    days = codes(market, WindowKind.DAY)
    assert (len(days), days[0], days[-1]) == (45, "D261124", "D270107")
    assert codes(market, WindowKind.BALANCE) == ["B261124"]
    months = codes(market, WindowKind.MONTH)
    assert (len(months), months[0], months[-1]) == (36, "M2612", "M2911")
    quarters = codes(market, WindowKind.QUARTER)
    assert quarters == ["Q271", "Q272", "Q273", "Q274", "Q281", "Q282", "Q283", "Q284"]
    assert codes(market, WindowKind.YEAR) == ["Y27", "Y28"]
    assert codes(market, WindowKind.STRIP) == ["S2612", "S2701", "S2702"]
    assert codes(market, WindowKind.USER_DEFINED) == []
    market.assert_replays()


def test_each_day_brings_a_day_more_and_the_balance_from_the_next_one_on():
    market = scheduled()
    (close, gate, roll) = cross(market, MONDAY_ROLL_NS)
    assert [type(event) for event in close] == [ClockAdvanced]
    assert [type(event) for event in gate] == [
        ClockAdvanced,
        InstrumentExpired,
        InstrumentCascaded,
        InstrumentExpired,
    ]
    listed = [event.symbol.split(":")[1] for event in roll if isinstance(event, InstrumentListed)]
    assert listed == ["D270108", "B261125"]


def test_a_month_a_quarter_and_a_strip_follow_when_theirs_have_begun():
    market = scheduled()
    before = set(codes(market))
    cross(market, start_ns(day("2027-01-01")))
    new = {code for code in codes(market) if code not in before and code[0] not in "DB"}
    assert new == {"M2912", "M3001", "S2703", "S2704", "Q291", "Y29"}


def test_every_day_of_four_years_has_its_windows():
    """A quarter begins in a month that may be shorter than the one that runs: 31 May, April."""
    schedule = ListingsScheduled(
        product_id=1,
        day_count=1,
        month_count=1,
        quarter_count=2,
        year_count=1,
        strip_count=1,
        is_balance_listed=True,
    )
    for today in range(day("2027-01-01"), day("2031-01-01")):
        assert all(window.start_day > today for window in windows_ahead(today, schedule))
    ahead = [window.code for window in windows_ahead(day("2028-05-31"), schedule)]
    assert [code for code in ahead if code[0] == "Q"] == ["Q283", "Q284"]


@pytest.mark.parametrize(
    ("today", "code"),
    [
        ("2027-02-28", None),
        ("2027-03-01", "B270302"),
        ("2027-03-04", "B270305"),
        ("2027-03-29", "B270330"),
        ("2027-03-30", None),
        ("2027-03-31", None),
    ],
)
def test_the_balance_is_that_of_the_current_month_from_tomorrow_on(today, code):
    schedule = ListingsScheduled(
        product_id=1,
        day_count=0,
        month_count=0,
        quarter_count=0,
        year_count=0,
        strip_count=0,
        is_balance_listed=True,
    )
    found = [window.code for window in windows_ahead(day(today), schedule)]
    assert found == ([] if code is None else [code])


def test_a_balance_of_month_is_its_days_and_reads_back_from_its_code():
    balance = parse_window("B270305")
    assert [part.code for part in parts_of(balance)] == [f"D2703{n:02d}" for n in range(5, 32)]
    assert (balance.hours, balance.code) == (27 * 24, "B270305")
    assert date_of(balance.end_day).isoformat() == "2027-04-01"


def test_whatever_is_listed_is_made_of_windows_that_are_listed():
    """A month's days are when their month is near, a far year's quarters when they come."""
    market = scheduled()
    cross(market, start_ns(day("2027-01-05")))
    listed = set(codes(market))
    for code in listed:
        window = parse_window(code)
        if window.kind in (WindowKind.QUARTER, WindowKind.STRIP, WindowKind.BALANCE):
            assert listed.issuperset(part.code for part in parts_of(window)), code
        if window.kind is WindowKind.YEAR:
            months = [m.code for quarter in parts_of(window) for m in parts_of(quarter)]
            assert listed.issuperset(months), code


def test_what_is_made_of_months_waits_until_all_of_them_are_listed():
    market = scheduled(command=replace(SCHEDULE, month_count=12))
    assert codes(market, WindowKind.QUARTER) == ["Q271", "Q272", "Q273"]
    assert codes(market, WindowKind.YEAR) == []
    assert codes(market, WindowKind.STRIP) == ["S2612"]


def test_only_the_scheduled_product_is_listed_and_only_by_what_its_schedule_says():
    market = Market()
    market.do(
        OPERATOR,
        DefineProduct(
            code="other",
            kind=ProductKind.GPU_TIME,
            gpu_class="H100",
            region="SG",
            supplier_account_id=SUPPLIER,
            lot_qty=1,
        ),
    )
    scheduled(market, replace(NOTHING, product_id=2, day_count=2))
    assert list(market.state.instrument_ids) == ["other:D261124", "other:D261125"]
    scheduled(market, replace(NOTHING, day_count=1))
    assert market.state.instrument_ids[f"{PRODUCT}:D261124"] == 3


def test_a_window_that_was_listed_by_hand_is_not_listed_again():
    market = Market()
    market.list_window("M2612")
    scheduled(market, replace(NOTHING, month_count=1))
    assert codes(market) == ["M2612"]
    twice = ListInstrument(product_id=1, kind=WindowKind.MONTH, **span("M2612"))
    assert_refused(market, OPERATOR, twice, Reason.ALREADY_EXISTS)


def test_a_product_that_is_not_there_cannot_be_scheduled():
    unknown = replace(SCHEDULE, product_id=9)
    assert_refused(Market(), OPERATOR, unknown, Reason.UNKNOWN_PRODUCT, 9)


def test_nothing_more_is_listed_of_a_terminated_suppliers_product():
    market = scheduled(command=replace(NOTHING, day_count=3))
    count = len(market.state.instruments)
    market.do(OPERATOR, SuspendSupplier(supplier_account_id=SUPPLIER))
    cross(market, MONDAY_ROLL_NS)
    assert len(market.state.instruments) == count + 1
    market.do(OPERATOR, TerminateSupplier(supplier_account_id=SUPPLIER))
    cross(market, MONDAY_ROLL_NS + 24 * HOUR_NS)
    assert len(market.state.instruments) == count + 1
    assert market.state.listed_day == FIRST_DAY + 2
    market.assert_replays()


def test_a_window_is_born_with_the_halts_of_its_parts():
    market = Market()
    december = market.list_window("M2612")
    market.do(OPERATOR, HaltInstrument(instrument_id=december))
    scheduled(market, replace(NOTHING, month_count=12, strip_count=1))
    strip = window_id(market, "S2612")
    halted = InstrumentHalted(instrument_id=strip, cause_instrument_id=december)
    assert events_of(market, InstrumentHalted)[-1] == halted


# -- by the clock ---------------------------------------------------------------------------------


def test_a_new_schedule_is_worked_off_at_once_in_a_record_of_the_clock():
    market = Market()
    market.do(OPERATOR, replace(NOTHING, day_count=1))
    assert codes(market) == []
    now_ns = market.state.market_ns
    market.do(0, AdvanceClock(market_ns=now_ns))
    advanced, listed = market.events
    assert advanced == ClockAdvanced(market_ns=now_ns)
    assert listed.symbol == f"{PRODUCT}:D261124"
    assert_refused(market, 0, AdvanceClock(market_ns=now_ns), Reason.EMPTY)


def test_a_schedule_that_asks_for_nothing_new_is_looked_at_once():
    market = Market()
    market.do(OPERATOR, NOTHING)
    assert clock.next_boundary_ns(market.state) == market.state.market_ns
    assert len(cross(market, market.state.market_ns)) == 1
    assert clock.next_boundary_ns(market.state) > market.state.market_ns


@pytest.mark.parametrize(("batch", "counts"), [(2, [2, 1]), (3, [3]), (1, [1, 1, 1])])
def test_more_than_a_record_holds_is_listed_in_further_records_of_the_same_time(
    monkeypatch, batch, counts
):
    monkeypatch.setattr(clock, "CLOCK_BATCH", batch)
    market = Market()
    market.do(OPERATOR, replace(NOTHING, day_count=3))
    records = cross(market, market.state.market_ns)
    assert [sum(isinstance(e, InstrumentListed) for e in r) for r in records] == counts
    assert [record[0].is_complete for record in records] == [*[False] * (len(counts) - 1), True]
    market.assert_replays()


def test_while_windows_are_being_listed_orders_are_refused(monkeypatch):
    monkeypatch.setattr(clock, "CLOCK_BATCH", 2)
    market = Market()
    market.do(OPERATOR, replace(NOTHING, day_count=3))
    market.do(0, AdvanceClock(market_ns=market.state.market_ns))
    now_ns = market.state.market_ns
    outcome = market.refused(TRADER, order(1, Side.BUY))
    assert outcome.reason is Reason.HALTED
    market.do(0, AdvanceClock(market_ns=now_ns))
    market.do(TRADER, order(1, Side.BUY))


def test_an_exchange_that_was_away_for_days_lists_what_each_of_them_asked_for():
    market = scheduled(command=replace(NOTHING, day_count=2))
    cross(market, start_ns(FIRST_DAY + 5) + HOUR_NS)
    found = [event.symbol.split(":D")[1] for event in events_of(market, InstrumentListed)]
    assert found == [f"2611{number}" for number in range(24, 31)]
    market.assert_replays()


def test_on_working_days_a_window_whose_gate_has_closed_is_not_listed_any_more():
    market = mainland(2026, 2027)
    cross(market, start_ns(day("2026-11-27")))
    scheduled(market, replace(NOTHING, day_count=4, is_balance_listed=True))
    assert codes(market, WindowKind.DAY) == ["D261128", "D261129", "D261130", "D261201"]
    assert codes(market, WindowKind.BALANCE) == ["B261128"]
    cross(market, start_ns(day("2026-11-28")))
    assert codes(market) == ["D261201", "D261202"]
    market.assert_replays()


def test_what_no_calendar_covers_is_listed_as_soon_as_one_does():
    market = mainland(2026)
    scheduled(market, replace(NOTHING, month_count=36, year_count=2))
    assert codes(market) == ["M2612", "M2701"]
    market.do(OPERATOR, calendar(2027))
    cross(market, market.state.market_ns)
    assert codes(market, WindowKind.MONTH)[-1] == "M2801"
    assert codes(market, WindowKind.YEAR) == ["Y27"]
    market.assert_replays()


def test_windows_are_listed_before_the_day_opens():
    market = scheduled(mainland(2026, 2027), replace(NOTHING, day_count=3))
    cross(market, start_ns(day("2026-11-25")))
    assert market.events[0] == ClockAdvanced(market_ns=start_ns(day("2026-11-25")))
    assert market.events[-1].symbol.endswith("D261128")


# -- cascades -------------------------------------------------------------------------------------


def cascading() -> Market:
    """The trader holds ten of December and two more of its first day; the gate is near."""
    market = Market()
    market.grant("X261124-270301", 100)
    scheduled(market, replace(NOTHING, month_count=1, day_count=9))
    own(market, TRADER, window_id(market, "M2612"), 10)
    own(market, TRADER, window_id(market, "D261201"), 2)
    return market


def test_at_its_last_trading_day_a_parent_cascades_and_its_orders_end():
    market = cascading()
    december = window_id(market, "M2612")
    bid = market.order(OTHER, december, Side.BUY, 3, 90)
    offer = market.order(TRADER, december, Side.SELL, 4, 200)
    title = market.core.day_function(TRADER, 1, "title")
    gate = gate_ns(day("2026-11-29"))
    cross(market, gate - 1)
    cross(market, gate)
    cancelled = [event for event in market.events if isinstance(event, OrderCancelled)]
    assert [event.order_id for event in cancelled] == [bid, offer]
    assert {event.cancel_reason for event in cancelled} == {CancelReason.CASCADED}
    cascaded, expired = market.events[-2:]
    assert expired == InstrumentExpired(instrument_id=december)
    assert (cascaded.instrument_id, cascaded.open_interest_qty) == (december, 10)
    first = parse_window("D261201")
    child = ChildInterest(window_id(market, "D261201"), first.start_day, first.end_day, 12)
    assert cascaded.children[0] == child
    assert [child.open_interest_qty for child in cascaded.children[1:]] == [10] * 30
    assert market.core.day_function(TRADER, 1, "title") == title
    market.assert_replays()


def test_a_part_that_is_not_listed_is_named_by_its_days_alone():
    market = cascading()
    cross(market, gate_ns(day("2026-11-29")))
    (cascaded,) = [e for e in market.events if isinstance(e, InstrumentCascaded)]
    listed_ids = [child.instrument_id for child in cascaded.children]
    assert all(listed_ids[:8])
    assert not any(listed_ids[8:])


def test_a_year_cascades_into_quarters_a_quarter_and_a_strip_into_months():
    market = Market()
    market.grant("Y27", 100)
    scheduled(market, replace(SCHEDULE, day_count=0, is_balance_listed=False))
    own(market, TRADER, window_id(market, "Y27"), 5)
    own(market, OTHER, window_id(market, "M2702"), 3)
    cross(market, gate_ns(day("2026-12-30")))
    found = {
        market.state.instruments[event.instrument_id].symbol.split(":")[1]: event
        for event in events_of(market, InstrumentCascaded)
    }
    by_symbol = {i: each.symbol.split(":")[1] for i, each in market.state.instruments.items()}
    for code, children, interest in (
        ("Y27", ["Q271", "Q272", "Q273", "Q274"], [5, 5, 5, 5]),
        ("Q271", ["M2701", "M2702", "M2703"], [5, 8, 5]),
        ("S2701", [f"M27{number:02d}" for number in range(1, 13)], [5, 8, *[5] * 10]),
    ):
        assert [by_symbol[child.instrument_id] for child in found[code].children] == children
        assert [child.open_interest_qty for child in found[code].children] == interest
        assert found[code].open_interest_qty == 5


def test_the_houses_own_title_is_no_open_interest_and_a_buy_back_reduces_it():
    market = cascading()
    december = window_id(market, "M2612")
    market.order(TRADER, december, Side.SELL, 4, 100)
    market.order(SUPPLIER, december, Side.BUY, 4, 100)
    cross(market, gate_ns(day("2026-11-29")))
    (cascaded,) = [e for e in market.events if isinstance(e, InstrumentCascaded)]
    assert cascaded.open_interest_qty == 6


def test_a_day_and_a_user_defined_window_expire_and_do_not_cascade():
    market = Market()
    market.list_window("D261124")
    market.list_window("X261124-261130")
    cross(market, gate_ns(FIRST_DAY))
    assert [type(event) for event in market.events[1:]] == [InstrumentExpired] * 2


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_parent_with_many_orders_cascades_with_the_last_of_them(monkeypatch, batch):
    monkeypatch.setattr(clock, "CLOCK_BATCH", batch)
    market = Market()
    market.list_window("M2612")
    bids = [market.order(TRADER, 1, Side.BUY, 1, 50) for _ in range(4)]
    records = cross(market, gate_ns(day("2026-11-29")))
    cascading_records = [r for r in records if any(isinstance(e, InstrumentCascaded) for e in r)]
    assert cascading_records == [records[-1]]
    assert [e.order_id for e in events_of(market, OrderCancelled)] == bids
    market.assert_replays()
