"""
Power cuts: what was told is in the log afterwards, whatever the disk forgot.

Told is what was acknowledged, and what a restarted exchange has read once its barrier is durable.
Each protection is left out in turn, and then the same drive must lose something: otherwise it
would prove nothing.
"""

import contextlib
import errno
import random
import shutil
from collections import Counter

import pytest
import redis

from exchange.log import Appender, EmbeddedServer, LogError, errors, take_over
from exchange.log.access import KEEPER
from tests.e2e.processes import wait_until
from tests.log.conftest import NAME, as_operator, barrier, kill, record

from .faulty_disk import Act, FaultyDisk, Loss, Op
from .lives import append_until_failure, kill_in, lead, lost, read_log, started, writer_at


def set_policy(server: EmbeddedServer, policy: str) -> None:
    """Another `appendfsync`, which the exchange would refuse to run with."""
    with as_operator(server.address).client() as client:
        client.config_set("appendfsync", policy)


def order_death(rng, disk: FaultyDisk, server: EmbeddedServer) -> None:
    """Kills the server at a random moment, or at one of those that matter."""
    match rng.choice(("at random", "at random", "write", "sync", "part", "rewrite")):
        case "at random":
            kill_in(rng.uniform(0, 0.05), server)
        case "write":
            disk.order(Op.WRITE, rng.randint(1, 8), Act.DIE_AFTER)
        case "sync":
            disk.order(Op.SYNC, rng.randint(1, 8), rng.choice((Act.DIE_BEFORE, Act.DIE_AFTER)))
        case "part":
            disk.order(Op.WRITE, rng.randint(1, 8), Act.SHORT_AND_DIE, rng.randint(1, 400))
        case "rewrite":
            disk.order(Op.RENAME, rng.randint(1, 3), rng.choice((Act.DIE_BEFORE, Act.DIE_AFTER)))
            with server.address_of(KEEPER).client() as client:
                client.execute_command("BGREWRITEAOF")
            kill_in(1, server)


async def one_life(rng, disk, data_dir, told, policy="always") -> int:
    """Starts, finds what was told, tells more, dies; returns what was lost before it began."""
    async with started(data_dir) as server:
        missing = lost(told, read_log(server)[0])
        set_policy(server, policy)
        with contextlib.suppress(LogError, redis.ConnectionError):
            order_death(rng, disk, server)
            writer = await lead(server, told)
            await append_until_failure(writer, told, 200)
            await writer.close()
    return missing


async def next_life(rng, disk, data_dir, told, policy) -> int:
    """`one_life`; a log that cannot be loaded any more is as good as lost, and begun anew."""
    try:
        return await one_life(rng, disk, data_dir, told, policy)
    except errors.AofDamaged:
        if policy == "always":
            raise
        lost_count = len(told)
        told.clear()
        shutil.rmtree(disk.server_dir)
        return lost_count


async def drive(rng, disk, data_dir, cycles_count, policy, done: Counter) -> list[int]:
    """Lives, in half of them a crash and a restart, and a power cut after each; losses by cycle."""
    told, losses, told_count = [], [], 0
    for _ in range(cycles_count):
        loss = rng.choice(list(Loss))
        losses.append(await next_life(rng, disk, data_dir, told, policy))
        if rng.random() < 0.5:
            losses[-1] += await next_life(rng, disk, data_dir, told, policy)
        disk.power_cut(rng, loss)
        done[f"power cuts, {policy}"] += 1
        done[f"unsynced bytes lost, {policy}"] += disk.lost_bytes
        told_count += len(told)
    losses.append(await next_life(rng, disk, data_dir, told, policy))
    assert told_count, "nothing was ever told"
    done["renames lost"] += disk.lost_rename_count
    done["power cuts after which something told was missing, " + policy] += sum(map(bool, losses))
    return losses


async def test_nothing_that_was_told_is_lost_in_a_power_cut(disk, data_dir, rng, often, done):
    losses = await drive(rng, disk, data_dir, often(8, 100), "always", done)
    assert not any(losses)


async def test_under_everysec_the_same_drive_loses_what_was_acknowledged(
    disk, data_dir, rng, often, done
):
    losses = await drive(rng, disk, data_dir, often(6, 80), "everysec", done)
    assert any(losses)


class Believer(Appender):
    """Takes DUP for success, as a general client does."""

    async def append(self, records):
        try:
            return await super().append(records)
        except errors.AppendDuplicate:
            return self.head


async def die_between_write_and_sync(disk, data_dir, told):
    """A frame that is in the server's file and on no disk; the head before it, and its records."""
    async with started(data_dir) as server:
        writer = await lead(server, told)
        await writer.append([record(1)])
        told.append(record(1))
        writer._wall_ns = lambda: 2**62
        disk.order(Op.WRITE, 1, Act.DIE_AFTER)
        before = writer.head
        with pytest.raises(errors.AppendOutcomeUnknown):
            await writer.append([record(2)])
        await writer.close()
        return before


