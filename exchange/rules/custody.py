"""
What moves cash and days outside the order path.

Each function takes in one movement; the core checks it again, and `CoreError` means that the rule
which decided it is wrong. No rule but these touches balances, title or escrow.
"""

from msgspec.structs import replace

from exchange.domain import movements as m
from exchange.domain.enums import PledgeStatus
from exchange.domain.events import SubletOpened

from .state import State


def evolve_hold_opened(event: m.HoldOpened, state: State) -> None:
    """Cash and days are set aside."""
    state.core.open_hold(
        event.hold_id,
        event.account_id,
        event.held_amount,
        event.product_id,
        event.start_day,
        event.end_day,
        event.held_qty,
        event.is_sublet,
    )


def evolve_hold_closed(event: m.HoldClosed, state: State) -> None:
    """They are free again."""
    state.core.close_hold(event.hold_id)


def evolve_paid(event: m.CashPaid, state: State) -> None:
    """Cash has changed hands."""
    state.core.pay(event.payer_account_id, event.payee_account_id, event.paid_amount)


def evolve_trust_funded(event: m.TrustFunded, state: State) -> None:
    """The venue keeps it."""
    state.core.pay_into_trust(event.account_id, event.trust, event.funded_amount)


def evolve_trust_released(event: m.TrustReleased, state: State) -> None:
    """The venue keeps it no longer."""
    state.core.pay_out_of_trust(event.trust, event.account_id, event.released_amount)


def evolve_trade_settled(event: m.TradeSettled, state: State) -> None:
    """The sale is paid."""
    state.core.settle_trade(
        event.buyer_account_id,
        event.seller_account_id,
        event.cash_amount,
        event.escrow_amount,
        event.buyer_fee_amount,
        event.seller_fee_amount,
    )


def evolve_title(event: m.TitleTransferred, state: State) -> None:
    """The days have a new owner."""
    state.core.transfer_title(
        event.product_id,
        event.seller_account_id,
        event.buyer_account_id,
        event.start_day,
        event.end_day,
        event.transferred_qty,
    )


def evolve_sublet_granted(event: m.SubletGranted, state: State) -> None:
    """The days have a user, and the sublet is known by its id."""
    state.core.sublet(
        event.product_id,
        event.lessor_account_id,
        event.lessee_account_id,
        event.start_day,
        event.end_day,
        event.sublet_qty,
    )
    state.sublets[event.sublet_id] = SubletOpened(
        event.sublet_id,
        event.product_id,
        event.lessor_account_id,
        event.lessee_account_id,
        event.start_day,
        event.end_day,
        event.sublet_qty,
        event.rent_price,
    )


def evolve_sublet_ended(event: m.SubletEnded, state: State) -> None:
    """The days are their owner's to use; what lies before them stays let."""
    state.core.end_sublet(
        event.product_id,
        event.lessor_account_id,
        event.lessee_account_id,
        event.start_day,
        event.end_day,
        event.sublet_qty,
    )
    sublet = state.sublets.pop(event.sublet_id)
    if sublet.start_day < event.start_day:
        state.sublets[event.sublet_id] = replace(sublet, end_day=event.start_day)


def evolve_collateral_sold(event: m.CollateralSold, state: State) -> None:
    """The days are the buyer's, free of the lien, and so are the sublets that go with them."""
    product_id, seller_id = event.product_id, event.seller_account_id
    for part in event.novated:
        days = (part.start_day, part.end_day, part.sublet_qty)
        state.core.end_sublet(product_id, seller_id, part.lessee_account_id, *days)
    sold = (event.start_day, event.end_day, event.sold_qty)
    state.core.transfer_pledged(product_id, seller_id, event.buyer_account_id, *sold)
    divided_ids = {part.sublet_id for part in event.novated}
    swept = {sublet_id: state.swept_sublets.pop(sublet_id, 0) for sublet_id in divided_ids}
    for part in event.novated:
        state.sublets.pop(part.sublet_id, None)
        state.sublet_ends.pop(part.sublet_id, None)
        if part.new_sublet_id:
            evolve_sublet_granted(_granted(part, event), state)
    for part in event.kept:
        state.sublets[part.new_sublet_id] = SubletOpened(
            part.new_sublet_id,
            product_id,
            seller_id,
            part.lessee_account_id,
            part.start_day,
            part.end_day,
            part.sublet_qty,
            part.rent_price,
        )
        if swept[part.sublet_id]:
            state.swept_sublets[part.new_sublet_id] = swept[part.sublet_id]
    pledge = state.pledges[event.pledge_id]
    pledge.pledged_qty -= event.sold_qty
    pledge.sold.append((event.start_day, event.sold_qty))
    if pledge.pledged_qty == 0:
        pledge.status = PledgeStatus.ENFORCED


def _granted(part: m.SubletPart, event: m.CollateralSold) -> m.SubletGranted:
    """The sublet under its new lessor."""
    return m.SubletGranted(
        sublet_id=part.new_sublet_id,
        product_id=event.product_id,
        lessor_account_id=event.buyer_account_id,
        lessee_account_id=part.lessee_account_id,
        start_day=part.start_day,
        end_day=part.end_day,
        sublet_qty=part.sublet_qty,
        rent_price=part.rent_price,
    )


def evolve_capacity_withdrawn(event: m.CapacityWithdrawn, state: State) -> None:
    """What was not sold is gone."""
    state.core.withdraw_capacity(
        event.product_id, event.account_id, event.start_day, event.end_day, event.withdrawn_qty
    )


def evolve_escrow_released(event: m.EscrowReleased, state: State) -> None:
    """A part of the day's escrow is paid."""
    state.core.release_escrow(event.product_id, event.day, event.account_id, event.released_amount)
