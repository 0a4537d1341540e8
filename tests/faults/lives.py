"""One life of a log after the other, and what was told to anybody in them."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from exchange.log import (
    Appender,
    ChainVerifier,
    EmbeddedServer,
    Head,
    LogError,
    ServerAddress,
    read_frames,
    take_over,
)
from exchange.log.resp import Connection
from tests.log.conftest import NAME, barrier, record

Wall = Callable[[], int]


def read_log(server: EmbeddedServer) -> tuple[list[bytes], Head]:
    """Every record, verified, and the head after them."""
    verifier = ChainVerifier(NAME)
    with server.address.client() as client:
        found = [each for frame in read_frames(client, verifier) for each in frame.records]
    return found, verifier.head


@asynccontextmanager
async def started(data_dir: Path) -> AsyncIterator[EmbeddedServer]:
    """A server until the end of the block; it may have been killed meanwhile."""
    server = EmbeddedServer.start(data_dir)
    try:
        yield server
    finally:
        server.stop()


async def lead(server: EmbeddedServer, told: list[bytes]) -> Appender:
    """Starts as the exchange does; what was read counts as told once the barrier is durable."""
    found, tip = read_log(server)
    writer = await take_over(server.address, NAME, tip, barrier())
    told[:] = found
    return writer


async def append_until_failure(writer: Appender, told: list[bytes], limit: int = 10_000) -> None:
    """Frames of one to three new records, until an append fails or there were so many."""
    for number in range(limit):
        batch = [record(len(told) * 1000 + number + n) for n in range(1 + number % 3)]
        try:
            await writer.append(batch)
        except LogError:
            return
        told += batch


async def writer_at(
    address: ServerAddress, head: Head, kind: type[Appender], wall: Wall
) -> Appender:
    """An appender that believes in a head and took nothing over."""
    return kind(await Connection.open(address), NAME, head, wall)


def kill_in(seconds: float, server: EmbeddedServer) -> None:
    """`kill -9` of the server after a while, unless it has ended by then."""
    assert server._process is not None, "it was started here"
    threading.Timer(seconds, server._process.kill).start()


def lost(told: list[bytes], found: list[bytes]) -> int:
    """How many records that were told of the log does not hold in their places."""
    return sum(each != found[n] if n < len(found) else 1 for n, each in enumerate(told))
