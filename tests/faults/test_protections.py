"""
Every protection of the log off, alone and together with what would catch its failure in its place.

A table: what is done to the log, which protections are off, what becomes of it. Redundant guards
hide each other, so a row with one guard off shows that another one catches, and a row with both off
shows that nothing else would have: otherwise the test of either proves nothing.

    caught    an error of that kind, before or instead of any harm
    lost      records that were acknowledged are not in the log, or cannot be read, and who says so
"""

import os
import signal
from types import SimpleNamespace

import pytest

from exchange.log import (
    Appender,
    EmbeddedServer,
    LogError,
    Witness,
    compare,
    decode_frame,
    encode_barrier,
    encode_records,
    errors,
    read_frames,
    take_over,
)
from exchange.log import appender as appender_module
from exchange.log import lock as lock_module
from exchange.log.appender import open_appender
from exchange.log.archive import Archive
from exchange.log.reader import confirmed
from tests.e2e.processes import wait_until
from tests.log.conftest import NAME, barrier, first_appender, kill, record, records

from .lives import started, writer_at
from .unguarded import Lenient, Retrying, without_compare

CLEAN = "clean"


def stream(server) -> list[tuple[str, bytes]]:
    """The stream's entries as they are."""
    with server.address.client() as client:
        return [
            (entry_id.decode(), fields[b"f"])
            for entry_id, fields in client.execute_command("XRANGE", NAME.key, "-", "+")
        ]


def verdict(entries, off=(), witness=None) -> str:
    """What a reader without some checks says of the entries: the error's code, or clean."""
    verifier = Lenient(NAME, off=off, remember=witness.position if witness else None)
    try:
        for entry in entries:
            verifier.check(*entry)
        if witness is not None:
            compare(witness, verifier)
    except LogError as error:
        return error.code
    return CLEAN


def records_in(entries) -> list[bytes]:
    """All records, whatever they are."""
    return [each for _, data in entries for each in decode_frame(data).records]


# -- two leaders -----------------------------------------------------------------------------------

ZOMBIES = [
    # off                             frame  the zombie hears        the log, read
    ((), 3, "log_conflict", CLEAN),
    (("compare",), 3, "log_append_refused", CLEAN),  # its epoch makes its id too small
    (("epochs",), 3, "log_conflict", CLEAN),
    (("compare", "epochs"), 2, "log_append_refused", CLEAN),  # the same id, by luck
    (("compare", "epochs"), 3, "acknowledged", "log_seq_gap"),
    (("compare", "epochs", "gap"), 3, "acknowledged", "log_chain_broken"),
    (("compare", "epochs", "gap", "chain"), 3, "acknowledged", CLEAN),  # two records of one seq
    (("compare", "ids"), 3, "acknowledged", "log_wrong_entry_id"),
]


@pytest.mark.parametrize(("off", "count", "heard", "read"), ZOMBIES)
async def test_a_leader_that_wakes_up_after_another_took_over(
    server, monkeypatch, off, count, heard, read
):
    if "compare" in off:
        without_compare(monkeypatch, has_servers_id="ids" in off)
    zombie = await first_appender(server)
    await zombie.append(records(2))
    if "epochs" in off:
        leader = await open_appender(server.address, NAME, zombie.head)
    elif "ids" in off:
        leader = await writer_at(server.address, zombie.head, Appender, int)
    else:
        leader = await take_over(server.address, NAME, zombie.head, barrier())
    await leader.append(records(2, 2))
    try:
        await zombie.append(records(count, 100))
        answer = "acknowledged"
    except LogError as error:
        answer = error.code
    entries = stream(server)
    assert (answer, verdict(entries, off)) == (heard, read)
    assert (record(100) in records_in(entries)) is (heard == "acknowledged")
    await leader.close()
    await zombie.close()


# -- no answer -------------------------------------------------------------------------------------

LATE = [
    # off                            the appender says               entries of the frame, the log
    ((), "log_append_outcome_unknown", 1, CLEAN),
    (("no retries",), "log_append_duplicate", 1, CLEAN),
    (("no retries", "compare"), "log_append_refused", 1, CLEAN),  # by its id alone
    (("no retries", "compare", "ids"), "acknowledged", 2, "log_wrong_entry_id"),
]


