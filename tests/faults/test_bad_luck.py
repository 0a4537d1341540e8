"""
What an operator may meet one night: each refuses to start, or stops, with words and a code.

Every message says what, where and what to do; nothing is written meanwhile, and what is whole
serves afterwards. More of them are in `tests/e2e/test_start_refused.py`.
"""

import asyncio
import hashlib
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import msgspec
import pytest

from exchange.log import ChainVerifier, EmbeddedServer, LogName, errors, read_frames, take_over
from exchange.log.access import OPERATOR
from exchange.snapshots import BEHAVIOUR_VERSION
from tests.e2e.processes import in_time, wait_until
from tests.e2e.test_start_refused import _change, refused
from tests.e2e.venue import fetch
from tests.log.conftest import barrier

NAME = LogName("e2e")
KEY = NAME.key
NEWER_BUILD = 7

CHECKED_OFTEN = """
from exchange import app
app.CONFIGURATION_INTERVAL_S = 0.2
from exchange.cli import main
main()
"""

IMPATIENT = """
from exchange.log import appender, server
appender.APPEND_SECONDS, server.INFO_SECONDS, server.STOP_SECONDS = 1.0, 0.2, {stop_seconds}
from exchange.cli import main
main()
"""


def as_operator(data_dir: Path, *words: object) -> object:
    """Another client on the living server."""
    descriptor = os.open(data_dir / "server", os.O_RDONLY)
    server = EmbeddedServer(data_dir)
    server._directory = descriptor
    try:
        with server.address_of(OPERATOR).client() as client:
            return client.execute_command(*words)
    finally:
        os.close(descriptor)


