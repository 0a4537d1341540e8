"""
Making a bank's extract, frame by frame.

    frames, signed heads ─▶ ExtractMaker ─▶ lines, at once

Nothing of a frame is kept: a record is told whole where a head is there that will stand for it, and
every header from there on, up to that head. So what is done and told grows with the log, whatever
lies between two heads, and what is remembered is whose pledges and loans are the bank's, and which
houses have traded with each other. A maker
can be handed to another process between two frames.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from exchange.domain import events as e
from exchange.domain import lending_events as le
from exchange.domain.delivery_events import (
    DeliveryAttested,
    DeliveryFinalized,
    DeliveryRuled,
    DeliveryStarted,
    ReadingsRecorded,
    RulingProposed,
    SupplierTerminated,
)
from exchange.domain.enums import Role
from exchange.domain.events import Event
from exchange.domain.letting import RentFloorPublished
from exchange.domain.proofs import SignedHead
from exchange.domain.record import encode_event, events_of
from exchange.log import Frame
from exchange.log.errors import ProofImpossible
from exchange.log.frame import HEADER_BYTES
from exchange.log.merkle import merkle_levels, proof_steps

from . import extract as x
from .extract_trades import TradeTeller

_PUBLIC = (
    e.RiskParametersPublished,
    e.CalendarPublished,
    e.ProductDefined,
    e.IndexPricePublished,
    e.NodeMarked,
    e.NodeObserved,
    e.MarksPublished,
    RentFloorPublished,
    ReadingsRecorded,
    DeliveryAttested,
    RulingProposed,
    DeliveryRuled,
)
_STATED = (
    e.VenueCreated,
    e.ClockAdvanced,
    DeliveryStarted,
    DeliveryFinalized,
    SupplierTerminated,
)
"""Known to everybody concerned, in records that hold more."""


def extract_lines(
    frames: Iterable[Frame], heads: Iterable[SignedHead], maker: "ExtractMaker"
) -> Iterator[bytes]:
    """The extract line by line, from the log's verified frames and its heads."""
    left = deque(heads)
    for frame in frames:
        yield from maker.lines_of(frame, left)
        if maker.is_over:
            break
    yield from maker.end()


