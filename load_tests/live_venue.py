"""A venue in a directory of its own, served by a process of its own, for as long as a load test."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from clients.directory import SERVING_FILE, Serving, read_credentials, read_serving
from exchange.domain.windows import day_at
from exchange.gateway.named import ENVELOPE, named

from .measure import ROOT, cpu_seconds
from .trading_desks import (
    AUDITOR_ACCOUNT_ID,
    AUDITOR_SECRET,
    Desk,
    make_desks,
    setup_commands,
)

EXCHANGE = [sys.executable, "-m", "exchange.cli"]
STUB_GATEWAY = [sys.executable, "-m", "load_tests.stub_gateway"]
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0


class LiveVenue:
    """A serving exchange: where it listens, what its two processes cost."""

    def __init__(self, data_dir: Path, serving: Serving) -> None:
        self.data_dir = data_dir
        self.serving = serving
        self.host = urlsplit(serving.url).hostname or ""
        self.port = urlsplit(serving.url).port or 0
        self.log_server_pid = int(
            msgspec.json.decode((data_dir / "server" / "server.json").read_bytes())["pid"]
        )

    def cpu_s(self) -> tuple[float, float]:
        """Processor time so far: of the exchange, and of its log server."""
        return cpu_seconds(self.serving.pid), cpu_seconds(self.log_server_pid)

    def set_up(self) -> list[Desk]:
        """Admits the desks and lists what they trade, through the HTTP API."""
        today = day_at(time.time_ns())
        desks = make_desks(today)
        tokens = read_credentials(self.data_dir)
        bearer = {1: tokens["operator"], 2: tokens["second_operator"]}
        bearer[AUDITOR_ACCOUNT_ID] = f"{AUDITOR_ACCOUNT_ID}.{AUDITOR_SECRET}"
        bearer |= {desk.key_id: desk.token for desk in desks}
        for number, (key_id, command) in enumerate(setup_commands(today, desks)):
            tag = str(command.__struct_config__.tag)
            noun = "capacity" if key_id > 2 else "admin"
            names = [name for name in command.__struct_fields__ if name not in ENVELOPE]
            request = urllib.request.Request(
                f"{self.serving.url}/v1/{noun}/{tag}",
                data=msgspec.json.encode({name: named(getattr(command, name)) for name in names}),
                headers={
                    "Authorization": f"Bearer {bearer[key_id]}",
                    "Idempotency-Key": f"setup-{number}",
                },
            )
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 201, f"{command}: {answer.read()!r}"
        return desks


def init(data_dir: Path) -> None:
    """Creates the venue."""
    arguments = ["init", "--data", str(data_dir), "--venue-id", "load", "--always-open"]
    arguments += ["--burn-in-hours", "0"]
    subprocess.run([*EXCHANGE, *arguments], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def copy(data_dir: Path, to: Path) -> None:
    """A second venue with the same log; the first is stopped."""
    shutil.copytree(data_dir, to, ignore=shutil.ignore_patterns("sock", SERVING_FILE))


@contextmanager
def serve(program: list[str], data_dir: Path, options: Sequence[str] = ()) -> Iterator[LiveVenue]:
    """Serves the directory; ends the processes it started."""
    (data_dir / SERVING_FILE).unlink(missing_ok=True)
    process = subprocess.Popen(
        [*program, "serve", "--data", str(data_dir), "--http-port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield LiveVenue(data_dir, _wait_until_serving(process, data_dir))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            _end_log_server(data_dir)


def _wait_until_serving(process: subprocess.Popen[bytes], data_dir: Path) -> Serving:
    deadline = time.monotonic() + _START_SECONDS
    while not (data_dir / SERVING_FILE).exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args!r} does not serve, exit code {process.returncode}")
        time.sleep(0.02)
    return read_serving(data_dir)


def _end_log_server(data_dir: Path) -> None:
    """A killed exchange leaves its log server behind."""
    pid = int(msgspec.json.decode((data_dir / "server" / "server.json").read_bytes())["pid"])
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
