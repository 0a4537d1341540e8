"""
Collateral marks as the log published them, by pledge, with the records that their figures are from.

A mark is kept as the bytes of its event. What was in force as of a record is a bisection, and so
the same question about the past has the same answer for ever.
"""

from bisect import bisect_right
from collections.abc import Mapping
from operator import itemgetter
from typing import TypeVar

import msgspec
from msgspec import Struct

from exchange.collateral.recovery import Recovering, recovering
from exchange.collateral.uptime import UPTIME_DAYS_COUNT
from exchange.domain.delivery_events import DeliveryFinalized, DeliveryReported
from exchange.domain.events import (
    Event,
    ParticipantAdmitted,
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeRequested,
    ProductDefined,
)
from exchange.domain.lending_commands import SubstituteCollateral
from exchange.domain.lending_events import (
    LendingForgotten,
    LoanClosed,
    LoanEnded,
    MarkDisputed,
    MarkRuled,
    MarkRulingProposed,
    PledgeMarked,
    PledgeMatured,
    PledgesMarked,
)
from exchange.domain.movements import CollateralSold
from exchange.domain.record import Record, encode_event

from .deliveries import is_past_disputes
from .projection import Handler, Projection

ValueT = TypeVar("ValueT")
_LIVES: tuple[type[Event], ...] = (
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeMatured,
    CollateralSold,
    LoanEnded,
    LoanClosed,
)
"""May end a pledge, and with it what is asked for about now."""
_PLEDGE_MARK = msgspec.msgpack.Decoder(PledgeMarked)


class FinalDay(Struct, array_like=True):
    """What a supplier owed and did not deliver of a product's day, and which record says so."""

    seq: int
    day: int
    contracted_qty: int
    undelivered_hours: int
    product_id: int = 0


class ReportedDay(Struct, array_like=True):
    """A day of which hours were unknown when it was reported, and which record says so."""

    seq: int
    day: int
    product_id: int


class PublishedMark(Struct, frozen=True):
    """A mark and the record that published it."""

    seq: int
    encoded: bytes
    """The event as it stands in the record."""

    @property
    def event(self) -> PledgeMarked:
        """The event itself."""
        return _PLEDGE_MARK.decode(self.encoded)


class CollateralMarksState(Struct):
    """The checkpoint."""

    requests: list[tuple[int, int]]
    marks: list[tuple[int, list[PublishedMark]]]
    rulings: list[tuple[int, list[int]]]
    disputes: list[tuple[int, MarkDisputed]]
    proposals: list[tuple[int, MarkRulingProposed]]
    admissions: list[tuple[int, int]]
    suppliers: list[tuple[int, int]]
    final_days: list[tuple[int, list[FinalDay]]]
    begun: list[int]
    reported_days: list[tuple[int, list[ReportedDay]]] = []
    recovering: list[tuple[int, Recovering]] = []


