"""
GPU jobs as the orders of buyer desks.

Reads job traces in the format `submit_time, gpu_count, gpu_type, duration_s, user`. Users are
gathered into a handful of desks of similar weight. A desk does not buy job by job: it adds up what
its jobs run on each day, buys the part that it needs on four days of five by the month, ahead of
time, and the rest of each day on the day before, in lots of eight GPUs. Where the month's contract
is more than a day needs, the surplus is for sale.

The trace's first day with at least a tenth of its usual arrivals is laid onto the market's first
(traces begin with a few old jobs that were still running); after its last day it begins again, so
the market never runs out of demand.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clients.import_report import BadRow, ImportReport, read_rows, required
from exchange.domain.enums import WindowKind
from exchange.domain.windows import Window, add_months, date_of, day_of

LOT_QTY = 8
CLIP_QTY = 2 * LOT_QTY
"""Largest single order; a desk with more to buy comes several times."""
DAY_S = 86_400
LAST_ORDER_S = 15 * 3600
"""Orders for tomorrow are in an hour before its gate closes."""
MONTH_AHEAD_DAYS = 45
MONTH_GATE_DAYS = 3
MAX_GPU_COUNT = 8_192
MAX_DURATION_S = 366 * DAY_S


@dataclass(frozen=True)
class Job:
    """One job as submitted; `submit_s` counts from any epoch of the trace's own."""

    submit_s: int
    gpu_count: int
    duration_s: int
    user: str


@dataclass(frozen=True)
class DeskOrder:
    """Something that a desk wants on a trading day, `at_s` seconds into it."""

    desk: int
    at_s: int
    window: Window
    order_qty: int
    is_buy: bool


def read_jobs(path: Path) -> tuple[list[Job], ImportReport]:
    """Every usable job, and what became of the others."""
    report, rows = read_rows(path)
    jobs = []
    for row in rows:
        try:
            jobs.append(_job_of(row))
        except BadRow as fault:
            report.bad_rows[str(fault)] += 1
    return jobs, report


