"""When heads are signed, and that what was signed is never taken back."""

import asyncio
import shutil

import pytest

from exchange.app import barrier
from exchange.domain.commands import PublishMarks
from exchange.domain.record import Record
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import start_ns
from exchange.head_keeper import HeadKeeper, open_signing
from exchange.log import LogName, LogSettings, errors, is_signed, make_head_key, open_log
from exchange.log.signing import HEAD_KEY_FILE
from exchange.rules import State
from tests.scenario import FIRST_DAY, Market

NAME = LogName("test")
INTERVAL_COUNT = 10
NOON_NS = start_ns(FIRST_DAY) + NS_PER_DAY // 2


class House:
    """A log that is written to, and its keeper of heads."""

    def __init__(self, event_log, appender, keeper: HeadKeeper) -> None:
        self.event_log = event_log
        self.appender = appender
        self.keeper = keeper

    @property
    def seqs(self) -> list[int]:
        """Where heads are signed."""
        return [head.seq for head in self.keeper.signed.heads]

    async def commit(self, count: int, market_ns: int = NOON_NS) -> None:
        """One frame, told to the keeper as the sequencer does, and time to sign."""
        first_seq = self.appender.head.seq + 1
        await self.appender.append([b"\x92\x90\x90"] * count)
        self.keeper.follow(
            [Record(first_seq + n, market_ns, PublishMarks(), []) for n in range(count)]
        )
        self.keeper.committed()
        await asyncio.sleep(0.05)


def state_of(data_dir) -> State:
    """The state of a venue whose genesis names the directory's key."""
    state = Market().state
    created = state.venue
    assert created is not None
    public_key = make_head_key(data_dir / HEAD_KEY_FILE)
    return State(venue=type(created)(**{**_fields(created), "head_public_key": public_key}))


def _fields(created) -> dict:
    return {name: getattr(created, name) for name in created.__struct_fields__}


async def serving(data_dir, work, state: State | None = None, is_genesis: bool = False):
    """Opens the log, signs while `work(house)` runs, and stops in order unless that raises."""
    settings = LogSettings(data_dir=data_dir, name=NAME)
    data_dir.mkdir(exist_ok=True)
    state = state or state_of(data_dir)
    async with open_log(settings) as event_log:
        async for _ in event_log.frames():
            pass
        signed, signer = await open_signing(settings, event_log, state)
        appender = await event_log.take_over(barrier(), is_genesis=is_genesis)
        keeper = HeadKeeper(signed, signer, appender, NOON_NS, INTERVAL_COUNT)
        running = asyncio.create_task(keeper.run())
        house = House(event_log, appender, keeper)
        try:
            await work(house)
        finally:
            running.cancel()
            await asyncio.wait([running])
        await keeper.sign_last()
        return house


async def test_a_head_is_signed_every_so_many_records_and_at_the_end(tmp_path):
    async def work(house):
        for count in (4, 5, 1, 9, 25, 3):
            await house.commit(count)
        assert house.seqs == [10, 44]
        head = house.keeper.signed.last
        assert head.header_hash != house.appender.head.header_hash.hex()

    house = await serving(tmp_path / "data", work, is_genesis=True)
    assert house.seqs == [10, 44, 47]
    last = house.keeper.signed.last
    assert last.header_hash == house.appender.head.header_hash.hex()
    assert is_signed(last, make_head_key(tmp_path / "data" / HEAD_KEY_FILE))


async def test_the_end_of_a_market_day_is_signed(tmp_path):
    async def work(house):
        await house.commit(1)
        await house.commit(1, NOON_NS + NS_PER_DAY // 2 - 1)
        assert house.seqs == []
        await house.commit(1, NOON_NS + NS_PER_DAY // 2)
        assert house.seqs == [3]
        await house.commit(1, NOON_NS + NS_PER_DAY // 2)
        assert house.seqs == [3]

    await serving(tmp_path / "data", work, is_genesis=True)


async def test_what_a_crash_left_unsigned_is_signed_at_the_next_start(tmp_path):
    class Crash(Exception):
        pass

    async def crashing(house):
        await house.commit(3)
        raise Crash

    async def work(house):
        await asyncio.sleep(0.05)
        assert house.seqs == [3]

    with pytest.raises(Crash):
        await serving(tmp_path / "data", crashing, is_genesis=True)
    assert (await serving(tmp_path / "data", work)).seqs == [3]
    assert (await serving(tmp_path / "data", work)).seqs == [3], "and once is enough"


async def test_a_log_that_lacks_what_was_signed_is_not_served(tmp_path):
    async def work(house):
        await house.commit(3)

    await serving(tmp_path / "data", work, is_genesis=True)
    shutil.copytree(tmp_path / "data", tmp_path / "old", ignore=shutil.ignore_patterns("sock"))
    await serving(tmp_path / "data", work)
    # The whole directory comes back from a backup, and only the signed heads are newer.
    shutil.copy(tmp_path / "data" / "heads.ndjson", tmp_path / "old")
    with pytest.raises(errors.SignedHeadMissing, match="epoch 2, seq 6"):
        await serving(tmp_path / "old", work)
    # It was refused before anything was appended, so the log can still be restored.
    (tmp_path / "old" / "heads.ndjson").unlink()
    house = await serving(tmp_path / "old", work)
    assert house.appender.head.position == (2, 6)
    # Another history of the same length is refused as well.
    shutil.copy(tmp_path / "data" / "heads.ndjson", tmp_path / "old")
    with pytest.raises(errors.SignedHeadMissing, match="epoch 2, seq 6"):
        await serving(tmp_path / "old", work)


async def test_a_venue_from_before_heads_were_signed_is_served_and_signs_nothing(tmp_path, capsys):
    async def work(house):
        await house.commit(12)

    house = await serving(tmp_path / "data", work, Market().state, is_genesis=True)
    assert house.seqs == []
    assert not house.keeper.signed.path.exists()
    assert "heads_not_signed" in capsys.readouterr().out


async def test_a_stop_in_the_middle_of_a_signature_waits_for_it(tmp_path):
    """The same head is not signed twice, and the end is signed after it."""
    data_dir = tmp_path / "data"
    settings = LogSettings(data_dir=data_dir, name=NAME)
    data_dir.mkdir()
    state = state_of(data_dir)
    async with open_log(settings) as event_log:
        async for _ in event_log.frames():
            pass
        signed, signer = await open_signing(settings, event_log, state)
        appender = await event_log.take_over(barrier(), is_genesis=True)
        wanted = []
        for _ in range(20):
            keeper = HeadKeeper(signed, signer, appender, NOON_NS, INTERVAL_COUNT)
            running = asyncio.create_task(keeper.run())
            await appender.append([b"\x92\x90\x90"] * INTERVAL_COUNT)
            keeper.follow([Record(appender.head.seq, NOON_NS, PublishMarks(), [])])
            for _ in range(3):
                await asyncio.sleep(0)
            running.cancel()
            await keeper.sign_last()
            await asyncio.wait([running])
            wanted.append(appender.head.seq)
        assert [head.seq for head in signed.heads] == wanted
