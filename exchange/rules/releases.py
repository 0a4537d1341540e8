"""
What a final day pays: each payout as the movement that its purpose tells of, then the day is over.

    escrow ─▶ supplier (delivery), owners (refund)      bond ─▶ owners (damages, else a claim)
    rent trust ─▶ lessors (rent), sublessees (back)     a pledgee comes before an owner or lessor

What a bank has of it for a loan repays the loan in the same record. A pledge whose last day is over
has matured.
"""

from collections.abc import Iterable

from exchange.domain.delivery_events import (
    DamagesClaimed,
    DeliverySettled,
    Payout,
    SettlementPlanned,
)
from exchange.domain.enums import IN_SERVICE, LIENED, PledgeStatus, Purpose, Trust
from exchange.domain.events import Event, PledgeReleased
from exchange.domain.lending_events import PledgeMatured
from exchange.domain.movements import DeliveryDayClosed, EscrowReleased, TrustReleased

from .bonds import bond_for, standing_of
from .day_book import day_book, is_closed, liens_on
from .delivery import set_due
from .delivery_state import DeliveryDay
from .earnings import Earnings
from .lending_past import note_pledge_over
from .shortfall import payouts
from .state import State

_ESCROW = (Purpose.DELIVERY, Purpose.SHORTFALL_REFUND)


def settlement(entry: DeliveryDay, max_count: int, today: int, state: State) -> list[Event]:
    """The next part of a final day's payouts, with the end of the day behind the last of them."""
    closed = DeliveryDayClosed(product_id=entry.product_id, day=entry.day)
    planned = entry.payouts or payouts(day_book(entry, bond_for(entry, state), state))
    if not planned:
        return [closed, *_matured(entry, set(), state)]
    if len(planned) > max_count and not entry.payouts:
        return [SettlementPlanned(product_id=entry.product_id, day=entry.day, payouts=planned)]
    part = planned[:max_count]
    is_complete = len(part) == len(planned)
    supplier_id = state.products[entry.product_id].supplier_account_id
    drawn = sum(p.paid_amount for p in part if p.purpose is Purpose.COVER_DAMAGES)
    settled = DeliverySettled(
        product_id=entry.product_id,
        day=entry.day,
        supplier_account_id=supplier_id,
        payout_count=len(part),
        drawn_amount=drawn,
        is_complete=is_complete,
    )
    events: list[Event] = [settled]
    claim_id = state.claim_count
    earnings = Earnings(today, state)
    for payout in part:
        if payout.purpose is Purpose.CLAIM:
            claim_id += 1
            events.append(_claim(claim_id, payout, entry, supplier_id))
        else:
            events.append(_movement(payout, entry))
            events += earnings.received(payout.pledge_id, payout.paid_amount, payout.purpose)
    events += earnings.consequences()
    if is_complete:
        released_ids = {event.pledge_id for event in events if isinstance(event, PledgeReleased)}
        events += [closed, *_matured(entry, released_ids, state)]
    return events


def _movement(payout: Payout, entry: DeliveryDay) -> Event:
    if payout.purpose in _ESCROW:
        return EscrowReleased(
            product_id=entry.product_id,
            day=entry.day,
            account_id=payout.account_id,
            released_amount=payout.paid_amount,
            purpose=payout.purpose,
        )
    is_bond = payout.purpose is Purpose.COVER_DAMAGES
    return TrustReleased(
        account_id=payout.account_id,
        trust=Trust.BOND if is_bond else Trust.RENT,
        released_amount=payout.paid_amount,
        purpose=payout.purpose,
    )


def _claim(claim_id: int, payout: Payout, entry: DeliveryDay, supplier_id: int) -> DamagesClaimed:
    return DamagesClaimed(
        claim_id=claim_id,
        product_id=entry.product_id,
        day=entry.day,
        supplier_account_id=supplier_id,
        account_id=payout.account_id,
        claim_amount=payout.paid_amount,
        pledge_id=payout.pledge_id,
    )


def _matured(entry: DeliveryDay, released_ids: set[int], state: State) -> list[Event]:
    """The pledges that stand and of which no day is left once this one is closed."""
    product_id, closing = entry.product_id, entry.day
    found: list[int] = []
    for pledge_id, pledge in state.pledges.items():
        asked = pledge.request
        days = range(asked.end_day - 1, asked.start_day - 1, -1)
        is_active = pledge.status in LIENED and pledge_id not in released_ids
        is_of_day = asked.product_id == product_id and closing in days
        if is_active and is_of_day and _are_over(product_id, days, closing, state):
            found.append(pledge_id)
    return [PledgeMatured(pledge_id=pledge_id) for pledge_id in sorted(found)]


def _are_over(product_id: int, days: Iterable[int], closing: int, state: State) -> bool:
    return all(day == closing or is_closed(product_id, day, state) for day in days)


# -- evolve ---------------------------------------------------------------------------------------


def evolve_planned(event: SettlementPlanned, state: State) -> None:
    """The payouts are fixed, whatever changes before the last of them."""
    state.deliveries[event.product_id][event.day].payouts = list(event.payouts)


def evolve_settled(event: DeliverySettled, state: State) -> None:
    """A part is paid; what came out of the bond is no longer in it."""
    entry = state.deliveries[event.product_id][event.day]
    entry.payouts = entry.payouts[event.payout_count :]
    if event.drawn_amount:
        standing_of(event.supplier_account_id, state).bond_amount -= event.drawn_amount


def evolve_closed(event: DeliveryDayClosed, state: State) -> None:
    """Nobody has anything of the day; a sublet whose days are all over is forgotten."""
    product_id, day = event.product_id, event.day
    for lien in liens_on(product_id, day, state):
        loan = state.loans.get(state.pledges[lien.pledge_id].request.loan_id)
        if loan is not None:
            loan.is_covenant_due = loan.status in IN_SERVICE
    state.core.close_day(product_id, day)
    days = state.deliveries.get(product_id, {})
    entry = days.get(day)
    if entry is not None:
        set_due(entry, 0, state)
        del days[day]
        if not days:
            del state.deliveries[product_id]
    for sublet in sublets_over(product_id, day, state):
        del state.sublets[sublet]
        state.swept_sublets.pop(sublet, None)


def evolve_matured(event: PledgeMatured, state: State) -> None:
    """Nothing of it is left to be under lien."""
    pledge = state.pledges[event.pledge_id]
    pledge.status, pledge.pledged_qty, pledge.sold = PledgeStatus.MATURED, 0, []
    note_pledge_over(pledge, state)


def sublets_over(product_id: int, day: int, state: State) -> list[int]:
    """The sublets that cover a day and have no day left that is open."""
    return [
        sublet.sublet_id
        for sublet in state.sublets.values()
        if sublet.product_id == product_id
        and sublet.start_day <= day < sublet.end_day
        and all(
            is_closed(product_id, each, state) for each in range(sublet.start_day, sublet.end_day)
        )
    ]
