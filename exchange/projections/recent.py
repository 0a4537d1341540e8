"""
What the latest records created, so that the answer to a command can name it.

Bounded and a convenience: for an older record the log itself is asked.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from exchange.domain.capacity_events import CapacitySubmitted
from exchange.domain.desk_events import (
    BlockProposed,
    CorrectionRequested,
    DeskTradeExecuted,
    QuoteRequested,
    QuoteSubmitted,
)
from exchange.domain.events import (
    CapacityGranted,
    Event,
    InstrumentListed,
    KeyRegistered,
    ParticipantAdmitted,
    PledgeRequested,
    ProductDefined,
)
from exchange.domain.lending_events import LoanApplied, LotOffered, MarkDisputed
from exchange.domain.letting import SubletOffered
from exchange.domain.movements import SubletGranted
from exchange.domain.record import Record
from exchange.domain.substitution import SubstitutionOffered
from exchange.domain.withdrawal_events import WithdrawalRequested

from .projection import Handler, Projection

RECENT_COUNT = 4_096

_ID_FIELDS: Mapping[type[Event], str] = {
    BlockProposed: "block_id",
    CapacityGranted: "grant_id",
    CorrectionRequested: "correction_id",
    DeskTradeExecuted: "trade_id",
    CapacitySubmitted: "grant_id",
    InstrumentListed: "instrument_id",
    KeyRegistered: "key_id",
    MarkDisputed: "dispute_id",
    ParticipantAdmitted: "account_id",
    LoanApplied: "loan_id",
    PledgeRequested: "pledge_id",
    LotOffered: "lot_id",
    ProductDefined: "product_id",
    SubletOffered: "offer_id",
    SubstitutionOffered: "substitution_id",
    WithdrawalRequested: "withdrawal_id",
    SubletGranted: "sublet_id",
    QuoteRequested: "quote_request_id",
    QuoteSubmitted: "quote_id",
}


class RecentState(Struct):
    """The checkpoint."""

    created_ids: list[tuple[int, int]]


class Recent(Projection[RecentState]):
    """The id created by each of the latest records that created something."""

    state_type = RecentState

    def __init__(self) -> None:
        super().__init__()
        self._created_ids: dict[int, int] = {}
        """By seq, in the order of the log."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Every event that gives an id away."""
        return dict.fromkeys(_ID_FIELDS, self._create)

    def created_id(self, seq: int) -> int | None:
        """What that record created; None where it created nothing or is too long ago."""
        return self._created_ids.get(seq)

    def state(self) -> RecentState:
        """In the order of the log."""
        return RecentState(list(self._created_ids.items()))

    def load(self, state: RecentState) -> None:
        """Takes the ids."""
        self._created_ids = dict(state.created_ids)

    def _create(self, event: Event, record: Record, _index: int) -> None:
        if record.seq in self._created_ids:
            return
        self._created_ids[record.seq] = getattr(event, _ID_FIELDS[type(event)])
        if len(self._created_ids) > RECENT_COUNT:
            del self._created_ids[next(iter(self._created_ids))]


def created_id_of(events: Iterable[Event]) -> int:
    """The id that a record's events gave away, the first if several; 0 if none."""
    for event in events:
        id_field = _ID_FIELDS.get(type(event))
        if id_field is not None:
            return int(getattr(event, id_field))
    return 0
