"""
Collateral marks as the wire shows them, as published.

A view is a function of the record that published the mark and of the pledge's request, so the same
mark has the same bytes for ever, whoever asks but the owner, who does not see the bank's pool.
"""

import hashlib
from collections.abc import Iterable

from msgspec.structs import replace

from exchange.collateral.haircut import sentence_of
from exchange.collateral.haircut_lines import HaircutLines
from exchange.domain.collateral_views import CollateralMarkView, CurvePointView
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import encode_event

from .collateral_marks import CollateralMarks, PublishedMark
from .pledges import Pledges

POOL_SHARE = "pool_share_ppm"
INPUTS = (
    "age_days_count",
    "sigma_ewma_e12",
    "sigma_stress_e12",
    "sigma_long_e12",
    "historical_es_e12",
    "position_hours",
    "adv_hours",
    "half_spread_ppm",
    "supplier_grade",
    POOL_SHARE,
    "uptime_ppm",
    "is_affiliated",
    "ruled_ppm",
    "is_disputed",
    "is_halted",
    "wal_years_e12",
    "opening_recovery_days_count",
    "opening_ltv_ppm",
    "ruled_amount",
    "is_stressed_day",
    "is_trading_day",
    "unknown_hours",
)
"""Of the event; a flag is 0 or 1."""


def marks_seen(
    seq: int, account_id: int, pledges: Pledges, marks: CollateralMarks
) -> list[tuple[PledgeRequested, PublishedMark]]:
    """The marks in force after a record that an account sees, by pledge; 0 sees everybody's."""
    found = []
    for asked in pledges.live_as_of(seq, account_id):
        mark = marks.as_of(asked.pledge_id, seq)
        if mark is not None:
            found.append((asked, mark))
    return found


def list_of(encoded: Iterable[bytes]) -> bytes:
    """JSON values as one list."""
    return b"[" + b",".join(encoded) + b"]"


def mark_view(
    request: PledgeRequested, product: str, mark: PledgeMarked, seq: int
) -> CollateralMarkView:
    """A mark that record `seq` published."""
    lines = HaircutLines(**dict(zip(HaircutLines.__struct_fields__, mark.lines_ppm, strict=True)))
    points = zip(mark.curve_months, mark.curve_marks_micro, mark.mark_seqs, strict=True)
    return CollateralMarkView(
        pledge_id=mark.pledge_id,
        loan_id=request.loan_id,
        account_id=request.account_id,
        bank_account_id=request.bank_account_id,
        product=product,
        start_day=mark.start_day,
        end_day=mark.end_day,
        collateral_qty=mark.pledged_qty,
        as_of_seq=seq,
        sha256=hashlib.sha256(encode_event(mark)).hexdigest(),
        market_ns=mark.market_ns,
        valuation_day=mark.valuation_day,
        level=mark.level,
        curve=[
            CurvePointView(month=month, mark_micro=mark_micro, mark_seq=mark_seq)
            for month, mark_micro, mark_seq in points
        ],
        spot_month=mark.spot_month,
        spot_seq=mark.spot_seq,
        inputs={name: int(getattr(mark, name)) for name in INPUTS},
        parameters_version=mark.parameters_version,
        rate_ppm=mark.rate_ppm,
        market_amount=mark.market_amount,
        pv_amount=mark.pv_amount,
        nominal_amount=mark.nominal_amount,
        value_amount=mark.value_amount,
        wal_days_ppm=mark.wal_days_ppm,
        strip_factor_e12=mark.strip_factor_e12,
        es_ppm=mark.es_ppm,
        haircut_lines={f"{name}_ppm": line_ppm for name, line_ppm in lines.named()},
        haircut_ppm=mark.haircut_ppm,
        sentence=sentence_of(lines, mark.haircut_ppm),
        regime=mark.regime,
        stress_reasons=mark.stress_reasons,
        recovery_days_count=mark.recovery_days_count,
        ltv_raw_ppm=mark.ltv_raw_ppm,
        ltv_ppm=mark.ltv_ppm,
        applied_ltv_ppm=mark.applied_ltv_ppm,
        lendable_amount=mark.lendable_amount,
        supersedes_seq=mark.supersedes_seq,
    )


def shown_to(account_id: int, view: CollateralMarkView) -> CollateralMarkView:
    """
    The view as an account sees it that may see it, or as who sees all does (0).

    To the owner the supplier's share of the bank's pool is nobody's but the bank's; so the hash is
    left out too, for a million tries would find the share by it.
    """
    if account_id != view.account_id:
        return view
    inputs = {name: value for name, value in view.inputs.items() if name != POOL_SHARE}
    return replace(view, inputs=inputs, sha256="")