@pytest.mark.parametrize("kind", [Appender, Believer])
@pytest.mark.parametrize("loss", list(Loss))
async def test_a_resend_that_is_answered_dup_is_not_durable(disk, data_dir, rng, kind, loss):
    told, disk.syncs_before_load = [], False
    before = await die_between_write_and_sync(disk, data_dir, told)
    syncs_count = disk.count(Op.SYNC)
    async with started(data_dir) as server:
        writer = await writer_at(server.address, before, kind, lambda: 2**62)
        with contextlib.suppress(errors.AppendDuplicate):
            await writer.append([record(2)])
            told.append(record(2))
        assert disk.count(Op.SYNC) == syncs_count, "the answer DUP has synced nothing"
        kill(server.pid)
        await writer.close()
    disk.power_cut(rng, loss)
    async with started(data_dir) as server:
        is_lost = lost(told, read_log(server)[0]) > 0
    if kind is Appender:
        assert not is_lost
    elif loss in (Loss.DROPPED, Loss.RENAMES):
        assert is_lost, "whoever takes DUP for success must lose here"


@pytest.mark.parametrize("is_synced", [True, False])
@pytest.mark.parametrize("has_barrier", [True, False])
@pytest.mark.parametrize("is_rewritten", [True, False])
async def test_what_a_restarted_exchange_has_read_is_durable(
    disk, data_dir, rng, is_synced, has_barrier, is_rewritten
):
    """By the sync before the load; by the barrier, unless the server goes on in another file."""
    told = []
    await die_between_write_and_sync(disk, data_dir, told)
    disk.syncs_before_load = is_synced
    async with started(data_dir) as server:
        if is_rewritten:
            disk.order(Op.SYNC, 1, Act.WAIT, 20_000)  # the old file's, in the background
            with server.address_of(KEEPER).client() as client:
                client.execute_command("BGREWRITEAOF")
            wait_until(lambda: not disk.is_ordered, "the old file is not closed")
        found, tip = read_log(server)
        assert found == [record(1), record(2)], "the page cache survives a crash of the server"
        if has_barrier:
            await (await take_over(server.address, NAME, tip, barrier())).close()
        told[:] = found
        kill(server.pid)
    disk.power_cut(rng, Loss.DROPPED)
    is_kept = is_synced or (has_barrier and not is_rewritten)
    async with started(data_dir) as server:
        if is_kept:
            assert lost(told, read_log(server)[0]) == 0
        elif has_barrier:
            with pytest.raises(errors.SeqGap):  # the barrier is there, what it follows is not
                read_log(server)
        else:
            assert lost(told, read_log(server)[0]) == 1


@pytest.mark.parametrize("is_synced", [True, False])
async def test_a_manifest_whose_name_was_not_durable_takes_no_record_with_it(
    disk, data_dir, is_synced
):
    """Killed in the first step of a rewrite; what is acknowledged then goes into the new file."""
    told = []
    async with started(data_dir) as server:
        writer = await lead(server, told)
        await append_until_failure(writer, told, 3)
        await writer.close()
        disk.order(Op.RENAME, 1, Act.DIE_AFTER)
        with server.address_of(KEEPER).client() as client, pytest.raises(redis.ConnectionError):
            client.execute_command("BGREWRITEAOF")
    disk.syncs_before_load = is_synced
    async with started(data_dir) as server:
        writer = await lead(server, told)
        await append_until_failure(writer, told, 3)
        kill(server.pid)
        await writer.close()
    disk.power_cut(random.Random(1), Loss.RENAMES)
    assert disk.lost_rename_count == (0 if is_synced else 1)
    async with started(data_dir) as server:
        assert lost(told, read_log(server)[0]) == (0 if is_synced else 6)


async def test_a_barrier_that_could_not_be_synced_lets_nobody_speak(disk, data_dir):
    async with started(data_dir) as server:
        disk.order(Op.SYNC, 1, Act.FAIL, errno.EIO)
        with pytest.raises(errors.AppendOutcomeUnknown):
            await take_over(server.address, NAME, NAME.genesis, barrier())


async def test_the_file_ends_after_any_byte_and_the_log_before_or_after_the_frame(
    disk, data_dir, often, rng, done
):
    """Cut at each byte of what was not synced: the frame is there whole or not at all."""
    told = []
    size = len(await frame_in_file(disk, data_dir))
    step = often(97, 1)
    for part in range(1 + rng.randrange(step), size, step):
        async with started(data_dir) as server:
            writer = await lead(server, told)
            disk.order(Op.WRITE, 1, Act.SHORT_AND_DIE, part)
            with pytest.raises(errors.AppendOutcomeUnknown):
                await writer.append([record(7)])
            await writer.close()
        async with started(data_dir) as server:
            assert server.torn_tail is not None
            assert read_log(server)[0] == told
        done["bytes of a frame that the file ended after"] += 1


async def frame_in_file(disk, data_dir) -> bytes:
    """What the server writes for one frame."""
    async with started(data_dir) as server:
        writer = await lead(server, [])
        path = max((data_dir / "server" / "appendonlydir").glob("*.incr.aof"))
        before = path.stat().st_size
        await writer.append([record(7)])
        await writer.close()
        return path.read_bytes()[before:]
