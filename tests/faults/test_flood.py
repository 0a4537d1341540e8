"""
A client that asks for what is refused, or for nothing, as fast as it can: the log hardly grows.

One account floods from several connections at once, each with a kind of its own, with ids as long
as they may be, and comes back again and again under new sessions. What is recorded of all that is
bounded by the account's buckets; here the server's file is measured, frames, protocol and all.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count, islice

import aiohttp

from tests.e2e.processes import VenueProcess
from tests.e2e.wire import Message, Wire, connected

LONG_S, SHORT_S = 60, 3
GROWTH_BYTES = 1_000_000
"""In a minute, and so in less."""
AT_ONCE = 64
TOO_MANY_QTY = 8_000_000
PAUSE_S = 0.01
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


async def test_a_flood_of_what_is_refused_or_pointless_hardly_grows_the_log(
    venue, market, often, done
):
    await asyncio.to_thread(venue.start)
    flood_s = often(SHORT_S, LONG_S)
    size, told = file_bytes(venue), Counter()
    kinds = [
        too_dear(market.month_symbol),
        nowhere,
        again,
        idle_cancel,
        idle_sweep,
        idle_change,
        nonsense,
        heartbeat,
    ]
    floods = [flood(venue, make, told) for make in kinds]
    tasks = [asyncio.create_task(each) for each in (*floods, come_and_go(venue, told))]
    ended, _ = await asyncio.wait(tasks, timeout=flood_s)
    assert not ended, ended
    pending = set(tasks)
    while pending:
        # More than once: before Python 3.12 `wait_for` may lose a cancellation.
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=PAUSE_S)
    grown = file_bytes(venue) - size
    print(f"{grown:,} bytes in {flood_s} s; {told}")
    await asyncio.to_thread(venue.kill)
    assert await asyncio.to_thread(venue.verify)
    answers = sum(told.values())
    assert answers > 1_000 * flood_s
    assert grown < GROWTH_BYTES, f"{grown} bytes in {flood_s} s"
    done["seconds of a flood"] += flood_s
    done["... its answers"] += answers
    done["... bytes by which the log's file grew"] += grown
