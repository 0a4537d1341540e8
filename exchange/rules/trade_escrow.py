"""
What a primary sale has in the escrow of its days, when it is undone or has another price.

A day's escrow is pooled, but its sales had prices of their own. One that is undone takes out what
it has paid in, so that what others paid stays: never more than is there, and all that is left with
the last quantity sold. A supplier's buy-back in the market takes the pooled share
(`desk_trades.escrow_share`); to undo it pays that in again.

By another price the buyer pays more into the escrow, or has some of it back. The supplier has
neither delivered anything nor is it paid. So days that have begun keep their price, and so does a
sale of which the supplier has bought back too much to tell whose money is left.
"""

from itertools import groupby

from msgspec.structs import replace

from exchange.domain.desk_events import EscrowRun
from exchange.domain.enums import Purpose, Side
from exchange.domain.events import EscrowFunded, Event
from exchange.domain.movements import TradeSettled
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at

from .bands import require_in_band
from .desk import DeskTrade
from .desk_trades import Terms, escrow_returns, total_of
from .state import State
from .suppliers import require_on_sale


def require_ahead(terms: Terms, state: State) -> None:
    """Refuses where a day has begun, or will never be delivered."""
    today = day_at(state.market_ns)
    require(terms.start_day > today, Reason.TOO_LATE, today, terms.start_day, terms.start_day)
    if state.stopped_suppliers:
        require_on_sale(terms.product_id, terms.buyer_account_id, Side.BUY, state)


def own_escrow(terms: Terms, state: State) -> list[EscrowRun]:
    """What leaves the escrow of each day with a sale; of days that have so much sold."""
    amounts = []
    for day in range(terms.start_day, terms.end_day):
        _, sold_qty, escrow_amount = state.core.day_totals(terms.product_id, day)
        is_last = sold_qty == terms.qty
        amounts.append((day, escrow_amount if is_last else min(terms.day_amount, escrow_amount)))
    runs = []
    for day_amount, group in groupby(amounts, key=lambda row: row[1]):
        days = [day for day, _ in group]
        runs.append(EscrowRun(days[0], days[-1] + 1, day_amount))
    return runs


def repriced(trade: DeskTrade, terms: Terms, corrected_price: int, state: State) -> list[Event]:
    """A primary sale's escrow returns to its buyer, who pays it again at the corrected price."""
    require_ahead(terms, state)
    product = state.products[terms.product_id]
    require_in_band(corrected_price, product, terms.start_day, terms.end_day, state)
    for day in range(terms.start_day, terms.end_day):
        _, sold_qty, _ = state.core.day_totals(terms.product_id, day)
        require(terms.qty <= sold_qty, Reason.TITLE, terms.qty, sold_qty, day)
    change_amount = replace(terms, price=corrected_price).day_amount - terms.day_amount
    returned = own_escrow(terms, state)
    for run in returned:
        is_there = -change_amount <= run.day_amount
        require(is_there, Reason.CASH, -change_amount, run.day_amount, run.start_day)
    paid_amount = change_amount * (terms.end_day - terms.start_day)
    available_amount, _ = state.core.balances(terms.buyer_account_id)
    require(paid_amount <= available_amount, Reason.CASH, paid_amount, available_amount)
    funded = [replace(run, day_amount=run.day_amount + change_amount) for run in returned]
    trade_id = trade.executed.trade_id
    return [
        *escrow_returns(trade_id, terms, terms.buyer_account_id, returned),
        *_paid_in(trade_id, terms, funded, Purpose.CORRECTION),
    ]


def undone_buy_back(trade: DeskTrade, terms: Terms, state: State) -> list[Event]:
    """The supplier pays into the escrow what its buy-back had returned to it; nothing otherwise."""
    executed = trade.executed
    if not executed.returned_escrow:
        return []
    escrow_amount = total_of(executed.returned_escrow)
    available_amount, _ = state.core.balances(terms.buyer_account_id)
    available_amount += executed.buyer_fee_amount + terms.notional_amount
    require(escrow_amount <= available_amount, Reason.CASH, escrow_amount, available_amount)
    return _paid_in(executed.trade_id, terms, executed.returned_escrow, Purpose.BUST)


def _paid_in(trade_id: int, terms: Terms, runs: list[EscrowRun], purpose: Purpose) -> list[Event]:
    return [
        TradeSettled(
            trade_id=trade_id,
            buyer_account_id=terms.buyer_account_id,
            seller_account_id=terms.seller_account_id,
            cash_amount=0,
            escrow_amount=total_of(runs),
            buyer_fee_amount=0,
            seller_fee_amount=0,
            purpose=purpose,
        ),
        *(
            EscrowFunded(
                trade_id=trade_id,
                product_id=terms.product_id,
                start_day=run.start_day,
                end_day=run.end_day,
                sold_qty=terms.qty,
                day_amount=run.day_amount,
            )
            for run in runs
        ),
    ]
