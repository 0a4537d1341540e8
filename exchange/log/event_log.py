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
from exchange.log.archive import Archive, OnDamaged, tell_on_stderr
from exchange.log.configuration import check_configuration_async
from exchange.log.errors import (
    AlreadyServing,
    ArchiveGap,
    ArchiveMissing,
    LogExists,
    LogMissing,
    LogWentBack,
    ServerUnreachable,
    WitnessUnusable,
)
from exchange.log.frame import EpochBarrier, Frame
from exchange.log.head import Head, LogName
from exchange.log.lock import FileLock
from exchange.log.lookup import find_frame, find_records, first_frame, last_frame
from exchange.log.reader import read_frames_async
from exchange.log.replication import Replicas
from exchange.log.restore import Restored, restore
from exchange.log.server import EmbeddedServer
from exchange.log.shared_heads import SharedHeads
from exchange.log.signed_heads import SIGNED_HEADS_FILE, SignedHeads
from exchange.log.verifier import ChainVerifier
from exchange.log.witness import Witness, WitnessFile, compare, require

WITNESS_FILE = "witness"
"""In the data directory, outside the server's."""


class LogSettings(msgspec.Struct, frozen=True):
    """Which log, where; the embedded server, which has no replicas, unless `external` is given."""

    data_dir: Path
    name: LogName
    external: ServerAddress | None = None
    maxmemory_bytes: int = 0
    """For the embedded server; 0 is half of the machine's memory."""
    archive_dirs: tuple[Path, ...] = ()
    """The places of the archive, for what was trimmed from the stream."""
    replicas: tuple[str, ...] = ()
    """All replicas of the external server, each `host:port` as it lists them."""

    def __post_init__(self) -> None:
        if self.replicas and self.external is None:
            raise ValueError("the embedded server has no replicas; name an external one as well")

    def archive(self, on_damaged: OnDamaged = tell_on_stderr) -> Archive | None:
        """The archive that these settings name, if they do; told of each copy that is damaged."""
        if not self.archive_dirs:
            return None
        return Archive(self.name, self.archive_dirs, on_damaged)

    def shared_heads(self) -> SharedHeads | None:
        """Where nodes on one server find what was signed; None for a server of our own."""
        return None if self.external is None else SharedHeads(self.external, self.name)


