"""
Pledges: unit-days under a bank's lien.

What can be sold can be pledged: title that is not liened, sublet or reserved, on every day of the
window. The owner asks, the bank accepts; only then is the lien on, and it is checked again, because
a request encumbers nothing. First lien only: a liened unit-day cannot be pledged twice. With the
acceptance comes the first mark in which the bank's own pool counts (`pool_share`).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from exchange.domain.commands import AcceptPledge, DeclinePledge, ReleasePledge, RequestPledge
from exchange.domain.enums import LIENED, PledgeStatus, Role
from exchange.domain.events import (
    Event,
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeRequested,
)
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import MAX_INTEGER, MAX_PRICE
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, day_at

from .day_book import open_spans
from .lending_past import note_pledge_over
from .lending_state import Pledge
from .pledge_release import released
from .state import State
from .valuation import mark_of, taken_mark

MAX_REQUESTS = 100
"""Open requests of one owner, those of loans apart: each is valued in every cycle."""
MAX_MARKED_HOURS = MAX_INTEGER // MAX_PRICE
"""GPU-hours of a pledge, and of all behind a loan: no price of the venue makes too much of them."""

# -- decide ---------------------------------------------------------------------------------------


def decide_request(command: RequestPledge, state: State, account_id: int) -> list[Event]:
    """Offers free unit-days of the future to a bank, with what they are worth to it now."""
    state.product(command.product_id)
    state.participant_with(command.bank_account_id, Role.BANK)
    require(command.bank_account_id != account_id, Reason.SAME_PERSON, account_id)
    _require_room(account_id, state)
    request = PledgeRequested(
        pledge_id=state.pledge_count + 1,
        account_id=account_id,
        bank_account_id=command.bank_account_id,
        product_id=command.product_id,
        start_day=command.start_day,
        end_day=command.end_day,
        pledged_qty=command.pledged_qty,
        loan_id=0,
    )
    require_window(request, state)
    require_free([request], state)
    mark = mark_of(request, request.pledged_qty, state)
    require_size([mark])
    return [request, mark]


def decide_accept(command: AcceptPledge, state: State, account_id: int) -> list[Event]:
    """Puts the lien on, if the days are still free and none has begun, and values it anew."""
    pledge = own_pledge(command.pledge_id, state, account_id)
    request = pledge.request
    require(request.bank_account_id == account_id, Reason.UNKNOWN_PLEDGE, command.pledge_id)
    _require_asked(pledge)
    today = day_at(state.market_ns)
    require(request.start_day > today, Reason.TOO_LATE, today, request.start_day)
    require_free([request], state)
    return [PledgeAccepted(pledge_id=command.pledge_id), taken_mark(pledge, state)]


def decide_decline(command: DeclinePledge, state: State, account_id: int) -> list[Event]:
    """Either side ends a request."""
    pledge = own_pledge(command.pledge_id, state, account_id)
    _require_asked(pledge)
    return [PledgeDeclined(pledge_id=command.pledge_id)]


def decide_release(command: ReleasePledge, state: State, account_id: int) -> list[Event]:
    """The bank lifts an active lien, or that of whole lots, of what it does not offer for sale."""
    pledge = own_pledge(command.pledge_id, state, account_id)
    is_bank = pledge.request.bank_account_id == account_id
    require(is_bank, Reason.UNKNOWN_PLEDGE, command.pledge_id)
    require(pledge.status in LIENED, Reason.WRONG_STATE, command.pledge_id)
    released_qty = command.released_qty or pledge.pledged_qty
    lot_qty = state.products[pledge.request.product_id].lot_qty
    require(released_qty % lot_qty == 0, Reason.LOT, released_qty, lot_qty)
    offered_qty = sum(
        lot.offered.lot_qty
        for lot in state.lots.values()
        if lot.offered.pledge_id == command.pledge_id
    )
    free_qty = max(0, pledge.pledged_qty - offered_qty)
    require(released_qty <= free_qty, Reason.LIEN, released_qty, free_qty)
    return released(pledge, released_qty, state)


def require_window(request: PledgeRequested, state: State) -> None:
    """Refuses what is no window of days to come, or not in whole lots."""
    lot_qty = state.product(request.product_id).lot_qty
    days = request.end_day - request.start_day
    require(0 < days <= MAX_USER_DEFINED_DAYS, Reason.BAD_WINDOW, days, MAX_USER_DEFINED_DAYS)
    today = day_at(state.market_ns)
    require(request.start_day > today, Reason.BAD_WINDOW, request.start_day, today)
    require(request.pledged_qty % lot_qty == 0, Reason.LOT, request.pledged_qty, lot_qty)


def require_size(marks: Iterable[PledgeMarked]) -> None:
    """Refuses more GPU-hours together than are an amount of the wire at the highest price."""
    hours = sum(mark.position_hours for mark in marks)
    require(hours <= MAX_MARKED_HOURS, Reason.PLEDGE_SIZE, hours, MAX_MARKED_HOURS)


def require_bought(request: PledgeRequested, state: State) -> None:
    """Refuses days that the supplier's house has not sold: no bank could sell them for a loan."""
    owner_id = request.account_id
    is_house = state.core.is_house(request.product_id, owner_id)
    require(not is_house, Reason.PRIMARY, owner_id, 0, request.start_day)


