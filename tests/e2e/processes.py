"""
Processes of the exchange: started, waited for, killed, and never left behind.

Nothing here sleeps for a guess: `wait_until` polls a condition until a deadline that only a broken
exchange reaches.
"""

import asyncio
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.directory import Serving, read_credentials, read_serving
from exchange.log.lock import holders

PATIENCE_S = 90.0
"""Only a broken exchange takes this long."""
_POLL_S = 0.01


def wait_until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """Polls until the condition holds and returns what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(_POLL_S)
    return found


def is_running(pid: int) -> bool:
    """Whether a process lives; one that ended and was not yet waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def group_members(group: int) -> list[int]:
    """Living processes of a process group."""
    members = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            members.append(int(process.name))
    return members


def free_port() -> int:
    """A port that nobody listens on now, for an exchange that is to come back to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Shell:
    """What a command of the shell gave back."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def value(self) -> Any:
        """The one JSON value of `--json`."""
        return json.loads(self.stdout)

    @property
    def rows(self) -> list[Any]:
        """The JSON values of commands that print one a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def shell(*words: object, seconds: float = PATIENCE_S) -> Shell:
    """Runs `exchange <words>` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "exchange.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Shell(done.returncode, done.stdout, done.stderr)


class VenueProcess:
    """One venue's directory and, while it runs, the exchange that serves it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.process: subprocess.Popen[bytes] | None = None
        self.serving: Serving | None = None
        self.program = [sys.executable, "-m", "exchange.cli"]
        """What is started; a test of faults puts its own around the exchange."""
        self._runs = 0

    # -- starting

    def start(self, *options: object, http_port: int = 0) -> "VenueProcess":
        """Serves, and returns once `/health/ready` says so."""
        return self.launch("serve", "--http-port", http_port, *options).wait_ready()

    def launch(self, command: str, *options: object) -> "VenueProcess":
        """Starts `serve` or `demo` and returns at once."""
        assert self.process is None, "it runs already"
        self._runs += 1
        with open(self._output("out"), "wb") as out, open(self._output("err"), "wb") as err:
            self.process = subprocess.Popen(
                [*self.program, command, "--data", str(self.data_dir)]
                + [str(option) for option in options],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return self

    def wait_ready(self) -> "VenueProcess":
        """Waits until this very process says where it serves, and is ready."""
        wait_until(self._is_ready, f"the exchange on {self.data_dir} is not ready")
        return self

    def _is_ready(self) -> bool:
        assert self.process is not None, "it was not started"
        assert self.process.poll() is None, f"ended with {self.process.poll()}: {self.stderr()}"
        try:
            serving = read_serving(self.data_dir)
        except FileNotFoundError:
            return False
        if serving.pid != self.process.pid:
            return False
        self.serving = serving
        try:
            with urllib.request.urlopen(f"{serving.url}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    # -- asking

    @property
    def pid(self) -> int:
        """Of the exchange."""
        assert self.process is not None, "it does not run"
        return self.process.pid

    @property
    def url(self) -> str:
        """Where it serves, or last served."""
        assert self.serving is not None, "it has not served"
        return self.serving.url

    @property
    def log_server_pid(self) -> int:
        """Of the embedded log server, as the directory records it."""
        recorded = json.loads((self.data_dir / "server" / "server.json").read_bytes())
        pid: int = recorded["pid"]
        return pid

    def token(self, name: str) -> str:
        """A participant's bearer token."""
        return read_credentials(self.data_dir)[name]

    def stdout(self) -> str:
        """What the last run printed."""
        return self._output("out").read_text()

    def stderr(self) -> str:
        """What the last run complained of."""
        return self._output("err").read_text()

    def shell(self, *words: object) -> Shell:
        """Runs `exchange <words> --data DIR`."""
        return shell(*words, "--data", self.data_dir)

    def verify(self) -> int:
        """Proves the log with `exchange verify`; returns how many records it has."""
        verified = self.shell("verify", "--json")
        assert verified.exit_code == 0, verified
        assert verified.value["is_clean"] is True
        seq: int = verified.value["seq"]
        return seq

    # -- ending

    def kill(self) -> None:
        """`kill -9` of the exchange; its log server lives on."""
        assert self.process is not None, "it does not run"
        self.process.kill()
        self.process.wait()
        self._forget()

    def kill_log_server(self) -> None:
        """`kill -9` of the log server, and waits until it is gone."""
        pid = self.log_server_pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_running(pid), "the log server survives SIGKILL")

    def wait_end(self, seconds: float = PATIENCE_S) -> int:
        """Waits until the exchange ends by itself; its exit code."""
        assert self.process is not None, "it does not run"
        exit_code = self.process.wait(seconds)
        self._forget()
        return exit_code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop and waits for that; its exit code."""
        assert self.process is not None, "it does not run"
        self.process.send_signal(number)
        return self.wait_end()

    def leftovers(self, group: int) -> list[int]:
        """Living processes of an exchange that has ended, and of its log server."""
        return sorted({*group_members(group), *holders(self.data_dir / "LOCK")})

    def clean_up(self) -> None:
        """Ends whatever this venue still has running: the exchange, and an orphaned log server."""
        if self.process is not None:
            self._tell_if_gone()
            self.kill()
        lock = self.data_dir / "LOCK"
        for pid in holders(lock) if lock.exists() else []:
            if pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda pid=pid: not is_running(pid), f"{pid} survives SIGKILL")

    def _tell_if_gone(self) -> None:
        """An exchange that no test has ended has ended: a test that failed shows what it said."""
        assert self.process is not None, "it was never started"
        if (exit_code := self.process.poll()) is not None:
            print(f"the exchange on {self.data_dir} was gone, exit code {exit_code}; it said:")
            print(self.stdout(), self.stderr(), sep="\n")

    def _forget(self) -> None:
        """The process has ended; children that it left are ended, so that no test leaves any."""
        assert self.process is not None, "it does not run"
        group, self.process = self.process.pid, None
        for pid in group_members(group):
            os.kill(pid, signal.SIGKILL)

    def _output(self, kind: str) -> Path:
        return self.data_dir.with_name(f"{self.data_dir.name}.{self._runs}.{kind}")


def in_time(test: Callable[..., Any]) -> Callable[..., Any]:
    """Fails an asynchronous test that waits in vain, where it waits, instead of hanging."""

    @functools.wraps(test)
    async def timed(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test(*args, **kwargs)

    return timed
