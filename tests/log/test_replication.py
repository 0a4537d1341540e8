"""
A primary and its replicas, real servers all: what is acknowledged is on every one of them, or the
appender stops and says who is missing.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator

import hiredis
import pytest
import typer

from exchange.log import (
    AppendOutcomeUnknown,
    ChainVerifier,
    LogSettings,
    LogWentBack,
    confirmed,
    errors,
    open_log,
    read_frames,
    replication,
    take_over,
)
from exchange.log.attached import view_of
from exchange.log.replication import Replicas, require_name
from exchange.settings import replica_names

from .conftest import NAME, barrier, records
from .nodes import Node, started, wait_for


@pytest.fixture
def nodes(tmp_path) -> Iterator[list[Node]]:
    """A primary, two that follow it, and one that does not yet."""
    with started(tmp_path, "primary", "first", "second", "other") as found:
        primary, first, second, _ = found
        first.follow(primary)
        second.follow(primary)
        yield found


@pytest.fixture
def impatient(monkeypatch):
    """Makes the wait for replicas short, once called."""
    return lambda: monkeypatch.setattr(replication, "CONFIRM_SECONDS", 0.3)


class CountingOnly(Replicas):
    """What nobody should do: count the replicas without knowing them."""

    async def _identify(self, view):
        self._generation = view.generation


async def lead(primary, *replicas, tip=NAME.genesis, kind=Replicas):
    """Takes over, with replicas that have to confirm."""
    known = kind(primary.address, [replica.name for replica in replicas])
    return await take_over(primary.address, NAME, tip, barrier(), replicas=known)


def read(node):
    """All records on a server, and where its log ends."""
    verifier = ChainVerifier(NAME)
    with node.address.client() as client:
        found = [each for frame in read_frames(client, verifier) for each in frame.records]
    return found, verifier.head


def settings(tmp_path, primary, *replicas):
    """A log on an external server; its witness is one file for all of them."""
    names = tuple(replica.name for replica in replicas)
    return LogSettings(tmp_path / "data", NAME, external=primary.address, replicas=names)


async def run(log_settings, count, *, is_genesis=False):
    """One life of an exchange: read, take over, append; what it had read."""
    async with open_log(log_settings) as log:
        found = [record async for frame in log.frames() for record in frame.records]
        appender = await log.take_over(barrier(), is_genesis=is_genesis)
        if count:
            await appender.append(records(count, len(found)))
    return found


async def append_for_ever(writer):
    """Appends frames of three records; ends by an error only."""
    while True:
        await writer.append(records(3, writer.head.seq))


# -- acknowledged means: on every disk


async def test_what_is_acknowledged_is_on_the_disk_of_every_replica(nodes):
    primary, first, second, _ = nodes
    writer = await lead(primary, first, second)
    for start in range(0, 60, 3):
        head = await writer.append(records(3, start))
    for replica in (first, second):
        replica.kill()
        replica.start()  # alone, from its own file
        found, tip = read(replica)
        assert (found, tip.header_hash) == (records(60), head.header_hash)
    await writer.close()


async def test_a_frozen_replica_is_named_and_what_it_lacks_is_not_committed(nodes, impatient):
    primary, first, second, _ = nodes
    writer = await lead(primary, first, second)
    head = await writer.append(records(2))
    impatient()
    second.freeze()
    try:
        with pytest.raises(errors.ReplicasShort) as caught:
            await writer.append(records(1, 2))
    finally:
        second.thaw()
    assert f"{second.name} has" in f"{caught.value}"
    assert f"{first.name} has it in memory" in f"{caught.value}"
    assert writer.head == head
    assert not writer.is_open
    # A reader sees it, and may not tell of it.
    assert read(primary)[0] == records(3)
    with primary.address.client() as client:
        told = [
            each
            for frame in confirmed(read_frames(client, ChainVerifier(NAME)))
            for each in frame.records
        ]
    assert told == records(2)
    await writer.close()


async def test_a_killed_replica_is_named_and_its_return_lets_the_log_go_on(
    nodes, impatient, monkeypatch
):
    primary, first, second, _ = nodes
    writer = await lead(primary, first, second)
    impatient()
    second.kill()
    with pytest.raises(errors.ReplicasShort, match=f"{second.name} is not attached"):
        await writer.append(records(1))
    await writer.close()
    monkeypatch.undo()
    second.start().follow(primary)
    found, tip = read(primary)
    heir = await lead(primary, first, second, tip=tip)
    await heir.append(records(1, 1))
    await heir.close()
    assert found == records(1)
    assert read(second)[0] == read(first)[0] == records(2)


async def test_replicas_that_reconnect_are_identified_again_and_nothing_stops(nodes):
    primary, first, second, _ = nodes
    writer = await lead(primary, first, second)
    before = writer._replicas._generation
    primary.do("CLIENT", "KILL", "TYPE", "replica")
    await writer.append(records(1))
    assert writer._replicas._generation != before
    assert read(first)[0] == read(second)[0] == records(1)
    await writer.close()


# -- who is attached


async def test_an_unknown_replica_stops_the_appender(nodes):
    primary, first, second, stranger = nodes
    writer = await lead(primary, first, second)
    await writer.append(records(1))
    stranger.follow(primary)
    with pytest.raises(errors.ReplicasDiffer, match=f"attached twice: {stranger.name};"):
        await writer.append(records(1, 1))
    with pytest.raises(errors.AppenderClosed):
        await writer.append(records(1, 1))
    await writer.close()


async def test_a_set_that_is_not_the_configured_one_is_refused_before_the_log_is_touched(
    nodes, impatient
):
    primary, first, second, other = nodes
    with pytest.raises(
        errors.ReplicasDiffer, match=f"{second.name}; configured but not .*: nobody"
    ):
        await lead(primary, first)
    with pytest.raises(errors.ReplicasDiffer, match=f"configured but not attached: {other.name}"):
        await lead(primary, first, other)
    with pytest.raises(errors.ReplicasDiffer, match="configured but not attached: nobody"):
        await lead(primary)
    impatient()
    with pytest.raises(errors.ReplicasShort, match=f"{other.name} is not attached"):
        await lead(primary, first, second, other)
    assert primary.do("EXISTS", NAME.key) == 0


async def test_one_replica_that_is_attached_twice_does_not_count_for_two(nodes):
    """A connection that lingers, or a server that announces another's address."""
    primary, first, second, _ = nodes
    writer = await lead(primary, first, second)
    second.freeze()
    try:
        twice = pytest.raises(errors.ReplicasDiffer, match=f"attached twice: {first.name};")
        with attached_as(first, primary), twice:
            await writer.append(records(1))
    finally:
        second.thaw()
    await writer.close()


