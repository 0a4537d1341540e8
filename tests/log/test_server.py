"""The embedded server: one at a time, adopted when orphaned, repaired only where that is honest."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exchange.log import (
    ChainVerifier,
    EmbeddedServer,
    Witness,
    check_configuration,
    compare,
    errors,
    read_frames,
    read_only_log,
    take_over,
)
from exchange.log import server as server_module
from exchange.log.aof import whole_commands_end
from exchange.log.configuration import differences
from exchange.log.lock import FileLock, holders

from .conftest import NAME, as_operator, barrier, first_appender, kill, records

START = """
import os, signal, sys
from pathlib import Path
from exchange.log import EmbeddedServer
print(EmbeddedServer.start(Path(sys.argv[1])).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def start_in_a_process_that_is_killed(data_dir):
    """Leaves an orphaned server behind, as a kill -9 of the exchange does."""
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", START, str(data_dir)], cwd=root, capture_output=True, check=False
    )
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    return int(run.stdout)


async def write_and_stop(data_dir, count):
    """A log of a barrier and `count` frames of one record, on a stopped server."""
    server = EmbeddedServer.start(data_dir)
    writer = await first_appender(server)
    for number in range(count):
        await writer.append(records(1, number))
    await writer.close()
    server.stop()
    return writer.head, newest_increment(data_dir)


def newest_increment(data_dir):
    """The file that the server appends to."""
    return max((data_dir / "server" / "appendonlydir").glob("*.incr.aof"))


def read_records(client):
    """All records, verified."""
    frames = read_frames(client, ChainVerifier(NAME))
    return [record for frame in frames for record in frame.records]


def read_with(witness, data_dir):
    """All records of a stopped log, verified and compared."""
    verifier = ChainVerifier(NAME, remember=witness.position)
    with read_only_log(data_dir) as client:
        found = [each for frame in read_frames(client, verifier) for each in frame.records]
    compare(witness, verifier)
    return found


