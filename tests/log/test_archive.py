"""The archive: what it takes, what it gives back, and what it refuses."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from exchange.log import (
    Archive,
    ChainVerifier,
    EmbeddedServer,
    FrameDamaged,
    LogName,
    LogSettings,
    LogWentBack,
    confirmed,
    decode_frame,
    encode_barrier,
    encode_records,
    errors,
    keepers_client,
    open_log,
    read_frames,
    read_frames_async,
    take_over,
)
from exchange.log.access import KEEPER
from exchange.log.lookup import find_records
from exchange.log.segment import FOOTER_BYTES

from .conftest import NAME, as_operator, barrier, first_appender, kill, record, records

SMALL = 1 << 10
"""Segment size in most tests: a few frames."""


@pytest.fixture
def places(tmp_path):
    return [tmp_path / "place-1", tmp_path / "place-2"]


@pytest.fixture
def told():
    """What was said of damaged copies."""
    return []


@pytest.fixture
def archive(places, told):
    return Archive(NAME, places, told.append)


async def write(server, frame_count, start=0):
    """Appends frames of one record; the appender."""
    writer = await first_appender(server)
    for number in range(start, start + frame_count):
        await writer.append([record(number)])
    return writer


def run(server, archive, segment_bytes=SMALL):
    """One run of the archiver beside a living server."""
    with archive.writing(), server.address.client() as client:
        verifier = ChainVerifier(NAME, archive.head)
        frames = read_frames(client, verifier, archive)
        return archive.extend(confirmed(frames), segment_bytes)


def trim_to(server, entry_id):
    """Trims as the keeper does, without any of the checks."""
    with server.address_of(KEEPER).client() as client:
        return client.execute_command("XTRIM", NAME.key, "MINID", "=", entry_id)


def read_all(server, archive, start=None):
    """All records of archive and stream, verified."""
    with server.address.client() as client:
        frames = read_frames(client, ChainVerifier(NAME, start), archive)
        return [each for frame in frames for each in frame.records]


def contents(places):
    """Every segment's bytes by name, for each place."""
    return [
        {path.name: path.read_bytes() for path in sorted(at.glob("*.segment"))} for at in places
    ]


# -- writing


async def test_only_what_a_later_frame_states_as_committed_is_archived(server, archive):
    writer = await write(server, 3)
    assert run(server, archive).head.seq == 2
    await writer.append(records(2, 3))
    assert run(server, archive).head.seq == 3
    await writer.close()


async def test_a_barrier_confirms_nothing(server, archive):
    writer = await first_appender(server)
    await writer.close()
    heir = await open_again(server)
    assert run(server, archive).frame_count == 0, "both barriers stand at seq 0"
    await heir.append(records(1))
    assert run(server, archive).frame_count == 2
    await heir.close()


def test_a_frame_waits_until_a_later_one_covers_it():
    """Not merely until there is a later one: a leader may state less than it has sent."""
    sent, frames = encode_barrier(NAME, NAME.genesis, 7, barrier()), []
    for committed_seq in (0, 0, 1, 3):
        frames.append(decode_frame(sent.data))
        stated = msgspec.structs.replace(sent.head, committed_seq=committed_seq)
        sent = encode_records(NAME, stated, 7, records(1, sent.head.seq))
    frames.append(decode_frame(sent.data))
    ends = [[f.header.last_seq for f in confirmed(frames[:count])] for count in range(1, 6)]
    assert ends == [[], [0], [0], [0, 1], [0, 1, 2, 3]]


async def open_again(server):
    """Takes over a log that has a tip."""
    async with server.address.async_client() as client:
        verifier = ChainVerifier(NAME)
        async for _ in read_frames_async(client, verifier):
            pass
    return await take_over(server.address, NAME, verifier.head, barrier())


async def test_both_places_hold_the_exact_frames_and_a_second_run_changes_nothing(
    server, archive, places
):
    writer = await write(server, 20)
    done = run(server, archive)
    assert done.segment_count > 3
    first, second = contents(places)
    assert first == second
    with server.address.client() as client:
        entries = client.execute_command("XRANGE", NAME.key, "-", "+")
    stored = b"".join(first[name][:-FOOTER_BYTES] for name in sorted(first))
    assert stored == b"".join(fields[b"f"] for _, fields in entries[:-1])
    again = run(server, archive)
    assert (again.segment_count, again.head) == (0, done.head)
    assert contents(places) == [first, second]
    await writer.close()


