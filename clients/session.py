"""
A websocket session that survives its connections.

Everything sent waits in `_pending` until it is answered. When a connection is lost the session
connects again, names the session it continues and the last private position it has seen, and sends
what is still unanswered byte for byte as before. Ids are idempotent at the exchange, so a command
that had already been accepted is answered again, marked as a duplicate, and happens once.

A hole in the private messages (see `continuity`) is treated as a lost connection: the next one
resumes from what is there.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from exchange.domain.desk_wire import Desk, DeskTrades
from exchange.domain.lending_views import Loans
from exchange.domain.lot_wire import LotNews
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY
from exchange.domain.wire import (
    Ack,
    AnyMessage,
    Auth,
    AuthOk,
    Balances,
    Book,
    Bye,
    Done,
    Error,
    Execution,
    Hello,
    Logout,
    Marks,
    Orders,
    Ping,
    Pong,
    Positions,
    Request,
    Subscribe,
    Trade,
    Unsubscribe,
)

from .backoff import Backoff
from .continuity import Continuity, Unjoined, Witness
from .errors import ExchangeError, ProtocolError, Refused, Unauthorized, Unavailable, error_from
from .frames import Encoding, FrameCodec
from .subscriptions import Callback, Subscription, SubscriptionTable, Update, batches

Reply = Ack | Done | Pong
HANDSHAKE_S = 10.0
CLOSE_S = 2.0
"""A peer that does not answer our close by then is left."""
MAX_INBOUND_BYTES = 64 << 20
"""Snapshots of a large account are long; anything beyond this is not ours."""
STEADY_S = 1.0
"""A connection that held this long ends the counting of failed attempts."""

_ASK_ELSEWHERE = frozenset(
    {Reason.NOT_LEADER, Reason.LOG_UNAVAILABLE, Reason.DRAINING, Reason.OUTCOME_UNKNOWN}
)
_CLOSED_FOR_AUTH = 1008
_CLOSED_FOR_OUR_FRAMES = frozenset({1002, 1003, 1007, 1009})


class _ConnectionLost(Exception):
    """The connection ended; what is pending is sent again on the next one."""


RESEND_LIMIT_NS = NS_PER_DAY
"""Market time for which the exchange is sure to know an id; later a repeat could run twice."""


@dataclass(frozen=True)
class _Pending:
    encoded: bytes
    reply: asyncio.Future[Reply]
    market_ns: int
    """When it was first sent, as far as was known."""


class Session:
    """One account's conversation with the exchange, across as many connections as it takes."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        urls: Sequence[str],
        token: str,
        *,
        encoding: Encoding = "json",
        cancel_on_disconnect: bool = False,
        backoff: Backoff | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._http = http
        self._urls = list(urls)
        """The leader's first; where that is silent, those that may have taken over."""
        self._token = token
        self._codec = FrameCodec(encoding)
        self._cancel_on_disconnect = cancel_on_disconnect
        self._backoff = backoff or Backoff()
        self._max_message_bytes = 65_536
        self._heartbeat_s = 10.0
        self._last_request_id = 0
        self._pending: dict[int, _Pending] = {}
        self._outbox: list[bytes] = []
        self._has_outbox = asyncio.Event()
        self._table = SubscriptionTable()
        self._session_id = 0
        self._continuity = Continuity()
        self._witness = witness or Witness()
        self._task: asyncio.Task[None] | None = None
        self.failure: ExchangeError | None = None
        """What ended the session, once it has ended."""
        self.auth: AuthOk | None = None
        """The exchange's last word on who we are."""
        self.market_ns = 0
        """Market time as last heard."""
        self.connection_count = 0

    # -- opening and closing ----------------------------------------------------------------------

    async def open(self) -> AuthOk:
        """Connects and authenticates; the first attempt is the only one."""
        opened: asyncio.Future[AuthOk] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(opened))
        self._task.add_done_callback(self._ended_by_a_bug)
        return await opened

    async def close(self) -> None:
        """Drops the connection without a logout."""
        if self._task is not None:
            await _cancelled(self._task)
            self._task = None
        self._end(Unavailable("the session was closed by its owner"), is_failure=False)

    async def logout(self) -> None:
        """Ends the session explicitly: its orders stay, even with cancel-on-disconnect."""
        await self.ask(Logout())
        await self.close()

    # -- asking -----------------------------------------------------------------------------------

    def submit(self, request: Request) -> "asyncio.Future[Reply]":
        """
        Sends without waiting; the future holds the reply or raises what the exchange said.

        Requests of one turn of the event loop leave together, up to 64 in a frame.
        """
        if self.failure is not None:
            raise self.failure
        if self._task is None:
            raise Unavailable("the session is not open")
        self._last_request_id += 1
        request_id = self._last_request_id
        encoded = self._codec.encode(msgspec.structs.replace(request, request_id=request_id))
        if len(encoded) > self._max_message_bytes:
            raise ProtocolError(
                f"request of {len(encoded)} bytes is above {self._max_message_bytes}"
            )
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        reply.add_done_callback(_mark_retrieved)
        self._pending[request_id] = _Pending(encoded, reply, self.market_ns)
        self._send(encoded)
        return reply

    async def ask(self, request: Request) -> Reply:
        """Sends and waits, through reconnects, for the reply."""
        wait_s = self._backoff.give_up_s + 2 * HANDSHAKE_S
        try:
            async with asyncio.timeout(wait_s):
                return await self.submit(request)
        except TimeoutError:
            raise Unavailable(f"no answer to {type(request).__name__} in {wait_s:g} s") from None

    async def follow(self, channels: tuple[str, ...], callback: Callback | None) -> Subscription:
        """
        Subscribes; raises what the exchange says against it.

        A channel that is followed already is taken anew, so that this reader gets a snapshot too.
        """
        again = [channel for channel in self._table.channels() if channel in channels]
        subscription = Subscription(channels, self._unfollow, callback)
        self._table.add(subscription)
        try:
            for batch in batches(again):
                self.submit(Unsubscribe(channels=batch))
            for batch in batches(channels):
                await self.ask(Subscribe(channels=batch))
        except ExchangeError:
            self._table.remove(subscription)
            raise
        return subscription

    def _unfollow(self, subscription: Subscription) -> None:
        gone = self._table.remove(subscription)
        if "orders" in gone:
            self._continuity.forget()
        if self.failure is None and self._task is not None:
            for batch in batches(gone):
                self.submit(Unsubscribe(channels=batch))

    # -- connections ------------------------------------------------------------------------------

    async def _run(self, opened: "asyncio.Future[AuthOk]") -> None:
        loop = asyncio.get_running_loop()
        lost_at = loop.time()
        attempt = 0
        while True:
            began_at = loop.time()
            try:
                await self._live_one_connection(opened)
            except (ProtocolError, Unauthorized, Refused) as error:
                self._end(error)
            except (_ConnectionLost, Unjoined, Unavailable, aiohttp.ClientError, OSError) as error:
                now = loop.time()
                if now - began_at >= STEADY_S and self.auth is not None:
                    lost_at, attempt = now, 0
                attempt += 1
                self._urls.append(self._urls.pop(0))
                wait_s = self._backoff.wait_s(attempt)
                if self.auth is None or now + wait_s - lost_at > self._backoff.give_up_s:
                    tried = " or ".join(sorted(self._urls))
                    self._end(Unavailable(f"{tried} cannot be reached: {error}"))
            if self.failure is not None:
                if not opened.done():
                    opened.set_exception(self.failure)
                return
            await asyncio.sleep(wait_s)

    async def _live_one_connection(self, opened: "asyncio.Future[AuthOk]") -> None:
        """Connects, authenticates, sends what is pending, and reads until the end."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(HANDSHAKE_S):
                    socket = await self._http.ws_connect(
                        self._urls[0],
                        protocols=(self._codec.subprotocol,),
                        max_msg_size=MAX_INBOUND_BYTES,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                    )
                    stack.push_async_callback(socket.close)
                    early = await self._authenticate(socket)
            except TimeoutError:
                raise _ConnectionLost("no answer while connecting") from None
            except aiohttp.WSServerHandshakeError as error:
                raise Unavailable(f"no websocket here: status {error.status}") from error
            self._queue_everything_again()
            assert self.auth is not None
            if not opened.done():
                opened.set_result(self.auth)
            for work in (self._write(socket), self._keep_alive(socket)):
                task = asyncio.create_task(work)
                stack.push_async_callback(_cancelled, task)
            for message in early:
                self._take(message)
            await self._read(socket, self._take_all)

    async def _authenticate(self, socket: aiohttp.ClientWebSocketResponse) -> list[AnyMessage]:
        """The handshake; returns the messages that came in one frame with its end."""
        hello = (await self._receive(socket))[0]
        if not isinstance(hello, Hello):
            raise ProtocolError(f"expected hello, got {type(hello).__name__}")
        self._max_message_bytes = hello.max_message_bytes
        self._heartbeat_s = max(0.05, float(hello.heartbeat_s))
        auth = Auth(
            request_id=0,
            token=self._token,
            cancel_on_disconnect=self._cancel_on_disconnect,
            previous_session_id=self._session_id,
            resume_from=self._continuity.position,
            witness=self._witness.token,
        )
        await self._send_frame(socket, self._codec.encode(auth))
        while True:
            messages = await self._receive(socket)
            for index, message in enumerate(messages):
                match message:
                    case AuthOk():
                        self._begin(message)
                        return messages[index + 1 :]
                    case Error():
                        raise error_from(message)
                    case Bye():
                        raise Unavailable(f"the exchange said bye: {message.reason}")
                    case Pong():
                        pass
                    case _:
                        raise ProtocolError(f"{type(message).__name__} before auth_ok")

    def _begin(self, auth: AuthOk) -> None:
        self._continuity.begin(auth)
        self._witness.take(auth.witness)
        self._session_id = auth.session_id
        self.market_ns = auth.market_ns
        self.auth = auth
        self.connection_count += 1

    def _queue_everything_again(self) -> None:
        self._table.forget_books()
        channels = self._table.channels()
        self._outbox = [
            self._codec.encode(Subscribe(request_id=0, channels=b)) for b in batches(channels)
        ]
        for request_id, pending in list(self._pending.items()):
            if self.market_ns - pending.market_ns > RESEND_LIMIT_NS and pending.market_ns:
                del self._pending[request_id]
                message = "no answer for a market day: whether it was done is not known"
                pending.reply.set_exception(Unavailable(message))
        self._outbox += [pending.encoded for pending in self._pending.values()]
        self._has_outbox.set()

    # -- frames -----------------------------------------------------------------------------------

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> list[AnyMessage]:
        frame = await socket.receive()
        if frame.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            messages = self._codec.decode(frame.data)
            if not messages:
                raise ProtocolError("an empty array in a frame")
            return messages
        raise _end_of(socket)

    async def _read(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        take: Callable[[list[AnyMessage]], None],
    ) -> None:
        """Hands frames on until the end; a silence of three heartbeats is an end."""
        while True:
            try:
                async with asyncio.timeout(3 * self._heartbeat_s):
                    messages = await self._receive(socket)
            except TimeoutError:
                raise _ConnectionLost("three heartbeats missed") from None
            take(messages)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await self._has_outbox.wait()
            self._has_outbox.clear()
            outbox, self._outbox = self._outbox, []
            for frame in self._codec.join(outbox, self._max_message_bytes):
                try:
                    await self._send_frame(socket, frame)
                except (aiohttp.ClientError, OSError):
                    return  # the reader sees the same end and acts on it

    async def _keep_alive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while not socket.closed:
            await asyncio.sleep(self._heartbeat_s / 2)
            self._send(self._codec.encode(Ping()))

    async def _send_frame(self, socket: aiohttp.ClientWebSocketResponse, frame: bytes) -> None:
        if self._codec.is_text:
            await socket.send_str(frame.decode())
        else:
            await socket.send_bytes(frame)

    def _send(self, encoded: bytes) -> None:
        self._outbox.append(encoded)
        self._has_outbox.set()

    # -- messages ---------------------------------------------------------------------------------

    def _take_all(self, messages: list[AnyMessage]) -> None:
        for message in messages:
            self._take(message)

    def _take(self, message: AnyMessage) -> None:
        match message:
            case Ack():
                self._witness.take(message.witness)
                self._continuity.take_record(message.log_seq)
                self._answer(message.request_id, message)
            case Done():
                self._answer(message.request_id, message)
            case Pong():
                self._take_pong(message)
            case Error():
                self._take_error(message)
            case Execution():
                if self._continuity.is_next(message):
                    self._deliver(message)
            case Orders():
                self._continuity.take_snapshot(message)
                self._deliver(message)
            case (
                Book()
                | Trade()
                | Positions()
                | Balances()
                | Marks()
                | Desk()
                | DeskTrades()
                | Loans()
                | LotNews()
            ):
                self._deliver(message)
            case Bye():
                raise _ConnectionLost(f"the exchange said bye: {message.reason}")
            case Hello() | AuthOk():
                raise ProtocolError(f"{type(message).__name__} in an open session")

    def _take_pong(self, pong: Pong) -> None:
        self._continuity.take_log_seq(pong.log_seq)
        self._witness.take(pong.witness)
        self.market_ns = max(self.market_ns, pong.market_ns)
        if pong.request_id:
            self._answer(pong.request_id, pong)

    def _take_error(self, error: Error) -> None:
        if error.code in _ASK_ELSEWHERE:
            raise _ConnectionLost(f"{error.name}: {error.message}")
        pending = self._pending.pop(error.request_id, None)
        if pending is not None:
            if not pending.reply.done():
                pending.reply.set_exception(error_from(error))
        elif error.request_id == 0 and error.code < 3000:
            raise error_from(error)

    def _answer(self, request_id: int, reply: Reply) -> None:
        pending = self._pending.pop(request_id, None)
        if pending is not None and not pending.reply.done():
            pending.reply.set_result(reply)

    def _deliver(self, update: Update) -> None:
        for batch in batches(self._table.deliver(update)):
            self.submit(Unsubscribe(channels=batch))
            self.submit(Subscribe(channels=batch))

    def _ended_by_a_bug(self, task: "asyncio.Task[None]") -> None:
        """A callback that raises, or our own mistake, must not leave anyone waiting."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._end(ExchangeError(f"the session broke: {error!r}"))

    def _end(self, error: ExchangeError, *, is_failure: bool = True) -> None:
        """Nothing more will come: everyone who waits hears why."""
        self.failure = self.failure or error
        for pending in self._pending.values():
            if not pending.reply.done():
                pending.reply.set_exception(error)
        self._pending.clear()
        self._table.end(error if is_failure else None)


def _end_of(socket: aiohttp.ClientWebSocketResponse) -> Exception:
    """What a closed socket means, by its close code."""
    code = socket.close_code
    if code == _CLOSED_FOR_AUTH:
        return Unauthorized("the exchange closed the session: not authorized")
    if code in _CLOSED_FOR_OUR_FRAMES:
        return ProtocolError(f"the exchange closed the session over our frames: {code}")
    return _ConnectionLost(f"connection closed with {code}")


async def _cancelled(task: "asyncio.Task[None]") -> None:
    """Ends a task; unlike `suppress`, it lets a cancellation of the caller itself through."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


def _mark_retrieved(reply: "asyncio.Future[Any]") -> None:
    if not reply.cancelled():
        reply.exception()
