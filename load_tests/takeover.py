"""
How long is a venue with a long log without a leader?

A leader and a standby serve a venue whose log has a million records. The leader is killed; the
standby waits out the lapse, reads the last records, opens its epoch and serves. Timed is from the
moment at which it says that the lapse is over to the first acknowledgement of a new order, told to
a client that knocks all the time; the lapse itself is in the details. The next standby is warm
again before the next kill. The baseline is the same venue with the set-up's records only.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec

from clients.directory import add_credentials
from exchange.app import barrier
from exchange.domain.commands import Command
from exchange.engine.engine import Engine
from exchange.log import LogName, LogSettings, open_log
from exchange.settings import read_venue
from load_tests.flow import command_of, desk_flow
from load_tests.live_venue import LiveVenue, init
from load_tests.measure import parser, report, show, significant, spread
from load_tests.trading_desks import Desk
from tests.e2e.processes import VenueProcess, free_port, wait_until
from tests.e2e.wire import connected

RECORDS_COUNT, RUNS_COUNT = 1_000_000, 3
QUICK_RECORDS_COUNT, QUICK_RUNS_COUNT = 50_000, 1
FRAME_RECORDS_COUNT = 1_000
LEADING = ("--has-standby",)
WARM_S = 600.0


def main() -> None:
    """Measures and reports."""
    question = "seconds from the end of the lapse to the first acknowledgement"
    options = parser(question)
    options.add_argument("--records", type=int, help="how long a log to make")
    chosen = options.parse_args()
    records_count = chosen.records or (QUICK_RECORDS_COUNT if chosen.quick else RECORDS_COUNT)
    runs_count = QUICK_RUNS_COUNT if chosen.quick else RUNS_COUNT
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as directory:
        short = asyncio.run(_measure(Path(directory) / "short", 0, runs_count))
        long = asyncio.run(_measure(Path(directory) / "long", records_count, runs_count))
    runs = [(taken, base) for (_, taken), (_, base) in zip(long, short, strict=True)]
    lapses = [silent_s for silent_s, _ in long]
    details = {
        "records_count": records_count,
        "kill_to_lapse_s": msgspec.structs.asdict(spread(lapses)),
        "kill_to_ack_s": significant(sorted(sum(run) for run in long)[len(long) // 2]),
    }
    result = report(question, "s", "the same of a log with the set-up only", runs, details)
    lines = [f"{name}: {value}" for name, value in details.items()]
    show(result, lines, chosen.json)


async def _measure(
    data_dir: Path, records_count: int, runs_count: int
) -> list[tuple[float, float]]:
    """For each kill the seconds to the end of the lapse, and from there to the acknowledgement."""
    init(data_dir)
    leader = VenueProcess(data_dir)
    leader.start(*LEADING)
    assert leader.serving is not None, "it serves"
    desk, *others = LiveVenue(data_dir, leader.serving).set_up()
    add_credentials(data_dir, {"desk": desk.token})
    runs, processes = [], [leader]
    try:
        if records_count:
            leader.stop()
            await _fill(data_dir, [desk, *others], records_count)
            leader.launch("serve", "--http-port", 0, *LEADING)
            wait_until(leader._is_ready, "the leader is not ready", WARM_S)
        for number in range(runs_count):
            processes.append(_warm_standby(data_dir, number))
            runs.append(await _take_over(*processes[-2:], desk, number))
    finally:
        for process in processes:
            process.clean_up()
    return runs


async def _fill(data_dir: Path, desks: list[Desk], records_count: int) -> None:
    """Appends that many orders, as the stopped exchange would have."""
    venue = read_venue(data_dir)
    settings = LogSettings(data_dir, LogName(venue.venue_id, venue.shard))
    engine = Engine()
    async with open_log(settings) as event_log:
        async for frame in event_log.frames():
            for record in frame.records:
                engine.apply(record)
        appender = await event_log.take_over(barrier())
        commands = islice(_orders(desks), records_count)
        while batch := list(islice(commands, FRAME_RECORDS_COUNT)):
            await appender.append([_record(engine, command) for command in batch])


def _orders(desks: list[Desk]) -> Iterator[Command]:
    """Orders without end, of all desks by turns."""
    flows = [(desk, desk_flow(desk, "t")) for desk in desks]
    for desk, flow in flows:
        for step in flow.stock():
            yield command_of(step, desk)
    steps = [(desk, flow.steps()) for desk, flow in flows]
    while True:
        for desk, of_desk in steps:
            yield command_of(next(of_desk), desk)


def _record(engine: Engine, command: Command) -> bytes:
    outcome, record = engine.execute(command)
    assert record is not None, f"{command} left no record: {outcome}"
    return record


def _warm_standby(data_dir: Path, number: int) -> VenueProcess:
    """A standby that has read the log and only waits."""
    standby = VenueProcess(data_dir)
    standby._runs = 50 + number  # its output is nobody else's
    standby.launch("serve", "--standby", "--http-port", free_port(), *LEADING)
    wait_until(lambda: "following" in standby.stderr(), "the standby does not follow", WARM_S)
    return standby


async def _take_over(
    leader: VenueProcess, standby: VenueProcess, desk: Desk, number: int
) -> tuple[float, float]:
    killed = time.monotonic()
    leader.kill()
    wait_until(lambda: "taking_over" in standby.stderr(), "the standby does not lead")
    lapsed = time.monotonic()
    order = {
        "type": "place_order",
        "client_order_id": f"first of {number}",
        "instrument": desk.symbols[0],
        "side": "buy",
        "order_qty": 1,
        "limit_price": 1,
        "request_id": 1,
    }
    standby.wait_ready()
    async with connected(standby, "desk") as wire:
        answer = await wire.answer(order)
    assert answer["type"] == "ack", answer
    return significant(lapsed - killed), significant(time.monotonic() - lapsed)


if __name__ == "__main__":
    main()
