"""Windows and their codes: what a code names, its hours, and that every code reads back."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain.enums import WindowKind
from exchange.domain.units import HOURS_PER_DAY, NS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import (
    MAX_USER_DEFINED_DAYS,
    Window,
    add_months,
    date_of,
    day_at,
    day_of,
    gate_ns,
    month_of,
    parse_window,
    start_ns,
)

FIRST, LAST = date(2000, 1, 1), date(2099, 12, 31)
"""What two digits of a year can name."""


@pytest.mark.parametrize(
    ("code", "kind", "start", "end", "hours"),
    [
        ("D270305", WindowKind.DAY, "2027-03-05", "2027-03-06", 24),
        ("D280229", WindowKind.DAY, "2028-02-29", "2028-03-01", 24),
        ("M2702", WindowKind.MONTH, "2027-02-01", "2027-03-01", 672),
        ("M2703", WindowKind.MONTH, "2027-03-01", "2027-04-01", 744),
        ("M2802", WindowKind.MONTH, "2028-02-01", "2028-03-01", 696),
        ("Q271", WindowKind.QUARTER, "2027-01-01", "2027-04-01", 2_160),
        ("Q272", WindowKind.QUARTER, "2027-04-01", "2027-07-01", 2_184),
        ("Q273", WindowKind.QUARTER, "2027-07-01", "2027-10-01", 2_208),
        ("Q274", WindowKind.QUARTER, "2027-10-01", "2028-01-01", 2_208),
        ("Y27", WindowKind.YEAR, "2027-01-01", "2028-01-01", 8_760),
        ("Y28", WindowKind.YEAR, "2028-01-01", "2029-01-01", 8_784),
        ("S2701", WindowKind.STRIP, "2027-01-01", "2028-01-01", 8_760),
        ("S2703", WindowKind.STRIP, "2027-03-01", "2028-03-01", 8_784),
        ("X270301-270308", WindowKind.USER_DEFINED, "2027-03-01", "2027-03-08", 168),
        ("X270301-280301", WindowKind.USER_DEFINED, "2027-03-01", "2028-03-01", 8_784),
    ],
)
def test_a_code_names_one_window_and_the_window_its_code(code, kind, start, end, hours):
    window = parse_window(code)
    days = (day_of(date.fromisoformat(start)), day_of(date.fromisoformat(end)))
    assert window == Window(kind, *days)
    assert (window.hours, window.code) == (hours, code)


@pytest.mark.parametrize(
    "code",
    [
        "", "M", "m2703", "M273", "M27031", " M2703", "M2703 ", "M2703\n", "W2703", "B2703",
        "M2700", "M2713", "S2700", "S2713", "Q270", "Q275", "Q27", "Y2027", "Y7",
        "D270229", "D270431", "D271301", "D27031", "D0", "X270301", "X270301-", "X270301270308",
        "X270301-270301", "X270308-270301", "X270301-280302", "M２７０３", "M27-3", "M+703",
    ],
)  # fmt: skip
def test_everything_else_names_no_window(code):
    with pytest.raises(ValueError, match=r"window|month|day|range"):
        parse_window(code)


dates = st.dates(FIRST, LAST)
months = dates.map(lambda at: at.replace(day=1))


def window_of(kind: WindowKind, first: date, count: int) -> Window:
    """So many months from the first of a month."""
    return Window(kind, day_of(first), day_of(add_months(first, count)))


windows = st.one_of(
    dates.map(lambda at: Window(WindowKind.DAY, day_of(at), day_of(at) + 1)),
    months.map(lambda at: window_of(WindowKind.MONTH, at, 1)),
    months.map(
        lambda at: window_of(WindowKind.QUARTER, at.replace(month=at.month - (at.month - 1) % 3), 3)
    ),
    months.map(lambda at: window_of(WindowKind.YEAR, at.replace(month=1), 12)),
    months.map(lambda at: window_of(WindowKind.STRIP, at, 12)),
    st.tuples(
        st.dates(FIRST, LAST - timedelta(MAX_USER_DEFINED_DAYS)),
        st.integers(1, MAX_USER_DEFINED_DAYS),
    ).map(lambda pair: Window(WindowKind.USER_DEFINED, day_of(pair[0]), day_of(pair[0]) + pair[1])),
)


@given(windows)
def test_every_window_is_read_back_from_its_code(window):
    assert parse_window(window.code) == window
    assert window.hours == (window.end_day - window.start_day) * HOURS_PER_DAY


@given(st.text("DMQYSX0123456789-", max_size=15))
def test_a_code_that_can_be_read_is_written_the_same(code):
    try:
        window = parse_window(code)
    except ValueError:
        return
    assert window.code == code


@given(dates)
def test_the_month_of_a_day_is_its_dates(at):
    assert month_of(day_of(at)) == int(f"{at:%Y%m}")


@given(dates, st.integers(-400, 400))
def test_adding_months_and_taking_them_off_again_is_the_first_of_the_month(at, count):
    assert add_months(add_months(at, count), -count) == at.replace(day=1)


@given(dates)
def test_a_day_begins_at_midnight_of_the_site_and_its_gate_is_sixteen_hours_later(at):
    day = day_of(at)
    assert date_of(day) == at
    assert day_at(start_ns(day)) == day_at(start_ns(day + 1) - 1) == day
    assert day_at(start_ns(day) - 1) == day - 1
    assert gate_ns(day) - start_ns(day) == 16 * 3_600 * NS_PER_SECOND
    assert start_ns(day + 1) - start_ns(day) == NS_PER_DAY


def test_the_site_is_eight_hours_ahead_of_utc():
    assert start_ns(1) == 16 * 3_600 * NS_PER_SECOND
    assert gate_ns(1) == NS_PER_DAY + 8 * 3_600 * NS_PER_SECOND
    assert day_at(0) == 0
    assert day_of(date(2027, 1, 1)) == 20_819
