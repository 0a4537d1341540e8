"""
Interest of a loan: simple, actual days over 360, on the principal.

It accrues in stretches over which the principal stands still; each is rounded down, so rules and
read models must end a stretch at the same records: wherever the principal changes.
"""

from exchange.collateral.runway import INTEREST_YEAR_DAYS
from exchange.domain.units import PPM_WHOLE


def accrued_amount(principal_amount: int, interest_ppm: int, days_count: int) -> int:
    """The interest of one stretch, down."""
    whole = INTEREST_YEAR_DAYS * PPM_WHOLE
    return principal_amount * interest_ppm * max(0, days_count) // whole