async def test_two_names_of_one_server_are_not_two_replicas(nodes):
    primary, first, second, _ = nodes
    second.do(
        "CONFIG", "SET", "replica-announce-ip", "localhost", "replica-announce-port", first.port
    )
    second.promote()
    second.do("REPLICAOF", "127.0.0.1", primary.port)
    names = [first.name, f"localhost:{first.port}"]
    assert wait_for(lambda: {each.name for each in view(primary).attached} == set(names))
    with pytest.raises(errors.ReplicasDiffer, match="one and the same server"):
        await Replicas(primary.address, names).check()


async def test_another_server_at_a_replicas_address_is_refused(nodes, impatient):
    primary, first, second, elsewhere = nodes
    second.promote()
    second.follow(elsewhere)
    assert wait_for(lambda: not primary.has_online(second))
    impatient()
    told = pytest.raises(errors.ReplicasDiffer, match=f"{second.name} does not say that it follows")
    with attached_as(second, primary), told:
        await lead(primary, first, second)


async def test_a_replica_that_would_not_keep_what_it_confirms_is_refused(nodes, tmp_path):
    primary, first, second, _ = nodes
    async with open_log(settings(tmp_path, primary, first, second)) as log:
        async for _ in log.frames():
            pass
        await log.take_over(barrier(), is_genesis=True)
        await log.check_configuration()
        second.do("CONFIG", "SET", "appendfsync", "everysec", "replica-read-only", "no")
        with pytest.raises(errors.ConfigurationDiffers) as caught:
            await log.check_configuration()
    assert f"on the replica {second.name} appendfsync is 'everysec'" in f"{caught.value}"
    assert "replica-read-only is 'no'" in f"{caught.value}"


async def test_a_replica_that_does_not_answer_itself_is_refused(nodes):
    """Its primary's word is not enough: it has to say how it runs."""
    primary, first, second, _ = nodes
    second.do("ACL", "SETUSER", "engine", "off")
    with pytest.raises(errors.ReplicasDiffer, match=f"{second.name} does not say .* WRONGPASS"):
        await lead(primary, first, second)


# -- fail-over


@pytest.mark.parametrize("seed", range(2))
async def test_of_a_killed_primary_the_promoted_replica_has_all_that_was_acknowledged(
    nodes, tmp_path, seed
):
    primary, first, second, _ = nodes
    promoted, heir = (first, second) if seed else (second, first)
    async with open_log(settings(tmp_path, primary, first, second)) as log:
        async for _ in log.frames():
            pass
        writer = await log.take_over(barrier(), is_genesis=True)
        threading.Timer(0.05 + 0.1 * seed, primary.kill).start()
        with pytest.raises(AppendOutcomeUnknown):
            await append_for_ever(writer)
        acknowledged = writer.head.seq
    assert acknowledged > 0
    promoted.promote()
    heir.follow(promoted)
    found = await run(settings(tmp_path, promoted, heir), 1)
    assert found == records(len(found))
    assert len(found) in (acknowledged, acknowledged + 3)
    assert read(promoted)[0] == read(heir)[0] == records(len(found) + 1)


