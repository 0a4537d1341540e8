"""Price tables over time, alarms, coverage, and the import into a served venue's log."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from clients.import_report import ImportReport
from clients.index_prices import (
    Alarm,
    DayPrice,
    PriceSeries,
    day_prices,
    index_price,
    read_series,
    usd_cny_ppm_of,
)
from clients.rental_offers import SPOT_KINDS, GpuFamily, PriceFormat, format_of, read_offers
from exchange.cli import app

HEADER = (
    "commit_date,commit,cloud,gpu_type,arch,gpus,ondemand_usd_h,per_gpu_usd_h,spot_usd_h,name\n"
)
SHARED = Path(__file__).resolve().parents[3] / "shared/data"
TABLE = SHARED / "fsdl_cloud_gpus_history_2022-08_2025-03.csv"
OFFERS = SHARED / "gpurentalprices_offers_2026-07_2026-08.csv"
A100 = GpuFamily("a100", 80)
A100_SPOT = GpuFamily("a100", 80, SPOT_KINDS)


def row(
    firm: str = "3.67",
    spot: str = "",
    *,
    gpu_type: str = "A100 (80 GB)",
    gpus: str = "4",
    day: str = "2023-05-12",
    cloud: str = "Azure",
) -> str:
    return f"{day},c0,{cloud},{gpu_type},Ampere,{gpus},14.69,{firm},{spot},name\n"


def table_of(tmp_path: Path, *rows: str):
    path = tmp_path / "table.csv"
    path.write_text(HEADER + "".join(rows))
    return path


def series(*days: tuple[int, int]) -> PriceSeries:
    prices = tuple(DayPrice(day, micro, (micro,), 1) for day, micro in days)
    return PriceSeries(prices, ImportReport("offers.csv", bytes(32)))


def test_a_row_of_a_price_table_is_a_firm_offer_and_a_spot_offer_for_one_gpu(tmp_path):
    path = table_of(tmp_path, row("3.67", "5.88"))
    offers, report = read_offers(path)
    assert [(each.kind, each.usd_micro) for each in offers] == [
        ("on-demand", 3_670_000),
        ("spot", 1_470_000),
    ]
    assert {(each.gpu, each.vram_gb, each.provider) for each in offers} == {("a100", 80, "Azure")}
    assert not report.bad_rows
    assert format_of(path) is PriceFormat.TABLE


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (row("0.00"), "zero"),
        (row("3.67", "1000"), "outlier"),
        (row(gpu_type="A100"), "missing"),
        (row(gpus="some"), "non_numeric"),
        (row(gpus="some", spot="1"), "non_numeric"),
        (row(day="May"), "non_numeric"),
        (row(cloud=""), "missing"),
    ],
)
def test_a_bad_row_of_a_price_table_is_counted_and_left_out_whole(tmp_path, bad, kind):
    offers, report = read_offers(table_of(tmp_path, row(), bad))
    assert report.bad_rows == {kind: 1}
    assert len(offers) == 1


def test_spot_and_firm_prices_of_one_gpu_are_two_series(tmp_path):
    offers, _ = read_offers(table_of(tmp_path, row("3.00", "8.00"), row("5.00", cloud="AWS")))
    assert [price.usd_micro for price in day_prices(offers, A100)] == [4_000_000]
    assert [price.usd_micro for price in day_prices(offers, A100_SPOT)] == [2_000_000]


def test_a_step_of_forty_per_cent_is_no_alarm_and_one_of_a_trace_more_is():
    assert series((1, 100), (2, 140), (3, 84)).alarms() == []
    assert series((1, 1_000), (2, 1_401)).alarms() == [Alarm(2, 1_000, 1_401)]
    assert series((1, 1_000), (4, 599)).alarms() == [Alarm(4, 1_000, 599)]


def test_after_a_gap_that_is_not_carried_no_step_is_an_alarm():
    assert series((1, 1_000), (5, 9_000)).alarms() == []


def test_coverage_counts_days_with_a_price_or_a_carried_one():
    assert series().coverage_ppm() == 0
    assert series((1, 100)).coverage_ppm() == 1_000_000
    assert series((1, 100), (5, 100)).coverage_ppm() == 1_000_000
    assert series((1, 100), (10, 100)).coverage_ppm() == 500_000


@pytest.mark.parametrize("text", ["7.10", "7.1", "100", "0.000001"])
def test_a_rate_is_a_plain_decimal(text):
    assert usd_cny_ppm_of(text) > 0


@pytest.mark.parametrize("text", ["", "seven", "nan", "inf", "0", "-7", "100.000001", "0.0000001"])
def test_what_is_no_rate_is_named(text):
    with pytest.raises(ValueError, match="is no rate like"):
        usd_cny_ppm_of(text)


def test_a_published_price_says_which_rows_of_which_file_it_came_from():
    found = series((20_000, 2_000_000))
    price = index_price(found.days[0], found.report, 7_100_000)
    assert (price.index_micro, price.usd_micro, price.observed_day) == (
        14_200_000,
        2_000_000,
        20_000,
    )
    assert (price.source, price.row_count, price.file_sha256) == ("offers.csv", 1, bytes(32))


def test_a_file_without_the_gpu_is_named_and_exits_2(tmp_path):
    path = table_of(tmp_path, row())
    to = ["--gpu-class", "H100", "--region", "SG1", "--gpu", "h100", "--vram-gb", "80"]
    done = CliRunner().invoke(app, ["index-prices", "import", f"{path}", *to, "--dry-run"])
    assert done.exit_code == 2
    assert "no_price" in done.stderr


@pytest.mark.skipif(not TABLE.exists(), reason=f"no price table in {SHARED}")
def test_the_real_price_table_gives_a_price_for_each_of_its_versions():
    found = read_series(TABLE, A100)
    assert len(found.days) == 29
    assert found.report.row_count == 5_153
    assert all(1_000_000 < day.usd_micro < 6_000_000 for day in found.days)


@pytest.mark.skipif(not OFFERS.exists(), reason=f"no offers in {SHARED}")
def test_the_real_offers_cover_every_day_without_alarm():
    found = read_series(OFFERS, A100)
    assert (len(found.days), found.coverage_ppm(), found.alarms()) == (49, 1_000_000, [])
