"""
The marking cycle: every node's price from recorded state, and nothing else.

A cycle marks the open month windows and every node marked before whose month has not passed. It
publishes what changed. The first real mark of a delivery day enters the node's volatility and its
basis to the outside index.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from exchange.collateral.curve import months_within
from exchange.collateral.marks import (
    NS_PER_HOUR,
    IndexQuote,
    MarkInputs,
    MarkLevel,
    MarkNote,
    MonthMark,
    NodeMark,
    PreviousMark,
    RecentAuction,
    is_deep,
    is_rise_confirmed,
    mark_node,
    next_basis_e12,
)
from exchange.collateral.recent_trades import oldest_minute
from exchange.collateral.rounding import divide_half_even
from exchange.collateral.volatility import observe, observed
from exchange.domain.commands import PublishIndexPrice, PublishMarks, PublishRiskParameters
from exchange.domain.enums import Side, TradingMode, WindowKind
from exchange.domain.events import (
    Event,
    IndexPricePublished,
    MarksPublished,
    NodeMarked,
    NodeObserved,
    RiskParametersPublished,
)
from exchange.domain.reasons import Reason, require
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import (
    HIGHEST_USD_MICRO,
    HOURS_PER_DAY,
    LOWEST_USD_MICRO,
    MICRO_PER_FEN,
    NS_PER_SECOND,
    PPM_WHOLE,
)
from exchange.domain.windows import day_at, month_of

from .listing import trading_days_between
from .market_data import Node
from .state import State
from .sublets import floors_after

SHORTEST_CYCLE_NS = 60 * NS_PER_SECOND
BASIS_AGE_DAYS_COUNT = 1
"""Trading days: an index that is carried for longer says nothing about how a node stands to it."""
_BASIS_ONE_E12 = 10**12
NodeName = tuple[str, str, int]
_MONTH, _TITLE = WindowKind.MONTH, TradingMode.TITLE


# -- decide ---------------------------------------------------------------------------------------


def decide_index_price(command: PublishIndexPrice, state: State, account_id: int) -> list[Event]:
    """
    Takes in an outside price, not of the future and not older than the one in force.

    Its dollars lie within what the importers believe, and its yuan are those dollars at its rate.
    """
    today = day_at(state.market_ns)
    usd_micro = command.usd_micro
    require(usd_micro >= LOWEST_USD_MICRO, Reason.INDEX_PRICE, usd_micro, LOWEST_USD_MICRO)
    require(usd_micro <= HIGHEST_USD_MICRO, Reason.INDEX_PRICE, usd_micro, HIGHEST_USD_MICRO)
    index_micro = divide_half_even(usd_micro * command.usd_cny_ppm, PPM_WHOLE)
    require(command.index_micro == index_micro, Reason.INDEX_RATE, command.index_micro, index_micro)
    require(command.observed_day <= today, Reason.BAD_WINDOW, command.observed_day, today)
    known = state.market_data.indices.get(f"{command.gpu_class}|{command.region}")
    in_force_day = 0 if known is None else known.observed_day
    require(
        command.observed_day >= in_force_day,
        Reason.STALE_INDEX,
        command.observed_day,
        in_force_day,
        in_force_day,
    )
    return [
        IndexPricePublished(
            gpu_class=command.gpu_class,
            region=command.region,
            index_micro=command.index_micro,
            usd_micro=command.usd_micro,
            usd_cny_ppm=command.usd_cny_ppm,
            observed_day=command.observed_day,
            source=command.source,
            row_count=command.row_count,
            file_sha256=command.file_sha256,
        )
    ]


def decide_risk_parameters(
    command: PublishRiskParameters, state: State, account_id: int
) -> list[Event]:
    """A new version of the model's constants; the same ones again are refused."""
    data = state.market_data
    require(command.risk_parameters != data.risk_parameters, Reason.EMPTY)
    return [
        RiskParametersPublished(
            version=data.risk_parameters_version + 1, risk_parameters=command.risk_parameters
        )
    ]


