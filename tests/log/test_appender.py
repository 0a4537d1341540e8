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

from .conftest import (
    NAME,
    as_operator,
    barrier,
    first_appender,
    kill,
    read_all,
    record,
    records,
    second_writer,
)


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


async def append_for_ever(writer):
    """Appends frames of three records; ends by an error only."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        await writer.append(records(3, writer.head.seq))
