"""
The sale of pledged days, as the movements that it takes: all in one record, or none.

    ended offers ─▶ CollateralSold (lien off, title, sublets) ─▶ rent back, escrow back

The buyer's own sublet of what it buys is over and its rent goes back to it. A buyer of the
product's house has the escrow of the days back, as with any of its purchases.
"""

from exchange.domain.enums import Purpose, TradingMode, Trust
from exchange.domain.events import Event
from exchange.domain.movements import CollateralSold, SubletPart, TrustReleased
from exchange.domain.reasons import Reason, require
from exchange.domain.units import HOURS_PER_DAY

from .desk_trades import Terms, escrow_returns, escrow_share
from .lending_state import Pledge
from .novation import Run, divided, ended_offers, let_by_bank, uncovered
from .state import State


def collateral_sale(
    pledge: Pledge, buyer_id: int, start_day: int, sold_qty: int, state: State
) -> list[Event]:
    """What it takes to sell the rest of a pledge's window from a day that has not begun."""
    request = pledge.request
    seller_id, product_id, end_day = request.account_id, request.product_id, request.end_day
    days = (start_day, end_day)
    events: list[Event] = []
    is_house = state.core.is_house(product_id, buyer_id)
    over = uncovered(seller_id, product_id, days, sold_qty, state)
    if over:
        events = ended_offers(seller_id, product_id, days, state)
        to_let = lots_to_let(seller_id, product_id, state)
        over = uncovered(seller_id, product_id, days, sold_qty, state, to_let)
    bound = let_by_bank(pledge, days, sold_qty, state)
    require(not (is_house and (over or bound)), Reason.SUPPLIER_LETS, buyer_id)
    novated, kept = divided(pledge, buyer_id, over, bound, state)
    sold = CollateralSold(
        pledge_id=request.pledge_id,
        product_id=product_id,
        seller_account_id=seller_id,
        buyer_account_id=buyer_id,
        start_day=start_day,
        end_day=end_day,
        sold_qty=sold_qty,
        novated=novated,
        kept=kept,
    )
    events += [sold, *_rent_back(buyer_id, novated)]
    if is_house:
        terms = Terms(product_id, start_day, end_day, sold_qty, 0, buyer_id, seller_id)
        runs = escrow_share(terms, state)
        events += escrow_returns(state.seq + 1, terms, buyer_id, runs)
    return events


def lots_to_let(seller_id: int, product_id: int, state: State) -> list[Run]:
    """The days that lots of the seller's bank keep to let them, which go on."""
    return [
        (lot.offered.start_day, lot.offered.end_day, lot.offered.lot_qty)
        for lot in state.lots.values()
        if lot.offered.mode is TradingMode.SUBLET
        and lot.offered.product_id == product_id
        and state.pledges[lot.offered.pledge_id].request.account_id == seller_id
    ]


def _rent_back(buyer_id: int, novated: list[SubletPart]) -> list[TrustReleased]:
    """The rent that the buyer has paid for days that it owns now."""
    rent_amount = sum(
        part.rent_price * HOURS_PER_DAY * (part.end_day - part.start_day) * part.sublet_qty
        for part in novated
        if part.new_sublet_id == 0
    )
    if rent_amount == 0:
        return []
    return [
        TrustReleased(
            account_id=buyer_id,
            trust=Trust.RENT,
            released_amount=rent_amount,
            purpose=Purpose.RENT_REFUND,
        )
    ]
