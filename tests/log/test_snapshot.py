"""Snapshot files: what is written comes back; what the log does not confirm is passed over."""

import hashlib
import os
import struct

import msgspec
import pytest

from exchange.log import (
    ChainVerifier,
    LogName,
    LogSettings,
    Snapshot,
    SnapshotFiles,
    SnapshotHeader,
    decode_frame,
    doubt,
    open_log,
)
from exchange.log.snapshot import HASH_BYTES, HEADER_BYTES

from .conftest import NAME, barrier, records
from .test_verifier import chain, read

RULES = 4
"""The behaviour version of these tests."""
COMMITTED_SEQ = 7
ENTRIES, _ = chain()
HEADS = [read(ENTRIES[: count + 1]).head for count in range(len(ENTRIES))]
"""Behind each frame of a chain with two epochs."""


def snapshot(head, payload=b"the state", **changes):
    """A snapshot behind the frame of a head."""
    state_hash = hashlib.sha256(payload).digest()
    header = SnapshotHeader(NAME, head.epoch, head.seq, head.header_hash, RULES, state_hash)
    return Snapshot(msgspec.structs.replace(header, **changes), payload)


@pytest.fixture
def files(tmp_path):
    return SnapshotFiles(tmp_path / "snapshots", NAME)


def newest(files, behaviour_version=RULES, committed_seq=COMMITTED_SEQ):
    """The first that may be used, with the codes of what was passed over before it."""
    files.skipped.clear()
    found = next(files.newest_first(behaviour_version, committed_seq), None)
    return found, [skipped.reason.partition(":")[0] for skipped in files.skipped]


def test_a_snapshot_comes_back_as_it_was_written(files):
    written = snapshot(HEADS[2], payload=bytes(range(256)) * 100)
    path = files.write(written)
    assert path.read_bytes()[-HASH_BYTES:] == hashlib.sha256(path.read_bytes()[:-32]).digest()
    assert newest(files) == (written, [])
    assert path.stat().st_mode & 0o077 == 0


def test_where_nothing_was_written_nothing_is_found(files):
    assert newest(files) == (None, [])
    files.directory.mkdir()
    (files.directory / "README").write_text("not ours")
    assert newest(files) == (None, [])


def test_the_layout_is_pinned(files):
    """Stored snapshots are read by these offsets until the version changes."""
    head = HEADS[4]
    data = files.write(snapshot(head, payload=b"xyz")).read_bytes()
    assert HEADER_BYTES == 126
    assert data[:6] == b"CXSN\x00\x01"
    assert data[6:38] == b"test-venue".ljust(16, b"\0") + b"main".ljust(16, b"\0")
    assert struct.unpack(">IQ", data[38:50]) == (2, 6)
    assert data[50:82] == head.header_hash
    assert struct.unpack(">I", data[82:86]) == (RULES,)
    assert data[86:118] == hashlib.sha256(b"xyz").digest()
    assert struct.unpack(">Q", data[118:126]) == (3,)
    assert data[126:129] == b"xyz"
    assert data[129:] == hashlib.sha256(data[:129]).digest()


def test_the_newest_three_are_kept_and_found_newest_first(files):
    written = [snapshot(head) for head in HEADS]
    for one in written:
        files.write(one)
    assert list(files.newest_first(RULES, COMMITTED_SEQ)) == written[:-4:-1]
    assert len(list(files.directory.iterdir())) == 3


def test_what_claims_a_later_place_is_neither_removed_nor_counted(files):
    """Left behind by another history: it is named at each start, and keeps nothing from us."""
    early, late = HEADS[:3], HEADS[3:]
    for head in (*late, *early):
        files.write(snapshot(head))
    assert len(list(files.directory.iterdir())) == 6
    found, codes = newest(files, committed_seq=3)
    assert found == snapshot(HEADS[3])
    assert codes == ["snapshot_ahead_of_log"] * 2


def test_writing_the_same_place_again_replaces_it(files):
    head = HEADS[2]
    files.write(snapshot(head, payload=b"old"))
    files.write(snapshot(head, payload=b"new"))
    assert newest(files) == (snapshot(head, payload=b"new"), [])


def test_what_a_crash_left_unfinished_is_never_read_and_goes_with_the_next(files):
    files.write(snapshot(HEADS[1]))
    unfinished = files.directory / (snapshot(HEADS[2]).header.file_name + ".tmp")
    unfinished.write_bytes(b"half a header")
    assert newest(files) == (snapshot(HEADS[1]), [])
    files.write(snapshot(HEADS[3]))
    assert not unfinished.exists()


# -- what is passed over, and why ------------------------------------------------------------------


def test_every_flipped_bit_is_found(files):
    good = snapshot(HEADS[1])
    files.write(good)
    path = files.write(snapshot(HEADS[4], payload=b"four"))
    data = path.read_bytes()
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            found, codes = newest(files)
            assert found == good
            assert len(codes) == 1


def test_every_shortened_or_lengthened_file_is_found(files):
    path = files.write(snapshot(HEADS[1], payload=b"four"))
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert newest(files) == (None, ["snapshot_damaged"])
    path.write_bytes(data + b"\0")
    assert newest(files) == (None, ["snapshot_damaged"])


def test_a_payload_of_an_absurd_length_is_not_asked_for(files):
    path = files.write(snapshot(HEADS[1]))
    data = path.read_bytes()
    path.write_bytes(data[:118] + b"\xff" * 8 + data[126:])
    assert newest(files) == (None, ["snapshot_damaged"])