def log_files(data_dir: Path) -> dict[str, str]:
    """The server's files and the witness, by their SHA-256."""
    paths = [*(data_dir / "server" / "appendonlydir").iterdir(), data_dir / "witness"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def append_as_newer(data_dir: Path, behaviour_version: int, record: object) -> None:
    """A newer build served this venue for one record."""

    async def serve_once(server):
        verifier = ChainVerifier(NAME)
        with server.address.client() as client:
            list(read_frames(client, verifier))
        newer = msgspec.structs.replace(barrier(), behaviour_version=behaviour_version)
        appender = await take_over(server.address, NAME, verifier.head, newer)
        await appender.append([msgspec.msgpack.encode(record)])
        await appender.close()

    server = EmbeddedServer.start(data_dir)
    try:
        asyncio.run(serve_once(server))
    finally:
        server.stop()


def put_foreign_key(client):
    client.delete(KEY)
    client.set(KEY, "a cache of somebody's")


def put_foreign_stream(client):
    client.delete(KEY)
    client.xadd(KEY, {"user": "somebody"})


LUCK = {
    "another kind of key under our name": (put_foreign_key, errors.KeyForeign.exit_code, KEY),
    "somebody's stream under our name": (put_foreign_stream, 26, "wanted [b'f']"),
    "the key deleted": (lambda client: client.delete(KEY), 50, "log restore --from"),
    "everything flushed": (lambda client: client.flushall(), 50, "log restore --from"),
    "trimmed without an archive": (
        lambda client: client.xtrim(KEY, maxlen=2, approximate=False), 61, "--archive",
    ),
    "trimmed by MAXLEN as it appended": (
        lambda client: client.xadd(KEY, {"f": "x"}, id="99-99", maxlen=1, approximate=False),
        (20, 22), "restore the log from the archive",
    ),
}  # fmt: skip


@pytest.mark.parametrize("luck", LUCK)
def test_bad_luck_refuses_the_start_and_says_what_to_do(venue, luck):
    change, codes, words = LUCK[luck]
    _change(venue.data_dir, change)
    before = log_files(venue.data_dir)
    exit_code, message = refused(venue)
    assert exit_code in (codes if isinstance(codes, tuple) else (codes,)), message
    assert words in message
    assert log_files(venue.data_dir) == before, "a start that is refused writes nothing"


@pytest.mark.parametrize(
    ("behaviour_version", "record", "exit_code", "words"),
    [
        (BEHAVIOUR_VERSION + 1, ["open_session", []], 6, "use a newer one"),
        (
            BEHAVIOUR_VERSION,
            [["sell_short", 1], []],
            NEWER_BUILD,
            "a newer build wrote it, use that one",
        ),
    ],
    ids=["newer rules", "newer messages"],
)
def test_an_older_build_does_not_serve_a_newer_log(
    venue, behaviour_version, record, exit_code, words
):
    append_as_newer(venue.data_dir, behaviour_version, record)
    before = log_files(venue.data_dir)
    found, message = refused(venue)
    assert (found, words in message) == (exit_code, True), message
    assert log_files(venue.data_dir) == before


CHANGES = {
    "appendfsync everysec": ("CONFIG", "SET", "appendfsync", "everysec"),
    "appendonly no": ("CONFIG", "SET", "appendonly", "no"),
    "eviction": ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
    "no limit": ("CONFIG", "SET", "maxmemory", "0"),
    "a replica of another": ("REPLICAOF", "127.0.0.1", "1"),
}


def test_a_configuration_changed_by_another_client_stops_the_exchange(venue, rng, often):
    """The next server has ours again."""
    venue.program = [sys.executable, "-c", CHECKED_OFTEN]
    for change in rng.sample(sorted(CHANGES), often(2, len(CHANGES))):
        venue.start()
        as_operator(venue.data_dir, *CHANGES[change])
        exit_code = venue.wait_end()
        assert exit_code == errors.ConfigurationDiffers.exit_code, (change, venue.stderr())
        assert "wanted" in venue.stderr()
        assert "Traceback" not in venue.stderr()
    venue.start()
    assert venue.stop() == 0


@in_time
async def test_a_server_that_dies_under_an_idle_exchange_is_missed_at_the_next_check(venue):
    venue.program = [sys.executable, "-c", CHECKED_OFTEN]
    await asyncio.to_thread(venue.start)
    await asyncio.to_thread(venue.kill_log_server)
    exit_code = await asyncio.to_thread(venue.wait_end)
    assert exit_code == errors.ServerWentAway.exit_code, venue.stderr()
    assert "Traceback" not in venue.stderr()


@in_time
async def test_a_frozen_server_makes_outcomes_unknown_and_the_record_is_there_once(venue):
    """Frozen beyond the time limit; the late bytes are one record, which the resend finds."""
    await asyncio.to_thread(venue.start)
    headers = {"Idempotency-Key": "frozen"}
    body = {"account_id": 4, "deposit_amount": 1, "external_reference": "frozen"}

    def ask():
        return fetch(venue, "/v1/admin/deposit_cash", "operator", method="POST",
                     headers=headers, body=body)  # fmt: skip

    pid = venue.log_server_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = await ask()
        assert (answer.status, answer.value["name"]) == (503, "outcome_unknown")
    finally:
        os.kill(pid, signal.SIGCONT)
    exit_code = await asyncio.to_thread(venue.wait_end)
    assert exit_code == errors.AppendOutcomeUnknown.exit_code, venue.stderr()
    await asyncio.to_thread(venue.start)
    first, second = await ask(), await ask()
    assert first.value["log_seq"] == second.value["log_seq"]
    rows = (await asyncio.to_thread(venue.shell, "log", "tail", "--count", 9, "--json")).rows
    assert [row["command"].get("external_reference") for row in rows].count("frozen") == 1


def is_signal_pending(pid: int, number: int) -> bool:
    """Whether a process was sent a signal that it has not taken."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    pending = next(line for line in lines if line.startswith("ShdPnd:"))
    return bool(int(pending.split()[1], 16) >> (number - 1) & 1)


async def freeze_under_an_order(venue, program):
    """Its log server stops, and an order's outcome is unknown; gives the server's process id."""
    venue.program = [sys.executable, "-c", program]
    await asyncio.to_thread(venue.start)
    pid = venue.log_server_pid
    os.kill(pid, signal.SIGSTOP)
    body = {"account_id": 4, "deposit_amount": 1, "external_reference": "frozen"}
    answer = await fetch(venue, "/v1/admin/deposit_cash", "operator", method="POST",
                         headers={"Idempotency-Key": "frozen"}, body=body)  # fmt: skip
    assert answer.value["name"] == "outcome_unknown"
    return pid


@in_time
async def test_a_server_frozen_for_longer_ends_when_it_is_thawed_and_the_first_error_is_told(venue):
    """It heard no SHUTDOWN, since nobody answered the login; the signal waits for it."""
    pid = await freeze_under_an_order(venue, IMPATIENT.format(stop_seconds=60))
    try:
        pending = partial(is_signal_pending, pid, signal.SIGTERM)
        await asyncio.to_thread(wait_until, pending, "the frozen server gets a signal", 20)
    finally:
        os.kill(pid, signal.SIGCONT)
    thawed = time.monotonic()
    exit_code = await asyncio.to_thread(venue.wait_end)
    assert exit_code == errors.AppendOutcomeUnknown.exit_code, venue.stderr()
    assert time.monotonic() - thawed < 30
    assert not venue.leftovers(pid)


@in_time
async def test_a_server_that_stays_frozen_is_left_alone_and_the_first_error_is_told(venue):
    """That it did not end is told besides; the next start finds it, or its end."""
    pid = await freeze_under_an_order(venue, IMPATIENT.format(stop_seconds=0.3))
    try:
        exit_code = await asyncio.to_thread(venue.wait_end)
        assert exit_code == errors.AppendOutcomeUnknown.exit_code, venue.stderr()
        assert f"process {pid} did not end within 0.3 s" in venue.stderr()
    finally:
        os.kill(pid, signal.SIGCONT)
    venue.program = [sys.executable, "-m", "exchange.cli"]
    await asyncio.to_thread(venue.start)
    assert venue.stop() == 0


def test_another_server_on_the_directory_is_adopted_or_named_and_never_joined(venue):
    """The first exchange was killed, and nobody can reach the server that it left."""
    venue.start()
    venue.kill()
    pid = venue.log_server_pid
    (venue.data_dir / "server" / "sock").unlink()
    venue.program = [
        sys.executable, "-c",
        "from exchange.log import server\nserver.UNREACHABLE_SECONDS = 0.5\n"
        "from exchange.cli import main\nmain()",
    ]  # fmt: skip
    venue.launch("serve", "--http-port", 0)
    exit_code = venue.wait_end()
    assert exit_code == errors.ServerUnreachable.exit_code, venue.stderr()
    assert f"process {pid}" in venue.stderr()
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not venue.leftovers(pid), "the server goes when it is told to")
    venue.start()
    assert venue.stop() == 0
