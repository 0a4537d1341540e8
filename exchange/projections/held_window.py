"""
What a window that is held and not pledged would lend, as of now.

It is no bank's security: no pool has it, so nothing is charged for concentration, nothing glides
and nothing is disputed. All else is as of a pledge, from the read models instead of the state.
"""

from typing import NamedTuple

from msgspec.structs import replace

from exchange.collateral.curve import months_within
from exchange.collateral.expected_shortfall import historical_es_e12
from exchange.collateral.haircut_lines import Grade
from exchange.collateral.marks import MarkLevel
from exchange.collateral.node_curve import (
    adv_hours,
    curve_points,
    mean_half_spread_ppm,
    spot_of,
    worst_source,
)
from exchange.collateral.pledge_marks import MarkFigures, MarkSources, priced, worth_of
from exchange.collateral.recovery import Opening, first_opening, is_passed_on
from exchange.collateral.volatility import Volatility
from exchange.domain.collateral_views import CollateralMarkView
from exchange.domain.enums import LIENED, SessionState, TradingMode
from exchange.domain.events import (
    InstrumentListed,
    NodeMarked,
    PledgeRequested,
    ProductDefined,
    RiskParametersPublished,
)
from exchange.domain.lending_events import NO_LTV_PPM
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at, month_of

from .bundle import Projections
from .collateral import mark_view
from .supplier_uptime import supplier_uptime


class _Market(NamedTuple):
    """The window's node marks with their records, and the spot."""

    product: ProductDefined
    marks: list[NodeMarked]
    seqs: dict[int, int]
    """Records by month."""
    spot_month: int
    volatility: Volatility


def held_view(
    account_id: int, held_qty: int, instrument: InstrumentListed, projections: Projections
) -> CollateralMarkView | None:
    """The mark that it would have; None before the first risk parameters."""
    seq = projections.at_seq
    published = projections.marks.parameters_as_of(seq)
    if published is None:
        return None
    request = PledgeRequested(
        pledge_id=0,
        account_id=account_id,
        bank_account_id=0,
        product_id=instrument.product_id,
        start_day=instrument.start_day,
        end_day=instrument.end_day,
        pledged_qty=held_qty,
        loan_id=0,
    )
    parameters = published.risk_parameters
    market = _market(instrument.product_id, parameters, projections)
    figures = _figures(request, market, published, projections)
    strip_e12 = worth_of(figures, parameters).strip_factor_e12
    history_e12 = historical_es_e12(market.volatility, strip_e12, parameters)
    sources = MarkSources(
        market_ns=projections.marks.market_ns_as_of(seq),
        mark_seqs=[market.seqs[month] for month in figures.curve_months],
        spot_seq=0,
    )
    mark = priced(replace(figures, historical_es_e12=history_e12), sources, parameters)
    return mark_view(request, market.product.code, mark, seq)


def _market(product_id: int, parameters: RiskParameters, projections: Projections) -> _Market:
    seq, product = projections.at_seq, projections.listings.products[product_id]
    this_month = month_of(day_at(projections.marks.market_ns_as_of(seq)))
    nodes = [
        (mark_seq, mark)
        for mark_seq, mark in projections.marks.nodes_as_of(seq)
        if (mark.gpu_class, mark.region) == (product.gpu_class, product.region)
        and mark.month >= this_month
    ]
    volatilities = {
        mark.month: projections.marks.volatility_of((mark.gpu_class, mark.region, mark.month))
        for _, mark in nodes
    }
    observed_counts = {month: each.observed_count for month, each in volatilities.items()}
    spot = spot_of([mark for _, mark in nodes], observed_counts, parameters)
    return _Market(
        product=product,
        marks=[mark for _, mark in nodes],
        seqs={mark.month: mark_seq for mark_seq, mark in nodes},
        spot_month=0 if spot is None else spot.month,
        volatility=Volatility() if spot is None else volatilities[spot.month],
    )