@pytest.mark.parametrize("other", [LogName("other"), LogName("test-venue", "second")])
def test_a_foreign_snapshot_is_passed_over(files, other):
    mine, theirs = snapshot(HEADS[1]), snapshot(HEADS[2], name=other)
    files.write(mine)
    SnapshotFiles(files.directory, other).write(theirs)
    assert newest(files) == (mine, ["snapshot_foreign"])


@pytest.mark.parametrize("other_version", [RULES - 1, RULES + 1])
def test_a_snapshot_of_other_rules_is_passed_over(files, other_version):
    mine = snapshot(HEADS[1])
    files.write(mine)
    files.write(snapshot(HEADS[2], behaviour_version=other_version))
    assert newest(files) == (mine, ["snapshot_of_other_rules"])


def test_a_snapshot_is_used_at_committed_seq_and_not_above(files):
    early, late = snapshot(HEADS[2]), snapshot(HEADS[4])
    files.write(early)
    files.write(late)
    assert newest(files, committed_seq=late.header.seq) == (late, [])
    assert newest(files, committed_seq=late.header.seq - 1) == (early, ["snapshot_ahead_of_log"])


def test_a_file_under_another_ones_name_is_passed_over(files):
    path = files.write(snapshot(HEADS[1]))
    path.rename(files.directory / snapshot(HEADS[2]).header.file_name)
    assert newest(files) == (None, ["snapshot_damaged"])


def test_a_newer_layout_is_passed_over(files):
    path = files.write(snapshot(HEADS[1]))
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\0\2" + data[6:])
    assert newest(files) == (None, ["snapshot_unknown_version"])


def test_what_cannot_be_read_is_named(files):
    mine = snapshot(HEADS[1])
    files.write(mine)
    (files.directory / snapshot(HEADS[2]).header.file_name).mkdir()
    assert newest(files) == (mine, ["snapshot_unreadable"])


# -- what the log says -----------------------------------------------------------------------------


def test_the_log_confirms_a_snapshot_or_says_why_not():
    frames = [decode_frame(data, entry_id) for entry_id, data in ENTRIES]
    one = snapshot(frames[2].head)
    state_hash = one.header.state_hash
    assert doubt(one.header, frames[2], state_hash) == ""
    for frame, logged_hash, code in (
        (None, state_hash, "snapshot_not_in_log"),
        (frames[1], state_hash, "snapshot_of_another_history"),
        (frames[2], None, "snapshot_unconfirmed"),
        (frames[2], bytes(32), "snapshot_of_another_state"),
    ):
        assert doubt(one.header, frame, logged_hash).startswith(f"{code}:")
    forged = msgspec.structs.replace(one.header, header_hash=bytes(32))
    assert doubt(forged, frames[2], state_hash).startswith("snapshot_of_another_history:")


def test_a_verifier_goes_on_from_every_snapshot_of_a_chain(files):
    whole = read(ENTRIES)
    for count, head in enumerate(HEADS, start=1):
        files.write(snapshot(head))
        found, _ = newest(files)
        frame = decode_frame(ENTRIES[count - 1][1], ENTRIES[count - 1][0])
        assert doubt(found.header, frame, found.header.state_hash) == ""
        verifier = ChainVerifier(NAME, start=frame.head)
        for entry in ENTRIES[count:]:
            verifier.check(*entry)
        assert verifier.head == whole.head


async def test_a_served_log_is_read_on_from_a_snapshot(data_dir):
    """Two lives write and snapshot; the third reads the snapshot and only what lies behind it."""
    settings = LogSettings(data_dir, NAME)
    files = SnapshotFiles(data_dir / "snapshots", NAME)
    async with open_log(settings) as log:
        assert await log.tip() is None
        assert [frame async for frame in log.frames()] == []
        appender = await log.take_over(barrier(), is_genesis=True)
        await appender.append(records(3))
        files.write(snapshot(appender.head, payload=b"three"))
        await appender.append(records(2, 3))
        files.write(snapshot(appender.head, payload=b"five"))
    async with open_log(settings) as log:
        tip = await log.tip()
        assert tip.header.committed_seq == 3
        found, codes = newest(files, committed_seq=tip.header.committed_seq)
        assert (found.payload, codes) == (b"three", ["snapshot_ahead_of_log"])
        frame = await log.frame_at(found.header.entry_id)
        assert doubt(found.header, frame, found.header.state_hash) == ""
        read_on = [record async for f in log.frames(frame.head) for record in f.records]
        assert read_on == records(2, 3)
        appender = await log.take_over(barrier())
        await appender.append(records(1, 5))
    async with open_log(settings) as log:
        tip = await log.tip()
        found, codes = newest(files, committed_seq=tip.header.committed_seq)
        assert (found.payload, codes) == (b"five", [])
        assert await log.frame_at("1-4") is None
        frame = await log.frame_at(found.header.entry_id)
        assert [r async for f in log.frames(frame.head) for r in f.records] == records(1, 5)
        # The whole log still is a chain: what was appended after reading on belongs to it.
        assert [r async for f in log.frames() for r in f.records] == records(6)


async def test_a_snapshot_of_a_history_that_was_restored_away_is_not_in_the_log(data_dir):
    settings = LogSettings(data_dir, NAME)
    async with open_log(settings) as log:
        assert [frame async for frame in log.frames()] == []
        appender = await log.take_over(barrier(), is_genesis=True)
        await appender.append(records(3))
        other = msgspec.structs.replace(appender.head, header_hash=os.urandom(32))
        frame = await log.frame_at(other.entry_id)
        header = snapshot(other).header
        reason = doubt(header, frame, header.state_hash)
        assert reason.startswith("snapshot_of_another_history:")
        files = SnapshotFiles(data_dir / "snapshots", NAME)
        files.skip(snapshot(other), reason)
        assert files.skipped[0].path.name == header.file_name
