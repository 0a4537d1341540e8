"""
One websocket session, apart from its socket: bytes in, frames out.

    hello ──auth──▶ opening ──durable──▶ open ──▶ closed

Orders are `order_entry`'s, market data is `stream`'s. Messages gather and leave once per commit, in
one write.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from msgspec.structs import replace

from exchange.domain import commands as c
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, Refused
from exchange.domain.wire import (
    AmendOrder,
    Auth,
    AuthOk,
    Bye,
    CancelOrder,
    Done,
    Error,
    Hello,
    Logout,
    MassCancel,
    Message,
    Ping,
    PlaceOrder,
    Request,
    Subscribe,
    Unsubscribe,
)

from .auth import Identity, authenticate
from .codec import Codec
from .desk_entry import DESK_REQUESTS, desk_command
from .hub import Hub
from .limits import AccountLimits
from .order_entry import OrderEntry
from .refusals import error_of_outcome, error_of_refusal
from .stream import Channel


class Connection(Protocol):
    """The socket, at the border."""

    def write(self, frames: bytes) -> None:
        """Queues bytes on the socket; never waits."""

    def behind_bytes(self) -> int:
        """How many bytes the socket has not taken yet."""

    def close(self, code: int, text: str) -> None:
        """Says goodbye and, after a grace, cuts."""


class SessionState(Enum):
    """Where a session stands."""

    HELLO = "hello"
    OPENING = "opening"
    OPEN = "open"
    CLOSED = "closed"


class Session:
    """
    The state machine of one connection.

    Holds what the client subscribed to and what it has yet to be told. `feed` never raises for what
    a client sent.
    """

    def __init__(self, hub: Hub, codec: Codec, connection: Connection) -> None:
        self.codec = codec
        self.state = SessionState.HELLO
        self.session_id = 0
        self.channels: dict[str, Channel] = {}
        self.open_request_count = 0
        self.limits: AccountLimits
        self._hub = hub
        self._connection = connection
        self.identity: Identity
        """Whose session it is; this and the next three from authentication on."""
        self.account_id = 0
        self.key_id = 0
        self._has_room = asyncio.Event()
        self._messages: list[Message] = []
        self._is_dirty = False
        self._checking: asyncio.Task[None] | None = None
        """Held so that it is not lost on the way."""
        self._is_logout = False
        self._handlers: dict[type[Request], Callable[[Any], None]] = {
            Auth: self._authenticate_again,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Ping: self._ping,
            Logout: self._logout,
        }

    # -- facts

    @property
    def is_closed(self) -> bool:
        """It takes and tells nothing any more."""
        return self.state is SessionState.CLOSED

    @property
    def expires_ns(self) -> int:
        """Market time at which its key ends; 0 is never."""
        return self._hub.projections.participants.keys[self.key_id].expires_ns

    def behind_bytes(self) -> int:
        """Bytes the socket has not taken yet."""
        return self._connection.behind_bytes()

    def witness_token(self) -> str:
        """Of the log's durable head."""
        return self._hub.witness.token()

    # -- in

    def greet(self) -> None:
        """The first message: who we are, and what to keep to."""
        hub = self._hub
        hub.newcomers.add(self)
        self.send(
            Hello(
                session_nonce=secrets.token_hex(32),
                heartbeat_s=hub.settings.heartbeat_s,
                max_message_bytes=hub.settings.max_message_bytes,
                venue_id=hub.projections.venue.venue_id,
                at_ns=time.time_ns(),
            )
        )
        self.flush()
        if hub.is_draining:
            self.bye(Reason.DRAINING, 1001)

    def feed(self, payload: bytes) -> None:
        """Takes one frame; after a goodbye it is not even decoded."""
        if self.is_closed:
            return
        for request in self.codec.decode(payload):
            if self.is_closed:
                return
            if isinstance(request, Error):
                self.send(request)
            elif self.state is SessionState.OPEN:
                self._handlers[type(request)](request)
            elif self.state is SessionState.HELLO and isinstance(request, Auth):
                self._authenticate(request)
            else:
                refused = Refused(Reason.AUTH_REQUIRED)
                self.send(
                    replace(
                        error_of_refusal(refused, request.request_id),
                        message="the session is not authenticated",
                    )
                )

    async def room(self) -> None:
        """Returns once the client may ask for more: at once, unless too much is unanswered."""
        if self.open_request_count >= self._hub.settings.max_open_requests_count:
            self._has_room.clear()
            await self._has_room.wait()

    def asked(self, refusal_cost: int) -> None:
        """A request is under way whose refusal takes that much."""
        self.open_request_count += 1
        self.limits.asked(refusal_cost)

    def answered(self, refusal_cost: int) -> None:
        """A request has its outcome."""
        self.open_request_count -= 1
        self.limits.answered(refusal_cost)
        if not self._has_room.is_set():
            self._has_room.set()

    def time_out(self) -> None:
        """Ends a connection that never authenticated."""
        if self.state in (SessionState.HELLO, SessionState.OPENING):
            self.bye(Reason.AUTH_REQUIRED, 4001)

    def lost(self) -> None:
        """The connection is gone; its session is closed in the log, its orders as it chose."""
        self._leave()
        if self._hub.sessions.pop(self.session_id, None) is not None:
            self._hub.close_session(self.session_id, self._is_logout)

    # -- out

    def send(self, message: Message) -> None:
        """Queues a message; it leaves at the end of the commit or of this turn of the loop."""
        if self.state is SessionState.CLOSED:
            return
        self._messages.append(message)
        if not self._is_dirty:
            self._is_dirty = True
            self._hub.mark_dirty(self)

    def send_all(self, messages: list[Message]) -> None:
        """Queues several."""
        for message in messages:
            self.send(message)

    def refuse(self, request: Request, refused: Refused, field: str = "") -> None:
        """Answers a request with a refusal that is not recorded."""
        self.count_refusal(refused.reason)
        self.send(error_of_refusal(refused, request.request_id, field))

    def count_refusal(self, reason: Reason) -> None:
        """A refusal that is not recorded by itself."""
        self._hub.count_refusal(self.account_id, reason)

    def flush(self) -> None:
        """Writes what is queued in one go; a client that does not read is closed."""
        self._is_dirty = False
        if not self._messages or self.state is SessionState.CLOSED:
            return
        messages, self._messages = self._messages, []
        self._connection.write(self.codec.frames(messages))
        if self._connection.behind_bytes() > self._hub.settings.private_behind_bytes:
            self.bye(Reason.SLOW_CONSUMER, 4003)

    def write(self, frames: bytes) -> None:
        """Writes frames made elsewhere, behind what is queued."""
        self.flush()
        if self.state is not SessionState.CLOSED:
            self._connection.write(frames)

    def bye(self, reason: Reason, close_code: int) -> None:
        """Says why, closes, and takes nothing more."""
        if self.state is SessionState.CLOSED:
            return
        self._messages.append(Bye(reason=reason.name.lower()))
        messages, self._messages = self._messages, []
        self._connection.write(self.codec.frames(messages))
        self._connection.close(close_code, reason.name.lower())
        self._leave()

    def _leave(self) -> None:
        """Takes and tells nothing any more."""
        self._hub.newcomers.discard(self)
        self.state = SessionState.CLOSED
        self._messages.clear()
        for channel in self.channels.values():
            self._hub.streams.unsubscribe(self, channel)
        self.channels.clear()
        self._hub.streams.forget(self)

    # -- authentication

    def _authenticate(self, request: Auth) -> None:
        hub = self._hub
        try:
            identity = authenticate(
                request.token, hub.projections.participants, hub.sequencer.market_ns
            )
            if not hub.limits_of(identity.account_id).sessions.take(1):
                raise Refused(Reason.RATE, 0, hub.settings.sessions_per_second_count)
        except Refused as refused:
            self._turn_away(request, refused, "token")
            return
        self.identity = identity
        self.account_id = identity.account_id
        self.key_id = identity.key_id
        self.limits = hub.limits_of(identity.account_id)
        self.state = SessionState.OPENING
        if request.witness:
            self._checking = asyncio.create_task(self._check_witness(request))
        else:
            self._open(request)

    async def _check_witness(self, request: Auth) -> None:
        """Nothing is done for a client that knows more of the log than there is."""
        try:
            await self._hub.witness.check(request.witness)
        except Refused as refused:
            self._turn_away(request, refused, "witness")
        else:
            self._open(request)

    def _open(self, request: Auth) -> None:
        if self.state is SessionState.CLOSED:
            return
        command = c.OpenSession(
            key_id=self.key_id,
            is_cancel_on_disconnect=request.cancel_on_disconnect,
            previous_session_id=request.previous_session_id,
        )
        try:
            self._hub.sequencer.submit(command, lambda outcome: self._opened(request, outcome))
        except Refused as refused:
            self._turn_away(request, refused)

    def _turn_away(self, request: Auth, refused: Refused, field: str = "") -> None:
        self.send(error_of_refusal(refused, request.request_id, field))
        self.bye(refused.reason, 1008)

    def _opened(self, request: Auth, outcome: Outcome) -> None:
        if outcome.reason is not None:
            self.send(error_of_outcome(outcome, request.request_id))
            self.bye(outcome.reason, 1008)
            return
        hub = self._hub
        if self.state is SessionState.CLOSED:
            hub.close_session(outcome.seq, False)
            return
        self.session_id = outcome.seq
        self.state = SessionState.OPEN
        entry = OrderEntry(self, self._hub, self.identity)
        self._handlers |= {
            PlaceOrder: entry.place,
            AmendOrder: entry.amend,
            CancelOrder: entry.cancel,
            MassCancel: entry.mass_cancel,
        }
        self._handlers |= dict.fromkeys(
            DESK_REQUESTS,
            lambda request: entry.send(request, desk_command(request, self._hub)),
        )
        hub.newcomers.discard(self)
        hub.sessions[outcome.seq] = self
        orders = hub.projections.orders
        missed = None
        if request.resume_from is not None:
            missed = orders.since(self.account_id, request.resume_from)
        self.send(
            AuthOk(
                request_id=request.request_id,
                session_id=outcome.seq,
                account_id=self.account_id,
                roles=[role.value for role in self.identity.participant.roles],
                position=orders.position(self.account_id),
                market_ns=hub.sequencer.market_ns,
                resumed=missed is not None,
                log_seq=hub.projections.at_seq,
                witness=hub.witness.token(),
            )
        )
        if missed is None and request.resume_from is not None:
            # Too far back, or of another history: it starts again from a snapshot.
            for name in ("orders", "positions", "balances"):
                self._join(name)
        if missed is not None:
            self.channels["orders"] = Channel("orders", "orders")
            hub.streams.follow_orders(self)
            self.send_all([replace(execution, replay=True) for execution in missed])

    def _authenticate_again(self, request: Auth) -> None:
        refused = Refused(Reason.ALREADY_DONE)
        self.send(error_of_refusal(refused, request.request_id))

    # -- the rest

    def _is_leading(self, request: Request) -> bool:
        """Whether anything may be said of how it is now; tells the client where it may not."""
        try:
            self._hub.require_lease()
        except Refused as refused:
            self.refuse(request, refused)
            return False
        return True

    def _subscribe(self, request: Subscribe) -> None:
        if not self._is_leading(request):
            return
        streams, limit = self._hub.streams, self._hub.settings.max_subscriptions_count
        parsed = [streams.parse(name) for name in request.channels]
        for name, channel in zip(request.channels, parsed, strict=True):
            if channel is None:
                error = error_of_refusal(Refused(Reason.NOT_FOUND), request.request_id, "channels")
                self.send(replace(error, message=f"there is no channel {name!r}"))
                return
        wanted = {channel.name: channel for channel in parsed if channel is not None}
        count = len(self.channels.keys() | wanted.keys())
        if count > limit:
            self.refuse(request, Refused(Reason.SUBSCRIPTIONS, count, limit), "channels")
            return
        self.send(Done(request_id=request.request_id))
        for channel in wanted.values():
            self.channels[channel.name] = channel
            streams.subscribe(self, channel)

    def _join(self, name: str) -> None:
        channel = Channel(name, name)
        self.channels[name] = channel
        self._hub.streams.subscribe(self, channel)

    def _unsubscribe(self, request: Unsubscribe) -> None:
        for name in request.channels:
            channel = self.channels.pop(name, None)
            if channel is not None:
                self._hub.streams.unsubscribe(self, channel)
        self.send(Done(request_id=request.request_id))

    def _ping(self, request: Ping) -> None:
        if self._is_leading(request):
            self.send(self._hub.pong(request.request_id))

    def _logout(self, request: Logout) -> None:
        self._is_logout = True
        self.send(Done(request_id=request.request_id))
        self.flush()
        self._connection.close(1000, "logout")
        self._leave()
