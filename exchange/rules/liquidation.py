"""
The sale of a loan's collateral: who buys a lot, who is paid from it, and when it is over.

    defaulted ──EnforceLoan──▶ liquidating ─┬─ all is repaid ─────────▶ repaid
                                            ├─ back at its ratio ─────▶ performing, see `loan_ends`
                                            └─ nothing left to sell ──▶ shortfall, a claim

A title lot is sold in one record: the buyer's cash goes down the waterfall (costs, interest,
principal, the exchange's fee, the borrower), the days leave their lien and change hands with the
sublets on them, and what is left of the pledge is valued anew. Of a sublet lot the rent is in
trust, and is swept to the bank as its days are delivered.
"""

from exchange.collateral.ladder import Waterfall
from exchange.domain.enums import (
    LIENED,
    LoanStatus,
    PledgeStatus,
    Purpose,
    RepaymentSource,
    Side,
    TradingMode,
    Trust,
)
from exchange.domain.events import Event
from exchange.domain.lending_commands import MAX_COSTS_PPM, BuyLot, EnforceLoan
from exchange.domain.lending_events import (
    LiquidationClosed,
    LiquidationOpened,
    LotOffered,
    LotSold,
    WaterfallPaid,
)
from exchange.domain.lot_prices import lot_price
from exchange.domain.movements import SubletGranted, TradeSettled, TrustFunded
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import HOURS_PER_DAY, MAX_INTEGER, PPM_WHOLE
from exchange.domain.windows import day_at

from .collateral_sale import collateral_sale
from .desk_trades import fee_amount
from .fresh_marks import changed_marks
from .lending_state import Loan, Lot
from .letting import FIRST_SUBLET_ID
from .loan_cover import debt_of, known_loan, marks_of, owed_amount
from .loan_ends import closing, cured
from .loan_waterfall import cash_to_bank, receipt
from .lot_ends import released_days
from .lot_reserve import note_sold
from .lots import require_stranger
from .state import State
from .suppliers import require_on_sale
from .valuation import mark_of

# -- decide ---------------------------------------------------------------------------------------


def decide_enforce(command: EnforceLoan, state: State, account_id: int) -> list[Event]:
    """The bank begins, once the loan is in default; its costs are bounded."""
    loan = known_loan(command.loan_id, state)
    is_bank = loan.applied.bank_account_id == account_id
    require(is_bank, Reason.UNKNOWN_LOAN, command.loan_id)
    require(loan.status is LoanStatus.DEFAULTED, Reason.WRONG_STATE, command.loan_id)
    most_amount = owed_amount(loan, state) * MAX_COSTS_PPM // PPM_WHOLE
    # An earlier enforcement, which was cured, may have left costs.
    costs_amount = loan.costs_amount + command.costs_amount
    require(costs_amount <= most_amount, Reason.COSTS, costs_amount, most_amount)
    return [
        LiquidationOpened(
            loan_id=command.loan_id,
            costs_amount=command.costs_amount,
            evidence_sha256=command.evidence_sha256,
        )
    ]


def decide_buy(command: BuyLot, state: State, account_id: int) -> list[Event]:
    """The lot goes to the first who takes its price of the moment and can pay it."""
    lot = state.lots.get(command.lot_id)
    if lot is None or lot.offered.buyer_account_id not in (0, account_id):
        raise Refused(Reason.UNKNOWN_LOT, command.lot_id)
    offered = lot.offered
    require(state.market_ns < offered.end_ns, Reason.TOO_LATE, state.market_ns, offered.end_ns)
    require_stranger(account_id, state.pledges[offered.pledge_id], state)
    if state.stopped_suppliers:
        require_on_sale(offered.product_id, account_id, Side.BUY, state)
    price = lot_price(offered, state.market_ns)
    require(price <= command.limit_price, Reason.LOT_PRICE, price, command.limit_price)
    hours = HOURS_PER_DAY * (offered.end_day - offered.start_day) * offered.lot_qty
    sold = LotSold(
        lot_id=offered.lot_id,
        buyer_account_id=account_id,
        lot_price=price,
        proceeds_amount=price * hours,
    )
    fee = fee_amount(sold.proceeds_amount, state.products[offered.product_id].taker_bps)
    is_sublet = offered.mode is TradingMode.SUBLET
    needed_amount = sold.proceeds_amount + (fee if is_sublet else 0)
    available_amount, _ = state.core.balances(account_id)
    is_covered = needed_amount <= available_amount
    require(is_covered, Reason.CASH, min(needed_amount, MAX_INTEGER), available_amount)
    if is_sublet:
        return [sold, *_let(lot, sold, fee, state)]
    return [sold, *_sold(offered, sold, fee, state)]


def ended_liquidations(to_ns: int, state: State) -> list[Event]:
    """The end of those with nothing left to sell: what is owed by that moment is a claim."""
    day = day_at(to_ns)
    return [
        LiquidationClosed(loan_id=loan_id, shortfall_amount=debt_of(loan, day).owed_amount)
        for loan_id, loan in sorted(state.loans.items())
        if is_exhausted(loan, state)
    ]


