"""How lots end without a sale: withdrawn, unsold in their time, redeemed or cured with the loan."""

from exchange.domain.enums import LotEnd, TradingMode
from exchange.domain.events import Event
from exchange.domain.lending_events import LotEnded
from exchange.domain.lot_prices import next_step_ns
from exchange.domain.movements import HoldClosed

from .lending_state import Lot
from .lot_reserve import note_unsold
from .state import State


def next_lot_ns(state: State) -> int | None:
    """When the price of a lot falls next, or one ends; None where none stands."""
    now_ns = state.market_ns
    return min((next_step_ns(lot.offered, now_ns) for lot in state.lots.values()), default=None)


def unsold_lots(to_ns: int, state: State) -> list[Event]:
    """The end of lots that nobody has bought in their time, in the order of their ids."""
    return [
        event
        for _, lot in sorted(state.lots.items())
        if lot.offered.end_ns <= to_ns
        for event in lot_ended(lot, LotEnd.UNSOLD, state)
    ]


def redeemed_lots(loan_id: int, end: LotEnd, state: State, but_id: int = 0) -> list[Event]:
    """The end of a loan's lots because it is repaid or cured; `but_id` is the one that did it."""
    return [
        event
        for lot_id, lot in sorted(state.lots.items())
        if lot.offered.loan_id == loan_id and lot_id != but_id
        for event in lot_ended(lot, end, state)
    ]


def lot_ended(lot: Lot, end: LotEnd, state: State) -> list[Event]:
    """A lot is over, and the days that it kept are free."""
    return [LotEnded(lot_id=lot.offered.lot_id, end=end), *released_days(lot, state)]


def released_days(lot: Lot, state: State) -> list[Event]:
    """What a lot set aside is free: the days of a sublet lot."""
    if lot.offered.mode is TradingMode.TITLE:
        return []
    owner_id = state.pledges[lot.offered.pledge_id].request.account_id
    return [HoldClosed(hold_id=lot.offered.lot_id, account_id=owner_id)]


def evolve_ended(event: LotEnded, state: State) -> None:
    """The lot stands no longer."""
    lot = state.lots.pop(event.lot_id)
    if event.end is LotEnd.UNSOLD:
        note_unsold(lot.offered, state)
