"""
How much of a loan's collateral may stand for sale at once: what one round of the ladder sells.

The lots that stand are the round. Together they may be worth what brings the loan back to its ratio
at drawdown and pays the costs, which come first, up to a whole lot; and all of it where no part
would do or the loan is due.
"""

from exchange.collateral.haircut_lines import HaircutLines
from exchange.collateral.ladder import Sale, SaleMode, sale
from exchange.collateral.rounding import divide_up
from exchange.domain.enums import LIENED, TradingMode
from exchange.domain.lending_events import LotOffered
from exchange.domain.reasons import Reason, require
from exchange.domain.units import BPS_WHOLE, PPM_WHOLE
from exchange.domain.windows import day_at

from .lending_state import Loan, Pledge
from .loan_cover import debt_of
from .state import State

_LIQUIDITY = HaircutLines.__struct_fields__.index("liquidity_ppm")
"""The haircut's line for half the spread and the impact of a sale."""


def require_size(offered: LotOffered, state: State) -> None:
    """Refuses a title lot beyond what the round sells; the limit is the most that it may hold."""
    loan = state.loans[offered.loan_id]
    pledge = state.pledges[offered.pledge_id]
    lot_amount = _value_of(pledge, offered.lot_qty)
    if state.market_ns >= loan.maturity_ns or lot_amount == 0:
        return
    round_of = sale_round(loan, pledge, state)
    if round_of.mode is SaleMode.FULL:
        return
    standing_amount = sum(
        _value_of(state.pledges[lot.offered.pledge_id], lot.offered.lot_qty)
        for lot in state.lots.values()
        if lot.offered.loan_id == offered.loan_id and lot.offered.mode is TradingMode.TITLE
    )
    left_amount = max(0, round_of.sell_amount - standing_amount)
    lot_qty = state.products[offered.product_id].lot_qty
    whole_lot_amount = _value_of(pledge, lot_qty)
    most_qty = divide_up(left_amount, whole_lot_amount) * lot_qty
    require(offered.lot_qty <= most_qty, Reason.SALE_SIZE, offered.lot_qty, most_qty)


def sale_round(loan: Loan, pledge: Pledge, state: State) -> Sale:
    """What one round sells of a loan's collateral, at the costs of selling a pledge's days."""
    parameters = state.market_data.risk_parameters
    assert parameters is not None, "genesis publishes the risk parameters"
    assert pledge.mark is not None, "a pledge of a loan is marked"
    product = state.products[pledge.request.product_id]
    fee_ppm = product.taker_bps * (PPM_WHOLE // BPS_WHOLE)
    value_amount = sum(
        _value_of(each, each.pledged_qty)
        for each in (state.pledges[pledge_id] for pledge_id in loan.pledge_ids)
        if each.status in LIENED
    )
    return sale(
        debt_of(loan, day_at(state.market_ns)).due_amount,
        value_amount,
        loan.drawn_ltv_ppm,
        min(PPM_WHOLE, pledge.mark.lines_ppm[_LIQUIDITY] + fee_ppm),
        parameters,
    )


def _value_of(pledge: Pledge, qty: int) -> int:
    """What so many GPUs of a pledge are worth at its mark, up."""
    mark = pledge.mark
    if mark is None or mark.pledged_qty == 0:
        return 0
    return divide_up(mark.value_amount * qty, mark.pledged_qty)
