"""
How fast does a log become state again?

A log of orders is made through the engine and appended, in frames, to a server of its own. Then it
is read by turns in four ways: verified only (every CRC, hash and link), verified and applied to
the state (recovery), the same and folded into the read models (what a start does), and verified
with every command decided again (`exchange verify`).
"""

import asyncio
import gc
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import redis

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange.domain.record import Record, decode_body
from exchange.domain.windows import parse_window
from exchange.engine.engine import Engine
from exchange.log import (
    ChainVerifier,
    EmbeddedServer,
    EpochBarrier,
    Frame,
    LogName,
    ServerAddress,
    read_frames,
    take_over,
)
from exchange.projections import Projections
from load_tests.flow import command_of, desk_flow
from load_tests.measure import parser, report, show, significant
from load_tests.trading_desks import engine_with, make_desks

TODAY = parse_window("D261122").start_day
NAME = LogName("load")
RECORDS_COUNT, RUNS_COUNT = 100_000, 3
QUICK_RECORDS_COUNT, QUICK_RUNS_COUNT = 20_000, 3
FRAME_RECORDS_COUNT = 1_000

Read = Callable[[Frame], object]


def main() -> None:
    """Measures and reports."""
    question = "events a second through verification of the chain and into state"
    options = parser(question)
    options.add_argument("--records", type=int, help="how long a log to make")
    chosen = options.parse_args()
    records_count = chosen.records or (QUICK_RECORDS_COUNT if chosen.quick else RECORDS_COUNT)
    runs_count = QUICK_RUNS_COUNT if chosen.quick else RUNS_COUNT
    records = _records(records_count)
    events_count = sum(len(decode_body(record)[1]) for record in records)
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as directory:
        server = EmbeddedServer.start(Path(directory))
        try:
            asyncio.run(_append(server.address, records))
            with server.address.client() as client:
                seconds = [_read_all_ways(client, len(records)) for _ in range(runs_count)]
        finally:
            server.stop()
    runs = [(events_count / run["into_state"], events_count / run["verified"]) for run in seconds]
    middle = {way: statistics.median(run[way] for run in seconds) for way in seconds[0]}
    ways = {
        way: {
            "events_per_second": significant(events_count / took_s),
            "records_per_second": significant(len(records) / took_s),
        }
        for way, took_s in middle.items()
    }
    details = {"ways": ways, "records_count": len(records), "events_count": events_count}
    result = report(question, "events/s", "reading and verifying only", runs, details)
    lines = [f"{len(records):,} records, {events_count:,} events"] + [
        f"{way:27} {row['events_per_second']:>9,} events/s, {row['records_per_second']:,} records/s"
        for way, row in ways.items()
    ]
    show(result, lines, chosen.json)


def _records(records_count: int) -> list[bytes]:
    """A log of that many order records after the set-up's, of all desks by turns."""
    desks = make_desks(TODAY)
    engine, records = engine_with(desks, TODAY)
    flows = [(desk, desk_flow(desk, "r")) for desk in desks]
    commands = [command_of(step, desk) for desk, flow in flows for step in flow.stock()]
    steps = [(desk, flow.steps()) for desk, flow in flows]
    mixed = (command_of(next(of), desk) for _ in range(records_count) for desk, of in steps)
    for command in (*commands, *islice(mixed, records_count)):
        outcome, record = engine.execute(command)
        assert record is not None, f"{command} left no record: {outcome}"
        records.append(record)
    return records


async def _append(address: ServerAddress, records: list[bytes]) -> None:
    barrier = EpochBarrier("load-test", os.urandom(16), "load", hashlib.sha256(b"").digest(), 1)
    appender = await take_over(address, NAME, NAME.genesis, barrier)
    for at in range(0, len(records), FRAME_RECORDS_COUNT):
        await appender.append(records[at : at + FRAME_RECORDS_COUNT])
    await appender.close()


def _read_all_ways(client: redis.Redis, records_count: int) -> dict[str, float]:
    """Processor seconds of each way; the server's part is in none of them."""
    seconds = {}
    for way, make in (
        ("verified", _nothing),
        ("into_state", _into_state),
        ("into_state_and_read_models", _into_state_and_read_models),
        ("decided_again", _decided_again),
    ):
        take = make()
        verifier = ChainVerifier(NAME)
        gc.collect()
        started = time.process_time()
        for frame in read_frames(client, verifier):
            take(frame)
        seconds[way] = time.process_time() - started
        assert verifier.head.seq == records_count, verifier.head
    return seconds


def _nothing() -> Read:
    return lambda frame: None


def _into_state() -> Read:
    engine = Engine()

    def take(frame: Frame) -> None:
        for record in frame.records:
            engine.apply(record)

    return take


def _into_state_and_read_models() -> Read:
    engine, projections = Engine(), Projections()
    state = engine.state

    def take(frame: Frame) -> None:
        for encoded in frame.records:
            command, events = engine.apply(encoded)
            projections.apply(Record(state.seq, state.market_ns, command, events))

    return take


def _decided_again() -> Read:
    engine = Engine()

    def take(frame: Frame) -> None:
        for record in frame.records:
            engine.verify(record)

    return take


if __name__ == "__main__":
    main()
