"""
The market's state: what rules read, and what only `evolve` functions write.

Orders, holdings and cash live in the core (`state.core`); everything that lawyers read is here,
mostly as the events that created it. Everything except the core is plain data, so the canonical
bytes of the whole are one deterministic encoding plus the core's own snapshot; `State.restore`
reads them back.

Derived, and kept to be found quickly, are `instrument_ids` (from `instruments`), `gates` (those of
them that are open), `delivery_dues` (from `deliveries`), `loan_dues` (from `loans`),
`recovering` (from `pledges`) and `stopped_suppliers` (from `standings`). All else is state:
with it no event of the past is needed to go on. The order of a dict's entries means nothing to any
rule, and does not survive.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import ne
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec
from msgspec import Struct

from exchange.collateral.recovery import Recovering
from exchange.domain.commands import Command
from exchange.domain.enums import Currency, Role
from exchange.domain.events import (
    BandWidthsPublished,
    CalendarPublished,
    CommandRefused,
    Event,
    FeeSchedulePublished,
    InstrumentListed,
    KeyRegistered,
    ParticipantAdmitted,
    ProductDefined,
    SessionOpened,
    SubletOpened,
    VenueCreated,
)
from exchange.domain.letting import SubletEndAsked, SubletOffered
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.record import EVENT_TYPES, array_header, decode_command
from exchange.domain.schedule_events import ListingsScheduled
from exchange.domain.substitution import SubstitutionOffered
from exchange.domain.withdrawal_events import WithdrawalRequested
from matching_core.venue import CoreError, Venue

from .capacity_state import CapacityGrant
from .closing import ClosingTrades, SettledPrice
from .delivery_state import Claim, DeliveryDay, Standing
from .desk import Block, Correction, DeskTrade, Quote, QuoteRequest
from .lending_state import Loan, Lot, MarkDispute, Pledge
from .market_data import MarketData
from .rows import facts_type, from_rows, parts_of, rows_of

NEVER_NS = 2**63 - 1
VENUE_ACCOUNT_ID = 0
"""Takes the fees, and acts for the exchange itself."""

_CANONICAL = msgspec.msgpack.Encoder(order="deterministic")

if TYPE_CHECKING:
    RecordedCommand = Command | msgspec.Raw
else:
    # A command that came by a snapshot stays the bytes that it was written in.
    RecordedCommand = msgspec.Raw


class StateUnreadable(ValueError):
    """These bytes are no state that this build writes."""


class Seen(Struct, frozen=True, gc=False, eq=False):
    """
    A command id in use: the command that took it, where, and its refusal, if it was one.

    Of a million of them few are ever asked for, so a command that a snapshot brings stays its bytes
    until then: the log has their hash, and the snapshot is of a build with these very messages.
    Nothing that it holds leads back to it, so the garbage collector, which would walk through
    millions of them, need not know it.
    """

    seq: int
    command: RecordedCommand
    refusal: CommandRefused | None

    def read(self) -> Command:
        """The command."""
        command = self.command
        return decode_command(command) if isinstance(command, msgspec.Raw) else command

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, read or not."""
        if not isinstance(other, Seen):
            return NotImplemented
        here, there = (self.seq, self.refusal), (other.seq, other.refusal)
        return here == there and self.read() == other.read()

    __hash__ = None  # type: ignore[assignment]


class TradingRecord(Struct, frozen=True, gc=False):
    """A record in which books traded, as it was written."""

    first_trade_id: int
    executed_ns: int
    record: bytes


class SubletOffer(Struct, frozen=True):
    """A sublet on offer, and who has agreed of those that must."""

    offer: SubletOffered
    consented_bank_ids: list[int]


def new_core(base_day: int) -> Venue:
    """An empty core whose holdings begin at `base_day`."""
    return Venue(base_day, PREFIXES)


def restored_core(data: bytes) -> Venue:
    """The core whose snapshot these bytes are; `CoreError` on any other bytes."""
    return Venue.restore(data, PREFIXES)


def _prefix(kind: type[Event]) -> bytes:
    """What an event's bytes begin with: the array header and the tag."""
    fields_count = len(kind.__struct_fields__)
    tag = str(kind.__struct_config__.tag)
    return array_header(fields_count + 1) + _CANONICAL.encode(tag)


PREFIXES = {tag: _prefix(kind) for tag, kind in EVENT_TYPES.items()}
"""By event tag, the bytes with which the core begins each event."""


