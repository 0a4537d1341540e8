"""Appending to a real server: one writer, no doubt, no second chance."""

import asyncio
import os
import random
import signal
import socket
import threading
import time

import hiredis
import msgspec
import pytest

from exchange.log import (
    Appender,
    AppendOutcomeUnknown,
    ChainVerifier,
    EmbeddedServer,
    LogConflict,
    LogWentBack,
    ServerAddress,
    appender,
    encode_barrier,
    encode_records,
    errors,
    read_frames,
    read_frames_async,
    take_over,
)
from exchange.log.access import ENGINE
from exchange.log.appender import open_appender
from exchange.log.resp import Connection, ReplyError

from .conftest import NAME, as_operator, barrier, first_appender, kill, record, records


def read_all(server, start=None):
    """All records from the server, verified, and the verifier at the tip."""
    verifier = ChainVerifier(NAME, start)
    with server.address.client() as client:
        found = [each for frame in read_frames(client, verifier) for each in frame.records]
    return found, verifier


async def append_after(server, writer, frame, prev_id):
    """Compare-and-append past the appender's own guards; the error, if it was refused."""
    other = await second_writer(server, writer)
    try:
        await other._append_after(prev_id, frame)
        return None
    except errors.LogError as error:
        return error.code
    finally:
        await other.close()


async def test_what_was_appended_is_read_back(server):
    writer = await first_appender(server)
    for start in range(0, 50, 5):
        head = await writer.append(records(5, start))
    await writer.close()
    found, verifier = read_all(server)
    assert found == records(50)
    assert verifier.head.position == head.position == (1, 50)
    assert verifier.head.header_hash == head.header_hash
    assert (head.committed_seq, verifier.head.committed_seq) == (50, 45)


async def test_reading_on_asyncio_finds_the_same(server):
    writer = await first_appender(server)
    await writer.append(records(5))
    await writer.close()
    verifier = ChainVerifier(NAME)
    async with server.address.async_client() as client:
        frames = [frame async for frame in read_frames_async(client, verifier)]
    assert frames[1].records == records(5)
    assert verifier.frame_count == 2


async def test_reading_goes_over_many_batches_and_stops_at_the_tip_it_first_saw(server):
    writer = await first_appender(server)
    for number in range(60):
        await writer.append(records(1, number))
    verifier = ChainVerifier(NAME)
    with server.address.client() as client:
        frames = read_frames(client, verifier)
        next(frames)
        await writer.append(records(1, 60))
        assert len(list(frames)) == 60
    assert verifier.head.seq == 60
    await writer.close()


async def test_reading_begins_after_a_snapshot_only_if_the_log_contains_it(server):
    writer = await first_appender(server)
    middle = await writer.append(records(2))
    await writer.append(records(3, 2))
    await writer.close()
    _, verifier = read_all(server, middle)
    assert (verifier.frame_count, verifier.head.seq) == (1, 5)
    with pytest.raises(LogWentBack, match="not in the log"):
        read_all(server, msgspec.structs.replace(middle, seq=9))
    with pytest.raises(LogWentBack, match="another history"):
        read_all(server, msgspec.structs.replace(middle, header_hash=b"\1" * 32))


async def test_an_entry_with_other_fields_is_found(server):
    writer = await first_appender(server)
    await writer.close()
    with as_operator(server.address).client() as client:
        client.xadd(NAME.key, {"f": b"x", "g": b"y"}, id="1-1")
    with pytest.raises(errors.BadEntry):
        read_all(server)


async def test_the_server_appends_once_and_only_after_the_named_entry(server):
    writer = await first_appender(server)
    frame = encode_records(NAME, writer.head, 7, records(2))
    assert await append_after(server, writer, frame, "1-1") == "log_conflict"
    assert await append_after(server, writer, frame, "1-0") is None
    assert await append_after(server, writer, frame, "1-0") == "log_append_duplicate"
    other = encode_records(NAME, writer.head, 8, records(2))
    assert await append_after(server, writer, other, "1-0") == "log_conflict"
    await writer.close()
    assert read_all(server)[1].frame_count == 2