class ExtractMaker(Struct):
    """An extract under way."""

    bank: str
    bank_account_id: int
    last_seq: int
    own: dict[str, set[int]] = msgspec.field(
        default_factory=lambda: {"pledge_id": set(), "loan_id": set(), "dispute_id": set()}
    )
    """What is the bank's, by the name that events have for it."""
    trades: TradeTeller = msgspec.field(default_factory=TradeTeller)
    lines_count: int = 0
    is_open: bool = False
    """Whole records were told, and their head is still to come."""
    is_over: bool = False
    """All is told but the end."""
    clock: x.Facts | None = None
    """The market time that was reached, until something is told of that time."""

    def lines_of(self, frame: Frame, left: deque[SignedHead]) -> Iterator[bytes]:
        """
        What is told of the frame that follows the last one; `left` are the signed heads from there
        on, of which those are taken out that end up to here.

        Raises `ProofImpossible` where a head was signed over another frame than this.
        """
        if not self.lines_count:
            yield self._line(self._head(frame))
        position = (frame.header.epoch, frame.header.last_seq)
        while left and left[0].position < position:
            left.popleft()
        yield from self._records(frame, is_proved=bool(left))
        if self.is_open:
            header = frame.data[:HEADER_BYTES].hex()
            yield self._line(x.HeaderLine(format=x.HEADER_FORMAT, header=header))
            if left and left[0].position == position:
                yield self._line(_signed(left.popleft(), frame))
                self.is_open = False
        is_told = frame.header.last_seq >= self.last_seq
        self.is_over = is_told and not (self.is_open and left)

    def end(self) -> Iterator[bytes]:
        """The last line; there is none where there was no frame."""
        self.is_over = True
        if self.lines_count:
            yield self._line(x.ExtractEnd(format=x.END_FORMAT, lines_count=self.lines_count))

    def _line(self, line: Struct) -> bytes:
        self.lines_count += 1
        return msgspec.json.encode(line) + b"\n"

    def _head(self, frame: Frame) -> x.ExtractHead:
        return x.ExtractHead(
            format=x.EXTRACT_FORMAT,
            venue_id=frame.header.venue_id.rstrip(b"\0").decode(),
            bank=self.bank,
            bank_account_id=self.bank_account_id,
            last_seq=self.last_seq,
        )

    def _records(self, frame: Frame, *, is_proved: bool) -> Iterator[bytes]:
        levels: list[bytes] = []
        first_seq = frame.header.first_seq
        asked_count = max(0, self.last_seq + 1 - first_seq)
        for index, encoded in enumerate(frame.records[:asked_count]):
            told = self._told(first_seq + index, encoded, is_proved=is_proved)
            if not told:
                continue
            if self.clock is not None:
                yield self._line(self.clock)
                self.clock = None
            if isinstance(told, x.Facts):
                yield self._line(told)
            else:
                levels = levels or merkle_levels(frame.records)
                self.is_open = True
                yield self._line(_whole(first_seq + index, encoded, levels, index))

    def _told(self, seq: int, encoded: bytes, *, is_proved: bool) -> x.Facts | bool:
        """Whether the record is told whole, as the first is, or what is told of it."""
        events = events_of(encoded)
        if not events:
            return False
        trades = [fact for event in events if (fact := self.trades.told(event)) is not None]
        is_own = [self._is_own(event) for event in events]
        may_be_told = [
            own or isinstance(event, _PUBLIC) or _is_of_cycle(event, any(is_own))
            for own, event in zip(is_own, events, strict=True)
        ]
        is_whole = all(may_be_told) or isinstance(events[0], e.VenueCreated)
        if is_proved and is_whole:
            return True
        told = [
            event
            for event, may_be in zip(events, may_be_told, strict=True)
            if may_be or isinstance(event, _STATED)
        ]
        told += [part for event in events if (part := self._part(event)) is not None]
        if told and not trades and all(isinstance(event, e.ClockAdvanced) for event in told):
            self.clock = _facts(seq, told)
            return False
        return _facts(seq, told, trades) if told or trades else False

    def _is_own(self, event: Event) -> bool:
        """Whether it is of a pledge to the bank, of its loan, or of a dispute about that."""
        if getattr(event, "bank_account_id", 0) == self.bank_account_id:
            for name, own in self.own.items():
                _add(own, getattr(event, name, 0))
        is_own = any(getattr(event, name, 0) in own for name, own in self.own.items())
        if is_own and isinstance(event, le.MarkDisputed):
            _add(self.own["dispute_id"], event.dispute_id)
        return is_own

    def _part(self, event: Event) -> Event | None:
        """A supplier's grade, and no name; what of the bank's own is forgotten, and no other."""
        if isinstance(event, e.ParticipantAdmitted) and Role.SUPPLIER in event.roles:
            return e.ParticipantAdmitted(
                account_id=event.account_id,
                name="",
                roles=[Role.SUPPLIER],
                affiliate_ids=[],
                proposer_account_id=0,
                is_confirmed=event.is_confirmed,
                supplier_grade=event.supplier_grade,
            )
        if not isinstance(event, le.LendingForgotten):
            return None
        loan_ids = [each for each in event.loan_ids if each in self.own["loan_id"]]
        pledge_ids = [each for each in event.pledge_ids if each in self.own["pledge_id"]]
        if not loan_ids and not pledge_ids:
            return None
        return le.LendingForgotten(loan_ids=loan_ids, pledge_ids=pledge_ids, looked_at_count=0)


def _is_of_cycle(event: Event, is_own: bool) -> bool:
    """A cycle begins for all; how many pledges it looked at is for the bank whose these are."""
    return isinstance(event, le.PledgesMarked) and (is_own or not event.looked_at_count)


def _add(own: set[int], number: Any) -> None:
    """No id is 0, which events have that are of none."""
    if number:
        own.add(number)


def _whole(seq: int, encoded: bytes, levels: list[bytes], index: int) -> x.WholeRecord:
    siblings = [[each.hex() for each in others] for _, others in proof_steps(levels, index)]
    return x.WholeRecord(format=x.RECORD_FORMAT, seq=seq, record=encoded.hex(), siblings=siblings)


def _signed(signed: SignedHead, frame: Frame) -> x.SignedLine:
    if frame.header_hash.hex() != signed.header_hash:
        raise ProofImpossible(
            f"log_proof_impossible: the head that was signed at seq {signed.seq} has the "
            f"header hash {signed.header_hash}, the log {frame.header_hash.hex()}"
        )
    return x.SignedLine(format=x.SIGNED_FORMAT, signed_head=signed)


def _facts(seq: int, events: Iterable[Event], trades: Sequence[x.TradeFact] = ()) -> x.Facts:
    encoded = [encode_event(event).hex() for event in events]
    return x.Facts(format=x.FACTS_FORMAT, seq=seq, events=encoded, trades=list(trades))
