"""Trimming: refused unless every guard holds, one by one; and only the keeper may."""

import asyncio
import re
import shutil
import time
from pathlib import Path

import pytest
import redis

from exchange.log import (
    Archive,
    ChainVerifier,
    EmbeddedServer,
    LogSettings,
    ServerAddress,
    Witness,
    confirmed,
    encode_records,
    errors,
    keepers_client,
    open_log,
    read_frames,
    read_only_log,
    rewrite_file,
    trim,
)
from exchange.log.access import ENGINE, KEEPER, OPERATOR, REPLICATION_RULES
from exchange.log.lock import FileLock

from .conftest import NAME, as_operator, barrier, first_appender, record, records


@pytest.fixture
def archive(tmp_path):
    return Archive(NAME, [tmp_path / "place-1", tmp_path / "place-2"], lambda _: None)


@pytest.fixture
async def head(server, archive):
    """Of a log with 20 records in frames of one, archived up to 19."""
    writer = await first_appender(server)
    for number in range(20):
        await writer.append([record(number)])
    await writer.close()
    run(server, archive)
    return writer.head


def run(server, archive):
    """Archives what is confirmed."""
    with archive.writing(), server.address.client() as client:
        frames = read_frames(client, ChainVerifier(NAME, archive.head), archive)
        archive.extend(confirmed(frames), 1 << 10)


def witness_at(head):
    """A witness of a head."""
    return Witness("test-venue", "main", head.epoch, head.seq, head.header_hash.hex())


def as_keeper(server, archive, witness, before_seq, keep_count=1):
    """Trims as the shell does."""
    with server.address_of(KEEPER).client() as client:
        return trim(client, archive, witness, before_seq, keep_count)


def stream_length(server):
    """Entries in the stream."""
    with server.address.client() as client:
        return client.xlen(NAME.key)


def head_at(server, seq):
    """The head of the frame that ends there."""
    with server.address.client() as client:
        frames = read_frames(client, ChainVerifier(NAME))
        return next(frame.head for frame in frames if frame.header.last_seq == seq)


async def test_what_is_archived_and_witnessed_goes_and_the_log_reads_as_before(
    server, archive, head
):
    trimmed = as_keeper(server, archive, witness_at(head), 15)
    assert (trimmed.removed_frame_count, trimmed.first_entry_id) == (15, "1-15")
    assert (trimmed.archived_seq, trimmed.witness_seq, trimmed.tip_seq) == (19, 20, 20)
    assert stream_length(server) == 6
    again = as_keeper(server, archive, witness_at(head), 15)
    assert (again.removed_frame_count, again.first_entry_id) == (0, "1-15")
    with server.address.client() as client:
        frames = read_frames(client, ChainVerifier(NAME), archive)
        assert [each for frame in frames for each in frame.records] == records(20)


async def test_the_highest_seq_that_may_go_leaves_the_tip(server, archive, head):
    with pytest.raises(errors.TrimRefused, match="--before-seq 21 is above 20: the archive"):
        as_keeper(server, archive, witness_at(head), 21)
    assert stream_length(server) == 21
    assert as_keeper(server, archive, witness_at(head), 20).first_entry_id == "1-20"
    assert stream_length(server) == 1


async def test_a_frame_that_holds_the_seq_stays_whole(server, archive):
    writer = await first_appender(server)
    for start in (0, 5, 10):
        await writer.append(records(5, start))
    await writer.close()
    run(server, archive)
    assert as_keeper(server, archive, witness_at(writer.head), 8).first_entry_id == "1-10"


async def test_what_no_witness_has_seen_stays(server, archive, head):
    seen = witness_at(head_at(server, 7))
    with pytest.raises(errors.TrimRefused, match="above 8: the newest witness is of seq 7"):
        as_keeper(server, archive, seen, 9)
    with pytest.raises(errors.TrimRefused, match="there is no witness"):
        as_keeper(server, archive, None, 3)
    assert stream_length(server) == 21
    assert as_keeper(server, archive, seen, 8).first_entry_id == "1-8"


async def test_a_witness_of_another_history_allows_nothing(server, archive, head):
    other = Witness("test-venue", "main", head.epoch, head.seq, "00" * 32)
    with pytest.raises(errors.TrimRefused, match="is not in the stream"):
        as_keeper(server, archive, other, 3)
    assert stream_length(server) == 21