class DemandPlan:
    """What each desk orders on each trading day, for ever."""

    def __init__(self, jobs: Sequence[Job], desk_count: int, first_day: int) -> None:
        if not jobs:
            raise ValueError("a demand without a single usable job moves no market")
        self.desk_count = desk_count
        self._first_day = first_day
        origin_s = first_busy_day(jobs) * DAY_S
        desk_of = desks_of(jobs, desk_count)
        self._gpu_s: dict[tuple[int, int], int] = defaultdict(int)
        self._submits: dict[tuple[int, int], list[int]] = defaultdict(list)
        last_submit_day = 0
        for job in jobs:
            desk, start_s = desk_of[job.user], job.submit_s - origin_s
            if start_s + job.duration_s <= 0:
                continue
            last_submit_day = max(last_submit_day, start_s // DAY_S)
            self._submits[desk, start_s // DAY_S].append(start_s % DAY_S)
            for day in range(max(0, start_s // DAY_S), (start_s + job.duration_s - 1) // DAY_S + 1):
                ran_s = min(start_s + job.duration_s, (day + 1) * DAY_S) - max(start_s, day * DAY_S)
                self._gpu_s[desk, day] += ran_s * job.gpu_count
        for submits in self._submits.values():
            submits.sort()
        self._length_days = last_submit_day + 1
        self._base = cache(self._base_of_month)

    def need_qty(self, desk: int, day: int) -> int:
        """GPUs in lots that a desk's jobs keep busy on a market day, rounded up."""
        gpu_s = self._gpu_s.get((desk, self._trace_day(day)), 0)
        return -(-gpu_s // (DAY_S * LOT_QTY)) * LOT_QTY

    def base_qty(self, desk: int, day: int) -> int:
        """GPUs that the desk has bought for this day by the month."""
        first = date_of(day).replace(day=1)
        return self._base(desk, day_of(first))

    def orders_on(self, trading_day: int) -> list[DeskOrder]:
        """What all desks order on a day, in order of time."""
        orders: list[DeskOrder] = []
        for desk in range(self.desk_count):
            orders += self._day_orders(desk, trading_day)
            orders += self._month_orders(desk, trading_day)
        return sorted(orders, key=lambda order: (order.at_s, order.desk))

    def _day_orders(self, desk: int, trading_day: int) -> list[DeskOrder]:
        """Tomorrow's need beyond the month's contract, at the pace in which its jobs arrive."""
        tomorrow = trading_day + 1
        window = Window(WindowKind.DAY, tomorrow, tomorrow + 1)
        missing_qty = self.need_qty(desk, tomorrow) - self.base_qty(desk, tomorrow)
        clips = clips_of(abs(missing_qty))
        submits = self._submits.get((desk, self._trace_day(tomorrow)), [])
        return [
            DeskOrder(
                desk,
                _time_of_clip(number, len(clips), submits),
                window,
                clip_qty,
                missing_qty > 0,
            )
            for number, clip_qty in enumerate(clips)
        ]

    def _month_orders(self, desk: int, trading_day: int) -> list[DeskOrder]:
        """Of the coming months' contracts, the lots whose turn is today."""
        orders = []
        first = add_months(date_of(trading_day), 1)
        for start in (first, add_months(first, 1)):
            start_day, end_day = day_of(start), day_of(add_months(start, 1))
            opens_day = max(self._first_day, start_day - MONTH_AHEAD_DAYS)
            closes_day = start_day - MONTH_GATE_DAYS
            if not opens_day <= trading_day < closes_day:
                continue
            lots = self._base(desk, start_day) // LOT_QTY
            span_days = closes_day - opens_day
            today = [
                lot for lot in range(lots) if opens_day + lot * span_days // lots == trading_day
            ]
            window = Window(WindowKind.MONTH, start_day, end_day)
            for clip_number, qty in enumerate(clips_of(len(today) * LOT_QTY)):
                at_s = (3 * desk + clip_number + 1) * 3600 % LAST_ORDER_S
                orders.append(DeskOrder(desk, at_s, window, qty, True))
        return orders

    def _base_of_month(self, desk: int, start_day: int) -> int:
        """What is needed on at least four days of five, in whole lots; 0 for a month begun."""
        if start_day - MONTH_GATE_DAYS <= self._first_day:
            return 0
        end_day = day_of(add_months(date_of(start_day), 1))
        needs = sorted(self.need_qty(desk, day) for day in range(start_day, end_day))
        return needs[len(needs) // 5]

    def _trace_day(self, day: int) -> int:
        return (day - self._first_day) % self._length_days


def desks_of(jobs: Sequence[Job], desk_count: int) -> dict[str, int]:
    """Users to desks: the heaviest first, each to the desk that has least so far."""
    weight: dict[str, int] = defaultdict(int)
    for job in jobs:
        weight[job.user] += job.gpu_count * job.duration_s
    desks = [(0, desk) for desk in range(desk_count)]
    chosen = {}
    for user in sorted(weight, key=lambda user: (-weight[user], user)):
        load, desk = heapq.heappop(desks)
        chosen[user] = desk
        heapq.heappush(desks, (load + weight[user], desk))
    return chosen


def first_busy_day(jobs: Sequence[Job]) -> int:
    """The first day of the trace on which at least a tenth of the mean arrives."""
    arrivals = Counter(job.submit_s // DAY_S for job in jobs)
    span_days = max(arrivals) - min(arrivals) + 1
    return min(day for day, count in arrivals.items() if 10 * count * span_days >= len(jobs))


def clips_of(qty: int) -> list[int]:
    """A quantity in orders of at most `CLIP_QTY`, the largest first."""
    whole, rest = divmod(qty, CLIP_QTY)
    return [CLIP_QTY] * whole + ([rest] if rest else [])


def _time_of_clip(number: int, count: int, submits: Sequence[int]) -> int:
    """When a clip is ordered: as far into the trading day as its share of the jobs is."""
    if not submits:
        return LAST_ORDER_S * number // count
    submit_s = submits[len(submits) * number // count]
    return submit_s * LAST_ORDER_S // DAY_S


def _job_of(row: dict[str, str]) -> Job:
    submit, count = required(row, "submit_time"), required(row, "gpu_count")
    duration, user = required(row, "duration_s"), required(row, "user")
    try:
        submit_s, gpu_count, duration_s = int(submit), int(count), int(duration)
    except ValueError:
        raise BadRow("non_numeric") from None
    if gpu_count <= 0 or duration_s <= 0:
        raise BadRow("zero")
    if submit_s < 0 or gpu_count > MAX_GPU_COUNT or duration_s > MAX_DURATION_S:
        raise BadRow("outlier")
    return Job(submit_s, gpu_count, duration_s, user)
