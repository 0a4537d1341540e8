"""Pledges and where they stand, now and as of any sequence number."""

from bisect import bisect_right
from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.enums import LIENED, PledgeStatus
from exchange.domain.events import (
    Event,
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeRequested,
)
from exchange.domain.lending_events import LiquidationOpened, LoanCured, PledgeMatured
from exchange.domain.movements import CollateralSold
from exchange.domain.record import Record

from .projection import Handler, Projection


class Pledge(Struct):
    """A request with what became of it: (seq, status, GPUs under lien) in the order of the log."""

    request: PledgeRequested
    history: list[tuple[int, PledgeStatus, int]]

    @property
    def status(self) -> PledgeStatus:
        """Where it stands now."""
        return self.history[-1][1]

    @property
    def pledged_qty(self) -> int:
        """GPUs under lien now."""
        return self.history[-1][2]

    def status_as_of(self, seq: int) -> PledgeStatus | None:
        """Where it stood after that record; None before it was requested."""
        at = bisect_right(self.history, seq, key=lambda step: step[0])
        return self.history[at - 1][1] if at else None


class PledgesState(Struct):
    """The checkpoint."""

    pledges: list[Pledge]


class Pledges(Projection[PledgesState]):
    """Every pledge ever requested."""

    state_type = PledgesState

    def __init__(self) -> None:
        super().__init__()
        self.pledges: dict[int, Pledge] = {}
        self._of: dict[int, list[Pledge]] = {}
        """By account, of its owner and of its bank; in the order of the log, as above."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """A pledge's life."""
        return {
            PledgeRequested: self._request,
            PledgeAccepted: self._accept,
            PledgeDeclined: self._decline,
            PledgeReleased: self._release,
            PledgeMatured: self._mature,
            LiquidationOpened: self._enforce,
            LoanCured: self._cure,
            CollateralSold: self._sell,
        }

    def concerning(self, account_id: int) -> list[Pledge]:
        """Pledges of the account, and pledges to it."""
        return list(self._of.get(account_id, ()))

    def liened_to(self, bank_account_id: int) -> list[PledgeRequested]:
        """What is under lien to a bank now."""
        return [
            pledge.request
            for pledge in self._of.get(bank_account_id, ())
            if pledge.request.bank_account_id == bank_account_id and pledge.status in LIENED
        ]

    def live_as_of(self, seq: int, account_id: int = 0) -> list[PledgeRequested]:
        """What was asked for or under lien after that record, of or to an account or (0) of all."""
        pledges = self._of.get(account_id, ()) if account_id else self.pledges.values()
        return [
            pledge.request
            for pledge in pledges
            if (status := pledge.status_as_of(seq)) is PledgeStatus.REQUESTED or status in LIENED
        ]

    def active_as_of(self, seq: int) -> list[PledgeRequested]:
        """What was under lien after that record."""
        return [
            pledge.request for pledge in self.pledges.values() if pledge.status_as_of(seq) in LIENED
        ]

    def state(self) -> PledgesState:
        """Pledges by id."""
        return PledgesState([pledge for _, pledge in sorted(self.pledges.items())])

    def load(self, state: PledgesState) -> None:
        """Takes the pledges."""
        self.pledges, self._of = {}, {}
        for pledge in state.pledges:
            self._add(pledge)

    def _request(self, event: PledgeRequested, record: Record, _index: int) -> None:
        self._add(Pledge(event, [(record.seq, PledgeStatus.REQUESTED, 0)]))

    def _add(self, pledge: Pledge) -> None:
        asked = pledge.request
        self.pledges[asked.pledge_id] = pledge
        for account_id in {asked.account_id, asked.bank_account_id}:
            self._of.setdefault(account_id, []).append(pledge)

    def _accept(self, event: PledgeAccepted, record: Record, _index: int) -> None:
        pledge = self.pledges[event.pledge_id]
        _turn(pledge, record, PledgeStatus.ACTIVE, pledge.request.pledged_qty)

    def _decline(self, event: PledgeDeclined, record: Record, _index: int) -> None:
        _turn(self.pledges[event.pledge_id], record, PledgeStatus.DECLINED, 0)

    def _release(self, event: PledgeReleased, record: Record, _index: int) -> None:
        pledge = self.pledges[event.pledge_id]
        left_qty = pledge.pledged_qty - event.released_qty
        is_enforced = pledge.status is PledgeStatus.ENFORCING
        partly = PledgeStatus.ENFORCING if is_enforced else PledgeStatus.PARTLY_RELEASED
        _turn(pledge, record, partly if left_qty else PledgeStatus.RELEASED, left_qty)

    def _mature(self, event: PledgeMatured, record: Record, _index: int) -> None:
        _turn(self.pledges[event.pledge_id], record, PledgeStatus.MATURED, 0)

    def _enforce(self, event: LiquidationOpened, record: Record, _index: int) -> None:
        for pledge in self.pledges.values():
            if pledge.request.loan_id == event.loan_id and pledge.status in LIENED:
                _turn(pledge, record, PledgeStatus.ENFORCING, pledge.pledged_qty)

    def _cure(self, event: LoanCured, record: Record, _index: int) -> None:
        for pledge in self.pledges.values():
            is_here = pledge.request.loan_id == event.loan_id
            if is_here and pledge.status is PledgeStatus.ENFORCING:
                is_whole = pledge.pledged_qty == pledge.request.pledged_qty
                status = PledgeStatus.ACTIVE if is_whole else PledgeStatus.PARTLY_RELEASED
                _turn(pledge, record, status, pledge.pledged_qty)

    def _sell(self, event: CollateralSold, record: Record, _index: int) -> None:
        pledge = self.pledges[event.pledge_id]
        left_qty = pledge.pledged_qty - event.sold_qty
        status = pledge.status if left_qty else PledgeStatus.ENFORCED
        _turn(pledge, record, status, left_qty)


def _turn(pledge: Pledge, record: Record, status: PledgeStatus, pledged_qty: int) -> None:
    pledge.history.append((record.seq, status, pledged_qty))
