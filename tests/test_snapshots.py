"""Snapshots of a real log: taken while it is served, believed only when the log confirms them."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from exchange.app import barrier, init
from exchange.domain.commands import AdvanceClock, MarkState, RecordStateHash
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.windows import start_ns
from exchange.engine.engine import Difference, Engine
from exchange.engine.sequencer import Sequencer
from exchange.log import LogName, LogSettings, SnapshotFiles, open_log
from exchange.projections import Projections
from exchange.settings import Settings
from exchange.snapshots import (
    SNAPSHOT_DIR,
    Loaded,
    SnapshotFailed,
    load,
    take_snapshot,
    write_snapshot,
)
from tests.scenario import FIRST_DAY, Market

NAME = LogName("test")


class Follower:
    """Keeps the read models behind the sequencer, as the gateway does."""

    def __init__(self, projections: Projections) -> None:
        self.projections = projections

    def follow(self, records: list[Record]) -> None:
        """Records of a commit."""
        self.projections.apply_all(records)

    def committed(self) -> None:
        """The end of a commit."""


class House:
    """A served log without its gateway."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.files = SnapshotFiles(data_dir / SNAPSHOT_DIR, NAME)
        self.loaded = Loaded(Engine(), Projections())

    @asynccontextmanager
    async def serving(self):
        """Loads, takes over, and gives the sequencer and the snapshot function."""
        self.files = SnapshotFiles(self.data_dir / SNAPSHOT_DIR, NAME)
        async with open_log(LogSettings(self.data_dir, NAME)) as event_log:
            self.event_log = event_log
            self.loaded = await load(event_log, self.files)
            projections = self.loaded.projections
            sequencer = Sequencer(self.loaded.engine, await event_log.take_over(barrier()))
            sequencer.followers.append(Follower(projections))
            running = asyncio.create_task(sequencer.run())

            async def snapshot() -> int:
                return await take_snapshot(sequencer, projections, event_log, self.files)

            yield sequencer, snapshot
            sequencer.stop()
            await running

    def skipped(self) -> list[str]:
        """The codes of what was not used."""
        return [skipped.reason.split(":")[0] for skipped in self.files.skipped]

    def newest(self) -> Path:
        """The newest file."""
        return sorted((self.data_dir / SNAPSHOT_DIR).iterdir())[-1]


@pytest.fixture
async def house(tmp_path):
    await init(
        Settings(data_dir=tmp_path), NAME.venue_id, is_always_open=True,
        market_ns=start_ns(FIRST_DAY),
    )  # fmt: skip
    return House(tmp_path)


async def tick(sequencer: Sequencer, count: int = 1) -> None:
    """Some records."""
    for _ in range(count):
        await sequencer.execute(AdvanceClock(market_ns=sequencer.market_ns + 1))


async def test_a_start_takes_the_snapshot_and_the_records_behind_it(house):
    async with house.serving() as (sequencer, snapshot):
        await tick(sequencer, 5)
        seq = await snapshot()
        await tick(sequencer, 3)
        live = (sequencer.engine.state.hash(), house.loaded.projections.digest())
    async with house.serving():
        assert house.loaded.snapshot_seq == seq
        assert (house.loaded.engine.state.hash(), house.loaded.projections.digest()) == live
        assert house.skipped() == []


async def test_trading_goes_on_while_a_snapshot_is_written(house):
    async with house.serving() as (sequencer, snapshot):
        taking = asyncio.create_task(snapshot())
        await tick(sequencer, 50)
        await taking
    async with house.serving():
        assert house.loaded.snapshot_seq > 0


async def test_a_snapshot_whose_hash_never_came_is_not_believed(house):
    async with house.serving() as (sequencer, snapshot):
        first = await snapshot()
        await tick(sequencer, 2)
        # As when the exchange dies between the file and the record.
        projections, head = house.loaded.projections, house.event_log.head
        write_snapshot(sequencer.engine.state, projections, house.files, head)
        await tick(sequencer)
    async with house.serving():
        assert house.skipped() == ["snapshot_unconfirmed"]
        assert house.loaded.snapshot_seq == first


@pytest.mark.parametrize("place", [0, 60, 100, 200, -40, -1])
async def test_a_damaged_snapshot_is_named_and_the_log_is_read_instead(house, place):
    async with house.serving() as (sequencer, snapshot):
        await tick(sequencer)
        await snapshot()
        live = sequencer.engine.state.hash()
    path = house.newest()
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    async with house.serving():
        assert len(house.skipped()) == 1
        assert house.loaded.snapshot_seq == 0
        assert house.loaded.engine.state.hash() == live


async def test_a_snapshot_of_a_build_with_other_messages_is_named_and_not_used(house, monkeypatch):
    async with house.serving() as (sequencer, snapshot):
        await tick(sequencer)
        await snapshot()
    monkeypatch.setattr("exchange.snapshots.LAYOUTS_SHA256", bytes(32))
    async with house.serving():
        assert house.skipped() == ["snapshot_unreadable"]
        assert house.loaded.snapshot_seq == 0


async def test_only_the_newest_three_are_kept_and_the_newest_is_used(house):
    async with house.serving() as (sequencer, snapshot):
        for _ in range(5):
            await tick(sequencer)
            newest = await snapshot()
    assert len(list((house.data_dir / SNAPSHOT_DIR).iterdir())) == 3
    async with house.serving():
        assert house.loaded.snapshot_seq == newest


async def test_read_models_that_do_not_follow_are_not_written(house):
    async with house.serving() as (sequencer, snapshot):
        sequencer.followers.clear()
        await tick(sequencer)
        with pytest.raises(SnapshotFailed, match="snapshot_failed"):
            await snapshot()
        await tick(sequencer)
        assert sequencer.failure is None


async def test_a_directory_that_takes_no_file_fails_the_snapshot_and_not_the_exchange(house):
    async with house.serving() as (sequencer, snapshot):
        (house.data_dir / SNAPSHOT_DIR).write_text("in the way")
        with pytest.raises(SnapshotFailed, match="wrote none"):
            await snapshot()
        await tick(sequencer)
        assert sequencer.failure is None
        (house.data_dir / SNAPSHOT_DIR).unlink()


# -- the hash in the log --------------------------------------------------------------------------


def marked() -> tuple[Market, bytes]:
    """A market with a mark, and the hash of the state that was marked."""
    market = Market()
    state_sha256 = market.state.hash()
    market.do(0, MarkState())
    return market, state_sha256


def test_a_state_hash_belongs_to_the_mark_before_it_and_comes_once():
    market, state_sha256 = marked()
    command = RecordStateHash(marked_seq=market.state.marked_seq, state_sha256=state_sha256)
    assert market.refused(0, replace(command, marked_seq=1)).reason is Reason.WRONG_STATE
    market.do(0, command)
    assert market.refused(0, command).reason is Reason.WRONG_STATE
    market.assert_replays()


def test_verify_works_a_recorded_state_hash_out_again():
    market, state_sha256 = marked()
    wrong = bytes([state_sha256[0] ^ 1]) + state_sha256[1:]
    market.do(0, RecordStateHash(marked_seq=market.state.marked_seq, state_sha256=wrong))
    engine = Engine()
    for record in market.records[:-1]:
        engine.verify(record)
    with pytest.raises(Difference) as found:
        engine.verify(market.records[-1])
    assert wrong.hex() in found.value.recorded
    assert decode_body(market.records[-1])[0].state_sha256 == wrong
