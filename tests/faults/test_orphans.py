"""
What a dead server leaves behind: a child that rewrites its file, and holds its lock.

Orphans, second servers and second exchanges are in `tests/log/test_server.py`,
`tests/log/test_event_log.py` and `tests/e2e/test_start_refused.py`.
"""

import os

from exchange.log.access import KEEPER
from exchange.log.lock import FileLock, holders
from tests.e2e.processes import is_running, wait_until
from tests.log.conftest import as_operator, kill, records

from .lives import lead, read_log, started


async def test_a_rewrite_that_outlives_its_server_is_ended_before_another_server_starts(data_dir):
    told: list[bytes] = []
    lock = data_dir / "LOCK"
    async with started(data_dir) as server:
        writer = await lead(server, told)
        await writer.append(records(3))
        with as_operator(server.address).client() as client:
            client.config_set("rdb-key-save-delay", 30_000_000)
        with server.address_of(KEEPER).client() as client:
            client.execute_command("BGREWRITEAOF")
        await writer.append(records(2, 3))
        children = wait_until(
            lambda: [each for each in holders(lock) if each != server.pid], "no child rewrites"
        )
        kill(server.pid)
        await writer.close()
        server._process.wait()
        assert is_running(children[0])
        assert os.getpgid(children[0]) == server.pid
        assert not FileLock(lock).acquire(), "the child keeps the lock of its dead parent"
        async with started(data_dir) as heir:
            assert holders(lock) == [heir.pid]
            assert not is_running(children[0])
            assert read_log(heir)[0] == records(5)
