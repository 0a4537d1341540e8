"""
A mark taken apart: each figure with its formula, what went in, and which records that came from.

The model is run again on the event's own figures; `is_reproduced` says whether it gives the very
event, byte for byte. The formulas are those of model CR-1 (`exchange.collateral`); capital letters
are parameters of the version in force, whose record is among the sources.
"""

from collections.abc import Mapping

from exchange.collateral.pledge_marks import figures_of, haircut_of, priced, sources_of, worth_of
from exchange.domain.collateral_views import MarkExplanation, MarkLineView, MonthValueView
from exchange.domain.enums import TradingMode
from exchange.domain.events import PledgeRequested
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.wire import NodeMarkView

from .bundle import Projections
from .collateral import INPUTS, mark_view, shown_to
from .collateral_marks import PublishedMark
from .mark_formulas import CURVED, FORMULAS
from .marks import node_mark_view


def explanation(
    request: PledgeRequested, published: PublishedMark, projections: Projections, account_id: int
) -> MarkExplanation:
    """Everything about a published mark that the account may see; who sees all is 0."""
    mark = published.event
    figures = figures_of(mark)
    parameters_seq, version = projections.marks.parameters_of(mark.parameters_version)
    parameters = version.risk_parameters
    worth = worth_of(figures, parameters)
    values = {name: int(getattr(mark, name)) for name in _figures_named(mark)}
    values |= haircut_values(mark, parameters)
    sources = _sources(request, published, projections)
    product = projections.listings.products[request.product_id].code
    shown = shown_to(account_id, mark_view(request, product, mark, published.seq))
    hidden = set(INPUTS) - shown.inputs.keys()
    curve = {f"mark_micro_{point.month}": point.mark_micro for point in shown.curve}
    return MarkExplanation(
        mark=shown,
        nodes=_nodes(request, published, projections),
        months=[
            MonthValueView(
                month=month.month,
                forward_micro=month.forward_micro,
                pv_amount=month.pv_amount,
                nominal_amount=month.nominal_amount,
                slices_count=month.slices_count,
            )
            for month in worth.by_month
        ],
        lines=[
            MarkLineView(
                name=name,
                value=values[name],
                formula=formula,
                inputs={each: values[each] for each in inputs if each not in hidden}
                | {each: getattr(parameters, each) for each in constants}
                | (curve if name in CURVED else {}),
                source_seqs=sorted(
                    {seq for kind in kinds for seq in sources[kind]} | {parameters_seq}
                ),
            )
            for name, (formula, inputs, constants, kinds) in FORMULAS.items()
        ],
        is_reproduced=priced(figures, sources_of(mark), parameters) == mark,
    )


def haircut_values(mark: PledgeMarked, parameters: RiskParameters) -> dict[str, int]:
    """The haircut's lines by name, computed again."""
    figures = figures_of(mark)
    lines = haircut_of(figures, worth_of(figures, parameters), parameters).lines
    return {f"{name}_ppm": line_ppm for name, line_ppm in lines.named()}


def _nodes(
    request: PledgeRequested, published: PublishedMark, projections: Projections
) -> list[NodeMarkView]:
    """The marks that the curve's points are, with what the guards did."""
    product, points = projections.listings.products[request.product_id], published.event.mark_seqs
    return [
        node_mark_view(seq, node)
        for seq, node in projections.marks.nodes_as_of(published.seq)
        if seq in points
        and (node.gpu_class, node.region) == (product.gpu_class, product.region)
        and node.month in published.event.curve_months
    ]


def _figures_named(mark: PledgeMarked) -> list[str]:
    """The event's single figures."""
    return [name for name in mark.__struct_fields__ if isinstance(getattr(mark, name), int)]


def _sources(
    request: PledgeRequested, published: PublishedMark, projections: Projections
) -> Mapping[str, list[int]]:
    """Records, all before the mark's own or that one."""
    mark, known = published.event, projections.collateral_marks
    supplier_id = projections.listings.products[request.product_id].supplier_account_id
    accounts = (supplier_id, request.account_id)
    return {
        "request": [known.request_seq(mark.pledge_id)],
        "curve": mark.mark_seqs,
        "spot": [mark.spot_seq] if mark.spot_seq else [],
        "supplier": [known.admission_seq(account_id) for account_id in accounts],
        "uptime": known.uptime_seqs(supplier_id, published.seq, mark.market_ns),
        "halts": _halts(mark, supplier_id, published.seq, request, projections),
        "rulings": known.ruling_seqs(mark.pledge_id, published.seq),
        "pool": known.pool_seqs(published.seq),
    }


def _halts(
    mark: PledgeMarked,
    supplier_id: int,
    seq: int,
    request: PledgeRequested,
    projections: Projections,
) -> list[int]:
    """What stood in the way of the window's sale: halts of its class and region, and stops."""
    if not mark.is_halted:
        return []
    halts, listings = projections.halts, projections.listings
    product = listings.products[request.product_id]
    first_day = max(mark.start_day, mark.valuation_day + 1)
    overlapping = []
    for instrument_id in halts.halted_ids(seq):
        listed = listings.instruments[instrument_id].listed
        other = listings.products[listed.product_id]
        is_node = (other.gpu_class, other.region) == (product.gpu_class, product.region)
        is_over = listed.end_day <= first_day or listed.start_day >= mark.end_day
        if is_node and not is_over and listed.mode is TradingMode.TITLE:
            overlapping.append(instrument_id)
    return halts.halt_seqs(overlapping, seq) + halts.stop_seqs(supplier_id, seq)
