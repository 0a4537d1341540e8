"""
What has happened about marks of pledges, loans, margin calls and liquidations.

None of these moves cash or days but a pledge's own lien: the movements that follow in the same
record do.
"""

from .enums import (
    CallEnd,
    DefaultCause,
    LadderStatus,
    LoanEnd,
    LotEnd,
    MarkLine,
    RepaymentSource,
    TradingMode,
)
from .events import Event

NO_LTV_PPM = -1
"""No ratio to glide from: nothing was under lien."""

# -- marks ----------------------------------------------------------------------------------------


class PledgeMarked(Event, frozen=True, kw_only=True, tag="pledge_marked"):
    """
    The collateral mark of a pledge: every figure that it follows from, and what follows.

    Amounts are fen, shares ppm; the formulas are CR-1's, `exchange.collateral`. It stands until the
    next mark of the pledge.
    """

    pledge_id: int
    market_ns: int
    """Valuation time."""
    valuation_day: int
    """Slices after this day count."""
    pledged_qty: int
    parameters_version: int
    curve_months: list[int]
    curve_marks_micro: list[int]
    mark_seqs: list[int]
    """Records that published the curve's marks, in the order of the months."""
    level: int
    """The worst of the months' levels; 0 for unmarkable."""
    age_days_count: int
    sigma_ewma_e12: int
    sigma_stress_e12: int
    sigma_long_e12: int
    historical_es_e12: int
    position_hours: int
    adv_hours: int
    half_spread_ppm: int
    supplier_grade: int
    pool_share_ppm: int
    """The supplier's; the whole until the bank has accepted the pledge or offered the loan."""
    uptime_ppm: int
    is_affiliated: bool
    ruled_ppm: int
    is_disputed: bool
    is_halted: bool
    rate_ppm: int
    market_amount: int
    pv_amount: int
    nominal_amount: int
    value_amount: int
    wal_days_ppm: int
    wal_years_e12: int
    strip_factor_e12: int
    es_ppm: int
    lines_ppm: list[int]
    """The haircut's lines in the order of `HaircutLines`."""
    haircut_ppm: int
    regime: str
    stress_reasons: list[str]
    recovery_days_count: int
    ltv_raw_ppm: int
    ltv_ppm: int
    """Of a new loan."""
    applied_ltv_ppm: int
    """The ratio at which a drawn loan's pledge counts for its borrowing base: it glides."""
    lendable_amount: int
    """To a new loan, down."""
    supersedes_seq: int = 0
    """The record of the mark that a ruling replaced."""
    start_day: int = 0
    end_day: int = 0
    """The pledged window, half-open."""
    spot_month: int = 0
    """The nearest month that trades: whose volatility this is; 0 for none."""
    spot_seq: int = 0
    """The record of that month's last observation; 0 for none."""
    opening_recovery_days_count: int = 0
    """Clear days that were still needed after the marking day before."""
    opening_ltv_ppm: int = NO_LTV_PPM
    """The applied ratio of the marking day before, from which it glides; -1 where none does."""
    ruled_amount: int = 0
    """The value that a ruling put in the model's place, for the day of the ruling; 0 for none."""
    is_stressed_day: bool = False
    """An earlier mark of the same day had reasons of stress: it is no clear day."""
    is_trading_day: bool = True
    """Whether the venue trades on the valuation day: a day of recovery, and a step of the glide."""
    unknown_hours: int = 0
    """GPU-hours lost in the uptime because nobody stands for them, past the time of disputes."""


class PledgesMarked(Event, frozen=True, kw_only=True, tag="pledges_marked"):
    """How far a marking cycle has come through the pledges."""

    marked_count: int
    is_complete: bool
    looked_at_count: int = 0
    """Pledges that the cycle has behind it with this record; 0 with the one that begins it."""


class MarkDisputed(Event, frozen=True, kw_only=True, tag="mark_disputed"):
    """Until it is ruled the mark's line `dispute` is at least the charge for open disputes."""

    dispute_id: int
    """The sequence number of the record."""
    account_id: int
    pledge_id: int
    mark_seq: int
    line: MarkLine
    claimed_amount: int
    evidence_sha256: bytes


class MarkRulingProposed(Event, frozen=True, kw_only=True, tag="mark_ruling_proposed"):
    """An auditor's finding, which waits for its countersignature."""

    dispute_id: int
    auditor_account_id: int
    ruled_ppm: int
    ruled_amount: int
    evidence_sha256: bytes


class MarkRuled(Event, frozen=True, kw_only=True, tag="mark_ruled"):
    """The dispute is over; the mark that supersedes follows."""

    dispute_id: int
    operator_account_id: int
    ruled_ppm: int
    ruled_amount: int


# -- loans ----------------------------------------------------------------------------------------


class LoanApplied(Event, frozen=True, kw_only=True, tag="loan_applied"):
    """A holder asked a bank for a loan; the requested pledges and their marks follow."""

    loan_id: int
    account_id: int
    bank_account_id: int
    principal_amount: int
    maturity_day: int
    pledge_ids: list[int]
    lapse_ns: int
    """Market time at which an unanswered application is over."""


class LoanApproved(Event, frozen=True, kw_only=True, tag="loan_approved"):
    """The bank's firm terms; the hold of its principal follows."""

    loan_id: int
    principal_amount: int
    interest_ppm: int
    value_amount: int
    lendable_amount: int
    """Of the collateral, as marked when the terms were given."""
    lapse_ns: int
    """Market time at which terms that are not taken are over."""


