"""
Substitution with consent: days that a supplier cannot deliver change places with others of its own.

    offered ─▶ AcceptSubstitution, by the holder ─▶ swapped
       ├─▶ DeclineSubstitution, by either
       └─▶ lapsed after a day, or when the first of the days begins

Both spans are as long and lie ahead; the supplier runs both products. While it is on offer the
supplier's days are held; the holder's must be free when it consents: neither pledged, let nor on
offer, or somebody else would have a say. No price is paid: of each old day the quantity's share of
the escrow, rounded down, becomes escrow of the new day, so the holder has paid what it had paid.
"""

from exchange.domain.desk_events import EscrowRun
from exchange.domain.enums import Purpose
from exchange.domain.events import EscrowFunded, EscrowReturned, Event
from exchange.domain.movements import HoldClosed, HoldOpened, TitleTransferred, TradeSettled
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.substitution import (
    AcceptSubstitution,
    DeclineSubstitution,
    OfferSubstitution,
    SubstitutionAccepted,
    SubstitutionDeclined,
    SubstitutionLapsed,
    SubstitutionOffered,
)
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, day_at, start_ns

from .state import State

OFFER_NS = NS_PER_DAY
"""How long an offer stands."""


# -- decide ---------------------------------------------------------------------------------------


def decide_offer(command: OfferSubstitution, state: State, account_id: int) -> list[Event]:
    """Offers unsold days of the future for as many of a holder's; a hold keeps them."""
    days = command.end_day - command.start_day
    require(0 < days <= MAX_USER_DEFINED_DAYS, Reason.BAD_WINDOW, days, MAX_USER_DEFINED_DAYS)
    for product_id in (command.product_id, command.other_product_id):
        product = state.product(product_id)
        require(product.supplier_account_id == account_id, Reason.WRONG_ROLE, account_id)
        is_in_lots = command.substituted_qty % product.lot_qty == 0
        require(is_in_lots, Reason.LOT, command.substituted_qty, product.lot_qty)
    standing = state.standings.get(account_id)
    is_over = standing is not None and standing.is_terminated
    require(not is_over, Reason.SUSPENDED, account_id)
    holder_id = command.holder_account_id
    state.participant(holder_id)
    is_house = state.core.is_house(command.product_id, holder_id)
    require(not is_house, Reason.SAME_PERSON, holder_id)
    today = day_at(state.market_ns)
    first_day = min(command.start_day, command.other_start_day)
    require(first_day > today, Reason.BAD_WINDOW, first_day, today, first_day)
    is_other = command.product_id != command.other_product_id
    is_apart = abs(command.start_day - command.other_start_day) >= days
    require(is_other or is_apart, Reason.BAD_WINDOW, command.other_start_day, command.start_day)
    offered = SubstitutionOffered(
        substitution_id=state.seq + 1,
        supplier_account_id=account_id,
        holder_account_id=holder_id,
        product_id=command.product_id,
        start_day=command.start_day,
        end_day=command.end_day,
        substituted_qty=command.substituted_qty,
        other_product_id=command.other_product_id,
        other_start_day=command.other_start_day,
        lapse_ns=min(state.market_ns + OFFER_NS, start_ns(first_day)),
        key_id=command.key_id,
    )
    _require_owned(offered, state)
    return [offered, _hold(offered, state)]


def decide_accept(command: AcceptSubstitution, state: State, account_id: int) -> list[Event]:
    """The holder consents, and the days change places with their escrow."""
    offered = _own(command.substitution_id, state, account_id)
    is_holder = offered.holder_account_id == account_id
    require(is_holder, Reason.UNKNOWN_SUBSTITUTION, command.substitution_id)
    require(state.market_ns < offered.lapse_ns, Reason.TOO_LATE, state.market_ns, offered.lapse_ns)
    standing = state.standings.get(offered.supplier_account_id)
    is_over = standing is not None and standing.is_terminated
    require(not is_over, Reason.SUSPENDED, offered.supplier_account_id)
    free_qty, binding_day = state.core.sellable(
        account_id, offered.product_id, offered.start_day, offered.end_day
    )
    qty = offered.substituted_qty
    require(qty <= free_qty, Reason.TITLE, qty, free_qty, binding_day)
    return _swap(offered, state)


def decide_decline(command: DeclineSubstitution, state: State, account_id: int) -> list[Event]:
    """Either side ends an offer."""
    offered = _own(command.substitution_id, state, account_id)
    return declined(offered, account_id)


def declined(offered: SubstitutionOffered, account_id: int) -> list[Event]:
    """The end of an offer by one side's word."""
    substitution_id = offered.substitution_id
    return [
        SubstitutionDeclined(substitution_id=substitution_id, account_id=account_id),
        _released(offered),
    ]


def next_lapse_ns(state: State) -> int | None:
    """Market time at which the next offer is over; None where none stands."""
    return min((offered.lapse_ns for offered in state.substitutions.values()), default=None)


def lapses(to_ns: int, state: State) -> list[Event]:
    """The ends of the offers whose time is over, the oldest first."""
    events: list[Event] = []
    for _, offered in sorted(state.substitutions.items()):
        if offered.lapse_ns <= to_ns:
            events += lapsed(offered)
    return events


