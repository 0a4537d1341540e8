"""Marks of pledges: where each figure comes from, when a cycle marks anew, and how ratios glide."""

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.pledge_marks import figures_of, priced, sources_of
from exchange.domain.commands import (
    AcceptPledge,
    DeclinePledge,
    DefineProduct,
    HaltInstrument,
    PublishMarks,
    PublishRiskParameters,
    ReleasePledge,
    RequestPledge,
    ResumeInstrument,
)
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import PledgeStatus, ProductKind, Role
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.lending_events import NO_LTV_PPM, PledgeMarked, PledgesMarked
from exchange.domain.meter_readings import HourRuling
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY, PPM_WHOLE
from exchange.domain.windows import day_at, start_ns
from exchange.rules import pledge_marking
from exchange.rules.delivery import dispute_due_ns
from exchange.rules.delivery_state import Standing
from exchange.rules.suppliers import uptime
from exchange.rules.valuation import mark_of
from tests.rules.deliveries import DAY, DeliveryMarket, attest, dispute, report, rule
from tests.rules.markets import OtherMarket, assert_refused, cross, day, mainland, own, span
from tests.rules.pledge_marks import PRICE, MarkedMarket
from tests.rules.test_marks import index
from tests.scenario import AUDITOR, BANK, FIRST_DAY, OTHER, SUPPLIER, TRADER

PARAMETERS = genesis.risk_parameters()
FEBRUARY_HOURS, MONTH_HOURS = 28 * 24, {202701: 744, 202702: 672, 202703: 744}


@pytest.fixture
def market() -> MarkedMarket:
    """Three months traded and quoted, no pledge yet."""
    return MarkedMarket()


# -- figures ---------------------------------------------------------------------------------------


def test_a_request_is_marked_in_its_own_record(market):
    market.request()
    asked, mark = market.events
    assert isinstance(asked, PledgeRequested)
    assert isinstance(mark, PledgeMarked)
    assert (market.mark(), market.state.pledges[1].mark_seq) == (mark, market.state.seq)
    assert 0 < mark.lendable_amount < mark.value_amount
    market.assert_replays()


def test_what_is_recorded_gives_the_same_mark_again(market):
    market.pledge()
    market.pledge("X270105-270320", 7)
    market.tomorrow()
    for mark in market.cycle():
        assert priced(figures_of(mark), sources_of(mark), PARAMETERS) == mark


