"""The checker: what it compares, what it reports, and what it makes of inputs it does not know."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from exchange.cli import app
from exchange.collateral.check import check, decode_cases

from .first_proposal import PARAMETERS

GLIDE: dict[str, Any] = {
    "id": "GLIDE-1",
    "group": "GLIDE",
    "inputs": {"prev_ppm": 350_000, "target_ppm": 360_000, "up_ppm": 20_000, "down_ppm": 5_000},
    "expected": {"next_ppm": 360_000},
}
HAIRCUT: dict[str, Any] = {
    "sig_ewma": "0.012", "sig_stress": "0.018", "sig_long": "0.012", "S": "0.632120558829",
    "vr": "3", "q_value": "10000000", "adv": "20000000", "half_spread_ppm": 10_000,
    "wal_years": "0.25", "pool_share": "0.10", "grade": "A", "uptime": "0.995", "level": 1,
}  # fmt: skip
SALE = {"loan_fen": 7_500, "value_fen": 10_000, "target_ppm": 650_000, "cost_ppm": 50_000}


def differing(
    group: str, inputs: dict[str, Any], expected: dict[str, Any], **rest: Any
) -> list[tuple[str, str, str]]:
    """What one case, written to bytes and read again, finds different."""
    case = {"id": "1", "group": group, "inputs": inputs, "expected": expected, **rest}
    [verdict] = check(decode_cases(msgspec.json.encode({"cases": [case]})), PARAMETERS)
    return [(each.field, each.expected, each.computed) for each in verdict.differences]


def run(tmp_path, content: bytes, *options: str):
    """The shell's command over a file."""
    file = tmp_path / "cases.json"
    file.write_bytes(content)
    return CliRunner().invoke(app, ["collateral", "check", str(file), *options])


# -- the command -----------------------------------------------------------------------------------


def test_all_as_expected_is_counted_by_group_and_exits_0(tmp_path):
    done = run(tmp_path, msgspec.json.encode({"cases": [GLIDE, GLIDE]}), "--json")
    assert done.exit_code == 0
    report = msgspec.json.decode(done.stdout)
    assert report == {"groups": {"GLIDE": {"passed_count": 2, "failed_count": 0}}, "failed": []}


def test_a_wrong_value_is_shown_beside_the_models_and_exits_1(tmp_path):
    wrong = GLIDE | {"id": "GLIDE-2", "expected": {"next_ppm": 360_001}}
    done = run(tmp_path, msgspec.json.encode({"cases": [GLIDE, wrong]}))
    assert done.exit_code == 1
    assert "GLIDE-2 next_ppm: expected 360001, computed 360000" in done.stdout
    assert "GLIDE-1" not in done.stdout


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "malformed_cases"),
        (b"\xff\xfe", "malformed_cases"),
        (b"[]", "malformed_cases"),
        (b"[" * 100_000, "malformed_cases"),
        (b'{"cases": []}', "no case"),
        (b'{"cases": [{"id": "1", "group": "PV", "inputs": {}}]}', "expected"),
        (b'{"cases": [{"id": "1", "group": "PX", "inputs": {}, "expected": {}}]}', "unknown_group"),
        (
            b'{"params": {"B": "x"}, "cases": '
            b'[{"id": "1", "group": "PV", "inputs": {}, "expected": {}}]}',
            "malformed_params",
        ),
    ],
)
def test_a_file_that_is_none_of_cases_is_named_and_exits_2(tmp_path, content, problem):
    done = run(tmp_path, content)
    assert done.exit_code == 2
    assert problem in " ".join(done.stderr.replace("│", " ").split())


def test_constants_that_a_file_states_take_the_place_of_the_signed_ones():
    case = {
        "id": "1",
        "group": "LADDER",
        "inputs": {"loan_fen": 65, "value_fen": 100, "advance_ppm": 650_000},
        "expected": {"mc_ppm": 750_000, "lt_ppm": 800_000},
    }
    file = decode_cases(msgspec.json.encode({"params": {"mc": 100_000}, "cases": [case]}))
    assert [verdict.differences for verdict in check(file, PARAMETERS)] == [()]


# -- what is equal ---------------------------------------------------------------------------------


def test_a_decimal_without_a_tolerance_is_rounded_half_even_to_the_places_shown():
    inputs = {"h": "0.08", "N_R": 5, "T_M": 10, "T_of_h": 10}
    assert differing("HOLD", inputs, {"haircut": "0.0947"}) == []
    assert [field for field, _, _ in differing("HOLD", inputs, {"haircut": "0.0946"})] == [
        "haircut"
    ]


