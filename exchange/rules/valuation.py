"""
Which figures of the state make a pledge's mark; what they make is `exchange.collateral`'s to say.

The volatility and its history are those of the spot, the nearest month of the class and region that
trades. A position is sold into the months that it spans: their average daily volumes are added up,
their half spreads averaged over the days (`exchange.collateral.node_curve`).

What a halted window or a stopped supplier delivers is under stress; a supplier that was ended
delivers nothing, so its days have no value.
"""

from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from exchange.collateral.curve import months_within
from exchange.collateral.expected_shortfall import damping_e12, historical_es_e12
from exchange.collateral.haircut_lines import Grade
from exchange.collateral.marks import MarkLevel
from exchange.collateral.node_curve import (
    adv_hours,
    curve_points,
    mean_half_spread_ppm,
    spot_of,
    worst_source,
)
from exchange.collateral.pledge_marks import (
    MarkFigures,
    MarkSources,
    figures_of,
    priced,
    worth_of,
)
from exchange.collateral.present_value import YEAR_DAYS, discount_factor_e12
from exchange.collateral.recovery import recovering
from exchange.collateral.uptime import Uptime
from exchange.collateral.valuation import eligible_amount
from exchange.collateral.volatility import Volatility
from exchange.domain.enums import PledgeStatus, TradingMode
from exchange.domain.events import NodeMarked, PledgeRequested, ProductDefined
from exchange.domain.lending_events import NO_LTV_PPM, PledgeMarked
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at, month_of

from .lending_state import Pledge
from .listing import is_trading_day, trading_days_between
from .mark_history import carried
from .market_data import Node
from .pool_share import supplier_share_ppm
from .state import State
from .suppliers import uptime

TABLED_DAYS_COUNT = 1_100
"""Three years ahead; what is pledged beyond costs its first valuation a little more."""


class ProductMarket(Struct, frozen=True):
    """What all pledges of a product share at one moment."""

    nodes: dict[int, Node]
    """Marked ones of the class and region, by month, from the month of the valuation on."""
    marks: list[NodeMarked]
    """Theirs, in the same order."""
    spot: Node | None
    """Whose volatility it is; None where nothing has a price."""
    grade: Grade
    """A supplier without a grade counts as the worst."""
    uptime: Uptime
    is_stopped: bool
    is_terminated: bool


def mark_of(
    request: PledgeRequested,
    pledged_qty: int,
    state: State,
    market: ProductMarket | None = None,
) -> PledgeMarked:
    """The mark of so many GPUs of a pledge, now; `market` where the caller has it already."""
    if market is None:
        market = product_market(request.product_id, state)
    figures = market_figures(request, pledged_qty, state, market)
    return finished(figures, request, state, market)


def taken_mark(pledge: Pledge, state: State) -> PledgeMarked:
    """The mark of what is asked for, in the pool of a bank that now takes it or offers on it."""
    request = pledge.request
    market = product_market(request.product_id, state)
    figures = market_figures(request, request.pledged_qty, state, market)
    return finished(figures, request, state, market, is_taken=True)


def replacing_mark(request: PledgeRequested, replaced: Pledge, state: State) -> PledgeMarked:
    """The first mark of what takes a pledge's place: ruled as that one, and glides or is worse."""
    market = product_market(request.product_id, state)
    figures = market_figures(request, request.pledged_qty, state, market, replaced)
    mark = finished(figures, request, state, market)
    if mark.ltv_ppm >= mark.opening_ltv_ppm:
        return mark
    return finished(replace(figures, opening_ltv_ppm=NO_LTV_PPM), request, state, market)


def fill_tables(state: State) -> None:
    """Computes once what every valuation looks up, so that the first of a process is no slower."""
    parameters = state.market_data.risk_parameters
    if parameters is not None:
        for days in range(1, TABLED_DAYS_COUNT):
            discount_factor_e12(days, parameters.rate_ppm)
            damping_e12(days, YEAR_DAYS, parameters.kappa_e12)


def product_market(product_id: int, state: State) -> ProductMarket:
    """The nodes and the supplier of a product."""
    product = state.products[product_id]
    this_month = month_of(day_at(state.market_ns))
    found = [
        (node.month, node, node.mark)
        for node in state.market_data.nodes.values()
        if node.mark is not None
        and node.month >= this_month
        and (node.gpu_class, node.region) == (product.gpu_class, product.region)
    ]
    found.sort(key=itemgetter(0))
    supplier_id = product.supplier_account_id
    grade = state.participants[supplier_id].supplier_grade
    nodes, marks = {month: node for month, node, _ in found}, [mark for _, _, mark in found]
    observed_counts = {month: node.volatility.observed_count for month, node in nodes.items()}
    spot = spot_of(marks, observed_counts, _parameters(state))
    standing = state.standings.get(supplier_id)
    return ProductMarket(
        nodes=nodes,
        marks=marks,
        spot=None if spot is None else nodes[spot.month],
        grade=Grade.E if grade is None else Grade[grade.value],
        uptime=uptime(supplier_id, state),
        is_stopped=supplier_id in state.stopped_suppliers,
        is_terminated=standing is not None and standing.is_terminated,
    )


