"""
Every published case of the model, compared as its page says.

A tolerance applies to the field of its name, `*` to all; a field without one must be equal to
the digits shown. The cases are kept beside the checkout; without them this file has nothing to
say and is skipped.
"""

import json
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from exchange.collateral.benchmarks import (
    aave_close_factor_ppm,
    aave_health_ppm,
    effective_days,
    normal_tail,
    student_tail,
)
from exchange.collateral.curve import Curve
from exchange.collateral.expected_shortfall import expected_shortfall, strip_factor_e12
from exchange.collateral.glide import glide
from exchange.collateral.haircut import haircut
from exchange.collateral.haircut_lines import Grade, HaircutInputs, Liquidity, Supplier
from exchange.collateral.ladder import ladder, lendable_amount, rungs, sale, waterfall
from exchange.collateral.marks import (
    NS_PER_HOUR,
    IndexQuote,
    MarkInputs,
    MarkLevel,
    PreviousMark,
    RecentAuction,
    RecentTrade,
    mark_node,
)
from exchange.collateral.present_value import (
    Contract,
    arrears_amount,
    discount_factor_e12,
    present_value,
)
from exchange.collateral.rounding import in_model_context, to_integer_up
from exchange.collateral.volatility import ewma_variance
from exchange.domain.units import NS_PER_SECOND

from .first_proposal import PARAMETERS, day

VECTORS = Path(__file__).resolve().parents[3] / "shared/vectors/collateral_vectors.json"
INFORMATION = {"ppm", "float_check", "quantlib_abs_cny"}


def ppm(text):
    """A decimal text as parts per million; the text must fit."""
    return exact(text, 6)


def e12(text):
    """A decimal text as parts per million million; the text must fit."""
    return exact(text, 12)


def exact(text, places):
    """A decimal text as an integer of so many places."""
    scaled = Decimal(text).scaleb(places)
    assert scaled == int(scaled), f"{text} has more than {places} places"
    return int(scaled)


def shown(value, places):
    """An integer of so many places as the text that the cases print."""
    return str(Decimal(value).scaleb(-places))


def pv_case(inputs):
    """Groups of questions about present value: a factor, an annuity, arrears, or a contract."""
    if "d" in inputs:
        return {"df": shown(discount_factor_e12(inputs["d"], ppm(inputs["rate"])), 12)}
    if "n" in inputs:
        days = range(1, inputs["n"] + 1)
        total = sum(discount_factor_e12(distance, ppm(inputs["rate"])) for distance in days)
        return {"annuity": shown(total, 12)}
    valuation_day = day(inputs["valuation"])
    if "pay_dates" in inputs:
        contract = Contract(
            contract_qty=inputs["gpus"],
            start_day=valuation_day + 1,
            end_day=day(inputs["pay_dates"][-1]) + 1,
        )
        parameters = replace(PARAMETERS, rate_ppm=ppm(inputs["rate"]), curve_decline_ppm=0)
        curve = Curve(months=(190001,), marks_micro=(inputs["price_micro"],))
        return {"pv_fen": arrears_amount(contract, curve, valuation_day, parameters)}
    contract = Contract(
        contract_qty=inputs["gpus"],
        start_day=day(inputs["start"]),
        end_day=day(inputs["end"]) + 1,
    )
    nodes = sorted(inputs["price_micro_cny_per_gpu_hour"].items())
    curve = Curve(
        months=tuple(int(month.replace("-", "")) for month, _ in nodes),
        marks_micro=tuple(price for _, price in nodes),
    )
    parameters = replace(
        PARAMETERS,
        rate_ppm=ppm(inputs["rate_annual_eff"]),
        occupancy_ppm=inputs["occupancy_ppm"],
        sla_ppm=inputs["sla_ppm"],
        fee_ppm=inputs["fee_ppm"],
    )
    worth = present_value(contract, curve, valuation_day, parameters)
    months = {
        f"{part.month // 100}-{part.month % 100:02d}": part.pv_amount for part in worth.by_month
    }
    return {
        "pv_fen": worth.pv_amount,
        "nominal_fen": worth.nominal_amount,
        "slices": worth.slices_count,
        "wal_days": shown(worth.wal_days_ppm(), 6),
        "pv_by_month_fen": months,
    }