def _figures(
    request: PledgeRequested,
    market: _Market,
    published: RiskParametersPublished,
    projections: Projections,
) -> MarkFigures:
    """Every figure but the history, which needs the worth of the slices and is 0."""
    seq, marks, product = projections.at_seq, market.marks, market.product
    today = day_at(projections.marks.market_ns_as_of(seq))
    first_day = max(request.start_day, today + 1)
    spans = months_within(first_day, request.end_day)
    level, observed_day = worst_source(spans, marks)
    supplier_id = product.supplier_account_id
    supplier = projections.deliveries.suppliers.get(supplier_id)
    if supplier is not None and supplier.is_terminated:
        level = MarkLevel.UNMARKABLE
    is_stopped = supplier is not None and (supplier.is_suspended or supplier.is_terminated)
    points = curve_points(spans, marks)
    age_days_count = projections.marks.trading_days_between(observed_day, today, seq)
    opening = _opening(request, today, projections)
    uptime = supplier_uptime(
        supplier_id,
        projections.marks.market_ns_as_of(seq),
        seq,
        projections.collateral_marks,
        projections.deliveries,
    )
    return MarkFigures(
        pledge_id=0,
        valuation_day=today,
        pledged_qty=request.pledged_qty,
        start_day=request.start_day,
        end_day=request.end_day,
        parameters_version=published.version,
        curve_months=[mark.month for mark in points],
        curve_marks_micro=[mark.mark_micro for mark in points],
        spot_month=market.spot_month,
        level=int(level),
        age_days_count=age_days_count if level is MarkLevel.DECAYED else 0,
        sigma_ewma_e12=market.volatility.sigma_ewma_e12,
        sigma_stress_e12=market.volatility.sigma_stress_e12,
        sigma_long_e12=market.volatility.sigma_long_e12(),
        historical_es_e12=0,
        position_hours=max(0, request.end_day - first_day) * HOURS_PER_DAY * request.pledged_qty,
        adv_hours=adv_hours(spans, marks),
        half_spread_ppm=mean_half_spread_ppm(spans, marks, published.risk_parameters),
        supplier_grade=int(_grade(supplier_id, projections)),
        pool_share_ppm=0,
        uptime_ppm=uptime.uptime_ppm,
        is_affiliated=projections.participants.are_affiliated(supplier_id, request.account_id),
        ruled_ppm=0,
        is_disputed=False,
        is_halted=is_stopped or _is_halted(product, first_day, request.end_day, projections),
        opening_recovery_days_count=opening.recovery_days_count,
        opening_ltv_ppm=NO_LTV_PPM,
        ruled_amount=0,
        is_stressed_day=opening.is_stressed_day,
        is_trading_day=projections.marks.trading_days_between(today - 1, today, seq) > 0,
        unknown_hours=uptime.unknown_hours,
    )


def _grade(supplier_id: int, projections: Projections) -> Grade:
    """A supplier without a grade counts as the worst."""
    grade = projections.participants.accounts[supplier_id].supplier_grade
    return Grade.E if grade is None else Grade[grade.value]


def _opening(request: PledgeRequested, today: int, projections: Projections) -> Opening:
    """With whose recovery its first mark would go on."""
    products, pledges = projections.listings.products, projections.pledges.pledges
    known = projections.collateral_marks.recovering

    def is_passed_on_by(pledge_id: int) -> bool:
        other = pledges[pledge_id]
        return is_passed_on(
            other.request,
            request,
            (products[other.request.product_id], products[request.product_id]),
            is_liened=other.status in LIENED,
            is_affiliated=known[pledge_id].is_affiliated,
        )

    return first_opening(known, today, is_passed_on_by)


def _is_halted(
    product: ProductDefined, first_day: int, end_day: int, projections: Projections
) -> bool:
    """Whether a window of the class and region that overlaps these days is halted."""
    for instrument in projections.listings.instruments.values():
        listed = instrument.listed
        other = projections.listings.products[listed.product_id]
        is_node = (other.gpu_class, other.region) == (product.gpu_class, product.region)
        is_over = listed.end_day <= first_day or listed.start_day >= end_day
        if is_node and not is_over and listed.mode is TradingMode.TITLE:
            state = projections.sessions.state_of(listed.instrument_id)
            if state is SessionState.HALTED:
                return True
    return False