class LoanEnded(Event, frozen=True, kw_only=True, tag="loan_ended"):
    """It was never drawn."""

    loan_id: int
    end: LoanEnd


class LoanDrawn(Event, frozen=True, kw_only=True, tag="loan_drawn"):
    """The terms were taken: liens and cash follow in the record."""

    loan_id: int
    principal_amount: int
    value_amount: int
    drawn_ltv_ppm: int
    """α: the collateral's ratios weighted by value, down; the ladder hangs from it for life."""
    maturity_ns: int
    """Market time at which it is due: 16:00 of its day, or of the next trading day."""


class LoanRepaid(Event, frozen=True, kw_only=True, tag="loan_repaid"):
    """Less is owed, interest first; the cash came in the same record, or in an earlier one."""

    loan_id: int
    source: RepaymentSource
    interest_amount: int
    principal_amount: int


class LoanClosed(Event, frozen=True, kw_only=True, tag="loan_closed"):
    """Nothing is owed; what is left of the pledges is released in the record."""

    loan_id: int


class LoanCured(Event, frozen=True, kw_only=True, tag="loan_cured"):
    """
    A loan performs again: its liquidation has nothing to sell, or a ruling undid its default.

    In liquidation it is back at its ratio at drawdown; its lots end and its liquidation closes in
    the same record. In default, nothing enforced, it is below the ratio of a call at a ruled value.
    """

    loan_id: int
    owed_amount: int
    value_amount: int


class LadderChanged(Event, frozen=True, kw_only=True, tag="ladder_changed"):
    """A loan is on another step of its ladder."""

    loan_id: int
    ladder_status: LadderStatus
    owed_amount: int
    value_amount: int
    ltv_ppm: int


class MarginCallIssued(Event, frozen=True, kw_only=True, tag="margin_call_issued"):
    """Either amount alone cures, until 16:00 of the second trading day after."""

    call_id: int
    """The sequence number of the record; with `loan_id` it names the call."""
    loan_id: int
    owed_amount: int
    value_amount: int
    call_cash_amount: int
    call_collateral_amount: int
    due_ns: int


class MarginCallExtended(Event, frozen=True, kw_only=True, tag="margin_call_extended"):
    """The undisputed part is paid, so the call waits for the ruling of a disputed mark."""

    call_id: int
    loan_id: int
    due_ns: int


class MarginCallEnded(Event, frozen=True, kw_only=True, tag="margin_call_ended"):
    """Met, or over its time."""

    call_id: int
    loan_id: int
    end: CallEnd


class LoanDefaulted(Event, frozen=True, kw_only=True, tag="loan_defaulted"):
    """From now on the bank may enforce; the borrower may still repay what is owed."""

    loan_id: int
    cause: DefaultCause
    owed_amount: int
    value_amount: int


class CovenantTested(Event, frozen=True, kw_only=True, tag="covenant_tested"):
    """
    A delivery day of the collateral is final, so the principal was held against its ratio.

    What the borrower's available cash reaches of what is due is paid in the same record.
    """

    loan_id: int
    principal_amount: int
    value_amount: int
    due_amount: int
    paid_amount: int


class PledgeMatured(Event, frozen=True, kw_only=True, tag="pledge_matured"):
    """Every day of it is delivered and closed."""

    pledge_id: int


class LendingForgotten(Event, frozen=True, kw_only=True, tag="lending_forgotten"):
    """
    Loans and pledges that have been over for long, to which nothing refers, left the live state.

    Their history is in the log; what was looked at and is still needed is looked at again later.
    """

    loan_ids: list[int]
    pledge_ids: list[int]
    looked_at_count: int


# -- liquidation ----------------------------------------------------------------------------------


class LiquidationOpened(Event, frozen=True, kw_only=True, tag="liquidation_opened"):
    """The bank enforces."""

    loan_id: int
    costs_amount: int
    evidence_sha256: bytes


class LotOffered(Event, frozen=True, kw_only=True, tag="lot_offered"):
    """A lot is on offer; its price falls with the clock."""

    lot_id: int
    """The sequence number of the record."""
    loan_id: int
    pledge_id: int
    mode: TradingMode
    product_id: int
    start_day: int
    end_day: int
    lot_qty: int
    start_price: int
    floor_price: int
    step_price: int
    step_ns: int
    offered_ns: int
    end_ns: int
    """One step after the floor is reached, or as the first day begins, nobody has bought."""
    buyer_account_id: int
    reserve_price: int = 0
    """The least that the floor could be."""


class LotEnded(Event, frozen=True, kw_only=True, tag="lot_ended"):
    """A lot is over without a sale."""

    lot_id: int
    end: LotEnd


class LotSold(Event, frozen=True, kw_only=True, tag="lot_sold"):
    """Somebody bought a lot; cash, days and sublets follow in the record."""

    lot_id: int
    buyer_account_id: int
    lot_price: int
    proceeds_amount: int


class WaterfallPaid(Event, frozen=True, kw_only=True, tag="waterfall_paid"):
    """
    Who had what of a lot's proceeds, in this order; the amounts add up to them.

    Lot 0 is none: the borrower has redeemed the rest, or it is what pledged days have earned.
    """

    loan_id: int
    lot_id: int
    proceeds_amount: int
    costs_amount: int
    interest_amount: int
    principal_amount: int
    fee_amount: int
    surplus_amount: int


class LiquidationClosed(Event, frozen=True, kw_only=True, tag="liquidation_closed"):
    """Nothing is left to sell, or nothing to repay; or the loan is cured."""

    loan_id: int
    shortfall_amount: int
    """Unpaid principal and interest, which the borrower owes as a claim."""
