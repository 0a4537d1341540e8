"""
One connection to the server: one question at a time, no retry, no reconnect.

A general client repeats what it thinks was lost, and so writes twice. Here a lost connection is an
error, and what became of the command is the caller's question.

It is asyncio's protocol itself, without streams between: those took a fiftieth of an append.
Nothing needs to hold back what is sent, as no question is put before the last one is answered.
"""

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any, cast

import hiredis

from exchange.log.address import ServerAddress

ReplyError = hiredis.ReplyError
Word = str | bytes | tuple[bytes, ...]
"""A word of a command, in parts that the server sees as one if it is a tuple."""


class Connection(asyncio.Protocol):
    """An open, logged-in connection; made by `open`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._replies = hiredis.Reader()
        self._awaited_count = 0
        self._arrival: asyncio.Future[None] = loop.create_future()
        """Done when more has arrived, or the end has."""
        self._lost: asyncio.Future[Exception | None] = loop.create_future()
        """Why the connection was lost, or None when it was closed in order."""

    @classmethod
    async def open(cls, address: ServerAddress) -> "Connection":
        """Connects and logs in; raises OSError, or ReplyError when the login is refused."""
        loop = asyncio.get_running_loop()
        if address.unix_path:
            _, connection = await loop.create_unix_connection(cls, address.unix_path)
        else:
            context = ssl.create_default_context() if address.is_tls else None
            _, connection = await loop.create_connection(
                cls, address.host, address.port, ssl=context
            )
        try:
            if address.username or address.password:
                user = (address.username,) if address.username else ()
                await connection.call("AUTH", *user, address.password)
        except BaseException:
            connection.abort()
            raise
        return connection

    async def call(self, *words: Word) -> Any:
        """Sends one command and returns its reply; an error reply is raised as ReplyError."""
        self.send(words)
        return await self.receive()

    def send(self, *commands: tuple[Word, ...]) -> None:
        """Sends commands in one write; each reply has to be received before more is sent."""
        assert not self._awaited_count, "one question at a time"
        self._check_open()
        if self._replies.has_data():
            raise ConnectionError("the server answers what was not asked")
        self._awaited_count = len(commands)
        self._transport.writelines(_joined(commands))

    async def receive(self) -> Any:
        """The next reply to what was sent; an error reply is raised as ReplyError."""
        reply = await self.receive_any()
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    async def receive_any(self) -> Any:
        """As `receive`; an error reply is returned."""
        assert self._awaited_count, "nothing was asked"
        while (reply := self._replies.gets()) is False:
            self._check_open()
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        self._awaited_count -= 1
        return reply

    def abort(self) -> None:
        """Drops the connection at once, with whatever is unsent."""
        self._transport.abort()

    def give_up(self) -> None:
        """As `abort`; who waits for an answer hears TimeoutError."""
        self.connection_lost(TimeoutError())
        self._transport.abort()

    async def close(self) -> None:
        """Closes the connection and waits for it; it may have been lost before."""
        self._transport.close()
        await asyncio.shield(self._lost)

    # -- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Some bytes of replies have arrived."""
        self._replies.feed(data)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over, by either side."""
        if not self._lost.done():
            self._lost.set_result(exc)
        self._wake()

    def _check_open(self) -> None:
        if self._lost.done():
            reason = self._lost.result()
            if isinstance(reason, TimeoutError):
                raise reason
            raise ConnectionError("the server closed the connection") from reason

    def _wake(self) -> None:
        if not self._arrival.done():
            self._arrival.set_result(None)


_READING_SECONDS = 0.05
"""Between the end of a time and the giving up: long enough for the loop to read what has come."""


class Patience:
    """
    Gives a connection up when an answer takes longer than `seconds`: one timer for all questions.

    A timer for each, made and thrown away with it, takes as long as a fortieth of an append. What
    came while the loop itself stood still counts: it is read before the time is held to be over.
    """

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._began_s: float | None = None
        """When the question was put that is not answered yet."""
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._began_s = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def __exit__(self, *_: object) -> None:
        self._began_s = None

    def _look(self) -> None:
        """Looks again when the question that is open now will have taken too long."""
        self._timer = None
        if self._began_s is None:
            return
        left_s = self._began_s + self._seconds - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            self._timer = self._loop.call_later(_READING_SECONDS, self._end, self._began_s)

    def _end(self, began_s: float) -> None:
        """Gives up if it is still the question put at `began_s` that waits."""
        if self._began_s == began_s:
            self._connection.give_up()
        else:
            self._look()


_LONG_BYTES = 1 << 12
"""To copy less than this is cheaper than to hand the kernel one more piece."""


def _joined(commands: tuple[tuple[Word, ...], ...]) -> list[bytes]:
    """Commands as they go over the wire, in few pieces; nothing long is copied."""
    found: list[bytes] = []
    short: list[bytes] = []
    for words in commands:
        if not any(isinstance(word, tuple) for word in words):
            short.append(hiredis.pack_command(cast(Any, words)))
            continue
        for piece in _pieces(words):
            if len(piece) < _LONG_BYTES:
                short.append(piece)
            else:
                found += (b"".join(short), piece)
                short = []
    return [*found, b"".join(short)]


def _pieces(words: tuple[Word, ...]) -> Iterator[bytes]:
    """A command one of whose words is in parts."""
    yield b"*%d\r\n" % len(words)
    for word in words:
        whole = word.encode() if isinstance(word, str) else word
        parts = whole if isinstance(whole, tuple) else (whole,)
        yield b"$%d\r\n" % sum(map(len, parts))
        yield from parts
        yield b"\r\n"