async def test_what_is_to_be_kept_stays(server, archive, head):
    with pytest.raises(errors.TrimRefused, match="above 11: the log ends at seq 20"):
        as_keeper(server, archive, witness_at(head), 12, keep_count=10)
    assert as_keeper(server, archive, witness_at(head), 11, keep_count=10).tip_seq == 20
    assert stream_length(server) == 10


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("harm", ["removed place", "removed copy", "flipped bit", "newest copy"])
async def test_one_bad_copy_of_what_is_to_go_stops_the_trim(server, archive, head, harm, place):
    path = archive.places[place] / "main.00000001.segment"
    match harm:
        case "removed place":
            shutil.rmtree(archive.places[place])
        case "removed copy":
            path.unlink()
        case "flipped bit":
            data = bytearray(path.read_bytes())
            data[9] ^= 4
            path.write_bytes(data)
        case "newest copy":
            sorted(archive.places[place].glob("*.segment"))[-1].write_bytes(b"")
    refusals = (errors.SegmentDamaged, errors.ArchiveNotWritten)
    with pytest.raises(refusals, match=str(archive.places[place])):
        as_keeper(server, archive, witness_at(head), 15)
    assert stream_length(server) == 21


async def test_no_archiver_runs_while_a_trim_does(server, archive, head):
    with archive.locked(), pytest.raises(errors.ArchiveBusy):
        as_keeper(server, archive, witness_at(head), 5)
    assert stream_length(server) == 21


async def test_what_was_trimmed_leaves_the_servers_file_when_it_is_rewritten(data_dir, archive):
    server = EmbeddedServer.start(data_dir)
    writer = await first_appender(server)
    for number in range(20):
        await writer.append([record(number), bytes([0xC5, 0xFF, 0xFF]) + bytes(65535)])
    await writer.close()
    run(server, archive)
    as_keeper(server, archive, witness_at(writer.head), 37)
    before = size_of_file(data_dir)
    with server.address_of(KEEPER).client() as client:
        rewrite_file(client)
    assert before > 20 * 65535
    # The old file is removed by a thread of the server's own, soon after.
    deadline = time.monotonic() + 5
    while size_of_file(data_dir) > 4 * 65535:
        assert time.monotonic() < deadline
    server.stop()
    with read_only_log(data_dir) as client:
        frames = list(read_frames(client, ChainVerifier(NAME), archive))
    assert sum(len(frame.records) for frame in frames) == 40


def size_of_file(data_dir):
    """Of all files that the server loads."""
    return sum(path.stat().st_size for path in (data_dir / "server" / "appendonlydir").iterdir())


async def test_one_place_is_not_enough(server, archive, head):
    one = Archive(NAME, archive.places[:1], lambda _: None)
    with pytest.raises(errors.ArchiveNotWritten):
        as_keeper(server, one, witness_at(head), 5)
    assert stream_length(server) == 21


async def test_an_archive_of_another_history_allows_nothing(server, archive, head, tmp_path):
    other = EmbeddedServer.start(tmp_path / "other")
    try:
        writer = await first_appender(other)
        for number in range(20):
            await writer.append([record(number)])
        await writer.close()
        with pytest.raises(errors.ArchiveDiffers, match="nothing was trimmed"):
            as_keeper(other, archive, witness_at(writer.head), 5)
        assert stream_length(other) == 21
    finally:
        other.stop()


async def test_a_stream_that_an_append_has_trimmed_is_found_by_its_archive(server, archive, head):
    """XADD with MAXLEN trims, and no access rule can stop it."""
    frame = encode_records(NAME, head, 7, records(1, 20))
    with server.address.client() as client:
        words = ("XADD", NAME.key, "MAXLEN", "=", 1, frame.head.entry_id, "f", frame.data)
        client.execute_command(*words)
        with pytest.raises(errors.ArchiveGap, match="seqs 20 to 20 are in neither"):
            list(read_frames(client, ChainVerifier(NAME), archive))
        with pytest.raises(errors.ArchiveMissing):
            list(read_frames(client, ChainVerifier(NAME)))


# -- who may


FORBIDDEN = [
    ("XTRIM", NAME.key, "MINID", "=", "1-5"),
    ("XDEL", NAME.key, "1-5"),
    ("XSETID", NAME.key, "1-99"),
    ("DEL", NAME.key),
    ("UNLINK", NAME.key),
    ("RENAME", NAME.key, "ev:other"),
    ("EXPIRE", NAME.key, 1),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "SET", "appendfsync", "no"),
    ("ACL", "SETUSER", "engine", "+@all"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("SWAPDB", "0", "1"),
]


