"""A peer that plays one written part per connection, over real sockets."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from exchange.domain.wire import (
    Ack,
    AnyMessage,
    AnyRequest,
    Auth,
    AuthOk,
    Done,
    Execution,
    Hello,
    Orders,
    Position,
    Subscribe,
)


class Peer:
    """The exchange's side of one connection."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.requests: list[Any] = []
        self.frame_sizes: list[int] = []

    @property
    def codec(self) -> Any:
        return msgspec.json if self.socket.ws_protocol == "gx.v1.json" else msgspec.msgpack

    async def send(self, *messages: AnyMessage) -> None:
        """One frame: the message alone, or an array of several."""
        encoded = self.codec.encode(messages[0] if len(messages) == 1 else list(messages))
        if self.socket.ws_protocol == "gx.v1.json":
            await self.socket.send_str(encoded.decode())
        else:
            await self.socket.send_bytes(encoded)

    async def receive(self) -> Any:
        """The next request, out of however many the frame holds."""
        while not self.requests:
            frame = await self.socket.receive(timeout=5)
            decoded = self.codec.decode(frame.data, type=AnyRequest | list[AnyRequest])
            self.requests = decoded if isinstance(decoded, list) else [decoded]
            self.frame_sizes.append(len(self.requests))
        return self.requests.pop(0)

    async def greet(
        self, *, position: Position = (1, 0), session_id: int = 1, resumed: bool = False
    ) -> Auth:
        """The handshake; returns what the client asked for in it."""
        await self.send(
            Hello(
                session_nonce="n",
                heartbeat_s=30,
                max_message_bytes=65_536,
                venue_id="v",
                at_ns=0,
            )
        )
        auth = await self.receive()
        assert isinstance(auth, Auth)
        await self.send(
            AuthOk(
                request_id=auth.request_id,
                session_id=session_id,
                account_id=7,
                roles=["trader"],
                position=position,
                market_ns=5,
                resumed=resumed,
            )
        )
        return auth

    async def serve_orders_channel(self, position: Position) -> None:
        """Answers the subscription with an empty snapshot at this position."""
        request = await self.receive()
        assert isinstance(request, Subscribe)
        assert request.channels == ["orders"]
        await self.send(
            Done(request_id=request.request_id),
            Orders(as_of_seq=position[0], account_id=7, position=position, orders=[]),
        )

    async def accept(self, log_seq: int, *, duplicate: bool = False) -> Any:
        """Acknowledges the next order."""
        order = await self.receive()
        await self.send(
            Ack(
                request_id=order.request_id,
                log_seq=log_seq,
                order_id=log_seq,
                client_order_id=order.client_order_id,
                duplicate=duplicate,
            )
        )
        return order


Part = Callable[[Peer], Awaitable[None]]


class ScriptedExchange:
    """Serves /v1/ws, one part a connection in order; beyond the last it refuses."""

    def __init__(self, *parts: Part) -> None:
        self._parts = list(parts)
        self.connection_count = 0
        self.errors: list[BaseException] = []
        self.app = web.Application()
        self.app.router.add_get("/v1/ws", self._serve)
        self._server = TestServer(self.app)

    async def __aenter__(self) -> str:
        await self._server.start_server()
        return str(self._server.make_url("")).rstrip("/")

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()
        for error in self.errors:
            raise error

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.connection_count == len(self._parts):
            return web.Response(status=503)
        part = self._parts[self.connection_count]
        self.connection_count += 1
        socket = web.WebSocketResponse(protocols=("gx.v1.json", "gx.v1.msgpack"))
        await socket.prepare(request)
        try:
            await part(Peer(socket))
        except Exception as error:  # told to the test, which is the part's author
            self.errors.append(error)
        await socket.close()
        return socket


def execution(position: Position, previous: Position, *, replay: bool = False) -> Execution:
    """Some fill at this position."""
    return Execution(
        position=position,
        previous=previous,
        order_id=1,
        client_order_id="c",
        instrument="A:M2703",
        side="buy",
        exec_type="trade",
        order_status="partially_filled",
        order_qty=16,
        limit_price=100,
        cum_qty=8,
        leaves_qty=8,
        replay=replay,
    )