def mark_case(inputs):
    """One node, one moment."""
    parties = dict(zip("abcdefghijklmnopqrstuvwxyz", count(1), strict=False))
    trades = [
        RecentTrade(
            price_micro=trade["px"],
            traded_hours=trade["qty"],
            age_ns=trade["age_s"] * NS_PER_SECOND,
            buyer_id=parties[trade["pair"][0]],
            seller_id=parties[trade["pair"][-1]],
            is_affiliated=trade.get("affiliated", False),
        )
        for trade in inputs.get("trades", [])
    ]
    auction = inputs.get("auction")
    index = inputs.get("index")
    previous_micro = inputs.get("prev_px")
    mark = mark_node(
        MarkInputs(
            month=202701,
            trades=tuple(trades),
            auction=auction
            and RecentAuction(
                price_micro=auction["px"],
                matched_hours=auction["qty"],
                age_ns=auction["age_h"] * NS_PER_HOUR,
            ),
            bid_micro=inputs.get("bid") or 0,
            ask_micro=inputs.get("ask") or 0,
            index=index
            and IndexQuote(
                index_micro=index["px"],
                basis_e12=e12(index["basis"]),
                age_days_count=index["age_bd"],
            ),
            previous=previous_micro
            and PreviousMark(
                mark_micro=previous_micro, age_days_count=inputs.get("prev_age_d") or 0
            ),
        ),
        PARAMETERS,
    )
    return {
        "px": mark.mark_micro or None,
        "level": int(mark.level) or None,
        "notes": [str(note) for note in mark.notes],
    }


@in_model_context
def es_case(inputs):
    """Parts of the volatility model and the textbook figures beside it."""
    if "position" in inputs:
        position = inputs["position"] * Decimal(inputs["vol_annual"])
        position /= Decimal(inputs["days"]).sqrt()
        normal, student = (tail(Decimal(inputs["alpha"])) for tail in (normal_tail, student_tail))
        return {
            "VaR_norm": position * normal.value_at_risk,
            "VaR_t4": position * student.value_at_risk,
            "ES_norm": position * normal.expected_shortfall,
            "ES_t4": position * student.expected_shortfall,
        }
    if "lambdas" in inputs:
        tolerance = Decimal(inputs["tol"])
        return {"days": [effective_days(Decimal(text), tolerance) for text in inputs["lambdas"]]}
    if "returns" in inputs:
        parameters = replace(PARAMETERS, ewma_decay_ppm=ppm(inputs["lambda_"]))
        variance = Decimal(inputs["s2_0"])
        for text, days in inputs["returns"]:
            variance = ewma_variance(variance, Decimal(text), days, parameters)
        return {
            "s2": f"{variance:.15f}",
            "sigma": variance.sqrt(),
        }
    if "months" in inputs:
        middles = [(2 * month + 1, 1) for month in range(inputs["months"])]
        parameters = replace(PARAMETERS, kappa_e12=e12(inputs["kappa"]))
        return {"S": shown(strip_factor_e12(middles, 24, parameters), 12)}
    shortfall = expected_shortfall(
        Decimal(inputs["sigma"]),
        Decimal(inputs["S"]),
        Decimal(inputs["h"]),
        replace(PARAMETERS, variance_ratio_ppm=ppm(inputs["vr"])),
    )
    return {"es": shortfall, "es_ppm": to_integer_up(shortfall, 1_000_000)}