def files(directory):
    """Every file with its bytes and time of change."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file()
    }


# -- configuration


def test_the_embedded_server_runs_as_it_must(server):
    with server.address.client() as client:
        check_configuration(client)
    assert (server.server_dir.stat().st_mode & 0o777) == 0o700
    for name in ("server.conf", "server.json"):
        assert ((server.server_dir / name).stat().st_mode & 0o777) == 0o600


def test_every_changed_setting_is_named(server):
    with as_operator(server.address).client() as client:
        client.config_set("appendfsync", "everysec")
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", 0)
        with pytest.raises(errors.ConfigurationDiffers) as caught:
            check_configuration(client)
    for text in (
        "appendfsync is 'everysec', wanted 'always'",
        "maxmemory-policy is 'allkeys-lru', wanted 'noeviction'",
        "maxmemory is '0', wanted 'above 0'",
    ):
        assert text in str(caught.value)


@pytest.mark.parametrize("setting", server_module.REQUIRED)
def test_no_setting_may_be_absent(setting):
    settings = {**server_module.REQUIRED, "maxmemory": "1"}
    info = {"redis_version": "7.2.4", "role": "master"}
    assert differences(settings, info) == []
    del settings[setting]
    assert [difference.setting for difference in differences(settings, info)] == [setting]


def test_an_old_server_and_a_replica_are_refused():
    settings = {**server_module.REQUIRED, "maxmemory": "1"}
    found = differences(settings, {"redis_version": "7.0.15", "role": "slave"})
    assert [difference.setting for difference in found] == ["version", "role"]


# -- locks and orphans


def test_a_child_of_the_server_keeps_the_lock_and_the_exchange_does_not(server):
    assert holders(server.data_dir / "LOCK") == [server.pid]
    assert not FileLock(server.data_dir / "LOCK").acquire()


def test_an_orphan_is_adopted_with_its_data(data_dir):
    pid = start_in_a_process_that_is_killed(data_dir)
    server = EmbeddedServer.start(data_dir)
    try:
        assert (server.pid, server.was_adopted) == (pid, True)
    finally:
        server.stop()
    assert holders(data_dir / "LOCK") == []


def test_an_orphan_whose_run_was_not_yet_recorded_is_known_by_its_lock(data_dir):
    pid = start_in_a_process_that_is_killed(data_dir)
    (data_dir / "server" / "server.json").unlink()
    server = EmbeddedServer.start(data_dir)
    assert server.pid == pid
    server.stop()


def test_an_orphan_without_its_socket_is_not_joined_by_a_second_server(data_dir, monkeypatch):
    monkeypatch.setattr(server_module, "UNREACHABLE_SECONDS", 0.2)
    pid = start_in_a_process_that_is_killed(data_dir)
    (data_dir / "server" / "sock").unlink()
    with pytest.raises(errors.ServerUnreachable, match=f"process {pid}"):
        EmbeddedServer.start(data_dir)
    kill(pid)
    EmbeddedServer.start(data_dir).stop()


def test_what_a_dead_server_left_behind_is_ended(data_dir):
    """A rewrite child outlives its parent: of its group, and with its lock."""
    lock = FileLock(data_dir / "LOCK")
    assert lock.acquire()
    leader = subprocess.Popen(
        [sys.executable, "-c", "import os, time; os.fork() or time.sleep(60)"],
        start_new_session=True,
        pass_fds=[lock.descriptor],
    )
    lock.release()
    leader.wait()
    assert holders(lock.path)
    server_dir = data_dir / "server"
    server_dir.mkdir()
    (server_dir / "server.json").write_text(f'{{"pid": {leader.pid}, "run_id": "x"}}')
    server = EmbeddedServer.start(data_dir)
    assert holders(lock.path) == [server.pid]
    server.stop()


# -- places


async def test_a_deep_directory_works(tmp_path):
    data_dir = tmp_path / ("d" * 120) / ("e" * 120)
    data_dir.mkdir(parents=True)
    server = EmbeddedServer.start(data_dir)
    try:
        assert server.address.unix_path.startswith("/proc/self/fd/")
        writer = await first_appender(server)
        await writer.append(records(2))
        await writer.close()
        with read_only_log(data_dir) as client:
            assert read_records(client) == records(2)
    finally:
        server.stop()


def test_a_full_disk_is_not_started_on(data_dir, monkeypatch):
    monkeypatch.setattr(server_module, "FREE_BYTES_REQUIRED", 1 << 62)
    with pytest.raises(errors.DiskFull):
        EmbeddedServer.start(data_dir)


async def test_after_an_fsync_error_nothing_starts_by_itself(data_dir):
    await write_and_stop(data_dir, 1)
    (data_dir / "server" / "server.log").write_text(
        "# Can't persist AOF for fsync error when the AOF fsync policy is 'always'\n"
    )
    with pytest.raises(errors.FsyncFailed):
        EmbeddedServer.start(data_dir)


# -- torn tails


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"*3\r\n$3\r\nSET", b"\xff garbage", b"*5\r\n$4"])
async def test_bytes_after_the_last_command_are_moved_aside(data_dir, tail):
    _, aof = await write_and_stop(data_dir, 3)
    whole = aof.read_bytes()
    aof.write_bytes(whole + tail)
    server = EmbeddedServer.start(data_dir)
    try:
        torn = server.torn_tail
        assert torn is not None
        assert (torn.cut_at, torn.cut_bytes) == (len(whole), len(tail))
        assert torn.kept_path.read_bytes() == tail
        with server.address.client() as client:
            assert read_records(client) == records(3)
    finally:
        server.stop()


async def test_a_short_last_command_is_cut_and_the_log_goes_on(data_dir):
    _, aof = await write_and_stop(data_dir, 3)
    os.truncate(aof, aof.stat().st_size - 7)
    server = EmbeddedServer.start(data_dir)
    try:
        assert server.torn_tail is not None
        verifier = ChainVerifier(NAME)
        with server.address.client() as client:
            assert len(list(read_frames(client, verifier))) == 3
        writer = await take_over(server.address, NAME, verifier.head, barrier())
        await writer.append(records(1, 2))
        await writer.close()
        with server.address.client() as client:
            assert read_records(client) == records(3)
    finally:
        server.stop()


async def test_damage_before_the_tail_is_refused_and_nothing_is_touched(data_dir):
    _, aof = await write_and_stop(data_dir, 3)
    data = bytearray(aof.read_bytes())
    data[data.index(b"$4\r\nXADD") + 1] = ord("x")
    aof.write_bytes(data)
    with pytest.raises(errors.AofDamaged):
        EmbeddedServer.start(data_dir)
    assert aof.read_bytes() == data


async def test_a_tail_is_repaired_before_the_empty_file_that_a_rewrite_had_begun(data_dir):
    _, aof = await write_and_stop(data_dir, 3)
    begin_another_file(aof, b"")
    whole = aof.read_bytes()
    aof.write_bytes(whole + bytes(100))
    server = EmbeddedServer.start(data_dir)
    try:
        assert server.torn_tail.aof_path == aof
        with server.address.client() as client:
            assert read_records(client) == records(3)
    finally:
        server.stop()


async def test_a_torn_file_that_another_follows_is_damage(data_dir):
    _, aof = await write_and_stop(data_dir, 3)
    later = begin_another_file(aof, b"*1\r\n$4\r\nPING\r\n")
    aof.write_bytes(aof.read_bytes() + bytes(100))
    with pytest.raises(errors.AofDamaged, match=str(later)):
        EmbeddedServer.start(data_dir)


def begin_another_file(aof, data):
    """Another file behind one of the server's, as a rewrite begins with."""
    later = aof.with_name("appendonly.aof.2.incr.aof")
    later.write_bytes(data)
    with open(aof.with_name("appendonly.aof.manifest"), "a") as manifest:
        manifest.write(f"file {later.name} seq 2 type i\n")
    return later


