"""
Sublets between two named participants.

    OpenSublet ─▶ offered ─▶ AcceptSublet ─▶ let ─▶ EndSublet by both ─▶ ended
                     ├─▶ DeclineSublet, by either          (its rent of days to come goes back)
                     └─▶ lapsed after 15 minutes

While it is on offer the lessor's days and fee are held. Days under a lien may be let: not to an
affiliate, and below the least rent only with the word of every bank that has a lien there; whether
the rent is fair is asked again when the lessee takes it. What is received by a sublet is not owned
and so cannot be let again. The house of a product sells its days; it lets none. What a bank has let
in a lot runs its time, for its rent repays the loan. Fees are those of a trade, with the lessor as
maker and the lessee as taker.
"""

from exchange.domain.enums import LIENED, Purpose, Role, Side, Trust
from exchange.domain.events import Event, SubletOpened
from exchange.domain.letting import (
    AcceptSublet,
    ConsentToSublet,
    DeclineSublet,
    EndSublet,
    OpenSublet,
    SubletAccepted,
    SubletConsented,
    SubletDeclined,
    SubletEndAgreed,
    SubletEndAsked,
    SubletLapsed,
    SubletOffered,
)
from exchange.domain.movements import (
    HoldClosed,
    HoldOpened,
    SubletEnded,
    SubletGranted,
    TradeSettled,
    TrustFunded,
    TrustReleased,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import BPS_WHOLE, HOURS_PER_DAY, MAX_INTEGER, NS_PER_MINUTE
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, day_at

from .state import State, SubletOffer
from .sublets import floor_of
from .suppliers import require_on_sale

OFFER_NS = 15 * NS_PER_MINUTE
"""How long an offer stands, and one side's word that a sublet shall end."""
FIRST_SUBLET_ID = 10**12
"""
Trades in books number their sublets from 1 on, offers that are taken from here; parts of sublets
that a sale of pledged days divides from twice this on, three times, and so on in a record.
"""


# -- decide ---------------------------------------------------------------------------------------


def decide_open(command: OpenSublet, state: State, account_id: int) -> list[Event]:
    """Offers free days of the future; the hold that follows keeps them and the lessor's fee."""
    product = state.product(command.product_id)
    state.participant_with(command.lessee_account_id, Role.TRADER)
    require(command.lessee_account_id != account_id, Reason.SAME_PERSON, account_id)
    days = command.end_day - command.start_day
    require(0 < days <= MAX_USER_DEFINED_DAYS, Reason.BAD_WINDOW, days, MAX_USER_DEFINED_DAYS)
    today = day_at(state.market_ns)
    require(command.start_day > today, Reason.BAD_WINDOW, command.start_day, today)
    is_in_lots = command.sublet_qty % product.lot_qty == 0
    require(is_in_lots, Reason.LOT, command.sublet_qty, product.lot_qty)
    is_house = state.core.is_house(product.product_id, account_id)
    require(not is_house, Reason.SUPPLIER_LETS, account_id)
    _require_running(product.product_id, account_id, state)
    free_qty, binding_day = state.core.sublettable(
        account_id, product.product_id, command.start_day, command.end_day
    )
    require(command.sublet_qty <= free_qty, Reason.TITLE, command.sublet_qty, free_qty, binding_day)
    offer = _offer(command, state, account_id)
    _require_stranger(offer, state)
    _require_cash(account_id, offer.lessor_fee_amount, state)
    hold = HoldOpened(
        hold_id=offer.offer_id,
        account_id=account_id,
        held_amount=offer.lessor_fee_amount,
        product_id=offer.product_id,
        start_day=offer.start_day,
        end_day=offer.end_day,
        held_qty=offer.sublet_qty,
        is_sublet=True,
    )
    return [offer, hold]


def decide_accept(command: AcceptSublet, state: State, account_id: int) -> list[Event]:
    """The lessee pays rent and fee and has the use of the days."""
    offered = _own_offer(command.offer_id, state, account_id)
    offer = offered.offer
    require(offer.lessee_account_id == account_id, Reason.UNKNOWN_SUBLET, command.offer_id)
    require(state.market_ns < offer.lapse_ns, Reason.TOO_LATE, state.market_ns, offer.lapse_ns)
    today = day_at(state.market_ns)
    require(offer.start_day > today, Reason.TOO_LATE, today, offer.start_day)
    _require_running(offer.product_id, account_id, state)
    _require_stranger(offer, state)
    _require_fair_rent(offered, state)
    rent_amount = _rent_amount(offer)
    lessee_fee_amount = _fee(rent_amount, state.products[offer.product_id].taker_bps)
    _require_cash(account_id, rent_amount + lessee_fee_amount, state)
    return _let(offer, rent_amount, lessee_fee_amount)


def decide_decline(command: DeclineSublet, state: State, account_id: int) -> list[Event]:
    """Either side ends an offer."""
    return declined(_own_offer(command.offer_id, state, account_id).offer, account_id)


def declined(offer: SubletOffered, account_id: int) -> list[Event]:
    """The end of an offer by one side's word."""
    return [
        SubletDeclined(offer_id=offer.offer_id, account_id=account_id),
        HoldClosed(hold_id=offer.offer_id, account_id=offer.lessor_account_id),
    ]


def decide_consent(command: ConsentToSublet, state: State, account_id: int) -> list[Event]:
    """A pledgee whose word an offer awaits gives it."""
    offered = state.sublet_offers.get(command.offer_id)
    if offered is None or account_id not in offered.offer.consent_bank_ids:
        raise Refused(Reason.UNKNOWN_SUBLET, command.offer_id)
    is_new = account_id not in offered.consented_bank_ids
    require(is_new, Reason.ALREADY_DONE, command.offer_id)
    return [SubletConsented(offer_id=command.offer_id, bank_account_id=account_id)]


def decide_end(command: EndSublet, state: State, account_id: int) -> list[Event]:
    """The first word asks, the other side's ends the sublet from the next day that begins."""
    sublet = state.sublets.get(command.sublet_id)
    if sublet is None or account_id not in (sublet.lessor_account_id, sublet.lessee_account_id):
        raise Refused(Reason.UNKNOWN_SUBLET, command.sublet_id)
    is_free = command.sublet_id not in state.swept_sublets
    require(is_free, Reason.WRONG_STATE, command.sublet_id)
    start_day = max(sublet.start_day, day_at(state.market_ns) + 1)
    require(start_day < sublet.end_day, Reason.TOO_LATE, start_day, sublet.end_day)
    _require_running(sublet.product_id, account_id, state)
    asked = state.sublet_ends.get(command.sublet_id)
    if asked is None or asked.lapse_ns <= state.market_ns:
        lapse_ns = state.market_ns + OFFER_NS
        sublet_id = command.sublet_id
        return [SubletEndAsked(sublet_id=sublet_id, account_id=account_id, lapse_ns=lapse_ns)]
    require(asked.account_id != account_id, Reason.SAME_PERSON, account_id)
    return _ended(sublet, start_day, account_id)


def _require_running(product_id: int, account_id: int, state: State) -> None:
    """Refuses where the supplier is terminated: its days to come are settled, rents and all."""
    if state.stopped_suppliers:
        require_on_sale(product_id, account_id, Side.BUY, state)


def next_lapse_ns(state: State) -> int | None:
    """Market time at which the next offer is over; None where none stands."""
    return min((o.offer.lapse_ns for o in state.sublet_offers.values()), default=None)


def lapses(to_ns: int, max_count: int, state: State) -> tuple[list[Event], bool]:
    """The ends of up to so many offers whose time is over, the oldest first; whether of all."""
    due = [o.offer for _, o in sorted(state.sublet_offers.items()) if o.offer.lapse_ns <= to_ns]
    events: list[Event] = []
    for offer in due[:max_count]:
        events.append(SubletLapsed(offer_id=offer.offer_id))
        events.append(HoldClosed(hold_id=offer.offer_id, account_id=offer.lessor_account_id))
    return events, len(due) <= max_count


def _offer(command: OpenSublet, state: State, account_id: int) -> SubletOffered:
    """What is offered, and whose consent it needs."""
    product_id, start_day, end_day = command.product_id, command.start_day, command.end_day
    encumbered_day = state.core.encumbered_day(
        account_id, product_id, start_day, end_day, command.sublet_qty
    )
    is_encumbered = encumbered_day < end_day
    floor = floor_of(product_id, start_day, end_day, state)
    is_unfair = is_encumbered and (floor == 0 or command.rent_price < floor)
    hours = HOURS_PER_DAY * (end_day - start_day) * command.sublet_qty
    maker_bps = state.products[product_id].maker_bps
    return SubletOffered(
        offer_id=state.seq + 1,
        product_id=product_id,
        lessor_account_id=account_id,
        lessee_account_id=command.lessee_account_id,
        start_day=start_day,
        end_day=end_day,
        sublet_qty=command.sublet_qty,
        rent_price=command.rent_price,
        lessor_fee_amount=_fee(command.rent_price * hours, maker_bps),
        rent_floor_price=floor,
        encumbered_day=encumbered_day if is_encumbered else 0,
        consent_bank_ids=_pledgees(command, state, account_id) if is_unfair else [],
        lapse_ns=state.market_ns + OFFER_NS,
        key_id=command.key_id,
    )


def _pledgees(command: OpenSublet, state: State, account_id: int) -> list[int]:
    """The banks with a lien on days of the window, in order."""
    found = {
        pledge.request.bank_account_id
        for pledge in state.pledges.values()
        if pledge.status in LIENED
        and (pledge.request.account_id, pledge.request.product_id)
        == (account_id, command.product_id)
        and pledge.request.start_day < command.end_day
        and command.start_day < pledge.request.end_day
    }
    return sorted(found)


def _let(offer: SubletOffered, rent_amount: int, lessee_fee_amount: int) -> list[Event]:
    """The offer is over, the rent in trust, both fees paid, the use granted."""
    sublet_id = FIRST_SUBLET_ID + offer.offer_id
    return [
        SubletAccepted(
            offer_id=offer.offer_id,
            sublet_id=sublet_id,
            rent_amount=rent_amount,
            lessee_fee_amount=lessee_fee_amount,
        ),
        HoldClosed(hold_id=offer.offer_id, account_id=offer.lessor_account_id),
        TrustFunded(
            account_id=offer.lessee_account_id,
            trust=Trust.RENT,
            funded_amount=rent_amount,
            purpose=Purpose.RENT,
        ),
        TradeSettled(
            trade_id=sublet_id,
            buyer_account_id=offer.lessee_account_id,
            seller_account_id=offer.lessor_account_id,
            cash_amount=0,
            escrow_amount=0,
            buyer_fee_amount=lessee_fee_amount,
            seller_fee_amount=offer.lessor_fee_amount,
            purpose=Purpose.RENT,
        ),
        SubletGranted(
            sublet_id=sublet_id,
            product_id=offer.product_id,
            lessor_account_id=offer.lessor_account_id,
            lessee_account_id=offer.lessee_account_id,
            start_day=offer.start_day,
            end_day=offer.end_day,
            sublet_qty=offer.sublet_qty,
            rent_price=offer.rent_price,
        ),
    ]


def _ended(sublet: SubletOpened, start_day: int, account_id: int) -> list[Event]:
    hours = HOURS_PER_DAY * (sublet.end_day - start_day) * sublet.sublet_qty
    refund_amount = sublet.rent_price * hours
    return [
        SubletEndAgreed(
            sublet_id=sublet.sublet_id,
            account_id=account_id,
            start_day=start_day,
            refund_amount=refund_amount,
        ),
        SubletEnded(
            sublet_id=sublet.sublet_id,
            product_id=sublet.product_id,
            lessor_account_id=sublet.lessor_account_id,
            lessee_account_id=sublet.lessee_account_id,
            start_day=start_day,
            end_day=sublet.end_day,
            sublet_qty=sublet.sublet_qty,
        ),
        TrustReleased(
            account_id=sublet.lessee_account_id,
            trust=Trust.RENT,
            released_amount=refund_amount,
            purpose=Purpose.RENT_REFUND,
        ),
    ]


def _own_offer(offer_id: int, state: State, account_id: int) -> SubletOffer:
    """The offer, for its two sides; to anyone else it does not exist."""
    offered = state.sublet_offers.get(offer_id)
    if offered is None:
        raise Refused(Reason.UNKNOWN_SUBLET, offer_id)
    sides = (offered.offer.lessor_account_id, offered.offer.lessee_account_id)
    require(account_id in sides, Reason.UNKNOWN_SUBLET, offer_id)
    return offered


def _require_fair_rent(offered: SubletOffer, state: State) -> None:
    """
    Refuses pledged days below the least rent, as offered or of now, without their pledgees' word.

    A pledgee agreed to the rent and not to a floor, so its word holds while the marks move.
    """
    offer = offered.offer
    floor = floor_of(offer.product_id, offer.start_day, offer.end_day, state)
    if offer.consent_bank_ids:
        is_agreed = set(offer.consent_bank_ids) <= set(offered.consented_bank_ids)
        floor = offer.rent_floor_price
    else:
        is_agreed = not offer.encumbered_day or 0 < floor <= offer.rent_price
    require(is_agreed, Reason.RENT, offer.rent_price, floor, offer.encumbered_day)


def _require_stranger(offer: SubletOffered, state: State) -> None:
    """No affiliate gets pledged days: it could strip the pledge of its use."""
    if offer.encumbered_day:
        lessor_id, lessee_id = offer.lessor_account_id, offer.lessee_account_id
        is_stranger = not state.core.parties_are_one(lessor_id, lessee_id)
        require(is_stranger, Reason.AFFILIATE, lessee_id, lessor_id, offer.encumbered_day)


def _require_cash(account_id: int, needed_amount: int, state: State) -> None:
    available_amount, _ = state.core.balances(account_id)
    is_covered = needed_amount <= available_amount
    require(is_covered, Reason.CASH, min(needed_amount, MAX_INTEGER), available_amount)


def _rent_amount(offer: SubletOffered) -> int:
    """Of all days; exact."""
    days = offer.end_day - offer.start_day
    return offer.rent_price * HOURS_PER_DAY * days * offer.sublet_qty


def _fee(rent_amount: int, fee_bps: int) -> int:
    """Rounded up."""
    return -(-rent_amount * fee_bps // BPS_WHOLE)


# -- evolve ---------------------------------------------------------------------------------------


def evolve_offered(event: SubletOffered, state: State) -> None:
    """The offer stands."""
    state.sublet_offers[event.offer_id] = SubletOffer(event, [])


def evolve_consented(event: SubletConsented, state: State) -> None:
    """The pledgee's word counts."""
    offered = state.sublet_offers[event.offer_id]
    consented = sorted({*offered.consented_bank_ids, event.bank_account_id})
    state.sublet_offers[event.offer_id] = SubletOffer(offered.offer, consented)


def evolve_offer_over(event: SubletAccepted | SubletDeclined | SubletLapsed, state: State) -> None:
    """The offer stands no longer."""
    del state.sublet_offers[event.offer_id]


def evolve_end_asked(event: SubletEndAsked, state: State) -> None:
    """One side has given its word; words that no longer count are forgotten."""
    for sublet_id, asked in list(state.sublet_ends.items()):
        if asked.lapse_ns <= state.market_ns:
            del state.sublet_ends[sublet_id]
    state.sublet_ends[event.sublet_id] = event


def evolve_end_agreed(event: SubletEndAgreed, state: State) -> None:
    """Both have."""
    del state.sublet_ends[event.sublet_id]
