"""
Compute vouchers: what they pay of a bill, what is lent on them, what of them may be spent.

A voucher pays a share of a bill up to a cap. A lender gives a multiple of its face as credit,
which grows by half steps with the borrower's score; the face over the credit is the cover. What
is pledged stays in the wallet and cannot be spent. Amounts are fen; everything here rounds down,
against the one who is paid or lent to.
"""

from msgspec import Struct

from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE


class VoucherCredit(Struct, frozen=True, kw_only=True):
    """What is lent on a pledged voucher."""

    multiple_ppm: int
    """Of the face; 3 to 5 in the first proposal."""
    credit_amount: int
    """Down."""
    cover_ppm: int
    """Face over credit, down."""


def subsidy_amount(cost_amount: int, parameters: RiskParameters) -> int:
    """What a voucher pays of one bill, down and at most the cap."""
    share_amount = cost_amount * parameters.voucher_subsidy_ppm // PPM_WHOLE
    return min(share_amount, parameters.voucher_subsidy_cap_amount)


def voucher_credit(face_amount: int, score_ppm: int, parameters: RiskParameters) -> VoucherCredit:
    """The credit on a voucher's face for a borrower's score between 0 and 1."""
    steps = min(parameters.voucher_steps_count, score_ppm // parameters.voucher_score_ppm)
    multiple_ppm = parameters.voucher_multiple_ppm + steps * parameters.voucher_step_ppm
    return VoucherCredit(
        multiple_ppm=multiple_ppm,
        credit_amount=face_amount * multiple_ppm // PPM_WHOLE,
        cover_ppm=PPM_WHOLE * PPM_WHOLE // multiple_ppm,
    )


def spendable_amount(wallet_amount: int, pledged_amount: int) -> int:
    """What of a wallet of vouchers may be spent."""
    assert 0 <= pledged_amount <= wallet_amount, f"{pledged_amount} of {wallet_amount} is pledged"
    return wallet_amount - pledged_amount