def is_exhausted(loan: Loan, state: State) -> bool:
    """Whether a loan is being liquidated and no lot of it stands or could be offered."""
    if loan.status is not LoanStatus.LIQUIDATING:
        return False
    loan_id = loan.applied.loan_id
    if any(lot.offered.loan_id == loan_id for lot in state.lots.values()):
        return False
    pledges = (state.pledges[pledge_id] for pledge_id in loan.pledge_ids)
    return not any(pledge.status in LIENED and pledge.pledged_qty for pledge in pledges)


def _sold(offered: LotOffered, sold: LotSold, fee: int, state: State) -> list[Event]:
    """What a title lot moves, and whom it pays."""
    loan = state.loans[offered.loan_id]
    pledge = state.pledges[offered.pledge_id]
    debt = debt_of(loan, day_at(state.market_ns))
    paid = debt.take(sold.proceeds_amount, fee)
    left_qty = pledge.pledged_qty - offered.lot_qty
    events: list[Event] = [
        _settled(loan, sold, paid, state),
        *cash_to_bank(loan, paid),
        *collateral_sale(pledge, sold.buyer_account_id, offered.start_day, offered.lot_qty, state),
        *receipt(loan, paid, RepaymentSource.LIQUIDATION, sold.lot_id),
    ]
    if debt.due_amount == 0:
        return [*events, *closing(debt, state, offered)]
    changes = changed_marks(loan, state)
    changes.pop(offered.pledge_id, None)
    marks = marks_of(loan, state, changes)
    del marks[offered.pledge_id]
    left = [mark_of(pledge.request, left_qty, state)] if left_qty else []
    value_amount = sum(mark.value_amount for mark in [*marks.values(), *left])
    return [*events, *changes.values(), *left, *cured(debt, value_amount, state, offered)]


def _settled(loan: Loan, sold: LotSold, paid: Waterfall, state: State) -> TradeSettled:
    """The price to the borrower less the exchange's fee; from there it goes to the bank."""
    return TradeSettled(
        trade_id=state.seq + 1,
        buyer_account_id=sold.buyer_account_id,
        seller_account_id=loan.applied.account_id,
        cash_amount=sold.proceeds_amount,
        escrow_amount=0,
        buyer_fee_amount=0,
        seller_fee_amount=paid.fee_amount,
        purpose=Purpose.LIQUIDATION,
    )


def _let(lot: Lot, sold: LotSold, fee: int, state: State) -> list[Event]:
    """The use of a sublet lot is granted; rent into trust, the fee from the lessee."""
    offered = lot.offered
    owner_id = state.pledges[offered.pledge_id].request.account_id
    sublet_id = FIRST_SUBLET_ID + state.seq + 1
    return [
        *released_days(lot, state),
        TrustFunded(
            account_id=sold.buyer_account_id,
            trust=Trust.RENT,
            funded_amount=sold.proceeds_amount,
            purpose=Purpose.RENT,
        ),
        TradeSettled(
            trade_id=sublet_id,
            buyer_account_id=sold.buyer_account_id,
            seller_account_id=owner_id,
            cash_amount=0,
            escrow_amount=0,
            buyer_fee_amount=fee,
            seller_fee_amount=0,
            purpose=Purpose.RENT,
        ),
        SubletGranted(
            sublet_id=sublet_id,
            product_id=offered.product_id,
            lessor_account_id=owner_id,
            lessee_account_id=sold.buyer_account_id,
            start_day=offered.start_day,
            end_day=offered.end_day,
            sublet_qty=offered.lot_qty,
            rent_price=sold.lot_price,
        ),
    ]


# -- evolve ---------------------------------------------------------------------------------------


def evolve_opened(event: LiquidationOpened, state: State) -> None:
    """Its pledges may be sold."""
    loan = state.loans[event.loan_id]
    loan.status = LoanStatus.LIQUIDATING
    loan.costs_amount += event.costs_amount
    for pledge_id in loan.pledge_ids:
        pledge = state.pledges[pledge_id]
        if pledge.status in LIENED:
            pledge.status = PledgeStatus.ENFORCING


def evolve_sold(event: LotSold, state: State) -> None:
    """It is sold; the rent of a sublet lot, whose sublet follows in the record, is the bank's."""
    offered = state.lots.pop(event.lot_id).offered
    if offered.mode is TradingMode.SUBLET:
        state.swept_sublets[FIRST_SUBLET_ID + state.seq] = offered.pledge_id
    else:
        note_sold(state.pledges[offered.pledge_id])


def evolve_waterfall(event: WaterfallPaid, state: State) -> None:
    """Fewer costs are unpaid; what repays the loan is in its own event."""
    loan = state.loans[event.loan_id]
    loan.costs_amount -= event.costs_amount
    assert loan.costs_amount >= 0, "no more costs are paid than there are"


def evolve_liquidation_closed(event: LiquidationClosed, state: State) -> None:
    """A claim is left, where the loan is not repaid."""
    if event.shortfall_amount:
        state.loans[event.loan_id].status = LoanStatus.SHORTFALL
