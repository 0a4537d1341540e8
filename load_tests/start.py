"""
How long does a start take, from a snapshot and from the whole log?

A venue with many resting orders is written into a real log with one snapshot behind the orders and
more records behind that. Timed is `exchange.snapshots.load`: reading, checking, restoring state and
read models, and taking in the rest; everything of a start but the barrier and the sockets. The
baseline reads the same log without its snapshot. The processor time of both stands beside, since
others on the machine make the wall's longer.
"""

import asyncio
import gc
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange.domain.commands import Command, MarkState, PlaceOrder, RecordStateHash
from exchange.domain.enums import Side, TimeInForce
from exchange.domain.record import Record, decode_body
from exchange.domain.windows import parse_window
from exchange.engine.engine import Engine
from exchange.log import EpochBarrier, LogName, LogSettings, SnapshotFiles, open_log
from exchange.projections import Projections
from exchange.snapshots import SNAPSHOT_DIR, load, write_snapshot
from load_tests.measure import parser, report, show, significant, spread
from load_tests.trading_desks import Desk, engine_with, make_desks

TODAY = parse_window("D261122").start_day
NAME = LogName("load")
RESTING_COUNT, TAIL_COUNT, RUNS_COUNT = 1_000_000, 100_000, 3
QUICK_RESTING_COUNT, QUICK_TAIL_COUNT, QUICK_RUNS_COUNT = 50_000, 5_000, 3
ORDERS_PER_ACCOUNT = 1_000
FRAME_RECORDS_COUNT = 1_000
BARRIER = EpochBarrier("load-test", os.urandom(16), "load", bytes(32), 1)


def main() -> None:
    """Measures and reports."""
    question = "seconds from a stopped log to warm state and read models"
    options = parser(question)
    options.add_argument("--resting", type=int, help="how many orders rest in the snapshot")
    chosen = options.parse_args()
    resting_count = chosen.resting or (QUICK_RESTING_COUNT if chosen.quick else RESTING_COUNT)
    tail_count = QUICK_TAIL_COUNT if chosen.quick else TAIL_COUNT
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as directory:
        data_dir = Path(directory)
        sizes = asyncio.run(_write(data_dir, resting_count, tail_count))
        runs, used = [], []
        for _ in range(QUICK_RUNS_COUNT if chosen.quick else RUNS_COUNT):
            both = [asyncio.run(_load(data_dir, each)) for each in (SNAPSHOT_DIR, "none")]
            runs.append((both[0][0], both[1][0]))
            used.append(both[0][1])
    details = {
        "resting_count": resting_count,
        "tail_count": tail_count,
        **sizes,
        "processor_s": msgspec.structs.asdict(spread(used)),
    }
    result = report(question, "s", "reading the whole log", runs, details)
    lines = [f"{name}: {value}" for name, value in details.items()]
    show(result, lines, chosen.json)


def _orders(desks: list[Desk], name: str) -> Iterator[Command]:
    """Bids that rest, of all desks by turns, at a thousand prices."""
    for number in range(ORDERS_PER_ACCOUNT):
        for desk in desks:
            yield PlaceOrder(
                key_id=desk.key_id,
                command_id=f"{name} {number}",
                instrument_id=desk.instrument_ids[number % len(desk.instrument_ids)],
                side=Side.BUY,
                order_qty=1,
                limit_price=1 + number,
                time_in_force=TimeInForce.GTC if name == "rests" else TimeInForce.IOC,
            )


async def _write(data_dir: Path, resting_count: int, tail_count: int) -> dict[str, int]:
    """The log and its snapshot; how large they are."""
    pairs_count = -(-resting_count // ORDERS_PER_ACCOUNT // 2)
    desks = make_desks(TODAY, pairs_count)
    engine, records = engine_with(desks, TODAY)
    resting = islice(_orders(desks, "rests"), resting_count)
    files = SnapshotFiles(data_dir / SNAPSHOT_DIR, NAME)
    async with open_log(LogSettings(data_dir, NAME)) as event_log:
        async for _ in event_log.frames():
            pass
        appender = await event_log.take_over(BARRIER, is_genesis=True)

        async def append(commands: Iterator[Command]) -> None:
            while batch := list(islice(commands, FRAME_RECORDS_COUNT)):
                await appender.append([_recorded(engine, command) for command in batch])

        await appender.append(records)
        await append(resting)
        projections = Projections()
        async for frame in event_log.frames():
            for seq, encoded in enumerate(frame.records, start=frame.header.first_seq):
                projections.apply(Record(seq, engine.state.market_ns, *decode_body(encoded)))
        state_sha256 = write_snapshot(engine.state, projections, files, appender.head)
        size = next(files.directory.iterdir()).stat().st_size
        hashed = RecordStateHash(marked_seq=engine.state.seq, state_sha256=state_sha256)
        await append(iter([MarkState(), hashed]))
        await append(islice(_orders(desks, "tail"), tail_count))
    return {"snapshot_bytes": size, "records_count": engine.state.seq}


def _recorded(engine: Engine, command: Command) -> bytes:
    outcome, record = engine.execute(command)
    assert record is not None, f"{command} left no record: {outcome}"
    assert outcome.reason is None, f"{command} was refused: {outcome}"
    return record


async def _load(data_dir: Path, snapshots: str) -> tuple[float, float]:
    """Seconds of the wall, for the server's part counts, and of this process's processor time."""
    files = SnapshotFiles(data_dir / snapshots, NAME)
    async with open_log(LogSettings(data_dir, NAME)) as event_log:
        gc.collect()
        started, used_s = time.perf_counter(), time.process_time()
        loaded = await load(event_log, files)
        took_s, used_s = time.perf_counter() - started, time.process_time() - used_s
        assert (loaded.snapshot_seq > 0) == (snapshots == SNAPSHOT_DIR), files.skipped
    return significant(took_s), significant(used_s)


if __name__ == "__main__":
    main()
