"""
A connection between a program and the server, as a kernel and a bad network would carry it.

Bytes arrive in order, late and in pieces. When the connection breaks, what was under way arrives up
to some byte or not at all, in either direction; the server may still read, and execute, what had
arrived. Both ends hear of it only afterwards.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from tests.simulation.virtual_loop import CURRENT, OUTSIDE, VirtualLoop

LATENCY_S = 0.0005


class Link:
    """One connection; `lose` breaks it."""

    def __init__(
        self, loop: VirtualLoop, dice: random.Random, protocol: asyncio.Protocol, server: "Peer"
    ) -> None:
        self.is_lost = False
        self.is_mute = False
        """Whether the server's answers no longer arrive, though the connection stands."""
        self.client = _ClientEnd(loop, self, protocol)
        process = CURRENT.get()
        if process is not None:
            process.sockets.append(self)
        self._process_context = process.context if process else OUTSIDE
        self._loop, self._dice, self._server = loop, dice, server
        self._up, self._down = _Lane(loop, server.receive), _Lane(loop, self._deliver)

    def send_up(self, data: bytes) -> None:
        """From the program to the server."""
        if not self.is_lost:
            self._send(self._up, data)

    def send_down(self, data: bytes) -> None:
        """From the server to the program."""
        if not self.is_lost and not self.is_mute:
            self._send(self._down, data)

    def lose(self) -> None:
        """Breaks the connection; of what is under way some bytes may arrive."""
        if self.is_lost:
            return
        self.is_lost = True
        self._up.tear(self._dice)
        self._down.tear(self._dice)
        self._up.send(self._dice.random() * LATENCY_S, None)
        self._down.send(self._dice.random() * LATENCY_S, None)

    def _send(self, lane: "_Lane", data: bytes) -> None:
        if self._dice.random() < 0.2 and len(data) > 1:
            cut = self._dice.randrange(1, len(data))
            lane.send(self._dice.random() * LATENCY_S, data[:cut])
            data = data[cut:]
        lane.send(self._dice.random() * LATENCY_S, data)

    def _deliver(self, data: bytes | None) -> None:
        """Hands it to the program, for when it next runs."""
        self._loop.call_soon(self.client.receive, data, context=self._process_context)


class Peer:
    """The server's end, as the link needs it."""

    def receive(self, data: bytes | None) -> None:
        """Bytes, or None at the end."""
        raise NotImplementedError


class _Lane:
    """One direction: first in, first out, whatever the delays."""

    def __init__(self, loop: VirtualLoop, arrive: Callable[[bytes | None], None]) -> None:
        self._loop, self._arrive = loop, arrive
        self._under_way: deque[bytes | None] = deque()
        self._last_s = 0.0

    def send(self, delay_s: float, data: bytes | None) -> None:
        self._last_s = max(self._last_s, self._loop.time() + delay_s)
        self._under_way.append(data)
        self._loop.call_at(self._last_s, self._next, context=OUTSIDE)

    def tear(self, dice: random.Random) -> None:
        """Cuts what is under way at any byte, or lets it arrive whole."""
        if dice.random() < 0.5:
            return
        left = dice.randint(0, sum(len(data or b"") for data in self._under_way))
        for index, data in enumerate(self._under_way):
            if data is not None:
                self._under_way[index] = data[:left]
                left -= len(self._under_way[index])

    def _next(self) -> None:
        data = self._under_way.popleft()
        if data != b"":
            self._arrive(data)


class _ClientEnd(asyncio.Transport):
    """What the program's connection writes to."""

    def __init__(self, loop: VirtualLoop, link: Link, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop, self._link, self._protocol = loop, link, protocol
        self._is_closing = False
        protocol.connection_made(self)

    def receive(self, data: bytes | None) -> None:
        """Bytes for the program, or the end."""
        if self._is_closing:
            return
        if data is not None:
            self._protocol.data_received(data)
            return
        self._is_closing = True
        self._protocol.connection_lost(ConnectionResetError("connection reset by the peer"))

    def write(self, data: bytes) -> None:
        if not self._is_closing:
            self._link.send_up(bytes(data))

    def is_closing(self) -> bool:
        return self._is_closing

    def get_protocol(self) -> asyncio.Protocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._link.lose()
            self._loop.call_soon(self._protocol.connection_lost, None)