@pytest.mark.parametrize(("off", "heard", "count", "read"), LATE)
async def test_a_frozen_server_gets_the_bytes_late(server, monkeypatch, off, heard, count, read):
    """Frozen beyond the time limit; then it wakes up and finds the bytes in its socket."""
    if "compare" in off:
        without_compare(monkeypatch, has_servers_id="ids" in off)
    first = await first_appender(server)
    kind = Retrying if "no retries" in off else Appender
    writer = await writer_at(server.address, first.head, kind, lambda: 2**62)
    writer.address = server.address
    await writer.append([record(9)])  # Now it watches, and the next one is sent at once.
    monkeypatch.setattr(appender_module, "APPEND_SECONDS", 0.3)
    os.kill(server.pid, signal.SIGSTOP)
    opened = type(writer._connection).open

    async def wake_and_open(address):
        os.kill(server.pid, signal.SIGCONT)
        return await opened(address)

    monkeypatch.setattr(type(writer._connection), "open", wake_and_open)
    try:
        await writer.append(records(1))
        answer = "acknowledged"
    except LogError as error:
        answer = error.code
    finally:
        os.kill(server.pid, signal.SIGCONT)
    entries = stream(server)
    assert (answer, sum(record(0) in data for _, data in entries)) == (heard, count)
    assert verdict(entries) == read
    await writer.close()
    await first.close()


# -- damage ----------------------------------------------------------------------------------------


def flip(entries, number, place):
    """One bit of a frame."""
    number %= len(entries)
    entry_id, data = entries[number]
    flipped = bytearray(data)
    flipped[place] ^= 1
    return [*entries[:number], (entry_id, bytes(flipped)), *entries[number + 1 :]]


IN_TEXT = -5
"""A letter in a record: still msgpack when flipped."""
IN_AT_NS = 69
"""The wall clock in a header."""

DAMAGE = {
    "a record": lambda entries: flip(entries, 2, IN_TEXT),
    "a header": lambda entries: flip(entries, 2, IN_AT_NS),
    "the last header": lambda entries: flip(entries, -1, IN_AT_NS),
    "a frame removed": lambda entries: [*entries[:2], *entries[3:]],
    "the barrier removed": lambda entries: entries[1:],
    "the last frame removed": lambda entries: entries[:-1],
    "everything removed": lambda entries: [],
}
READ = [
    # what                     off                                   who says so
    ("a record", (), "log_bad_crc"),
    ("a record", ("crc",), "log_bad_root"),
    ("a record", ("crc", "root"), CLEAN),
    ("a header", (), "log_bad_crc"),
    ("a header", ("crc",), "log_chain_broken"),
    ("a header", ("crc", "chain"), CLEAN),
    ("the last header", ("crc",), "log_went_back"),
    ("the last header", ("crc", "witness"), CLEAN),
    ("a frame removed", (), "log_seq_gap"),
    ("a frame removed", ("gap",), "log_chain_broken"),
    ("a frame removed", ("gap", "chain"), CLEAN),
    ("the barrier removed", (), "log_barrier_missing"),
    ("the barrier removed", ("epoch",), "log_chain_broken"),
    ("the barrier removed", ("epoch", "chain"), CLEAN),
    ("the last frame removed", (), "log_went_back"),
    ("the last frame removed", ("witness",), CLEAN),
    ("everything removed", (), "log_went_back"),
    ("everything removed", ("witness",), CLEAN),
]


@pytest.fixture
def whole():
    """A barrier and five frames of two records, and the witness of the end."""
    frame = encode_barrier(NAME, NAME.genesis, 7, barrier())
    entries, head = [(frame.head.entry_id, frame.data)], frame.head
    for number in range(5):
        frame = encode_records(NAME, head, 7, records(2, 2 * number))
        entries.append((frame.head.entry_id, frame.data))
        head = frame.head
    witness = Witness(NAME.venue_id, NAME.shard, head.epoch, head.seq, head.header_hash.hex())
    return entries, witness


@pytest.mark.parametrize(("what", "off", "read"), READ)
def test_a_log_that_is_not_what_was_written(whole, what, off, read):
    entries, witness = whole
    damaged = DAMAGE[what](entries)
    assert damaged != entries
    assert verdict(entries, off, witness) == CLEAN, "the guards that are left find no fault in it"
    assert verdict(damaged, off, None if "witness" in off else witness) == read


