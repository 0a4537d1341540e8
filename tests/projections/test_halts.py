"""A mark's halt names the records that stopped the window or its supplier, as of any record."""

import pytest

from exchange.domain.commands import HaltInstrument, ResumeInstrument
from exchange.domain.delivery_commands import (
    ReinstateSupplier,
    SuspendSupplier,
    TerminateSupplier,
)
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.record import Record, decode_body
from exchange.projections import Projections
from exchange.projections.mark_explanation import explanation
from tests.rules.pledge_marks import MarkedMarket
from tests.scenario import BANK, SUPPLIER


@pytest.fixture
def market() -> MarkedMarket:
    """February is pledged."""
    market = MarkedMarket()
    market.pledge("M2702")
    market.cycle()
    return market


def explained(market: MarkedMarket, is_restored: bool = False) -> dict[int, set[int]]:
    """Of each mark by its record: whether it is halted, and the records that are named for it."""
    projections = Projections()
    for seq, body in enumerate(market.records, start=1):
        projections.apply(Record(seq, 0, *decode_body(body)))
    if is_restored:
        projections = Projections.restore(projections.checkpoint())
    request = projections.pledges.pledges[1].request
    found = {}
    for mark in projections.collateral_marks.history(1):
        told = explanation(request, mark, projections, BANK)
        (line,) = [each for each in told.lines if each.name == "ltv_ppm"]
        parameters_seq, _ = projections.marks.parameters_of(mark.event.parameters_version)
        named = set(line.source_seqs) - {parameters_seq}
        assert bool(named) == bool(line.inputs["is_halted"])
        assert told.is_reproduced
        found[mark.seq] = named
    return found


@pytest.mark.parametrize("is_restored", [False, True])
def test_the_halt_of_a_window_that_overlaps_is_named_while_it_stands(market, is_restored):
    elsewhere = market.do(1, HaltInstrument(instrument_id=market.months[2])).seq
    halted = market.do(1, HaltInstrument(instrument_id=market.months[1])).seq
    market.cycle()
    during = max(explained(market))
    market.do(1, ResumeInstrument(instrument_id=market.months[1]))
    market.cycle()
    again = market.do(1, HaltInstrument(instrument_id=market.months[1])).seq
    market.cycle()
    marks = explained(market, is_restored)
    assert list(marks.values())[-3:] == [{halted}, set(), {again}]
    assert marks[during] == {halted}, "as of then, for ever"
    assert elsewhere not in set().union(*marks.values())


def test_a_stopped_supplier_is_named_until_it_is_reinstated(market):
    suspended = market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER)).seq
    market.cycle()
    market.do(1, ReinstateSupplier(supplier_account_id=SUPPLIER))
    market.cycle()
    assert list(explained(market).values())[-2:] == [{suspended}, set()]


def test_a_supplier_that_was_ended_after_it_was_stopped_is_named_by_both(market):
    suspended = market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER)).seq
    market.cycle()
    ended = market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER)).seq
    market.do(0, MarkPledges())
    market.do(0, MarkPledges())
    assert list(explained(market).values())[-1] == {suspended, ended}


def test_a_window_and_a_supplier_may_stand_still_together(market):
    halted = market.do(1, HaltInstrument(instrument_id=market.months[1])).seq
    suspended = market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER)).seq
    market.cycle()
    assert list(explained(market).values())[-1] == {halted, suspended}