def is_known(figures: MarkFigures, pledge: Pledge, state: State) -> bool:
    """
    Whether the mark in force was made from the same figures of the market.

    A share of the pool that costs nothing may change without; that a mark had reasons of stress is
    no news to it.
    """
    mark = pledge.mark
    if mark is None:
        return False
    known = replace(
        figures_of(mark),
        historical_es_e12=0,
        pool_share_ppm=0,
        is_stressed_day=recovering(mark).is_stressed,
    )
    if figures != known:
        return False
    free_ppm = _parameters(state).concentration_free_ppm
    share = supplier_share_ppm(pledge.request, mark.value_amount, state)
    return max(free_ppm, share) == max(free_ppm, mark.pool_share_ppm)


def marked_qty(pledge: Pledge) -> int:
    """The GPUs that a mark is about: what is asked for, and then what is under lien."""
    is_requested = pledge.status is PledgeStatus.REQUESTED
    return pledge.request.pledged_qty if is_requested else pledge.pledged_qty


def market_figures(
    request: PledgeRequested,
    pledged_qty: int,
    state: State,
    market: ProductMarket,
    replaced: Pledge | None = None,
) -> MarkFigures:
    """Every figure but the two that need the worth of the slices, which are 0."""
    today, product = day_at(state.market_ns), state.products[request.product_id]
    first_day = max(request.start_day, today + 1)
    spans = months_within(first_day, request.end_day)
    level, observed_day = worst_source(spans, market.marks)
    if market.is_terminated:
        level = MarkLevel.UNMARKABLE
    points = curve_points(spans, market.marks)
    spot = Volatility() if market.spot is None else market.spot.volatility
    is_decayed = level is MarkLevel.DECAYED
    before = carried(request, pledged_qty, state, replaced)
    return MarkFigures(
        pledge_id=request.pledge_id,
        valuation_day=today,
        pledged_qty=pledged_qty,
        start_day=request.start_day,
        end_day=request.end_day,
        parameters_version=state.market_data.risk_parameters_version,
        curve_months=[mark.month for mark in points],
        curve_marks_micro=[mark.mark_micro for mark in points],
        spot_month=0 if market.spot is None else market.spot.month,
        level=int(level),
        age_days_count=trading_days_between(observed_day, today, state) if is_decayed else 0,
        sigma_ewma_e12=spot.sigma_ewma_e12,
        sigma_stress_e12=spot.sigma_stress_e12,
        sigma_long_e12=spot.sigma_long_e12(),
        historical_es_e12=0,
        position_hours=max(0, request.end_day - first_day) * HOURS_PER_DAY * pledged_qty,
        adv_hours=adv_hours(spans, market.marks),
        half_spread_ppm=mean_half_spread_ppm(spans, market.marks, _parameters(state)),
        supplier_grade=int(market.grade),
        pool_share_ppm=0,
        uptime_ppm=market.uptime.uptime_ppm,
        is_affiliated=state.core.parties_are_one(product.supplier_account_id, request.account_id),
        ruled_ppm=before.ruled_ppm,
        is_disputed=any(
            d.disputed.pledge_id == request.pledge_id for d in state.mark_disputes.values()
        ),
        is_halted=market.is_stopped or _is_halted(product, first_day, request.end_day, state),
        opening_recovery_days_count=before.opening.recovery_days_count,
        opening_ltv_ppm=before.ltv_ppm,
        ruled_amount=before.ruled_amount,
        is_stressed_day=before.opening.is_stressed_day,
        is_trading_day=is_trading_day(today, state),
        unknown_hours=market.uptime.unknown_hours,
    )


def finished(
    figures: MarkFigures,
    request: PledgeRequested,
    state: State,
    market: ProductMarket,
    supersedes_seq: int = 0,
    *,
    is_taken: bool = False,
) -> PledgeMarked:
    """
    The mark, with the two figures that follow from what the slices are worth.

    `is_taken` where the record itself is the bank's word on the pledge.
    """
    parameters = _parameters(state)
    worth = worth_of(figures, parameters)
    value_amount = figures.ruled_amount or eligible_amount(worth, MarkLevel(figures.level))
    spot = market.spot
    volatility = Volatility() if spot is None else spot.volatility
    complete = replace(
        figures,
        historical_es_e12=historical_es_e12(volatility, worth.strip_factor_e12, parameters),
        pool_share_ppm=supplier_share_ppm(request, value_amount, state, is_taken=is_taken),
    )
    sources = MarkSources(
        market_ns=state.market_ns,
        mark_seqs=[market.nodes[month].mark_seq for month in figures.curve_months],
        spot_seq=0 if spot is None else spot.observed_seq,
        supersedes_seq=supersedes_seq,
    )
    return priced(complete, sources, parameters)


def _is_halted(product: ProductDefined, first_day: int, end_day: int, state: State) -> bool:
    """Whether a window of the class and region that overlaps these days is halted."""
    for instrument_id in state.halts:
        listed = state.instruments[instrument_id]
        other = state.products[listed.product_id]
        is_node = (other.gpu_class, other.region) == (product.gpu_class, product.region)
        is_over = listed.end_day <= first_day or listed.start_day >= end_day
        if is_node and not is_over and listed.mode is TradingMode.TITLE:
            return True
    return False


def _parameters(state: State) -> RiskParameters:
    parameters = state.market_data.risk_parameters
    assert parameters is not None, "genesis publishes the risk parameters"
    return parameters
