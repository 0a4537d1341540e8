"""What must hold of every pledge's mark, whatever its figures."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exchange import genesis
from exchange.collateral.haircut_lines import HaircutLines
from exchange.collateral.pledge_marks import (
    MarkFigures,
    MarkSources,
    figures_of,
    priced,
    share_ppm,
    sources_of,
)
from exchange.domain.lending_events import NO_LTV_PPM, PledgeMarked
from exchange.domain.record import encode_event
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import parse_window

PARAMETERS = genesis.risk_parameters()
TODAY = parse_window("D261231").start_day
MONTHS = (202701, 202702, 202703)
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ppm = st.integers(0, PPM_WHOLE)
sigmas = st.integers(0, 200_000_000_000)
SCALE = 10**12


@st.composite
def figures(draw: st.DrawFn) -> MarkFigures:
    """Figures as a market could have them, absurd prices included."""
    start_day = TODAY + draw(st.integers(-60, 40))
    prices = draw(st.lists(st.integers(1, 10**9), min_size=len(MONTHS), max_size=len(MONTHS)))
    return MarkFigures(
        pledge_id=1,
        valuation_day=TODAY,
        pledged_qty=draw(st.integers(1, 1_000)),
        start_day=start_day,
        end_day=start_day + draw(st.integers(1, 120)),
        parameters_version=1,
        curve_months=list(MONTHS),
        curve_marks_micro=prices,
        spot_month=MONTHS[0],
        level=draw(st.integers(0, 7)),
        age_days_count=draw(st.integers(0, 100)),
        sigma_ewma_e12=draw(sigmas),
        sigma_stress_e12=draw(sigmas),
        sigma_long_e12=draw(sigmas),
        historical_es_e12=draw(st.integers(0, 10**12)),
        position_hours=draw(st.integers(0, 10**8)),
        adv_hours=draw(st.integers(0, 10**7)),
        half_spread_ppm=draw(ppm),
        supplier_grade=draw(st.integers(1, 5)),
        pool_share_ppm=draw(ppm),
        uptime_ppm=draw(ppm),
        is_affiliated=draw(st.booleans()),
        ruled_ppm=draw(st.integers(0, 100_000)),
        is_disputed=draw(st.booleans()),
        is_halted=draw(st.booleans()),
        opening_recovery_days_count=draw(st.integers(0, 10)),
        opening_ltv_ppm=draw(st.sampled_from([NO_LTV_PPM, 0, 500_000, 700_000])),
        ruled_amount=0,
        is_stressed_day=draw(st.booleans()),
        is_trading_day=draw(st.booleans()),
        unknown_hours=draw(st.integers(0, 10**6)),
    )


def mark(of: MarkFigures) -> PledgeMarked:
    """The mark that these figures make."""
    sources = MarkSources(market_ns=1, mark_seqs=[1] * len(of.curve_months), spot_seq=1)
    return priced(of, sources, PARAMETERS)


@SLOW
@given(figures())
def test_an_event_has_all_that_it_follows_from(of):
    made = mark(of)
    again = priced(figures_of(made), sources_of(made), PARAMETERS)
    assert encode_event(again) == encode_event(made)


@SLOW
@given(figures())
def test_lines_add_up_and_nothing_is_lent_beyond_the_cap_of_what_there_is(of):
    made = mark(of)
    assert len(made.lines_ppm) == len(HaircutLines.__struct_fields__)
    assert made.haircut_ppm == min(PPM_WHOLE, sum(made.lines_ppm))
    assert 0 <= made.ltv_ppm <= PARAMETERS.ltv_cap_ppm
    assert made.lendable_amount * PPM_WHOLE <= made.value_amount * made.ltv_ppm
    assert made.value_amount <= min(made.market_amount, made.pv_amount)
    if of.level == 0:
        assert (made.value_amount, made.lendable_amount) == (0, 0)


@SLOW
@given(figures(), st.integers(1_000_001, 3_000_000))
def test_a_parallel_rise_at_the_same_volatility_never_lowers_what_is_lent(of, factor_ppm):
    """
    All prices rise by one factor, so that the slices weigh as before.

    The prices are so high that the rounding of a slice to the fen weighs nothing: at real ones it
    may move the ratio by a part in a million, which a smaller rise does not make good.
    """
    low = replace(of, curve_marks_micro=[each * SCALE for each in of.curve_marks_micro])
    risen = [each * SCALE // PPM_WHOLE * factor_ppm for each in of.curve_marks_micro]
    before, after = mark(low), mark(replace(of, curve_marks_micro=risen))
    assert after.value_amount >= before.value_amount
    assert after.lendable_amount >= before.lendable_amount


@SLOW
@given(figures(), st.integers(1, 60))
def test_a_longer_delivered_part_never_raises_the_value(of, days):
    """The same window and curve with more of it behind: what starts later is worth no more."""
    later = replace(of, start_day=max(of.start_day, TODAY + 1) + days)
    assert mark(later).value_amount <= mark(of).value_amount


@SLOW
@given(figures(), st.integers(0, 200_000), st.integers(0, 200_000))
def test_a_worse_figure_never_raises_what_a_new_loan_gets(of, spread_ppm, lost_ppm):
    worse = replace(
        of,
        half_spread_ppm=min(PPM_WHOLE, of.half_spread_ppm + spread_ppm),
        uptime_ppm=max(0, of.uptime_ppm - lost_ppm),
        adv_hours=of.adv_hours // 2,
        is_halted=True,
        is_disputed=True,
    )
    assert mark(worse).ltv_ppm <= mark(of).ltv_ppm


@SLOW
@given(figures())
def test_the_applied_ratio_moves_no_more_than_a_day_allows(of):
    made = mark(of)
    if of.opening_ltv_ppm == NO_LTV_PPM:
        assert made.applied_ltv_ppm == made.ltv_ppm
    else:
        down = of.opening_ltv_ppm - made.applied_ltv_ppm
        assert -PARAMETERS.glide_down_ppm <= down <= PARAMETERS.glide_up_ppm
        assert of.is_trading_day or down == 0


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_share_is_of_the_whole_and_rounded_against_the_borrower(supplier_amount, rest_amount):
    pool_amount = supplier_amount + rest_amount
    found = share_ppm(supplier_amount, pool_amount)
    assert 0 <= found <= PPM_WHOLE
    assert found * pool_amount >= supplier_amount * PPM_WHOLE
