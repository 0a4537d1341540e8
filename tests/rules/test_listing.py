"""Products, calendars and windows: the gates to the nanosecond, and every window kind."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import DefineProduct, ListInstrument, PublishCalendar
from exchange.domain.enums import ProductKind, Side, WindowKind
from exchange.domain.events import CalendarPublished, InstrumentListed, ProductDefined
from exchange.domain.reasons import Reason
from exchange.domain.windows import Window, gate_ns, parse_window
from tests.rules.markets import (
    HOUR_NS,
    assert_refused,
    calendar,
    cross,
    day,
    mainland,
    order,
)
from tests.scenario import BANK, FIRST_DAY, PRODUCT, SUPPLIER, TRADER, Market

OPERATOR = 1
SPRING_FESTIVAL = ("2027-02-05", "2027-02-08", "2027-02-09", "2027-02-10", "2027-02-11")
NATIONAL_DAY = ("2027-10-01", "2027-10-04", "2027-10-05", "2027-10-06", "2027-10-07")
PRODUCT_2 = DefineProduct(
    code="H100-80-SXM.SG2",
    kind=ProductKind.GPU_TIME,
    gpu_class="H100-80-SXM",
    region="SG",
    supplier_account_id=SUPPLIER,
    lot_qty=8,
)


def listing(kind: WindowKind, start: str, end: str, product_id: int = 1) -> ListInstrument:
    """The command that lists a window between two dates."""
    return ListInstrument(product_id=product_id, kind=kind, start_day=day(start), end_day=day(end))


def named(code: str) -> ListInstrument:
    """The command that lists the window of a code."""
    window = parse_window(code)
    return ListInstrument(
        product_id=1, kind=window.kind, start_day=window.start_day, end_day=window.end_day
    )


def gate_of(market: Market, code: str) -> int:
    """When a window, listed here, trades last."""
    market.do(OPERATOR, named(code))
    return market.events[0].gate_closure_ns


# -- products --------------------------------------------------------------------------------------


def test_a_product_takes_the_schedules_rates_unless_it_names_its_own():
    market = Market()
    market.do(OPERATOR, PRODUCT_2)
    assert market.events == [
        ProductDefined(
            product_id=2,
            code=PRODUCT_2.code,
            kind=ProductKind.GPU_TIME,
            gpu_class="H100-80-SXM",
            region="SG",
            supplier_account_id=SUPPLIER,
            lot_qty=8,
            maker_bps=5,
            taker_bps=10,
        )
    ]
    market.do(OPERATOR, replace(PRODUCT_2, code="free", maker_bps=0, taker_bps=0))
    assert (market.events[0].maker_bps, market.events[0].taker_bps) == (0, 0)


def test_a_code_names_one_product():
    again = replace(PRODUCT_2, code=PRODUCT)
    assert_refused(Market(), OPERATOR, again, Reason.ALREADY_EXISTS)


def test_a_product_belongs_to_a_known_supplier():
    market = Market()
    unknown = replace(PRODUCT_2, supplier_account_id=99)
    assert_refused(market, OPERATOR, unknown, Reason.UNKNOWN_ACCOUNT, 99)
    trader = replace(PRODUCT_2, supplier_account_id=TRADER)
    assert_refused(market, OPERATOR, trader, Reason.WRONG_ROLE, TRADER)
    bank = replace(PRODUCT_2, supplier_account_id=BANK)
    assert_refused(market, OPERATOR, bank, Reason.WRONG_ROLE, BANK)


# -- calendars -------------------------------------------------------------------------------------


def test_a_calendar_is_recorded_in_order_and_each_day_once():
    market = mainland()
    days = [day("2027-01-05"), day("2027-01-04"), day("2027-01-05")]
    market.do(OPERATOR, PublishCalendar(year=2027, version=1, trading_days=days))
    in_order = [day("2027-01-04"), day("2027-01-05")]
    assert market.events == [CalendarPublished(year=2027, version=1, trading_days=in_order)]


def test_only_a_higher_version_replaces_a_calendar():
    market = mainland()
    market.do(OPERATOR, calendar(2027, version=3))
    for version in (2, 3):
        old = calendar(2027, version=version)
        assert_refused(market, OPERATOR, old, Reason.ALREADY_EXISTS, version, 3)
    market.do(OPERATOR, calendar(2027, version=4, holidays=SPRING_FESTIVAL))
    assert day("2027-02-05") not in market.state.calendars[2027].trading_days


def test_the_first_version_is_one_at_least():
    market = mainland()
    zero = calendar(2027, version=0)
    assert_refused(market, OPERATOR, zero, Reason.ALREADY_EXISTS, 0, 0)


def test_a_calendar_has_days_and_all_of_them_in_its_year():
    market = mainland()
    empty = PublishCalendar(year=2027, version=1, trading_days=[])
    assert_refused(market, OPERATOR, empty, Reason.EMPTY)
    for outside in ("2026-12-31", "2028-01-01"):
        wrong = replace(empty, trading_days=[day("2027-06-01"), day(outside)])
        wanted = (Reason.BAD_WINDOW, day(outside), 2027, day(outside))
        assert_refused(market, OPERATOR, wrong, *wanted)
    edges = [day("2027-01-01"), day("2027-12-31")]
    market.do(OPERATOR, replace(empty, trading_days=edges))


# -- gates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "last_day"),
    [
        ("D261126", "2026-11-25"),
        ("D261128", "2026-11-27"),
        ("D261130", "2026-11-27"),
        ("D270207", "2027-02-04"),
        ("D270212", "2027-02-04"),
        ("D270213", "2027-02-12"),
        ("X261129-270105", "2026-11-27"),
        ("M2701", "2026-12-30"),
        ("Q271", "2026-12-30"),
        ("Y27", "2026-12-30"),
        ("S2701", "2026-12-30"),
        ("M2702", "2027-01-28"),
        ("M2703", "2027-02-25"),
        ("S2703", "2027-02-25"),
        ("M2710", "2027-09-29"),
        ("Q274", "2027-09-29"),
        ("D271008", "2027-09-30"),
    ],
)
def test_a_mainland_window_trades_until_sixteen_hours_of_its_last_trading_day(code, last_day):
    market = mainland(2026, 2027, holidays=SPRING_FESTIVAL + NATIONAL_DAY)
    gate_closure_ns = gate_of(market, code)
    assert gate_closure_ns == gate_ns(day(last_day))
    assert (gate_closure_ns + 8 * HOUR_NS) % (24 * HOUR_NS) == 16 * HOUR_NS


@pytest.mark.parametrize(
    ("code", "last_day"),
    [("D261130", "2026-11-29"), ("M2703", "2027-02-27"), ("Y28", "2027-12-30")],
)
def test_a_venue_that_is_always_open_trades_every_day_and_keeps_the_gates(code, last_day):
    assert gate_of(Market(), code) == gate_ns(day(last_day))


def test_a_month_whose_last_trading_days_are_bridged_trades_until_before_the_bridge():
    holidays = ("2027-04-28", "2027-04-29", "2027-04-30")
    market = mainland(2026, 2027, holidays=holidays)
    assert gate_of(market, "M2705") == gate_ns(day("2027-04-26"))
    assert gate_of(market, "D270501") == gate_ns(day("2027-04-27"))


def test_a_mainland_venue_lists_nothing_without_the_calendar_of_the_days_before():
    market = mainland(2027)
    january = named("M2701")
    wanted = (Reason.NO_CALENDAR, 2026, 0, day("2026-12-31"))
    assert_refused(market, OPERATOR, january, *wanted)
    market.do(OPERATOR, named("M2702"))
    market.do(OPERATOR, calendar(2026))
    market.do(OPERATOR, replace(january, command_id="again"))


def test_the_search_for_a_trading_day_ends_after_sixty_days():
    market = mainland()
    only_day = day("2027-03-01")
    market.do(OPERATOR, PublishCalendar(year=2027, version=1, trading_days=[only_day]))
    days = [Window(WindowKind.DAY, only_day + n, only_day + n + 1) for n in (60, 61)]
    last, beyond = (named(window.code) for window in days)
    market.do(OPERATOR, last)
    assert market.events[0].gate_closure_ns == gate_ns(only_day)
    wanted = (Reason.NO_CALENDAR, only_day + 1, 0, only_day + 1)
    assert_refused(market, OPERATOR, beyond, *wanted)


def test_a_later_calendar_moves_the_gate_of_what_is_listed_as_if_it_were_listed_now():
    market = mainland(2026, 2027)
    assert gate_of(market, "D270209") == gate_ns(day("2027-02-08"))
    market.do(OPERATOR, calendar(2027, version=2, holidays=SPRING_FESTIVAL))
    assert market.state.instruments[1].gate_closure_ns == gate_ns(day("2027-02-04"))
    assert gate_of(market, "X270209-270210") == gate_ns(day("2027-02-04"))


def test_a_window_can_be_listed_until_the_nanosecond_before_its_gate():
    market = Market()
    gate = gate_ns(FIRST_DAY)
    cross(market, gate - 1)
    market.do(OPERATOR, named("D261124"))
    cross(market, gate)
    late = listing(WindowKind.USER_DEFINED, "2026-11-24", "2026-11-25")
    assert_refused(market, OPERATOR, late, Reason.WINDOW_CLOSED, gate, gate)


# -- windows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "start", "end", "code"),
    [
        (WindowKind.DAY, "2026-11-24", "2026-11-25", "D261124"),
        (WindowKind.MONTH, "2028-02-01", "2028-03-01", "M2802"),
        (WindowKind.QUARTER, "2027-10-01", "2028-01-01", "Q274"),
        (WindowKind.YEAR, "2028-01-01", "2029-01-01", "Y28"),
        (WindowKind.STRIP, "2027-03-01", "2028-03-01", "S2703"),
        (WindowKind.USER_DEFINED, "2027-03-01", "2027-03-08", "X270301-270308"),
        (WindowKind.USER_DEFINED, "2027-03-01", "2028-03-01", "X270301-280301"),
    ],
)
def test_each_kind_of_window_is_listed_under_its_symbol(kind, start, end, code):
    market = Market()
    market.do(OPERATOR, listing(kind, start, end))
    (listed,) = market.events
    assert isinstance(listed, InstrumentListed)
    assert listed.symbol == f"{PRODUCT}:{code}"
    assert (listed.instrument_id, listed.product_id, listed.kind) == (1, 1, kind)
    assert (listed.start_day, listed.end_day) == (day(start), day(end))


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        (WindowKind.DAY, "2027-03-01", "2027-03-03"),
        (WindowKind.DAY, "2027-03-01", "2027-03-01"),
        (WindowKind.MONTH, "2027-03-01", "2027-03-31"),
        (WindowKind.MONTH, "2027-03-01", "2027-04-02"),
        (WindowKind.MONTH, "2027-03-02", "2027-04-01"),
        (WindowKind.QUARTER, "2027-02-01", "2027-05-01"),
        (WindowKind.QUARTER, "2027-01-01", "2027-03-31"),
        (WindowKind.YEAR, "2027-02-01", "2028-02-01"),
        (WindowKind.YEAR, "2027-01-01", "2027-12-31"),
        (WindowKind.STRIP, "2027-03-02", "2028-03-02"),
        (WindowKind.STRIP, "2027-03-01", "2028-02-29"),
        (WindowKind.USER_DEFINED, "2027-03-01", "2027-03-01"),
        (WindowKind.USER_DEFINED, "2027-03-02", "2027-03-01"),
        (WindowKind.USER_DEFINED, "2027-03-01", "2028-03-02"),
        (WindowKind.MONTH, "2127-03-01", "2127-04-01"),
    ],
)
def test_a_window_that_its_code_does_not_name_exactly_is_refused(kind, start, end):
    command = listing(kind, start, end)
    wanted = (Reason.BAD_WINDOW, day(start), day(end))
    assert_refused(Market(), OPERATOR, command, *wanted)


def test_a_window_begins_tomorrow_at_the_earliest():
    market = Market()
    for late in (FIRST_DAY, FIRST_DAY - 1):
        command = named(Window(WindowKind.DAY, late, late + 1).code)
        assert_refused(market, OPERATOR, command, Reason.BAD_WINDOW, late, FIRST_DAY, late)
    market.do(OPERATOR, named("D261124"))


def test_a_window_is_listed_once_for_a_product_even_after_it_expired():
    market = Market()
    market.do(OPERATOR, PRODUCT_2)
    command = named("D261126")
    market.do(OPERATOR, command)
    assert_refused(market, OPERATOR, command, Reason.ALREADY_EXISTS)
    market.do(OPERATOR, replace(command, product_id=2))
    cross(market, gate_ns(day("2026-11-25")))
    again = listing(WindowKind.DAY, "2026-11-26", "2026-11-27")
    assert_refused(market, OPERATOR, again, Reason.ALREADY_EXISTS)


def test_a_window_is_of_a_known_product():
    unknown = replace(named("M2701"), product_id=2)
    assert_refused(Market(), OPERATOR, unknown, Reason.UNKNOWN_PRODUCT, 2)


def test_only_user_defined_windows_refuse_orders_that_rest():
    market = Market()
    week = market.list_window("X270301-270308")
    month = market.list_window("M2703")
    assert_refused(market, TRADER, order(week, Side.BUY), Reason.NEVER_RESTS, week)
    market.do(TRADER, order(month, Side.BUY))
