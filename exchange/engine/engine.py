"""
Executes commands against the state, and rebuilds the state from recorded events.

    live:      command ─▶ execute ─▶ (outcome, record bytes)      the state has moved on
    recovery:  record bytes ─▶ apply                              the same functions
    audit:     record bytes ─▶ verify                             decided again, compared

The engine reads no clock, no randomness and no environment. It is not thread-safe and has one
caller, the sequencer (or a tool that replays a log).
"""

import traceback

from msgspec.structs import replace

from exchange.domain.commands import (
    Command,
    MarkState,
    MassCancel,
    RecordStateHash,
    UncrossBooks,
)
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
    AccessTable,
    State,
    require_use,
)
from exchange.rules.book_trades import keep_record
from exchange.rules.linked import in_turn
from exchange.rules.noted_trades import note_trades
from exchange.rules.state import VENUE_ACCOUNT_ID, Seen
from exchange.rules.sublets import note_sublets

MAX_COMMAND_IDS = 1_000_000
"""Client ids kept for an account; beyond it commands are refused, none is forgotten early."""


class Difference(Exception):
    """A recorded command, decided again, gave other events than those recorded."""

    exit_code = 1

    def __init__(self, seq: int, event_index: int, recorded: str, decided: str) -> None:
        super().__init__(
            f"verify failed: record {seq}, event {event_index}: recorded {recorded}, decided "
            f"{decided}"
        )
        self.seq = seq
        self.event_index = event_index
        self.recorded = recorded
        self.decided = decided


class HalfApplied(Exception):
    """
    A rule raised when it may have changed the state in part: nothing can be built on that.

    What and where it was is in the message; the log does not have the command, and starting again
    rebuilds the state from the log.
    """

    exit_code = 8


class Engine:
    """One shard's state and the rules that move it."""

    def __init__(self, state: State | None = None) -> None:
        self.state = State() if state is None else state
        self.faults: list[tuple[int, Exception]] = []
        """(seq, exception) of rules that raised since the caller last looked; an alarm each."""
        self._access = AccessTable(self.state)
        self._marked_sha256: bytes | None = None
        """While verifying: what the state that was marked last hashed to."""

    # -- live --------------------------------------------------------------------------------------

    def execute(self, command: Command) -> tuple[Outcome, bytes | None]:
        """
        Decides and applies one command: its outcome, and its record where it is to be recorded.

        The outcome must not leave before the record, and every earlier one, is durable. An order's
        way is written in one piece, because each call of Python's would cost it 50 ns more.
        """
        try:
            # Before anything moves: a command that cannot be recorded must not be decided.
            encoded = encode_command(command)
        except (UnicodeEncodeError, OverflowError):
            return Outcome(0, Reason.SCHEMA), None
        state, kind, command_id = self.state, type(command), command.command_id
        account_id = VENUE_ACCOUNT_ID
        try:
            access = self._access[command.key_id]
            account_id = access.account_id
            is_allowed = kind in access.allowed
            if not is_allowed or state.market_ns >= access.expires_ns:
                require_use(access, command, state)
            seen = state.seen.get(account_id)
            if seen is not None and command_id:
                if command_id in seen:
                    return _repeat(command, seen[command_id], state), None
                if len(seen) >= MAX_COMMAND_IDS:
                    raise Refused(Reason.COMMAND_IDS, len(seen), MAX_COMMAND_IDS)
            if command.valid_until_ns:
                _require_timely(command, state)
            if not is_allowed:
                raise _not_its_to_give(account_id, state)
            order = ORDER_PATH.get(kind)
            if order is None:
                return self._decide_and_evolve(command, account_id, encoded)
            try:
                order(command, state, account_id)
            except Refused:
                raise
            except Exception as fault:
                raise self._poison(command, fault) from fault
        except Refused as refused:
            return self._refuse(command, account_id, refused, encoded)
        core = state.core
        record = core.take_record(encoded)
        if record is None:
            return self._leave(command, account_id, encoded)
        state.seq = seq = state.seq + 1
        if core.trades:
            trades = core.take_trades()
            first_trade_id = core.next_trade_id - len(trades)
            keep_record(record, first_trade_id, state)
            note_trades(trades, first_trade_id, state, is_auction=kind is UncrossBooks)
            note_sublets(core.take_sublets(), state)
        if command_id:
            if seen is None:
                seen = state.seen[account_id] = {}
            seen[command_id] = Seen(seq, command, None)
        return Outcome(seq), record

    def _decide_and_evolve(
        self, command: Command, account_id: int, encoded: bytes
    ) -> tuple[Outcome, bytes]:
        """What becomes of a command whose events are decided first and then taken in."""
        state = self.state
        try:
            events = DECIDE[type(command)](command, state, account_id)
            if state.core.has_links:
                events = in_turn(events, state)
        except Refused:
            raise
        except Exception as fault:
            self.faults.append((state.seq + 1, fault))
            raise Refused(Reason.INTERNAL_ERROR) from fault
        state.seq += 1
        try:
            self._evolve(events)
        except Exception as fault:
            raise _half_applied(command, state.seq, len(events), fault) from fault
        self._remember(command, account_id, None)
        record = join_record(encoded, len(events), b"".join(map(encode_event, events)))
        return Outcome(state.seq), record

    def _leave(
        self, command: Command, account_id: int, encoded: bytes
    ) -> tuple[Outcome, bytes | None]:
        """
        What becomes of an order's command that changed nothing: no record, or one without events.

        A mass cancel is remembered: sent again because its answer was lost, it would end what was
        placed since, and what the client had sent behind it.
        """
        if type(command) is not MassCancel or not command.command_id:
            return Outcome(self.state.seq), None
        self.state.seq += 1
        self._remember(command, account_id, None)
        return Outcome(self.state.seq), join_record(encoded, 0, b"")

    def _poison(self, command: Command, fault: Exception) -> Exception:
        """
        What to raise for an order's rule that raised.

        An order is decided and applied in one call, so the exception alone does not say whether
        anything moved. The core writes each event before it applies it: where there is none, the
        state is what it was, and the order is refused on the record like any command whose rule
        raises. Where there is one, the order may be half done and nobody can undo it.
        """
        seq, event_count = self.state.seq + 1, self.state.core.take_events()[0]
        if event_count:
            return _half_applied(command, seq, event_count, fault)
        self.faults.append((seq, fault))
        return Refused(Reason.INTERNAL_ERROR)

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
        # Orders apart, any event may be about a key or an account.
        self._access.clear()

    def _remember(self, command: Command, account_id: int, refusal: CommandRefused | None) -> None:
        if command.command_id:
            entry = Seen(self.state.seq, command, refusal)
            self.state.seen.setdefault(account_id, {})[command.command_id] = entry

    # -- recovery and audit ------------------------------------------------------------------------

    def apply(self, record: bytes) -> tuple[Command, list[Event]]:
        """Takes the next record's events into the state; its command is only remembered."""
        command, events = decode_body(record, self.state.seq + 1)
        next_trade_id = self.state.core.next_trade_id
        self._apply(command, events)
        if self.state.core.next_trade_id > next_trade_id > 0:
            keep_record(bytes(record), next_trade_id, self.state)
        return command, events

    def verify(self, record: bytes) -> tuple[Command, list[Event]]:
        """
        Decides the next record's command again and compares every event.

        Bytes are compared first. A record from before a field was added at an event's end has
        fewer; it is read with the field's default, which is what it meant. Raises `Difference` at
        the first event that differs. The command runs on the state that recorded events
        made, since each record before this one was equal.
        """
        seq = self.state.seq + 1
        command, events = decode_body(record, seq)
        if isinstance(command, MarkState):
            self._marked_sha256 = self.state.hash()
        elif isinstance(command, RecordStateHash) and self._marked_sha256 is not None:
            _require_hash(command, self._marked_sha256, seq)
        outcome, again = self.execute(command)
        if again != record and (again is None or decode_body(again) != (command, events)):
            _raise_difference(seq, events, again, outcome)
        if again != record:
            self._keep_as_written(record, again)
        return command, events

    def _keep_as_written(self, record: bytes, again: bytes | None) -> None:
        """Who took the record in by its events kept it as it is in the log."""
        kept = self.state.trading_records
        if kept and kept[-1].record == again:
            kept[-1] = replace(kept[-1], record=bytes(record))

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