@pytest.mark.parametrize("lost_count", [1, 2])
async def test_nothing_is_appended_over_entries_that_the_server_lost(server, lost_count):
    """Nothing follows the entry believed in then: it is not there."""
    writer = await first_appender(server)
    for number in range(3):
        await writer.append(records(1, number))
    left = 3 - lost_count
    with as_operator(server.address).client() as client:
        assert client.xdel(NAME.key, *(f"1-{seq}" for seq in range(left + 1, 4))) == lost_count
    with pytest.raises(LogConflict, match=f"1-{left}"):
        await writer.append(records(1, 3))
    await writer.close()
    assert read_all(server)[0] == records(left)


async def test_nothing_is_appended_to_an_old_copy_put_in_the_logs_place(server):
    """It has as many entries as the log had, and none after the one believed in."""
    writer = await first_appender(server)
    for number in range(4):
        await writer.append(records(1, number))
    with as_operator(server.address).client() as client:
        copy = client.dump(NAME.key)
        client.xtrim(NAME.key, minid="1-2", approximate=False)
        for number in range(4, 6):
            await writer.append(records(1, number))
        assert client.xlen(NAME.key) == 5
        client.restore(NAME.key, 0, copy, replace=True)
        assert client.xlen(NAME.key) == 5
        with pytest.raises(LogConflict, match="1-4"):
            await writer.append(records(1, 6))
    await writer.close()


async def test_a_trim_between_two_appends_breaks_the_watch_and_nothing_else(server):
    writer = await first_appender(server)
    for number in range(3):
        await writer.append(records(1, number))
    with as_operator(server.address).client() as client:
        for number in range(3, 5):
            assert writer._is_watched
            assert client.xtrim(NAME.key, minid=f"1-{number}", approximate=False)
            await writer.append(records(1, number))
        assert [entry_id for entry_id, _ in client.xrange(NAME.key)] == [b"1-4", b"1-5"]
    await writer.close()


def put_an_older_copy(client, copy):
    """Of fewer entries, in the log's place."""
    client.restore(NAME.key, 0, copy, replace=True)


def append_behind(client, copy):
    """Another writer's entry."""
    epoch, seq = client.xrevrange(NAME.key, count=1)[0][0].split(b"-")
    client.xadd(NAME.key, {"f": b"x"}, id=b"%b-%d" % (epoch, int(seq) + 1))


def append_behind_and_trim(client, copy):
    """There are as many entries as before."""
    append_behind(client, copy)
    first_id = client.xrange(NAME.key, count=2)[1][0]
    client.xtrim(NAME.key, minid=first_id, approximate=False)


def put_another_end(client, copy):
    """Another log whose last entry has the same id."""
    last_id = client.xrevrange(NAME.key, count=1)[0][0]
    client.delete(NAME.key)
    client.xadd(NAME.key, {"f": bytes(200)}, id=last_id)


def take_the_last_away(client, copy):
    """Nothing follows the entry believed in then."""
    client.xdel(NAME.key, client.xrevrange(NAME.key, count=1)[0][0])


@pytest.mark.parametrize(
    "interfere",
    [put_an_older_copy, append_behind, append_behind_and_trim, take_the_last_away, put_another_end],
)
@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize("place", range(1, 8))
async def test_whoever_comes_between_two_commands_of_the_appender_is_seen(
    server, interfere, is_watched, place
):
    """What is one write arrives in two pieces; the append or the next one conflicts."""
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        await writer.append(records(1))
        copy = client.dump(NAME.key)
        for number in range(1, 4):
            await writer.append(records(1, number))
        writer._is_watched = is_watched
        connection = writer._connection
        send = connection.send

        def send_in_pieces(*commands):
            connection.send = send
            send(*commands[:place])
            stand_still(0.02)
            interfere(client, copy)
            connection._awaited_count = 0
            if commands[place:]:
                send(*commands[place:])
            connection._awaited_count = len(commands)

        connection.send = send_in_pieces
        with pytest.raises(LogConflict):
            await append_each(writer, records(1, 4), records(9, 5))
        assert not any(record(5) in fields[b"f"] for _, fields in client.xrange(NAME.key))
    await writer.close()