@pytest.mark.parametrize("words", FORBIDDEN, ids=lambda words: "-".join(words[:2]).lower())
async def test_the_exchanges_own_user_cannot_take_a_record_away(server, head, words):
    with server.address.client() as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*words)
    assert stream_length(server) == 21


async def test_nor_can_it_run_scripts(server, head):
    for words in (("EVAL", "return 1", "0"), ("SCRIPT", "LOAD", "return 1"), ("FUNCTION", "LIST")):
        with (
            server.address.client() as client,
            pytest.raises(redis.exceptions.NoPermissionError),
        ):
            client.execute_command(*words)


async def test_a_trim_as_the_wrong_user_says_which_is_the_right_one(server, archive, head):
    with (
        server.address.client() as client,
        pytest.raises(errors.TrimRefused, match="trim as the user keeper"),
    ):
        trim(client, archive, witness_at(head), 15, 1)
    assert stream_length(server) == 21


async def test_the_keeper_trims_and_does_nothing_else(server, head):
    with server.address_of(KEEPER).client() as client:
        for words in [*FORBIDDEN[1:], ("XADD", NAME.key, "9-9", "f", "x")]:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*words)
        assert client.execute_command(*FORBIDDEN[0]) == 5


async def test_who_does_not_say_who_he_is_can_do_nothing(server):
    with server.address_of("").client() as client:
        for words in (("PING",), ("XLEN", NAME.key), ("INFO",)):
            with pytest.raises(redis.exceptions.AuthenticationError):
                client.execute_command(*words)
    with as_operator(server.address).client() as client:
        users = {str(line.split()[1]) for line in map(str, client.acl_list())}
        assert users == {"default", ENGINE, KEEPER, OPERATOR}


async def test_a_stopped_log_is_trimmed_on_its_own_server_and_stays_locked_meanwhile(data_dir):
    server = EmbeddedServer.start(data_dir)
    writer = await first_appender(server)
    await writer.append(records(3))
    await writer.close()
    server.stop()
    (data_dir / "SERVE").touch()
    with keepers_client(data_dir) as client:
        assert not FileLock(data_dir / "SERVE").acquire(), "no exchange starts meanwhile"
        assert client.execute_command("XTRIM", NAME.key, "MINID", "=", "1-3") == 1
    assert FileLock(data_dir / "SERVE").acquire()


async def test_the_readmes_access_rules_are_enough_on_an_external_server(tmp_path, archive):
    """Append, read, checks and trim work under them, and nobody else gets in."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    rules = re.findall(r"^    (ACL SETUSER .*)$", text, re.MULTILINE)
    assert len(rules) == 4
    assert f"ACL SETUSER replica reset on >… {REPLICATION_RULES}" in rules
    (tmp_path / "external").mkdir()
    external = EmbeddedServer.start(tmp_path / "external")
    try:
        with as_operator(external.address).client() as client:
            for rule in rules:
                client.execute_command(*rule.replace(">…", ">secret").split())
        path = external.address.unix_path
        engine, keeper = (
            ServerAddress(unix_path=path, username=user, password="secret")
            for user in (ENGINE, KEEPER)
        )
        async with open_log(LogSettings(tmp_path / "data", NAME, external=engine)) as log:
            async for _ in log.frames():
                pass
            appender = await log.take_over(barrier(), is_genesis=True)
            for number in range(20):
                await appender.append([record(number)])
            await log.write_witness()
            head = appender.head
            with archive.writing(), engine.client() as client:
                frames = read_frames(client, ChainVerifier(NAME), archive)
                archive.extend(confirmed(frames))
            with keepers_client(tmp_path / "data", keeper) as client:
                trimmed = await asyncio.to_thread(
                    trim, client, archive, witness_at(head), 15, keep_count=1
                )
                await asyncio.to_thread(rewrite_file, client)
            assert trimmed.removed_frame_count == 15
            await log.check_configuration()
        wrong = ServerAddress(unix_path=path, username=ENGINE, password="guess")
        with wrong.client() as client, pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()
    finally:
        restore_users(external)
        external.stop()


def restore_users(server):
    """So that the server can be stopped by who started it."""
    with as_operator(server.address).client() as client:
        client.execute_command("ACL", "SETUSER", ENGINE, "nopass", "+shutdown")
