"""
From watch to call to sale: where a loan stands against its collateral.

The steps hang from `drawn_ltv_ppm`, the ratio at which the loan was drawn, which never changes
during its life. Steps are compared by cross-multiplication, so a shown ratio never decides.
Every rounding favours the lender: calls and sale sizes up, lendable amounts and proceeds down.

A loan is principal with accrued interest, a value is the collateral's, both in fen.
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from exchange.collateral.rounding import divide_up
from exchange.domain.enums import LadderStatus
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import MAX_INTEGER, PPM_WHOLE


class SaleMode(StrEnum):
    """How much of the collateral one round sells."""

    NONE = "NONE"
    PARTIAL = "PARTIAL"
    FULL = "FULL"


class Rungs(Struct, frozen=True, kw_only=True):
    """The ratios at which a loan is called and sold."""

    margin_call_ppm: int
    liquidation_ppm: int


class Ladder(Struct, frozen=True, kw_only=True):
    """
    Where a loan stands and what would cure it.

    Either call alone brings the loan back to its ratio at drawdown. Both are 0 below a margin
    call, and where the cash call is under the minimum; the status does not change for that.
    """

    ltv_ppm: int
    """Up; a loan against nothing shows the ratio to one fen, within the bound of integers."""
    rungs: Rungs
    status: LadderStatus
    call_cash_amount: int
    call_collateral_amount: int


class Sale(Struct, frozen=True, kw_only=True):
    """One round of a liquidation, at the value it is expected to fetch."""

    mode: SaleMode
    sell_amount: int
    """Of the collateral's value, up."""
    proceeds_amount: int
    """After spread, impact and fee, down."""
    repaid_amount: int
    surplus_amount: int
    loan_after_amount: int
    value_after_amount: int


class Waterfall(Struct, frozen=True, kw_only=True):
    """Who is paid from the proceeds, in this order; the shortfall is unpaid principal."""

    costs_amount: int
    interest_amount: int
    principal_amount: int
    fee_amount: int
    surplus_amount: int
    shortfall_amount: int

    @property
    def proceeds_amount(self) -> int:
        """All of it."""
        to_bank_amount = self.costs_amount + self.interest_amount + self.principal_amount
        return to_bank_amount + self.fee_amount + self.surplus_amount


def lendable_amount(value_amount: int, ltv_ppm: int) -> int:
    """What a value lends at a ratio, down."""
    return value_amount * ltv_ppm // PPM_WHOLE


def ltv_together_ppm(parts: Sequence[tuple[int, int]]) -> int:
    """(value, ratio) of several pledges weighted by value, down; 0 for what is worth nothing."""
    value_amount = sum(value for value, _ in parts)
    return sum(value * ltv for value, ltv in parts) // value_amount if value_amount else 0


def lendable_together(parts: Sequence[tuple[int, int]]) -> int:
    """What (value, ratio) of several pledges lend: down for each and for all, the smaller."""
    each_amount = sum(lendable_amount(value, ltv) for value, ltv in parts)
    value_amount = sum(value for value, _ in parts)
    return min(each_amount, lendable_amount(value_amount, ltv_together_ppm(parts)))


def rungs(drawn_ltv_ppm: int, parameters: RiskParameters) -> Rungs:
    """The ratios that hang from the one at drawdown."""
    return Rungs(
        margin_call_ppm=drawn_ltv_ppm + parameters.margin_call_ppm,
        liquidation_ppm=min(
            drawn_ltv_ppm + parameters.liquidation_ppm, parameters.liquidation_cap_ppm
        ),
    )