def haircut_case(inputs):
    """A whole haircut, down to the sentence and what it lends."""
    result = haircut(
        HaircutInputs(
            sigma_ewma_e12=e12(inputs["sig_ewma"]),
            sigma_stress_e12=e12(inputs["sig_stress"]),
            sigma_long_e12=e12(inputs["sig_long"]),
            strip_factor_e12=e12(inputs["S"]),
            historical_es_e12=e12(inputs.get("hist_es") or "0"),
            wal_years_e12=e12(inputs["wal_years"]),
            liquidity=Liquidity(
                position_hours=int(inputs["q_value"]),
                adv_hours=int(inputs["adv"]),
                half_spread_ppm=inputs["half_spread_ppm"],
            ),
            supplier=Supplier(
                grade=Grade[inputs["grade"]],
                pool_share_ppm=ppm(inputs["pool_share"]),
                uptime_ppm=ppm(inputs["uptime"]),
                is_affiliated=inputs.get("affiliated", False),
            ),
            level=MarkLevel(inputs["level"]),
            age_days_count=inputs.get("age_bd") or 0,
            ruled_ppm=inputs.get("dispute_ppm") or 0,
            is_halted=inputs.get("halt", False),
        ),
        replace(PARAMETERS, variance_ratio_ppm=ppm(inputs["vr"])),
    )
    return {
        "es_ppm": result.es_ppm,
        "dtl_days": shown(result.days_to_liquidate_ppm, 6),
        "h_eff": shown(result.holding_days_ppm, 6),
        "phi": shown(result.apc_release_ppm, 6),
        "lines": dict(result.lines.named()),
        "haircut_ppm": result.haircut_ppm,
        "ltv_raw_ppm": result.ltv_raw_ppm,
        "regime": str(result.regime),
        "ltv_ppm": result.ltv_ppm,
        "floor_applied": result.is_floor_applied,
        "explain": result.sentence(),
        "lendable_fen_on_CNY_66000000.00": lendable_amount(6_600_000_000, result.ltv_ppm),
    }


def ladder_case(inputs):
    """Where a loan stands."""
    stand = ladder(
        inputs["loan_fen"],
        inputs["value_fen"],
        inputs["advance_ppm"],
        replace(PARAMETERS, minimum_call_amount=inputs["mta_fen"]),
        is_cure_expired=inputs["cure_expired"],
    )
    return {
        "ltv_ppm": stand.ltv_ppm,
        "mc_ppm": stand.rungs.margin_call_ppm,
        "lt_ppm": stand.rungs.liquidation_ppm,
        "status": str(stand.status),
        "call_cash_fen": stand.call_cash_amount,
        "call_collateral_fen": stand.call_collateral_amount,
    }


def liq_case(inputs):
    """A waterfall, another protocol's health factor, or one round of a sale."""
    if "proceeds" in inputs:
        paid = waterfall(
            *(inputs[name] for name in ("proceeds", "cost", "interest", "principal", "fee"))
        )
        return {
            "auction_costs": paid.costs_amount,
            "accrued_interest": paid.interest_amount,
            "principal": paid.principal_amount,
            "exchange_fee": paid.fee_amount,
            "surplus_to_borrower": paid.surplus_amount,
            "shortfall": paid.shortfall_amount,
        }
    if "collateral" in inputs:
        health_ppm = aave_health_ppm(
            [(amount, ppm(threshold)) for amount, threshold in inputs["collateral"]],
            inputs["debt"],
        )
        factor = Decimal(aave_close_factor_ppm(health_ppm)) / 1_000_000
        return {
            "health_factor": shown(health_ppm, 6),
            "liquidatable": health_ppm < 1_000_000,
            "close_factor": str(factor),
        }
    assert rungs(inputs["target_ppm"], PARAMETERS).liquidation_ppm == inputs["lt_ppm"]
    result = sale(
        inputs["loan_fen"],
        inputs["value_fen"],
        inputs["target_ppm"],
        inputs["cost_ppm"],
        replace(PARAMETERS, close_factor_ppm=inputs["close_factor_ppm"]),
    )
    return {
        "sell_fen": result.sell_amount,
        "mode": str(result.mode),
        "repaid_fen": result.repaid_amount,
        "loan_after": result.loan_after_amount,
        "value_after": result.value_after_amount,
        "surplus_fen": result.surplus_amount,
    }


def glide_case(inputs):
    """One marking day of a drawn loan's haircut."""
    parameters = replace(
        PARAMETERS, glide_up_ppm=inputs["up_ppm"], glide_down_ppm=inputs["down_ppm"]
    )
    return {"next_ppm": glide(inputs["prev_ppm"], inputs["target_ppm"], parameters)}


