"""
The socket under a session: aiohttp's handshake and reading, our own frames for writing.

Frames go straight to the transport, whole, so they may stand between aiohttp's own pings and
closes. Nothing is compressed. Reading pauses while too many requests wait for their answers.
"""

import asyncio

import structlog
from aiohttp import WSMsgType, web

from exchange.domain.reasons import Reason, Refused

from .codec import CODECS, JSON_PROTOCOL, MSGPACK_PROTOCOL, close_frame
from .hub import Hub
from .session import Session

CLOSE_GRACE_S = 3.0
"""Between a close frame and cutting the connection."""

log = structlog.get_logger()


class SocketConnection:
    """A session's view of an aiohttp websocket."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, frames: bytes) -> None:
        """Queues bytes; after a disconnect they go nowhere."""
        if not self._transport.is_closing():
            self._transport.write(frames)

    def behind_bytes(self) -> int:
        """The transport's write buffer."""
        return self._transport.get_write_buffer_size()

    def close(self, code: int, text: str) -> None:
        """Writes a close frame; a peer that does not answer it is cut off."""
        self.write(close_frame(code, text))
        asyncio.get_running_loop().call_later(CLOSE_GRACE_S, self._transport.abort)


async def serve_websocket(request: web.Request, hub: Hub) -> web.StreamResponse:
    """`GET /v1/ws`, from the handshake to the end of the session."""
    offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    wanted = [p for p in offered if p in CODECS]
    if offered != [""] and not wanted:
        raise web.HTTPBadRequest(text=f"subprotocol is none of {', '.join(CODECS)}")
    hub.require_open()
    count, limit = len(hub.newcomers), hub.settings.max_unauthenticated_count
    if count >= limit:
        raise Refused(Reason.OVERLOAD, count, limit)
    response = web.WebSocketResponse(
        protocols=(JSON_PROTOCOL, MSGPACK_PROTOCOL),
        compress=False,
        heartbeat=hub.settings.heartbeat_s,
        max_msg_size=hub.settings.max_message_bytes + 1,
        decode_text=False,
    )
    await response.prepare(request)
    transport = request.transport
    if transport is None:
        return response
    codec = CODECS[response.ws_protocol or JSON_PROTOCOL]
    session = Session(hub, codec, SocketConnection(transport))
    await _run(session, response, hub)
    return response


async def _run(session: Session, response: web.WebSocketResponse, hub: Hub) -> None:
    """Feeds the session until either side ends it."""
    loop = asyncio.get_running_loop()
    deadline = loop.call_later(hub.settings.auth_timeout_s, session.time_out)
    expected = WSMsgType.TEXT if session.codec.is_text else WSMsgType.BINARY
    try:
        session.greet()
        while True:
            message = await response.receive()
            if message.type is not expected:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    session.bye(Reason.BAD_FRAME, 1003)
                    continue
                break
            session.feed(message.data)
            await session.room()
    finally:
        deadline.cancel()
        session.lost()
        log.debug("session_ended", session_id=session.session_id, code=response.close_code)
