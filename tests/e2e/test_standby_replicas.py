"""A leader and a standby on an external server with two replicas: each of them may be lost."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from exchange.domain.reasons import Reason
from exchange.lease import LeaseLost
from exchange.log import ChainVerifier, LogName, read_frames
from exchange.log.errors import LogConflict, ReplicasShort
from tests.log.nodes import Node, started

from .processes import VenueProcess, in_time, wait_until
from .test_replicas import admit, nodes, on  # noqa: F401
from .test_standby import LEADING, node, stand_by

Venues = Callable[[Path | None], VenueProcess]
OVER = (LogConflict.exit_code, ReplicasShort.exit_code, LeaseLost.exit_code)


async def served(venues: Venues, tmp_path: Path, address: list[str]) -> list[VenueProcess]:
    """A leader, and a standby in a directory of its own."""
    leader = venues(None)
    created = await asyncio.to_thread(leader.shell, "init", "--always-open", *address)
    assert created.exit_code == 0, created
    await asyncio.to_thread(leader.start, *LEADING, *address)
    own = node(leader.data_dir, tmp_path / "own")
    return [leader, await asyncio.to_thread(stand_by, own, *address)]


def seqs_of(primary: Node, name: str) -> int:
    """How many records of the log admit somebody of this name."""
    with primary.client() as client:
        frames = read_frames(client, ChainVerifier(LogName("venue")))
        records = [each for frame in frames for each in frame.records]
    return sum(each.count(name.encode()) > 0 for each in records)


@in_time
async def test_leader_then_primary_are_lost_and_nothing_that_was_acknowledged(
    nodes: list[Node],  # noqa: F811
    venues: Venues,
    tmp_path: Path,
) -> None:
    """The standby leads under the same replicas; a promoted one serves whoever starts on it."""
    primary, first, second = nodes
    address = on(primary, first, second)
    leader, standby = await served(venues, tmp_path, address)
    try:
        told = {name: (await admit(leader, name))[1] for name in ("one", "two", "three")}
        await asyncio.to_thread(leader.kill)
        await asyncio.to_thread(standby.wait_ready)
        assert {name: (await admit(standby, name))[1] for name in told} == told
        status, told["four"] = await admit(standby, "four")
        assert status == 201
        third = await asyncio.to_thread(stand_by, leader.data_dir, *address)
        primary.kill()
        assert await asyncio.to_thread(standby.wait_end) >= 40
        await asyncio.to_thread(
            wait_until, lambda: "log_server_unreachable" in third.stderr(), "it does not notice"
        )
        await asyncio.sleep(3)
        assert third.process is not None
        assert third.process.poll() is None, third.stderr()
        assert await asyncio.to_thread(third.stop) == 0
        first.promote()
        second.follow(first)
        await asyncio.to_thread(leader.start, *LEADING, *on(first, second))
        assert {name: (await admit(leader, name))[1] for name in told} == told
        assert await asyncio.to_thread(leader.stop) == 0
    finally:
        standby.clean_up()


@in_time
async def test_a_leader_whose_replica_answers_too_late_acknowledges_nothing_by_then(
    nodes: list[Node],  # noqa: F811
    venues: Venues,
    tmp_path: Path,
) -> None:
    """
    A replica's word may take longer than the lease: the frame is durable, and yet not told of.

    The standby has counted from the frame's arrival and leads by then; asked again it has the one
    answer.
    """
    primary, first, second = nodes
    leader, standby = await served(venues, tmp_path, on(primary, first, second))
    try:
        assert (await admit(leader, "in time"))[0] == 201
        second.freeze()
        late = asyncio.create_task(admit(leader, "too late"))
        await asyncio.sleep(2.2)
        second.thaw()
        with contextlib.suppress(aiohttp.ClientError):  # It ended before it could say so.
            assert await late == (503, Reason.OUTCOME_UNKNOWN)
        assert await asyncio.to_thread(leader.wait_end) in OVER
        await asyncio.to_thread(standby.wait_ready)
        status, seq = await admit(standby, "too late")
        assert status == 201
        assert (await admit(standby, "too late"))[1] == seq
        assert await asyncio.to_thread(standby.stop) == 0
        assert seqs_of(primary, "too late") == 1
    finally:
        standby.clean_up()


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Node]:
    """A server alone."""
    with started(tmp_path, "alone") as [found]:
        yield found


@in_time
async def test_a_standby_waits_for_a_server_that_comes_back_and_leads_if_nobody_else_does(
    primary: Node, venues: Venues, tmp_path: Path
) -> None:
    """The leader ends with its server; to stop as well would leave nobody."""
    leader, standby = await served(venues, tmp_path, on(primary))
    try:
        _, seq = await admit(leader, "before")
        primary.kill()
        assert await asyncio.to_thread(leader.wait_end) >= 40
        await asyncio.sleep(2.5)
        primary.start()
        await asyncio.to_thread(standby.wait_ready)
        assert (await admit(standby, "before"))[1] == seq
        assert await asyncio.to_thread(standby.stop) == 0
    finally:
        standby.clean_up()
