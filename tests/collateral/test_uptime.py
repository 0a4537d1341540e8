"""Uptime as a lender sees it: what is known, what is lost, and which days count."""

from exchange.collateral.uptime import UPTIME_DAYS_COUNT, DayHours, Uptime, uptime_of, waiting_day
from exchange.domain.meter_readings import UNKNOWN_QTY
from exchange.domain.units import HOURS_PER_DAY, PPM_WHOLE

NEWEST = 20_000


def test_an_unknown_hour_of_a_waiting_day_is_lost_whole_and_a_known_one_as_it_was_metered():
    available_qtys = [10] * 20 + [12, 7, UNKNOWN_QTY, UNKNOWN_QTY]
    assert waiting_day(NEWEST, 10, available_qtys) == DayHours(NEWEST, 240, 3 + 20, 20)
    assert waiting_day(NEWEST, 10, [10] * HOURS_PER_DAY) == DayHours(NEWEST, 240, 0, 0)


def test_thirty_days_up_to_the_newest_count_and_the_day_before_them_does_not():
    oldest = NEWEST - UPTIME_DAYS_COUNT + 1
    days = [DayHours(NEWEST, 24, 0), DayHours(oldest, 24, 6, 6), DayHours(oldest - 1, 24, 24, 24)]
    assert uptime_of(days) == Uptime((48 - 6) * PPM_WHOLE // 48, 6)


def test_a_day_on_which_nothing_was_owed_moves_no_window():
    days = [DayHours(NEWEST - 40, 24, 1), DayHours(NEWEST, 0, 0)]
    assert uptime_of(days) == Uptime(23 * PPM_WHOLE // 24, 0)


def test_before_the_first_day_nothing_is_known_against_a_supplier():
    assert uptime_of([]) == Uptime(PPM_WHOLE, 0)