async def test_a_promoted_replica_that_was_detached_too_early_is_refused(nodes, tmp_path):
    primary, first, second, _ = nodes
    await run(settings(tmp_path, primary, first, second), 2, is_genesis=True)
    second.promote()  # Detached: from here on it is a copy of the past.
    await run(settings(tmp_path, primary, first), 3)
    primary.kill()
    first.kill()
    with pytest.raises(LogWentBack, match="seqs 3 to 5"):
        await run(settings(tmp_path, second), 1)
    (tmp_path / "data" / "witness").unlink()
    with pytest.raises(errors.WitnessUnusable, match="absent"):
        await run(settings(tmp_path, second), 1)


async def split(nodes, kind):
    """
    The first replica was promoted, the old leader does not know, and its primary has found another
    follower; returns both leaders after the old one's attempt, and what it said.
    """
    primary, first, second, stranger = nodes
    old = await lead(primary, first, second, kind=kind)
    tip = await old.append(records(2))
    first.promote()
    assert wait_for(lambda: not primary.has_online(first))
    stranger.follow(primary)
    new = await lead(first, tip=read(first)[1])
    await new.append([b"\x01"])
    try:
        await old.append([b"\x02"])
        said = None
    except errors.LogError as error:
        said = error
    await new.close()
    await old.close()
    return tip, old, said


async def test_in_a_split_brain_the_old_leader_acknowledges_nothing(nodes):
    _, first, _, stranger = nodes
    tip, old, said = await split(nodes, Replicas)
    assert isinstance(said, errors.ReplicasDiffer)
    assert (
        f"attached twice: {stranger.name}; configured but not attached: {first.name}" in f"{said}"
    )
    assert old.head == tip
    assert read(first)[0] == [*records(2), b"\x01"]


async def test_counting_replicas_without_knowing_them_loses_an_acknowledged_record(nodes):
    """The same split: two confirmed, one of them a stranger, and the record is in no new log."""
    _, first, _, _ = nodes
    tip, old, said = await split(nodes, CountingOnly)
    assert said is None
    assert old.head.seq == tip.seq + 1
    assert b"\x02" not in read(first)[0]


async def test_a_primary_that_became_a_replica_takes_no_more(nodes):
    primary, first, second, _ = nodes
    writer = await lead(primary, first, second)
    first.promote()
    primary.follow(first)
    with pytest.raises(errors.AppendRefused, match="READONLY"):
        await writer.append(records(1))
    await writer.close()


# -- small parts


def test_somebody_whom_the_primary_lists_unreadably_is_nobody_we_know():
    info = (
        b"connected_slaves:2\r\nslave0:ip=::1,port=7001,state=online,offset=5,lag=-1,type=replica\r\n"
        b"slave1:another=form\r\nmaster_replid:a\r\nmaster_repl_offset:9\r\nsync_full:2\r\n"
        b"sync_partial_ok:0\r\n"
    )
    found = view_of(info)
    assert [each.name for each in found.attached] == ["::1:7001", "somebody unreadable in INFO"]
    assert (found.offset, found.history_id) == (9, "a")


@pytest.mark.parametrize("name", ["host", "host:", ":7001", "host:0", "host:65536", "host:x"])
def test_a_replicas_name_is_host_and_port(name):
    with pytest.raises(ValueError, match="HOST:PORT"):
        require_name(name)


@pytest.mark.parametrize(
    ("names", "url", "word"),
    [
        (["host:7001"], "", "embedded server has no replicas"),
        (["host"], "redis://host", "is not HOST:PORT"),
        (["host:7001", "host:7001"], "redis://host", "named twice"),
    ],
)
def test_replicas_that_make_no_sense_are_wrong_usage(names, url, word):
    with pytest.raises(typer.BadParameter, match=word):
        replica_names(names, url)


def test_the_embedded_server_has_no_replicas(tmp_path):
    with pytest.raises(ValueError, match="embedded"):
        LogSettings(tmp_path, NAME, replicas=("host:7001",))


def view(primary):
    """Who is attached, as the exchange reads it."""
    with primary.client() as client:
        client.response_callbacks.clear()
        return view_of(client.execute_command("INFO", "replication", "stats"))


@contextlib.contextmanager
def attached_as(replica, primary):
    """Somebody who says that he is a replica and has everything on disk."""
    words = (
        ("AUTH", "replica", "any"),
        ("REPLCONF", "listening-port", str(replica.port), "capa", "eof", "capa", "psync2"),
        ("PSYNC", "?", "-1"),
    )
    wanted_count = primary.info()["connected_slaves"] + 1
    boast = hiredis.pack_command(("REPLCONF", "ACK", str(1 << 40), "FACK", str(1 << 40)))
    with socket.create_connection(("127.0.0.1", primary.port)) as connection:
        for each in words:
            connection.sendall(hiredis.pack_command(each))
            assert not connection.recv(100).startswith(b"-")

        def counts():
            connection.sendall(boast)
            # Asked for what a new connection has written, nothing, all of them have it.
            return primary.do("WAITAOF", 1, wanted_count, 1) == [1, wanted_count]

        assert wait_for(counts)
        yield