@pytest.mark.parametrize(
    ("off", "read"),
    [
        ((), "log_went_back"),
        (("witness",), "log_went_back"),  # the archive says so
        (("archive",), "log_went_back"),
        (("witness", "archive"), CLEAN),
    ],
)
async def test_a_log_that_was_cut_between_two_entries(server, tmp_path, off, read):
    writer = await first_appender(server)
    for number in range(9):
        await writer.append(records(1, number))
    await writer.close()
    head = writer.head
    archive = Archive(NAME, [tmp_path / "a", tmp_path / "b"], lambda _: None)
    with server.address.client() as client, archive.writing():
        archive.extend(confirmed(read_frames(client, Lenient(NAME, off=()))))
    with server.address_of("operator").client() as client:
        client.execute_command("XDEL", NAME.key, *(f"1-{seq}" for seq in range(6, 10)))
    witness = Witness(NAME.venue_id, NAME.shard, head.epoch, head.seq, head.header_hash.hex())
    verifier = Lenient(NAME, off=(), remember=witness.position)
    try:
        with server.address.client() as client:
            list(read_frames(client, verifier, None if "archive" in off else archive))
        if "witness" not in off:
            compare(witness, verifier)
        found = CLEAN
    except LogError as error:
        found = error.code
    assert found == read


# -- followers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "seen", "read"),
    [
        ((), 2, CLEAN),
        (("committed_seq",), 3, "log_went_back"),  # the chain, from where it stands
        (("committed_seq", "chain"), 3, CLEAN),  # it goes on, with a record that never was
    ],
)
async def test_a_follower_of_a_log_that_loses_its_tip(server, off, seen, read):
    """The tip was visible and not durable; the next leader puts another record in its place."""
    writer = await first_appender(server)
    for number in range(3):
        await writer.append(records(1, number))
    await writer.close()
    followed = Lenient(NAME, off=())
    with server.address.client() as client:
        frames = list(read_frames(client, followed))
        taken = frames if "committed_seq" in off else list(confirmed(frames))
    position = taken[-1].head
    assert position.seq == seen
    with server.address_of("operator").client() as client:
        client.execute_command("XDEL", NAME.key, "1-3")
    leader = await take_over(server.address, NAME, frames[-2].head, barrier())
    await leader.append(records(1, 77))
    await leader.append(records(1, 78))
    await leader.close()
    try:
        if "chain" in off:
            later = [each for each in stream(server) if each[0] > position.entry_id]
            found = verdict(later, ("chain", "gap", "epoch"))
        else:
            with server.address.client() as client:
                list(read_frames(client, Lenient(NAME, position, off=())))
            found = CLEAN
    except LogError as error:
        found = error.code
    assert found == read


# -- locks -----------------------------------------------------------------------------------------


@pytest.fixture
def without_locks(monkeypatch):
    """Whoever asks for a lock has it."""
    free = SimpleNamespace(flock=lambda *_: None, LOCK_EX=0, LOCK_NB=0)
    monkeypatch.setattr(lock_module, "fcntl", free)


async def test_without_its_lock_two_servers_write_one_file_and_records_are_lost(
    data_dir, monkeypatch, without_locks
):
    """Each is sound alone, and both acknowledge; the file has both and the log one of them."""
    first = EmbeddedServer.start(data_dir)
    writer = await first_appender(first)
    await writer.append(records(1))
    second = EmbeddedServer.start(data_dir)
    assert second.pid != first.pid
    wait_until(lambda: second._info()["process_id"] == second.pid, "the socket is the second's")
    heir = await take_over(second.address, NAME, writer.head, barrier())
    await heir.append(records(1, 50))
    await writer.append(records(1, 60))
    acknowledged = [record(50), record(60)]
    for each in (first, second):
        kill(each.pid)
        each._process.wait()
    await writer.close()
    await heir.close()
    monkeypatch.undo()
    async with started(data_dir) as server:
        found = records_in(stream(server))
    assert sum(each in found for each in acknowledged) == 1
    assert found[0] == record(0)


async def test_without_the_exchanges_lock_compare_and_append_still_lets_one_lead(server):
    """SERVE is the early word, compare-and-append the safety: see the table of two leaders."""
    first = await first_appender(server)
    second = await take_over(server.address, NAME, first.head, barrier())
    await second.append(records(1))
    with pytest.raises(errors.LogConflict):
        await first.append(records(1, 1))
    assert verdict(stream(server)) == CLEAN
    await first.close()
    await second.close()
