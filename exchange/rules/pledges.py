"""
Pledges: unit-days under a bank's lien.

What can be sold can be pledged: title that is not liened, sublet or reserved, on every day of the
window. The owner asks, the bank accepts; only then is the lien on, and it is checked again, because
a request encumbers nothing. First lien only: a liened unit-day cannot be pledged twice.
"""

from exchange.domain.commands import AcceptPledge, DeclinePledge, ReleasePledge, RequestPledge
from exchange.domain.enums import LIENED, PledgeStatus, Role
from exchange.domain.events import (
    Event,
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeRequested,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, day_at

from .day_book import open_spans
from .lending_state import Pledge
from .state import State
from .valuation import mark_of

# -- decide ---------------------------------------------------------------------------------------


def decide_request(command: RequestPledge, state: State, account_id: int) -> list[Event]:
    """Offers free unit-days of the future to a bank, with what they are worth to it now."""
    product = state.product(command.product_id)
    state.participant_with(command.bank_account_id, Role.BANK)
    require(command.bank_account_id != account_id, Reason.SAME_PERSON, account_id)
    days = command.end_day - command.start_day
    require(0 < days <= MAX_USER_DEFINED_DAYS, Reason.BAD_WINDOW, days, MAX_USER_DEFINED_DAYS)
    today = day_at(state.market_ns)
    require(command.start_day > today, Reason.BAD_WINDOW, command.start_day, today)
    is_in_lots = command.pledged_qty % product.lot_qty == 0
    require(is_in_lots, Reason.LOT, command.pledged_qty, product.lot_qty)
    request = PledgeRequested(
        pledge_id=len(state.pledges) + 1,
        account_id=account_id,
        bank_account_id=command.bank_account_id,
        product_id=command.product_id,
        start_day=command.start_day,
        end_day=command.end_day,
        pledged_qty=command.pledged_qty,
        loan_id=0,
    )
    _require_free(request, state)
    return [request, mark_of(request, request.pledged_qty, state)]


def decide_accept(command: AcceptPledge, state: State, account_id: int) -> list[Event]:
    """Puts the lien on, if the days are still free and none has begun."""
    pledge = own_pledge(command.pledge_id, state, account_id)
    request = pledge.request
    require(request.bank_account_id == account_id, Reason.UNKNOWN_PLEDGE, command.pledge_id)
    require(pledge.status is PledgeStatus.REQUESTED, Reason.WRONG_STATE, command.pledge_id)
    today = day_at(state.market_ns)
    require(request.start_day > today, Reason.TOO_LATE, today, request.start_day)
    _require_free(request, state)
    return [PledgeAccepted(pledge_id=command.pledge_id)]


def decide_decline(command: DeclinePledge, state: State, account_id: int) -> list[Event]:
    """Either side ends a request."""
    pledge = own_pledge(command.pledge_id, state, account_id)
    require(pledge.status is PledgeStatus.REQUESTED, Reason.WRONG_STATE, command.pledge_id)
    return [PledgeDeclined(pledge_id=command.pledge_id)]


def decide_release(command: ReleasePledge, state: State, account_id: int) -> list[Event]:
    """The bank lifts an active lien, or that of whole lots."""
    pledge = own_pledge(command.pledge_id, state, account_id)
    is_bank = pledge.request.bank_account_id == account_id
    require(is_bank, Reason.UNKNOWN_PLEDGE, command.pledge_id)
    require(pledge.status in LIENED, Reason.WRONG_STATE, command.pledge_id)
    released_qty = command.released_qty or pledge.pledged_qty
    lot_qty = state.products[pledge.request.product_id].lot_qty
    require(released_qty % lot_qty == 0, Reason.LOT, released_qty, lot_qty)
    require(released_qty <= pledge.pledged_qty, Reason.LIEN, released_qty, pledge.pledged_qty)
    return [PledgeReleased(pledge_id=command.pledge_id, released_qty=released_qty)]


def own_pledge(pledge_id: int, state: State, account_id: int) -> Pledge:
    """The pledge, for its owner or its bank; to anyone else it does not exist."""
    pledge = state.pledges.get(pledge_id)
    if pledge is None:
        raise Refused(Reason.UNKNOWN_PLEDGE, pledge_id)
    parties = (pledge.request.account_id, pledge.request.bank_account_id)
    require(account_id in parties, Reason.UNKNOWN_PLEDGE, pledge_id)
    return pledge


def _require_free(request: PledgeRequested, state: State) -> None:
    free_qty, binding_day = state.core.sellable(
        request.account_id, request.product_id, request.start_day, request.end_day
    )
    require(
        request.pledged_qty <= free_qty, Reason.TITLE, request.pledged_qty, free_qty, binding_day
    )


# -- evolve ---------------------------------------------------------------------------------------


def evolve_request(event: PledgeRequested, state: State) -> None:
    """The request stands."""
    state.pledges[event.pledge_id] = Pledge(event, PledgeStatus.REQUESTED)


def evolve_accept(event: PledgeAccepted, state: State) -> None:
    """The unit-days are under lien."""
    pledge = state.pledges[event.pledge_id]
    request = pledge.request
    pledge.status, pledge.pledged_qty = PledgeStatus.ACTIVE, request.pledged_qty
    state.core.add_lien(
        request.account_id,
        request.product_id,
        request.start_day,
        request.end_day,
        request.pledged_qty,
    )


def evolve_decline(event: PledgeDeclined, state: State) -> None:
    """The request is over."""
    state.pledges[event.pledge_id].status = PledgeStatus.DECLINED


def evolve_release(event: PledgeReleased, state: State) -> None:
    """The unit-days are free again; a lien on a day that is closed ended with the day."""
    pledge = state.pledges[event.pledge_id]
    pledge.pledged_qty -= event.released_qty
    is_enforced = pledge.status is PledgeStatus.ENFORCING
    partly = PledgeStatus.ENFORCING if is_enforced else PledgeStatus.PARTLY_RELEASED
    pledge.status = partly if pledge.pledged_qty else PledgeStatus.RELEASED
    request, product_id = pledge.request, pledge.request.product_id
    for start_day, end_day in open_spans(product_id, request.start_day, request.end_day, state):
        state.core.lift_lien(request.account_id, product_id, start_day, end_day, event.released_qty)