async def test_an_emptied_log_has_no_second_genesis(server):
    """Who read it when it was new is stopped, and goes on when others have written and trimmed."""
    slow = await open_appender(server.address, NAME, NAME.genesis)
    opening = encode_barrier(NAME, NAME.genesis, 7, barrier())
    await slow._watch("0-0", opening)
    writer = await first_appender(server)
    for number in range(3):
        await writer.append(records(1, number))
    await writer.close()
    with as_operator(server.address).client() as client:
        client.xtrim(NAME.key, maxlen=0, approximate=False)
        with pytest.raises(ReplyError, match="equal or smaller"):
            await slow._append_after("0-0", opening)
        assert client.xlen(NAME.key) == 0
        assert client.xinfo_stream(NAME.key)["last-generated-id"] == b"1-3"
    await slow.close()


async def test_an_id_that_somebody_moved_up_is_a_refusal_and_ends_the_connection(server):
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        client.execute_command("XSETID", NAME.key, "1-50")
        with pytest.raises(errors.AppendRefused, match="equal or smaller"):
            await writer.append(records(1))
        assert client.xlen(NAME.key) == 1
    assert writer._connection._transport.is_closing()
    await writer.close()


@pytest.mark.parametrize("number", range(4))
async def test_an_answer_that_was_not_asked_for_leaves_the_outcome_unknown(server, number):
    """All later answers would be taken for their neighbours."""
    writer = await first_appender(server)
    await writer.append(records(1))
    receive, count = writer._connection.receive_any, 0

    async def receive_one_too_many():
        nonlocal count
        count += 1
        return b"OK" if count == 1 + number else await receive()

    writer._connection.receive_any = receive_one_too_many
    with pytest.raises(AppendOutcomeUnknown):
        await append_each(writer, records(1, 1), records(1, 2))
    assert not writer.is_open
    await writer.close()


async def test_a_transaction_that_is_refused_may_have_let_the_frame_through(server):
    """What was to be in it is then carried out by itself."""
    writer = await first_appender(server)
    await writer.append(records(1))
    with as_operator(server.address).client() as client:
        client.acl_setuser(ENGINE, enabled=True, commands=["-multi"])
        with pytest.raises(AppendOutcomeUnknown):
            await writer.append(records(1, 1))
        assert client.xlen(NAME.key) == 3
    await writer.close()


async def test_an_answer_that_is_there_before_the_question_leaves_the_outcome_unknown(server):
    writer = await first_appender(server)
    await writer.append(records(1))
    writer._connection.data_received(b"+OK\r\n")
    with pytest.raises(AppendOutcomeUnknown, match="was not asked"):
        await writer.append(records(1, 1))
    await writer.close()
    assert read_all(server)[0] == records(1)


async def test_without_transactions_nothing_is_sent(server):
    """The frame would be appended to whatever is there."""
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        client.acl_setuser(ENGINE, enabled=True, commands=["-multi"])
        writer._is_watched = False
        with pytest.raises(errors.AppendRefused, match="NOPERM"):
            await writer.append(records(1))
        assert client.xlen(NAME.key) == 1
    await writer.close()


async def test_a_stale_writer_conflicts_after_a_take_over(server):
    stale = await first_appender(server)
    await stale.append(records(1))
    leader = await take_over(server.address, NAME, stale.head, barrier())
    with pytest.raises(LogConflict, match="2-1"):
        await stale.append(records(1, 1))
    with pytest.raises(errors.AppenderClosed):
        await stale.append(records(1, 1))
    await leader.append(records(1, 1))
    await leader.close()
    await stale.close()
    assert read_all(server)[0] == records(2)


async def test_of_five_take_overs_at_one_tip_one_wins(server):
    first = await first_appender(server)
    await first.close()
    results = await asyncio.gather(
        *(take_over(server.address, NAME, first.head, barrier()) for _ in range(5)),
        return_exceptions=True,
    )
    winners = [result for result in results if isinstance(result, Appender)]
    assert len(winners) == 1
    assert sum(isinstance(result, LogConflict) for result in results) == 4
    await winners[0].append(records(1))
    await winners[0].close()
    assert read_all(server)[0] == records(1)


async def test_a_take_over_of_a_tip_with_other_bytes_is_refused(server):
    """The same id may hide another frame; nothing is written behind it."""
    first = await first_appender(server)
    await first.close()
    other = encode_barrier(NAME, NAME.genesis, 7, barrier()).head
    with pytest.raises(LogConflict, match="other content"):
        await take_over(server.address, NAME, other, barrier())
    assert read_all(server)[1].head.position == first.head.position