def decide_marks(command: PublishMarks, state: State, account_id: int) -> list[Event]:
    """
    One marking cycle. Months without a better source are marked from those that have one.

    A rise is measured against the mark with which the delivery day began, so that neither cycles
    nor small trades, one after the other, lift a mark by more than the cap in a day unless a second
    source supports it. Cycles are at least a minute apart.
    """
    marked_ns = state.market_data.marked_ns
    next_ns = marked_ns + SHORTEST_CYCLE_NS if marked_ns else 0
    require(state.market_ns >= next_ns, Reason.EMPTY, state.market_ns, next_ns)
    nodes = _nodes_to_mark(state)
    quotes = [_quotes(node, state) for node in nodes]
    events = node_marks(nodes, quotes, pledged_hours(state), state)
    changed = [event for event in events if isinstance(event, NodeMarked)]
    require(len(events) > 0, Reason.EMPTY)
    published = MarksPublished(node_count=len(nodes), changed_count=len(changed))
    return [*events, published, *floors_after(changed, state)]


def node_marks(
    nodes: Sequence[Node],
    quotes: Sequence[tuple[int, int]],
    pledged: Mapping[NodeName, int],
    state: State,
) -> list[Event]:
    """
    What a cycle publishes of these nodes: marks that change, and the days' observations.

    `quotes` are best bid and ask of each, 0 for none, micro-CNY; `pledged` is GPU-hours under lien.
    """
    parameters = state.market_data.risk_parameters
    assert parameters is not None, "genesis publishes the risk parameters"
    inputs = [
        _inputs(node, quote, pledged.get(name_of(node), 0), state, parameters)
        for node, quote in zip(nodes, quotes, strict=True)
    ]
    own = [_mark(i, parameters) for i in inputs]
    marks = [
        mark
        if MarkLevel.UNMARKABLE < mark.level <= MarkLevel.QUOTES
        else _mark(_with_neighbours(i, node, nodes, own), parameters)
        for i, node, mark in zip(inputs, nodes, own, strict=True)
    ]
    events: list[Event] = []
    for node, node_inputs, mark in zip(nodes, inputs, marks, strict=True):
        marked = _marked(node, node_inputs, mark, state, parameters)
        if marked != node.mark:
            events.append(marked)
        events += _observed(node, mark, state, parameters)
    return events


def name_of(node: Node | NodeMarked | NodeObserved) -> NodeName:
    """Its class, region and month."""
    return node.gpu_class, node.region, node.month


def _mark(inputs: MarkInputs, parameters: RiskParameters) -> NodeMark:
    mark = mark_node(inputs, parameters)
    is_capped = MarkNote.UP_MOVE_CAPPED_15PCT_PENDING in mark.notes
    if not is_capped or not is_rise_confirmed(inputs, parameters):
        return mark
    return mark_node(replace(inputs, is_rise_confirmed=True), parameters)


def _nodes_to_mark(state: State) -> list[Node]:
    """In the order of class, region and month."""
    data = state.market_data
    this_month = month_of(day_at(state.market_ns))
    found = {
        (node.gpu_class, node.region, node.month): node
        for node in data.nodes.values()
        if node.month >= this_month
    }
    for _, instrument_id in state.gates:
        instrument = state.instruments[instrument_id]
        if instrument.kind is _MONTH and instrument.mode is _TITLE:
            product = state.products[instrument.product_id]
            month = month_of(instrument.start_day)
            name = (product.gpu_class, product.region, month)
            if name not in found:
                found[name] = Node(*name)
    return [found[name] for name in sorted(found)]


