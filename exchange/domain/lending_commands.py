"""What can be asked for about loans, their collateral, its liquidation, and disputes of marks."""

from typing import Annotated

from msgspec import Meta, Struct

from .commands import Command
from .enums import MarkLine, TradingMode
from .units import MAX_PRICE, PPM_WHOLE, Amount, Day, Id, Ppm, Price, Qty, Sha256

MAX_COLLATERAL = 20
"""Pledges of one loan, so that valuing it takes no longer than a commit may wait."""
MAX_COSTS_PPM = 20_000
"""Costs of enforcement that a bank may claim, of what is owed; a proposal for banks to sign."""
InterestPpm = Annotated[int, Meta(ge=0, le=PPM_WHOLE)]
AmountOrZero = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class CollateralOffer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Unit-days that a borrower puts up."""

    product_id: Id
    start_day: Day
    end_day: Day
    pledged_qty: Qty


CollateralOffers = Annotated[list[CollateralOffer], Meta(min_length=1, max_length=MAX_COLLATERAL)]


class ApplyForLoan(Command, frozen=True, kw_only=True, tag="apply_for_loan"):
    """
    A holder asks a bank for a loan on unit-days.

    Each offer becomes a requested pledge, which encumbers nothing yet and is valued at once.
    """

    bank_account_id: Id
    principal_amount: Amount
    maturity_day: Day
    """The loan is due at 16:00 of this day; no later than the last day of its collateral."""
    collateral: CollateralOffers


class OfferLoan(Command, frozen=True, kw_only=True, tag="offer_loan"):
    """The bank's firm terms; it sets the principal aside until they are taken or lapse."""

    loan_id: Id
    principal_amount: Amount
    """At most what was applied for and what the collateral lends."""
    interest_ppm: InterestPpm
    """A year of 360 days, simple, actual days, rounded down."""


class DeclineLoan(Command, frozen=True, kw_only=True, tag="decline_loan"):
    """The bank declines, or the borrower withdraws, what is not drawn yet."""

    loan_id: Id


class DrawLoan(Command, frozen=True, kw_only=True, tag="draw_loan"):
    """The borrower takes the terms: the liens go on and the principal is paid, in one record."""

    loan_id: Id


class RepayLoan(Command, frozen=True, kw_only=True, tag="repay_loan"):
    """Cash of the borrower: interest first, then principal; at most what is owed is taken."""

    loan_id: Id
    repaid_amount: Amount


class AddCollateral(Command, frozen=True, kw_only=True, tag="add_collateral"):
    """More unit-days for a drawn loan, under lien at once: a cure by days."""

    loan_id: Id
    collateral: CollateralOffer


class SubstituteCollateral(Command, frozen=True, kw_only=True, tag="substitute_collateral"):
    """Other unit-days for a whole pledge, at once, where the loan is covered afterwards."""

    pledge_id: Id
    collateral: CollateralOffer


class EnforceLoan(Command, frozen=True, kw_only=True, tag="enforce_loan"):
    """The bank begins to sell the collateral of a loan in default."""

    loan_id: Id
    costs_amount: AmountOrZero
    """Of enforcement, paid before all else; at most `MAX_COSTS_PPM` of what is owed."""
    evidence_sha256: Sha256
    """Of the bills."""


class OfferLot(Command, frozen=True, kw_only=True, tag="offer_lot"):
    """
    The bank offers pledged days in a Dutch auction: the price falls in steps until somebody buys.

    A title lot is the rest of the pledge's window, from one of the next thirty days that have not
    begun; a sublet lot lets some of these. With a buyer named it is a block to that account.
    """

    pledge_id: Id
    mode: TradingMode
    start_day: Day
    end_day: Day
    lot_qty: Qty
    start_price: Price
    """Fen per GPU-hour."""
    floor_price: Price
    step_price: Annotated[int, Meta(ge=0, le=MAX_PRICE)]
    """How much the price falls with each step; 0 for a fixed price."""
    step_minutes_count: Annotated[int, Meta(gt=0, le=1_440)]
    buyer_account_id: Id = 0
    """The only one that may buy; 0 for anybody."""


class WithdrawLot(Command, frozen=True, kw_only=True, tag="withdraw_lot"):
    """The bank takes a lot off."""

    lot_id: Id


class BuyLot(Command, frozen=True, kw_only=True, tag="buy_lot"):
    """Buys a whole lot at its price of the moment, if that is no higher than the limit."""

    lot_id: Id
    limit_price: Price


class DisputeMark(Command, frozen=True, kw_only=True, tag="dispute_mark"):
    """Borrower or bank says that a line of a published mark of its pledge is wrong."""

    pledge_id: Id
    mark_seq: Id
    """The record that published the mark: the one in force."""
    line: MarkLine
    claimed_amount: AmountOrZero
    """
    The value it holds right. A borrower that disputes the line `value` holds a margin call up with
    it, once what is owed beyond it at the loan's ratio is paid; for that it counts as far as a mark
    may rise without a second source (`rise_cap_ppm`).
    """
    evidence_sha256: Sha256


class RuleMark(Command, frozen=True, kw_only=True, tag="rule_mark"):
    """What an auditor finds about a disputed mark; an operator countersigns."""

    dispute_id: Id
    ruled_ppm: Ppm
    """The haircut's line `dispute` from now on."""
    ruled_amount: AmountOrZero
    """The value of the mark that supersedes the disputed one; 0 leaves it."""
    evidence_sha256: Sha256


class CountersignMarkRuling(Command, frozen=True, kw_only=True, tag="countersign_mark_ruling"):
    """A second person stands for the ruling; a mark that supersedes the disputed one follows."""

    dispute_id: Id
    evidence_sha256: Sha256


class MarkPledges(Command, frozen=True, kw_only=True, tag="mark_pledges"):
    """The exchange values the next pledges whose figures changed, and looks at their loans."""