def ladder(
    loan_amount: int,
    value_amount: int,
    drawn_ltv_ppm: int,
    parameters: RiskParameters,
    *,
    is_cure_expired: bool = False,
) -> Ladder:
    """Where the loan stands now; `is_cure_expired` says that an earlier call went unmet."""
    assert drawn_ltv_ppm > 0, f"the ratio at drawdown is {drawn_ltv_ppm}"
    steps = rungs(drawn_ltv_ppm, parameters)
    status = _status(loan_amount, value_amount, drawn_ltv_ppm, steps, is_cure_expired)
    cash_amount = collateral_amount = 0
    if status in (LadderStatus.MARGIN_CALL, LadderStatus.LIQUIDATE):
        cash_amount = loan_amount - lendable_amount(value_amount, drawn_ltv_ppm)
        collateral_amount = divide_up(loan_amount * PPM_WHOLE, drawn_ltv_ppm) - value_amount
        if cash_amount < parameters.minimum_call_amount:
            cash_amount = collateral_amount = 0
    return Ladder(
        ltv_ppm=min(MAX_INTEGER, divide_up(loan_amount * PPM_WHOLE, max(1, value_amount))),
        rungs=steps,
        status=status,
        call_cash_amount=cash_amount,
        call_collateral_amount=collateral_amount,
    )


def sale(
    loan_amount: int,
    value_amount: int,
    drawn_ltv_ppm: int,
    cost_ppm: int,
    parameters: RiskParameters,
) -> Sale:
    """
    How much collateral one round sells to bring the loan back to its ratio at drawdown.

    Everything is sold where no part would do. Otherwise a round sells at most the close factor
    of the value (down), unless the loan is far beyond liquidation already.
    """
    missing = loan_amount * PPM_WHOLE - value_amount * drawn_ltv_ppm
    gained_ppm = PPM_WHOLE - cost_ppm - drawn_ltv_ppm
    if missing <= 0:
        mode, sell_amount = SaleMode.NONE, 0
    elif gained_ppm <= 0 or (sell_amount := divide_up(missing, gained_ppm)) >= value_amount:
        mode, sell_amount = SaleMode.FULL, value_amount
    else:
        mode = SaleMode.PARTIAL
        far_ppm = rungs(drawn_ltv_ppm, parameters).liquidation_ppm + parameters.full_sale_ppm
        if loan_amount * PPM_WHOLE < far_ppm * value_amount:
            most_amount = lendable_amount(value_amount, parameters.close_factor_ppm)
            sell_amount = min(sell_amount, most_amount)
    proceeds_amount = max(0, sell_amount * (PPM_WHOLE - cost_ppm) // PPM_WHOLE)
    repaid_amount = min(loan_amount, proceeds_amount)
    return Sale(
        mode=mode,
        sell_amount=sell_amount,
        proceeds_amount=proceeds_amount,
        repaid_amount=repaid_amount,
        surplus_amount=proceeds_amount - repaid_amount,
        loan_after_amount=loan_amount - repaid_amount,
        value_after_amount=value_amount - sell_amount,
    )


def waterfall(
    proceeds_amount: int,
    costs_amount: int,
    interest_amount: int,
    principal_amount: int,
    fee_amount: int,
) -> Waterfall:
    """Pays each claim in its turn as far as the proceeds reach; every fen goes somewhere."""
    left_amount = proceeds_amount
    paid = []
    for due_amount in (costs_amount, interest_amount, principal_amount, fee_amount):
        paid.append(min(left_amount, due_amount))
        left_amount -= paid[-1]
    return Waterfall(
        costs_amount=paid[0],
        interest_amount=paid[1],
        principal_amount=paid[2],
        fee_amount=paid[3],
        surplus_amount=left_amount,
        shortfall_amount=principal_amount - paid[2],
    )


def may_substitute(loan_amount: int, value_after_amount: int, drawn_ltv_ppm: int) -> bool:
    """Whether the collateral that would remain still carries the loan at its drawdown ratio."""
    return loan_amount * PPM_WHOLE <= value_after_amount * drawn_ltv_ppm


def _status(
    loan_amount: int,
    value_amount: int,
    drawn_ltv_ppm: int,
    steps: Rungs,
    is_cure_expired: bool,
) -> LadderStatus:
    """The worst step that the loan has reached; without a loan there is none."""
    owed = loan_amount * PPM_WHOLE
    if not loan_amount or owed <= value_amount * drawn_ltv_ppm:
        return LadderStatus.OK
    is_called = owed >= steps.margin_call_ppm * value_amount
    if owed >= steps.liquidation_ppm * value_amount or (is_called and is_cure_expired):
        return LadderStatus.LIQUIDATE
    return LadderStatus.MARGIN_CALL if is_called else LadderStatus.WATCH