def require_free(requests: Sequence[PledgeRequested], state: State) -> None:
    """Refuses days of one owner that are not all free together; names the first that binds."""
    for product_id in sorted({request.product_id for request in requests}):
        same = [request for request in requests if request.product_id == product_id]
        cuts = sorted({day for each in same for day in (each.start_day, each.end_day)})
        for start_day, end_day in pairwise(cuts):
            wanted_qty = sum(
                each.pledged_qty for each in same if each.start_day <= start_day < each.end_day
            )
            owner_id = same[0].account_id
            free_qty, day = state.core.sellable(owner_id, product_id, start_day, end_day)
            require(wanted_qty <= free_qty, Reason.TITLE, wanted_qty, free_qty, day)


def own_pledge(pledge_id: int, state: State, account_id: int) -> Pledge:
    """The pledge, for its owner or its bank; to anyone else it does not exist."""
    pledge = state.pledges.get(pledge_id)
    if pledge is None:
        raise Refused(Reason.UNKNOWN_PLEDGE, pledge_id)
    parties = (pledge.request.account_id, pledge.request.bank_account_id)
    require(account_id in parties, Reason.UNKNOWN_PLEDGE, pledge_id)
    return pledge


def _require_room(owner_id: int, state: State) -> None:
    """Refuses one request more than an owner may have open; one whose days have begun is not."""
    today = day_at(state.market_ns)
    open_count = sum(
        pledge.status is PledgeStatus.REQUESTED
        and pledge.request.account_id == owner_id
        and not pledge.request.loan_id
        and pledge.request.start_day > today
        for pledge in state.pledges.values()
    )
    require(open_count < MAX_REQUESTS, Reason.DESK_ITEMS, open_count, MAX_REQUESTS)


def _require_asked(pledge: Pledge) -> None:
    """Refuses what is decided already, and what a loan's terms decide."""
    request = pledge.request
    is_asked = pledge.status is PledgeStatus.REQUESTED and not request.loan_id
    require(is_asked, Reason.WRONG_STATE, request.pledge_id)


# -- evolve ---------------------------------------------------------------------------------------


def evolve_request(event: PledgeRequested, state: State) -> None:
    """The request stands."""
    pledge = state.pledges[event.pledge_id] = Pledge(event, PledgeStatus.REQUESTED)
    state.pledge_count = event.pledge_id
    note_pledge_over(pledge, state, event.start_day)
    if event.loan_id:
        state.loans[event.loan_id].pledge_ids.append(event.pledge_id)


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
    pledge = state.pledges[event.pledge_id]
    pledge.status = PledgeStatus.DECLINED
    note_pledge_over(pledge, state)


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
    if not pledge.pledged_qty:
        note_pledge_over(pledge, state)
