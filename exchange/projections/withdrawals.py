"""Cash that its holders have asked for and that nobody has paid out."""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.events import (
    Event,
)
from exchange.domain.record import Record
from exchange.domain.withdrawal_events import CashWithdrawn, WithdrawalDeclined, WithdrawalRequested

from .projection import Handler, Projection


class WithdrawalsState(Struct):
    """The checkpoint."""

    withdrawals: list[WithdrawalRequested]


class Withdrawals(Projection[WithdrawalsState]):
    """The requests that are open, by id."""

    state_type = WithdrawalsState

    def __init__(self) -> None:
        super().__init__()
        self.withdrawals: dict[int, WithdrawalRequested] = {}

    def handle(self) -> Mapping[type[Event], Handler]:
        """A request's life."""
        return {
            WithdrawalRequested: self._request,
            WithdrawalDeclined: self._end,
            CashWithdrawn: self._end,
        }

    def state(self) -> WithdrawalsState:
        """The requests in the order of their ids."""
        return WithdrawalsState([asked for _, asked in sorted(self.withdrawals.items())])

    def load(self, state: WithdrawalsState) -> None:
        """Takes the requests."""
        self.withdrawals = {asked.withdrawal_id: asked for asked in state.withdrawals}

    def _request(self, event: WithdrawalRequested, _record: Record, _index: int) -> None:
        self.withdrawals[event.withdrawal_id] = event

    def _end(self, event: WithdrawalDeclined | CashWithdrawn, _record: Record, _index: int) -> None:
        del self.withdrawals[event.withdrawal_id]