def _half_applied(command: Command, seq: int, event_count: int, fault: Exception) -> HalfApplied:
    """Which command, how far it may have come, and where it raised."""
    at = traceback.extract_tb(fault.__traceback__)[-1]
    file_name = at.filename.rpartition("/")[2]
    return HalfApplied(
        f"engine_half_applied: record {seq}, {type(command).__name__} {command.command_id!r} of "
        f"key {command.key_id}, raised {fault!r} at {file_name}:{at.lineno} in "
        f"{at.name}, with up to {event_count} events applied; nothing of it is in the log, and "
        "starting again goes on from there: mend the rule before that command is sent again"
    )


def _repeat(command: Command, entry: Seen, state: State) -> Outcome:
    """What the account's earlier command of this id got; refuses where it was another one."""
    if _body(entry.read()) != _body(command):
        raise Refused(Reason.ID_CONFLICT, state.seq, entry.seq)
    refusal = entry.refusal
    if refusal is None:
        return Outcome(entry.seq, is_duplicate=True)
    return Outcome(entry.seq, refusal.reason, refusal.value, refusal.limit, refusal.day, True)


def _require_timely(command: Command, state: State) -> None:
    """Refuses a late command, and one whose time is beyond that for which its id is kept."""
    if state.market_ns > command.valid_until_ns:
        raise Refused(Reason.TOO_LATE, state.market_ns, command.valid_until_ns)
    if state.venue is not None:
        # Ids expire with the start of a day, up to a day short of their retention.
        latest_ns = state.market_ns + state.venue.command_id_retention_ns - NS_PER_DAY
        if command.valid_until_ns > latest_ns:
            raise Refused(Reason.VALIDITY, command.valid_until_ns, latest_ns)


def _not_its_to_give(account_id: int, state: State) -> Refused:
    if state.venue is None:
        return Refused(Reason.LOG_UNAVAILABLE)
    return Refused(Reason.WRONG_ROLE, account_id)


def _body(command: Command) -> Command:
    """The command without what repeating it may change."""
    return replace(command, key_id=0, session_id=0, valid_until_ns=0)


def _require_hash(command: RecordStateHash, found_sha256: bytes, seq: int) -> None:
    """A recorded hash is that of the state which the records made."""
    if command.state_sha256 != found_sha256:
        recorded, found = command.state_sha256.hex(), found_sha256.hex()
        raise Difference(seq, 0, f"the state hash {recorded}", f"{found} at {command.marked_seq}")


def _raise_difference(seq: int, events: list[Event], again: bytes | None, outcome: Outcome) -> None:
    decided = [] if again is None else decode_body(again)[1]
    for index in range(max(len(events), len(decided))):
        recorded_event = repr(events[index]) if index < len(events) else "nothing"
        decided_event = repr(decided[index]) if index < len(decided) else "nothing"
        if recorded_event != decided_event:
            raise Difference(seq, index, recorded_event, decided_event)
    raise Difference(seq, 0, "the recorded bytes", f"other bytes of equal events, {outcome}")
