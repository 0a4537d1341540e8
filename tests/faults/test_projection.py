"""
A read model is killed anywhere, runs twice, or has read what the log then lost.

Effect and position are one checkpoint, replaced as one file. The naive variant, which writes them
one after the other, must count twice; the one that reads to the tip must show what never was.
"""

import random

import pytest

from exchange.domain.record import Record, decode_body
from exchange.log import ChainVerifier, LogWentBack, confirmed, read_frames, take_over
from exchange.log.witness import replace_durably
from exchange.projections import ProjectionGap, Projections
from tests.log.conftest import NAME, barrier, first_appender
from tests.properties.test_market import new_market, step

STEPS_COUNT = 60


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture(scope="module")
def records():
    """A random market's."""
    rng, market = random.Random(7), new_market()
    for _ in range(STEPS_COUNT):
        market.execute(*step(rng, market))
    return [Record(n, 0, *decode_body(body)) for n, body in enumerate(market.records, start=1)]


class Follower:
    """Reads on from its checkpoint; dies before its `die_at`-th write."""

    def __init__(self, path, die_at=-1):
        self.path = path
        self._left = die_at

    def write(self, path, data):
        self._left -= 1
        if self._left == -1:
            raise Killed
        replace_durably(path, data)

    def load(self):
        if not self.path.exists():
            return Projections()
        return Projections.restore(self.path.read_bytes())

    def save(self, projections):
        self.write(self.path, projections.checkpoint())

    def run(self, records, every=25):
        projections = self.load()
        for record in records[projections.at_seq :]:
            projections.apply(record)
            if record.seq % every == 0 or record.seq == len(records):
                self.save(projections)
        return projections


class NaiveFollower(Follower):
    """The effect first, then the position: two files."""

    def load(self):
        projections = super().load()
        position = self.path.with_suffix(".seq")
        at_seq = int(position.read_text()) if position.exists() else 0
        projections.at_seq = at_seq
        for each in projections._all:
            each.at_seq = at_seq
        return projections

    def save(self, projections):
        super().save(projections)
        self.write(self.path.with_suffix(".seq"), str(projections.at_seq).encode())


def killed_at(kind, path, records, die_at):
    """The digest after a life that was killed at a write, and one that was not."""
    with pytest.raises(Killed):
        kind(path, die_at).run(records)
    try:
        return kind(path).run(records).digest()
    except (KeyError, AssertionError, ValueError) as error:
        return error


@pytest.mark.parametrize("kind", [Follower, NaiveFollower])
def test_a_projection_killed_at_any_write_counts_each_record_once(tmp_path, records, kind):
    wanted = Follower(tmp_path / "whole").run(records).digest()
    writes_count = (len(records) + 24) // 25 * (2 if kind is NaiveFollower else 1)
    wrong = [
        die_at
        for die_at in range(writes_count - 1)
        if killed_at(kind, tmp_path / f"{die_at}", records, die_at) != wanted
    ]
    if kind is Follower:
        assert not wrong
    else:
        assert wrong, "the naive follower must count twice"
        assert all(die_at % 2 == 1 for die_at in wrong), "killed between effect and position"


def test_two_followers_of_one_checkpoint_do_no_harm(tmp_path, records):
    """Each replaces the other's file by one of the same fold; whoever reads it goes on rightly."""
    path = tmp_path / "shared"
    first, second = Follower(path), Follower(path)
    first.run(records[:40])
    second.run(records[:20], every=5)
    third = Follower(path).run(records)
    assert third.digest() == Follower(tmp_path / "alone").run(records).digest()
    with pytest.raises(ProjectionGap):
        third.apply(records[10])
    with pytest.raises(ProjectionGap):
        Follower(tmp_path / "behind").run(records[5:])


@pytest.mark.parametrize("reads_to_the_tip", [False, True])
async def test_a_projection_never_shows_what_the_log_loses(server, records, reads_to_the_tip):
    """The last frame was visible and not durable, and another one takes its place."""
    rng, market = random.Random(7), new_market()
    for _ in range(STEPS_COUNT):
        market.execute(*step(rng, market))
    cut = len(market.records) - 10
    writer = await first_appender(server)
    for start in (0, cut - 10, cut):
        end = {0: cut - 10, cut - 10: cut, cut: len(market.records)}[start]
        await writer.append(market.records[start:end])
    await writer.close()
    with server.address.client() as client:
        frames = list(read_frames(client, ChainVerifier(NAME)))
    taken = frames if reads_to_the_tip else list(confirmed(frames))
    shown = Projections()
    for seq, body in enumerate((each for f in taken for each in f.records), start=1):
        shown.apply(Record(seq, 0, *decode_body(body)))
    with server.address_of("operator").client() as client:
        client.execute_command("XDEL", NAME.key, frames[-1].header.entry_id)
    heir = await take_over(server.address, NAME, frames[-2].head, barrier())
    await heir.append(market.records[cut : cut + 1])
    await heir.close()
    assert (shown.at_seq > cut) is reads_to_the_tip
    with server.address.client() as client:
        rest = read_frames(client, ChainVerifier(NAME, taken[-1].head))
        if reads_to_the_tip:
            with pytest.raises(LogWentBack):
                list(rest)
        else:
            assert sum(len(frame.records) for frame in rest) == 1