GROUPS = {
    "PV": pv_case,
    "MARK": mark_case,
    "ES": es_case,
    "HAIRCUT": haircut_case,
    "GLIDE": glide_case,
    "LADDER": ladder_case,
    "LIQ": liq_case,
}
PUBLISHED = json.loads(VECTORS.read_text()) if VECTORS.exists() else {"cases": [], "params": {}}
CASES = [case for case in PUBLISHED["cases"] if case["group"] in GROUPS]


@pytest.mark.skipif(not CASES, reason=f"the published cases are not at {VECTORS}")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_published_case_is_reproduced(case):
    got = GROUPS[case["group"]](case["inputs"])
    tolerances = {
        name: Decimal(str(bound))
        for name, bound in case.get("tolerance", {}).items()
        if name not in INFORMATION
    }
    for name, expected in case["expected"].items():
        tolerance = tolerances.get(name, tolerances.get("*"))
        if tolerance is None or isinstance(expected, dict | bool):
            assert got[name] == expected, name
        elif isinstance(expected, list):
            for ours, theirs in zip(got[name], expected, strict=True):
                assert abs(Decimal(ours) - Decimal(str(theirs))) <= tolerance, name
        elif tolerance == 0:
            assert got[name] == expected, name
        else:
            assert abs(Decimal(got[name]) - Decimal(str(expected))) <= tolerance, name


@pytest.mark.skipif(not CASES, reason=f"the published cases are not at {VECTORS}")
def test_the_first_proposal_has_the_published_parameters():
    params = PUBLISHED["params"]
    for name, field, places in (
        ("sig_floor", "sigma_floor_e12", 12),
        ("K", "tail_multiplier_e12", 12),
        ("kappa", "kappa_e12", 12),
        ("w_stress", "stress_weight_ppm", 6),
        ("lam", "ewma_decay_ppm", 6),
        ("phi_lo", "apc_low_ppm", 6),
        ("phi_hi", "apc_high_ppm", 6),
        ("apc", "apc_ppm", 6),
        ("Y", "impact_ppm", 6),
        ("part", "participation_ppm", 6),
        ("lam_gen", "generation_rate_ppm", 6),
        ("J", "generation_loss_ppm", 6),
        ("wal0", "tenor_free_years_ppm", 6),
        ("kc", "concentration_slope_ppm", 6),
        ("c0", "concentration_free_ppm", 6),
        ("lgd", "loss_given_default_ppm", 6),
        ("mu", "wrong_way_ppm", 6),
        ("sla_t", "uptime_target_ppm", 6),
        ("sla_k", "uptime_slope_ppm", 6),
        ("B", "base_ppm", 0),
        ("a_vol", "vol_allowance_ppm", 0),
        ("nu", "tail_degrees_count", 0),
        ("h0", "holding_days_count", 0),
        ("liq_cap", "liquidity_cap_ppm", 0),
        ("ten_cap", "tenor_cap_ppm", 0),
        ("conc_cap", "concentration_cap_ppm", 0),
        ("aff", "affiliated_ppm", 0),
        ("sla_cap", "uptime_cap_ppm", 0),
        ("ltv_lo", "ltv_floor_ppm", 0),
        ("ltv_hi", "ltv_cap_ppm", 0),
        ("mc", "margin_call_ppm", 0),
        ("lt", "liquidation_ppm", 0),
        ("lt_cap", "liquidation_cap_ppm", 0),
        ("es_stress", "stress_es_ppm", 0),
        ("floor_absorb", "floor_absorbs_ppm", 0),
    ):
        assert getattr(PARAMETERS, field) == exact(params[name], places), name
    for grade, probability in params["pd"].items():
        assert getattr(PARAMETERS, f"default_{grade.lower()}_ppm") == ppm(probability)
    for level, level_ppm in params["lvl"].items():
        assert getattr(PARAMETERS, f"level_{level}_ppm") == int(level_ppm)