async def test_footers_add_up(server, archive):
    writer = await write(server, 20)
    done = run(server, archive)
    footers = archive.footers()
    assert sum(footer.frame_count for footer in footers) == done.frame_count == 20
    assert sum(footer.record_count for footer in footers) == done.record_count == 19
    assert [footer.first_seq for footer in footers[1:]] == [
        footer.last_seq + 1 for footer in footers[:-1]
    ]
    assert archive.verify() == done.head
    await writer.close()


async def test_one_directory_named_twice_is_not_two_places(server, tmp_path):
    (tmp_path / "place").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "place")
    for same in ([tmp_path / "place"], [tmp_path / "place", tmp_path / "link"]):
        archive = Archive(NAME, same, pytest.fail)
        with pytest.raises(errors.ArchiveNotWritten), archive.writing():
            pass


async def test_a_place_that_cannot_be_written_leaves_nothing_archived(server, archive, places):
    writer = await write(server, 5)
    places[1].mkdir()
    (places[1] / "main.00000001.segment.unfinished").mkdir()
    with pytest.raises(errors.ArchiveNotWritten, match="Is a directory"):
        run(server, archive)
    assert contents(places) == [{}, {}]
    assert archive.head == NAME.genesis
    await writer.close()


async def test_two_archivers_do_not_write_at_once(archive, places, told):
    second = Archive(NAME, list(reversed(places)), told.append)
    with archive.writing(), pytest.raises(errors.ArchiveBusy), second.writing():
        pass


async def test_a_replaced_disk_is_filled_again_and_an_absent_one_is_asked_for(
    server, archive, places, told
):
    writer = await write(server, 10)
    run(server, archive)
    whole = contents(places)[0]
    shutil.rmtree(places[1])
    with pytest.raises(errors.ArchiveNotWritten, match="mount it"):
        run(server, archive)
    places[1].mkdir()
    run(server, archive)
    assert contents(places) == [whole, whole]
    assert told == []
    await writer.close()


# -- reading as one


@pytest.mark.parametrize("first_id", ["1-1", "1-4", "1-19"])
async def test_a_trimmed_log_reads_as_before_wherever_it_was_cut(server, archive, first_id):
    writer = await write(server, 20)
    run(server, archive)
    assert trim_to(server, first_id) > 0
    assert read_all(server, archive) == records(20)
    async with server.address.async_client() as client:
        frames = read_frames_async(client, ChainVerifier(NAME), archive)
        assert [each async for frame in frames for each in frame.records] == records(20)
    await writer.close()


async def test_reading_can_begin_in_the_archive_at_the_seam_and_in_the_stream(server, archive):
    writer = await write(server, 20)
    run(server, archive)
    with server.address.client() as client:
        heads = [frame.head for frame in read_frames(client, ChainVerifier(NAME))]
    trim_to(server, "1-10")
    for start in heads:
        assert read_all(server, archive, start) == records(20 - start.seq, start.seq)
    await writer.close()


async def test_a_trim_during_reading_is_bridged_by_the_archive(server, archive):
    writer = await write(server, 60)
    run(server, archive)
    with server.address.client() as client:
        frames = read_frames(client, ChainVerifier(NAME), archive)
        found = [each for _ in range(10) for each in next(frames).records]
        trim_to(server, "1-50")
        found += [each for frame in frames for each in frame.records]
    assert found == records(60)
    await writer.close()


async def test_a_trimmed_log_without_an_archive_is_refused_and_says_what_is_missing(server):
    writer = await write(server, 10)
    trim_to(server, "1-5")
    with pytest.raises(errors.ArchiveMissing, match=r"seqs 1 to 4 were trimmed.*--archive"):
        read_all(server, None)
    await writer.close()


async def test_an_archive_that_ends_before_the_stream_begins_is_a_gap(server, archive):
    writer = await write(server, 10)
    run(server, archive)
    for number in range(10, 20):
        await writer.append([record(number)])
    trim_to(server, "1-15")
    with pytest.raises(errors.ArchiveGap, match="seqs 10 to 14 are in neither"):
        read_all(server, archive)
    await writer.close()


