"""What clients send about loans and their collateral, over HTTP."""

from typing import Annotated

from msgspec import Meta, Struct

from .lending_commands import MAX_COLLATERAL, InterestPpm
from .units import Amount, Day, Id, Name, Qty, QtyOrZero


class CollateralBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unit-days that a borrower puts up: POST /v1/loans/{loan_id}/collateral."""

    product: Name
    start_day: Day
    end_day: Day
    pledged_qty: Qty


class LoanRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/loans, by the borrower."""

    bank_account_id: Id
    principal_amount: Amount
    maturity_day: Day
    collateral: Annotated[list[CollateralBody], Meta(min_length=1, max_length=MAX_COLLATERAL)]


class LoanTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/loans/{loan_id}/offer, by the bank."""

    principal_amount: Amount
    interest_ppm: InterestPpm
    """A year of 360 days, simple."""


class RepaymentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/loans/{loan_id}/repay, by the borrower."""

    repaid_amount: Amount


class ReleaseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """POST /v1/pledges/{pledge_id}/release, by the bank; 0 releases all."""

    released_qty: QtyOrZero = 0
