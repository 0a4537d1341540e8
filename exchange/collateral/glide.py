"""
How fast the haircut of a drawn loan may move.

A borrower who has drawn is not called because the model changed its mind overnight: from one
trading day to the next the haircut rises a little and falls even less, until it is where a new
loan's would be. The glide moves the lendable amount and the borrowing base; the ratio at
drawdown, from which the ladder hangs, stays what it was. Falls of the mark itself do not glide.
"""

from exchange.domain.risk_parameters import RiskParameters


def glide(applied_ppm: int, target_ppm: int, parameters: RiskParameters) -> int:
    """The haircut a drawn loan bears on the next trading day."""
    if target_ppm >= applied_ppm:
        return min(target_ppm, applied_ppm + parameters.glide_up_ppm)
    return max(target_ppm, applied_ppm - parameters.glide_down_ppm)
