"""
Executes commands against the state, and rebuilds the state from recorded events.

    live:      command ─▶ execute ─▶ (outcome, record bytes)      the state has moved on
    recovery:  record bytes ─▶ apply                              the same functions
    audit:     record bytes ─▶ verify                             decided again, compared

The engine reads no clock, no randomness and no environment. It is not thread-safe and has one
caller, the sequencer (or a tool that replays a log).
"""

from msgspec.structs import replace

from exchange.domain.commands import Command, CreateVenue
from exchange.domain.events import CommandRefused, Event
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, Refused
from exchange.domain.record import (
    decode_body,
    encode_command,
    encode_event,
    join_record,
)
from exchange.domain.units import NS_PER_DAY
from exchange.rules import (
    DECIDE,
    EVOLVE,
    ORDER_PATH,
    Access,
    State,
    access_of,
)
from exchange.rules.marks import note_trades
from exchange.rules.state import VENUE_ACCOUNT_ID, Seen

MAX_COMMAND_IDS = 1_000_000
"""Client ids kept for an account; beyond it commands are refused, none is forgotten early."""


class Difference(Exception):
    """A recorded command, decided again, gave other events than those recorded."""

    def __init__(self, seq: int, event_index: int, recorded: str, decided: str) -> None:
        super().__init__(
            f"record {seq}, event {event_index}: recorded {recorded}, decided {decided}"
        )
        self.seq = seq
        self.event_index = event_index
        self.recorded = recorded
        self.decided = decided


class Engine:
    """One shard's state and the rules that move it."""

    def __init__(self, state: State | None = None) -> None:
        self.state = State() if state is None else state
        self.faults: list[tuple[int, Exception]] = []
        """(seq, exception) of rules that raised since the caller last looked; an alarm each."""
        self._access: dict[int, Access] = {}
        """By key, what keys have asked for since anything but an order moved the state."""

    # -- live --------------------------------------------------------------------------------------

    def execute(self, command: Command) -> tuple[Outcome, bytes | None]:
        """
        Decides and applies one command: its outcome, and its record where it is to be recorded.

        The outcome must not leave before the record, and every earlier one, is durable.
        """
        try:
            # Before anything moves: a command that cannot be recorded must not be decided.
            encoded = encode_command(command)
        except (UnicodeEncodeError, OverflowError):
            return Outcome(0, Reason.SCHEMA), None
        account_id = VENUE_ACCOUNT_ID
        try:
            kind = type(command)
            access = self._authorise(command, kind)
            account_id = access.account_id
            seen = self.state.seen.get(account_id)
            if seen is not None and command.command_id:
                entry = seen.get(command.command_id)
                if entry is not None:
                    return self._repeat(command, entry), None
                if len(seen) >= MAX_COMMAND_IDS:
                    raise Refused(Reason.COMMAND_IDS, len(seen), MAX_COMMAND_IDS)
            _require_allowed(command, kind, access, self.state)
            if kind in ORDER_PATH:
                record = self._order(command, kind, account_id, encoded)
            else:
                record = self._decide_and_evolve(command, account_id, encoded)
        except Refused as refused:
            return self._refuse(command, account_id, refused, encoded)
        return Outcome(self.state.seq), record

    def _authorise(self, command: Command, kind: type[Command]) -> Access:
        """What the command's key may do at this very sequence number; refuses a useless one."""
        access = self._access.get(command.key_id)
        if access is None:
            access = self._access[command.key_id] = access_of(command.key_id, self.state)
        if self.state.market_ns >= access.expires_ns:
            raise Refused(Reason.KEY_EXPIRED, self.state.market_ns, access.expires_ns)
        if kind not in access.in_scope:
            raise Refused(Reason.SCOPE, command.key_id)
        return access

    def _repeat(self, command: Command, entry: Seen) -> Outcome:
        """What the account's earlier command of this id got; refuses where it was another one."""
        if _body(entry.command) != _body(command):
            raise Refused(Reason.ID_CONFLICT, self.state.seq, entry.seq)
        refusal = entry.refusal
        if refusal is None:
            return Outcome(entry.seq, is_duplicate=True)
        return Outcome(entry.seq, refusal.reason, refusal.value, refusal.limit, refusal.day, True)

    def _order(
        self, command: Command, kind: type[Command], account_id: int, encoded: bytes
    ) -> bytes | None:
        """The record of an order command, None where it changed nothing."""
        state = self.state
        core = state.core
        ORDER_PATH[kind](command, state, account_id)
        record = core.take_record(encoded)
        if record is not None:
            state.seq += 1
            if core.trades:
                note_trades(core.take_trades(), state)
            self._remember(command, account_id, None)
        return record

    def _decide_and_evolve(self, command: Command, account_id: int, encoded: bytes) -> bytes:
        """The record of a command whose events are decided first and then taken in."""
        state = self.state
        try:
            events = DECIDE[type(command)](command, state, account_id)
        except Refused:
            raise
        except Exception as fault:
            self.faults.append((state.seq + 1, fault))
            raise Refused(Reason.INTERNAL_ERROR) from fault
        state.seq += 1
        self._evolve(events)
        self._remember(command, account_id, None)
        return join_record(encoded, len(events), b"".join(map(encode_event, events)))

    def _refuse(
        self, command: Command, account_id: int, refused: Refused, encoded: bytes
    ) -> tuple[Outcome, bytes | None]:
        """The outcome of a refusal, and its record where it is a fact of the market."""
        state, reason = self.state, refused.reason
        outcome = Outcome(0, reason, refused.value, refused.limit, refused.day)
        if not reason.is_recorded or state.venue is None:
            return outcome, None
        refusal = CommandRefused(reason, refused.value, refused.limit, refused.day)
        state.seq += 1
        self._remember(command, account_id, refusal)
        return replace(outcome, seq=state.seq), join_record(encoded, 1, encode_event(refusal))

    def _evolve(self, events: list[Event]) -> None:
        for event in events:
            EVOLVE[type(event)](event, self.state)
        # Any of them may have been about a key or an account.
        self._access.clear()

    def _remember(self, command: Command, account_id: int, refusal: CommandRefused | None) -> None:
        if command.command_id:
            entry = Seen(self.state.seq, command, refusal)
            self.state.seen.setdefault(account_id, {})[command.command_id] = entry

    # -- recovery and audit ------------------------------------------------------------------------

    def apply(self, record: bytes) -> tuple[Command, list[Event]]:
        """Takes the next record's events into the state; its command is only remembered."""
        command, events = decode_body(record)
        self._apply(command, events)
        return command, events

    def verify(self, record: bytes) -> tuple[Command, list[Event]]:
        """
        Decides the next record's command again and compares every event byte for byte.

        Raises `Difference` at the first one. The command runs on the state that recorded events
        made, since each record before this one was equal.
        """
        command, events = decode_body(record)
        seq = self.state.seq + 1
        outcome, again = self.execute(command)
        if again != record:
            _raise_difference(seq, events, again, outcome)
        return command, events

    def _apply(self, command: Command, events: list[Event]) -> None:
        state = self.state
        state.seq += 1
        account_id = VENUE_ACCOUNT_ID
        if command.key_id:
            # The key may end in this very record, so its account is read before.
            account_id = state.keys[command.key_id].account_id
        self._evolve(events)
        first = events[0] if events else None
        self._remember(command, account_id, first if isinstance(first, CommandRefused) else None)


