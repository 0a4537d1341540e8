"""
How close does a durable append come to the disk?

The same bytes go by turns into the log (compare-and-append on the embedded server, fsync always)
and into a plain file that is synced after each write. A frame's encoding, hashing and the server's
own work are in the first and not in the second; the ratio is what they leave of the disk's rate.
What the server alone leaves of it is shown beside: the same bytes by a bare SET, as nothing that it
makes durable is cheaper, with the processor time that each takes it.

With `--replicas`, by turns as well, into a log whose two replicas confirm each frame: on loopback,
so that three servers share this machine's disk and processors, and no network is in it.
"""

import asyncio
import contextlib
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import uvloop

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange.domain.windows import parse_window
from exchange.log import Appender, EmbeddedServer, EpochBarrier, LogName, encode_records, take_over
from exchange.log.access import OPERATOR
from exchange.log.replication import Replicas
from exchange.log.resp import Connection
from load_tests.flow import command_of, desk_flow
from load_tests.measure import parser, report, show, significant, spread
from load_tests.trading_desks import engine_with, make_desks
from tests.log.nodes import started

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
    arguments = parser(question)
    arguments.add_argument("--replicas", action="store_true", help="also with two replicas")
    options = arguments.parse_args()
    runs_count = QUICK_RUNS_COUNT if options.quick else RUNS_COUNT
    appends_count = QUICK_APPENDS_COUNT if options.quick else APPENDS_COUNT
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as directory:
        found = uvloop.run(_measure(Path(directory), runs_count, appends_count, options.replicas))
    headline = found[HEADLINE_BATCH]
    runs = [(1e6 * HEADLINE_BATCH / run[0], 1e6 * HEADLINE_BATCH / run[1]) for run in headline]
    batches = {str(batch): _batch(batch, of_runs) for batch, of_runs in found.items()}
    details = {"batches": batches, "appends_per_run_count": appends_count}
    result = report(
        question, "records/s", "a plain file with fdatasync, the same bytes", runs, details
    )
    lines = [_line(batch, row) for batch, row in batches.items()]
    show(result, lines, options.json)


async def _measure(
    directory: Path, runs_count: int, appends_count: int, has_replicas: bool
) -> dict[int, list[tuple[float, ...]]]:
    """By batch size, for each run the medians in microseconds, as `_by_turns` gives them."""
    server = await asyncio.to_thread(EmbeddedServer.start, directory)
    records = _order_records(max(BATCHES))
    file = os.open(directory / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        async with contextlib.AsyncExitStack() as stack:
            appenders = [await take_over(server.address, NAME, NAME.genesis, _barrier())]
            hand = await Connection.open(msgspec.structs.replace(server.address, username=OPERATOR))
            stack.push_async_callback(hand.close)
            if has_replicas:
                appenders.append(await stack.enter_async_context(_replicated(directory)))
            found: dict[int, list[tuple[float, ...]]] = {batch: [] for batch in BATCHES}
            for _ in range(runs_count):
                for batch in BATCHES:
                    bare = Bare(hand, server.pid)
                    taken = await _by_turns(appenders, file, bare, records[:batch], appends_count)
                    found[batch].append(taken)
            await appenders[0].close()
    finally:
        os.close(file)
        await asyncio.to_thread(server.stop)
    return found


@contextlib.asynccontextmanager
async def _replicated(directory: Path) -> AsyncIterator[Appender]:
    """An appender on three more servers: a primary, and two that confirm what it has."""
    with started(directory, "primary", "first", "second") as (primary, *others):
        for other in others:
            other.follow(primary)
        replicas = Replicas(primary.address, [other.name for other in others])
        appender = await take_over(
            primary.address, NAME, NAME.genesis, _barrier(), replicas=replicas
        )
        yield appender
        await appender.close()


class Bare:
    """The log's server without the log: a SET, and what it uses of its processor."""

    def __init__(self, connection: Connection, pid: int) -> None:
        self._connection = connection
        self._usage = Path(f"/proc/{pid}/schedstat")

    async def set(self, data: bytes) -> None:
        """Durable when it returns, as an append is."""
        assert await self._connection.call("SET", "bare", data) == b"OK"

    def used_ns(self) -> int:
        """Processor time of the server's main thread so far."""
        return int(self._usage.read_text().split()[0])


async def _by_turns(
    appenders: list[Appender], file: int, bare: Bare, records: list[bytes], appends_count: int
) -> tuple[float, ...]:
    """
    Medians: the first appender, the file, a bare SET; the server's time for the first and the last.

    Behind those the other appender, if there is one.
    """
    taken_us: list[tuple[float, ...]] = []
    for _ in range(appends_count):
        data = encode_records(NAME, appenders[0].head, 0, records).data
        append_us, append_used_us = await _taken(appenders[0].append(records), bare)
        file_us, _ = await _taken(_write(file, data), bare)
        set_us, set_used_us = await _taken(bare.set(data), bare)
        others = [(await _taken(other.append(records), bare))[0] for other in appenders[1:]]
        taken_us.append((append_us, file_us, set_us, append_used_us, set_used_us, *others))
    return tuple(statistics.median(column) for column in zip(*taken_us, strict=True))


async def _taken(work: Awaitable[object], bare: Bare) -> tuple[float, float]:
    """Microseconds of the wall, and of the server's processor."""
    used_ns, began_ns = bare.used_ns(), time.perf_counter_ns()
    await work
    taken_ns = time.perf_counter_ns() - began_ns
    return taken_ns / 1_000, (bare.used_ns() - used_ns) / 1_000


async def _write(file: int, data: bytes) -> None:
    os.write(file, data)
    os.fdatasync(file)


def _barrier() -> EpochBarrier:
    return EpochBarrier("load-test", os.urandom(16), "load", hashlib.sha256(b"").digest(), 1)


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


def _batch(batch: int, runs: list[tuple[float, ...]]) -> dict[str, Any]:
    append_us, file_us, set_us, append_cpu_us, set_cpu_us, *replicated = (
        list(column) for column in zip(*runs, strict=True)
    )
    ratios = [on_file / on_log for on_log, on_file in zip(append_us, file_us, strict=True)]
    row = {
        "append_us": significant(statistics.median(append_us)),
        "file_us": significant(statistics.median(file_us)),
        "ratio": significant(statistics.median(ratios)),
        "records_per_second": significant(1e6 * batch / statistics.median(append_us)),
        "append_us_spread": msgspec.structs.asdict(spread(append_us)),
        "bare_set_us": significant(statistics.median(set_us)),
        "server_cpu_us": significant(statistics.median(append_cpu_us)),
        "server_cpu_of_bare_set_us": significant(statistics.median(set_cpu_us)),
    }
    if replicated:
        row["replicated_us_spread"] = msgspec.structs.asdict(spread(replicated[0]))
    return row


def _line(batch: str, row: dict[str, Any]) -> str:
    line = (
        f"{batch:>5} records: {row['append_us']:,} us against {row['file_us']:,} us for the file, "
        f"ratio {row['ratio']}, {row['records_per_second']:,} records/s; a bare SET "
        f"{row['bare_set_us']:,} us; the server's processor {row['server_cpu_us']:,} and "
        f"{row['server_cpu_of_bare_set_us']:,} us"
    )
    if (replicated := row.get("replicated_us_spread")) is None:
        return line
    return f"{line}; {replicated['median']:,} us with two replicas"


if __name__ == "__main__":
    main()
