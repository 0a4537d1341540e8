"""
A client that asks for what is refused, or for nothing, as fast as it can: the log hardly grows.

One account floods from several connections at once, each with a kind of its own, with ids and lists
as long as they may be, over the websocket and HTTP, one request at a time and many at once, and
comes back again and again under new sessions. What is recorded of all that is bounded by the
account's buckets; here the server's file is measured, frames, protocol and all.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from itertools import count, islice
from typing import Any

import aiohttp
import pytest

from tests.e2e.processes import VenueProcess
from tests.e2e.venue import Market
from tests.e2e.wire import Message, Wire, connected

LONG_S, SHORT_S = 60, 2
GROWTH_BYTES = 1_000_000
"""In a minute, and so in less."""
AT_ONCE = 64
TOO_MANY_QTY = 8_000_000
PAUSE_S = 0.01
MAX_ID = 2**53 - 1
LONG_COUNT = 24
"""Requests under way at once of a kind that comes over HTTP."""
Make = Callable[[int], Message]


def named(number: int) -> str:
    """An id of the greatest length."""
    return f"{number:036d}"


def too_dear(symbol: str) -> Make:
    """An order that nobody could pay for: each refusal is a record."""
    order = {"type": "place_order", "instrument": symbol, "side": "buy", "limit_price": 990}

    def dear(number: int) -> Message:
        return {**order, "client_order_id": named(number), "order_qty": TOO_MANY_QTY}

    return dear


def nowhere(number: int) -> Message:
    """An order for what does not exist: a record as well."""
    order = {"type": "place_order", "instrument": "x" * 96, "side": "buy"}
    return {**order, "client_order_id": f"n{number:035d}", "order_qty": 1, "limit_price": 1}


def again(number: int) -> Message:
    """One order for ever: one record, then duplicates."""
    return {**nowhere(number), "client_order_id": "again"}


def idle_cancel(number: int) -> Message:
    """A cancel that finds nothing."""
    return {"type": "cancel_order", "command_id": f"c{number:035d}", "order_id": 1}


def idle_sweep(number: int) -> Message:
    """A mass cancel of nothing."""
    return {"type": "mass_cancel", "command_id": f"m{number:035d}"}


def idle_change(number: int) -> Message:
    """An amendment of nothing."""
    return {"type": "amend_order", "command_id": f"a{number:035d}", "order_id": 1, "order_qty": 8}


def late_cancel(number: int) -> Message:
    """A cancel whose time is over: the market refuses it, on the record."""
    return {**idle_cancel(number), "command_id": f"l{number:035d}", "valid_until_ns": 1}


def nonsense(_number: int) -> Message:
    """No request at all."""
    return {"type": "nothing", "x": "x" * 400}


def heartbeat(_number: int) -> Message:
    """What is answered without the log."""
    return {"type": "ping"}


async def flood(venue: VenueProcess, make: Make, told: Counter) -> None:
    """Sends without waiting for answers, and reads them; begins again where it is thrown out."""
    numbers = count(1)
    while True:
        try:
            async with connected(venue, "trader") as wire, asyncio.TaskGroup() as group:
                group.create_task(listen(wire, make.__name__, told))
                while True:
                    await wire.socket.send_str(json.dumps(batch(make, numbers)))
                    await asyncio.sleep(0)
        except* (AssertionError, aiohttp.ClientError, OSError):
            told["thrown out"] += 1
            await asyncio.sleep(PAUSE_S)


async def post(
    venue: VenueProcess, who: str, path: str, body: Message, at_once: int, told: Counter
) -> None:
    """Asks the same again and again over HTTP, under new ids; as many at once as are said."""
    data, numbers = json.dumps(body), count(1)
    authorization = {"Authorization": f"Bearer {venue.token(who)}"}

    async def ask(session: aiohttp.ClientSession) -> None:
        while True:
            headers = authorization | {"Idempotency-Key": f"h{next(numbers):035d}"}
            async with session.post(venue.url + path, data=data, headers=headers) as answer:
                problem = await answer.json(content_type=None)
            told[path, problem["name"]] += 1

    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(ask(session))


def allocation() -> Message:
    """A block that there is not, over as many accounts as one may name."""
    parts = [{"account_id": MAX_ID - n, "allocated_qty": TOO_MANY_QTY} for n in range(100)]
    return {"allocations": parts}


def readings(market: Market) -> Message:
    """As many readings as one may send, of hours that are yet to come."""
    day = market.today + 30
    return {"product_id": 1, "readings": [[day, n % 24, 1_000_000, MAX_ID] for n in range(1_000)]}


def batch(make: Make, numbers: Iterator[int]) -> list[Message]:
    """As many messages as a frame takes well."""
    return [{**make(number), "request_id": number} for number in islice(numbers, AT_ONCE)]


async def listen(wire: Wire, kind: str, told: Counter) -> None:
    """Counts answers until the connection ends."""
    async for frame in wire.socket:
        decoded = json.loads(frame.data)
        for message in decoded if isinstance(decoded, list) else [decoded]:
            told[kind, message.get("name", message["type"])] += 1
        # The flood itself must go on, and end in time.
        await asyncio.sleep(0)
    raise ConnectionError("thrown out")


async def come_and_go(venue: VenueProcess, told: Counter) -> None:
    """Session after session: two records each."""
    while True:
        try:
            async with connected(venue, "trader"):
                told["sessions"] += 1
        except (AssertionError, aiohttp.ClientError, OSError):
            told["no session"] += 1
            await asyncio.sleep(PAUSE_S)


def file_bytes(venue: VenueProcess) -> int:
    """All of the server's append-only file."""
    files = (venue.data_dir / "server" / "appendonlydir").iterdir()
    return sum(file.stat().st_size for file in files)


