"""The importer of rental prices: what it takes, what it leaves out, and what it makes of it."""

import hashlib
from datetime import date
from pathlib import Path

import pytest

from clients.import_report import ImportReport
from clients.index_prices import DayPrice, day_prices, half_even, median, to_cny_micro
from clients.rental_offers import GpuFamily, first_offer_day, read_offers
from exchange.demo.prices import PriceTable
from exchange.domain.windows import day_of

HEADER = "date,commit,provider,gpu,vram_gb,kind,usd_gpu_h,fetched_at,stale\n"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
REAL_OFFERS = SHARED / "gpurentalprices_offers_2026-07_2026-08.csv"
A100 = GpuFamily("a100", 80)
FIRST = day_of(date(2026, 7, 5))


def row(
    price: str = "2.00",
    *,
    day: str = "2026-07-05",
    provider: str = "lambda",
    gpu: str = "a100-sxm-80",
    vram: str = "80",
    kind: str = "on-demand",
    stale: str = "0",
) -> str:
    return f"{day},c0,{provider},{gpu},{vram},{kind},{price},t,{stale}\n"


def offers_of(tmp_path, *rows: str):
    path = tmp_path / "offers.csv"
    path.write_text(HEADER + "".join(rows))
    return read_offers(path)


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (row("0.00"), "zero"),
        (row("-1"), "zero"),
        (row("0.049999"), "outlier"),
        (row("100.000001"), "outlier"),
        (row(""), "missing"),
        (row(provider=""), "missing"),
        (row(day=""), "missing"),
        ("2026-07-05,c0,lambda\n", "missing"),
        (row("cheap"), "non_numeric"),
        (row("nan"), "non_numeric"),
        (row("inf"), "non_numeric"),
        (row(vram="much"), "non_numeric"),
        (row(day="yesterday"), "non_numeric"),
        (row(stale="1"), "stale"),
    ],
)
def test_a_bad_row_is_counted_by_kind_and_left_out(tmp_path, bad, kind):
    offers, report = offers_of(tmp_path, row(), bad, row())
    assert len(offers) == 2
    assert report.bad_rows == {kind: 1}
    assert (report.row_count, report.good_count) == (3, 2)


@pytest.mark.parametrize("price", ["0.05", "100"])
def test_a_price_at_the_bound_is_taken(tmp_path, price):
    offers, report = offers_of(tmp_path, row(price))
    assert len(offers) == 1
    assert not report.bad_rows


def test_the_report_names_the_file_and_its_hash(tmp_path):
    _, report = offers_of(tmp_path, row())
    assert report.source == "offers.csv"
    assert report.file_sha256 == hashlib.sha256((HEADER + row()).encode()).digest()


def test_a_file_without_the_expected_columns_has_only_missing_rows(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    offers, report = read_offers(path)
    assert offers == []
    assert report.bad_rows == {"missing": 2}


def test_a_provider_with_many_rows_counts_once(tmp_path):
    offers, _ = offers_of(
        tmp_path,
        *[row("9.00", provider="loud")] * 5,
        row("1.00", provider="b"),
        row("2.00", provider="c"),
        row("3.00", provider="c"),
    )
    (price,) = day_prices(offers, A100)
    assert price.provider_usd_micro == (1_000_000, 2_500_000, 9_000_000)
    assert price.usd_micro == 2_500_000
    assert price.row_count == 8


def test_only_comparable_offers_of_the_family_count(tmp_path):
    offers, report = offers_of(
        tmp_path,
        row("1.00"),
        row("5.00", kind="spot"),
        row("6.00", kind="serverless"),
        row("7.00", vram="40"),
        row("8.00", gpu="h100-sxm"),
        row("3.00", kind="secure", provider="runpod"),
    )
    (price,) = day_prices(offers, A100)
    assert price.usd_micro == 2_000_000
    assert not report.bad_rows


@pytest.mark.parametrize(
    ("values", "middle"), [([3], 3), ([1, 2], 2), ([2, 3], 2), ([1, 9, 4], 4), ([1, 2, 3, 5], 2)]
)
def test_the_median_of_an_even_count_rounds_half_even(values, middle):
    assert median(values) == middle


@pytest.mark.parametrize(("numerator", "quotient"), [(5, 2), (15, 8), (14, 7), (16, 8), (25, 12)])
def test_halves_go_to_the_even_neighbour(numerator, quotient):
    assert half_even(numerator, 2) == quotient


def test_dollars_become_yuan_at_the_given_rate():
    assert to_cny_micro(1_970_000, 7_100_000) == 13_987_000
    assert to_cny_micro(1, 7_500_000) == 8
    assert to_cny_micro(1, 6_500_000) == 6


def table_of(*days: tuple[int, int], first_day: int = FIRST) -> PriceTable:
    report = ImportReport("offers.csv", bytes(32))
    prices = [DayPrice(FIRST + day, micro, (micro,), 4) for day, micro in days]
    return PriceTable(prices, report, first_day, 7_000_000)


def test_a_price_is_carried_three_days_and_no_longer():
    table = table_of((0, 2_000_000), (9, 3_000_000))
    for day in range(4):
        carried = table.at(FIRST + day)
        assert carried is not None
        assert (carried.usd_micro, carried.observed_day) == (2_000_000, FIRST)
    assert table.at(FIRST + 4) is None
    assert table.at(FIRST + 8) is None
    renewed = table.at(FIRST + 9)
    assert renewed is not None
    assert renewed.observed_day == FIRST + 9


def test_the_calendar_is_laid_onto_the_markets_and_says_so():
    table = table_of((0, 2_000_000), (1, 3_000_000), first_day=FIRST + 100)
    price = table.at(FIRST + 101)
    assert price is not None
    assert (price.usd_micro, price.observed_day) == (3_000_000, FIRST + 101)
    assert price.source == "offers.csv shifted 100 days"
    assert (price.index_micro, price.row_count) == (21_000_000, 4)


def test_without_a_shift_the_source_is_the_file():
    price = table_of((0, 2_000_000)).at(FIRST)
    assert price is not None
    assert price.source == "offers.csv"


def test_after_its_end_the_file_begins_again():
    table = table_of((0, 2_000_000), (1, 3_000_000))
    price = table.at(FIRST + 2)
    assert price is not None
    assert (price.usd_micro, price.observed_day) == (2_000_000, FIRST + 2)
    assert price.source == "offers.csv shifted 2 days"


def test_a_file_without_a_price_of_the_product_is_refused():
    with pytest.raises(ValueError, match=r"offers\.csv has no usable price"):
        table_of()


@pytest.mark.skipif(not REAL_OFFERS.exists(), reason=f"no real offers in {SHARED}")
def test_the_real_offers_give_a_bounded_price_for_each_of_their_days():
    offers, report = read_offers(REAL_OFFERS)
    assert report.row_count == 12_472
    assert report.bad_rows == {"stale": 91}
    assert first_offer_day(REAL_OFFERS) == FIRST
    prices = day_prices(offers, A100)
    assert [price.observed_day for price in prices] == list(range(FIRST, FIRST + 49))
    assert {price.usd_micro for price in prices[13:]} == {1_970_000}
    assert all(1_400_000 <= price.usd_micro <= 2_200_000 for price in prices)
