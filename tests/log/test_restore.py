"""What a stream has lost comes back from the archive, byte for byte; what is lost is said."""

import shutil

import pytest

from exchange.log import (
    ChainVerifier,
    EmbeddedServer,
    LogSettings,
    LogWentBack,
    WitnessFile,
    confirmed,
    errors,
    open_log,
    read_frames,
    read_only_log,
)

from .conftest import NAME, as_operator, barrier, records


@pytest.fixture
def settings(data_dir, tmp_path):
    return LogSettings(data_dir, NAME, archive_dirs=(tmp_path / "place-1", tmp_path / "place-2"))


async def live(settings, frame_count, *, is_genesis=False):
    """One life of an exchange that appends frames of one record; what it had read."""
    async with open_log(settings) as log:
        found = [record async for frame in log.frames() for record in frame.records]
        appender = await log.take_over(barrier(), is_genesis=is_genesis)
        for number in range(len(found), len(found) + frame_count):
            await appender.append(records(1, number))
    return found


async def restore(settings, **options):
    """As the shell does."""
    async with open_log(settings) as log:
        return await log.restore(**options)


def archive_now(settings):
    """One run of the archiver on a stopped log."""
    archive = settings.archive()
    with archive.writing(), read_only_log(settings.data_dir) as client:
        frames = read_frames(client, ChainVerifier(NAME, archive.head), archive)
        return archive.extend(confirmed(frames), 1 << 10)


def entries_of(settings):
    """The stream, byte for byte."""
    with read_only_log(settings.data_dir) as client:
        return client.execute_command("XRANGE", NAME.key, "-", "+")


def back_up(settings):
    """A copy of the server's directory, and how to put it back."""
    server_dir = settings.data_dir / "server"
    copy = settings.data_dir / "backup"
    shutil.copytree(server_dir, copy, ignore=shutil.ignore_patterns("sock"))

    def put_back():
        shutil.rmtree(server_dir)
        shutil.copytree(copy, server_dir)

    return put_back


def operate(settings, change):
    """Does something to a stopped log that no exchange may."""
    server = EmbeddedServer.start(settings.data_dir)
    try:
        with as_operator(server.address).client() as client:
            change(client)
    finally:
        server.stop()


async def test_an_old_backup_and_the_archive_make_the_log_again(settings):
    await live(settings, 3, is_genesis=True)
    put_back = back_up(settings)
    await live(settings, 5)
    await live(settings, 4)
    archived = archive_now(settings).head
    entries = entries_of(settings)
    (settings.data_dir / "witness").rename(settings.data_dir / "newest")
    WitnessFile(settings.data_dir / "witness", NAME).write(archived)
    put_back()
    with pytest.raises(LogWentBack, match="restore --from"):
        await live(settings, 1)
    restored = await restore(settings)
    assert (restored.after_seq, restored.to_seq, restored.missing) == (3, archived.seq, "")
    assert entries_of(settings) == entries[:-1], "all but the tip, which nobody had confirmed"
    again = await restore(settings)
    assert (again.frame_count, again.to_seq) == (0, archived.seq)
    assert await live(settings, 1) == records(archived.seq)


async def test_what_the_witness_saw_and_the_archive_lacks_is_named_and_has_to_be_accepted(
    settings,
):
    await live(settings, 3, is_genesis=True)
    put_back = back_up(settings)
    await live(settings, 5)
    archive_now(settings)
    put_back()
    restored = await restore(settings)
    assert restored.to_seq == 7
    assert "seqs 8 to 8" in restored.missing
    with pytest.raises(LogWentBack):
        await live(settings, 1)
    accepted = await restore(settings, is_loss_accepted=True)
    assert accepted.missing == restored.missing
    assert accepted.kept_witness.endswith("witness.lost-2-8")
    assert (settings.data_dir / "witness.lost-2-8").exists()
    assert await live(settings, 1) == records(7)


async def test_an_emptied_server_is_filled_again(settings):
    await live(settings, 6, is_genesis=True)
    await live(settings, 1)
    archive_now(settings)
    entries = entries_of(settings)
    operate(settings, lambda client: client.flushall())
    restored = await restore(settings, is_loss_accepted=True)
    assert (restored.after_seq, restored.to_seq) == (0, 6)
    assert entries_of(settings) == entries[: len(entries) - 1]


async def test_a_trimmed_stream_that_lost_its_end_is_restored_behind_its_tip(settings):
    await live(settings, 20, is_genesis=True)
    archive_now(settings)
    put_back = back_up(settings)
    await live(settings, 5)
    archived = archive_now(settings).head
    put_back()
    operate(
        settings, lambda client: client.execute_command("XTRIM", NAME.key, "MINID", "=", "1-10")
    )
    restored = await restore(settings, is_loss_accepted=True)
    assert (restored.after_seq, restored.to_seq) == (20, archived.seq)
    assert await live(settings, 0) == records(archived.seq)


async def test_a_stream_of_another_history_is_not_touched(settings, tmp_path):
    await live(settings, 5, is_genesis=True)
    archive_now(settings)
    shutil.rmtree(settings.data_dir)
    await live(LogSettings(settings.data_dir, NAME), 3, is_genesis=True)
    entries = entries_of(settings)
    with pytest.raises(errors.ArchiveDiffers, match="does not go on after the log's tip 1-3"):
        await restore(settings)
    assert entries_of(settings) == entries


async def test_a_witness_of_another_history_is_no_loss_to_be_accepted(settings):
    await live(settings, 5, is_genesis=True)
    archived = archive_now(settings).head
    file = WitnessFile(settings.data_dir / "witness", NAME)
    wrong = type(archived)(archived.epoch, archived.seq, b"\0" * 32, 0)
    file.write(wrong)
    with pytest.raises(LogWentBack, match="another history"):
        await restore(settings, is_loss_accepted=True)
    assert file.read().position == wrong.position


async def test_a_start_with_an_archive_that_knows_more_is_refused_though_the_witness_is_content(
    settings,
):
    await live(settings, 3, is_genesis=True)
    old = (settings.data_dir / "witness").read_bytes()
    put_back = back_up(settings)
    await live(settings, 5)
    archive_now(settings)
    put_back()
    (settings.data_dir / "witness").write_bytes(old)
    with pytest.raises(LogWentBack, match="the archive has epoch 2, seq 7"):
        await live(settings, 1)
    await restore(settings)
    assert await live(settings, 0) == records(7)
