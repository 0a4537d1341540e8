"""
The clients of the gateway's load test, in a process of their own: a plan comes in, a result goes
out.

Frames are encoded and masked before the clock starts, and replies are looked at for their type and
`request_id` only, so that a client costs a fraction of what a server does.

Open loop: each frame has a moment at which it is meant to leave, whatever the server does, and the
latency of each of its messages counts from then; a server that stalls cannot slow the clock that
judges it. Closed loop: each connection keeps so many messages unanswered and sends when answered.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from load_tests.flow import Step, desk_flow, message_of, stock_count
from load_tests.measure import quantile
from load_tests.trading_desks import Desk
from load_tests.websocket_client import TEXT, Client, masked_frame

MAX_MESSAGES_COUNT = 64
"""In one frame, as the protocol has it."""
ANSWER_SECONDS = 10.0
"""How long the last answers may take."""
TICK_SECONDS = 0.001
"""The generator looks at its schedule so often: it may be late by as much, and says by how much."""


class Plan(Struct, frozen=True, kw_only=True):
    """What to send, to whom."""

    host: str
    port: int
    desks: list[Desk]
    name: str
    """Keeps the order ids of several runs apart."""
    warm_up_s: float
    measured_s: float
    per_second: int
    """Open loop: messages a second over all connections. Closed loop: how many to prepare for."""
    frame_messages_count: int
    unanswered_count: int = 0
    """Messages each connection keeps unanswered; 0 is the open loop."""
    each_file: str = ""
    """Open loop: where [meant, answered] of every measured order goes, by the monotonic clock."""


class Result(Struct, frozen=True, kw_only=True):
    """What became of it; the warm-up counts nowhere."""

    stock_count: int
    """Orders that made the books before."""
    sent_count: int
    acked_count: int
    refused: dict[str, int]
    unanswered_count: int
    seconds: float
    acked_per_second: float
    p50_us: int
    p99_us: int
    p999_us: int
    max_us: int
    late_p99_us: int
    """How late the generator itself was in sending; contained in the latencies."""


def frames_of(steps: Iterator[Step], desk: Desk, count: int, first_request_id: int) -> list[bytes]:
    """One frame after the other of `count` messages each; request ids go on from the first."""
    frames = []
    request_id = first_request_id
    while chunk := list(islice(steps, count)):
        messages = (
            message_of(step, desk, number) for number, step in enumerate(chunk, start=request_id)
        )
        frames.append(masked_frame(TEXT, f"[{','.join(messages)}]".encode()))
        request_id += len(chunk)
    return frames


async def run(plan: Plan) -> Result:
    """Prepares, connects, rests the stock, then measures."""
    per_desk = plan.per_second * (plan.warm_up_s + plan.measured_s) / len(plan.desks)
    frames_count = int(per_desk / plan.frame_messages_count) + 1
    prepared = []
    for desk in plan.desks:
        flow = desk_flow(desk, plan.name)
        # The stock's request ids do not matter; the flow's count from 0, so that id // messages
        # is the number of the frame.
        stock = frames_of(iter(flow.stock()), desk, MAX_MESSAGES_COUNT, 0)
        steps = islice(flow.steps(), frames_count * plan.frame_messages_count)
        prepared.append((stock, frames_of(steps, desk, plan.frame_messages_count, 0)))
    loop = asyncio.get_running_loop()
    clients = []
    for desk, (stock, _) in zip(plan.desks, prepared, strict=True):
        connect = partial(Client, desk, plan.host)
        _, client = await loop.create_connection(connect, plan.host, plan.port)
        await client.opened
        for frame in stock:
            client.send(frame, 0)
        clients.append(client)
    await _rest_stock(clients)
    frames = [frames for _, frames in prepared]
    result = await (_closed_loop if plan.unanswered_count else _open_loop)(plan, clients, frames)
    for client in clients:
        client.close()
    return result


async def _rest_stock(clients: list[Client]) -> None:
    """Waits until every order of the stock has its ack, and forgets it."""
    for client in clients:
        expected = stock_count(client.desk)
        deadline = time.monotonic() + ANSWER_SECONDS
        while client.answered_count < expected:
            assert time.monotonic() < deadline, f"the stock got {client.answered_count} answers"
            await asyncio.sleep(0.01)
        assert not client.refused, f"the stock was refused: {client.refused}"
        client.acks.clear()
        client.answered_count = 0


async def _open_loop(plan: Plan, clients: list[Client], frames: list[list[bytes]]) -> Result:
    count = plan.frame_messages_count
    gap_ns = count * len(clients) * 1_000_000_000 // plan.per_second
    started = time.perf_counter_ns() + 10_000_000
    meant = [
        [started + at * gap_ns + number * gap_ns // len(clients) for at in range(len(of_client))]
        for number, of_client in enumerate(frames)
    ]
    schedule = sorted(
        (moment, number, at)
        for number, moments in enumerate(meant)
        for at, moment in enumerate(moments)
    )
    measured_from = started + int(plan.warm_up_s * 1e9)
    late_ns = []
    for moment, number, at in schedule:
        wait_ns = moment - time.perf_counter_ns()
        if wait_ns > 0:
            # Never less than the timer's step, or the loop would spin on a core that others need.
            await asyncio.sleep(max(wait_ns / 1e9, TICK_SECONDS))
        clients[number].send(frames[number][at], count)
        if moment >= measured_from:
            late_ns.append(time.perf_counter_ns() - moment)
    sending_ended = time.perf_counter_ns()
    await _all_answered(clients)
    latencies, each = [], []
    acked_in_time = 0
    for client, moments in zip(clients, meant, strict=True):
        for now, request_ids in client.acks:
            for request_id in request_ids:
                moment = moments[request_id // count]
                if moment >= measured_from:
                    latencies.append(now - moment)
                    each.append((moment, now))
            if measured_from <= now <= sending_ended:
                acked_in_time += len(request_ids)
    if plan.each_file:
        _keep(each, plan.each_file)
    seconds = (sending_ended - measured_from) / 1e9
    return _result(clients, latencies, acked_in_time, len(late_ns) * count, seconds, late_ns)


def _keep(each: list[tuple[int, int]], file: str) -> None:
    Path(file).write_bytes(msgspec.json.encode(each))


async def _closed_loop(plan: Plan, clients: list[Client], frames: list[list[bytes]]) -> Result:
    count = plan.frame_messages_count
    sent_at: dict[Client, list[int]] = {client: [] for client in clients}
    remaining = {client: iter(of) for client, of in zip(clients, frames, strict=True)}
    ended = asyncio.Event()

    def send_on(client: Client) -> None:
        while client.sent_count - client.answered_count + count <= plan.unanswered_count:
            frame = next(remaining[client], None)
            if frame is None or ended.is_set():
                ended.set()
                return
            sent_at[client].append(time.perf_counter_ns())
            client.send(frame, count)

    measured_from = time.perf_counter_ns() + int(plan.warm_up_s * 1e9)
    for client in clients:
        client.on_answer = send_on
        send_on(client)
    try:
        async with asyncio.timeout(plan.warm_up_s + plan.measured_s):
            await ended.wait()
    except TimeoutError:
        ended.set()
    measured_to = time.perf_counter_ns()
    await _all_answered(clients)
    latencies = []
    for client in clients:
        moments = sent_at[client]
        for now, request_ids in client.acks:
            if measured_from <= now <= measured_to:
                latencies += [now - moments[request_id // count] for request_id in request_ids]
    seconds = (measured_to - measured_from) / 1e9
    sent_count = sum(client.sent_count for client in clients)
    return _result(clients, latencies, len(latencies), sent_count, seconds, [0])


async def _all_answered(clients: list[Client]) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while any(client.answered_count < client.sent_count for client in clients):
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.01)


def _result(
    clients: list[Client],
    latencies: list[int],
    acked_count: int,
    sent_count: int,
    seconds: float,
    late_ns: list[int],
) -> Result:
    latencies.sort()
    late_ns.sort()
    refused: Counter[str] = Counter()
    for client in clients:
        refused += client.refused
    us = [quantile(latencies, share) // 1_000 for share in (0.5, 0.99, 0.999, 1.0)]
    return Result(
        stock_count=sum(stock_count(client.desk) for client in clients),
        sent_count=sent_count,
        acked_count=acked_count,
        refused=dict(refused),
        unanswered_count=sum(c.sent_count - c.answered_count for c in clients),
        seconds=seconds,
        acked_per_second=acked_count / seconds,
        p50_us=us[0],
        p99_us=us[1],
        p999_us=us[2],
        max_us=us[3],
        late_p99_us=quantile(late_ns, 0.99) // 1_000,
    )


def main() -> None:
    """Reads a plan, writes a result."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(plan))))


if __name__ == "__main__":
    main()
