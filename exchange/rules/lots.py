"""
Lots: pledged days of a loan in default, which its bank offers in a Dutch auction.

    OfferLot ─▶ offered ─┬─▶ BuyLot ─▶ sold (see `liquidation`)
                         ├─▶ WithdrawLot ─▶ withdrawn
                         ├─▶ one step after its floor, or when its first day begins ─▶ unsold,
                         │                                           and then? see `lot_reserve`
                         └─▶ the loan is repaid ─▶ redeemed

The price of the moment falls with the clock; the first who takes it has the whole lot. A title lot
is the rest of a pledge's window from a day that has not begun, in its turn (`lot_order`). A sublet
lot is the use of near days, which melt fastest: it keeps them as any offer of use does, and what
the owner has on offer of the same days gives way to it. Its whole rent is the bank's, as its days
are delivered. Neither the borrower's party nor the bank's own may buy.
"""

from exchange.domain.enums import LIENED, LoanStatus, LotEnd, Role, Side, TradingMode
from exchange.domain.events import Event
from exchange.domain.lending_commands import OfferLot, WithdrawLot
from exchange.domain.lending_events import LotOffered
from exchange.domain.lot_prices import steps_to_floor
from exchange.domain.movements import HoldOpened
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import HOURS_PER_DAY, MAX_INTEGER, NS_PER_MINUTE
from exchange.domain.windows import day_at, start_ns

from .collateral_sale import lots_to_let
from .lending_state import Lot, Pledge
from .lot_ends import lot_ended
from .lot_order import require_order
from .lot_reserve import require_reserve, reserve_price
from .lot_size import require_size
from .novation import ended_offers, uncovered
from .pledges import require_bought
from .state import State
from .suppliers import require_on_sale

NEAR_DAYS_COUNT = 30
"""How far ahead days are let; title sold on begins no later, so that nothing in between melts."""
MAX_LOTS_COUNT = 20
"""Of a loan at a time, so that what ends with it fits a record."""
MAX_STEPS_COUNT = 100
"""In which a lot's price may fall: each is a record of the clock."""

# -- decide ---------------------------------------------------------------------------------------


def decide_offer(command: OfferLot, state: State, account_id: int) -> list[Event]:
    """The bank offers days that are under lien for its loan and in no other lot."""
    pledge = state.pledges.get(command.pledge_id)
    if pledge is None or pledge.request.bank_account_id != account_id:
        raise Refused(Reason.UNKNOWN_PLEDGE, command.pledge_id)
    request = pledge.request
    loan = state.loans.get(request.loan_id)
    is_enforced = loan is not None and loan.status is LoanStatus.LIQUIDATING
    is_liened = pledge.status in LIENED
    require(is_enforced and is_liened, Reason.WRONG_STATE, command.pledge_id)
    # No loan is made on such days any more; one of an older log may stand on them.
    require_bought(request, state)
    if state.stopped_suppliers:
        # What nobody may buy is not kept for a lot: the days are being settled.
        require_on_sale(request.product_id, account_id, Side.BUY, state)
    lots_count = sum(lot.offered.loan_id == request.loan_id for lot in state.lots.values())
    require(lots_count < MAX_LOTS_COUNT, Reason.DESK_ITEMS, lots_count, MAX_LOTS_COUNT)
    _require_window(command, pledge, state)
    _require_qty(command, pledge, state)
    _require_price(command)
    if command.buyer_account_id:
        state.participant_with(command.buyer_account_id, Role.TRADER)
        require_stranger(command.buyer_account_id, pledge, state)
    offered = _offered(command, pledge, state)
    require_reserve(offered)
    if command.mode is TradingMode.TITLE:
        require_order(offered, state)
        require_size(offered, state)
        return [offered]
    return [*_room_to_let(offered, pledge, state), offered, _kept_to_let(offered, pledge)]


def decide_withdraw(command: WithdrawLot, state: State, account_id: int) -> list[Event]:
    """The bank takes a lot off."""
    lot = state.lots.get(command.lot_id)
    if lot is None or state.pledges[lot.offered.pledge_id].request.bank_account_id != account_id:
        raise Refused(Reason.UNKNOWN_LOT, command.lot_id)
    return lot_ended(lot, LotEnd.WITHDRAWN, state)


def require_stranger(buyer_id: int, pledge: Pledge, state: State) -> None:
    """Refuses the borrower's party, which may redeem at what it owes, and the bank's own."""
    request = pledge.request
    for party_id in (request.account_id, request.bank_account_id):
        is_stranger = not state.core.parties_are_one(buyer_id, party_id)
        require(is_stranger, Reason.AFFILIATE, buyer_id, party_id, request.start_day)


