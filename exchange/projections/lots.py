"""Lots on offer: pledged days that banks sell or let, at prices that fall with the clock."""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.events import Event, PledgeRequested
from exchange.domain.lending_events import LotEnded, LotOffered, LotSold
from exchange.domain.record import Record

from .projection import Handler, Projection


class GoneLot(Struct, frozen=True):
    """A lot that is over: `sold`, or why it ended."""

    offered: LotOffered
    end: str
    ended_seq: int
    lot_price: int
    """At which it was sold; 0 where it was not."""


class LotsState(Struct):
    """The checkpoint."""

    banks: list[tuple[int, int]]
    lots: list[LotOffered]


class Lots(Projection[LotsState]):
    """
    Those that stand, by id; what became of the others is in the log.

    `changed` and `gone` collect what has something new to see since whoever publishes last took it
    out; they are no state.
    """

    state_type = LotsState

    def __init__(self) -> None:
        super().__init__()
        self.lots: dict[int, LotOffered] = {}
        self.changed: set[int] = set()
        self.gone: dict[int, GoneLot] = {}
        self._bank_ids: dict[int, int] = {}
        """By pledge of a loan."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """A lot's life, and whose pledges are whose."""
        return {
            PledgeRequested: self._request_pledge,
            LotOffered: self._offer,
            LotEnded: self._end,
            LotSold: self._sell,
        }

    def bank_of(self, lot: LotOffered) -> int:
        """The account that offers a lot."""
        return self._bank_ids[lot.pledge_id]

    def seen_by(self, account_id: int, *, sees_all: bool = False) -> list[LotOffered]:
        """Lots for anybody, blocks to the account, and its own; by id."""
        return [
            lot
            for _, lot in sorted(self.lots.items())
            if self.is_seen(lot, account_id, sees_all=sees_all)
        ]

    def is_seen(self, lot: LotOffered, account_id: int, *, sees_all: bool = False) -> bool:
        """Whether the lot is for anybody, a block to the account, or its own."""
        is_for = lot.buyer_account_id in (0, account_id)
        return sees_all or is_for or self.bank_of(lot) == account_id

    def state(self) -> LotsState:
        """By id."""
        lots = [lot for _, lot in sorted(self.lots.items())]
        return LotsState(sorted(self._bank_ids.items()), lots)

    def load(self, state: LotsState) -> None:
        """Takes the tables."""
        self._bank_ids = dict(state.banks)
        self.lots = {lot.lot_id: lot for lot in state.lots}

    def _request_pledge(self, event: PledgeRequested, _record: Record, _index: int) -> None:
        if event.loan_id:
            self._bank_ids[event.pledge_id] = event.bank_account_id

    def _offer(self, event: LotOffered, _record: Record, _index: int) -> None:
        self.lots[event.lot_id] = event
        self.changed.add(event.lot_id)

    def _end(self, event: LotEnded, record: Record, _index: int) -> None:
        self._drop(event.lot_id, event.end.value, record.seq, 0)

    def _sell(self, event: LotSold, record: Record, _index: int) -> None:
        self._drop(event.lot_id, "sold", record.seq, event.lot_price)

    def _drop(self, lot_id: int, end: str, seq: int, lot_price: int) -> None:
        self.gone[lot_id] = GoneLot(self.lots.pop(lot_id), end, seq, lot_price)
        self.changed.discard(lot_id)
