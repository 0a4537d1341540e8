"""
What all sessions share, and the gateway's ear at the sequencer.

On every commit the hub folds the records into the projections, hands what changed to the streams,
and lets each session that has something to say write once. It runs in the writer's own task, so it
does only what takes microseconds.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from exchange.domain.commands import (
    AdvanceClock,
    CloseSession,
    Command,
    CountRefusals,
    PublishMarks,
    RevokeKey,
)
from exchange.domain.events import CommandRefused, KeyRevoked, SessionOpened
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, RefusalCount, Refused
from exchange.domain.record import Record
from exchange.domain.wire import Pong
from exchange.engine.sequencer import Sequencer
from exchange.projections import Projections

from .limits import FRAME_COST, AccountLimits, refusal_cost
from .metrics import Metrics
from .settings import GatewaySettings
from .stream import Streams
from .witness import Witness

if TYPE_CHECKING:
    from .session import Session

RETRY_S = 0.1
MAX_COUNTED_ROWS = 256
"""As many as one command may carry."""


class Hub:
    """One gateway: its sessions, its streams, its limits."""

    def __init__(
        self,
        sequencer: Sequencer,
        projections: Projections,
        settings: GatewaySettings,
        witness: Witness,
        lease_age_ns: Callable[[], int],
    ) -> None:
        self.sequencer = sequencer
        self.projections = projections
        self.settings = settings
        self.witness = witness
        self._lease_age_ns = lease_age_ns
        self.streams = Streams(projections, settings)
        self.metrics = Metrics()
        self.sessions: dict[int, Session] = {}
        """Authenticated sessions by id."""
        self.newcomers: set[Session] = set()
        """Connections that have not authenticated yet."""
        self.is_draining = False
        self._limits: dict[int, AccountLimits] = {}
        self._dirty: list[Session] = []
        self._is_flush_due = False
        self._last_tick_ns = time.monotonic_ns()
        self._commands: Counter[str] = Counter()
        self._refusals: Counter[Reason] = Counter()
        self._event_count = 0
        self._uncounted: Counter[tuple[int, Reason]] = Counter()
        """By account and reason, since they were last put on record."""

    # -- follower

    def follow(self, records: Sequence[Record]) -> None:
        """Folds a commit, then does what some records ask of a gateway."""
        self.projections.apply_all(records)
        commands = self._commands
        paying: set[int] = set()
        for record in records:
            kind = type(record.command)
            commands[kind.__name__] += 1
            self._event_count += len(record.events)
            first = record.events[0] if record.events else None
            if first is None or type(first) is CommandRefused:
                self._charge(record.command, paying)
            if type(first) is CommandRefused:
                self._refusals[first.reason] += 1
            elif kind is AdvanceClock:
                self._last_tick_ns = time.monotonic_ns()
                self._close_expired()
            elif kind is RevokeKey:
                self._close_revoked(record)
            elif type(first) is SessionOpened:
                self._supersede(first.previous_session_id, Reason.ALREADY_DONE)
            elif kind is PublishMarks:
                self.streams.marks_changed(record)

    def committed(self) -> None:
        """Writes what the commit brought, once for each session, and counts it."""
        self.streams.committed()
        self.flush()
        self.metrics.count(
            self._commands,
            self._refusals,
            self._event_count,
            self.projections.at_seq,
            len(self.sessions),
        )
        self._commands.clear()
        self._refusals.clear()
        self._event_count = 0

    # -- sessions

    def mark_dirty(self, session: "Session") -> None:
        """The session has messages to write: at the end of the commit, or of this loop turn."""
        self._dirty.append(session)
        if not self._is_flush_due:
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Lets every session with messages write."""
        self._is_flush_due = False
        dirty, self._dirty = self._dirty, []
        for session in dirty:
            session.flush()

    def limits_of(self, account_id: int) -> AccountLimits:
        """The account's buckets."""
        limits = self._limits.get(account_id)
        if limits is None:
            limits = self._limits[account_id] = AccountLimits(self.settings, time.monotonic_ns)
        return limits

    def close_session(self, session_id: int, is_logout: bool) -> None:
        """Records a session's end, and tries again while the queue is full: orders hang on it."""
        command = CloseSession(closed_session_id=session_id, is_logout=is_logout)
        try:
            self.sequencer.submit(command, _ignore)
        except Refused as refused:
            if refused.reason is Reason.OVERLOAD:
                loop = asyncio.get_running_loop()
                loop.call_later(RETRY_S, self.close_session, session_id, is_logout)

    def beat(self) -> None:
        """Lets every client hear that we live, where the market is and how far its log."""
        pong = self.pong()
        for session in list(self.sessions.values()):
            session.send(pong)

    def pong(self, request_id: int = 0) -> Pong:
        """Where the market and its log are."""
        return Pong(
            request_id=request_id,
            market_ns=self.projections.venue.market_ns,
            log_seq=self.projections.at_seq,
            witness=self.witness.token(),
        )

    def drain(self) -> None:
        """Says goodbye to all who are connected; their orders fare as on any disconnect."""
        self.is_draining = True
        for session in [*self.newcomers, *self.sessions.values()]:
            session.bye(Reason.DRAINING, 1001)

    def valid_until_ns(self, valid_until_ns: int) -> int:
        """The client's limit, else the default one from now."""
        return valid_until_ns or self.sequencer.market_ns + self.settings.validity_ns

    def count_refusal(self, account_id: int, reason: Reason) -> None:
        """A refusal that is not recorded by itself."""
        self._uncounted[account_id, reason] += 1

    def _charge(self, command: Command, paying: set[int]) -> None:
        """A record that changed nothing; `paying` are whom the commit's frame is charged to."""
        if command.key_id == 0:
            return  # The exchange's own.
        account_id = self.projections.participants.keys[command.key_id].account_id
        frame_cost = 0 if account_id in paying else FRAME_COST
        paying.add(account_id)
        self.limits_of(account_id).refusals.spend(refusal_cost(command) + frame_cost)

    def record_counts(self) -> None:
        """Puts the refusals since the last time on record; what the list cannot hold waits."""
        rows = self._uncounted.most_common(MAX_COUNTED_ROWS)
        if not rows or not self.sequencer.is_ready:
            return
        counts = [RefusalCount(*key, count) for key, count in sorted(rows)]
        self.sequencer.submit(CountRefusals(counts=counts), _ignore)
        for key, _ in rows:
            del self._uncounted[key]

    def require_lease(self) -> None:
        """Refuses to speak of now while another exchange may lead."""
        age_ms, lease_ms = self._lease_age_ns() // 1_000_000, self.settings.lease_ms
        if lease_ms and age_ms > lease_ms:
            raise Refused(Reason.NOT_LEADER, age_ms, lease_ms)

    def require_open(self) -> None:
        """Refuses what would change anything once the exchange stops."""
        if self.is_draining:
            raise Refused(Reason.DRAINING)

    def tick_age_ms(self) -> int:
        """How long ago the clock last ticked."""
        return (time.monotonic_ns() - self._last_tick_ns) // 1_000_000

    def _close_revoked(self, record: Record) -> None:
        revoked = {event.key_id for event in record.events if isinstance(event, KeyRevoked)}
        for session in [s for s in self.sessions.values() if s.key_id in revoked]:
            self._supersede(session.session_id, Reason.BAD_SIGNATURE)

    def _supersede(self, session_id: int, reason: Reason) -> None:
        """Ends a session that the log has ended already, so nothing is recorded for it."""
        session = self.sessions.pop(session_id, None)
        if session is not None:
            session.bye(reason, 1008)

    def _close_expired(self) -> None:
        now_ns = self.projections.venue.market_ns
        for session in [s for s in self.sessions.values() if 0 < s.expires_ns <= now_ns]:
            session.bye(Reason.KEY_EXPIRED, 1008)


def _ignore(_outcome: Outcome) -> None:
    """Nobody waits for this outcome."""
