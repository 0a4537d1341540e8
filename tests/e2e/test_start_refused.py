"""
An exchange that must not start, and says what is wrong and where.

Each damage is done to a copy of a venue that stopped in order, and each has its own exit code.
"""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.sdk import ExchangeClient
from exchange.log import EmbeddedServer, LogName
from exchange.log.access import OPERATOR
from exchange.log.frame import HEADER as HEADER_LAYOUT
from exchange.log.frame import HEADER_BYTES, MAGIC, FrameHeader

from .conftest import Prepared
from .processes import VenueProcess, shell

KEY = LogName("e2e").key
START_REFUSED = 6


def frames_in(aof: bytes) -> list[tuple[int, FrameHeader]]:
    """Where frames begin in the append-only file, in the order of the log."""
    found, at = [], aof.find(MAGIC)
    while at >= 0:
        found.append((at, FrameHeader(*HEADER_LAYOUT.unpack_from(aof, at))))
        at = aof.find(MAGIC, at + HEADER_BYTES)
    return found


def aof_of(data_dir: Path) -> Path:
    """The server's newest append-only file."""
    return sorted((data_dir / "server" / "appendonlydir").glob("*.incr.aof"))[-1]


def refused(venue: VenueProcess) -> tuple[int, str]:
    """Exit code and message of a start that must be refused."""
    answer = venue.shell("serve", "--http-port", 0)
    # Warnings, of snapshots that the log does not confirm for one, may stand before it.
    assert answer.stderr.splitlines()[-1].startswith("error: "), answer
    assert "Traceback" not in answer.stderr, answer
    assert "serving" not in answer.stdout
    return answer.exit_code, answer.stderr


