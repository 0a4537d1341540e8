"""
An extract of the log for a bank: what the marks of its pool depend on, and nobody else's orders.

It is lines of JSON. The first says whose it is. A line with the format of proofs is a whole record
with its proof under a signed head: `clients/check_proof.py` checks it by itself. A line of facts
has single events of a record that also holds what is others', or that no signed head stands for
yet; it is stated and not proved. Trades of month windows come without who traded.

Whole records are those whose every event is public (marks, indices, parameters, calendars,
products) or the bank's own business (its pledges and loans).
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from exchange.domain import events as e
from exchange.domain import lending_events as le
from exchange.domain.commands import Command
from exchange.domain.delivery_events import DeliveryFinalized
from exchange.domain.enums import TradingMode, WindowKind
from exchange.domain.events import Event
from exchange.domain.letting import RentFloorPublished
from exchange.domain.proofs import PROOF_FORMAT, RecordProof, SignedHead
from exchange.domain.record import Record, encode_event, events_of, join_record
from exchange.domain.windows import month_of
from exchange.log import Frame
from exchange.log.errors import ProofImpossible
from exchange.log.frame import HEADER_BYTES
from exchange.log.merkle import merkle_proof

RowT = TypeVar("RowT")
EXTRACT_FORMAT = "gx-extract-1"
FACTS_FORMAT = "gx-facts-1"
_PUBLIC = (
    e.RiskParametersPublished,
    e.CalendarPublished,
    e.ProductDefined,
    e.IndexPricePublished,
    e.NodeMarked,
    e.NodeObserved,
    e.MarksPublished,
    RentFloorPublished,
    le.PledgesMarked,
)
_STATED = (e.VenueCreated, DeliveryFinalized)
"""Known to everybody concerned, in records that hold more."""


class ExtractHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line."""

    format: str
    venue_id: str
    bank_account_id: int
    last_seq: int
    """The record up to which it was made."""


class TradeFact(Struct, frozen=True, array_like=True):
    """A trade of a month window, without who traded."""

    symbol: str
    month: int
    last_price: int
    last_qty: int


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a record may be told, as hexadecimal events; not proved."""

    format: str
    seq: int
    events: list[str]
    trades: list[TradeFact] = []


class ExtractUnreadable(ValueError):
    """The file is no extract; says which line and why."""

    exit_code = 2


def extract_lines(
    frames: Iterable[Frame], heads: Iterable[SignedHead], bank_account_id: int, last_seq: int
) -> Iterator[bytes]:
    """The extract up to a record, line by line, from the log's verified frames and its heads."""
    share, waiting = _Share(bank_account_id), _Waiting()
    left = deque(heads)
    for frame in frames:
        header = frame.header
        if header.first_seq == 1 and header.record_count:
            yield msgspec.json.encode(_head(frame, bank_account_id, last_seq))
        for seq, encoded in enumerate(frame.records, start=header.first_seq):
            told = share.of(seq, encoded) if seq <= last_seq else False
            if isinstance(told, Facts):
                yield msgspec.json.encode(told)
            elif told:
                waiting.add(frame, seq)
        waiting.follow(frame)
        place = (header.epoch, header.last_seq)
        while left and left[0].position <= place:
            signed = left.popleft()
            if signed.position == place:
                yield from waiting.proved(signed)
        if header.last_seq >= last_seq and not waiting.records:
            return
    for frame, seq in waiting.records:
        events = events_of(frame.records[seq - frame.header.first_seq])
        yield msgspec.json.encode(_facts(seq, events))


def records_in(lines: Iterable[bytes]) -> tuple[ExtractHead, list[Record]]:
    """
    What an extract tells, in the order of the log; proofs are taken as they are, not checked.

    Raises `ExtractUnreadable`, also where a record is told twice: facts, which nothing proves, must
    not stand in for a record that is proved.
    """
    found: dict[int, list[Event]] = {}
    rows = list(lines)
    head = _read(1, rows[0], ExtractHead) if rows else None
    if head is None or head.format != EXTRACT_FORMAT:
        raise ExtractUnreadable(f"extract_unreadable: it does not begin as an {EXTRACT_FORMAT}")
    for number, line in enumerate(rows[1:], start=2):
        if _read(number, line, _Line).format == PROOF_FORMAT:
            proof = _read(number, line, RecordProof)
            seq, record = proof.seq, _bytes(number, proof.record)
        else:
            facts = _read(number, line, Facts)
            bodies = b"".join(_bytes(number, event) for event in facts.events)
            seq, record = facts.seq, join_record(b"\xc0", len(facts.events), bodies)
        if not 1 <= seq <= head.last_seq:
            raise _unreadable(number, f"record {seq} is not from 1 to {head.last_seq}")
        if seq in found:
            raise _unreadable(number, f"record {seq} is told twice")
        found[seq] = _events(number, record)
    return head, [Record(seq, 0, Command(), found[seq]) for seq in sorted(found)]