def test_a_tolerance_holds_up_to_its_bound_and_no_further():
    inputs = {"market_value": 1000, "haircut": "0.10"}
    for_all = {"tolerance": {"*": 0.5}}
    assert differing("HOLD", inputs, {"plain": "900.5"}, **for_all) == []
    assert len(differing("HOLD", inputs, {"plain": "900.51"}, **for_all)) == 1
    assert len(differing("HOLD", inputs, {"plain": "900.5"}, tolerance={"theoretical": 1})) == 1


def test_the_tolerances_that_are_information_loosen_nothing():
    assert len(differing("HOLD", {"h": "0.1", "T_of_h": 10, "T_M": 10}, {"ppm": 1})) == 1
    loose = {"ppm": 10**9}
    found = differing("HOLD", {"h": "0.1", "T_of_h": 10, "T_M": 10}, {"ppm": 1}, tolerance=loose)
    assert len(found) == 1


def test_one_wrong_member_of_an_object_is_named_by_its_path():
    lines = {"base": 300_000, "vol": 8_360, "apc_buffer": 32_091, "liquidity": 14_828}
    lines |= {"supplier_wrong_way": 900}
    assert differing("HAIRCUT", HAIRCUT, {"lines": lines}) == [("lines.vol", "8360", "8361")]


def test_yes_is_not_one_and_null_is_not_nothing():
    assert differing("HAIRCUT", HAIRCUT, {"floor_applied": 0}) == [("floor_applied", "0", "False")]
    assert differing("MARK", {}, {"px": 0}) == [("px", "0", "null")]
    assert differing("MARK", {}, {"px": None, "level": None, "notes": ["UNMARKABLE"]}) == []


def test_a_field_that_is_not_computed_differs():
    assert differing("GLIDE", GLIDE["inputs"], {"other_ppm": 1}) == [
        ("other_ppm", "1", "not computed")
    ]


# -- inputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "inputs", "problem"),
    [
        ("GLIDE", {"prev_ppm": 1}, "target_ppm"),
        ("GLIDE", {"prev_ppm": "much", "target_ppm": 1}, "prev_ppm 'much' is no number"),
        ("GLIDE", {"prev_ppm": "0.5", "target_ppm": 1}, "prev_ppm 0.5 is not whole"),
        ("PV", {"valuation": "2025-01-01"}, "price_micro"),
        ("PV", {"rate": "0.06", "price_micro": 1, "valuation": "May", "pay_dates": []}, "May"),
        ("MARK", {"trades": [{"px": 1, "qty": 1, "age_s": 1, "pair": "ab"}]}, "a-b"),
        ("HAIRCUT", HAIRCUT | {"grade": "F"}, "grade 'F'"),
        ("HAIRCUT", HAIRCUT | {"level": 8}, "8 is not a valid MarkLevel"),
        ("CORPUS", {"unit_price_fen_x100": 1, "volume": 1, "freq": "often"}, "freq 'often'"),
        ("ES", {"alpha": "0.95", "nu": 2}, "nu 2 is under 3"),
        ("LIQ", {"collateral": [[1]], "debt": 1}, "no pair"),
        ("LEASE", {"p0_fen": True, "delta": "0.3", "days": 1}, "p0_fen True is no number"),
    ],
)
def test_a_case_that_is_not_understood_fails_alone_and_says_why(group, inputs, problem):
    [(field, _, computed)] = differing(group, inputs, {"x": 1})
    assert field == "inputs"
    assert problem in computed


def test_parties_may_have_names_and_a_pair_is_one_whoever_bought():
    trades = [
        {"px": 8_000_000, "qty": 1_000, "age_s": 3, "pair": "north-south"},
        {"px": 8_000_000, "qty": 1_000, "age_s": 2, "pair": "south-north"},
        {"px": 8_000_000, "qty": 1_000, "age_s": 1, "pair": "north-south"},
    ]
    assert differing("MARK", {"trades": trades}, {"level": 3}) == []
    trades[1]["pair"] = "east-west"
    assert differing("MARK", {"trades": trades}, {"level": 1}) == []


@pytest.mark.parametrize("curve", [7_950_000, "7950000", {"px": 7_950_000}])
def test_a_price_that_the_curve_gave_is_taken_as_it_is(curve):
    assert differing("MARK", {"curve": curve}, {"px": 7_950_000, "level": 5, "notes": []}) == []