async def test_damage_inside_a_frame_is_found_by_reading(data_dir):
    _, aof = await write_and_stop(data_dir, 3)
    data = bytearray(aof.read_bytes())
    data[data.rindex(b"place_order")] ^= 1
    aof.write_bytes(data)
    with read_only_log(data_dir) as client, pytest.raises(errors.BadCrc):
        read_records(client)


async def test_a_flipped_bit_anywhere_in_the_servers_file_changes_no_record(data_dir):
    """Found or refused, but for line ends and the function's text, where nobody looks."""
    head, aof = await write_and_stop(data_dir, 2)
    whole = aof.read_bytes()
    witness = Witness(NAME.venue_id, NAME.shard, head.epoch, head.seq, head.header_hash.hex())
    refused = 0
    for offset in range(7, len(whole), 41):
        data = bytearray(whole)
        data[offset] ^= 1 << offset % 8
        aof.write_bytes(data)
        try:
            assert read_with(witness, data_dir) == records(2)
        except errors.LogError:
            refused += 1
    assert refused > 10


def test_a_transaction_is_whole_only_after_its_exec():
    multi, command = b"*1\r\n$5\r\nMULTI\r\n", b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
    execute = b"*1\r\n$4\r\nEXEC\r\n"
    whole = command + multi + command + execute
    assert whole_commands_end(whole) == len(whole)
    for length in range(len(command), len(whole)):
        assert whole_commands_end(whole[:length]) == len(command)
    assert whole_commands_end(b"#TS:1\r\n" + command) == len(command) + 7


# -- reading only


async def test_a_stopped_log_is_read_from_a_copy_and_not_changed(data_dir):
    await write_and_stop(data_dir, 3)
    before = files(data_dir)
    with read_only_log(data_dir) as client:
        assert read_records(client) == records(3)
        client.xadd(NAME.key, {"f": b"more"}, id="9-9")
    assert files(data_dir) == before


async def test_a_running_log_is_read_where_it_is(server):
    writer = await first_appender(server)
    await writer.append(records(2))
    with read_only_log(server.data_dir) as client:
        assert read_records(client) == records(2)
        assert client.info("server")["process_id"] == server.pid
    await writer.close()


def test_where_there_is_no_log_none_is_made(tmp_path):
    with pytest.raises(errors.LogMissing), read_only_log(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_stop_is_quick(data_dir):
    server = EmbeddedServer.start(data_dir)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 5
