"""
A disk that is full, writes short or fails, under a served venue and orders pouring in.

The server ends, and so does the exchange, with an exit code and a message of their own. What was
acknowledged is in the log; on a disk that failed nothing starts by itself.
"""

import asyncio
import errno
import os
import secrets
import sys
from contextlib import suppress

import pytest
from aiohttp import ClientError

from exchange.log import WitnessFile, errors
from tests.e2e.processes import in_time
from tests.e2e.test_kill import recorded_outcomes, some_orders
from tests.e2e.venue import fetch
from tests.e2e.wire import Told, pour
from tests.log.conftest import NAME

from .faulty_disk import Act, FaultyDisk, Op

WITH_DISK = """
from pathlib import Path
from exchange.log import server
server.get_binary_path = lambda: Path(BINARY)
from exchange.cli import main
main()
"""

FAULTS = {
    "full": (Op.WRITE, Act.FAIL, errno.ENOSPC, errors.DiskFull),
    "full in the middle of a frame": (Op.WRITE, Act.SHORT, 100, errors.DiskFull),
    "over quota": (Op.WRITE, Act.FAIL, errno.EDQUOT, errors.DiskFull),
    "failing writes": (Op.WRITE, Act.FAIL, errno.EIO, errors.FsyncFailed),
    "failing syncs": (Op.SYNC, Act.FAIL, errno.EIO, errors.FsyncFailed),
}


@pytest.fixture
def venue_disk(venue, library, tmp_path) -> FaultyDisk:
    """Under the venue's log server."""
    disk = FaultyDisk(library, venue.data_dir, tmp_path / "disk")
    code = WITH_DISK.replace("BINARY", repr(str(disk.binary)))
    venue.program = [sys.executable, "-c", code]
    return disk


@pytest.mark.parametrize("fault", FAULTS)
@in_time
async def test_a_bad_disk_ends_the_exchange_and_nothing_acknowledged_is_lost(
    venue, market, venue_disk, rng, done, fault
):
    op, act, argument, kind = FAULTS[fault]
    await asyncio.to_thread(venue.start)
    told = Told()
    venue_disk.order(op, rng.randint(4, 7), act, argument)
    pouring = [
        asyncio.create_task(pour(venue, who, some_orders(rng, market, who, 0), told))
        for who in ("supplier", "trader")
    ]
    await asyncio.gather(*pouring)
    while venue_disk.is_ordered:  # the orders shared fewer frames than that
        # The fault may end the exchange while it is asked; how it ended is looked at below.
        with suppress(ClientError):
            await deposit(venue)
    exit_code = await asyncio.to_thread(venue.wait_end)
    assert exit_code == kind.exit_code, venue.stderr()
    assert kind.code in venue.stderr()
    assert str(venue.data_dir) in venue.stderr()
    assert "Traceback" not in venue.stderr()
    if kind is errors.FsyncFailed:
        again = await asyncio.to_thread(venue.shell, "serve", "--http-port", 0)
        assert again.exit_code == kind.exit_code, "nothing starts on it by itself"
        (venue.data_dir / "server" / "server.log").unlink()
    else:
        assert "make room" in venue.stderr()
    await asyncio.to_thread(venue.start)
    recorded = recorded_outcomes(venue.data_dir)
    for name, replies in told.replies.items():
        assert recorded[name] == [replies[0].outcome], name
    assert await asyncio.to_thread(venue.stop) == 0
    await asyncio.to_thread(venue.verify)
    done[f"served venues whose disk was {fault}"] += 1


@in_time
async def test_a_witness_that_cannot_be_written_stops_the_exchange(venue):
    """Records would be acknowledged that nothing outside the server has seen."""
    await asyncio.to_thread(venue.start)
    (venue.data_dir / "witness.tmp").mkdir()
    assert (await deposit(venue)).status == 201
    exit_code = await asyncio.to_thread(venue.wait_end)
    assert exit_code == errors.WitnessNotWritten.exit_code, venue.stderr()
    assert str(venue.data_dir / "witness") in venue.stderr()
    (venue.data_dir / "witness.tmp").rmdir()
    await asyncio.to_thread(venue.start)


async def deposit(venue):
    """One more record."""
    name = f"deposit {secrets.token_hex(4)}"
    return await fetch(
        venue,
        "/v1/admin/deposit_cash",
        "operator",
        method="POST",
        headers={"Idempotency-Key": name},
        body={"account_id": 4, "deposit_amount": 1, "external_reference": name},
    )


def test_a_full_disk_is_named_with_the_witness(tmp_path):
    full = tmp_path / "witness"
    (tmp_path / "witness.tmp").symlink_to("/dev/full")
    with pytest.raises(errors.WitnessNotWritten, match=os.strerror(errno.ENOSPC)):
        WitnessFile(full, NAME).write(NAME.genesis)