@pytest.mark.parametrize(
    ("offset", "exit_code", "code"),
    [
        (0, 20, "log_bad_magic"),
        (5, 21, "log_unknown_version"),
        (75, 23, "log_bad_crc"),  # in the hash of the header before
        (HEADER_BYTES + 3, 23, "log_bad_crc"),
    ],
    ids=["magic", "version", "previous hash", "body"],
)
def test_one_flipped_bit_in_a_frame_refuses_the_start(
    venue: VenueProcess, offset: int, exit_code: int, code: str
) -> None:
    """The entry and its seq are named; nothing is repaired or skipped."""
    shutil.rmtree(venue.data_dir / "snapshots")
    path = aof_of(venue.data_dir)
    data = bytearray(path.read_bytes())
    frames = frames_in(bytes(data))
    at, header = frames[len(frames) // 2]
    data[at + offset] ^= 0x10
    path.write_bytes(data)
    found_code, message = refused(venue)
    assert found_code == exit_code, message
    assert code in message
    assert f"entry {header.entry_id}" in message
    if offset:
        assert f"seq {header.first_seq}" in message
    if offset > HEADER_BYTES:
        assert venue.shell("verify").exit_code == exit_code, "verify finds what start finds"
    assert path.read_bytes() == bytes(data), "nothing was changed"


def test_a_removed_frame_refuses_the_start(venue: VenueProcess) -> None:
    """The gap is named by the seq that is there and the one that was wanted."""
    shutil.rmtree(venue.data_dir / "snapshots")
    frames = frames_in(aof_of(venue.data_dir).read_bytes())
    _, removed = frames[len(frames) // 2]
    _change(venue.data_dir, lambda client: client.xdel(KEY, removed.entry_id))
    exit_code, message = refused(venue)
    assert exit_code in (30, 33), message
    assert f"wanted {removed.first_seq}" in message or "log_chain_broken" in message


def test_what_is_damaged_below_a_snapshot_is_found_by_verify(venue: VenueProcess) -> None:
    """A start that does not need it does not read it; proving the log does."""
    path = aof_of(venue.data_dir)
    data = bytearray(path.read_bytes())
    at, _ = frames_in(bytes(data))[2]
    data[at + HEADER_BYTES + 9] ^= 0x10
    path.write_bytes(data)
    venue.start()
    assert venue.shell("verify").exit_code == 23
    assert venue.stop() == 0


def test_a_log_cut_at_its_end_refuses_the_start(venue: VenueProcess) -> None:
    """What is left verifies clean; only the witness knows, and names what is missing."""
    frames = frames_in(aof_of(venue.data_dir).read_bytes())
    tip = frames[-1][1]
    _change(venue.data_dir, lambda client: client.xdel(KEY, tip.entry_id))
    exit_code, message = refused(venue)
    assert exit_code == 50, message
    assert "log_went_back" in message
    assert f"epoch {tip.epoch}, seq {tip.last_seq}" in message


def test_an_emptied_log_server_does_not_pass_for_a_new_exchange(venue: VenueProcess) -> None:
    """Neither `serve` nor `init` begins again where something was."""
    _change(venue.data_dir, lambda client: client.flushall())
    exit_code, message = refused(venue)
    assert exit_code == 50, message
    assert "log_went_back" in message
    assert venue.shell("init", "--venue-id", "e2e").exit_code == START_REFUSED
    (venue.data_dir / "venue.json").unlink()
    again = venue.shell("init", "--venue-id", "e2e")
    assert again.exit_code == 50, again


def test_a_server_directory_from_an_older_backup_refuses_the_start(venue: VenueProcess) -> None:
    """The witness, which is newer, names the seqs that are missing."""
    backup = venue.data_dir.with_name("backup")
    server = venue.data_dir / "server"
    shutil.copytree(server, backup)
    old_seq = venue.verify()
    venue.start()
    asyncio.run(_add_a_record(venue))
    assert venue.stop() == 0
    new_seq = venue.verify()
    assert new_seq > old_seq
    shutil.rmtree(server)
    shutil.copytree(backup, server)
    exit_code, message = refused(venue)
    assert exit_code == 50, message
    assert "log_went_back" in message
    assert f"the log ends at epoch 2, seq {old_seq}" in message
    assert f"seqs {old_seq + 1} to {new_seq}" in message
    for words in (("verify",), ("replay",), ("log", "head")):
        assert venue.shell(*words).exit_code == 50, "an auditor's tools say so too"
    beyond = venue.shell("replay", "--to-seq", new_seq + 1)
    assert beyond.exit_code != 0


def test_a_log_without_its_witness_refuses_the_start(venue: VenueProcess) -> None:
    """Nobody could then tell how far the log had come."""
    (venue.data_dir / "witness").unlink()
    exit_code, message = refused(venue)
    assert exit_code == 51, message
    assert str(venue.data_dir / "witness") in message


def test_a_second_exchange_on_a_directory_refuses_the_start(venue: VenueProcess) -> None:
    """The first goes on undisturbed."""
    venue.start()
    exit_code, message = refused(venue)
    assert exit_code == 55, message
    assert "log_already_serving" in message
    assert str(venue.data_dir / "SERVE") in message
    assert venue.process is not None
    assert venue.process.poll() is None
    assert venue.stop() == 0


def test_serving_an_empty_directory_is_refused(tmp_path: Path) -> None:
    """Only `init` makes a venue, and the message says so."""
    answer = shell("serve", "--data", tmp_path, "--http-port", 0)
    assert answer.exit_code == 2, answer
    assert str(tmp_path) in answer.stderr
    assert "exchange init" in answer.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was made"


def test_a_venue_is_created_once(prepared: Prepared, venue: VenueProcess) -> None:
    """A second `init` changes nothing, not even the tokens; without its file it finds the log."""
    before = (venue.data_dir / "credentials.json").read_bytes()
    again = venue.shell("init")
    assert again.exit_code == START_REFUSED, again
    assert str(venue.data_dir) in again.stderr
    assert (venue.data_dir / "credentials.json").read_bytes() == before
    (venue.data_dir / "venue.json").unlink()
    found = venue.shell("init", "--venue-id", "e2e")
    assert found.exit_code == 53, found
    assert "log_exists" in found.stderr
    assert (venue.data_dir / "credentials.json").read_bytes() == before


def test_a_log_of_another_venue_refuses_the_start(venue: VenueProcess) -> None:
    """Directories that were mixed up are told apart."""
    (venue.data_dir / "venue.json").write_text('{"venue_id":"elsewhere","shard":"main"}')
    exit_code, message = refused(venue)
    assert (exit_code, "speaks of e2e/main" in message) == (51, True), message
    (venue.data_dir / "witness").unlink()
    exit_code, message = refused(venue)
    assert exit_code == 27, message
    assert "found 'e2e', wanted 'elsewhere'" in message
    assert "name this venue's own server (--redis-url) or directory (--data)" in message


def test_an_address_beyond_loopback_is_refused(venue: VenueProcess) -> None:
    """Tokens do not travel in the clear."""
    answer = venue.shell("serve", "--http-port", 0, "--host", "0.0.0.0")
    assert answer.exit_code == START_REFUSED, answer
    assert "0.0.0.0" in answer.stderr


def _change(data_dir: Path, change: Callable) -> None:
    """Has a private log server on the directory do something that no exchange would."""
    server = EmbeddedServer.start(data_dir)
    try:
        with server.address_of(OPERATOR).client() as client:
            change(client)
    finally:
        server.stop()


async def _add_a_record(venue: VenueProcess) -> None:
    async with ExchangeClient(venue.url, venue.token("operator")) as operator:
        await operator.admin(
            "deposit_cash", account_id=4, deposit_amount=1, external_reference="one more"
        )
