"""What scenarios leave of a loan's cover."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange.collateral.curve import Curve, moved
from exchange.collateral.ladder import lendable_amount
from exchange.collateral.runway import Loan
from exchange.collateral.stress import (
    SCENARIOS,
    Scenario,
    shocked,
    stress,
    stressed,
    supplier_fails,
)
from exchange.collateral.valuation import value_contract
from exchange.domain.enums import LadderStatus

from .first_proposal import PARAMETERS
from .test_valuation import INPUTS

CURVE = Curve(
    months=tuple(range(202501, 202513)),
    marks_micro=tuple(8_000_000 - 90_000 * m for m in range(12)),
)
FAILING = 3
ON_CURVE = replace(INPUTS, curve=CURVE, supplier=replace(INPUTS.supplier, account_id=FAILING))
MARK = value_contract(ON_CURVE, PARAMETERS)
LOAN = Loan(
    loan_amount=MARK.lendable_amount, drawn_ltv_ppm=MARK.haircut.ltv_ppm, interest_ppm=50_000
)
falls = st.integers(-990_000, 0)


def after(**shock: object):
    return stressed(LOAN, [ON_CURVE], Scenario(name="it", **shock), PARAMETERS)


def test_without_a_shock_a_loan_is_where_it_was():
    found = after()
    assert (found.value_amount, found.lendable_amount) == (MARK.value_amount, MARK.lendable_amount)
    assert (found.status, found.call_cash_amount, found.shortfall_amount) == (
        LadderStatus.OK, 0, 0,
    )  # fmt: skip


def test_deeper_falls_climb_the_ladder_step_by_step():
    rising = [after(move_ppm=-move).status for move in (0, 50_000, 150_000, 250_000)]
    assert rising == list(LadderStatus)


def test_a_fall_of_half_leaves_a_shortfall_even_after_selling_everything():
    found = after(move_ppm=-500_000)
    cost_ppm = MARK.haircut.lines.liquidity_ppm
    proceeds_amount = found.value_amount * (1_000_000 - cost_ppm) // 1_000_000
    assert found.shortfall_amount == LOAN.loan_amount - proceeds_amount > 0
    assert found.call_cash_amount == LOAN.loan_amount - lendable_amount(
        found.value_amount, LOAN.drawn_ltv_ppm
    )


def test_a_new_generation_takes_a_fifth_and_two_take_a_fifth_of_the_rest():
    assert moved(CURVE, 0, generations_count=1, loss_ppm=200_000) == moved(CURVE, -200_000)
    assert moved(CURVE, 0, generations_count=2, loss_ppm=200_000) == moved(CURVE, -360_000)
    assert after(generations_count=1).value_amount == after(move_ppm=-200_000).value_amount


def test_a_twist_leaves_the_month_of_the_valuation_and_takes_most_from_the_last():
    twisted = moved(CURVE, 0, later_ppm=-20_000, this_month=202501)
    assert twisted.marks_micro[0] == CURVE.marks_micro[0]
    assert twisted.marks_micro[11] * 100 == CURVE.marks_micro[11] * (100 - 2 * 11)
    assert (
        after(later_ppm=-20_000).value_amount < MARK.value_amount < after(later_ppm=1).value_amount
    )


def test_a_twist_prices_a_month_alike_in_every_contract_that_holds_it():
    """A contract that begins later has a shorter curve, and the same month of it the same price."""
    later = Curve(months=CURVE.months[3:], marks_micro=CURVE.marks_micro[3:])
    twist = Scenario(name="it", later_ppm=-20_000)
    whole, part = (
        shocked(replace(ON_CURVE, curve=each), twist, PARAMETERS).curve for each in (CURVE, later)
    )
    assert part.marks_micro == whole.marks_micro[3:]
    assert part.marks_micro[0] * 100 == later.marks_micro[0] * (100 - 2 * 4)


def test_a_twist_leaves_months_that_are_over_where_they_were():
    """A contract under way still has the marks of months before the valuation's."""
    twisted = moved(CURVE, 0, later_ppm=-20_000, this_month=202504)
    assert twisted.marks_micro[:4] == CURVE.marks_micro[:4]
    assert twisted.marks_micro[4] * 100 == CURVE.marks_micro[4] * 98


def test_a_failed_supplier_leaves_what_its_default_leaves_and_takes_the_floor_away():
    found = after(failed_supplier_account_id=FAILING)
    assert found.value_amount == MARK.value_amount * 400_000 // 1_000_000
    assert found.status is LadderStatus.LIQUIDATE
    assert found.lendable_amount < lendable_amount(found.value_amount, 600_000)


def test_a_supplier_that_fails_takes_no_other_s_contracts_with_it():
    others = replace(ON_CURVE, supplier=replace(ON_CURVE.supplier, account_id=FAILING + 1))
    fails = supplier_fails(FAILING)
    assert fails.name == "supplier 3 fails"
    found = stressed(LOAN, [ON_CURVE, others, INPUTS], fails, PARAMETERS)
    alone = stressed(LOAN, [ON_CURVE], fails, PARAMETERS)
    standing = stressed(LOAN, [others, INPUTS], Scenario(name="as it is"), PARAMETERS)
    assert found.value_amount == alone.value_amount + standing.value_amount
    assert found.lendable_amount == alone.lendable_amount + standing.lendable_amount


def test_a_curve_never_falls_to_nothing():
    assert set(moved(CURVE, -1_000_000).marks_micro) == {1}
    assert set(moved(CURVE, -990_000, later_ppm=-500_000, this_month=202501).marks_micro[1:]) == {1}


def test_every_scenario_of_the_screen_is_answered_in_order():
    found = stress(LOAN, [ON_CURVE], PARAMETERS)
    assert [each.scenario for each in found] == [scenario.name for scenario in SCENARIOS]
    assert all(each.value_amount < found[0].value_amount for each in found[1:])


def test_a_pool_is_the_sum_of_its_contracts():
    other = replace(ON_CURVE, contract=replace(ON_CURVE.contract, contract_qty=77))
    shock = Scenario(name="it", move_ppm=-123_456, later_ppm=-7_890)
    alone = [stressed(LOAN, [each], shock, PARAMETERS) for each in (ON_CURVE, other)]
    both = stressed(LOAN, [ON_CURVE, other], shock, PARAMETERS)
    assert both.value_amount == sum(each.value_amount for each in alone)
    assert both.lendable_amount == sum(each.lendable_amount for each in alone)


@settings(deadline=None, max_examples=30)
@given(falls, st.integers(1_000, 100_000), st.integers(-60_000, 60_000))
def test_a_deeper_fall_never_leaves_more(move_ppm, deeper_ppm, later_ppm):
    shallow = after(move_ppm=move_ppm, later_ppm=later_ppm)
    deep = after(move_ppm=move_ppm - deeper_ppm, later_ppm=later_ppm)
    assert deep.value_amount <= shallow.value_amount
    assert deep.shortfall_amount >= shallow.shortfall_amount
    assert deep.ltv_ppm >= shallow.ltv_ppm


@settings(deadline=None, max_examples=30)
@given(falls, st.integers(-50_000, 0), st.integers(0, 2))
def test_a_failed_supplier_never_leaves_more(move_ppm, later_ppm, generations_count):
    shock = {
        "move_ppm": move_ppm, "later_ppm": later_ppm, "generations_count": generations_count,
    }  # fmt: skip
    failed = after(**shock, failed_supplier_account_id=FAILING)
    standing = after(**shock)
    assert failed.value_amount <= standing.value_amount
    assert failed.lendable_amount <= standing.lendable_amount
    assert failed.shortfall_amount >= standing.shortfall_amount
