"""What of the log enters a collateral mark, and what becomes of it."""

import pickle

import pytest

from exchange import genesis
from exchange.collateral.marks import MarkLevel
from exchange.domain.enums import Role
from exchange.domain.events import (
    ClockAdvanced,
    NodeMarked,
    ParticipantAdmitted,
    RiskParametersPublished,
)
from exchange.domain.windows import parse_window, start_ns
from exchange.projections import Projections
from exchange.projections.collateral import Collateral, jobs_as_of, value_all
from tests.projections.records import FIRST_DAY, SUPPLIER, TRADER, Tape, admitted, product, venue


def node(month: int, mark_micro: int, level: int, observed_day: int = FIRST_DAY) -> NodeMarked:
    """A month's mark."""
    return NodeMarked(
        gpu_class="A100",
        region="SG",
        month=month,
        mark_micro=mark_micro,
        raw_micro=mark_micro,
        level=level,
        notes=[],
        bid_micro=0,
        ask_micro=0,
        adv_hours=0,
        observed_day=observed_day,
    )


def market(*marks: NodeMarked) -> Tape:
    """A venue with one product and these marks, in record 6."""
    tape = Tape(Projections())
    tape.add(venue())
    tape.add(RiskParametersPublished(version=1, risk_parameters=genesis.risk_parameters()))
    tape.add(admitted(SUPPLIER, Role.SUPPLIER))
    tape.add(admitted(TRADER, Role.TRADER))
    tape.add(product())
    tape.add(*marks)
    return tape


def held(code: str, account_id: int = TRADER) -> Collateral:
    """Ten GPUs over a window."""
    window = parse_window(code)
    return Collateral(
        product=product(),
        start_day=window.start_day,
        end_day=window.end_day,
        collateral_qty=10,
        account_id=account_id,
    )


def job(tape: Tape, collateral: Collateral, seq: int = 99):
    """The one valuation to do."""
    projections = tape.projection
    (found,) = jobs_as_of(seq, [collateral], projections.marks, projections.participants)
    return found


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("M2702", MarkLevel.TRADES),
        ("Q271", MarkLevel.INDEX),
        ("M2703", MarkLevel.CURVE),
        ("M2704", MarkLevel.INDEX),
        ("M2705", MarkLevel.INDEX),
    ],
)
def test_the_worst_source_of_the_window_counts(code, level):
    tape = market(node(202701, 8, 6), node(202702, 9, 1), node(202704, 10, 6))
    assert job(tape, held(code)).inputs.level is level


def test_a_month_beyond_the_marked_ones_is_no_better_than_the_curve():
    tape = market(node(202701, 8_000_000, 1))
    found = job(tape, held("M2703"))
    assert found.inputs.level is MarkLevel.CURVE
    (mark,) = value_all(99, [found])
    assert mark.months[0].forward_micro == round(8_000_000 * 0.985**2)


def test_an_unmarkable_month_lends_nothing():
    tape = market(node(202701, 8_000_000, 1), node(202702, 0, 0))
    (mark,) = value_all(99, [job(tape, held("Q271"))])
    assert (mark.level, mark.value_amount, mark.lendable_amount) == (0, 0, 0)
    assert mark.haircut_lines["base_ppm"] == 300_000


def test_without_any_mark_there_is_no_value():
    (mark,) = value_all(99, [job(market(), held("M2701"))])
    assert (mark.level, mark.value_amount) == (0, 0)


def test_what_is_delivered_is_worth_nothing():
    tape = market(node(202701, 8_000_000, 1), node(202703, 8_000_000, 1))
    tape.add(ClockAdvanced(market_ns=start_ns(parse_window("M2702").start_day)))
    (mark,) = value_all(99, [job(tape, held("M2701"))])
    assert (mark.value_amount, mark.lendable_amount, mark.months) == (0, 0, [])


def test_a_decayed_mark_knows_its_age():
    tape = market(node(202701, 8_000_000, 7, FIRST_DAY - 9))
    assert job(tape, held("M2701")).inputs.age_days_count == 9


def test_a_supplier_without_a_grade_counts_as_the_worst_and_its_house_as_affiliated():
    tape = market(node(202701, 8_000_000, 1))
    stranger, house = job(tape, held("M2701")), job(tape, held("M2701", SUPPLIER))
    assert stranger.inputs.supplier.grade == 5
    assert not stranger.inputs.supplier.is_affiliated
    assert house.inputs.supplier.is_affiliated


def test_affiliation_is_found_through_a_third_account():
    tape = market(node(202701, 8_000_000, 1))
    tape.add(
        ParticipantAdmitted(
            account_id=9,
            name="sister",
            roles=[Role.TRADER],
            affiliate_ids=[SUPPLIER],
            proposer_account_id=1,
            is_confirmed=True,
        )
    )
    assert job(tape, held("M2701", 9)).inputs.supplier.is_affiliated


def test_before_the_first_parameters_nothing_is_valued():
    tape = market()
    projections = tape.projection
    assert jobs_as_of(1, [held("M2701")], projections.marks, projections.participants) == []


def test_a_valuation_travels_to_another_process_and_back():
    found = job(market(node(202701, 8_000_000, 1)), held("M2701"))
    assert pickle.loads(pickle.dumps(found)) == found
    (mark,) = value_all(6, [found])
    assert pickle.loads(pickle.dumps(mark)) == mark
    assert sum(mark.haircut_lines.values()) == mark.haircut_ppm
