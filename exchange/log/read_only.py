"""
Reading a directory's log without writing to it, beside a running exchange or without one.

Where a server lives, it is asked. Where none does, a private server starts on a copy of the
append-only files: a server writes to the files that it loads, and a tool that verifies must not.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import redis

from exchange.log.access import ENGINE
from exchange.log.address import ServerAddress
from exchange.log.aof import AOF_DIRECTORY
from exchange.log.errors import LogMissing, ServerUnreachable
from exchange.log.lock import FileLock, holders
from exchange.log.server import UNREACHABLE_SECONDS, EmbeddedServer, socket_path

_POLL_SECONDS = 0.05


@contextmanager
def read_only_log(data_dir: Path, copy_to: Path | None = None) -> Iterator[redis.Redis]:
    """
    Gives a client on the log of `data_dir`, for `read_frames`; the caller only reads.

    The copy needs as much room as the log, in `copy_to` or the system's temporary directory, and
    an exchange that is started while the copy is made waits for it.
    """
    lock = FileLock(data_dir / "LOCK")
    try:
        is_stopped = lock.acquire(may_create=False)
    except FileNotFoundError:
        raise _missing(data_dir) from None
    if not is_stopped:
        with living_server(data_dir) as client:
            yield client
        return
    with TemporaryDirectory(prefix="exchange-log-", dir=copy_to) as copy:
        try:
            source = data_dir / "server" / AOF_DIRECTORY
            shutil.copytree(source, Path(copy) / "server" / AOF_DIRECTORY)
        except FileNotFoundError:
            raise _missing(data_dir) from None
        finally:
            lock.release()
        with _private_server(Path(copy)) as client:
            yield client


@contextmanager
def living_server(data_dir: Path, username: str = ENGINE) -> Iterator[redis.Redis]:
    """Gives a client on the server that holds the directory's LOCK, once it has loaded."""
    directory = os.open(data_dir / "server", os.O_RDONLY | os.O_DIRECTORY)
    try:
        address = ServerAddress(
            unix_path=socket_path(data_dir / "server", directory), username=username
        )
        with address.client() as client:
            _wait_until_loaded(client, data_dir)
            yield client
    finally:
        os.close(directory)


@contextmanager
def _private_server(data_dir: Path) -> Iterator[redis.Redis]:
    server = EmbeddedServer.start(data_dir)
    try:
        with server.address.client() as client:
            yield client
    finally:
        server.stop()


def _wait_until_loaded(client: redis.Redis, data_dir: Path) -> None:
    deadline = time.monotonic() + UNREACHABLE_SECONDS
    while True:
        try:
            if not client.info("persistence")["loading"]:
                return
            deadline = time.monotonic() + UNREACHABLE_SECONDS
        except redis.RedisError as error:
            if time.monotonic() > deadline:
                raise ServerUnreachable(
                    f"log_server_unreachable: {data_dir / 'LOCK'} is held by processes "
                    f"{holders(data_dir / 'LOCK')}, but no server answers: {error}"
                ) from error
        time.sleep(_POLL_SECONDS)


def _missing(data_dir: Path) -> LogMissing:
    return LogMissing(f"log_missing: {data_dir} holds no log; only `init` creates one")
