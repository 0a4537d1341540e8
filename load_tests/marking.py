"""
How much later does an order's ack come while a bank's pool is marked anew?

A real server process with fsync (`marking_gateway.py`), orders over websockets at a steady rate,
and a pool of pledges of the products that trade, so that every cycle finds new marks. Market time
runs at 20, a cycle comes every three seconds.

Two answers. One is counted: whatever a cycle makes an order wait for is work on the writer's one
thread, deciding its records and folding them into the read models, so all of that work which lies
between the moment at which an order was meant to leave and its ack is the most that it was held up.
The other is compared: an order counts as within a cycle where any moment of its way lies in one of
the cycle's records or in the commit behind it, and not in a pause between them; beside it stand the
orders that were under way in spans of the same lengths, half-way between two cycles of the same
run. The comparison has in it what the counting leaves out, such as a longer frame, and with it
whatever else the machine did just then. Of that the worst is its disk: so a thread of this program,
which has nothing to do with the exchange, syncs a file of its own all the while, and says how long
that took.
"""

import argparse
import hashlib
import os
import secrets
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from clients.directory import read_credentials
from exchange.domain.commands import PublishMarks
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import decode_body
from exchange.domain.windows import day_at
from load_tests import live_venue
from load_tests.gateway import FRAMES_PER_SECOND, measure
from load_tests.live_venue import EXCHANGE, LiveVenue
from load_tests.marking_gateway import CYCLES_FILE, MARKING_INTERVAL_S
from load_tests.measure import parser, report, show, significant, spread
from load_tests.trading_desks import Desk, month_windows

MARKING_GATEWAY = [sys.executable, "-m", "load_tests.marking_gateway"]
SPEED = 20
NO_SNAPSHOT = 1_000_000_000
"""Records; a snapshot is another question."""
PLEDGES_COUNT, RATE, RUNS_COUNT, MEASURED_S, WARM_UP_S = 400, 20_000, 3, 18.0, 4.0
QUICK_PLEDGES_COUNT, QUICK_RUNS_COUNT, QUICK_MEASURED_S = 400, 1, 9.0
BANK_SECRET = hashlib.sha256(b"load test bank").hexdigest()
SHARES = {"p50": 50, "p90": 90, "p99": 99, "p999": 99.9, "max": 100}
SYNC_PAUSE_S, SYNC_BYTES = 0.01, 4096
AFTER_NS = 5_000_000
"""How long a record may hold up others after it was decided: its own commit."""


class Cycle(Struct):
    """When one was, and what it did."""

    begun_ns: int
    ended_ns: int
    """With the commit of its last record."""
    spans: list[tuple[int, int]]
    """Of each record, with its commit."""
    work: list[tuple[int, int]]
    """What the writer did for it: deciding each record, and folding it."""
    records_ms: list[float]
    """Time that each kept the writer; the first marks the nodes, the others pledges."""
    marked_count: int


def main() -> None:
    """Measures and reports."""
    question = "ms that a marking cycle holds up an order's ack, at most"
    options = parser(question)
    options.add_argument("--rate", type=int, default=RATE, help="orders a second")
    chosen = options.parse_args()
    runs = _runs(chosen)
    details = {"offered_per_second": chosen.rate, "runs": runs}
    pairs = [(run["held_ms"]["max"], run["between_ms"]["p50"]) for run in runs]
    result = report(question, "ms", "the median ack between cycles", pairs, details)
    show(result, [_line(run) for run in runs], chosen.json)