async def grown_by(
    venue: VenueProcess, floods: list[Coroutine[Any, Any, None]], flood_s: float
) -> int:
    """Bytes by which the log's file grows while all the floods go on."""
    size = file_bytes(venue)
    tasks = [asyncio.create_task(each) for each in floods]
    ended, _ = await asyncio.wait(tasks, timeout=flood_s)
    assert not ended, ended
    pending = set(tasks)
    while pending:
        # More than once: before Python 3.12 `wait_for` may lose a cancellation.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=PAUSE_S)
    return file_bytes(venue) - size


async def require_small(
    venue: VenueProcess, grown: list[int], told: Counter, flood_s: int, done: Counter
) -> None:
    """The log grew by little in each flood and can be decided again; how much is noted."""
    print(f"{grown} bytes in {flood_s} s each; {told}")
    await asyncio.to_thread(venue.kill)
    assert await asyncio.to_thread(venue.verify)
    assert max(grown) < GROWTH_BYTES, f"{grown} bytes in {flood_s} s each"
    done["seconds of floods"] += flood_s * len(grown)
    done["... their answers"] += sum(told.values())
    done["... bytes by which the log's file grew in one, at most"] = max(
        *grown, done["... bytes by which the log's file grew in one, at most"]
    )


async def test_a_flood_of_what_is_refused_or_pointless_hardly_grows_the_log(
    venue, market, often, done
):
    await asyncio.to_thread(venue.start)
    flood_s, told = often(SHORT_S, LONG_S), Counter()
    kinds = [
        too_dear(market.month_symbol),
        nowhere,
        again,
        idle_cancel,
        late_cancel,
        idle_sweep,
        idle_change,
        nonsense,
        heartbeat,
    ]
    floods = [flood(venue, make, told) for make in kinds]
    grown = await grown_by(venue, [*floods, come_and_go(venue, told)], flood_s)
    assert sum(told.values()) > 1_000 * flood_s
    await require_small(venue, [grown], told, flood_s, done)


@pytest.mark.parametrize("at_once", [LONG_COUNT, 1])
async def test_a_flood_of_long_lists_over_http_hardly_grows_the_log(
    venue, market, often, done, at_once
):
    """Nor does one of short commands. Each account has its own bounds, whatever it asks for."""
    await asyncio.to_thread(venue.start)
    flood_s = often(SHORT_S, LONG_S)
    grown, told = [], Counter()
    for who, path, body in (
        ("trader", f"/v1/blocks/{MAX_ID}/allocate", allocation()),
        ("supplier", "/v1/deliveries/record_readings", readings(market)),
        ("bank", f"/v1/blocks/{MAX_ID}/confirm", {}),
    ):
        grown += [await grown_by(venue, [post(venue, who, path, body, at_once, told)], flood_s)]
        # So short a run need not come to the end of what short commands may take.
        assert told[path, "rate"] > 0 or not body, told
    assert sum(told.values()) > 100 * flood_s
    await require_small(venue, grown, told, flood_s, done)
