"""
How a pool melts and what stress leaves of it, as the exchange answers, and as data frames.

    melting = await exchange.melting()
    melting.to_pandas().pivot(index="loan_id", columns="move_ppm", values="margin_call_days_count")
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from exchange.domain.lending_views import (
    LoanStressView,
    Melting,
    MeltingView,
    PoolRunwayView,
    PoolStressView,
    RunwayView,
    Stress,
    StressedLoanView,
)

from .data_frames import frame, frame_of_parts

if TYPE_CHECKING:
    import pandas


class PoolMelting(Melting, frozen=True, kw_only=True):
    """Loans and how long they last."""

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each loan and move of prices."""
        return frame_of_parts(MeltingView, self.loans, "runways", RunwayView)

    def pool_to_pandas(self) -> "pandas.DataFrame":
        """A row for each move of prices: the first of the loans."""
        return frame(PoolRunwayView, self.pool)


class PoolStress(Stress, frozen=True, kw_only=True):
    """A pool under its scenarios, with some of its loans."""

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each of the loans shown and scenario."""
        return frame_of_parts(LoanStressView, self.loans, "scenarios", StressedLoanView)

    def pool_to_pandas(self) -> "pandas.DataFrame":
        """A row for each scenario: the whole pool."""
        return frame(PoolStressView, self.pool)


def melting_together(found: PoolMelting, more: PoolMelting) -> PoolMelting:
    """Two pages as one, the second behind the first."""
    pool = [
        replace(
            ours,
            margin_call_days_count=min(ours.margin_call_days_count, theirs.margin_call_days_count),
            liquidation_days_count=min(ours.liquidation_days_count, theirs.liquidation_days_count),
            called_30_days_count=ours.called_30_days_count + theirs.called_30_days_count,
            called_30_days_amount=ours.called_30_days_amount + theirs.called_30_days_amount,
        )
        for ours, theirs in zip(found.pool, more.pool, strict=True)
    ]
    return replace(more, loans=found.loans + more.loans, pool=pool)
