"""
A mark taken apart: each figure with its formula, what went in, and which records that came from.

The model is run again on the event's own figures; `is_reproduced` says whether it gives the very
event, byte for byte. The formulas are those of model CR-1 (`exchange.collateral`); capital letters
are parameters of the version in force, whose record is among the sources.
"""

from collections.abc import Mapping

from exchange.collateral.pledge_marks import figures_of, haircut_of, priced, sources_of, worth_of
from exchange.domain.collateral_views import MarkExplanation, MarkLineView, MonthValueView
from exchange.domain.enums import TradingMode
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.risk_parameters import RiskParameters

from .bundle import Projections
from .collateral import INPUTS, mark_view, shown_to
from .collateral_marks import PublishedMark

_PARTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # name: (formula, figures, parameters, sources)
    "market_amount": (
        "sum of the days to come: GPUs * 24 * the curve's price, half to even",
        ("pledged_qty", "start_day", "end_day", "valuation_day"),
        ("curve_decline_ppm",),
        ("curve", "request"),
    ),
    "pv_amount": (
        "sum of the days to come: rent * OCCUPANCY * SLA * (1 - FEE) / (1 + RATE)^(days / 365)",
        ("pledged_qty", "start_day", "end_day", "valuation_day"),
        ("rate_ppm", "occupancy_ppm", "sla_ppm", "fee_ppm"),
        ("curve", "request"),
    ),
    "value_amount": (
        "min(market, pv); 0 where a month has no price; what was ruled, on the day of the ruling",
        ("market_amount", "pv_amount", "level", "ruled_amount"),
        (),
        ("curve", "rulings"),
    ),
    "strip_factor_e12": (
        "sum of weight * exp(-KAPPA * years) over the days, weighted by present value, up",
        ("wal_years_e12",),
        ("kappa_e12",),
        ("curve", "request"),
    ),
    "es_ppm": (
        "max(1 - exp(-K * sigma * strip * sqrt((HOLDING + days to sell / 3) * VR)), history), "
        "days to sell = position / (PARTICIPATION * adv)",
        (
            "sigma_ewma_e12",
            "sigma_stress_e12",
            "strip_factor_e12",
            "historical_es_e12",
            "position_hours",
            "adv_hours",
        ),
        ("tail_multiplier_e12", "holding_days_count", "variance_ratio_ppm", "participation_ppm"),
        ("spot", "curve"),
    ),
    "base_ppm": ("BASE", (), ("base_ppm",), ()),
    "vol_ppm": ("max(0, es - ALLOWANCE)", ("es_ppm",), ("vol_allowance_ppm",), ("spot",)),
    "apc_buffer_ppm": (
        "APC * es * (1 - clamp((sigma_ewma / sigma_long - LOW) / (HIGH - LOW), 0, 1))",
        ("es_ppm", "sigma_ewma_e12", "sigma_long_e12"),
        ("apc_ppm", "apc_low_ppm", "apc_high_ppm"),
        ("spot",),
    ),
    "liquidity_ppm": (
        "min(CAP, half spread + IMPACT * sigma * strip * sqrt(position / adv))",
        ("half_spread_ppm", "position_hours", "adv_hours", "strip_factor_e12"),
        ("impact_ppm", "liquidity_cap_ppm"),
        ("curve", "spot"),
    ),
    "tenor_obsolescence_ppm": (
        "min(CAP, GENERATIONS * LOSS * max(0, wal - FREE))",
        ("wal_years_e12",),
        (
            "generation_rate_ppm",
            "generation_loss_ppm",
            "tenor_free_years_ppm",
            "tenor_cap_ppm",
        ),
        ("curve", "request"),
    ),
    "concentration_ppm": (
        "min(CAP, SLOPE * max(0, supplier's share of the bank's pool - FREE))",
        ("pool_share_ppm", "value_amount"),
        ("concentration_slope_ppm", "concentration_free_ppm", "concentration_cap_ppm"),
        ("pool",),
    ),
    "supplier_wrong_way_ppm": (
        "DEFAULT(grade) * LOSS * WRONG_WAY * min(1, wal) + AFFILIATED if of one house",
        ("supplier_grade", "is_affiliated", "wal_years_e12"),
        ("loss_given_default_ppm", "wrong_way_ppm", "affiliated_ppm"),
        ("supplier",),
    ),
    "sla_shortfall_ppm": (
        "min(CAP, SLOPE * max(0, TARGET - uptime of the last 30 days that are final or past their "
        "disputes)); unknown hours are lost",
        ("uptime_ppm", "unknown_hours"),
        ("uptime_slope_ppm", "uptime_target_ppm", "uptime_cap_ppm"),
        ("uptime",),
    ),
    "stale_or_level_ppm": (
        "LEVEL(level); at level 7 and more sigma * strip * sqrt(max(0, age - 1))",
        ("level", "age_days_count", "strip_factor_e12"),
        (),
        ("curve",),
    ),
    "dispute_ppm": (
        "max(ruled, OPEN while a dispute is open)",
        ("ruled_ppm", "is_disputed"),
        ("dispute_open_ppm",),
        ("rulings",),
    ),
    "haircut_ppm": ("min(1, the sum of the lines)", (), (), ()),
    "ltv_raw_ppm": ("1 - haircut", ("haircut_ppm",), (), ()),
    "ltv_ppm": (
        "clamp(raw, FLOOR, CAP); under stress and until EXIT clear trading days are over no floor",
        (
            "ltv_raw_ppm",
            "is_halted",
            "opening_recovery_days_count",
            "is_stressed_day",
            "is_trading_day",
            "recovery_days_count",
        ),
        ("ltv_floor_ppm", "ltv_cap_ppm", "stress_exit_days_count"),
        ("halts",),
    ),
    "applied_ltv_ppm": (
        "from the day before towards ltv, the haircut at most UP or DOWN a trading day; -1: no day "
        "before",
        ("opening_ltv_ppm", "ltv_ppm", "is_trading_day"),
        ("glide_up_ppm", "glide_down_ppm"),
        (),
    ),
    "lendable_amount": ("value * ltv, down", ("value_amount", "ltv_ppm"), (), ()),
}


