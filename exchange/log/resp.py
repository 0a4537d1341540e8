"""
One connection to the server: one question at a time, no retry, no reconnect.

A general client repeats what it thinks was lost, and so writes twice. Here a lost connection is an
error, and what became of the command is the caller's question.
"""

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any

import hiredis

from exchange.log.address import ServerAddress

ReplyError = hiredis.ReplyError
Word = str | bytes | tuple[bytes, ...]
"""A word of a command, in parts that the server sees as one if it is a tuple."""
_READ_BYTES = 1 << 16


class Connection:
    """An open, logged-in connection; made by `open`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._replies = hiredis.Reader()
        self._awaited_count = 0

    @classmethod
    async def open(cls, address: ServerAddress) -> "Connection":
        """Connects and logs in; raises OSError, or ReplyError when the login is refused."""
        if address.unix_path:
            reader, writer = await asyncio.open_unix_connection(address.unix_path)
        else:
            context = ssl.create_default_context() if address.is_tls else None
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
        connection = cls(reader, writer)
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
        await self.send(words)
        return await self.receive()

    async def send(self, *commands: tuple[Word, ...]) -> None:
        """Sends commands in one write; each reply has to be received before more is sent."""
        assert not self._awaited_count, "one question at a time"
        self._awaited_count = len(commands)
        self._writer.writelines([piece for words in commands for piece in _pieces(words)])
        await self._writer.drain()

    async def receive(self) -> Any:
        """The next reply to what was sent; an error reply is raised as ReplyError."""
        assert self._awaited_count, "nothing was asked"
        reply = self._replies.gets()
        while reply is False:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._replies.feed(data)
            reply = self._replies.gets()
        self._awaited_count -= 1
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def abort(self) -> None:
        """Drops the connection at once, with whatever is unsent."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Closes the connection and waits for it."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return  # It was lost before: closed is what was asked for.


def _pieces(words: tuple[Word, ...]) -> Iterator[bytes]:
    """One command as it goes over the wire; nothing long is copied."""
    yield b"*%d\r\n" % len(words)
    for word in words:
        whole = word.encode() if isinstance(word, str) else word
        parts = whole if isinstance(whole, tuple) else (whole,)
        yield b"$%d\r\n" % sum(map(len, parts))
        yield from parts
        yield b"\r\n"
