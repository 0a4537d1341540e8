"""
A log from start to stop, in the one order that is safe.

    lock ─▶ server ─▶ configuration ─▶ read and verify to the tip ─▶ witness ─▶ barrier ─▶ serve
    └─────── open_log ────────────┘    └──── EventLog.frames ────┘   └─ EventLog.take_over ─┘

Nothing may be told to anybody before `take_over` has returned: what was read may not be durable,
the barrier makes it so. On the way out the appender is closed first, then the witness is written,
then the server stops, and the lock goes last.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import redis.asyncio

from exchange.log.address import ServerAddress
from exchange.log.aof import TornTail
from exchange.log.appender import Appender, take_over
from exchange.log.configuration import check_configuration_async
from exchange.log.errors import AlreadyServing, LogExists, LogMissing, WitnessUnusable
from exchange.log.frame import EpochBarrier, Frame
from exchange.log.head import Head, LogName
from exchange.log.lock import FileLock
from exchange.log.lookup import find_frame, find_records, last_frame
from exchange.log.reader import read_frames_async
from exchange.log.server import EmbeddedServer
from exchange.log.verifier import ChainVerifier
from exchange.log.witness import WitnessFile, compare

WITNESS_FILE = "witness"
"""In the data directory, outside the server's."""


class LogSettings(msgspec.Struct, frozen=True):
    """Which log, where; the embedded server unless `external` names another."""

    data_dir: Path
    name: LogName
    external: ServerAddress | None = None
    maxmemory_bytes: int = 0
    """For the embedded server; 0 is half of the machine's memory."""


@asynccontextmanager
async def open_log(settings: LogSettings) -> AsyncIterator["EventLog"]:
    """Locks the directory, starts or adopts the server, checks it; at the end undoes all that."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    serve = FileLock(settings.data_dir / "SERVE")
    if not serve.acquire():
        raise AlreadyServing(
            f"log_already_serving: another exchange holds {serve.path}; stop it, or choose another "
            "data directory"
        )
    try:
        async with _server(settings) as (address, torn_tail):
            client = address.async_client()
            try:
                await check_configuration_async(client)
                log = EventLog(settings, address, client, torn_tail)
                try:
                    yield log
                finally:
                    await log.close()
            finally:
                await client.aclose()
    finally:
        serve.release()


class EventLog:
    """
    An open log: first `frames` to its end, then `take_over`, then the appender it returns.

    `torn_tail` tells what had to be cut off the server's file; operators want to hear of it.
    """

    def __init__(
        self,
        settings: LogSettings,
        address: ServerAddress,
        client: redis.asyncio.Redis,
        torn_tail: TornTail | None,
    ) -> None:
        self.name = settings.name
        self.address = address
        self.torn_tail = torn_tail
        self._client = client
        self._file = WitnessFile(settings.data_dir / WITNESS_FILE, settings.name)
        self._witness = self._file.read()
        self._witnessed: Head | None = None
        self._verifier: ChainVerifier | None = None
        self._appender: Appender | None = None

    async def frames(self, start: Head | None = None) -> AsyncIterator[Frame]:
        """
        Yields the verified frames to the tip, which the witness must know; a snapshot's head may be
        the `start`.
        """
        remember = self._witness.position if self._witness else None
        verifier = ChainVerifier(self.name, start, remember)
        async for frame in read_frames_async(self._client, verifier):
            yield frame
        if self._witness is not None:
            # Before anybody draws conclusions from what was read; `take_over` compares again.
            compare(self._witness, verifier)
        self._verifier = verifier

    async def records(self, from_seq: int, count: int) -> list[tuple[int, bytes]]:
        """Up to `count` records from `from_seq` on, as (seq, bytes); while serving."""
        return await find_records(self._client, self.name, from_seq, count)

    async def frame_at(self, entry_id: str) -> Frame | None:
        """The log's frame at a snapshot's place, so that the two can be compared."""
        return await find_frame(self._client, self.name, entry_id)

    async def tip(self) -> Frame | None:
        """The last frame; the records up to its header's committed_seq are durable."""
        return await last_frame(self._client, self.name)

    async def take_over(self, barrier: EpochBarrier, *, is_genesis: bool = False) -> Appender:
        """
        Compares the log with its witness and opens a new epoch; called once, after `frames`.

        Only `is_genesis`, which is `init`, may begin a log, and it may do nothing else: an emptied
        server must not pass for a new exchange.
        """
        assert self._verifier is not None, "the log is read to its end before it is taken over"
        assert self._appender is None, "a log is taken over once"
        self._compare(self._verifier, is_genesis)
        self._appender = await take_over(self.address, self.name, self._verifier.head, barrier)
        await self.write_witness()
        return self._appender

    async def write_witness(self) -> None:
        """
        Notes the durable head outside the server, about once a second; off the event loop.

        A caller that is cancelled waits for the write all the same: a thread cannot be stopped, and
        two at once would write the same file.
        """
        if self._appender is None or self._appender.head == self._witnessed:
            return
        head = self._appender.head
        writing = asyncio.ensure_future(asyncio.to_thread(self._file.write, head))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise
        self._witnessed = head

    async def check_configuration(self) -> None:
        """Whether the server still runs as it must; for the check at intervals."""
        await check_configuration_async(self._client)

    async def close(self) -> None:
        """Closes the appender and writes the last witness."""
        if self._appender is not None:
            await self._appender.close()
            await self.write_witness()

    def _compare(self, verifier: ChainVerifier, is_genesis: bool) -> None:
        tip, where = verifier.head, f"{self.name.key} of {self.name.venue_id}"
        if self._witness is not None:
            compare(self._witness, verifier)
        if is_genesis and tip.seq > 0:
            raise LogExists(f"log_exists: {where} ends at seq {tip.seq}; `init` wants an empty one")
        if not is_genesis and tip.seq == 0:
            raise LogMissing(f"log_missing: {where} has no record; only `init` creates a log")
        if not is_genesis and self._witness is None:
            raise WitnessUnusable(
                f"log_witness_unusable: {where} ends at seq {tip.seq}, but {self._file.path} is "
                "absent; compare the log with the archive and write a witness of it"
            )


@asynccontextmanager
async def _server(settings: LogSettings) -> AsyncIterator[tuple[ServerAddress, TornTail | None]]:
    if settings.external is not None:
        yield settings.external, None
        return
    server = await asyncio.to_thread(
        EmbeddedServer.start, settings.data_dir, settings.maxmemory_bytes
    )
    try:
        yield server.address, server.torn_tail
    finally:
        await asyncio.to_thread(server.stop)
