"""A websocket spoken by hand, without the SDK: exact bytes out, plain objects in."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from .processes import PATIENCE_S, VenueProcess

Message = dict[str, Any]


class Wire:
    """One authenticated session."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._waiting: list[Message] = []

    async def receive(self) -> Message | None:
        """The next message; None once the connection has ended."""
        while not self._waiting:
            frame = await asyncio.wait_for(self.socket.receive(), PATIENCE_S)
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return None
            decoded = json.loads(frame.data)
            self._waiting = decoded if isinstance(decoded, list) else [decoded]
        return self._waiting.pop(0)

    async def answer(self, frame: str | Message) -> Message:
        """Sends a frame and returns the next `ack`, `error`, `pong` or `done`."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self.socket.send_str(text)
        while True:
            message = await self.receive()
            assert message is not None, "the exchange closed the session"
            if message["type"] in ("ack", "error", "done") or message.get("request_id"):
                return message


@asynccontextmanager
async def connected(venue: VenueProcess, who: str) -> AsyncIterator[Wire]:
    """An open session of a participant."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{venue.url}/v1/ws", protocols=("gx.v1.json",)) as socket,
    ):
        wire = Wire(socket)
        hello = await wire.receive()
        assert hello is not None
        assert hello["type"] == "hello"
        await socket.send_str(json.dumps({"type": "auth", "token": venue.token(who)}))
        opened = await wire.receive()
        assert opened is not None
        assert opened["type"] == "auth_ok", opened
        yield wire


@dataclass(frozen=True)
class Outcome:
    """What the exchange said to one order, for good: its place in the log, its code or 0."""

    log_seq: int
    code: int
    order_id: int


@dataclass(frozen=True)
class Reply:
    """An outcome as it was told."""

    outcome: Outcome
    is_duplicate: bool


async def pour(venue: VenueProcess, who: str, orders: list[Message], told: "Told") -> None:
    """
    Sends orders in frames of up to 64 without waiting, and notes every final answer.

    Returns once all are answered or the connection is lost. Errors from 9000 on decide nothing.
    """
    unanswered = {order["client_order_id"] for order in orders}
    try:
        async with connected(venue, who) as wire:
            names = {n: order["client_order_id"] for n, order in enumerate(orders, start=1)}
            writing = asyncio.create_task(_write(wire, orders))
            try:
                while unanswered and (message := await wire.receive()) is not None:
                    if message["type"] not in ("ack", "error"):
                        continue
                    name = names[message["request_id"]]
                    unanswered.discard(name)
                    if message.get("code", 0) < 9_000:
                        told.note(name, message)
            finally:
                writing.cancel()
                await asyncio.wait([writing])
                if not writing.cancelled():
                    writing.exception()
    except (aiohttp.ClientError, OSError):
        return


async def _write(wire: Wire, orders: list[Message]) -> None:
    numbered = [{**order, "request_id": n} for n, order in enumerate(orders, start=1)]
    for at in range(0, len(numbered), 64):
        await wire.socket.send_str(json.dumps(numbered[at : at + 64]))


class Told:
    """All answers heard, by client order id, and a bell that rings at one of them."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {}
        self.count = 0
        self._ring_at = 0
        self._bell = asyncio.Event()

    def note(self, name: str, message: Message) -> None:
        """Keeps an answer."""
        outcome = Outcome(
            message.get("log_seq", 0), message.get("code", 0), message.get("order_id", 0)
        )
        reply = Reply(outcome, message.get("duplicate", False))
        self.replies.setdefault(name, []).append(reply)
        self.count += 1
        if self.count >= self._ring_at:
            self._bell.set()

    async def heard(self, more: int) -> None:
        """Waits for so many more answers."""
        self._ring_at = self.count + more
        self._bell.clear()
        async with asyncio.timeout(PATIENCE_S):
            await self._bell.wait()
