"""The importer of jobs, and the orders that desks make of them."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from exchange.demo.demand import (
    CLIP_QTY,
    DAY_S,
    LAST_ORDER_S,
    LOT_QTY,
    DemandPlan,
    Job,
    clips_of,
    desks_of,
    first_busy_day,
    read_jobs,
)
from exchange.demo.model import model_jobs, model_prices
from exchange.domain.enums import WindowKind
from exchange.domain.windows import day_of

HEADER = "submit_time,gpu_count,gpu_type,duration_s,user\n"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
REAL_JOBS = SHARED / "philly_2017.csv.gz"
FIRST = day_of(date(2026, 7, 5))


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ("0,0,,60,u", "zero"),
        ("0,1,,0,u", "zero"),
        ("0,9000,,60,u", "outlier"),
        ("0,1,,99999999,u", "outlier"),
        ("-5,1,,60,u", "outlier"),
        (",1,,60,u", "missing"),
        ("0,1,,60", "missing"),
        ("0,one,,60,u", "non_numeric"),
        ("0,1.5,,60,u", "non_numeric"),
    ],
)
@pytest.mark.parametrize("is_zipped", [False, True])
def test_a_bad_job_is_counted_by_kind_and_left_out(tmp_path, bad, kind, is_zipped):
    content = (HEADER + f"0,8,,60,u\n{bad}\n60,1,v100,60,w\n").encode()
    path = tmp_path / "jobs.csv.gz"
    path.write_bytes(gzip.compress(content) if is_zipped else content)
    jobs, report = read_jobs(path)
    assert jobs == [Job(0, 8, 60, "u"), Job(60, 1, 60, "w")]
    assert report.bad_rows == {kind: 1}
    assert report.row_count == 3


def plan_of(*jobs: Job, desk_count: int = 1) -> DemandPlan:
    return DemandPlan(jobs, desk_count, FIRST)


def test_a_day_needs_its_gpu_hours_in_whole_lots():
    plan = plan_of(Job(0, 8, DAY_S, "u"), Job(DAY_S, 8, DAY_S, "u"), Job(DAY_S, 1, 1, "u"))
    assert plan.need_qty(0, FIRST) == 8
    assert plan.need_qty(0, FIRST + 1) == 16


def test_a_job_over_midnight_is_needed_on_both_days():
    plan = plan_of(Job(DAY_S // 2, 16, DAY_S, "u"), Job(DAY_S, 1, 1, "u"))
    assert [plan.need_qty(0, FIRST + day) for day in range(2)] == [8, 16]


def test_tomorrows_need_is_ordered_today_before_the_gate_closes():
    plan = plan_of(Job(0, 1, 60, "u"), Job(DAY_S, 40, DAY_S, "u"), Job(2 * DAY_S - 1, 1, 1, "u"))
    orders = [o for o in plan.orders_on(FIRST) if o.window.kind is WindowKind.DAY]
    assert sum(order.order_qty for order in orders) == 48
    assert all(order.order_qty <= CLIP_QTY and order.is_buy for order in orders)
    assert {order.window.start_day for order in orders} == {FIRST + 1}
    assert all(0 <= order.at_s <= LAST_ORDER_S for order in orders)


def test_the_traces_first_day_is_the_markets_first_whatever_its_epoch():
    late = [Job(300 * DAY_S + job.submit_s, 8, DAY_S, "u") for job in (Job(0, 1, 1, ""),)]
    assert plan_of(*late).need_qty(0, FIRST) == 8


def test_a_thin_lead_in_of_the_trace_is_skipped_but_its_jobs_run_on():
    old = Job(0, 8, 40 * DAY_S, "u")
    busy = [Job((30 + day) * DAY_S, 1, 60, "u") for day in range(5) for _ in range(100)]
    assert first_busy_day([old, *busy]) == 30
    assert plan_of(old, *busy).need_qty(0, FIRST) == 16


def test_after_its_end_the_trace_begins_again():
    plan = plan_of(Job(0, 8, DAY_S, "u"), Job(DAY_S, 24, DAY_S, "u"))
    assert [plan.need_qty(0, FIRST + day) for day in range(4)] == [8, 24, 8, 24]


def steady(qty: int, days: int) -> list[Job]:
    return [Job(day * DAY_S, qty, DAY_S, "u") for day in range(days)]


def test_steady_need_is_bought_by_the_month_ahead_of_time():
    plan = plan_of(*steady(24, 60))
    august = day_of(date(2026, 8, 1))
    ordered = [
        order
        for day in range(FIRST, august)
        for order in plan.orders_on(day)
        if order.window.kind is WindowKind.MONTH and order.window.start_day == august
    ]
    assert sum(order.order_qty for order in ordered) == 24
    assert {order.window.end_day for order in ordered} == {day_of(date(2026, 9, 1))}
    assert plan.base_qty(0, august + 5) == 24
    assert not [o for o in plan.orders_on(august + 5) if o.window.kind is WindowKind.DAY]


def test_the_month_in_which_the_market_begins_is_bought_by_the_day():
    assert plan_of(*steady(24, 60)).base_qty(0, FIRST + 3) == 0


def test_what_the_month_has_too_much_is_for_sale():
    jobs = steady(24, 60)
    idle = day_of(date(2026, 8, 10)) - FIRST
    del jobs[idle]
    orders = plan_of(*jobs).orders_on(FIRST + idle - 1)
    assert [
        (order.order_qty, order.is_buy)
        for order in orders
        if order.window.end_day - order.window.start_day == 1
    ] == [(16, False), (8, False)]


def test_desks_share_the_users_evenly_by_weight():
    jobs = [Job(0, 1, weight, name) for name, weight in [("a", 9), ("b", 5), ("c", 4), ("d", 1)]]
    assert desks_of(jobs, 2) == {"a": 0, "b": 1, "c": 1, "d": 0}


@pytest.mark.parametrize(
    ("qty", "clips"), [(0, []), (LOT_QTY, [8]), (CLIP_QTY, [16]), (40, [16, 16, 8])]
)
def test_large_needs_come_in_clips(qty, clips):
    assert clips_of(qty) == clips


def test_a_demand_without_jobs_is_refused():
    with pytest.raises(ValueError, match="without a single usable job"):
        plan_of()


def test_the_model_has_the_shape_of_a_real_cluster():
    jobs = model_jobs(1)
    large = [job for job in jobs if job.gpu_count == 8]
    gpu_s = sum(job.gpu_count * job.duration_s for job in jobs)
    assert 0.015 < len(large) / len(jobs) < 0.025
    assert 0.40 < sum(8 * job.duration_s for job in large) / gpu_s < 0.56
    bins: dict[int, int] = {}
    for job in jobs:
        bins[job.submit_s // 600] = bins.get(job.submit_s // 600, 0) + 1
    counts = [bins.get(number, 0) for number in range(60 * 144)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert variance / mean > 5


def test_the_model_depends_on_its_seed_and_nothing_else():
    assert model_jobs(1) == model_jobs(1)
    assert model_jobs(1) != model_jobs(2)
    assert model_prices(1)[0] == model_prices(1)[0]
    assert model_prices(1)[0] != model_prices(2)[0]


@pytest.mark.skipif(not REAL_JOBS.exists(), reason=f"no real jobs in {SHARED}")
def test_the_real_jobs_become_orders_on_every_day():
    jobs, report = read_jobs(REAL_JOBS)
    assert (len(jobs), report.bad_rows.total()) == (82_247, 0)
    plan = DemandPlan(jobs, 4, FIRST)
    for day in range(FIRST, FIRST + 60):
        orders = plan.orders_on(day)
        assert 0 < len(orders) < 200
        assert all(order.order_qty % LOT_QTY == 0 for order in orders)
        assert orders == sorted(orders, key=lambda order: order.at_s)
