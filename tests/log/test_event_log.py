"""The whole order, start to stop, and what each step refuses."""

import asyncio
import random
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from exchange.log import (
    AppendOutcomeUnknown,
    EmbeddedServer,
    LogName,
    LogSettings,
    LogWentBack,
    ServerAddress,
    Witness,
    WitnessFile,
    errors,
    open_log,
)
from exchange.log.lock import holders

from .conftest import NAME, as_operator, barrier, kill, records


async def run(settings, count, *, is_genesis=False):
    """One life of an exchange: read, take over, append `count` records; what it had read."""
    async with open_log(settings) as log:
        found = [record async for frame in log.frames() for record in frame.records]
        appender = await log.take_over(barrier(), is_genesis=is_genesis)
        if count:
            await appender.append(records(count, len(found)))
    return found


@pytest.fixture
def settings(data_dir):
    return LogSettings(data_dir, NAME)


async def test_three_lives_make_one_log(settings):
    assert await run(settings, 2, is_genesis=True) == []
    assert await run(settings, 3) == records(2)
    assert await run(settings, 0) == records(5)


async def test_only_init_begins_a_log_and_it_begins_it_once(settings):
    with pytest.raises(errors.LogMissing):
        await run(settings, 1)
    await run(settings, 1, is_genesis=True)
    with pytest.raises(errors.LogExists):
        await run(settings, 1, is_genesis=True)


async def test_an_init_that_was_killed_after_its_barrier_can_be_repeated(settings):
    await run(settings, 0, is_genesis=True)
    await run(settings, 1, is_genesis=True)
    assert await run(settings, 0) == records(1)


async def test_a_second_exchange_on_the_directory_is_refused(settings):
    async with open_log(settings):
        with pytest.raises(errors.AlreadyServing):
            await run(settings, 1)


async def test_a_second_exchange_in_another_process_is_refused(settings):
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from exchange.log import *\n"
        "async def main():\n"
        "    async with open_log(LogSettings(Path(sys.argv[1]), LogName('v'))): pass\n"
        "try: asyncio.run(main())\n"
        "except LogError as error: sys.exit(error.exit_code)\n"
    )
    async with open_log(settings):
        other = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", code, str(settings.data_dir)],
            cwd=Path(__file__).parents[2],
        )
    assert other.returncode == errors.AlreadyServing.exit_code


@pytest.mark.parametrize("is_genesis", [False, True])
async def test_a_flushed_server_is_refused_by_serve_and_by_init(settings, is_genesis):
    await run(settings, 3, is_genesis=True)
    server = EmbeddedServer.start(settings.data_dir)
    with as_operator(server.address).client() as client:
        client.flushall()
    server.stop()
    with pytest.raises(LogWentBack, match="seqs 1 to 3"):
        await run(settings, 1, is_genesis=is_genesis)


async def test_an_older_copy_of_the_servers_directory_is_refused(settings):
    await run(settings, 3, is_genesis=True)
    server_dir = settings.data_dir / "server"
    shutil.copytree(server_dir, settings.data_dir / "backup", ignore=shutil.ignore_patterns("sock"))
    await run(settings, 2)
    shutil.rmtree(server_dir)
    (settings.data_dir / "backup").rename(server_dir)
    with pytest.raises(LogWentBack, match="seqs 4 to 5"):
        await run(settings, 1)


async def test_an_absent_witness_is_refused(settings):
    await run(settings, 3, is_genesis=True)
    (settings.data_dir / "witness").unlink()
    with pytest.raises(errors.WitnessUnusable, match="absent"):
        await run(settings, 1)


async def test_another_venues_directory_is_refused(settings):
    await run(settings, 3, is_genesis=True)
    with pytest.raises(errors.WitnessUnusable):
        await run(LogSettings(settings.data_dir, LogName("other")), 1)
    (settings.data_dir / "witness").unlink()
    with pytest.raises(errors.WrongVenue):
        await run(LogSettings(settings.data_dir, LogName("other")), 1)


async def test_a_setting_that_changes_while_serving_is_found(settings):
    async with open_log(settings) as log:
        await log.check_configuration()
        async with as_operator(log.address).async_client() as client:
            await client.config_set("appendfsync", "no")
        with pytest.raises(errors.ConfigurationDiffers):
            await log.check_configuration()


async def test_the_witness_follows_when_asked(settings):
    async with open_log(settings) as log:
        async for _ in log.frames():
            pass
        appender = await log.take_over(barrier(), is_genesis=True)
        head = await appender.append(records(2))
        file = WitnessFile(settings.data_dir / "witness", NAME)
        assert file.read().position == (1, 0)
        await log.write_witness()
        assert file.read().header_hash == head.header_hash.hex()


async def test_an_external_server_serves_as_well_and_is_checked_as_well(settings, tmp_path):
    (tmp_path / "external").mkdir()
    server = EmbeddedServer.start(tmp_path / "external")
    try:
        address = ServerAddress.from_url(f"unix://engine@{server.address.unix_path}")
        external = LogSettings(settings.data_dir, NAME, external=address)
        await run(external, 2, is_genesis=True)
        assert await run(external, 0) == records(2)
        with as_operator(server.address).client() as client:
            client.config_set("appendonly", "no")
        with pytest.raises(errors.ConfigurationDiffers, match="appendonly"):
            await run(external, 1)
    finally:
        server.stop()