async def test_an_archive_of_another_history_is_refused(server, archive, tmp_path):
    writer = await write(server, 10)
    run(server, archive)
    await writer.close()
    other = EmbeddedServer.start(tmp_path / "other")
    try:
        await (await write(other, 20)).close()
        with pytest.raises(errors.ArchiveDiffers):
            read_all(other, archive)
        trim_to(other, "1-5")
        with pytest.raises(errors.ArchiveDiffers):
            read_all(other, archive)
    finally:
        other.stop()


async def test_a_stream_that_ends_before_its_archive_went_back(server, archive):
    writer = await write(server, 10)
    run(server, archive)
    with as_operator(server.address).client() as client:
        client.xdel(NAME.key, "1-10", "1-9", "1-8")
    with pytest.raises(LogWentBack, match=r"archive has epoch 1, seq 9.*ends with 1-7.*restore"):
        read_all(server, archive)
    await writer.close()


async def test_records_are_found_on_both_sides_of_the_seam(data_dir, places, told, tmp_path):
    settings = LogSettings(data_dir, NAME, archive_dirs=tuple(places))
    async with open_log(settings, told.append) as log:
        async for _ in log.frames():
            pass
        appender = await log.take_over(barrier(), is_genesis=True)
        for number in range(20):
            await appender.append([record(number)])
        async with log.address.async_client() as client:
            archive = settings.archive()
            with archive.writing():
                frames = [
                    each async for each in read_frames_async(client, ChainVerifier(NAME), archive)
                ]
                archive.extend(confirmed(frames), SMALL)
            with keepers_client(data_dir) as keeper:
                keeper.execute_command("XTRIM", NAME.key, "MINID", "=", "1-10")
            wanted = list(enumerate(records(20), start=1))
            assert await find_records(client, NAME, 1, 1) != wanted[:1], "it is not in the stream"
        found = []
        while page := await log.records(len(found) + 1, 7):
            found += page
        assert found == wanted
        assert await log.records(5, 100) == wanted[4:9], "up to the seam, then ask again"


# -- damage