def _runs(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    pledges_count = QUICK_PLEDGES_COUNT if chosen.quick else PLEDGES_COUNT
    measured_s = QUICK_MEASURED_S if chosen.quick else MEASURED_S
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as parent:
        data_dir = Path(parent) / "real"
        live_venue.init(data_dir)
        with live_venue.serve(EXCHANGE, data_dir) as venue:
            desks = venue.set_up()
            _pledge(venue, desks, pledges_count)
        options = ["--speed", f"{SPEED}", "--snapshot-records", f"{NO_SNAPSHOT}"]
        with live_venue.serve(MARKING_GATEWAY, data_dir, options) as venue:
            plan = {"desks": desks, "warm_up_s": WARM_UP_S, "measured_s": measured_s}
            count = QUICK_RUNS_COUNT if chosen.quick else RUNS_COUNT
            return [_run(venue, f"m{number}", chosen.rate, plan) for number in range(count)]


def _pledge(venue: LiveVenue, desks: list[Desk], count: int) -> None:
    """A bank, and pledges of the suppliers' months to it."""
    operator = read_credentials(venue.data_dir)["operator"]
    token_sha256 = hashlib.sha256(BANK_SECRET.encode()).hexdigest()
    bank_id = desks[-1].account_id + 1
    _post(venue, "admin/admit_participant", operator, {"name": "bank", "roles": ["bank"]})
    key = {"account_id": bank_id, "token_sha256": token_sha256, "scopes": ["read", "trade"]}
    _post(venue, "admin/register_key", operator, key)
    bank = f"{desks[-1].key_id + 1}.{BANK_SECRET}"
    suppliers, windows = desks[::2], month_windows(day_at(time.time_ns()))
    for number in range(count):
        supplier = suppliers[number % len(suppliers)]
        window = windows[number // len(suppliers) % len(windows)]
        asked = {
            "product": supplier.symbols[0].partition(":")[0],
            "start_day": window.start_day,
            "end_day": window.end_day,
            "pledged_qty": 1 + number % 7,
            "bank_account_id": bank_id,
        }
        _post(venue, "pledges", supplier.token, asked)
        _post(venue, f"pledges/{number + 1}/accept", bank, {})


def _post(venue: LiveVenue, path: str, token: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"{venue.serving.url}/v1/{path}",
        data=msgspec.json.encode(body),
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(16)},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status in (200, 201), f"{path}: {answer.read()!r}"


def _run(venue: LiveVenue, name: str, rate: int, plan: dict[str, Any]) -> dict[str, Any]:
    """Latencies of one run in cycles and between them, milliseconds."""
    each_file = venue.data_dir / "each.json"
    frame_count = max(1, round(rate / len(plan["desks"]) / FRAMES_PER_SECOND))
    with _syncing(venue.data_dir / "beside") as syncs_ms:
        found = measure(
            venue,
            name,
            per_second=rate,
            frame_messages_count=frame_count,
            each_file=str(each_file),
            **plan,
        )
    each = np.array(msgspec.json.decode(each_file.read_bytes()), dtype=np.int64)
    cycles = _cycles(venue.data_dir, int(each[:, 0].min()), int(each[:, 0].max()))
    half_ns = MARKING_INTERVAL_S * 1_000_000_000 // SPEED // 2
    spans = [span for cycle in cycles for span in cycle.spans]
    is_within = _under_way(each, spans)
    is_between = _under_way(each, [(begun + half_ns, ended + half_ns) for begun, ended in spans])
    if not (is_between & ~is_within).any():
        raise SystemExit(f"no order was under way between the cycles alone: {rate} are too many")
    within, between = _quantiles(each[is_within]), _quantiles(each[is_between & ~is_within])
    held = _held(each, [span for cycle in cycles for span in cycle.work])
    return {
        "acked_per_second": found["acked_per_second"],
        "late_p99_us": found["late_p99_us"],
        "exchange_cpu_s": found["exchange_cpu_s"],
        "neighbours_cpu_s": found["neighbours_cpu_s"],
        "marked_counts": [cycle.marked_count for cycle in cycles],
        "cycle_ms": spread([(c.ended_ns - c.begun_ns - AFTER_NS) / 1e6 for c in cycles]),
        "record_ms": spread([ms for cycle in cycles for ms in cycle.records_ms[1:]]),
        "nodes_ms": spread([cycle.records_ms[0] for cycle in cycles]),
        "syncs_beside_ms": spread(syncs_ms),
        "records_count": sum(len(cycle.records_ms) for cycle in cycles),
        "held_ms": _quantiles(held[held[:, 1] > 0]),
        "within_ms": within,
        "between_ms": between,
        "later_ms": {name: round(within[name] - between[name], 2) for name in SHARES},
    }


@contextmanager
def _syncing(path: Path) -> Iterator[list[float]]:
    """Milliseconds that each sync of a small file took meanwhile, the machine's own hold-ups."""
    taken_ms: list[float] = []
    is_over = threading.Event()

    def sync() -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        while not is_over.wait(SYNC_PAUSE_S):
            begun_ns = time.perf_counter_ns()
            os.pwrite(file, bytes(SYNC_BYTES), 0)
            os.fdatasync(file)
            taken_ms.append((time.perf_counter_ns() - begun_ns) / 1e6)
        os.close(file)

    thread = threading.Thread(target=sync)
    thread.start()
    try:
        yield taken_ms
    finally:
        is_over.set()
        thread.join()


def _cycles(data_dir: Path, first_ns: int, last_ns: int) -> list[Cycle]:
    """The whole cycles that lie in the time."""
    cycles: list[Cycle] = []
    is_whole = False
    for line in (data_dir / CYCLES_FILE).read_bytes().splitlines():
        begun_ns, ended_ns, record = msgspec.json.decode(line)
        if record is None:
            if is_whole:
                cycles[-1].work.append((begun_ns, ended_ns))
            continue
        command, events = decode_body(bytes.fromhex(record))
        if isinstance(command, PublishMarks):
            is_whole = first_ns <= begun_ns
            if is_whole:
                cycles.append(Cycle(begun_ns, ended_ns, [], [], [], 0))
        if is_whole:
            cycles[-1].ended_ns = ended_ns + AFTER_NS
            cycles[-1].spans.append((begun_ns, ended_ns + AFTER_NS))
            cycles[-1].work.append((begun_ns, ended_ns))
            cycles[-1].records_ms.append((ended_ns - begun_ns) / 1e6)
            cycles[-1].marked_count += sum(isinstance(event, PledgeMarked) for event in events)
    return [cycle for cycle in cycles if cycle.ended_ns <= last_ns]


def _under_way(each: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Which orders were under way in any of the spans."""
    found: NDArray[np.bool_] = np.zeros(len(each), dtype=bool)
    for begun, ended in spans:
        found |= (each[:, 0] <= ended) & (each[:, 1] >= begun)
    return found


def _held(each: NDArray[np.int64], work: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """[0, work of the cycles in nanoseconds] while each order was under way."""
    moments = np.array(sorted(work), dtype=np.int64).ravel()
    done = np.cumsum(np.diff(moments, prepend=moments[0]) * (np.arange(len(moments)) % 2))
    before, after = (np.interp(each[:, side], moments, done) for side in (0, 1))
    held = (after - before).astype(np.int64)
    return np.stack([np.zeros_like(held), held], axis=1)


def _quantiles(each: NDArray[np.int64]) -> dict[str, float]:
    ms = (each[:, 1] - each[:, 0]) / 1e6
    found = {name: significant(float(np.percentile(ms, share))) for name, share in SHARES.items()}
    return {"orders_count": len(ms), **found}


def _line(run: dict[str, Any]) -> str:
    within, between = run["within_ms"], run["between_ms"]
    compared = ", ".join(f"{name} {within[name]} and {between[name]} ms" for name in SHARES)
    held = run["held_ms"]
    counted = ", ".join(f"{name} {held[name]} ms" for name in SHARES)
    return (
        f"{held['orders_count']:,} orders held up by cycles: {counted}; "
        f"{run['acked_per_second']:,} acks/s; marked {run['marked_counts']}, cycles of "
        f"{run['cycle_ms'].median} ms (max {run['cycle_ms'].max}) in {run['records_count']} "
        f"records of {run['record_ms'].median} ms (max {run['record_ms'].max}), the nodes' of "
        f"{run['nodes_ms'].median} ms (max {run['nodes_ms'].max}); in and between "
        f"cycles {compared} ({within['orders_count']:,} and {between['orders_count']:,} orders, "
        f"neighbours {run['neighbours_cpu_s']} s); a sync of another file meanwhile took "
        f"{run['syncs_beside_ms'].median} ms (max {run['syncs_beside_ms'].max})"
    )


if __name__ == "__main__":
    main()
