"""
The stream server as a process: it takes time, is stopped, killed and restarted, and has a disk.

What was written is in the machine's memory and survives the process; only what was synced survives
a power cut, and of the rest as much as chance leaves. An answer leaves after the fsync of what it
tells, as with `appendfsync always`.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import hiredis

from tests.simulation.fake_stream import Entry, FakeSession, FakeStream
from tests.simulation.network import Link, Peer
from tests.simulation.protections import Off, Protection
from tests.simulation.virtual_loop import Process, VirtualLoop

PATH = "/simulated/sock"
WRITE_S = 0.0005
FSYNC_S = 0.002
SYNC_EVERY_S = 1.0
"""How late the server is that does not wait for its fsync."""


class Disk:
    """The append-only file, entry by entry."""

    def __init__(self, entries: list[Entry], on_synced: Callable[[], None]) -> None:
        self.written = list(entries)
        self.synced_count = len(entries)
        self._on_synced = on_synced

    def write(self, entries: list[Entry]) -> None:
        """Hands the machine what the server has more than the file."""
        self.written += entries[len(self.written) :]

    def sync(self) -> None:
        """Makes all that was written durable."""
        self.synced_count = len(self.written)
        self._on_synced()

    def lose_power(self, dice: random.Random) -> None:
        """Keeps what was synced, and of the rest what chance leaves of its beginning."""
        del self.written[dice.randint(self.synced_count, len(self.written)) :]


class FakeServer:
    """One server on one disk; down until `start`."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, disk: Disk, off: Off) -> None:
        self.disk = disk
        self.is_full = False
        self.is_slow = False
        self.process = Process("server")
        self.process.is_dead = True
        self.links: list[Link] = []
        self._loop, self._dice, self._off = loop, dice, off
        self._sockets: list[_Socket] = []
        self._arrived = asyncio.Event()
        self._stream = FakeStream()

    def start(self) -> None:
        """Reads the file and listens."""
        if not self.process.is_dead:
            return
        self.process = Process("server")
        self._arrived = asyncio.Event()
        self._sockets, self.links = [], []
        self._stream = FakeStream(self.disk.written)
        self.process.spawn(self._loop, self._serve)
        self._loop.listeners[PATH] = self._accept

    def kill(self) -> None:
        """SIGKILL; the file stays as the machine has it."""
        self.process.kill()
        self._loop.listeners.pop(PATH, None)
        for link in self.links:
            link.lose()

    def cut_power(self) -> None:
        """The machine goes down, and with it what was not synced."""
        self.kill()
        self.disk.lose_power(self._dice)

    def arrive(self) -> None:
        """Bytes are there to be read."""
        self._arrived.set()

    def _accept(self, protocol: asyncio.Protocol) -> tuple[Any, Any]:
        """A connection, which the kernel makes even while the server is stopped."""
        socket = _Socket(self)
        socket.link = Link(self._loop, self._dice, protocol, socket)
        self._sockets.append(socket)
        self.links.append(socket.link)
        return socket.link.client, protocol

    async def _serve(self) -> None:
        while True:
            readable = [socket for socket in self._sockets if socket.data]
            if not readable:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._answer(self._dice.choice(readable))

    async def _answer(self, socket: "_Socket") -> None:
        """Executes what one socket brought; a torn command waits for its rest for ever."""
        stream = self._stream
        stream.is_full = self.is_full
        answers = [stream.answer(words, socket.session) for words in socket.commands()]
        if len(stream.entries) > len(self.disk.written):
            await self._pause(WRITE_S)
            self.disk.write(stream.entries)
            if Protection.FSYNC_BEFORE_ANSWER in self._off:
                self._loop.call_later(SYNC_EVERY_S, self.disk.sync)
            else:
                await self._pause(FSYNC_S)
                self.disk.sync()
        if answers:
            socket.link.send_down(b"".join(answers))

    async def _pause(self, seconds: float) -> None:
        slowness = 500 if self.is_slow and self._dice.random() < 0.2 else 1
        await asyncio.sleep(self._dice.random() * seconds * slowness)


class _Socket(Peer):
    """What a connection has brought and the server has not read yet."""

    link: Link

    def __init__(self, server: FakeServer) -> None:
        self.data = b""
        self.session = FakeSession()
        self._server = server
        self._requests = hiredis.Reader()

    def receive(self, data: bytes | None) -> None:
        """What arrived before the end stays to be read."""
        if data is not None:
            self.data += data
            self._server.arrive()

    def commands(self) -> list[list[bytes]]:
        """The commands that are whole."""
        self._requests.feed(self.data)
        self.data = b""
        found = []
        while (words := self._requests.gets()) is not False:
            found.append(words)
        return found