def damage(path, offset):
    """Flips one bit."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


async def test_every_flipped_byte_of_a_segment_is_found(server, archive, places):
    writer = await write(server, 4)
    run(server, archive)
    path = places[0] / "main.00000001.segment"
    whole = path.read_bytes()
    shutil.rmtree(places[1])
    for offset in range(len(whole)):
        damage(path, offset)
        with pytest.raises((errors.SegmentDamaged, errors.SegmentForeign)):
            list(Archive(NAME, places[:1], lambda _: None).entries_after(NAME.genesis))
        path.write_bytes(whole)
    for wrong in (b"", whole[:-1], whole[1:], whole + b"x", whole[:-FOOTER_BYTES]):
        path.write_bytes(wrong)
        with pytest.raises(errors.SegmentDamaged):
            Archive(NAME, places[:1], lambda _: None).footers()
        with pytest.raises(errors.SegmentDamaged):
            list(Archive(NAME, places[:1], lambda _: None).entries_after(NAME.genesis))
    await writer.close()


@pytest.mark.parametrize("part", ["frame", "footer", "length", "absent", "place"])
@pytest.mark.parametrize("place", [0, 1])
async def test_a_damaged_copy_is_told_of_and_the_other_one_used(
    server, archive, places, told, part, place
):
    writer = await write(server, 10)
    run(server, archive)
    trim_to(server, "1-9")
    path = places[place] / "main.00000002.segment"
    match part:
        case "frame":
            damage(path, 7)
        case "footer":
            damage(path, -3)
        case "length":
            os.truncate(path, path.stat().st_size - 5)
        case "absent":
            path.unlink()
        case "place":
            shutil.rmtree(places[place])
    assert read_all(server, archive) == records(10)
    # A frame's damage shows where the copy is read: the second place's is not, unless it must be.
    if part != "frame" or place == 0:
        missed = path.parent if part == "place" else path
        assert [error for error in told if f"{missed}:" in str(error)], told
        assert len(told) == 1, "once"
    with pytest.raises(errors.SegmentDamaged):
        archive.verify()
    await writer.close()


async def test_two_damaged_copies_are_refused(server, archive, places):
    writer = await write(server, 10)
    run(server, archive)
    trim_to(server, "1-9")
    for place in places:
        damage(place / "main.00000002.segment", 7)
    with pytest.raises(errors.SegmentDamaged, match=r"main.00000002.segment.*SHA-256"):
        read_all(server, archive)
    await writer.close()


async def test_a_removed_damaged_copy_is_made_again(server, archive, places):
    writer = await write(server, 10)
    run(server, archive)
    whole = contents(places)
    (places[1] / "main.00000002.segment").unlink()
    run(server, archive)
    assert contents(places) == whole
    assert archive.verify().seq == 9
    await writer.close()


async def test_segments_missing_swapped_or_foreign_are_refused(server, archive, places, tmp_path):
    writer = await write(server, 20)
    run(server, archive)
    paths = [[place / f"main.0000000{n}.segment" for place in places] for n in (1, 2)]
    for one, two in zip(*paths, strict=True):
        kept = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(kept)
    with pytest.raises(errors.ArchiveGap, match="begins with seq"):
        read_all(server, archive)
    for path in paths[0]:
        path.unlink()
    with pytest.raises(errors.ArchiveGap, match=r"00000001.segment.* is in no place"):
        read_all(server, archive)
    foreign = Archive(LogName("other"), places, pytest.fail)
    with pytest.raises(errors.ArchiveGap):
        foreign.footers()
    shutil.copy(paths[1][0], paths[0][0])
    with pytest.raises(errors.SegmentForeign, match="belongs to test-venue/main"):
        foreign.footers()
    await writer.close()


async def test_two_whole_copies_that_differ_are_refused(server, archive, places, tmp_path):
    writer = await write(server, 10)
    run(server, archive)
    await writer.close()
    other = EmbeddedServer.start(tmp_path / "other")
    try:
        await (await write(other, 10)).close()
        second = Archive(NAME, [tmp_path / "a", tmp_path / "b"], pytest.fail)
        run(other, second)
    finally:
        other.stop()
    shutil.rmtree(places[1])
    shutil.copytree(tmp_path / "a", places[1])
    with pytest.raises(errors.ArchiveDiffers, match="both whole and differ"):
        archive.footers()


async def test_a_damaged_frame_in_the_stream_is_never_archived(server, archive):
    writer = await write(server, 5)
    run(server, archive)
    with as_operator(server.address).client() as client:
        client.xadd(NAME.key, {"f": b"not a frame" * 20}, id="1-9")
    with pytest.raises(FrameDamaged):
        run(server, archive)
    assert archive.verify().seq == 4
    await writer.close()


# -- killed


ARCHIVER = """
import sys
from pathlib import Path
from exchange.log import Archive, ChainVerifier, confirmed, read_frames, ServerAddress
from tests.log.conftest import NAME

archive = Archive(NAME, [Path(sys.argv[2]), Path(sys.argv[3])], print)
with archive.writing(), ServerAddress.from_url(sys.argv[1]).client() as client:
    print("begins", flush=True)
    frames = read_frames(client, ChainVerifier(NAME, archive.head), archive)
    archive.extend(confirmed(frames), 4096)
"""


async def test_an_archiver_killed_anywhere_leaves_an_archive_that_goes_on(
    server, archive, places, told
):
    writer = await first_appender(server)
    for number in range(150):
        await writer.append([record(number), b"\xc5\x10\x00" + bytes(4096)])
    dice, url = random.Random(1), f"unix://engine@{server.address.unix_path}"
    seqs = []
    for _ in range(6):
        await asyncio.to_thread(archive_and_be_killed, url, places, dice.uniform(0.0, 0.25))
        with archive.writing():
            seqs.append(archive.verify().seq)
    assert seqs == sorted(seqs)
    assert run(server, archive).head.seq == 298
    assert archive.verify().seq == 298
    first, second = contents(places)
    assert first == second
    assert told == []
    trim_to(server, "1-290")
    assert len(read_all(server, archive)) == 300
    await writer.close()


def archive_and_be_killed(url, places, seconds):
    """An archiver that is killed so long after it began, unless it is done by then."""
    process = subprocess.Popen(
        [sys.executable, "-c", ARCHIVER, url, *map(str, places)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"begins\n"
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process.pid)
        process.wait()
    process.stdout.close()
