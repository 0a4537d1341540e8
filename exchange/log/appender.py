"""
The one writer of a log.

    take_over ── barrier at the verified tip ──▶ Appender ── append ──▶ append ──▶ … ──▶ close
                                                    └─ any failure ──▶ closed for ever

Safety is compare-and-append: a frame is appended only while the stream's last entry is the one that
this writer believes in. That is a transaction, which the server drops if anybody has touched the
key since the writer began to watch it; and what the watch began with is compared, id and header. So
of two writers one conflicts, whoever it is and whatever it believes about epochs. The epoch in the
id only makes a stale writer fail sooner.

    MULTI  DISCARD                                once: may it at all, and
    WATCH key  XREVRANGE key + - COUNT 1          … is the last entry ours?
    MULTI  XADD key id f frame  XLEN key  EXEC    each append, in one write with
    WATCH key  XRANGE key (id + COUNT 1  XLEN key … the next one's watch

Behind an append the last entry need not be read, which is a frame too and may have a MiB: nothing
follows it, and there are as many entries as there were with it. Only between that EXEC and that
WATCH nobody watches, two commands of one write: a hand that there puts another log of as many
entries in this one's place is seen by who reads it next, and not by the append. Nor is it safe from
who takes MULTI from the exchange's user while it runs: the frame is then appended by itself, and
its outcome is unknown. Where the answers are others, the last entry is read before the next append.
So it is after a trim, which breaks the watch: the transaction has done nothing then, and is sent
again.

With `appendfsync always` the server answers after its fsync: an OK is durable there. Where replicas
are configured, it counts once each of them has confirmed it (`exchange.log.replication`). No answer
means nothing: the bytes may still lie in a stopped server's socket. Hence there is no retry, and
after any failure only a new barrier tells what the log holds.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from hashlib import sha256

import hiredis
import msgspec

from exchange.log.address import ServerAddress
from exchange.log.errors import (
    AppendDuplicate,
    AppenderClosed,
    AppendOutcomeUnknown,
    AppendRefused,
    LogConflict,
    told,
)
from exchange.log.frame import (
    HEADER_BYTES,
    EncodedFrame,
    EpochBarrier,
    Frame,
    decode_frame,
    encode_barrier,
    encode_records,
)
from exchange.log.head import Head, LogName
from exchange.log.replication import Replicas
from exchange.log.resp import Connection, Patience, ReplyError

APPEND_SECONDS = 5.0
"""Longest wait for a durable append, sending and answer together."""


async def take_over(
    address: ServerAddress,
    name: LogName,
    tip: Head,
    barrier: EpochBarrier,
    wall_ns: Callable[[], int] = time.time_ns,
    replicas: Replicas | None = None,
) -> "Appender":
    """
    Opens the next epoch after the verified `tip` and returns the only writer of it.

    Returns once the barrier is durable, which makes all before it durable too, and once the log
    has been seen to end with the tip and the barrier. Raises LogConflict when it ends otherwise.
    The `replicas` are checked before anything is written, and durable means on all of them.
    """
    if replicas is not None:
        await replicas.check()
    appender = await open_appender(address, name, tip, wall_ns, replicas)
    try:
        await appender._send(encode_barrier(name, tip, appender._now_ns(), barrier))
        await appender._confirm(tip)
    except BaseException:
        appender._connection.abort()
        raise
    return appender


async def open_appender(
    address: ServerAddress,
    name: LogName,
    tip: Head,
    wall_ns: Callable[[], int] = time.time_ns,
    replicas: Replicas | None = None,
) -> "Appender":
    """An appender after the verified `tip` in the same epoch: for `append_again` only."""
    return Appender(await _connect(address), name, tip, wall_ns, replicas)


class Appender:
    """
    Appends frames after `head`, one in flight; made by `take_over`.

    `head` is durable at any time. After any failure the appender stays closed.
    """

    def __init__(
        self,
        connection: Connection,
        name: LogName,
        head: Head,
        wall_ns: Callable[[], int] = time.time_ns,
        replicas: Replicas | None = None,
    ) -> None:
        self.name = name
        self.head = head
        self.is_open = True
        self.sent_count = 0
        """Frames that were appended and acknowledged."""
        self._connection = connection
        self._patience = Patience(connection, APPEND_SECONDS)
        self._is_watched = False
        """Whether the server will drop a transaction unless `head` ends the log."""
        self._wall_ns = wall_ns
        self._replicas = replicas if replicas is not None and replicas.names else None

    async def append(self, records: Sequence[bytes]) -> Head:
        """
        Appends one frame of encoded records and returns the head after it, durable.

        FrameTooLarge is raised before anything is sent and leaves the appender open. All other
        failures close it; whether the frame is in the log is then not known, except after
        LogConflict and AppendRefused, when it is not.
        """
        return await self._send(encode_records(self.name, self.head, self._now_ns(), records))

    async def append_again(self, frame: Frame) -> Head:
        """Appends a frame of an archive as it was once written; it follows `head` in its chain."""
        assert frame.header.prev == self.head.header_hash, "the caller verifies the chain"
        header, body = frame.data[:HEADER_BYTES], frame.data[HEADER_BYTES:]
        return await self._send(EncodedFrame(header, body, frame.head))

    async def close(self) -> None:
        """Closes the connection; what was acknowledged stays."""
        self.is_open = False
        await self._connection.close()

    async def _send(self, frame: EncodedFrame) -> Head:
        if not self.is_open:
            raise AppenderClosed(
                f"log_appender_closed: the appender of {self.name.key} is closed at "
                f"{self.head.entry_id}; verify the log and take over again"
            )
        prev_id, new_id = self.head.entry_id, frame.head.entry_id
        # Open again only after an OK: so a cancelled task leaves it closed as well.
        self.is_open = False
        began_s = asyncio.get_running_loop().time()
        try:
            with self._patience:
                await self._append_after(prev_id, frame)
            if self._replicas is not None:
                async with asyncio.timeout_at(began_s + APPEND_SECONDS):
                    await self._replicas.confirm(self._connection, new_id)
        except ReplyError as error:
            self._connection.abort()
            raise AppendRefused(
                f"log_append_refused: the server refused entry {new_id}: {error}"
            ) from error
        except (OSError, hiredis.HiredisError) as error:
            self._connection.abort()
            raise AppendOutcomeUnknown(
                f"log_append_outcome_unknown: no answer to entry {new_id} after {prev_id} within "
                f"{APPEND_SECONDS:g} s ({told(error)}); verify the log and take "
                "over again"
            ) from error
        except BaseException:
            self._connection.abort()
            raise
        self.is_open = True
        self.sent_count += 1
        self.head = msgspec.structs.replace(frame.head, committed_seq=frame.head.seq)
        return self.head

    async def _append_after(self, prev_id: str, frame: EncodedFrame) -> None:
        """Compare-and-append: returns once the server has the frame, next to `prev_id`."""
        if not self._is_watched:
            await self._watch(prev_id, frame)
        while not await self._transact(frame):
            await self._watch(prev_id, frame)

    async def _watch(self, prev_id: str, frame: EncodedFrame) -> None:
        """Watches the log; raises LogConflict where it does not end with `prev_id`."""
        key, new_id = self.name.key, frame.head.entry_id
        # Outside of a transaction the frame would be appended to anything. What is discarded ends
        # the watch as well, which stays broken until then.
        begin = (("MULTI",), ("DISCARD",), ("WATCH", key))
        self._connection.send(*begin, ("XREVRANGE", key, "+", "-", "COUNT", "1"))
        begun = [await self._connection.receive() for _ in begin]
        entries = await self._connection.receive()
        if begun != [b"OK"] * len(begin) or not isinstance(entries, list):
            raise ConnectionError(f"not how a watch begins: {begun} {entries!r}")
        last_id, fields = self.name.genesis.entry_id, []
        if entries:
            last_id, fields = entries[0][0].decode(), entries[0][1]
        if last_id == new_id and fields == [b"f", frame.data]:
            raise AppendDuplicate(
                f"log_append_duplicate: entry {new_id} was in the log before this append, durable "
                "or not; verify the log and take over again"
            )
        if last_id != prev_id:
            raise LogConflict(
                f"log_conflict: entry {new_id} was to follow {prev_id}, but the log ends with "
                f"{last_id}; another exchange leads this log, stop this one"
            )
        # The same id may hide another frame.
        if entries and sha256(fields[1][:HEADER_BYTES]).digest() != self.head.header_hash:
            raise LogConflict(
                f"log_conflict: entry {new_id} was to follow {prev_id}, which is of other content "
                "than this exchange has written or read; verify the log again"
            )

    async def _transact(self, frame: EncodedFrame) -> bool:
        """Appends under the watch and watches anew; False if nothing was done: it was broken."""
        key, new_id, receive = self.name.key, frame.head.entry_id, self._connection.receive_any
        self._is_watched = False
        self._connection.send(
            ("MULTI",),
            ("XADD", key, new_id, "f", (frame.header, frame.body)),
            ("XLEN", key),
            ("EXEC",),
            ("WATCH", key),
            ("XRANGE", key, f"({new_id}", "+", "COUNT", "1"),
            ("XLEN", key),
        )
        begun, *queued, done = [await receive() for _ in range(4)]
        # Behind XADD's own answer nothing refuses it.
        refused = _first_error([*queued, done, *(done[:1] if isinstance(done, list) else ())])
        if begun == b"OK" and refused is not None:
            raise refused
        count = done[1] if isinstance(done, list) and len(done) == 2 else None
        appended = None if done is None else [new_id.encode(), count]
        if [begun, *queued, done] != [b"OK", b"QUEUED", b"QUEUED", appended]:
            raise ConnectionError(f"not what a transaction answers: {begun!r} {queued} {done!r}")
        # Whatever is said from here on, the frame is in the log or the watch was broken.
        watched = [await receive() for _ in range(3)]
        self._is_watched = done is not None and watched == [b"OK", [], count]
        return done is not None

    async def _confirm(self, tip: Head) -> None:
        """Checks that the log ends with `tip` and the barrier: the same id can hide other bytes."""
        entries = await _last_two(self._connection, self.name.key)
        found = [decode_frame(fields[1], entry_id.decode()) for entry_id, fields in entries]
        hashes = [frame.header_hash for frame in found]
        wanted = [self.head.header_hash] + ([tip.header_hash] if tip.epoch else [])
        if hashes != wanted:
            ends = " ".join(frame.header.entry_id for frame in reversed(found))
            raise LogConflict(
                f"log_conflict: the log ends with {ends}, of other content than the verified tip "
                f"{tip.entry_id} and the barrier {self.head.entry_id}; verify the log again"
            )

    def _now_ns(self) -> int:
        return max(self._wall_ns(), self.head.at_ns)


async def _connect(address: ServerAddress) -> Connection:
    try:
        async with asyncio.timeout(APPEND_SECONDS):
            return await Connection.open(address)
    except (OSError, ReplyError) as error:
        raise AppendRefused(
            f"log_append_refused: no connection to {address!r}: {told(error)}"
        ) from error


async def _last_two(connection: Connection, key: str) -> list[tuple[bytes, list[bytes]]]:
    """The last entries, behind an append; without an answer nobody knows what that follows."""
    try:
        async with asyncio.timeout(APPEND_SECONDS):
            entries: list[tuple[bytes, list[bytes]]] = await connection.call(
                "XREVRANGE", key, "+", "-", "COUNT", "2"
            )
            return entries
    except (OSError, ReplyError, hiredis.HiredisError) as error:
        raise AppendOutcomeUnknown(
            f"log_append_outcome_unknown: no answer to what the log ends with: {told(error)}"
        ) from error


def _first_error(answers: Sequence[object]) -> ReplyError | None:
    return next((answer for answer in answers if isinstance(answer, ReplyError)), None)