@pytest.mark.parametrize(
    "curve", [[[-1, 4_000_000], [1, 9_000_000]], {"-2": 4_000_000, "2": 9_000_000}]
)
def test_between_two_months_the_curve_is_log_linear(curve):
    assert differing("MARK", {"curve": curve}, {"px": 6_000_000, "level": 5}) == []
    [(field, _, computed)] = differing("MARK", {"curve": [[1]]}, {"px": 1})
    assert (field, "no pair" in computed) == ("inputs", True)


def test_any_value_may_be_asked_what_it_lends():
    assert differing("HAIRCUT", HAIRCUT, {"lendable_fen_on_CNY_1000.00": 64_382}) == []
    assert differing("HAIRCUT", HAIRCUT, {"lendable_fen_on_CNY_0.01": 0}) == []


def test_position_and_volume_may_have_fen():
    inputs = HAIRCUT | {"q_value": "10000000.00", "adv": "20000000.00"}
    assert differing("HAIRCUT", inputs, {"dtl_days": "2.500000", "haircut_ppm": 356_180}) == []


def test_a_rung_of_liquidation_that_does_not_hang_at_fifteen_points_is_used_as_given():
    far = {"close_factor_ppm": 100_000, "lt_ppm": 700_000}
    assert differing("LIQ", SALE | far, {"sell_fen": 3_334, "mode": "PARTIAL"}) == []
    near = far | {"lt_ppm": 700_001}
    assert differing("LIQ", SALE | near, {"sell_fen": 1_000, "mode": "PARTIAL"}) == []


def test_rent_in_arrears_is_discounted_from_the_dates_that_are_given():
    inputs = {"gpus": 1, "price_micro": 10**7, "rate": "0.06", "valuation": "2024-12-31"}
    month_ends = {"pay_dates": ["2025-01-31", "2025-02-28"]}
    at_month_ends = int(differing("PV", inputs | month_ends, {"pv_fen": 0})[0][2])
    later = {"start": "2025-01-01", "end": "2025-02-28", "pay_dates": ["2025-02-10", "2025-03-10"]}
    assert int(differing("PV", inputs | later, {"pv_fen": 0})[0][2]) < at_month_ends


def test_a_month_without_a_price_is_on_the_curve_between_the_others():
    inputs = {
        "gpus": 1,
        "start": "2025-02-01",
        "end": "2025-02-28",
        "valuation": "2025-01-31",
        "rate_annual_eff": "0",
        "price_micro_cny_per_gpu_hour": {"2025-01": 4_000_000, "2025-03": 9_000_000},
    }
    assert differing("PV", inputs, {"pv_fen": 24 * 28 * 600, "slices": 28}) == []


@pytest.mark.parametrize("word", ["half-year", "half_yearly", "semi-annual", "Half Year"])
def test_a_renewal_may_be_written_in_several_ways(word):
    inputs = {"unit_price_fen_x100": 24_000, "volume": 5_000_000, "freq": word}
    assert differing("CORPUS", inputs, {"value_fen": 960_000_000}) == []


def test_a_case_that_names_no_note_is_about_the_one_its_payments_repay():
    inputs = {"rent_fen": 374_023_963, "due_fen": 261_816_774}
    assert differing("CRT", inputs, {"oc_ppm": 1_428_571, "irr": "0.09000000"}) == []


def test_level_rents_are_worth_a_pool_that_carries_a_note():
    expected = {"pool_fen": 42_857_142_857, "note_fen": 29_999_999_999}
    assert differing("CRT", {"rent_fen": 3_740_239_629}, expected) == []
    halved = {"rent_fen": 3_740_239_629, "advance_ppm": 350_000, "rate": "0"}
    assert differing("CRT", halved, {"note_fen": 15_709_006_441}) == []


def test_one_unit_of_risk_may_be_asked_without_a_position():
    assert differing("ES", {"alpha": "0.975", "nu": 4}, {"K": "2.823871251815"}) == []
    assert differing("ES", {"alpha": "0.975"}, {"VaR": "1.959964", "ES": "2.337803"}) == []
    assert differing("ES", {"alpha": "0.99", "nu": 3}, {"VaR_t3": "2.621576"}) == []


def test_rents_that_fall_far_short_are_a_default_with_a_loss():
    inputs = {"rent_fen": 3_740_239_629, "shortfall_ppm": 400_000, "due_fen": 2_618_167_740}
    expected = {"dscr_ppm": 857_142, "trigger": "DEFAULT", "paid_total_fen": 12 * 2_244_143_777}
    assert differing("CRT", inputs, expected) == []
    [(_, _, irr)] = differing("CRT", inputs, {"irr": "9"})
    assert Decimal(irr) < 0
