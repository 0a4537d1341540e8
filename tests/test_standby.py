"""A standby on a real log: where it begins, and what it refuses to follow."""

import asyncio
import shutil
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from exchange.log import LogSettings, Witness, WitnessFile
from exchange.log.errors import LogWentBack, ServerRefused
from exchange.log.event_log import WITNESS_FILE
from exchange.snapshots import SNAPSHOT_DIR, Loaded, write_snapshot
from exchange.standby import Standby

from .test_snapshots import NAME, House, house, tick

__all__ = ["house"]


async def followed(standby: Standby) -> Loaded:
    """What the standby has once it is warm; it leads nobody."""
    stop = asyncio.Event()
    stop.set()
    assert not await standby.wait(stop, asyncio.Event())
    return standby.loaded


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what only a broken standby keeps from coming true."""
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("waited in vain")


async def test_a_standby_begins_with_the_snapshot_and_is_where_the_leader_is(house: House):
    async with house.serving() as (sequencer, snapshot):
        await tick(sequencer, 5)
        seq = await snapshot()
        await tick(sequencer, 3)
        hashes = {}
        for _ in range(2):
            hashes[sequencer.seq] = (
                sequencer.engine.state.hash(),
                house.loaded.projections.digest(),
            )
            await tick(sequencer)
        loaded = await followed(Standby(LogSettings(house.data_dir, NAME)))
        assert loaded.snapshot_seq == seq
        # The tip is not known to be durable, so what is applied ends before it.
        assert hashes[loaded.engine.state.seq] == (
            loaded.engine.state.hash(),
            loaded.projections.digest(),
        )


@pytest.mark.parametrize("place", [60, 200, -1])
async def test_a_standby_takes_an_older_snapshot_where_the_newest_is_damaged(house: House, place):
    async with house.serving() as (sequencer, snapshot):
        older_seq = await snapshot()
        await tick(sequencer, 2)
        await snapshot()
        await tick(sequencer, 2)
        path = house.newest()
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)
        loaded = await followed(Standby(LogSettings(house.data_dir, NAME)))
        assert (loaded.snapshot_seq, loaded.engine.state.seq) == (older_seq, sequencer.seq - 1)


async def test_a_standby_does_not_believe_a_snapshot_whose_hash_never_came(house: House):
    async with house.serving() as (sequencer, _):
        await tick(sequencer, 2)
        write_snapshot(
            sequencer.engine.state,
            house.loaded.projections,
            house.files,
            house.event_log.head,
        )
        await tick(sequencer, 3)
        loaded = await followed(Standby(LogSettings(house.data_dir, NAME)))
        assert (loaded.snapshot_seq, loaded.engine.state.seq) == (0, sequencer.seq - 1)


@pytest.mark.parametrize("is_from_snapshot", [False, True])
async def test_a_standby_follows_no_log_that_lacks_what_its_directory_has_seen(
    house: House, tmp_path, is_from_snapshot
):
    async with house.serving() as (sequencer, snapshot):
        await tick(sequencer, 2)
        if is_from_snapshot:
            await snapshot()
            await tick(sequencer, 2)
        head = house.event_log.head
        own = WitnessFile(tmp_path / WITNESS_FILE, NAME)
        seen = Witness(NAME.venue_id, NAME.shard, head.epoch, head.seq, head.header_hash.hex())
        settings = LogSettings(house.data_dir, NAME, external=house.event_log.address)
        for lacking in (replace(seen, seq=seen.seq + 1), replace(seen, header_hash=64 * "0")):
            own.put(lacking)
            with pytest.raises(LogWentBack):
                await followed(Standby(settings))
            assert own.read() == lacking
        own.put(seen)
        await followed(Standby(settings))
        # What it had seen is not forgotten for an earlier place on the way.
        assert own.read() == seen


async def test_a_witness_before_the_snapshot_is_looked_for_where_it_stands(house: House):
    async with house.serving() as (sequencer, snapshot):
        await tick(sequencer)
        head = house.event_log.head
        own = WitnessFile(house.data_dir / WITNESS_FILE, NAME)
        await tick(sequencer)
        seq = await snapshot()
        await tick(sequencer, 3)
        settings = LogSettings(house.data_dir, NAME)
        own.write(head)
        assert (await followed(Standby(settings))).snapshot_seq == seq
        own.write(replace(head, header_hash=bytes(32)))
        with pytest.raises(LogWentBack, match="told of"):
            await followed(Standby(settings))


async def test_a_standby_that_cannot_read_says_so_and_begins_with_its_snapshot_once_it_can(
    house: House, tmp_path
):
    async with house.serving() as (sequencer, snapshot):
        await tick(sequencer, 5)
        seq = await snapshot()
        await tick(sequencer, 3)
        own, place = tmp_path / "own", tmp_path / "elsewhere"
        shutil.copytree(house.data_dir / SNAPSHOT_DIR, own / SNAPSHOT_DIR)
        address = house.event_log.address
        external = replace(address, unix_path=str(place))
        standby = Standby(LogSettings(own, NAME, external=external))
        stop = asyncio.Event()
        waiting = asyncio.create_task(standby.wait(stop, asyncio.Event()))
        await asyncio.sleep(0.3)
        health = standby.health()
        assert f"not following since the log cannot be read: log_server_went_away: {NAME.key}" in (
            health.detail
        )
        assert (health.log_seq, health.tick_age_ms >= 250) == (0, True)
        place.symlink_to(address.unix_path)
        await until(lambda: standby.health().detail == "standing by")
        assert standby.loaded.snapshot_seq == seq
        silent_ms = standby.health().tick_age_ms
        assert silent_ms >= 250, "what was in the log before is no tick"
        await tick(sequencer)
        await until(lambda: standby.health().tick_age_ms < silent_ms)
        stop.set()
        assert not await waiting


async def test_a_standby_that_may_not_log_in_ends(house: House):
    async with house.serving() as (sequencer, _):
        await tick(sequencer)
        stranger = replace(house.event_log.address, username="nobody")
        with pytest.raises(ServerRefused, match="the login is refused"):
            await followed(Standby(LogSettings(house.data_dir, NAME, external=stranger)))
