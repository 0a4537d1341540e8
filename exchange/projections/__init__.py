"""
Read models: each folds the records of the log, answers queries, and can be rebuilt at will.

    record ──▶ Projections.apply ──▶ venue, listings, participants, orders, balances,
                                     positions, depth, trades, pledges, marks, recent

One file per noun; `bundle` holds them together, `projection` says what they have in common, and
`collateral` gathers what the valuation of a pledge needs.
"""

from .bundle import Projections
from .projection import Projection, ProjectionGap

__all__ = ["Projection", "ProjectionGap", "Projections"]
