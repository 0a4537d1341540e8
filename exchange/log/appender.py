"""
The one writer of a log.

    take_over ── barrier at the verified tip ──▶ Appender ── append ──▶ append ──▶ … ──▶ close
                                                    └─ any failure ──▶ closed for ever

Safety is compare-and-append: the server appends a frame only while the stream's last id is the one
that this writer believes in, in one step that nothing can come between. So of two writers one
conflicts, whoever it is and whatever it believes about epochs. The epoch in the id only makes a
stale writer fail sooner.

The last entry is a frame too, and to read its id means to copy it. Nothing less says as much: that
none follows the one believed in, and that there are as many as there were with it, is also true of
a stale copy that a failover or a hand has put in the log's place.

With `appendfsync always` the server answers after its fsync: an OK is durable there. Where replicas
are configured, it counts once each of them has confirmed it (`exchange.log.replication`). No answer
means nothing: the bytes may still lie in a stopped server's socket. Hence there is no retry, and
after any failure only a new barrier tells what the log holds.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence

import hiredis
import msgspec

from exchange.log.address import ServerAddress
from exchange.log.errors import (
    AppendDuplicate,
    AppenderClosed,
    AppendOutcomeUnknown,
    AppendRefused,
    LogConflict,
    LogError,
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

_APPEND = """
local function append(keys, args)
  local last = redis.call('XREVRANGE', keys[1], '+', '-', 'COUNT', 1)[1]
  local last_id = last and last[1] or '0-0'
  if last_id == args[2] and last[2][1] == 'f' and last[2][2] == args[3] then
    return redis.status_reply('DUP')
  end
  if last_id ~= args[1] then
    return redis.status_reply('CONFLICT ' .. last_id)
  end
  redis.call('XADD', keys[1], args[2], 'f', args[3])
  return redis.status_reply('OK')
end
"""
FUNCTION = "exchange_log_append_1"
LIBRARY = f"#!lua name={FUNCTION}\n{_APPEND}\nredis.register_function('{FUNCTION}', append)\n"
SCRIPT = f"{_APPEND}\nreturn append(KEYS, ARGV)\n"
SCRIPT_SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


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
    connection = await _connect(address)
    try:
        call = await _load_append(connection)
        return Appender(connection, call, name, tip, wall_ns, replicas)
    except BaseException:
        connection.abort()
        raise


class Appender:
    """
    Appends frames after `head`, one in flight; made by `take_over`.

    `head` is durable at any time. After any failure the appender stays closed.
    """

    def __init__(
        self,
        connection: Connection,
        call: tuple[str, str],
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
        self._call = call
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
                answer = await self._connection.call(
                    *self._call, "1", self.name.key, prev_id, new_id, (frame.header, frame.body)
                )
            if answer != b"OK":
                raise _refusal(answer, prev_id, new_id)
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

    async def _confirm(self, tip: Head) -> None:
        """Checks that the log ends with `tip` and the barrier: the same id can hide other bytes."""
        entries = await _ask(self._connection, "XREVRANGE", self.name.key, "+", "-", "COUNT", "2")
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


async def _load_append(connection: Connection) -> tuple[str, str]:
    """Puts the append into the server; a script serves where functions are not allowed."""
    try:
        await _ask(connection, "FUNCTION", "LOAD", "REPLACE", LIBRARY)
    except AppendRefused:
        await _ask(connection, "SCRIPT", "LOAD", SCRIPT)
        return "EVALSHA", SCRIPT_SHA
    return "FCALL", FUNCTION


async def _ask(connection: Connection, *words: str) -> list[tuple[bytes, list[bytes]]]:
    try:
        async with asyncio.timeout(APPEND_SECONDS):
            answer: list[tuple[bytes, list[bytes]]] = await connection.call(*words)
            return answer
    except ReplyError as error:
        raise AppendRefused(f"log_append_refused: {' '.join(words[:2])}: {error}") from error
    except (OSError, hiredis.HiredisError) as error:
        raise AppendOutcomeUnknown(
            f"log_append_outcome_unknown: no answer to {words[0]}: {told(error)}"
        ) from error


def _refusal(answer: bytes, prev_id: str, new_id: str) -> LogError:
    if answer == b"DUP":
        return AppendDuplicate(
            f"log_append_duplicate: entry {new_id} was in the log before this append, durable or "
            "not; verify the log and take over again"
        )
    return LogConflict(
        f"log_conflict: entry {new_id} was to follow {prev_id}, the server says {answer!r}; "
        "another exchange leads this log, stop this one"
    )