async def test_a_duplicate_is_no_success(server):
    writer = await first_appender(server)
    twin = await second_writer(server, writer, lambda: 2**62)
    writer._wall_ns = lambda: 2**62
    await writer.append(records(1))
    with pytest.raises(AppendOutcomeUnknown) as caught:
        await twin.append(records(1))
    assert isinstance(caught.value, errors.AppendDuplicate)
    assert not twin.is_open
    await twin.close()
    await writer.close()


async def test_a_frozen_server_makes_the_outcome_unknown_and_late_bytes_still_arrive(
    server, monkeypatch
):
    monkeypatch.setattr(appender, "APPEND_SECONDS", 0.3)
    writer = await first_appender(server)
    tip = writer.head
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(AppendOutcomeUnknown):
            await writer.append(records(1))
    finally:
        os.kill(server.pid, signal.SIGCONT)
    with pytest.raises(errors.AppenderClosed):
        await writer.append(records(1))
    await writer.close()
    found, verifier = read_all(server)
    assert found in ([], records(1))
    monkeypatch.undo()
    heir = await take_over(server.address, NAME, verifier.head if found else tip, barrier())
    await heir.append(records(1, len(found)))
    await heir.close()
    assert read_all(server)[0] == [*found, record(len(found))]


async def test_each_append_has_its_whole_time_though_one_timer_serves_them_all(server, monkeypatch):
    monkeypatch.setattr(appender, "APPEND_SECONDS", 0.4)
    writer = await first_appender(server)
    for number, pause in enumerate((0.1, 0.5, 0.3)):
        await writer.append(records(1, number))
        await asyncio.sleep(pause)
    os.kill(server.pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(AppendOutcomeUnknown, match="TimeoutError"):
            await writer.append(records(1, 3))
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert 0.4 <= time.monotonic() - began < 3
    await writer.close()


async def test_an_answer_that_came_while_the_process_stood_still_counts(server, monkeypatch):
    monkeypatch.setattr(appender, "APPEND_SECONDS", 0.4)
    writer = await first_appender(server)
    under_way = asyncio.ensure_future(writer.append(records(1)))
    await asyncio.sleep(0)
    stand_still(0.7)
    assert (await under_way).seq == 1
    await asyncio.sleep(0.2)
    assert (await writer.append(records(1, 1))).seq == 2
    await writer.close()


@pytest.mark.parametrize("seconds", [0, 0.2])
async def test_a_server_that_went_between_two_appends_leaves_the_outcome_unknown(server, seconds):
    """Whether or not the connection's end was heard of before the second."""
    writer = await first_appender(server)
    await writer.append(records(1))
    kill(server.pid)
    await asyncio.sleep(seconds)
    with pytest.raises(AppendOutcomeUnknown):
        await writer.append(records(1, 1))
    assert not writer.is_open
    await writer.close()


async def test_a_cancelled_append_closes_the_appender(server):
    writer = await first_appender(server)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        task = asyncio.create_task(writer.append(records(1)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert not writer.is_open
    await writer.close()


async def test_a_server_that_is_full_refuses_and_nothing_is_appended(server):
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(errors.AppendRefused, match="OOM"):
            await writer.append(records(1))
        client.config_set("maxmemory", 1 << 30)
    await writer.close()
    assert read_all(server)[0] == []


async def test_a_login_is_used_and_where_what_follows_may_not_be_asked_the_last_entry_is_read(
    server,
):
    with as_operator(server.address).client() as client:
        client.acl_setuser(
            "writer", enabled=True, passwords=["+secret"], keys=["*"],
            commands=["+@all", "-xrange"],
        )  # fmt: skip
        address = msgspec.structs.replace(server.address, username="writer", password="secret")
        writer = await take_over(address, NAME, NAME.genesis, barrier())
        for number in range(3):
            await writer.append(records(1, number))
            assert not writer._is_watched
        assert read_all(server)[0] == records(3)
        client.xdel(NAME.key, "1-3")
    with pytest.raises(LogConflict, match="1-2"):
        await writer.append(records(1, 3))
    await writer.close()
    wrong = msgspec.structs.replace(address, password="wrong")
    with pytest.raises(errors.AppendRefused, match="WRONGPASS"):
        await take_over(wrong, NAME, writer.head, barrier())


async def test_what_is_refused_behind_an_append_is_the_next_ones_refusal(server):
    """The frame is in the log by then: its own answer is not an error."""
    writer = await first_appender(server)
    with as_operator(server.address).client() as client:
        client.acl_setuser(ENGINE, enabled=True, commands=["-watch"])
        assert (await writer.append(records(1))).seq == 1
        with pytest.raises(errors.AppendRefused, match="NOPERM"):
            await writer.append(records(1, 1))
    await writer.close()
    assert read_all(server)[0] == records(1)


async def test_a_command_cut_at_any_byte_appends_nothing(server):
    """The frame is all or nothing, wherever the connection breaks; whole, it arrives unanswered."""
    writer = await first_appender(server)
    frame = encode_records(NAME, writer.head, 7, records(1))
    commands = (
        ("WATCH", NAME.key),
        ("MULTI",),
        ("XADD", NAME.key, frame.head.entry_id, "f", frame.data),
        ("EXEC",),
    )
    command = b"".join(map(hiredis.pack_command, commands))
    with server.address.client() as client:
        for length in range(1, len(command)):
            send_and_break(server.address.unix_path, command[:length])
        assert client.xlen(NAME.key) == 1
        send_and_break(server.address.unix_path, command)
        deadline = time.monotonic() + 5
        while client.xlen(NAME.key) == 1:
            assert time.monotonic() < deadline
    with pytest.raises(LogConflict):
        await take_over(server.address, NAME, writer.head, barrier())
    assert read_all(server)[0] == records(1)
    await writer.close()


def test_an_address_hides_its_credentials():
    address = ServerAddress.from_url("rediss://writer:s%2Fecret@log.example:7000")
    assert (address.username, address.password, address.port) == ("writer", "s/ecret", 7000)
    assert address.is_tls
    assert "ecret" not in f"{address} {address!r}"
    assert ServerAddress.from_url("unix:///run/log.sock").unix_path == "/run/log.sock"
    for url in ("http://host", "redis://host/3", "unix://"):
        with pytest.raises(ValueError, match="server URL"):
            ServerAddress.from_url(url)


async def test_nobody_at_the_address_is_a_refusal(tmp_path):
    nobody = ServerAddress(unix_path=str(tmp_path / "sock"))
    with pytest.raises(errors.AppendRefused, match="no connection"):
        await take_over(nobody, NAME, NAME.genesis, barrier())


async def test_at_ns_never_goes_back(server):
    clock = iter([5, 9, 3, 11])
    writer = await take_over(server.address, NAME, NAME.genesis, barrier(), lambda: next(clock))
    times = [writer.head.at_ns, *[(await writer.append(records(1))).at_ns for _ in range(3)]]
    await writer.close()
    assert times == [5, 9, 9, 11]


@pytest.mark.parametrize("seed", range(6))
async def test_a_killed_server_keeps_every_acknowledged_frame(data_dir, seed):
    delay = random.Random(seed).uniform(0.005, 0.15)
    server = EmbeddedServer.start(data_dir)
    writer = await first_appender(server)
    threading.Timer(delay, kill, [server.pid]).start()
    with pytest.raises(AppendOutcomeUnknown):
        await append_for_ever(writer)
    acknowledged = writer.head.seq
    await writer.close()
    server.stop()
    again = EmbeddedServer.start(data_dir)
    try:
        found, verifier = read_all(again)
        assert found[:acknowledged] == records(acknowledged)
        assert len(found) in (acknowledged, acknowledged + 3)
        heir = await take_over(again.address, NAME, verifier.head, barrier())
        await heir.append(records(1, len(found)))
        await heir.close()
        assert read_all(again)[0] == records(len(found) + 1)
    finally:
        again.stop()


def stand_still(seconds):
    """As a process does that is stopped, or a machine that is paused."""
    time.sleep(seconds)


def send_and_break(unix_path, data):
    """Logs in, sends bytes and closes without waiting for an answer."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(unix_path)
        connection.sendall(hiredis.pack_command(("AUTH", ENGINE, "")) + data)


async def append_each(writer, *frames):
    """One after the other."""
    for each in frames:
        await writer.append(each)


async def append_for_ever(writer):
    """Appends frames of three records; ends by an error only."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        await writer.append(records(3, writer.head.seq))


async def second_writer(server, writer, wall_ns=time.time_ns):
    """Another appender that believes in the same head and epoch."""
    return Appender(await Connection.open(server.address), NAME, writer.head, wall_ns)
