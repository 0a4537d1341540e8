"""
How close does a durable append come to the disk?

The same bytes go by turns into the log (compare-and-append on the embedded server, fsync always)
and into a plain file that is synced after each write. A frame's encoding, hashing and the server's
own work are in the first and not in the second; the ratio is what they leave of the disk's rate.
"""

import asyncio
import hashlib
import os
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import uvloop

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange.domain.windows import parse_window
from exchange.log import Appender, EmbeddedServer, EpochBarrier, LogName, encode_records, take_over
from load_tests.flow import command_of, desk_flow
from load_tests.measure import parser, report, show, significant, spread
from load_tests.trading_desks import engine_with, make_desks

TODAY = parse_window("D261122").start_day
NAME = LogName("load")
BATCHES = (1, 100, 1_000)
HEADLINE_BATCH = 100
"""The figure's batch: what gathers during one append at some ten thousand orders a second."""
RUNS_COUNT, APPENDS_COUNT = 5, 100
QUICK_RUNS_COUNT, QUICK_APPENDS_COUNT = 3, 30


def main() -> None:
    """Measures and reports."""
    question = f"durable append of {HEADLINE_BATCH} records a frame"
    options = parser(question).parse_args()
    runs_count = QUICK_RUNS_COUNT if options.quick else RUNS_COUNT
    appends_count = QUICK_APPENDS_COUNT if options.quick else APPENDS_COUNT
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as directory:
        found = uvloop.run(_measure(Path(directory), runs_count, appends_count))
    runs = [(1e6 * HEADLINE_BATCH / a, 1e6 * HEADLINE_BATCH / b) for a, b in found[HEADLINE_BATCH]]
    batches = {str(batch): _batch(batch, of_runs) for batch, of_runs in found.items()}
    details = {"batches": batches, "appends_per_run_count": appends_count}
    result = report(
        question, "records/s", "a plain file with fdatasync, the same bytes", runs, details
    )
    lines = [
        f"{batch:>5} records: {row['append_us']:,} us against {row['file_us']:,} us for the file, "
        f"ratio {row['ratio']}, {row['records_per_second']:,} records/s"
        for batch, row in batches.items()
    ]
    show(result, lines, options.json)


async def _measure(
    directory: Path, runs_count: int, appends_count: int
) -> dict[int, list[tuple[float, float]]]:
    """By batch size, for each run the medians (append, plain file) in microseconds."""
    server = await asyncio.to_thread(EmbeddedServer.start, directory)
    barrier = EpochBarrier("load-test", os.urandom(16), "load", hashlib.sha256(b"").digest(), 1)
    records = _order_records(max(BATCHES))
    file = os.open(directory / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        appender = await take_over(server.address, NAME, NAME.genesis, barrier)
        found: dict[int, list[tuple[float, float]]] = {batch: [] for batch in BATCHES}
        for _ in range(runs_count):
            for batch in BATCHES:
                found[batch].append(await _by_turns(appender, file, records[:batch], appends_count))
        await appender.close()
    finally:
        os.close(file)
        await asyncio.to_thread(server.stop)
    return found


async def _by_turns(
    appender: Appender, file: int, records: list[bytes], appends_count: int
) -> tuple[float, float]:
    append_us, file_us = [], []
    for _ in range(appends_count):
        data = encode_records(NAME, appender.head, 0, records).data
        started = time.perf_counter_ns()
        await appender.append(records)
        appended = time.perf_counter_ns()
        os.write(file, data)
        os.fdatasync(file)
        append_us.append((appended - started) / 1_000)
        file_us.append((time.perf_counter_ns() - appended) / 1_000)
    return statistics.median(append_us), statistics.median(file_us)


def _order_records(records_count: int) -> list[bytes]:
    """Records of orders, as the engine writes them."""
    desks = make_desks(TODAY, 1)
    engine, _ = engine_with(desks, TODAY)
    flows = [(desk, desk_flow(desk, "l")) for desk in desks]
    for desk, flow in flows:
        for step in flow.stock():
            engine.execute(command_of(step, desk))
    steps = [(desk, flow.steps()) for desk, flow in flows]
    records = []
    for number in count():
        desk, of_desk = steps[number % len(steps)]
        record = engine.execute(command_of(next(of_desk), desk))[1]
        assert record is not None, "every order leaves a record"
        records.append(record)
        if len(records) == records_count:
            break
    return records


def _batch(batch: int, runs: list[tuple[float, float]]) -> dict[str, Any]:
    append_us, file_us = (statistics.median(column) for column in zip(*runs, strict=True))
    return {
        "append_us": significant(append_us),
        "file_us": significant(file_us),
        "ratio": significant(statistics.median(on_file / on_log for on_log, on_file in runs)),
        "records_per_second": significant(1e6 * batch / append_us),
        "append_us_spread": msgspec.structs.asdict(spread([on_log for on_log, _ in runs])),
    }


if __name__ == "__main__":
    main()