def _require_allowed(command: Command, kind: type[Command], access: Access, state: State) -> None:
    """Refuses a late command, and one that is not its sender's to give."""
    valid_until_ns = command.valid_until_ns
    if valid_until_ns and state.market_ns > valid_until_ns:
        raise Refused(Reason.TOO_LATE, state.market_ns, valid_until_ns)
    if state.venue is None:
        if kind is not CreateVenue:
            raise Refused(Reason.LOG_UNAVAILABLE)
    elif valid_until_ns:
        # Ids expire with the start of a day, up to a day short of their retention.
        latest_ns = state.market_ns + state.venue.command_id_retention_ns - NS_PER_DAY
        if valid_until_ns > latest_ns:
            raise Refused(Reason.VALIDITY, valid_until_ns, latest_ns)
    if kind not in access.allowed:
        raise Refused(Reason.WRONG_ROLE, access.account_id)


def _body(command: Command) -> Command:
    """The command without what repeating it may change."""
    return replace(command, key_id=0, session_id=0, valid_until_ns=0)


def _raise_difference(seq: int, events: list[Event], again: bytes | None, outcome: Outcome) -> None:
    decided = [] if again is None else decode_body(again)[1]
    for index in range(max(len(events), len(decided))):
        recorded_event = repr(events[index]) if index < len(events) else "nothing"
        decided_event = repr(decided[index]) if index < len(decided) else "nothing"
        if recorded_event != decided_event:
            raise Difference(seq, index, recorded_event, decided_event)
    raise Difference(seq, 0, "the recorded bytes", f"other bytes of equal events, {outcome}")
