"""
How many collateral marks a second does one process serve, and how long does a cycle hold up others?

A bank's pool is marked by the rules themselves. `GET /v1/collateral/marks/1`, as of a record, is
then asked over loopback by a process that does nothing else, by turns with a bare aiohttp handler
in the same server, and counted in processor seconds of the server, because the machine may have
other work: the ratio is the figure's worth on any machine. A bank pulls its whole pool, so that is
asked too, one after the other. The loop is uvloop, as where the exchange serves. Beside it stands
how long each record of a marking cycle keeps the writer: the first cycle prices every pledge anew,
as the first of a day does. What that means to an order's ack, `marking.py` asks.
"""

import asyncio
import multiprocessing
import socket
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from aiohttp import web

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange.domain.lending_commands import MarkPledges
from exchange.domain.record import Record, decode_body
from exchange.engine.engine import Engine
from exchange.engine.sequencer import Sequencer
from exchange.gateway import build_app
from exchange.projections import Projections
from exchange.rules.valuation import fill_tables
from load_tests.measure import parser, report, show, significant, spread
from tests.memory_history import MemoryHistory
from tests.rules.pledge_marks import MarkedMarket
from tests.scenario import BANK

PLEDGES_COUNT, RUNS_COUNT, REQUESTS_COUNT = 400, 5, 20_000
QUICK_PLEDGES_COUNT, QUICK_RUNS_COUNT, QUICK_REQUESTS_COUNT = 100, 3, 3_000
PIPELINED_COUNT = 50
WINDOWS = ("M2701", "M2702", "M2703", "Q271", "Y27")


class NoLog:
    """Durable at once."""

    async def append(self, records: object) -> None:
        """Nothing is kept."""


def main() -> None:
    """Measures and reports."""
    question = "answers a second with a bank's mark, from one process"
    chosen = parser(question).parse_args()
    quick = chosen.quick
    market, stalls = _market(QUICK_PLEDGES_COUNT if quick else PLEDGES_COUNT)
    runs_count = QUICK_RUNS_COUNT if quick else RUNS_COUNT
    requests_count = QUICK_REQUESTS_COUNT if quick else REQUESTS_COUNT
    runs, pool_rates, sizes = uvloop.run(_serve(market, runs_count, requests_count))
    count = len(market.state.pledges)
    first, second = (sorted(cycle) for cycle in stalls)
    details = {
        "pledges_count": count,
        "answer_bytes": sizes[0],
        "pools_per_second": spread(pool_rates),
        "pool_bytes": sizes[2],
        "pool_marks_per_second": significant(count * spread(pool_rates).median),
        "first_cycle_records_count": len(first),
        "first_cycle_record_ms": spread(first),
        "unchanged_cycle_records_count": len(second),
        "unchanged_cycle_record_ms": spread(second),
    }
    result = report(question, "answers/s of a core", "a bare aiohttp handler", runs, details)
    lines = [
        f"the whole pool of {count} in an answer of {sizes[2]:,} bytes: "
        f"{details['pools_per_second'].median:,} a second, "
        f"{details['pool_marks_per_second']:,} marks/s",
        f"a cycle over {count} pledges: {len(first)} records, the longest "
        f"{significant(first[-1])} ms; again with nothing changed: {len(second)} records, the "
        f"longest {significant(second[-1])} ms",
    ]
    show(result, lines, chosen.json)


def _market(count: int) -> tuple[MarkedMarket, list[list[float]]]:
    """A pool with a day's first cycle over it and one more; milliseconds of each record."""
    market = MarkedMarket()
    for number in range(count):
        pledge_id = market.pledge(WINDOWS[number % len(WINDOWS)], 1 + number % 3, key_id=3)
        assert pledge_id == number + 1
    market.tomorrow()
    fill_tables(market.state)
    return market, [_cycle_ms(market.engine), _cycle_ms(market.engine)]


def _cycle_ms(engine: Engine) -> list[float]:
    found = []
    while True:
        started = time.process_time_ns()
        outcome, _ = engine.execute(MarkPledges())
        found.append((time.process_time_ns() - started) / 1e6)
        assert outcome.reason is None, outcome
        if not engine.state.marking_left:
            return found


async def _serve(
    market: MarkedMarket, runs_count: int, requests_count: int
) -> tuple[list[tuple[float, float]], list[float], list[int]]:
    """Runs of (answers, bare answers) and of pools a processor second, and sizes of the three."""
    projections = Projections()
    engine = Engine()
    for seq, body in enumerate(market.records, start=1):
        engine.apply(body)
        projections.apply(Record(seq, engine.state.market_ns, *decode_body(body)))
    app = build_app(Sequencer(engine, NoLog()), projections, MemoryHistory(market.records))
    bare = web.Application()
    bare.router.add_get("/", _bare)
    ports, runners = [], []
    for each in (app, bare):
        runner = web.AppRunner(each, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        ports.append(runner.addresses[0][1])
    question = f"?as_of_seq={projections.at_seq}"
    asked = [
        (ports[0], _request(f"/v1/collateral/marks/1{question}"), requests_count, PIPELINED_COUNT),
        (ports[1], _request("/"), requests_count, PIPELINED_COUNT),
        (ports[0], _request(f"/v1/collateral/marks{question}"), requests_count // 20, 1),
    ]
    found = [[await _rate(*each) for each in asked] for _ in range(runs_count)]
    for runner in runners:
        await runner.cleanup()
    runs = [(mark[0], bare[0]) for mark, bare, _ in found]
    return runs, [pool[0] for _, _, pool in found], [size for _, size in found[0]]


async def _bare(_request: web.Request) -> web.Response:
    return web.Response(body=b"[]", content_type="application/json")


def _request(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {BANK}.secret of {BANK}\r\n\r\n"
    ).encode()


async def _rate(port: int, request: bytes, count: int, pipelined_count: int) -> tuple[float, int]:
    """Answers a processor second of this process, and bytes of one."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    asking = context.Process(target=_ask, args=(port, request, count, pipelined_count, theirs))
    asking.start()
    size = await asyncio.to_thread(ours.recv)
    started = time.process_time()
    ours.send("go")
    await asyncio.to_thread(ours.recv)
    used_s = time.process_time() - started
    asking.join()
    return count / used_s, size


def _ask(port: int, request: bytes, count: int, pipelined_count: int, told: Connection) -> None:
    """Asks once for the size, and then so many times, several at once."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        head, _, body = connection.recv(1 << 20).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(1 << 20)
        size = len(head) + 4 + length
        told.send(size)
        told.recv()
        for _ in range(count // pipelined_count):
            connection.sendall(request * pipelined_count)
            left = size * pipelined_count
            while left:
                left -= len(connection.recv(1 << 20))
        told.send("done")


if __name__ == "__main__":
    main()