class CollateralMarks(Projection[CollateralMarksState]):
    """
    Every mark of every pledge.

    `changes_count` grows with each event that may change an answer about now; it is no state.
    """

    state_type = CollateralMarksState

    def __init__(self) -> None:
        super().__init__()
        self.changes_count = 0
        self._requests: dict[int, int] = {}
        """Records that asked for pledges."""
        self._marks: dict[int, list[PublishedMark]] = {}
        self._rulings: dict[int, list[int]] = {}
        """Records of disputes and rulings, by pledge."""
        self.disputes: dict[int, MarkDisputed] = {}
        """Those that are open, by id."""
        self.proposals: dict[int, MarkRulingProposed] = {}
        """The findings on them that wait for their countersignature."""
        self._admissions: dict[int, int] = {}
        """Records that admitted accounts."""
        self._suppliers: dict[int, int] = {}
        """By product."""
        self._final_days: dict[int, list[FinalDay]] = {}
        """By supplier, in the order of the log."""
        self._reported_days: dict[int, list[ReportedDay]] = {}
        """By supplier, in the order of the log."""
        self._begun: list[int] = []
        """Records that began a cycle."""
        self.recovering: dict[int, Recovering] = {}
        """Of the marks in force that are under stress or recovering from it, by pledge."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Marks, and what their lines rest on."""
        return {
            PledgeRequested: self._request,
            PledgeMarked: self._mark,
            PledgesMarked: self._begin,
            LendingForgotten: self._forget,
            MarkDisputed: self._dispute,
            MarkRulingProposed: self._propose,
            MarkRuled: self._rule,
            ParticipantAdmitted: self._admit,
            ProductDefined: self._define,
            DeliveryFinalized: self._finalize,
            DeliveryReported: self._report,
            **dict.fromkeys(_LIVES, self._count),
        }

    # -- queries

    def as_of(self, pledge_id: int, seq: int) -> PublishedMark | None:
        """The mark in force after a record; None before the first."""
        versions = self._marks.get(pledge_id, [])
        if versions and versions[-1].seq <= seq:
            return versions[-1]
        at = bisect_right(versions, seq, key=_seq_of)
        return versions[at - 1] if at else None

    def history(self, pledge_id: int) -> list[PublishedMark]:
        """Every mark of a pledge, in the order of the log."""
        return self._marks.get(pledge_id, [])

    def request_seq(self, pledge_id: int) -> int:
        """The record of the request."""
        return self._requests[pledge_id]

    def ruling_seqs(self, pledge_id: int, seq: int) -> list[int]:
        """Records of disputes and rulings of it, or of what it replaced, up to a record."""
        return [each for each in self._rulings.get(pledge_id, []) if each <= seq]

    def admission_seq(self, account_id: int) -> int:
        """The record that says an account's grade and affiliates."""
        return self._admissions.get(account_id, 0)

    def final_days(self, supplier_id: int, seq: int) -> list[FinalDay]:
        """The days that make up the uptime as of a record, in the order in which they came."""
        known = [day for day in self._final_days.get(supplier_id, []) if day.seq <= seq]
        newest_day = max((day.day for day in known), default=0)
        return [day for day in known if day.day > newest_day - UPTIME_DAYS_COUNT]

    def uptime_seqs(self, supplier_id: int, seq: int, market_ns: int) -> list[int]:
        """The records of final days, and of reports that left past hours unknown, as of a mark."""
        final = [day for day in self._final_days.get(supplier_id, []) if day.seq <= seq]
        is_final = {(day.product_id, day.day) for day in final}
        waiting = [
            day
            for day in self._reported_days.get(supplier_id, [])
            if day.seq <= seq
            and is_past_disputes(day.day, market_ns)
            and (day.product_id, day.day) not in is_final
        ]
        found = [(day.day, day.seq) for day in final] + [(day.day, day.seq) for day in waiting]
        newest_day = max((day for day, _ in found), default=0)
        return [at for day, at in found if day > newest_day - UPTIME_DAYS_COUNT]

    def pool_seqs(self, seq: int) -> list[int]:
        """The record that summed up the pools last, up to a record; none before the first."""
        at = bisect_right(self._begun, seq)
        return self._begun[at - 1 : at]

    # -- checkpoint

    def state(self) -> CollateralMarksState:
        """All tables in the order of their keys."""
        return CollateralMarksState(
            _rows(self._requests),
            _rows(self._marks),
            _rows(self._rulings),
            _rows(self.disputes),
            _rows(self.proposals),
            _rows(self._admissions),
            _rows(self._suppliers),
            _rows(self._final_days),
            self._begun,
            _rows(self._reported_days),
            _rows(self.recovering),
        )

    def load(self, state: CollateralMarksState) -> None:
        """Takes the tables."""
        self._requests = dict(state.requests)
        self._marks = dict(state.marks)
        self._rulings = dict(state.rulings)
        self.disputes = dict(state.disputes)
        self.proposals = dict(state.proposals)
        self._admissions = dict(state.admissions)
        self._suppliers = dict(state.suppliers)
        self._final_days = dict(state.final_days)
        self._begun = state.begun
        self._reported_days = dict(state.reported_days)
        self.recovering = dict(state.recovering)

    # -- fold

    def _mark(self, event: PledgeMarked, record: Record, _index: int) -> None:
        mark = PublishedMark(record.seq, encode_event(event))
        self._marks.setdefault(event.pledge_id, []).append(mark)
        self.changes_count += 1
        if event.recovery_days_count:
            self.recovering[event.pledge_id] = recovering(event)
        else:
            self.recovering.pop(event.pledge_id, None)

    def _forget(self, event: LendingForgotten, _record: Record, _index: int) -> None:
        for pledge_id in event.pledge_ids:
            self.recovering.pop(pledge_id, None)

    def _begin(self, event: PledgesMarked, record: Record, _index: int) -> None:
        if not event.looked_at_count:
            self._begun.append(record.seq)

    def _count(self, _event: Event, _record: Record, _index: int) -> None:
        self.changes_count += 1

    def _request(self, event: PledgeRequested, record: Record, _index: int) -> None:
        self._requests[event.pledge_id] = record.seq
        command = record.command
        if isinstance(command, SubstituteCollateral) and command.pledge_id in self._rulings:
            self._rulings[event.pledge_id] = list(self._rulings[command.pledge_id])

    def _dispute(self, event: MarkDisputed, record: Record, _index: int) -> None:
        self.disputes[event.dispute_id] = event
        self._rulings.setdefault(event.pledge_id, []).append(record.seq)

    def _rule(self, event: MarkRuled, record: Record, _index: int) -> None:
        self.proposals.pop(event.dispute_id)
        self._rulings[self.disputes.pop(event.dispute_id).pledge_id].append(record.seq)

    def _propose(self, event: MarkRulingProposed, _record: Record, _index: int) -> None:
        self.proposals[event.dispute_id] = event

    def _admit(self, event: ParticipantAdmitted, record: Record, _index: int) -> None:
        self._admissions[event.account_id] = record.seq

    def _define(self, event: ProductDefined, _record: Record, _index: int) -> None:
        self._suppliers[event.product_id] = event.supplier_account_id

    def _finalize(self, event: DeliveryFinalized, record: Record, _index: int) -> None:
        if event.contracted_qty:
            day = FinalDay(
                record.seq,
                event.day,
                event.contracted_qty,
                event.undelivered_hours,
                event.product_id,
            )
            supplier_id = self._suppliers[event.product_id]
            self._final_days.setdefault(supplier_id, []).append(day)

    def _report(self, event: DeliveryReported, record: Record, _index: int) -> None:
        if event.unknown_count:
            supplier_id = self._suppliers[event.product_id]
            day = ReportedDay(record.seq, event.day, event.product_id)
            self._reported_days.setdefault(supplier_id, []).append(day)


def _seq_of(mark: PublishedMark) -> int:
    return mark.seq


def _rows(table: dict[int, ValueT]) -> list[tuple[int, ValueT]]:
    return sorted(table.items(), key=itemgetter(0))
