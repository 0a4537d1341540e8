"""
A fork of the log in memory: the engine and the read models, rebuilt to a record and then led on.

    log to a seq ─▶ Fork.apply ─▶ … ─▶ Fork.do, Fork.advance: through the very rules of the market

Nothing is appended anywhere. What is given is noted with what became of it.
"""

from msgspec import Struct
from msgspec.structs import replace

from exchange.domain import commands as c
from exchange.domain.commands import Command
from exchange.domain.enums import LIENED, Role, Scope
from exchange.domain.events import Event
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.units import NS_PER_SECOND
from exchange.engine.engine import Engine
from exchange.projections import Projections
from exchange.rules import State
from exchange.rules.clock import next_boundary_ns, owed_before
from exchange.rules.valuation import mark_of

_CLOCK_WORK = (c.AdvanceClock, c.UncrossBooks, c.PublishSettlementPrices)
MARKING_INTERVAL_NS = 3_600 * NS_PER_SECOND


class NotThere(Exception):
    """What was named is not in this market; says what is."""


class Given(Struct, frozen=True):
    """A command that was given, and what became of it."""

    step: int
    """Which of the caller's steps gave it."""
    command: str
    refused: str = ""
    value: int = 0
    limit: int = 0


class Fork:
    """A market in memory; `step` is the caller's, for what is noted in `given`."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.projections = Projections()
        self.given: list[Given] = []
        self.step = 0
        self._command_count = 0

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.engine.state

    def apply(self, record: bytes) -> tuple[Command, list[Event]]:
        """Takes in the next record of the log."""
        command, events = self.engine.apply(record)
        self._fold(command, events)
        return command, events

    def do(self, key_id: int, command: Command) -> None:
        """Gives a command; of the exchange's own, only marking cycles and refusals are noted."""
        self._command_count += 1
        command_id = f"what-if {self._command_count}" if key_id else ""
        command = replace(command, key_id=key_id, command_id=command_id)
        outcome, record = self.engine.execute(command)
        if self.engine.faults:
            raise self.engine.faults[0][1]
        if record is not None:
            self._fold(*decode_body(record))
        tag = str(command.__struct_config__.tag)
        is_idle = key_id == 0 and outcome.reason is Reason.EMPTY
        if outcome.reason is not None and not is_idle:
            refused = outcome.reason.name.lower()
            self.given.append(Given(self.step, tag, refused, outcome.value, outcome.limit))
        elif not isinstance(command, _CLOCK_WORK):
            self.given.append(Given(self.step, tag))

    def advance(self, to_ns: int) -> None:
        """As the market's clock does: boundary by boundary, a marking cycle every hour."""
        state = self.state
        while state.market_ns < to_ns or next_boundary_ns(state) <= state.market_ns:
            self._settle_up()
            cycle_ns = (state.market_ns // MARKING_INTERVAL_NS + 1) * MARKING_INTERVAL_NS
            due_ns = min(to_ns, next_boundary_ns(state), cycle_ns)
            self.do(0, c.AdvanceClock(market_ns=max(due_ns, state.market_ns)))
            self._settle_up()
            if state.market_ns % MARKING_INTERVAL_NS == 0:
                self.mark()

    def _settle_up(self) -> None:
        while (command := owed_before(self.state)) is not None:
            self.do(0, command)

    def mark(self) -> None:
        """A marking cycle, which may find nothing to change."""
        self.do(0, c.PublishMarks())

    def _fold(self, command: Command, events: list[Event]) -> None:
        state = self.state
        self.projections.apply(Record(state.seq, state.market_ns, command, events))

    # -- by name

    def numbered(self, table: dict[str, int], name: str) -> int:
        """The number that goes with a name; raises `NotThere`."""
        if name not in table:
            known = ", ".join(sorted(table)[:20])
            raise NotThere(f"there is no {name!r}; there are: {known}")
        return table[name]

    def account_id(self, name: str) -> int:
        """The account of a participant."""
        return self.numbered({p.name: n for n, p in self.state.participants.items()}, name)

    def keys_of(self, account_id: int) -> list[int]:
        """An account's keys in force that are good for more than reading."""
        now_ns = self.state.market_ns
        return [
            key_id
            for key_id, key in sorted(self.state.keys.items())
            if key.account_id == account_id
            and Scope.TRADE in key.scopes
            and not 0 < key.expires_ns <= now_ns
        ]

    def key_of(self, name: str) -> int:
        """A key with which to act for a participant."""
        keys = self.keys_of(self.account_id(name))
        if not keys:
            raise NotThere(f"{name!r} has no key in force")
        return keys[0]

    def operators_key(self) -> int:
        """A key with which to act for the exchange's operators."""
        keys = [
            key_id
            for account_id, participant in sorted(self.state.participants.items())
            if participant.is_confirmed and Role.OPERATOR in participant.roles
            for key_id in self.keys_of(account_id)
        ]
        if not keys:
            raise NotThere("no operator has a key in force")
        return keys[0]

    # -- what pledges lend

    def pledge_marks(self) -> dict[int, PledgeMarked]:
        """What is under lien now, by pledge, at marks made now."""
        return {
            pledge_id: mark_of(pledge.request, pledge.pledged_qty, self.state)
            for pledge_id, pledge in sorted(self.state.pledges.items())
            if pledge.status in LIENED
        }
