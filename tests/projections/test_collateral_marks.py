"""Marks as the read models keep them, and as the log alone gives them again."""

import json
import time

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.pledge_marks import figures_of, priced, sources_of
from exchange.domain.commands import HaltInstrument, PublishMarks, RequestPledge, ResumeInstrument
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.delivery_events import DeliveryReported
from exchange.domain.enums import PledgeStatus
from exchange.domain.events import NodeMarked, PledgeRequested
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import Record, decode_body
from exchange.domain.windows import start_ns
from exchange.marks_replay import MarkDiffers, MarksReplay
from exchange.projections import Projections
from exchange.projections.collateral import marks_seen
from exchange.projections.held_window import held_view
from exchange.projections.pledges import Pledge, Pledges, PledgesState
from exchange.rules.delivery import dispute_due_ns
from tests.rules.markets import OtherMarket, cross, own, span
from tests.rules.pledge_marks import MarkedMarket
from tests.scenario import BANK, FIRST_DAY, OTHER, SUPPLIER, TRADER, Market


@pytest.fixture(scope="module")
def market() -> MarkedMarket:
    """Two pledges over three days of marks."""
    market = MarkedMarket()
    market.pledge("M2702")
    market.pledge("X270105-270320", 7)
    for _ in range(3):
        market.tomorrow()
        market.cycle()
    return market


def records_of(market: Market) -> list[Record]:
    """Decoded, without market time."""
    return [
        Record(seq, 0, *decode_body(encoded)) for seq, encoded in enumerate(market.records, start=1)
    ]


def replayed(records: list[Record]) -> MarksReplay:
    """All of them taken."""
    replay = MarksReplay()
    for record in records:
        replay.take(record)
    return replay


def test_every_moment_answers_the_same_from_the_whole_log_and_from_the_part_before_it(market):
    records = records_of(market)
    whole = replayed(records)
    for seq in range(len(records) - 25, len(records) + 1, 4):
        assert replayed(records[:seq]).answer(seq, BANK) == whole.answer(seq, BANK)
    assert whole.answer(len(records), OTHER) == b"[]"
    assert whole.answer(len(records), BANK) == whole.answer(len(records))
    to_owner = json.loads(whole.answer(len(records), TRADER))
    to_all = json.loads(whole.answer(len(records)))
    for mark in to_all:
        mark["sha256"] = ""
        del mark["inputs"]["pool_share_ppm"]
    assert to_owner == to_all


def test_a_checkpoint_answers_as_what_it_was_made_of(market):
    projections = Projections()
    for record in records_of(market):
        projections.apply(record)
    again = Projections.restore(projections.checkpoint())
    for seq in (1, len(market.records) - 10, len(market.records)):
        found = [
            marks_seen(seq, BANK, each.pledges, each.collateral_marks)
            for each in (projections, again)
        ]
        assert found[0] == found[1]
    assert again.marks.volatility_of(("A100-80-SXM", "SG", 202701)).observed_count == 4


def test_who_has_no_pledge_does_not_wait_for_those_of_others():
    def request(pledge_id: int) -> PledgeRequested:
        return PledgeRequested(
            pledge_id=pledge_id,
            account_id=TRADER,
            bank_account_id=TRADER if pledge_id == 1 else BANK,
            product_id=1,
            start_day=1,
            end_day=2,
            pledged_qty=1,
            loan_id=0,
        )

    def seconds(account_id: int) -> float:
        begun = time.perf_counter()
        assert len(pledges.live_as_of(20_000, account_id)) == (0 if account_id == OTHER else 20_000)
        return time.perf_counter() - begun

    made = [Pledge(request(n), [(n, PledgeStatus.REQUESTED, 0)]) for n in range(1, 20_001)]
    pledges = Pledges()
    pledges.load(PledgesState(made))
    assert min(seconds(OTHER) for _ in range(3)) < min(seconds(TRADER) for _ in range(3)) / 10
    everybody = pledges.live_as_of(20_000)
    assert everybody == pledges.live_as_of(20_000, TRADER)
    assert everybody[1:] == pledges.live_as_of(20_000, BANK)


def changed(records: list[Record], kind: type, **fields: object) -> list[Record]:
    """The records with fields of the last event of a kind replaced."""
    found = list(records)
    at = max(n for n, r in enumerate(found) if any(isinstance(e, kind) for e in r.events))
    events = [replace(e, **fields) if isinstance(e, kind) else e for e in found[at].events]
    found[at] = replace(found[at], events=events)
    return found


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"value_amount": 1}, "value_amount is recorded as 1"),
        ({"adv_hours": 1}, "es_ppm is recorded as"),
        ({"sigma_ewma_e12": 1}, "comes out as"),
        ({"lendable_amount": 1}, "lendable_amount is recorded as 1"),
    ],
)
def test_a_mark_that_its_figures_do_not_make_is_named(market, fields, named):
    records = changed(records_of(market), PledgeMarked, **fields)
    with pytest.raises(MarkDiffers, match=named):
        replayed(records).answer(len(records))


def test_figures_that_fit_each_other_and_not_the_nodes_are_named(market):
    records = records_of(market)
    last = [e for record in records for e in record.events if isinstance(e, PledgeMarked)][-1]
    lying = replace(figures_of(last), adv_hours=last.adv_hours + 1)
    made = priced(lying, sources_of(last), genesis.risk_parameters())
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    with pytest.raises(MarkDiffers, match="adv_hours is recorded as"):
        replayed(changed(records, PledgeMarked, **fields)).answer(len(records))