@asynccontextmanager
async def open_log(
    settings: LogSettings, on_damaged: OnDamaged = tell_on_stderr
) -> AsyncIterator["EventLog"]:
    """
    Locks the directory, starts or adopts the server, checks it; at the end undoes all that.

    `on_damaged` is told of each damaged copy in the archive, where another one was used.
    """
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
                archive = settings.archive(on_damaged)
                log = EventLog(settings, address, client, torn_tail, archive)
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
        archive: Archive | None = None,
    ) -> None:
        self.name = settings.name
        self.address = address
        self.torn_tail = torn_tail
        self._client = client
        self._archive = archive
        self._replicas = Replicas(address, settings.replicas) if settings.external else None
        self._file = WitnessFile(settings.data_dir / WITNESS_FILE, settings.name)
        self._shared_heads = settings.shared_heads()
        self._heads_path = settings.data_dir / SIGNED_HEADS_FILE
        self._witness = self._file.read()
        self._witnessed: Head | None = None
        self._writing_witness = asyncio.Lock()
        self._is_adopted = False
        """Whether the witness is somebody else's, and stays."""
        self._verifier: ChainVerifier | None = None
        self._appender: Appender | None = None

    async def frames(self, start: Head | None = None) -> AsyncIterator[Frame]:
        """
        Yields the verified frames to the tip, which the witness must know; a snapshot's head may be
        the `start`.
        """
        remember = self._witness.position if self._witness else None
        verifier = ChainVerifier(self.name, start, remember)
        async for frame in read_frames_async(self._client, verifier, self._archive):
            yield frame
        if self._witness is not None:
            # Before anybody draws conclusions from what was read; `take_over` compares again.
            compare(self._witness, verifier)
            if verifier.start.position > self._witness.position:
                await self.require(self._witness)
        self._verifier = verifier

    async def require(self, witness: Witness) -> None:
        """Raises `LogWentBack` where the log lacks a frame that was told of; found by its place."""
        frame = await self.frame_at(witness.entry_id)
        first = None if frame is not None else await first_frame(self._client, self.name)
        require(witness, frame, first)

    async def records(self, from_seq: int, count: int) -> list[tuple[int, bytes]]:
        """Up to `count` records from `from_seq` on, as (seq, bytes); while serving."""
        found = await find_records(self._client, self.name, from_seq, count)
        if found and found[0][0] > from_seq:
            return await self._archived_records(from_seq, min(count, found[0][0] - from_seq))
        return found

    async def restore(
        self, *, is_loss_accepted: bool = False, is_other_history_accepted: bool = False
    ) -> Restored:
        """
        Appends again what the archive has beyond the stream's tip; instead of `frames`.

        Where the witness has seen more than the archive, or more was signed, `missing` says what.
        That loss has to be accepted in so many words: then the old witness is put aside and one of
        the tip written, and the signed heads beyond it are put aside. Where the log has other
        records in the place of those, that has to be accepted too.
        """
        assert self._archive is not None, "there is an archive to restore from"
        remember = self._witness.position if self._witness else None
        verifier = ChainVerifier(self.name, None, remember)
        restored = await restore(self.address, self._client, self._archive, verifier)
        try:
            self._compare(verifier, is_genesis=False)
        except (LogWentBack, WitnessUnusable) as error:
            is_other = verifier.remembered_hash is not None
            if is_other and not is_other_history_accepted:
                raise LogWentBack(
                    f"{error}; the archive has no other: if what the witness saw is lost for good, "
                    "`exchange log restore --accept-loss --accept-other-history` puts the witness "
                    "aside, and clients that were told of it are refused from then on (9006)"
                ) from error
            restored = msgspec.structs.replace(restored, missing=str(error))
            if is_loss_accepted:
                kept_path = self._file.put_aside(verifier.head)
                restored = msgspec.structs.replace(restored, kept_witness=kept_path)
        return await asyncio.to_thread(
            self._restore_heads, restored, verifier.head, is_loss_accepted
        )

    async def frame_at(self, entry_id: str) -> Frame | None:
        """The log's frame at a snapshot's place, so that the two can be compared."""
        return await find_frame(self._client, self.name, entry_id)

    async def tip(self) -> Frame | None:
        """The last frame; the records up to its header's committed_seq are durable."""
        return await last_frame(self._client, self.name)

    @property
    def verified_head(self) -> Head:
        """Where reading ended."""
        assert self._verifier is not None, "the log has been read"
        return self._verifier.head

    @property
    def head(self) -> Head:
        """The durable head, while serving."""
        assert self._appender is not None, "the log has been taken over"
        return self._appender.head

    async def take_over(self, barrier: EpochBarrier, *, is_genesis: bool = False) -> Appender:
        """
        Compares the log with its witness and opens a new epoch; called once, after `frames`.

        Only `is_genesis`, which is `init`, may begin a log, and it may do nothing else: an emptied
        server must not pass for a new exchange.
        """
        assert self._verifier is not None, "the log is read to its end before it is taken over"
        assert self._appender is None, "a log is taken over once"
        self._compare(self._verifier, is_genesis)
        tip = self._verifier.head
        self._appender = await take_over(
            self.address, self.name, tip, barrier, replicas=self._replicas
        )
        await self.write_witness()
        return self._appender

    async def write_witness(self) -> None:
        """
        Notes the durable head outside the server, about once a second; off the event loop.

        A caller that is cancelled, however often, waits for the write all the same: a thread cannot
        be stopped, and two at once would write the same file.
        """
        async with self._writing_witness:
            await self._write_witness()

    async def adopt(self, witness: Witness) -> bool:
        """
        Makes a witness that the log lacks its own, durably and for good, so that no start passes.

        False, and nothing is done, where it is of an epoch whose loss was accepted.
        """
        if witness.epoch <= self._file.accepted_epoch():
            return False
        async with self._writing_witness:
            self._is_adopted = True
            await asyncio.to_thread(self._file.put, witness)
        return True

    async def _write_witness(self) -> None:
        if self._appender is None or self._appender.head == self._witnessed or self._is_adopted:
            return
        head = self._appender.head
        writing = asyncio.ensure_future(asyncio.to_thread(self._file.write, head))
        cancelled: asyncio.CancelledError | None = None
        while not writing.done():
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError as error:
                cancelled = error
        writing.result()
        self._witnessed = head
        if cancelled is not None:
            raise cancelled

    async def check_configuration(self) -> None:
        """Whether server and replicas still run as they must; for the check at intervals."""
        await check_configuration_async(self._client)
        if self._replicas is not None and self._replicas.names:
            await self._replicas.check()

    async def close(self) -> None:
        """Closes the appender and writes the last witness."""
        if self._appender is not None:
            await self._appender.close()
            await self.write_witness()

    async def _archived_records(self, from_seq: int, count: int) -> list[tuple[int, bytes]]:
        if self._archive is None:
            raise ArchiveMissing(
                f"log_archive_missing: seq {from_seq} was trimmed from the stream; name the "
                "archive's directories with --archive"
            )
        found = await asyncio.to_thread(self._archive.records, from_seq, count)
        if not found or found[0][0] != from_seq:
            raise ArchiveGap(
                f"log_archive_gap: seq {from_seq} is neither in the stream nor in {self._archive}"
            )
        return found

    def _restore_heads(self, restored: Restored, end: Head, is_loss_accepted: bool) -> Restored:
        """What was signed beyond the archive is missing like what was witnessed."""
        signed = SignedHeads(self._heads_path, self.name)
        last = signed.last
        if last is None or last.position <= end.position:
            return restored
        missing = restored.missing or (
            f"log_signed_head_missing: the head of epoch {last.epoch}, seq {last.seq} was signed, "
            f"and the archive ends at seq {end.seq}"
        )
        kept_heads = signed.put_aside(end) if is_loss_accepted else ""
        if is_loss_accepted and self._shared_heads is not None:
            self._shared_heads.publish(signed.heads)
        return msgspec.structs.replace(restored, missing=missing, kept_heads=kept_heads)

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
    except BaseException as error:
        await _stop(server, error)
        raise
    await _stop(server)


async def _stop(server: EmbeddedServer, error: BaseException | None = None) -> None:
    """Ends the server; the `error` that is under way already stays the one that is told."""
    try:
        await asyncio.to_thread(server.stop)
    except ServerUnreachable as left:
        if error is None:
            raise
        error.add_note(str(left))
    if (failure := server.disk_failure()) is not None:
        raise failure  # Says more than the append that it made fail.
