"""
Collateral marks, as the API shows them.

As in `wire`: amounts fen, quantities GPUs, days delivery day numbers, all integers.
"""

from msgspec import Struct

from exchange.domain.wire import NodeMarkView


class MonthValueView(Struct, frozen=True, kw_only=True):
    """One month of a collateral mark: its price and what it contributes."""

    month: int
    forward_micro: int
    pv_amount: int
    nominal_amount: int
    slices_count: int


class CurvePointView(Struct, frozen=True, kw_only=True):
    """A node mark from which a window is priced, and the record that published it."""

    month: int
    mark_micro: int
    mark_seq: int


class CollateralMarkView(Struct, frozen=True, kw_only=True):
    """
    What pledged or held unit-days are worth and lend, with every figure that it follows from.

    Of a pledge it is the mark as recorded; of a held window it is computed when it is asked for.
    """

    pledge_id: int
    """0 for a held window that is not pledged."""
    loan_id: int
    account_id: int
    bank_account_id: int
    product: str
    start_day: int
    end_day: int
    collateral_qty: int
    as_of_seq: int
    """The record that published the mark; of a held window the last one."""
    sha256: str
    """Of the mark's event, byte for byte as the record holds it; empty to the owner."""
    market_ns: int
    valuation_day: int
    level: int
    """The worst source among the months; 0 where one has no price, which lends nothing."""
    curve: list[CurvePointView]
    spot_month: int
    """The nearest month that trades, whose volatility it is."""
    spot_seq: int
    inputs: dict[str, int]
    """
    The other figures that the haircut's lines follow from, by the event's names.

    The owner is not told `pool_share_ppm`, which is the bank's business; before the bank's word on
    the pledge it is the whole.
    """
    parameters_version: int
    rate_ppm: int
    market_amount: int
    pv_amount: int
    nominal_amount: int
    value_amount: int
    """The smaller of market and present value, or what was ruled; 0 at level 0."""
    wal_days_ppm: int
    """Weighted average life, in millionths of a day."""
    strip_factor_e12: int
    """How much of a move of the spot reaches the window."""
    es_ppm: int
    haircut_lines: dict[str, int]
    """Every line in ppm, those of 0 included; they add up to `haircut_ppm`."""
    haircut_ppm: int
    sentence: str
    regime: str
    stress_reasons: list[str]
    recovery_days_count: int
    ltv_raw_ppm: int
    ltv_ppm: int
    applied_ltv_ppm: int
    """Of a drawn loan's pledge: it glides by the day."""
    lendable_amount: int
    supersedes_seq: int
    """The record of the mark that a ruling replaced; 0 for none."""


class MarkLineView(Struct, frozen=True, kw_only=True):
    """A figure of a mark: its formula in model CR-1, what went in, and the records of that."""

    name: str
    value: int
    formula: str
    inputs: dict[str, int]
    source_seqs: list[int]


class MarkExplanation(Struct, frozen=True, kw_only=True):
    """A mark with each figure taken apart; computed again from the event's own figures."""

    mark: CollateralMarkView
    nodes: list[NodeMarkView]
    """The curve's points as they were published: price before the guards, their notes, level."""
    months: list[MonthValueView]
    lines: list[MarkLineView]
    is_reproduced: bool
    """Whether the model gives the recorded mark again, in every field."""