def _inputs(
    node: Node, quote: tuple[int, int], hours: int, state: State, parameters: RiskParameters
) -> MarkInputs:
    today = day_at(state.market_ns)
    bid_micro, ask_micro = quote
    index = state.market_data.indices.get(f"{node.gpu_class}|{node.region}")
    previous_day = node.mark.observed_day if node.mark else 0
    return MarkInputs(
        month=node.month,
        traded=node.trades.traded(oldest_minute(state.market_ns, parameters), MICRO_PER_FEN),
        auction=_auction(node, hours, state, parameters),
        bid_micro=bid_micro,
        ask_micro=ask_micro,
        index=None
        if index is None
        else IndexQuote(
            index_micro=index.index_micro,
            basis_e12=node.basis_e12 or _BASIS_ONE_E12,
            age_days_count=trading_days_between(index.observed_day, today, state),
        ),
        previous=None
        if not node.real_mark_micro
        else PreviousMark(
            mark_micro=node.real_mark_micro,
            base_micro=node.base_micro if node.base_day == today else node.real_mark_micro,
            age_days_count=today - previous_day,
        ),
        pledged_hours=hours,
    )


def _auction(
    node: Node, pledged_hours: int, state: State, parameters: RiskParameters
) -> RecentAuction | None:
    """The youngest one that matched enough."""
    for auction in reversed(node.auctions):
        if is_deep(auction.matched_hours, pledged_hours, parameters):
            return RecentAuction(
                price_micro=auction.auction_price * MICRO_PER_FEN,
                matched_hours=auction.matched_hours,
                age_ns=state.market_ns - auction.at_ns,
            )
    return None


def _with_neighbours(
    inputs: MarkInputs, node: Node, nodes: Sequence[Node], marks: Sequence[NodeMark]
) -> MarkInputs:
    neighbours = tuple(
        MonthMark(month=other.month, mark_micro=mark.mark_micro, level=mark.level)
        for other, mark in zip(nodes, marks, strict=True)
        if other is not node and (other.gpu_class, other.region) == (node.gpu_class, node.region)
    )
    return replace(inputs, neighbours=neighbours)


def _quotes(node: Node, state: State) -> tuple[int, int]:
    """The node's best bid and ask over its products' month windows, 0 where there is none."""
    bids, asks = [], []
    for product in state.products.values():
        if (product.gpu_class, product.region) != (node.gpu_class, node.region):
            continue
        symbol = f"{product.code}:M{node.month % 10_000:04d}"
        instrument_id = state.instrument_ids.get(symbol)
        if instrument_id is not None:
            bids.append(state.core.best(instrument_id, Side.BUY))
            asks.append(state.core.best(instrument_id, Side.SELL))
    ask_price = min((price for price in asks if price), default=0)
    return max(bids, default=0) * MICRO_PER_FEN, ask_price * MICRO_PER_FEN


def pledged_hours(state: State) -> dict[NodeName, int]:
    """GPU-hours under lien by class, region and month."""
    found: dict[NodeName, int] = {}
    for pledge in state.pledges.values():
        if not pledge.pledged_qty:
            continue
        request = pledge.request
        product = state.products[request.product_id]
        day_hours = HOURS_PER_DAY * pledge.pledged_qty
        for month, from_day, to_day in months_within(request.start_day, request.end_day):
            name = (product.gpu_class, product.region, month)
            found[name] = found.get(name, 0) + (to_day - from_day) * day_hours
    return found


def _marked(
    node: Node, inputs: MarkInputs, mark: NodeMark, state: State, parameters: RiskParameters
) -> NodeMarked:
    today = day_at(state.market_ns)
    is_real = MarkLevel.UNMARKABLE < mark.level < MarkLevel.DECAYED
    previous_day = node.mark.observed_day if node.mark else 0
    span = parameters.adv_days_count
    recent_hours = sum(hours for day, hours in node.traded_days if day > today - span)
    return NodeMarked(
        gpu_class=node.gpu_class,
        region=node.region,
        month=node.month,
        mark_micro=mark.mark_micro,
        raw_micro=mark.raw_micro,
        level=int(mark.level),
        notes=[str(note) for note in mark.notes],
        bid_micro=inputs.bid_micro,
        ask_micro=inputs.ask_micro,
        adv_hours=recent_hours // span,
        observed_day=today if is_real else previous_day,
    )


