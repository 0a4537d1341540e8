"""A real embedded server for each test that asks, and none left over after it."""

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from exchange.log import (
    Appender,
    ChainVerifier,
    EmbeddedServer,
    EpochBarrier,
    Head,
    LogName,
    ServerAddress,
    read_frames,
    take_over,
)
from exchange.log.access import OPERATOR
from exchange.log.lock import holders
from exchange.log.resp import Connection

NAME = LogName("test-venue")


def barrier() -> EpochBarrier:
    """A barrier as a node that just started would write it."""
    return EpochBarrier("node-1", os.urandom(16), "build-1", hashlib.sha256(b"schema").digest(), 1)


def record(number: int) -> bytes:
    """One record of the usual shape: a command and its events."""
    return msgspec.msgpack.encode([["place_order", number], [["order_rested", number, "x" * 20]]])


def records(count: int, start: int = 0) -> list[bytes]:
    """`count` different records."""
    return [record(number) for number in range(start, start + count)]


async def first_appender(server: EmbeddedServer) -> Appender:
    """Takes over an empty log."""
    return await take_over(server.address, NAME, NAME.genesis, barrier())


async def second_writer(
    server: EmbeddedServer, writer: Appender, wall_ns: Callable[[], int] = time.time_ns
) -> Appender:
    """Another appender that believes in the same head and epoch."""
    return Appender(await Connection.open(server.address), NAME, writer.head, wall_ns)


def read_all(
    server: EmbeddedServer, start: Head | None = None
) -> tuple[list[bytes], ChainVerifier]:
    """All records from the server, verified, and the verifier at the tip."""
    verifier = ChainVerifier(NAME, start)
    with server.address.client() as client:
        found = [each for frame in read_frames(client, verifier) for each in frame.records]
    return found, verifier


def as_operator(address: ServerAddress) -> ServerAddress:
    """The same server, for doing what no exchange may."""
    return msgspec.structs.replace(address, username=OPERATOR)


def kill(pid: int) -> None:
    """Ends one process as a crash does."""
    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory; a server that still holds its lock after the test is a failure."""
    path = tmp_path / "data"
    path.mkdir()
    yield path
    lock = path / "LOCK"
    left = [pid for pid in holders(lock) if pid != os.getpid()] if lock.exists() else []
    for pid in left:
        kill(pid)
    assert not left, f"processes {left} were left over"


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedServer]:
    """A running server; a test may kill it."""
    server = EmbeddedServer.start(data_dir)
    yield server
    server.stop()
