"""The living market: on the first days of real demand and prices, and on a model of its own."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exchange.demo.venue_setup import GRANTED_DAYS
from exchange.domain.collateral_views import CollateralMarkView
from exchange.domain.events import CapacityGranted
from exchange.domain.record import decode_body
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at
from exchange.domain.wire import PledgeView
from exchange.log import ChainVerifier, LogName, read_frames, read_only_log

from .processes import VenueProcess
from .venue import fetch

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DEMAND = DATA / "philly_2017.csv.gz"
PRICES = DATA / "gpurentalprices_offers_2026-07_2026-08.csv"
MODEL_SPEED = 30_000
SEED, DAYS_COUNT = 3, 20
"""From 22 November on, into the first month that is traded ahead."""


@pytest.mark.skipif(
    not (DEMAND.exists() and PRICES.exists()), reason=f"the real files are not in {DATA}"
)
def test_the_demo_runs_on_real_demand_and_prices(venues: Any) -> None:
    """Two market days: a summary, a clean log, capacity conserved, a mark for every pledge."""
    venue = venues(None)
    summary = _demo(venue, 2, 10_000, "--demand", DEMAND, "--prices", PRICES)
    assert summary["market_days"] >= 2
    assert summary["order_count"] > 0
    assert summary["trade_count"] > 0
    assert summary["traded_gpu_hours"] > 0
    assert summary["mark_count"] > 0
    assert sum(summary["pledges"].values()) > 0
    assert len(summary["imports"]) == 2
    assert all(f"{path.name}: " in "".join(summary["imports"]) for path in (DEMAND, PRICES))

    seq = venue.verify()
    replayed = venue.shell("replay", "--json").value
    assert replayed["seq"] == seq
    _assert_capacity_is_conserved(venue, replayed)

    venue.start("--speed", 2)
    pledged = asyncio.run(fetch(venue, "/v1/pledges", "bank")).body
    pulled = asyncio.run(fetch(venue, "/v1/collateral/marks", "bank")).body
    pledges = {
        pledge.pledge_id: pledge
        for pledge in msgspec.json.decode(pledged, type=list[PledgeView])
        if pledge.pledge_status in ("requested", "active")
    }
    marks = msgspec.json.decode(pulled, type=list[CollateralMarkView])
    assert pledges
    assert {mark.pledge_id for mark in marks} == set(pledges)
    for mark in marks:
        pledge = pledges[mark.pledge_id]
        assert (mark.start_day, mark.end_day) == (pledge.start_day, pledge.end_day)
        assert mark.collateral_qty == pledge.pledged_qty
        assert 1 <= mark.level <= 7
        assert 0 <= mark.lendable_amount < mark.value_amount
        assert mark.haircut_ppm == min(PPM_WHOLE, sum(mark.haircut_lines.values()))
    assert venue.stop() == 0


def test_the_demo_without_files_goes_on_where_it_was(venues: Any) -> None:
    """Started again on the same directory it trades on, in the same log."""
    venue = venues(None)
    first = _demo(venue, 1, MODEL_SPEED)
    assert first["order_count"] > 0
    first_seq = venue.verify()
    first_picture = venue.shell("replay", "--json").value
    second = _demo(venue, 1, MODEL_SPEED)
    assert second["order_count"] > 0
    assert venue.verify() > first_seq
    again = venue.shell("replay", "--to-seq", first_seq, "--json").value
    assert again == first_picture, "what was is still what it was"
    last = venue.shell("replay", "--json").value
    assert last["market_ns"] > first_picture["market_ns"]
    _assert_capacity_is_conserved(venue, last)


def test_a_demo_of_some_days_is_wound_up_and_leaves_nothing_in_escrow(venues: Any) -> None:
    """Its log is clean, every day is closed, and all that was paid in went to somebody."""
    venue = venues(None)
    words = ("--http-port", 0, "--days", DAYS_COUNT, "--seed", SEED, "--json")
    exit_code = venue.launch("demo", *words).wait_end(180)
    assert exit_code == 0, venue.stderr()
    summary = msgspec.json.decode(venue.stdout())
    assert summary["market_days"] >= DAYS_COUNT
    reckoning = summary["reckoning"]
    assert reckoning["seq"] == venue.verify()
    assert reckoning["trade_count"] > 20
    assert reckoning["delivered_count"] >= DAYS_COUNT
    assert reckoning["delivered_count"] + reckoning["cancelled_count"] == GRANTED_DAYS
    assert reckoning["shortfall_count"] > 0
    assert reckoning["released_amount"] > 0
    assert reckoning["refunded_amount"] > 0
    returned_amount = reckoning["released_amount"] + reckoning["refunded_amount"]
    assert returned_amount == reckoning["funded_amount"]
    assert reckoning["escrow_amount"] == reckoning["rent_amount"] == 0
    assert reckoning["lowest_amount"] >= 0
    again = venue.shell("demo", "--http-port", 0, "--days", 1)
    assert again.exit_code == 4
    assert "was wound up" in again.stderr


def test_a_demo_that_is_interrupted_stops_in_order(venues: Any) -> None:
    """Ctrl-C ends it with a summary and exit code 0, and its log is clean."""
    venue = venues(None)
    venue.launch("demo", "--http-port", 0, "--speed", MODEL_SPEED, "--json").wait_ready()
    group = venue.pid
    assert venue.stop() == 0, venue.stderr()
    assert msgspec.json.decode(venue.stdout())["market_days"] >= 0
    assert venue.leftovers(group) == []
    venue.verify()


def _demo(venue: VenueProcess, days: int, speed: int, *options: object) -> dict[str, Any]:
    """So many market days; their summary."""
    words = ("--http-port", 0, "--days", days, "--no-wind-up", "--speed", speed, "--json")
    exit_code = venue.launch("demo", *words, *options).wait_end(120)
    assert exit_code == 0, venue.stderr()
    summary: dict[str, Any] = msgspec.json.decode(venue.stdout())
    return summary


def _assert_capacity_is_conserved(venue: VenueProcess, picture: dict[str, Any]) -> None:
    """On every day to come, the accounts' titles add up to what was granted."""
    today = day_at(picture["market_ns"])
    granted_qty: dict[int, int] = {}
    with read_only_log(venue.data_dir) as client:
        for frame in read_frames(client, ChainVerifier(LogName("demo"))):
            for record in frame.records:
                for event in decode_body(record)[1]:
                    if isinstance(event, CapacityGranted):
                        for day in range(event.start_day, event.end_day):
                            granted_qty[day] = granted_qty.get(day, 0) + event.granted_qty
    title_qty = dict.fromkeys(granted_qty, 0)
    for position in picture["positions"]:
        for start_day, end_day, qty in position["title"]:
            assert qty > 0
            for day in range(start_day, end_day):
                title_qty[day] += qty
    ahead = [day for day in granted_qty if day > today]
    assert ahead
    assert {day: title_qty[day] for day in ahead} == {day: granted_qty[day] for day in ahead}