def explanation(
    request: PledgeRequested, published: PublishedMark, projections: Projections, account_id: int
) -> MarkExplanation:
    """Everything about a published mark that the account may see; who sees all is 0."""
    mark = published.event
    figures = figures_of(mark)
    parameters_seq, version = projections.marks.parameters_of(mark.parameters_version)
    parameters = version.risk_parameters
    worth = worth_of(figures, parameters)
    values = {name: int(getattr(mark, name)) for name in _figures_named(mark)}
    values |= haircut_values(mark, parameters)
    sources = _sources(request, published, projections)
    product = projections.listings.products[request.product_id].code
    shown = shown_to(account_id, mark_view(request, product, mark, published.seq))
    hidden = set(INPUTS) - shown.inputs.keys()
    return MarkExplanation(
        mark=shown,
        months=[
            MonthValueView(
                month=month.month,
                forward_micro=month.forward_micro,
                pv_amount=month.pv_amount,
                nominal_amount=month.nominal_amount,
                slices_count=month.slices_count,
            )
            for month in worth.by_month
        ],
        lines=[
            MarkLineView(
                name=name,
                value=values[name],
                formula=formula,
                inputs={each: values[each] for each in inputs if each not in hidden}
                | {each: getattr(parameters, each) for each in constants},
                source_seqs=sorted(
                    {seq for kind in kinds for seq in sources[kind]} | {parameters_seq}
                ),
            )
            for name, (formula, inputs, constants, kinds) in _PARTS.items()
        ],
        is_reproduced=priced(figures, sources_of(mark), parameters) == mark,
    )


def haircut_values(mark: PledgeMarked, parameters: RiskParameters) -> dict[str, int]:
    """The haircut's lines by name, computed again."""
    figures = figures_of(mark)
    lines = haircut_of(figures, worth_of(figures, parameters), parameters).lines
    return {f"{name}_ppm": line_ppm for name, line_ppm in lines.named()}


def _figures_named(mark: PledgeMarked) -> list[str]:
    """The event's single figures."""
    return [name for name in mark.__struct_fields__ if isinstance(getattr(mark, name), int)]


def _sources(
    request: PledgeRequested, published: PublishedMark, projections: Projections
) -> Mapping[str, list[int]]:
    """Records, all before the mark's own or that one."""
    mark, known = published.event, projections.collateral_marks
    supplier_id = projections.listings.products[request.product_id].supplier_account_id
    accounts = (supplier_id, request.account_id)
    return {
        "request": [known.request_seq(mark.pledge_id)],
        "curve": mark.mark_seqs,
        "spot": [mark.spot_seq] if mark.spot_seq else [],
        "supplier": [known.admission_seq(account_id) for account_id in accounts],
        "uptime": known.uptime_seqs(supplier_id, published.seq, mark.market_ns),
        "halts": _halts(mark, supplier_id, published.seq, request, projections),
        "rulings": known.ruling_seqs(mark.pledge_id, published.seq),
        "pool": known.pool_seqs(published.seq),
    }


def _halts(
    mark: PledgeMarked,
    supplier_id: int,
    seq: int,
    request: PledgeRequested,
    projections: Projections,
) -> list[int]:
    """What stood in the way of the window's sale: halts of its class and region, and stops."""
    if not mark.is_halted:
        return []
    halts, listings = projections.halts, projections.listings
    product = listings.products[request.product_id]
    first_day = max(mark.start_day, mark.valuation_day + 1)
    overlapping = []
    for instrument_id in halts.halted_ids(seq):
        listed = listings.instruments[instrument_id].listed
        other = listings.products[listed.product_id]
        is_node = (other.gpu_class, other.region) == (product.gpu_class, product.region)
        is_over = listed.end_day <= first_day or listed.start_day >= mark.end_day
        if is_node and not is_over and listed.mode is TradingMode.TITLE:
            overlapping.append(instrument_id)
    return halts.halt_seqs(overlapping, seq) + halts.stop_seqs(supplier_id, seq)