def lapsed(offered: SubstitutionOffered) -> list[Event]:
    """The end of an offer by nobody's word."""
    return [SubstitutionLapsed(substitution_id=offered.substitution_id), _released(offered)]


def _own(substitution_id: int, state: State, account_id: int) -> SubstitutionOffered:
    """The offer, for its two sides; to anyone else it does not exist."""
    offered = state.substitutions.get(substitution_id)
    if offered is None or account_id not in (
        offered.supplier_account_id,
        offered.holder_account_id,
    ):
        raise Refused(Reason.UNKNOWN_SUBSTITUTION, substitution_id)
    return offered


def _require_owned(offered: SubstitutionOffered, state: State) -> None:
    """Refuses what the holder does not own, pledged or not; whether it is free it will see."""
    runs = state.core.day_function(offered.holder_account_id, offered.product_id, "title")
    for day in range(offered.start_day, offered.end_day):
        title_qty = sum(qty for start_day, end_day, qty in runs if start_day <= day < end_day)
        is_owned = offered.substituted_qty <= title_qty
        require(is_owned, Reason.TITLE, offered.substituted_qty, title_qty, day)


def _hold(offered: SubstitutionOffered, state: State) -> HoldOpened:
    """The supplier's days, set aside; refuses where fewer are free and names the first such day."""
    account_id, product_id = offered.supplier_account_id, offered.other_product_id
    start_day = offered.other_start_day
    end_day = start_day + offered.end_day - offered.start_day
    free_qty, binding_day = state.core.sellable(account_id, product_id, start_day, end_day)
    qty = offered.substituted_qty
    require(qty <= free_qty, Reason.TITLE, qty, free_qty, binding_day)
    return HoldOpened(
        hold_id=offered.substitution_id,
        account_id=account_id,
        held_amount=0,
        product_id=product_id,
        start_day=start_day,
        end_day=end_day,
        held_qty=qty,
    )


def _released(offered: SubstitutionOffered) -> HoldClosed:
    return HoldClosed(hold_id=offered.substitution_id, account_id=offered.supplier_account_id)


def _swap(offered: SubstitutionOffered, state: State) -> list[Event]:
    """The old days go back and their escrow with them; both come again as the new days."""
    runs = [
        EscrowRun(*share)
        for share in state.core.escrow_shares(
            offered.product_id, offered.start_day, offered.end_day, offered.substituted_qty
        )
    ]
    escrow_amount = sum(run.day_amount * (run.end_day - run.start_day) for run in runs)
    shift = offered.other_start_day - offered.start_day
    supplier_id, holder_id = offered.supplier_account_id, offered.holder_account_id
    return [
        SubstitutionAccepted(substitution_id=offered.substitution_id, escrow_amount=escrow_amount),
        _released(offered),
        *(_returned(run, offered) for run in runs),
        _title(offered, offered.product_id, 0, holder_id, supplier_id),
        TradeSettled(
            trade_id=offered.substitution_id,
            buyer_account_id=supplier_id,
            seller_account_id=holder_id,
            cash_amount=0,
            escrow_amount=escrow_amount,
            buyer_fee_amount=0,
            seller_fee_amount=0,
            purpose=Purpose.SUBSTITUTION,
        ),
        *(_funded(run, shift, offered) for run in runs),
        _title(offered, offered.other_product_id, shift, supplier_id, holder_id),
    ]


def _returned(run: EscrowRun, offered: SubstitutionOffered) -> EscrowReturned:
    return EscrowReturned(
        trade_id=offered.substitution_id,
        product_id=offered.product_id,
        account_id=offered.supplier_account_id,
        start_day=run.start_day,
        end_day=run.end_day,
        returned_qty=offered.substituted_qty,
        day_amount=run.day_amount,
    )


def _funded(run: EscrowRun, shift: int, offered: SubstitutionOffered) -> EscrowFunded:
    return EscrowFunded(
        trade_id=offered.substitution_id,
        product_id=offered.other_product_id,
        start_day=run.start_day + shift,
        end_day=run.end_day + shift,
        sold_qty=offered.substituted_qty,
        day_amount=run.day_amount,
    )


def _title(
    offered: SubstitutionOffered, product_id: int, shift: int, giver_id: int, taker_id: int
) -> TitleTransferred:
    return TitleTransferred(
        product_id=product_id,
        seller_account_id=giver_id,
        buyer_account_id=taker_id,
        start_day=offered.start_day + shift,
        end_day=offered.end_day + shift,
        transferred_qty=offered.substituted_qty,
    )


# -- evolve ---------------------------------------------------------------------------------------


def evolve_offered(event: SubstitutionOffered, state: State) -> None:
    """The offer stands."""
    state.substitutions[event.substitution_id] = event


def evolve_over(
    event: SubstitutionAccepted | SubstitutionDeclined | SubstitutionLapsed, state: State
) -> None:
    """The offer stands no longer."""
    del state.substitutions[event.substitution_id]
