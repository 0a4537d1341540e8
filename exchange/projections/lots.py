"""Lots on offer: pledged days that banks sell or let, at prices that fall with the clock."""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.events import Event, PledgeRequested
from exchange.domain.lending_events import LotEnded, LotOffered, LotSold
from exchange.domain.record import Record

from .projection import Handler, Projection


class LotsState(Struct):
    """The checkpoint."""

    banks: list[tuple[int, int]]
    lots: list[LotOffered]


class Lots(Projection[LotsState]):
    """Those that stand, by id; what became of the others is in the log."""

    state_type = LotsState

    def __init__(self) -> None:
        super().__init__()
        self.lots: dict[int, LotOffered] = {}
        self._bank_ids: dict[int, int] = {}
        """By pledge of a loan."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """A lot's life, and whose pledges are whose."""
        return {
            PledgeRequested: self._request_pledge,
            LotOffered: self._offer,
            LotEnded: self._end,
            LotSold: self._end,
        }

    def bank_of(self, lot: LotOffered) -> int:
        """The account that offers a lot."""
        return self._bank_ids[lot.pledge_id]

    def seen_by(self, account_id: int, *, sees_all: bool = False) -> list[LotOffered]:
        """Lots for anybody, blocks to the account, and its own; by id."""
        return [
            lot
            for _, lot in sorted(self.lots.items())
            if sees_all
            or lot.buyer_account_id in (0, account_id)
            or self.bank_of(lot) == account_id
        ]

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

    def _end(self, event: LotEnded | LotSold, _record: Record, _index: int) -> None:
        del self.lots[event.lot_id]