async def test_a_failed_appender_still_leaves_its_witness_and_no_server(settings):
    async with open_log(settings) as log:
        async for _ in log.frames():
            pass
        appender = await log.take_over(barrier(), is_genesis=True)
        await appender.append(records(2))
        await appender.close()
        with pytest.raises(errors.AppenderClosed):
            await appender.append(records(2))
    assert await run(settings, 0) == records(2)


async def test_a_server_that_dies_while_serving_is_started_again(settings):
    await run(settings, 2, is_genesis=True)
    async with open_log(settings) as log:
        async for _ in log.frames():
            pass
        appender = await log.take_over(barrier())
        kill(holders(settings.data_dir / "LOCK")[0])
        with pytest.raises(AppendOutcomeUnknown):
            await appender.append(records(1, 2))
    assert await run(settings, 0) == records(2)


EXCHANGE = """
import asyncio, sys
from pathlib import Path
from exchange.log import LogSettings, open_log
from tests.log.conftest import NAME, barrier, records

async def main():
    async with open_log(LogSettings(Path(sys.argv[1]), NAME)) as log:
        found = [record async for frame in log.frames() for record in frame.records]
        assert found == records(len(found))
        appender = await log.take_over(barrier(), is_genesis=not found)
        while True:
            head = await appender.append(records(3, appender.head.seq))
            print(head.seq, flush=True)

asyncio.run(main())
"""


async def test_a_killed_exchange_loses_nothing_and_the_next_adopts_its_server(settings):
    acknowledged, dice = 0, random.Random(1)
    for _ in range(4):
        first_seq, last_seq = serve_and_be_killed(settings.data_dir, dice.randrange(1, 40))
        assert first_seq >= acknowledged
        acknowledged = last_seq
    found = await run(settings, 1)
    assert found == records(len(found))
    assert len(found) in (acknowledged, acknowledged + 3)


def serve_and_be_killed(data_dir, append_count):
    """An exchange that is killed after so many appends; the first and last seq it acknowledged."""
    exchange = subprocess.Popen(
        [sys.executable, "-c", EXCHANGE, str(data_dir)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    heard = [exchange.stdout.readline() for _ in range(append_count)]
    kill(exchange.pid)
    heard += exchange.stdout.read().splitlines()
    exchange.stdout.close()
    exchange.wait()
    return int(heard[0]), int(heard[-1])


async def heads_of(settings):
    """The head after each frame of the log."""
    async with open_log(settings) as log:
        return [frame.head async for frame in log.frames()]


async def start_behind(settings, start):
    """A start that reads from a snapshot's place on."""
    async with open_log(settings) as log:
        async for _ in log.frames(start):
            pass
        await log.take_over(barrier())


async def test_a_start_from_a_snapshot_beyond_the_witness_still_finds_what_it_saw(settings):
    """A client's witness is older than snapshots that were taken of the history that lacks it."""
    await run(settings, 2, is_genesis=True)
    await run(settings, 3)
    heads = await heads_of(settings)
    witness = WitnessFile(settings.data_dir / "witness", NAME)
    witness.write(heads[1])
    await start_behind(settings, heads[-1])
    foreign = msgspec.structs.replace(heads[1], header_hash=bytes(32))
    for seen in (foreign, msgspec.structs.replace(foreign, seq=1)):
        witness.write(seen)
        with pytest.raises(LogWentBack, match="was told of, but the log has"):
            await start_behind(settings, heads[-1])


async def test_a_witness_that_was_adopted_stays_whatever_is_appended_and_refuses_the_next_start(
    settings,
):
    """The exchange is still running when a client shows that its log went back."""
    await run(settings, 2, is_genesis=True)
    head = (await heads_of(settings))[-1]
    told = Witness(NAME.venue_id, NAME.shard, head.epoch, head.seq + 5, "00" * 32)
    async with open_log(settings) as log:
        async for _ in log.frames():
            pass
        appender = await log.take_over(barrier())
        with pytest.raises(LogWentBack):
            await log.require(told)
        assert await log.adopt(told)
        await appender.append(records(9))
        await log.write_witness()
    with pytest.raises(LogWentBack, match=f"seq {told.seq}"):
        await run(settings, 1)


async def test_a_witness_of_a_loss_that_was_accepted_is_not_adopted(settings):
    await run(settings, 2, is_genesis=True)
    head = (await heads_of(settings))[-1]
    told = Witness(NAME.venue_id, NAME.shard, head.epoch + 1, 99, "00" * 32)
    (settings.data_dir / f"witness.lost-{told.epoch}-42").write_bytes(b"")
    async with open_log(settings) as log:
        assert not await log.adopt(told)
        assert await log.adopt(msgspec.structs.replace(told, epoch=told.epoch + 1))