def _require_window(command: OfferLot, pledge: Pledge, state: State) -> None:
    request, today = pledge.request, day_at(state.market_ns)
    first_day = max(request.start_day, today + 1)
    require(command.start_day >= first_day, Reason.BAD_WINDOW, command.start_day, first_day)
    if command.mode is TradingMode.TITLE:
        last_day = max(request.start_day, today + NEAR_DAYS_COUNT)
        require(command.start_day <= last_day, Reason.BAD_WINDOW, command.start_day, last_day)
        end_day = request.end_day
        require(command.end_day == end_day, Reason.BAD_WINDOW, command.end_day, end_day)
    else:
        end_day = min(request.end_day, today + 1 + NEAR_DAYS_COUNT)
        require(command.end_day <= end_day, Reason.BAD_WINDOW, command.end_day, end_day)
    days_count = command.end_day - command.start_day
    require(days_count > 0, Reason.BAD_WINDOW, days_count, 1)


def _require_qty(command: OfferLot, pledge: Pledge, state: State) -> None:
    """Whole lots of what is under lien on every day and offered by no other lot of the pledge."""
    lot_qty = state.products[pledge.request.product_id].lot_qty
    require(command.lot_qty % lot_qty == 0, Reason.LOT, command.lot_qty, lot_qty)
    offered_qty = sum(
        lot.offered.lot_qty
        for lot in state.lots.values()
        if lot.offered.pledge_id == command.pledge_id
        and lot.offered.start_day < command.end_day
        and command.start_day < lot.offered.end_day
    )
    if command.mode is TradingMode.TITLE:
        liened_qty = pledge.pledged_qty
    else:
        days = range(command.start_day, command.end_day)
        let = [
            state.sublets[sublet_id]
            for sublet_id, pledge_id in state.swept_sublets.items()
            if pledge_id == command.pledge_id
        ]
        liened_qty = min(
            pledge.liened_qty(day)
            - sum(each.sublet_qty for each in let if each.start_day <= day < each.end_day)
            for day in days
        )
    free_qty = liened_qty - offered_qty
    require(command.lot_qty <= free_qty, Reason.LIEN, command.lot_qty, free_qty)


def _require_price(command: OfferLot) -> None:
    """It falls from its start to its floor, or is fixed; and whole lots have a price at all."""
    start_price, floor_price = command.start_price, command.floor_price
    is_fixed = floor_price == start_price
    is_falling = floor_price < start_price and command.step_price > 0
    require(is_fixed or is_falling, Reason.LOT_PRICE, floor_price, start_price)
    steps_count = steps_to_floor(start_price, floor_price, command.step_price)
    require(steps_count <= MAX_STEPS_COUNT, Reason.LOT_STEPS, steps_count, MAX_STEPS_COUNT)
    hours = HOURS_PER_DAY * (command.end_day - command.start_day) * command.lot_qty
    notional_amount = start_price * hours
    require(notional_amount <= MAX_INTEGER, Reason.CASH, notional_amount, MAX_INTEGER)


def _room_to_let(offered: LotOffered, pledge: Pledge, state: State) -> list[Event]:
    """The end of the owner's own offers of use where the lot needs their days."""
    request, days = pledge.request, (offered.start_day, offered.end_day)
    owner_id, product_id = request.account_id, request.product_id
    free_qty, binding_day = state.core.sublettable(owner_id, product_id, *days)
    if offered.lot_qty <= free_qty:
        return []
    to_let = lots_to_let(owner_id, product_id, state)
    over = uncovered(owner_id, product_id, days, offered.lot_qty, state, to_let)
    require(not over, Reason.TITLE, offered.lot_qty, free_qty, binding_day)
    return ended_offers(owner_id, product_id, days, state)


def _kept_to_let(offered: LotOffered, pledge: Pledge) -> HoldOpened:
    return HoldOpened(
        hold_id=offered.lot_id,
        account_id=pledge.request.account_id,
        held_amount=0,
        product_id=offered.product_id,
        start_day=offered.start_day,
        end_day=offered.end_day,
        held_qty=offered.lot_qty,
        is_sublet=True,
    )


def _offered(command: OfferLot, pledge: Pledge, state: State) -> LotOffered:
    step_ns = command.step_minutes_count * NS_PER_MINUTE
    steps_count = steps_to_floor(command.start_price, command.floor_price, command.step_price)
    return LotOffered(
        lot_id=state.seq + 1,
        loan_id=pledge.request.loan_id,
        pledge_id=command.pledge_id,
        mode=command.mode,
        product_id=pledge.request.product_id,
        start_day=command.start_day,
        end_day=command.end_day,
        lot_qty=command.lot_qty,
        start_price=command.start_price,
        floor_price=command.floor_price,
        step_price=command.step_price,
        step_ns=step_ns,
        offered_ns=state.market_ns,
        end_ns=min(state.market_ns + (steps_count + 1) * step_ns, start_ns(command.start_day)),
        buyer_account_id=command.buyer_account_id,
        reserve_price=reserve_price(command, pledge, state),
    )


# -- evolve ---------------------------------------------------------------------------------------


def evolve_offered(event: LotOffered, state: State) -> None:
    """The lot stands."""
    state.lots[event.lot_id] = Lot(event)