def test_the_figures_are_those_of_the_nodes(market):
    market.request("X270105-270220", 10)
    mark = market.mark()
    nodes = {node.month: node for node in market.state.market_data.nodes.values()}
    assert mark.curve_months == [202701, 202702]
    assert mark.curve_marks_micro == [nodes[month].mark.mark_micro for month in mark.curve_months]
    assert mark.mark_seqs == [nodes[month].mark_seq for month in mark.curve_months]
    assert mark.spot_month == 202701
    assert mark.spot_seq == nodes[202701].observed_seq
    assert mark.sigma_ewma_e12 == nodes[202701].volatility.sigma_ewma_e12 > 0
    assert mark.sigma_stress_e12 == nodes[202701].volatility.sigma_stress_e12
    assert mark.sigma_long_e12 == nodes[202701].volatility.sigma_long_e12()
    assert mark.adv_hours == nodes[202701].mark.adv_hours + nodes[202702].mark.adv_hours
    assert mark.adv_hours == sum(100 * MONTH_HOURS[month] // 20 for month in mark.curve_months)
    assert mark.half_spread_ppm == 10 * PPM_WHOLE // PRICE
    assert mark.position_hours == (27 + 19) * 24 * 10
    assert (mark.level, mark.supplier_grade, mark.uptime_ppm) == (1, 2, PPM_WHOLE)
    assert (mark.is_affiliated, mark.is_halted, mark.is_disputed) == (False, False, False)


def test_the_history_of_the_spot_counts_as_it_reaches_the_strip(market):
    market.pledge()
    assert market.mark().historical_es_e12 == 0
    for days in range(1, 13):
        market.tomorrow()
        own(market, OTHER, market.months[0], 5, PRICE - 30 * days)
        market.cycle()
    mark = market.mark()
    assert mark.historical_es_e12 > 0
    assert mark.sigma_ewma_e12 > PARAMETERS.sigma_floor_e12


@pytest.mark.parametrize("is_indexed", [False, True])
def test_the_month_that_is_being_delivered_does_not_hide_how_the_others_fall(is_indexed):
    market = MarkedMarket()
    market.pledge("M2703")
    market.advance(start_ns(span("M2701")["start_day"]))
    market.drain()
    price = PRICE
    for _ in range(PARAMETERS.holding_days_count + 2):
        market.tomorrow()
        price = price * 95 // 100
        for instrument_id in market.months[1:]:
            own(market, OTHER, instrument_id, 5, price)
        if is_indexed:
            market.do(1, index(market, PRICE * 10_000))
        market.cycle()
    nodes = {node.month: node for node in market.state.market_data.nodes.values()}
    assert nodes[202701].mark.level == (6 if is_indexed else 7)
    mark, february = market.mark(), nodes[202702].volatility
    assert (mark.spot_month, mark.spot_seq) == (202702, nodes[202702].observed_seq)
    assert mark.sigma_ewma_e12 == february.sigma_ewma_e12 > 30_000_000_000
    assert mark.historical_es_e12 > 300_000_000_000
    assert "expected_shortfall" in mark.stress_reasons
    market.assert_replays()


def test_a_month_without_quotes_leaves_the_spread_to_the_others(market):
    april = market.list_window("M2704")
    own(market, TRADER, april, 10, PRICE)
    market.quote(market.months[2], PRICE - 1, PRICE + 1)
    market.request("X270301-270501")
    market.cycle()
    assert market.mark().curve_months == [202703, 202704]
    assert market.mark().half_spread_ppm == PPM_WHOLE // PRICE
    market.request("M2704")
    assert market.mark(2).half_spread_ppm == 10 * PPM_WHOLE // PRICE, "that of the nearest"


def test_without_any_quote_the_spread_stands_at_the_cap():
    market = OtherMarket()
    market.grant("Y27", 100)
    january = market.list_window("M2701")
    own(market, TRADER, january, 10)
    market.do(
        TRADER,
        RequestPledge(product_id=1, pledged_qty=1, bank_account_id=BANK, **span("M2701")),
    )
    mark = market.state.pledges[1].mark
    assert mark.half_spread_ppm == PARAMETERS.liquidity_cap_ppm
    assert (mark.level, mark.value_amount) == (0, 0)


def test_a_supplier_s_share_is_that_of_the_bank_s_pool_with_the_pledge_at_its_new_value(market):
    market.pledge(qty=10)
    assert market.mark().pool_share_ppm == PPM_WHOLE, "alone in an empty pool"
    market.state.pools = {BANK: {SUPPLIER: 100, 99: 10**12}}
    value_amount = market.mark().value_amount
    mark = mark_of(market.state.pledges[1].request, 10, market.state)
    expected = -(-(100 + value_amount) * PPM_WHOLE // (100 + value_amount + 10**12))
    assert mark.pool_share_ppm == expected
    market.state.pool_values = {1: 100}
    mark = mark_of(market.state.pledges[1].request, 10, market.state)
    assert mark.pool_share_ppm == -(-value_amount * PPM_WHOLE // (value_amount + 10**12))


def test_the_pool_is_what_the_cycle_finds_under_lien(market):
    market.pledge(qty=10)
    market.pledge("M2703", qty=5)
    market.request("M2701", qty=5)
    values = {n: market.mark(n).value_amount for n in (1, 2)}
    market.cycle()
    assert market.state.pool_values == values
    assert market.state.pools == {BANK: {SUPPLIER: sum(values.values())}}


def test_a_borrower_of_the_supplier_s_house_is_affiliated(market):
    sister = market.admit("sister", Role.TRADER, affiliate_ids=[SUPPLIER])
    market.deposit(sister, 10**12)
    own(market, sister, market.months[1], 10, PRICE)
    market.request(qty=5, key_id=sister)
    assert market.mark().is_affiliated
    assert "affiliated_supplier" in market.mark().stress_reasons


def test_a_halt_that_overlaps_the_window_is_stress_and_another_is_not(market):
    market.pledge("M2702")
    market.cycle()
    market.do(1, HaltInstrument(instrument_id=market.months[2]))
    assert market.cycle() == []
    market.do(1, HaltInstrument(instrument_id=market.months[1]))
    (mark,) = market.cycle()
    assert (mark.is_halted, mark.regime, mark.stress_reasons) == (True, "STRESS", ["halt"])
    market.do(1, ResumeInstrument(instrument_id=market.months[1]))
    (mark,) = market.cycle()
    exit_count = PARAMETERS.stress_exit_days_count
    assert (mark.is_halted, mark.stress_reasons) == (False, [])
    assert (mark.regime, mark.recovery_days_count) == ("STRESS", exit_count), "it is no clear day"
    assert market.cycle() == []
    market.tomorrow()
    (mark,) = market.cycle()
    assert (mark.regime, mark.recovery_days_count) == ("STRESS", exit_count - 1)


def test_stress_that_begins_again_within_the_last_day_of_recovery_counts_from_the_start(market):
    market.pledge("M2703")
    for is_halting in (True, False):
        for _ in range(PARAMETERS.stress_exit_days_count - 1):
            market.tomorrow()
            own(market, OTHER, market.months[2], 5, PRICE)
            market.cycle()
        assert (market.mark().recovery_days_count, market.mark().regime) == (
            (0, "NORMAL") if is_halting else (1, "STRESS")
        )
        for command in (HaltInstrument, ResumeInstrument):
            market.do(1, command(instrument_id=market.months[2]))
            market.cycle()
        assert market.mark().recovery_days_count == PARAMETERS.stress_exit_days_count
        assert market.mark().stress_reasons == []
    market.assert_replays()


def test_a_stopped_supplier_is_stress_and_an_ended_one_is_worth_nothing(market):
    market.pledge()
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    (suspended,) = market.cycle()
    assert (suspended.is_halted, suspended.level) == (True, 1)
    market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER))
    market.do(0, MarkPledges())
    market.do(0, MarkPledges())
    ended = market.mark()
    assert (ended.level, ended.uptime_ppm) == (0, 0)
    assert (ended.value_amount, ended.lendable_amount) == (0, 0)
    assert ended.lines_ppm[7] == PARAMETERS.uptime_cap_ppm
    market.drain()
    assert market.state.pledges[1].status is PledgeStatus.MATURED


def test_uptime_is_what_was_delivered_of_the_last_thirty_final_days():
    market = DeliveryMarket()
    market.sell(TRADER, 1_000)
    market.deliver([1_000] * 12 + [900] * 12)
    assert market.state.standings[SUPPLIER].final_days == [(DAY, 24_000, 1_200)]
    standing = market.state.standings[SUPPLIER]
    standing.final_days = [(DAY - 30, 24, 24), (DAY - 29, 24, 0), (DAY, 24, 2)]

    assert uptime(SUPPLIER, market.state) == ((48 - 2) * PPM_WHOLE // 48, 0)
    market.state.standings[SUPPLIER] = Standing()
    assert uptime(SUPPLIER, market.state) == (PPM_WHOLE, 0), "nothing is known against it"


def test_what_nobody_stands_for_is_lost_to_a_lender_once_its_disputes_are_over():
    market = DeliveryMarket()
    market.sell(TRADER, 1_000)
    market.read([1_000] * 12 + [900] * 6)
    market.do(SUPPLIER, report())
    due_ns = dispute_due_ns(DAY)
    market.advance(due_ns - 1)
    assert uptime(SUPPLIER, market.state) == (PPM_WHOLE, 0), "who is concerned has the word"
    market.advance(due_ns)
    unknown_hours, lost_hours = 6_000, 6_600
    seen = ((24_000 - lost_hours) * PPM_WHOLE // 24_000, unknown_hours)
    assert uptime(SUPPLIER, market.state) == seen
    assert not market.state.standings[SUPPLIER].poor_days, "settlement holds it against nobody"
    market.do(AUDITOR, attest(rulings=[HourRuling(hour, 1_000) for hour in range(18, 24)]))
    assert uptime(SUPPLIER, market.state) == ((24_000 - 600) * PPM_WHOLE // 24_000, 0)
    market.finish()
    assert uptime(SUPPLIER, market.state) == ((24_000 - 600) * PPM_WHOLE // 24_000, 0)


def test_what_an_auditor_has_found_of_a_disputed_day_is_known_of_it():
    market = DeliveryMarket()
    market.sell(TRADER, 1_000)
    market.advance(start_ns(DAY + 1))
    market.do(SUPPLIER, report())
    market.do(TRADER, dispute())
    market.advance(dispute_due_ns(DAY))
    assert uptime(SUPPLIER, market.state) == (0, 24_000)
    market.do(AUDITOR, rule([500] * 24))
    assert uptime(SUPPLIER, market.state) == (PPM_WHOLE // 2, 0)


def test_a_supplier_that_falls_silent_puts_what_it_sold_under_stress(market):
    market.pledge("M2703")
    first_day = span("M2701")["start_day"]
    market.advance(dispute_due_ns(first_day) - 1)
    market.drain()
    market.cycle()
    assert (market.mark().uptime_ppm, market.mark().unknown_hours) == (PPM_WHOLE, 0)
    assert "low_uptime" not in market.mark().stress_reasons
    market.advance(dispute_due_ns(first_day))
    market.drain()
    (mark,) = market.cycle()
    assert (mark.uptime_ppm, mark.unknown_hours) == (0, 100 * 24)
    assert "low_uptime" in mark.stress_reasons
    assert mark.lines_ppm[7] == PARAMETERS.uptime_cap_ppm
    market.assert_replays()


# -- cycles ----------------------------------------------------------------------------------------


def test_a_cycle_marks_what_changed_and_nothing_else(market):
    february, march = market.pledge("M2702"), market.pledge("M2703")
    market.cycle()
    assert market.cycle() == []
    market.quote(market.months[2], PRICE - 5, PRICE + 5)
    assert [mark.pledge_id for mark in market.cycle()] == [march]
    market.tomorrow()
    assert [mark.pledge_id for mark in market.cycle()] == [february, march]
    market.assert_replays()


def test_without_pledges_there_is_nothing_to_mark(market):
    assert_refused(market, 0, MarkPledges(), Reason.EMPTY)
    pledge_id = market.request()
    market.do(BANK, DeclinePledge(pledge_id=pledge_id))
    assert_refused(market, 0, MarkPledges(), Reason.EMPTY)


def test_new_parameters_mark_everything_anew(market):
    market.pledge()
    market.cycle()
    market.do(1, PublishRiskParameters(risk_parameters=replace(PARAMETERS, base_ppm=310_000)))
    (mark,) = market.cycle()
    assert (mark.parameters_version, mark.lines_ppm[0]) == (2, 310_000)


def test_a_cycle_goes_on_over_records_where_it_stopped(market, monkeypatch):
    monkeypatch.setattr(pledge_marking, "LOOKS_COUNT", 2)
    for _ in range(5):
        market.request()
    market.do(0, MarkPledges())
    assert market.events == [PledgesMarked(marked_count=0, is_complete=False)]
    assert market.state.marking_left == [1, 2, 3, 4, 5]
    steps = []
    while market.state.marking_left:
        market.do(0, MarkPledges())
        steps.append((market.events[-1].looked_at_count, market.events[-1].is_complete))
    assert steps == [(2, False), (2, False), (1, True)]
    market.assert_replays()


def test_a_record_makes_no_more_marks_than_it_may_and_looks_at_more_that_have_not_changed(
    market, monkeypatch
):
    monkeypatch.setattr(pledge_marking, "MARKS_COUNT", 2)
    for _ in range(5):
        market.request()

    def steps():
        market.do(0, MarkPledges())
        found = []
        while market.state.marking_left:
            market.do(0, MarkPledges())
            found.append((market.events[-1].marked_count, market.events[-1].looked_at_count))
        return found

    market.tomorrow()
    assert steps() == [(2, 2), (2, 2), (1, 1)]
    assert steps() == [(0, 5)]


def test_a_record_values_no_more_days_than_it_may(market, monkeypatch):
    monkeypatch.setattr(pledge_marking, "SLICES_COUNT", 29)
    for _ in range(3):
        market.request()
    market.tomorrow()
    market.do(0, MarkPledges())
    market.do(0, MarkPledges())
    assert market.events[-1].marked_count == 2, "28 days are below the limit, 56 are not"


def test_a_request_that_ends_while_the_cycle_runs_is_passed_over(market):
    market.request()
    market.request("M2703")
    market.tomorrow()
    market.do(0, MarkPledges())
    market.do(BANK, DeclinePledge(pledge_id=1))
    market.do(0, MarkPledges())
    assert [e.pledge_id for e in market.events if isinstance(e, PledgeMarked)] == [2]


def test_a_request_that_can_no_longer_be_taken_is_not_marked(market):
    market.pledge("M2703")
    market.request("D270115")
    market.advance(market.state.market_ns + 60 * NS_PER_DAY)
    assert {mark.pledge_id for mark in market.cycle()} == {1}


def test_what_is_released_in_part_is_marked_for_the_rest(market):
    market.pledge(qty=10)
    whole = market.mark().value_amount
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=4))
    mark = market.mark()
    assert mark.pledged_qty == 6
    assert market.cycle() == []
    assert abs(mark.value_amount * 10 - whole * 6) <= 10 * 28


def test_a_pledge_whose_days_are_over_is_marked_nothing_once(market):
    market.pledge("M2701")
    market.pledge("M2703")
    market.advance(market.state.market_ns + 71 * NS_PER_DAY)
    market.cycle()
    assert (market.mark(1).position_hours, market.mark(1).value_amount) == (0, 0)
    market.tomorrow()
    assert [mark.pledge_id for mark in market.cycle()] == [2]


# -- from day to day -------------------------------------------------------------------------------


def test_a_new_request_does_not_glide_and_a_lien_does(market):
    market.request()
    assert market.mark().opening_ltv_ppm == NO_LTV_PPM
    assert market.mark().applied_ltv_ppm == market.mark().ltv_ppm
    market.do(BANK, AcceptPledge(pledge_id=1))
    (mark,) = market.cycle()
    assert mark.opening_ltv_ppm == mark.applied_ltv_ppm == mark.ltv_ppm


def test_the_applied_ratio_glides_by_the_day_and_not_by_the_mark(market):
    market.pledge()
    first = market.mark().applied_ltv_ppm
    worse = replace(PARAMETERS, base_ppm=700_000)
    market.do(1, PublishRiskParameters(risk_parameters=worse))
    for bid_price in (PRICE - 9, PRICE - 8, PRICE - 7):
        market.quote(market.months[1], bid_price, PRICE + 20)
        (mark,) = market.cycle()
        assert mark.ltv_ppm < first - 100_000
        assert mark.applied_ltv_ppm == first - PARAMETERS.glide_up_ppm
    market.tomorrow()
    (mark,) = market.cycle()
    assert mark.applied_ltv_ppm == first - 2 * PARAMETERS.glide_up_ppm
    market.do(1, PublishRiskParameters(risk_parameters=PARAMETERS))
    market.tomorrow()
    (mark,) = market.cycle()
    low = first - 2 * PARAMETERS.glide_up_ppm
    assert mark.applied_ltv_ppm == low + PARAMETERS.glide_down_ppm


def test_stress_is_left_after_ten_clear_days_however_often_they_are_marked(market):
    market.pledge("M2703")
    market.do(1, HaltInstrument(instrument_id=market.months[2]))
    market.cycle()
    market.tomorrow()
    market.do(1, ResumeInstrument(instrument_id=market.months[2]))
    found = []
    for days in range(11):
        own(market, OTHER, market.months[2], 5, PRICE)
        market.cycle()
        market.quote(market.months[2], PRICE - 9 + days % 2, PRICE + 9)
        market.cycle()
        found.append((market.mark().regime, market.mark().recovery_days_count))
        market.tomorrow()
    assert found[0] == ("STRESS", 9)
    assert found[8] == ("STRESS", 1)
    assert found[9] == found[10] == ("NORMAL", 0)


def test_on_closed_days_marks_are_made_and_nothing_recovers_or_glides():
    """Tuesday the 24th is stressed; three holidays, a weekend and a trading day follow."""
    market = MarkedMarket(holidays=("2026-11-25", "2026-11-26", "2026-11-27"))
    market.pledge("M2703")
    first = market.mark().applied_ltv_ppm
    market.tomorrow()
    worse = replace(PARAMETERS, base_ppm=400_000)
    market.do(1, PublishRiskParameters(risk_parameters=worse))
    market.do(1, HaltInstrument(instrument_id=market.months[2]))
    market.cycle()
    market.do(1, ResumeInstrument(instrument_id=market.months[2]))
    market.cycle()
    market.do(1, PublishRiskParameters(risk_parameters=PARAMETERS))
    found = []
    for _ in range(6):
        market.tomorrow()
        (mark,) = market.cycle()
        assert mark.valuation_day == day_at(market.state.market_ns)
        found.append((mark.is_trading_day, mark.recovery_days_count, mark.applied_ltv_ppm))
    exit_count, low = PARAMETERS.stress_exit_days_count, first - PARAMETERS.glide_up_ppm
    assert found[:5] == [(False, exit_count, low)] * 5
    assert found[5] == (True, exit_count - 1, low + PARAMETERS.glide_down_ppm)
    market.assert_replays()


def in_recovery(market):
    """A pledge of March that was under stress yesterday and has nine clear days to go."""
    pledge_id = market.pledge("M2703")
    market.do(1, HaltInstrument(instrument_id=market.months[2]))
    market.cycle()
    market.tomorrow()
    market.do(1, ResumeInstrument(instrument_id=market.months[2]))
    market.cycle()
    assert market.mark(pledge_id).recovery_days_count == 9
    return pledge_id


def asked_again(market, **fields):
    """(regime, clear days that are left) of the first mark of another request."""
    mark = market.mark(market.request(**{"code": "M2703", **fields}))
    return mark.regime, mark.recovery_days_count


def test_days_that_are_released_and_pledged_again_are_no_sooner_out_of_stress(market):
    market.do(BANK, ReleasePledge(pledge_id=in_recovery(market)))
    assert asked_again(market) == ("STRESS", 9)
    market.tomorrow()
    assert asked_again(market, qty=5) == ("STRESS", 8)


def test_days_on_which_nobody_marked_them_are_not_clear_ones(market):
    market.do(BANK, ReleasePledge(pledge_id=in_recovery(market)))
    for _ in range(12):
        market.tomorrow()
    assert asked_again(market) == ("STRESS", 8)


def test_it_is_no_other_at_another_bank_or_while_the_first_is_pledged(market):
    other_bank = market.admit("other bank", Role.BANK)
    in_recovery(market)
    assert asked_again(market, qty=5) == ("STRESS", 9)
    assert asked_again(market, qty=5, bank_account_id=other_bank) == ("STRESS", 9)


def test_what_is_under_lien_passes_its_recovery_on_to_other_days_and_other_owners(market):
    pledge_id = in_recovery(market)
    assert asked_again(market, code="M2702") == ("STRESS", 9)
    assert asked_again(market, key_id=OTHER) == ("STRESS", 9)
    market.do(BANK, ReleasePledge(pledge_id=pledge_id))
    for asked_id in (2, 3):
        market.do(BANK, DeclinePledge(pledge_id=asked_id))
    assert asked_again(market, code="M2701") == ("NORMAL", 0)
    stranger = market.admit("stranger", Role.TRADER)
    market.deposit(stranger, 10**12)
    own(market, stranger, market.months[1], 10, PRICE)
    assert asked_again(market, key_id=stranger, code="M2702") == ("NORMAL", 0)
    market.assert_replays()


def test_stress_of_this_very_day_makes_it_no_clear_day_for_a_new_pledge_either(market):
    market.pledge("M2703")
    for command in (HaltInstrument, ResumeInstrument):
        market.do(1, command(instrument_id=market.months[2]))
        market.cycle()
    assert asked_again(market, code="M2702") == ("STRESS", PARAMETERS.stress_exit_days_count)


def test_the_longest_recovery_is_passed_on(market):
    in_recovery(market)
    market.pledge("M2701", 5)
    for _ in range(2):
        market.tomorrow()
        market.cycle()
    market.do(1, HaltInstrument(instrument_id=market.months[0]))
    market.cycle()
    market.do(1, ResumeInstrument(instrument_id=market.months[0]))
    market.tomorrow()
    market.cycle()
    assert {market.mark(n).recovery_days_count for n in (1, 2)} == {6, 9}
    assert asked_again(market, code="M2702") == ("STRESS", 9)


def test_what_is_only_asked_for_passes_nothing_on_to_others(market):
    """Or asking would be a way to take the floor from everybody."""
    market.request("M2703")
    market.do(1, HaltInstrument(instrument_id=market.months[2]))
    market.cycle()
    assert market.mark().regime == "STRESS"
    assert asked_again(market, key_id=OTHER, code="M2702") == ("NORMAL", 0)
    assert asked_again(market, code="M2702") == ("NORMAL", 0)


def test_that_an_owner_is_of_the_supplier_s_house_is_that_owner_s_stress_alone(market):
    sister = market.admit("sister", Role.TRADER, affiliate_ids=[SUPPLIER])
    market.deposit(sister, 10**12)
    own(market, sister, market.months[1], 10, PRICE)
    market.pledge(qty=5, key_id=sister)
    assert market.mark().recovery_days_count == PARAMETERS.stress_exit_days_count
    assert asked_again(market, code="M2702") == ("NORMAL", 0)


def test_another_class_has_a_regime_of_its_own(market):
    in_recovery(market)
    market.do(
        1,
        DefineProduct(
            code="B200-SG",
            kind=ProductKind.GPU_TIME,
            gpu_class="B200",
            region="SG",
            supplier_account_id=SUPPLIER,
            lot_qty=1,
        ),
    )
    request = replace(market.state.pledges[1].request, pledge_id=9, product_id=2)
    assert mark_of(request, 10, market.state).opening_recovery_days_count == 0
    same = replace(request, product_id=1)
    assert mark_of(same, 10, market.state).opening_recovery_days_count == 10


def test_a_new_lien_begins_at_its_own_ratio_and_does_not_glide(market):
    """What glides is the haircut of a loan that is drawn."""
    market.do(BANK, ReleasePledge(pledge_id=in_recovery(market)))
    mark = market.mark(market.pledge("M2703"))
    assert (mark.opening_ltv_ppm, mark.applied_ltv_ppm) == (NO_LTV_PPM, mark.ltv_ppm)


def test_a_mark_is_of_the_day_on_which_it_is_made(market):
    market.pledge()
    assert market.mark().valuation_day == FIRST_DAY
    market.tomorrow()
    (mark,) = market.cycle()
    assert (mark.valuation_day, mark.market_ns) == (FIRST_DAY + 1, market.state.market_ns)


def test_a_record_marks_pledges_of_one_bank_only(market):
    other_bank = market.admit("other bank", Role.BANK)
    for bank_account_id in (other_bank, BANK, other_bank):
        market.request(bank_account_id=bank_account_id, qty=5)
    market.tomorrow()
    market.do(0, MarkPledges())
    found = []
    while market.state.marking_left:
        market.do(0, MarkPledges())
        found.append([e.pledge_id for e in market.events if isinstance(e, PledgeMarked)])
    assert found == [[2], [1, 3]]


# -- absurd and missing figures --------------------------------------------------------------------


def test_without_a_calendar_of_the_year_every_day_ages_a_decayed_mark():
    market = mainland(2026, 2027)
    market.grant("M2703", 100)
    march = market.list_window("M2703")
    del market.state.calendars[2027]
    own(market, TRADER, march, 10, PRICE)
    market.do(0, PublishMarks())
    days = span("M2703")
    request = RequestPledge(product_id=1, pledged_qty=5, bank_account_id=BANK, **days)
    market.do(TRADER, request)
    asked = market.state.pledges[1].request
    for date, age_days_count in (("2026-12-31", 28), ("2027-01-04", 32)):
        cross(market, start_ns(day(date)))
        market.execute(0, PublishMarks())
        mark = mark_of(asked, 5, market.state)
        assert (mark.level, mark.age_days_count) == (7, age_days_count)
        assert mark.lines_ppm[8] > PARAMETERS.level_7_ppm


@pytest.mark.parametrize(("price", "level"), [(1, 3), (PRICE, 3)])
def test_a_fall_to_next_to_nothing_passes_at_once(price, level):
    market = OtherMarket()
    market.grant("M2701", 1_000)
    january = market.list_window("M2701")
    own(market, TRADER, january, 100, PRICE)
    market.do(0, PublishMarks())
    days = span("M2701")
    request = RequestPledge(product_id=1, pledged_qty=5, bank_account_id=BANK, **days)
    market.do(TRADER, request)
    before = market.state.pledges[1].mark
    cross(market, start_ns(FIRST_DAY + 2))
    own(market, TRADER, january, 1, price)
    market.do(0, PublishMarks())
    mark = mark_of(market.state.pledges[1].request, 5, market.state)
    assert mark.level == level
    assert mark.market_amount == before.market_amount * price // PRICE
    if price == 1:
        assert mark.regime == "STRESS"
        assert mark.lendable_amount == 0
