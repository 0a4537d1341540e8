"""
A websocket client that costs next to nothing: it frames, masks and counts, and does little else.

Of each reply it reads type, `request_id` and, for an error, the name. A client library would cost
more than the exchange that it is to measure.
"""

import asyncio
import base64
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import cast

import msgspec
from msgspec import Struct

from .trading_desks import Desk

TEXT = 0x1
_CLOSE, _PING, _PONG = 0x8, 0x9, 0xA
_FINAL, _MASKED = 0x80, 0x80


class Reply(Struct, frozen=True):
    """As much of a message as counts here."""

    type: str
    request_id: int = 0
    name: str = ""


_REPLIES = msgspec.json.Decoder(list[Reply] | Reply)


class Client(asyncio.Protocol):
    """One connection of one desk."""

    def __init__(self, desk: Desk, host: str) -> None:
        self.desk = desk
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.refused: Counter[str] = Counter()
        self.acks: list[tuple[int, list[int]]] = []
        """(moment, request ids) of each frame of replies."""
        self.sent_count = 0
        self.answered_count = 0
        self.on_answer: Callable[[Client], None] = _nothing
        self._host = host
        self._buffer = b""
        self._is_upgraded = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the websocket."""
        self._transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: gx.v1.json\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        """A connection that ends before it opened is a failure; later the counts show it."""
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError(f"closed after {self._buffer!r}"))

    def data_received(self, data: bytes) -> None:
        """Takes whole frames off the front."""
        now = time.perf_counter_ns()
        buffer = self._buffer + data if self._buffer else data
        at = 0
        if not self._is_upgraded:
            at = buffer.find(b"\r\n\r\n") + 4
            if at < 4:
                self._buffer = buffer
                return
            assert buffer.startswith(b"HTTP/1.1 101"), buffer
            self._is_upgraded = True
            auth = {"type": "auth", "token": self.desk.token, "cancel_on_disconnect": True}
            self._transport.write(masked_frame(TEXT, msgspec.json.encode(auth)))
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
            if len(buffer) < start + size:
                break
            self._take(buffer[at] & 0x0F, buffer[start : start + size], now)
            at = start + size
        self._buffer = buffer[at:]

    def send(self, frame: bytes, count: int) -> None:
        """Sends a prepared frame of that many messages."""
        self._transport.write(frame)
        self.sent_count += count

    def close(self) -> None:
        """Leaves without a word, so that the exchange cancels what rests."""
        self._transport.abort()

    def _take(self, opcode: int, payload: bytes, now: int) -> None:
        if opcode == _PING:
            self._transport.write(masked_frame(_PONG, payload))
            return
        if opcode == _CLOSE:
            raise ConnectionError(f"the exchange closed the connection: {payload!r}")
        replies = _REPLIES.decode(payload)
        acked = []
        for reply in replies if isinstance(replies, list) else [replies]:
            if reply.type == "ack":
                acked.append(reply.request_id)
            elif reply.type == "error":
                self.refused[reply.name] += 1
                self.answered_count += 1
            elif reply.type == "auth_ok":
                self.opened.set_result(None)
        if acked:
            self.acks.append((now, acked))
            self.answered_count += len(acked)
        self.on_answer(self)


def _nothing(_client: Client) -> None:
    """Nobody waits for answers."""


def masked_frame(opcode: int, payload: bytes) -> bytes:
    """A final frame as a client must send it."""
    size = len(payload)
    if size < 126:
        head = bytes((_FINAL | opcode, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((_FINAL | opcode, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((_FINAL | opcode, _MASKED | 127)) + size.to_bytes(8, "big")
    mask = secrets.token_bytes(4)
    key = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return head + mask + masked
