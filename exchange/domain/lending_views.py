"""
Loans as banks and borrowers are shown them: the loans, their calls, melting, stress.

Amounts are fen, ratios ppm, days delivery day numbers; what a loan owes is as of the market's day.
"""

from msgspec import Struct

from .wire_words import Message


class LoanPledgeView(Struct, frozen=True, kw_only=True):
    """A pledge behind a loan, with the mark in force; figures of a pledge without one are 0."""

    pledge_id: int
    product: str
    supplier_account_id: int
    start_day: int
    end_day: int
    pledge_status: str
    pledged_qty: int
    """GPUs under lien; what is asked for where nothing is yet."""
    mark_seq: int
    """The record that published the mark."""
    marked_day: int
    """Up to which it counts days as delivered."""
    level: int
    regime: str
    haircut_ppm: int
    value_amount: int
    """0, like what follows from it, where nothing is asked for or under lien any more."""
    ltv_raw_ppm: int
    ltv_ppm: int
    """Of a new loan."""
    applied_ltv_ppm: int
    """At which it counts for this loan's base."""
    base_amount: int
    """Value at the applied ratio, down."""
    lendable_amount: int
    """To a new loan."""


class MarginCallView(Struct, frozen=True, kw_only=True):
    """A margin call and what became of it."""

    call_id: int
    loan_id: int
    account_id: int
    bank_account_id: int
    call_status: str
    """`issued`, `partly_met`, `met`, `expired` or `overtaken`."""
    issued_seq: int
    ended_seq: int
    """0 while it is open."""
    owed_amount: int
    """When it was issued."""
    value_amount: int
    call_cash_amount: int
    call_collateral_amount: int
    """Either alone cures."""
    paid_amount: int
    """Since it was issued, while it was open."""
    due_ns: int


class LoanLotView(Struct, frozen=True, kw_only=True):
    """A lot of a loan's collateral and what became of it."""

    lot_id: int
    pledge_id: int
    mode: str
    start_day: int
    end_day: int
    lot_qty: int
    start_price: int
    floor_price: int
    end_ns: int
    lot_status: str
    """`offered`, `sold`, `withdrawn`, `unsold`, `redeemed` or `cured`."""
    lot_price: int
    """At which it was sold; 0 before."""
    proceeds_amount: int


class LoanView(Struct, frozen=True, kw_only=True):
    """A loan's terms, where it stands, what is owed, and what secures it."""

    loan_id: int
    account_id: int
    bank_account_id: int
    loan_status: str
    end: str
    """Why it was never drawn; empty otherwise."""
    default_cause: str
    """Why it went into default; empty otherwise."""
    applied_amount: int
    drawn_amount: int
    interest_ppm: int
    maturity_day: int
    drawn_day: int
    lapse_ns: int
    """When an application or offered terms are over."""
    drawn_ltv_ppm: int
    principal_amount: int
    """Offered, then owed."""
    interest_amount: int
    """Accrued and unpaid."""
    costs_amount: int
    """Of enforcement, unpaid."""
    owed_amount: int
    """Principal and interest; 0 before it is drawn."""
    shortfall_amount: int
    ladder_status: str
    value_amount: int
    """Of all that is under lien for it."""
    base_amount: int
    """What may be owed on it: each pledge's value at its applied ratio, down."""
    margin_call_value_amount: int
    """At this value or less it is called, down; 0 before it is drawn."""
    changed_seq: int
    """The last record that changed its terms, its step or what is owed of it."""
    pledges: list[LoanPledgeView]
    margin_calls: list[MarginCallView]
    lots: list[LoanLotView]


class Loans(Message, frozen=True, kw_only=True, tag="loans"):
    """
    Loans that the account may see, by id: all, or in the channel `loans` those that changed.

    The first message of the channel is the snapshot, of many loans its first page: the others come
    between the changes, and each loan is as it stands when it is told.
    """

    as_of_seq: int
    market_ns: int
    loans: list[LoanView]
    snapshot: bool = False
    after_loan_id: int = 0
    """Of a later page of the snapshot: behind which loan it begins."""
    left_count: int = 0
    """Of a page: loans of the snapshot that are still to come."""


class RunwayView(Struct, frozen=True, kw_only=True):
    """Days until time alone brings a call and a sale, once prices have moved and stand still."""

    move_ppm: int
    margin_call_days_count: int
    liquidation_days_count: int


class MeltingView(Struct, frozen=True, kw_only=True):
    """How long one loan lasts if nothing is repaid."""

    loan_id: int
    account_id: int
    bank_account_id: int
    owed_amount: int
    value_amount: int
    """Of its collateral on the day, at the marks in force."""
    drawn_ltv_ppm: int
    interest_ppm: int
    break_even_price: int
    """The lowest rent in fen per GPU-hour that repays it from swept rent, all days let; up."""
    runways: list[RunwayView]


class PoolRunwayView(Struct, frozen=True, kw_only=True):
    """The first of the loans at one move of prices, and what is called within a month."""

    move_ppm: int
    margin_call_days_count: int
    liquidation_days_count: int
    called_30_days_count: int
    """Loans that are called within 30 days."""
    called_30_days_amount: int
    """What they owe today."""


class Melting(Struct, frozen=True, kw_only=True):
    """The loans of a pool, one by one and together."""

    as_of_seq: int
    valuation_day: int
    parameters_version: int
    loans: list[MeltingView]
    """By id."""
    left_count: int
    """Loans of the pool behind these."""
    pool: list[PoolRunwayView]
    """Of the loans shown: of the whole pool where they are all of it."""


class StressedLoanView(Struct, frozen=True, kw_only=True):
    """A loan after a scenario."""

    scenario: str
    value_amount: int
    lendable_amount: int
    ladder_status: str
    ltv_ppm: int
    call_cash_amount: int
    shortfall_amount: int


class LoanStressView(Struct, frozen=True, kw_only=True):
    """A loan after each scenario."""

    loan_id: int
    account_id: int
    bank_account_id: int
    owed_amount: int
    scenarios: list[StressedLoanView]


class PoolStressView(Struct, frozen=True, kw_only=True):
    """The loans together after a scenario; one loan's surplus covers no other's lack."""

    scenario: str
    failed_supplier_account_id: int
    """The supplier that fails in it; 0 where none does."""
    value_amount: int
    lendable_amount: int
    called_count: int
    """Loans on the step of a call or beyond."""
    call_cash_amount: int
    shortfall_amount: int


class Stress(Struct, frozen=True, kw_only=True):
    """The loans of a pool under the scenarios, one by one and together."""

    as_of_seq: int
    valuation_day: int
    parameters_version: int
    loans: list[LoanStressView]
    """By id."""
    left_count: int
    """Loans of the pool behind these."""
    pool: list[PoolStressView]
    """Of the whole pool, whichever loans are shown."""
    pool_count: int
    """Loans that its lines add up."""
    pool_left_count: int
    """Loans that they leave out, the last by id: of a pool of more than 10 000."""