@dataclass(slots=True)
class State:
    """Everything the rules know as of `seq`."""

    core: Venue = field(default_factory=lambda: new_core(0))
    venue: VenueCreated | None = None
    seq: int = 0
    market_ns: int = 0
    fee_schedule: FeeSchedulePublished | None = None
    participants: dict[int, ParticipantAdmitted] = field(default_factory=dict)
    keys: dict[int, KeyRegistered] = field(default_factory=dict)
    """Keys in force; a revoked one is gone."""
    key_count: int = 0
    token_hashes: set[bytes] = field(default_factory=set)
    """Of every key ever, so that a revoked secret cannot return."""
    sessions: dict[int, SessionOpened] = field(default_factory=dict)
    """Open sessions by id."""
    products: dict[int, ProductDefined] = field(default_factory=dict)
    instruments: dict[int, InstrumentListed] = field(default_factory=dict)
    instrument_ids: dict[str, int] = field(default_factory=dict)
    """By symbol."""
    gates: list[tuple[int, int]] = field(default_factory=list)
    """(gate_closure_ns, instrument_id) of open instruments, in order."""
    schedules: dict[int, ListingsScheduled] = field(default_factory=dict)
    """By product."""
    listed_day: int = 0
    """The delivery day for which schedules are worked off; 0 where they are to be looked at."""
    closing_trades: dict[int, ClosingTrades] = field(default_factory=dict)
    """By instrument, of the closing half hour that runs."""
    closing_from_ns: int = NEVER_NS
    """Market time from which trades count for settlement prices."""
    settled_prices: dict[int, SettledPrice] = field(default_factory=dict)
    """By instrument, expired ones too."""
    settled_day: int = 0
    """The last trading day whose settlement prices are complete."""
    band_widths: BandWidthsPublished | None = None
    halts: dict[int, list[int]] = field(default_factory=dict)
    """Halted instruments, each with those whose halt is the cause, in order."""
    calendars: dict[int, CalendarPublished] = field(default_factory=dict)
    """By year, the highest version."""
    references: dict[str, int] = field(default_factory=dict)
    """Records by the external reference they used, as `deposit:…` and `withdrawal:…`."""
    wallets: dict[int, dict[Currency, int]] = field(default_factory=dict)
    """Cash in other currencies than the core's, by account; entries of 0 are left out."""
    withdrawals: dict[int, WithdrawalRequested] = field(default_factory=dict)
    """Cash that its holders have asked for and that nobody has booked, by id."""
    grant_count: int = 0
    sublets: dict[int, SubletOpened] = field(default_factory=dict)
    """Those whose days are not all delivered, by the trade that opened them."""
    sublet_offers: dict[int, SubletOffer] = field(default_factory=dict)
    """Those that stand, by id."""
    substitutions: dict[int, SubstitutionOffered] = field(default_factory=dict)
    """Those that stand, by id."""
    sublet_ends: dict[int, SubletEndAsked] = field(default_factory=dict)
    """One side's word that a sublet shall end, by sublet."""
    rent_floors: dict[int, int] = field(default_factory=dict)
    """The least rent of pledged days, by open instrument; none where no mark says it."""
    pledges: dict[int, Pledge] = field(default_factory=dict)
    lots: dict[int, Lot] = field(default_factory=dict)
    """Pledged days on offer, by id."""
    swept_sublets: dict[int, int] = field(default_factory=dict)
    """Sublets that lots have let and whose whole rent repays: the pledge, by sublet."""
    recovering: dict[int, Recovering] = field(default_factory=dict)
    """Of the marks in `pledges` that are under stress or have days of recovery left."""
    pledge_count: int = 0
    """Ever asked for; those that are over for long are in `pledges` no more."""
    loans: dict[int, Loan] = field(default_factory=dict)
    loan_count: int = 0
    """Ever applied for, likewise."""
    lending_past: list[tuple[int, int, int]] = field(default_factory=list)
    """(day, loan, pledge outside loans) of what may be forgotten from that day, in order."""
    loan_dues: list[tuple[int, int]] = field(default_factory=list)
    """(due_ns, loan_id) of those that the clock comes to by itself, in order."""
    mark_disputes: dict[int, MarkDispute] = field(default_factory=dict)
    """Those that are open, by id."""
    marking_left: list[int] = field(default_factory=list)
    """Pledges that the marking cycle under way still comes to, bank by bank and loan by loan."""
    pools: dict[int, dict[int, int]] = field(default_factory=dict)
    """What the last cycle found under lien: value by bank and supplier."""
    pool_values: dict[int, int] = field(default_factory=dict)
    """The same by pledge."""
    quote_requests: dict[int, QuoteRequest] = field(default_factory=dict)
    quotes: dict[int, Quote] = field(default_factory=dict)
    blocks: dict[int, Block] = field(default_factory=dict)
    desk_trades: dict[int, DeskTrade] = field(default_factory=dict)
    corrections: dict[int, Correction] = field(default_factory=dict)
    """Of the desk, see `desk`: what is over stays until the day ends."""
    trading_records: list[TradingRecord] = field(default_factory=list)
    """Of the last ten minutes, in order, see `book_trades`."""
    book_trades: dict[int, DeskTrade] = field(default_factory=dict)
    """Trades of books that somebody wants undone or at another price, by trade."""
    grants: dict[int, CapacityGrant] = field(default_factory=dict)
    """Submitted capacity, by grant."""
    deliveries: dict[int, dict[int, DeliveryDay]] = field(default_factory=dict)
    """Delivery days that have begun and whose cash is not paid, by product and day."""
    delivery_dues: list[tuple[int, int, int]] = field(default_factory=list)
    """(due_ns, product, day) of those that the clock comes to by itself, in order."""
    standings: dict[int, Standing] = field(default_factory=dict)
    """Of suppliers with a bond or a past."""
    stopped_suppliers: set[int] = field(default_factory=set)
    """Those that are suspended or terminated."""
    claims: dict[int, Claim] = field(default_factory=dict)
    """Damages that are owed."""
    claim_count: int = 0
    market_data: MarketData = field(default_factory=MarketData)
    seen: dict[int, dict[str, Seen]] = field(default_factory=dict)
    """Command ids in use, by account."""
    marked_seq: int = 0
    """The state whose hash is awaited; 0 for none."""
    day_rolls: list[tuple[int, int]] = field(default_factory=list)
    """(market_ns, seq) of the day rolls within the retention of command ids."""

    def canonical(self) -> bytes:
        """The whole state as bytes: equal states give equal bytes, whatever their history."""
        facts = {name: rows_of(getattr(self, name)) for name in _HINTS}
        return _CANONICAL.encode([facts, self.core.snapshot()])

    def _is_written(self, core: bytes, data: memoryview) -> bool:
        """
        Whether these are the canonical bytes, whose last part is the core's.

        Part by part: to make and compare the whole anew took most of its time for the memory.
        """
        encoded, place = bytearray(), 0
        for part in self._parts(core):
            _CANONICAL.encode_into(part, encoded)
            end = place + len(encoded)
            # Only a bytearray compares itself with a memoryview as fast as memory is read.
            if ne(encoded, data[place:end]):
                return False
            place = end
        return place == len(data)

    def _parts(self, core: bytes) -> Iterator[Any]:
        assert len(_HINTS) < 1 << 16, "the map's header is of that size"
        yield msgspec.Raw(array_header(2) + b"\xde" + len(_HINTS).to_bytes(2, "big"))
        for name in sorted(_HINTS):
            yield name
            yield from parts_of(getattr(self, name))
        yield core

    @classmethod
    def restore(cls, data: bytes | memoryview) -> "State":
        """
        The state whose `canonical` these bytes are; it acts as that one would.

        Raises `StateUnreadable` on any other bytes. Whether they are the state of a given record is
        not theirs to say: compare their SHA-256 with the `hash` that was recorded there, before.
        """
        try:
            rows, core = _READER.decode(data)
            facts = {name: from_rows(hint, getattr(rows, name)) for name, hint in _HINTS.items()}
            state = cls(core=restored_core(core), **facts)
            is_canonical = state._is_written(core, memoryview(data))
        except (msgspec.MsgspecError, CoreError, UnicodeDecodeError, RecursionError) as error:
            raise StateUnreadable(f"these {len(data)} bytes are no state: {error}") from error
        if not is_canonical:
            raise StateUnreadable(
                f"these {len(data)} bytes are not in the form they are written in"
            )
        return state

    def hash(self) -> bytes:
        """SHA-256 of the canonical bytes."""
        return hashlib.sha256(self.canonical()).digest()

    def product(self, product_id: int) -> ProductDefined:
        """The product; refuses where there is none."""
        product = self.products.get(product_id)
        if product is None:
            raise Refused(Reason.UNKNOWN_PRODUCT, product_id)
        return product

    def participant(self, account_id: int) -> ParticipantAdmitted:
        """The confirmed participant; refuses where there is none."""
        participant = self.participants.get(account_id)
        if participant is None or not participant.is_confirmed:
            raise Refused(Reason.UNKNOWN_ACCOUNT, account_id)
        return participant

    def participant_with(self, account_id: int, role: Role) -> ParticipantAdmitted:
        """The confirmed participant; refuses where it has not the role."""
        participant = self.participant(account_id)
        require(role in participant.roles, Reason.WRONG_ROLE, account_id)
        return participant


_HINTS = {name: hint for name, hint in get_type_hints(State).items() if name != "core"}
_READER: msgspec.msgpack.Decoder[tuple[Any, bytes]] = msgspec.msgpack.Decoder(
    tuple[facts_type(_HINTS), bytes]  # type: ignore[misc]
)