def test_a_mark_that_rests_on_another_node_price_is_named(market):
    records = changed(records_of(market), NodeMarked, mark_micro=123)
    with pytest.raises(MarkDiffers, match="mark_differs: pledge"):
        replayed(records).answer(len(records))


def test_a_mark_that_calls_a_trading_day_closed_is_named(market):
    records = records_of(market)
    last = [e for record in records for e in record.events if isinstance(e, PledgeMarked)][-1]
    made = priced(
        replace(figures_of(last), is_trading_day=False), sources_of(last), genesis.risk_parameters()
    )
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    with pytest.raises(MarkDiffers, match="is_trading_day is recorded as False"):
        replayed(changed(records, PledgeMarked, **fields)).answer(len(records))


def test_what_stale_marks_make_is_computed_again_and_another_age_is_named():
    market = OtherMarket()
    market.grant("Y27", 1_000)
    own(market, TRADER, market.list_window("M2701"), 10)
    market.do(0, PublishMarks())
    cross(market, start_ns(FIRST_DAY + 3))
    market.do(0, PublishMarks())
    request = RequestPledge(
        product_id=1, pledged_qty=5, bank_account_id=BANK, **span("X270115-270201")
    )
    market.do(TRADER, request)
    records, last = records_of(market), market.state.pledges[1].mark
    assert (last.level, last.age_days_count) == (7, 3)
    assert replayed(records).answer(len(records), BANK)
    made = priced(
        replace(figures_of(last), age_days_count=2), sources_of(last), genesis.risk_parameters()
    )
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    with pytest.raises(MarkDiffers, match="age_days_count is recorded as 2 and comes out as 3"):
        replayed(changed(records, PledgeMarked, **fields)).answer(len(records))


def test_days_that_nobody_stands_for_are_among_the_sources_of_the_uptime_they_lower():
    market = MarkedMarket()
    market.pledge("M2703")
    first_day = span("M2701")["start_day"]
    market.advance(dispute_due_ns(first_day))
    market.drain()
    (mark,) = market.cycle()
    projections = Projections()
    records = records_of(market)
    for record in records:
        projections.apply(record)
    (report_seq,) = [
        record.seq
        for record in records
        if any(isinstance(e, DeliveryReported) and e.day == first_day for e in record.events)
    ]
    known, seq, due_ns = projections.collateral_marks, len(records), dispute_due_ns(first_day)
    assert known.uptime_seqs(SUPPLIER, seq, due_ns - 1) == []
    assert known.uptime_seqs(SUPPLIER, seq, due_ns) == [report_seq]
    assert known.uptime_seqs(SUPPLIER, report_seq - 1, due_ns) == []
    held = held_view(TRADER, 10, market.state.instruments[market.months[2]], projections)
    assert (held.inputs["uptime_ppm"], held.inputs["unknown_hours"]) == (0, mark.unknown_hours)
    assert (held.spot_month, held.level) == (mark.spot_month, mark.level)
    again = Projections.restore(projections.checkpoint())
    assert again.collateral_marks.uptime_seqs(SUPPLIER, seq, due_ns) == [report_seq]


def test_what_a_held_window_would_lend_goes_on_with_the_recovery_of_what_is_pledged():
    market = MarkedMarket()
    market.pledge("M2703")
    market.do(1, HaltInstrument(instrument_id=market.months[2]))
    market.cycle()
    market.do(1, ResumeInstrument(instrument_id=market.months[2]))
    for _ in range(2):
        market.tomorrow()
        market.cycle()
    projections = Projections()
    for record in records_of(market):
        projections.apply(record)
    for each in (projections, Projections.restore(projections.checkpoint())):
        listed = market.state.instruments[market.months[1]]
        held = held_view(TRADER, 5, listed, each)
        assert (held.regime, held.recovery_days_count) == ("STRESS", 8)
    market.request("M2702", 5)
    first = market.mark(2)
    assert (first.regime, first.recovery_days_count) == ("STRESS", 8)
    assert held.ltv_raw_ppm == first.ltv_raw_ppm + first.lines_ppm[5]


def test_a_held_window_of_a_stopped_supplier_is_marked_as_a_pledge_of_it_is():
    market = MarkedMarket()
    market.pledge("M2703")
    for command in (SuspendSupplier, TerminateSupplier):
        market.do(1, command(supplier_account_id=SUPPLIER))
        market.do(0, MarkPledges())
        market.do(0, MarkPledges())
        projections = Projections()
        for record in records_of(market):
            projections.apply(record)
        held = held_view(TRADER, 10, market.state.instruments[market.months[2]], projections)
        mark, seen = market.mark(), held.inputs
        assert (held.level, held.regime) == (mark.level, "STRESS")
        assert (seen["uptime_ppm"], seen["is_halted"]) == (mark.uptime_ppm, mark.is_halted)
    assert (held.level, held.lendable_amount) == (0, 0)


def test_another_month_s_history_does_not_pass_for_the_spot_s(market):
    records = records_of(market)
    last = [e for record in records for e in record.events if isinstance(e, PledgeMarked)][-1]
    lying = replace(figures_of(last), spot_month=202702, sigma_ewma_e12=1)
    made = priced(lying, replace(sources_of(last), spot_seq=1), genesis.risk_parameters())
    fields = {name: getattr(made, name) for name in made.__struct_fields__}
    with pytest.raises(MarkDiffers, match="spot_month is recorded as 202702"):
        replayed(changed(records, PledgeMarked, **fields)).answer(len(records))
