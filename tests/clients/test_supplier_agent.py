"""The supplier's agent: what it counts, what it takes for an hour, and what it posts."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.errors import Refused
from clients.gpu_metrics import MetricsUnreadable, healthy_qty
from clients.reading_files import ReadingsUnreadable, readings_of
from clients.supplier_agent import HOUR_NS, HourMeter, run_agent
from exchange.domain.meter_readings import Reading
from exchange.domain.windows import parse_window, start_ns
from exchange.domain.wire import Error

DAY = parse_window("D270305").start_day
MINUTE_NS = HOUR_NS // 60
EXPOSITION = """\
# HELP DCGM_FI_DEV_GPU_TEMP GPU temperature (in C).
# TYPE DCGM_FI_DEV_GPU_TEMP gauge
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a",device="nvidia0",Hostname="n1"} 41
DCGM_FI_DEV_GPU_TEMP{gpu="1",UUID="GPU-b",device="nvidia1",Hostname="n1"} 43
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-c",device="nvidia0",Hostname="n2"} 40 1772668800000
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-a",Hostname="n1",err_msg="No \\"error\\""} 0
DCGM_FI_DEV_XID_ERRORS{gpu="1",UUID="GPU-b",Hostname="n1",err_msg="GPU has fallen"} 79

process_cpu_seconds_total 12.5
"""


# -- metrics ---------------------------------------------------------------------------------------


def test_a_gpu_counts_unless_a_fault_is_told_of_it():
    assert healthy_qty(EXPOSITION) == 2
    assert healthy_qty(EXPOSITION.replace("} 79", "} 0")) == 3
    assert healthy_qty(EXPOSITION.replace("} 79", "} NaN")) == 2
    assert healthy_qty("process_cpu_seconds_total 12.5\n") == 0
    assert healthy_qty("") == 0


def test_gpus_without_uuids_are_told_apart_by_host_and_number():
    lines = [
        f'DCGM_FI_DEV_GPU_UTIL{{gpu="{gpu}",Hostname="{host}"}} 99'
        for host in ("n1", "n2")
        for gpu in range(8)
    ]
    assert healthy_qty("\n".join([*lines, *lines])) == 16


@pytest.mark.parametrize("line", ["<html>", "DCGM_FI_DEV_GPU_UTIL 9x", '{gpu="0"} 1'])
def test_what_is_no_exposition_is_not_taken_for_zero_gpus(line):
    with pytest.raises(MetricsUnreadable, match="line 2"):
        healthy_qty(f"up 1\n{line}\n")


# -- hours -----------------------------------------------------------------------------------------


def metered(samples: list[tuple[int, int | None]]) -> list[Reading]:
    """The readings of samples at minutes of the day."""
    meter = HourMeter(2 * MINUTE_NS)
    found = [meter.sample(start_ns(DAY) + minute * MINUTE_NS, qty) for minute, qty in samples]
    return [reading for reading in found if reading is not None]


def test_an_hour_is_worth_the_least_of_its_samples():
    samples = [(minute, 64 if minute != 30 else 63) for minute in range(61)]
    assert metered(samples) == [Reading(DAY, 0, 63)]


def test_an_hour_with_a_gap_or_of_which_an_end_was_not_seen_stays_unknown():
    whole = [(minute, 64) for minute in range(121)]
    assert metered(whole) == [Reading(DAY, 0, 64), Reading(DAY, 1, 64)]
    assert metered(whole[3:]) == [Reading(DAY, 1, 64)]
    assert metered(whole[:20] + whole[23:]) == [Reading(DAY, 1, 64)]
    assert metered(whole[:58] + whole[60:]) == [Reading(DAY, 1, 64)]
    failed = [(m, None if 30 <= m < 33 else qty) for m, qty in whole]
    assert metered(failed) == [Reading(DAY, 1, 64)]
    assert metered([(0, 64), (120, 64)]) == []


# -- the agent -------------------------------------------------------------------------------------


class PassingHours:
    """The exchange: half an hour passes with each look, and the first reading is refused."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.stop = stop
        self.market_ns = start_ns(DAY)
        self.taken: list[list[int]] = []
        self.refused_count = 0

    async def health(self) -> SimpleNamespace:
        """Market time."""
        self.market_ns += HOUR_NS // 2
        return SimpleNamespace(market_ns=self.market_ns)

    async def supply(self, noun: str, command_tag: str, **fields: Any) -> None:
        """Takes what comes after the first."""
        if not self.refused_count:
            self.refused_count += 1
            raise Refused(Error(code=4019, name="wrong_state", message="1 is not at that point"))
        self.taken += fields["readings"]
        if len(self.taken) == 2:
            self.stop.set()


async def exposition(request: web.Request) -> web.Response:
    """What an exporter answers."""
    return web.Response(text=EXPOSITION)


async def test_a_refused_reading_is_told_and_the_hours_after_it_are_metered():
    site = web.Application()
    site.router.add_get("/metrics", exposition)
    stop, told = asyncio.Event(), []
    exchange = PassingHours(stop)
    async with TestServer(site) as exporter:
        metering = run_agent(
            exchange,
            1,
            str(exporter.make_url("/metrics")),
            interval_s=0.001,
            longest_gap_ns=HOUR_NS,
            stop=stop,
            tell=told.append,
        )
        posted_count = await asyncio.wait_for(metering, 20)
    assert (exchange.refused_count, posted_count) == (1, 2)
    assert exchange.taken == [[DAY, 1, 2, 0], [DAY, 2, 2, 0]]
    assert told == [f"day {DAY}, hour 0 was not taken: wrong_state (4019): 1 is not at that point"]


# -- files -----------------------------------------------------------------------------------------

ROWS = [
    {"day": "2027-03-05", "hour": 0, "available_qty": 64},
    {"day": "D270305", "hour": 1, "available_qty": 63, "revision": 2},
    {"day": DAY, "hour": 23, "available_qty": 0},
]
READINGS = [Reading(DAY, 0, 64), Reading(DAY, 1, 63, 2), Reading(DAY, 23, 0)]


def test_readings_come_out_of_csv_and_of_json_lines_alike(tmp_path):
    csv, ndjson = tmp_path / "meter.csv", tmp_path / "meter.ndjson"
    lines = [f"{r['day']},{r['hour']},{r['available_qty']},{r.get('revision', '')}" for r in ROWS]
    csv.write_text("\n".join(["day,hour,available_qty,revision", *lines]) + "\n")
    ndjson.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    assert readings_of(csv) == readings_of(ndjson) == READINGS


@pytest.mark.parametrize("row", ["x,0,64", "D270305,24,64", "D270305,0,-1", "D270305,0", "5,0,1.5"])
def test_a_row_that_is_no_reading_is_named(tmp_path, row):
    path = tmp_path / "meter.csv"
    path.write_text(f"day,hour,available_qty\nD270305,0,64\n{row}\n")
    with pytest.raises(ReadingsUnreadable, match="row 2"):
        readings_of(path)