def _read(number: int, line: bytes, kind: type[RowT]) -> RowT:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        raise _unreadable(number, error) from error


def _bytes(number: int, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise _unreadable(number, error) from error


def _events(number: int, record: bytes) -> list[Event]:
    try:
        return events_of(record)
    except msgspec.MsgspecError as error:
        raise _unreadable(number, error) from error


def _unreadable(number: int, why: object) -> ExtractUnreadable:
    return ExtractUnreadable(f"extract_unreadable: line {number}: {why}")


class _Line(Struct, frozen=True):
    format: str


class _Waiting:
    """Whole records until a head is signed over them, with the headers from the first on."""

    def __init__(self) -> None:
        self.records: list[tuple[Frame, int]] = []
        self._headers: list[bytes] = []
        self._starts: list[int] = []
        """Where among the headers each record's frame is."""
        self._last: Frame

    def add(self, frame: Frame, seq: int) -> None:
        """A record of the frame that is followed next."""
        self.records.append((frame, seq))
        self._starts.append(len(self._headers))

    def follow(self, frame: Frame) -> None:
        """The frame's header is on the way of those that wait."""
        self._last = frame
        if self.records:
            self._headers.append(frame.data[:HEADER_BYTES])

    def proved(self, signed: SignedHead) -> Iterator[bytes]:
        """The proofs of all that waited, under the head of the frame followed last."""
        if self.records and self._last.header_hash.hex() != signed.header_hash:
            raise ProofImpossible(
                f"log_proof_impossible: the head that was signed at seq {signed.seq} has the "
                f"header hash {signed.header_hash}, the log {self._last.header_hash.hex()}"
            )
        headers = [header.hex() for header in self._headers]
        for (frame, seq), start in zip(self.records, self._starts, strict=True):
            index = seq - frame.header.first_seq
            steps = merkle_proof(frame.records, index)
            proof = RecordProof(
                format=PROOF_FORMAT,
                seq=seq,
                record=frame.records[index].hex(),
                siblings=[[sibling.hex() for sibling in others] for _, others in steps],
                headers=headers[start:],
                signed_head=signed,
            )
            yield msgspec.json.encode(proof)
        self.records, self._headers, self._starts = [], [], []


class _Share:
    """Tells record by record what a bank may see of it."""

    def __init__(self, bank_account_id: int) -> None:
        self._bank_account_id = bank_account_id
        self._own: dict[str, set[int]] = {"pledge_id": set(), "loan_id": set(), "dispute_id": set()}
        self._months: dict[int, tuple[str, int]] = {}
        """Symbol and month of month windows, by instrument."""

    def of(self, seq: int, encoded: bytes) -> Facts | bool:
        """Whether the record is told whole, or what is told of it."""
        events = events_of(encoded)
        trades = [fact for event in events if (fact := self._trade(event)) is not None]
        told = [event for event in events if self._is_own(event) or isinstance(event, _PUBLIC)]
        if len(told) == len(events) > 0:
            return True
        told = [event for event in events if event in told or isinstance(event, _STATED)]
        return _facts(seq, told, trades) if told or trades else False

    def _is_own(self, event: Event) -> bool:
        """Whether it is of a pledge to the bank, of its loan, or of a dispute about that."""
        if getattr(event, "bank_account_id", 0) == self._bank_account_id:
            for name, own in self._own.items():
                own.add(getattr(event, name, 0))
        is_own = any(getattr(event, name, 0) in own - {0} for name, own in self._own.items())
        if is_own and isinstance(event, le.MarkDisputed):
            self._own["dispute_id"].add(event.dispute_id)
        return is_own

    def _trade(self, event: Event) -> TradeFact | None:
        if isinstance(event, e.InstrumentListed):
            is_title = event.mode is TradingMode.TITLE
            if event.kind is WindowKind.MONTH and is_title:
                self._months[event.instrument_id] = (event.symbol, month_of(event.start_day))
        elif isinstance(event, e.TradeExecuted) and event.instrument_id in self._months:
            return TradeFact(*self._months[event.instrument_id], event.last_price, event.last_qty)
        return None


def _head(frame: Frame, bank_account_id: int, last_seq: int) -> ExtractHead:
    return ExtractHead(
        format=EXTRACT_FORMAT,
        venue_id=frame.header.venue_id.rstrip(b"\0").decode(),
        bank_account_id=bank_account_id,
        last_seq=last_seq,
    )


def _facts(seq: int, events: Iterable[Event], trades: Sequence[TradeFact] = ()) -> Facts:
    encoded = [encode_event(event).hex() for event in events]
    return Facts(format=FACTS_FORMAT, seq=seq, events=encoded, trades=list(trades))
