"""A venue on an external server with two replicas: `init`, `serve`, a replica gone, a fail-over."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exchange.domain.reasons import Reason
from exchange.log.errors import ReplicasShort
from tests.log.nodes import Node, started

from .processes import VenueProcess, in_time
from .venue import fetch


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    """A primary and two that follow it."""
    with started(tmp_path, "primary", "first", "second") as found:
        primary, *replicas = found
        for replica in replicas:
            replica.follow(primary)
        yield found


def on(primary: Node, *replicas: Node) -> list[str]:
    """The options that name them."""
    words = ["--redis-url", f"redis://engine@{primary.name}"]
    return [*words, *(word for each in replicas for word in ("--replica", each.name))]


async def admit(venue: VenueProcess, name: str) -> tuple[int, int]:
    """Asks to admit a participant: HTTP status, and the record's seq or the refusal's code."""
    answer = await fetch(
        venue,
        "/v1/admin/admit_participant",
        "operator",
        method="POST",
        headers={"Idempotency-Key": name},
        body={"name": name, "roles": ["trader"]},
    )
    return answer.status, answer.value.get("code") or answer.value["log_seq"]


@in_time
async def test_what_was_acknowledged_outlives_the_primary(
    nodes: list[Node], venues: Callable[[Path | None], VenueProcess]
) -> None:
    """A lost replica ends the exchange with its name; a promoted one goes on with all there was."""
    primary, first, second = nodes
    venue = venues(None)
    address = on(primary, first, second)
    created = await asyncio.to_thread(
        venue.shell, "init", "--always-open", "--burn-in-hours", "0", *address
    )
    assert created.exit_code == 0, created
    await asyncio.to_thread(venue.start, *address)
    status, seq = await admit(venue, "in time")
    assert status == 201
    second.kill()
    assert await admit(venue, "too late") == (503, Reason.OUTCOME_UNKNOWN)
    assert await asyncio.to_thread(venue.wait_end) == ReplicasShort.exit_code
    assert "error: log_replicas_short: no confirmation of entry" in venue.stderr()
    assert f"{second.name} is not attached" in venue.stderr()
    assert "Traceback" not in venue.stderr()
    primary.kill()
    first.promote()
    await asyncio.to_thread(venue.start, *on(first))
    assert (await admit(venue, "in time"))[1] == seq
    assert await asyncio.to_thread(venue.stop) == 0