def _observed(node: Node, mark: NodeMark, state: State, parameters: RiskParameters) -> list[Event]:
    """
    The day's entry in the node's history, for its first mark of level 1 to 6.

    The basis is of days on which both had a price: the index is of this or the last trading day.
    """
    today = day_at(state.market_ns)
    known = node.volatility
    is_real = MarkLevel.UNMARKABLE < mark.level < MarkLevel.DECAYED
    if not is_real or (known.recent_days and known.recent_days[-1] >= today):
        return []
    volatility = observe(known, mark.mark_micro, today, parameters)
    basis_e12 = node.basis_e12
    index = state.market_data.indices.get(f"{node.gpu_class}|{node.region}")
    if (
        index is not None
        and trading_days_between(index.observed_day, today, state) <= BASIS_AGE_DAYS_COUNT
        and mark.level <= MarkLevel.QUOTES
    ):
        basis_e12 = next_basis_e12(
            basis_e12 or None, mark.mark_micro, index.index_micro, parameters
        )
    return [
        NodeObserved(
            gpu_class=node.gpu_class,
            region=node.region,
            month=node.month,
            observed_day=today,
            mark_micro=mark.mark_micro,
            sigma_ewma_e12=volatility.sigma_ewma_e12,
            sigma_stress_e12=volatility.sigma_stress_e12,
            sigma_sum_e12=volatility.sigma_sum_e12,
            observed_count=volatility.observed_count,
            dropped_count=len(known.recent_days) + 1 - len(volatility.recent_days),
            basis_e12=basis_e12,
        )
    ]


# -- evolve ---------------------------------------------------------------------------------------


def evolve_index_price(event: IndexPricePublished, state: State) -> None:
    """The index is in force."""
    state.market_data.indices[f"{event.gpu_class}|{event.region}"] = event


def evolve_risk_parameters(event: RiskParametersPublished, state: State) -> None:
    """The constants are in force."""
    state.market_data.risk_parameters = event.risk_parameters
    state.market_data.risk_parameters_version = event.version


def evolve_node_mark(event: NodeMarked, state: State) -> None:
    """The mark stands until the next one."""
    node = state.market_data.node(event.gpu_class, event.region, event.month)
    node.mark, node.mark_seq = event, state.seq
    if MarkLevel.UNMARKABLE < event.level < MarkLevel.DECAYED:
        if event.observed_day > node.base_day:
            node.base_micro = node.real_mark_micro or event.mark_micro
            node.base_day = event.observed_day
        node.real_mark_micro = event.mark_micro


def evolve_node_observed(event: NodeObserved, state: State) -> None:
    """The day is part of the node's history."""
    node = state.market_data.node(event.gpu_class, event.region, event.month)
    node.volatility = observed(node.volatility, event)
    node.observed_seq, node.basis_e12 = state.seq, event.basis_e12


def evolve_marks(event: MarksPublished, state: State) -> None:
    """After a cycle only what the next one may use is kept."""
    state.market_data.marked_ns = state.market_ns
    parameters = state.market_data.risk_parameters
    assert parameters is not None, "genesis publishes the risk parameters"
    oldest = oldest_minute(state.market_ns, parameters)
    oldest_ns = state.market_ns - parameters.mark_window_hours * NS_PER_HOUR
    oldest_day = day_at(state.market_ns) - parameters.adv_days_count
    for node in state.market_data.nodes.values():
        node.trades.expire(oldest)
        node.auctions = [auction for auction in node.auctions if auction.at_ns >= oldest_ns]
        node.traded_days = [entry for entry in node.traded_days if entry[0] > oldest_day]
