"""
The figures of a mark by name: formula, figures and parameters that go in, kinds of records.

Whoever has what a line names, and nothing else, computes it again with the model's pure functions.
Where a line names the record kind `curve` and the window's days, the curve's points go in as well.
"""

from exchange.collateral.haircut_lines import Grade, HaircutLines
from exchange.collateral.marks import MarkLevel

_WORTH = ("pledged_qty", "start_day", "end_day", "valuation_day")
_RENT = ("rate_ppm", "occupancy_ppm", "sla_ppm", "fee_ppm", "curve_decline_ppm")
_SIGMA = ("sigma_ewma_e12", "sigma_stress_e12")
_BLEND = ("stress_weight_ppm", "sigma_floor_e12")
_SHORTFALL = (*_SIGMA, "strip_factor_e12", "historical_es_e12", "position_hours", "adv_hours")
_SALE = (
    *_BLEND,
    "tail_multiplier_e12",
    "holding_days_count",
    "revaluation_days_count",
    "variance_ratio_ppm",
    "participation_ppm",
)
_DEFAULTS = tuple(f"default_{grade.name.lower()}_ppm" for grade in Grade)
_LEVELS = tuple(f"level_{level}_ppm" for level in MarkLevel if level)
_LINES = HaircutLines.__struct_fields__

FORMULAS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # name: (formula, figures, parameters, sources)
    "market_amount": (
        "sum of the days to come: GPUs * 24 * the curve's price, half to even",
        _WORTH,
        ("curve_decline_ppm",),
        ("curve", "request"),
    ),
    "pv_amount": (
        "sum of the days to come: rent * OCCUPANCY * SLA * (1 - FEE) / (1 + RATE)^(days / 365)",
        _WORTH,
        _RENT,
        ("curve", "request"),
    ),
    "value_amount": (
        "min(market, pv); 0 where a month has no price; what was ruled, on the day of the ruling",
        ("market_amount", "pv_amount", "level", "ruled_amount"),
        (),
        ("curve", "rulings"),
    ),
    "wal_years_e12": (
        "sum of weight * years over the days, weighted by present value, up",
        _WORTH,
        _RENT,
        ("curve", "request"),
    ),
    "strip_factor_e12": (
        "sum of weight * exp(-KAPPA * years) over the days, weighted by present value, up",
        _WORTH,
        (*_RENT, "kappa_e12"),
        ("curve", "request"),
    ),
    "es_ppm": (
        "max(1 - exp(-K * sigma * strip * sqrt((HOLDING + REVALUATION - 1 + days to sell / 3) "
        "* VR)), history), days to sell = position / (PARTICIPATION * adv), "
        "sigma = max(FLOOR, STRESS * sigma_stress + (1 - STRESS) * sigma_ewma)",
        _SHORTFALL,
        _SALE,
        ("spot", "curve"),
    ),
    "base_ppm": ("BASE", (), ("base_ppm",), ()),
    "vol_ppm": ("max(0, es - ALLOWANCE)", ("es_ppm",), ("vol_allowance_ppm",), ("spot",)),
    "apc_buffer_ppm": (
        "APC * es, unrounded, * (1 - clamp((sigma_ewma / sigma_long - LOW) / (HIGH - LOW), 0, 1))",
        (*_SHORTFALL, "sigma_long_e12"),
        (*_SALE, "apc_ppm", "apc_low_ppm", "apc_high_ppm"),
        ("spot", "curve"),
    ),
    "liquidity_ppm": (
        "min(CAP, half spread + IMPACT * sigma * strip * sqrt(position / adv))",
        ("half_spread_ppm", "position_hours", "adv_hours", "strip_factor_e12", *_SIGMA),
        ("impact_ppm", "liquidity_cap_ppm", *_BLEND),
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
        "min(CAP, SLOPE * max(0, supplier's share of the bank's pool - FREE)); the whole until the "
        "bank has accepted the pledge or offered the loan",
        ("pool_share_ppm", "value_amount"),
        ("concentration_slope_ppm", "concentration_free_ppm", "concentration_cap_ppm"),
        ("pool",),
    ),
    "supplier_wrong_way_ppm": (
        "DEFAULT(grade) * LOSS * WRONG_WAY * min(1, wal) + AFFILIATED if of one house",
        ("supplier_grade", "is_affiliated", "wal_years_e12"),
        (*_DEFAULTS, "loss_given_default_ppm", "wrong_way_ppm", "affiliated_ppm"),
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
        "LEVEL(level), that of 7 for 0; at 7 and 0 more sigma * strip * sqrt(max(0, age - 1))",
        ("level", "age_days_count", "strip_factor_e12", *_SIGMA),
        (*_LEVELS, *_BLEND),
        ("curve", "spot"),
    ),
    "dispute_ppm": (
        "max(ruled, OPEN while a dispute is open)",
        ("ruled_ppm", "is_disputed"),
        ("dispute_open_ppm",),
        ("rulings",),
    ),
    "haircut_ppm": ("min(1, the sum of the lines)", _LINES, (), ()),
    "ltv_raw_ppm": ("1 - haircut", ("haircut_ppm",), (), ()),
    "ltv_ppm": (
        "clamp(raw, FLOOR, CAP); no floor under stress and for EXIT clear trading days after. "
        "Stress: es > ES, raw < FLOOR - ABSORBS, level 7 or 0, uptime < UPTIME, grade 5, one house,"
        " halt",
        (
            "ltv_raw_ppm",
            "es_ppm",
            "level",
            "uptime_ppm",
            "supplier_grade",
            "is_affiliated",
            "is_halted",
            "opening_recovery_days_count",
            "is_stressed_day",
            "is_trading_day",
            "recovery_days_count",
        ),
        (
            "ltv_floor_ppm",
            "ltv_cap_ppm",
            "stress_exit_days_count",
            "stress_es_ppm",
            "stress_uptime_ppm",
            "floor_absorbs_ppm",
        ),
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
CURVED = frozenset(name for name, (_, figures, _, _) in FORMULAS.items() if figures is _WORTH)
"""Lines that the curve itself goes into, one input `mark_micro` for each of its months."""
