"""
Collateral marks computed again, by whoever has the log or an extract of it.

    records, or a bank's extract ─▶ MarksReplay ─▶ the bytes that `/v1/collateral/marks` answers

Each mark is priced again from its own figures, and these are compared with the node marks and the
observations in the records that it names, with the hours that its supplier delivered, and with what
its pledge is (`exchange.told_state`). That is done as the mark comes, for a mark goes on from those
before it; what differs is said when an answer rests on it. What the events alone cannot show is
taken from the mark itself: affiliation and halts.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from exchange.collateral.curve import months_within
from exchange.collateral.expected_shortfall import historical_es_e12
from exchange.collateral.marks import MarkLevel
from exchange.collateral.node_curve import (
    adv_hours,
    curve_points,
    mean_half_spread_ppm,
    spot_of,
    worst_source,
)
from exchange.collateral.pledge_marks import figures_of, priced, sources_of
from exchange.collateral.uptime import Uptime
from exchange.collateral.volatility import Volatility
from exchange.domain.events import (
    Event,
    NodeMarked,
    NodeObserved,
    PledgeRequested,
    ProductDefined,
    RiskParametersPublished,
)
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import Record
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.windows import month_of
from exchange.extract import ToldRecord
from exchange.projections.collateral import list_of, mark_view, marks_seen, shown_to
from exchange.projections.collateral_marks import CollateralMarks
from exchange.projections.deliveries import Deliveries
from exchange.projections.listings import Listings
from exchange.projections.marks import Marks
from exchange.projections.participants import Participants
from exchange.projections.pledges import Pledges
from exchange.projections.projection import Projection
from exchange.projections.supplier_uptime import supplier_uptime
from exchange.told_nodes import NodeDiffers
from exchange.told_state import ToldMark, ToldState


class MarkDiffers(Exception):
    """A mark is not what its figures, or the records that it names, make; says which and where."""

    exit_code = 1


class MarksReplay:
    """The read models that marks are answered from; records may be missing in between."""

    def __init__(self) -> None:
        self.at_seq = 0
        self.listings, self.pledges, self.marks = Listings(), Pledges(), Marks()
        self.collateral_marks, self.participants = CollateralMarks(), Participants()
        self.deliveries = Deliveries()
        self._observed_seqs: dict[tuple[str, str, int], int] = {}
        """By class, region and month, the record of the last one."""
        self._product_seqs: dict[int, int] = {}
        self._versions: dict[int, tuple[int, RiskParameters]] = {}
        self.told = ToldState()
        self._differences: list[tuple[int, PledgeRequested | None, MarkDiffers]] = []
        """(record, what was asked for or None for all, what differs) in the order of the log."""

    def take(self, record: Record) -> None:
        """The next record, or what of it is known."""
        for event in record.events:
            self._take(event, record.seq)
        models = (
            self.listings,
            self.pledges,
            self.marks,
            self.collateral_marks,
            self.participants,
        )
        for model in models:
            _fold(model, record)
        # A mark is decided before anything of its own record has happened.
        if isinstance(record, ToldRecord):
            self._compare_nodes(record)
        self._compare(record)
        _fold(self.deliveries, record)
        with _told_before(record.seq):
            self.told.take(record, self.pledges)
        self.at_seq = record.seq

    def answer(self, seq: int, account_id: int = 0) -> bytes:
        """
        The marks in force after a record, of an account's pledges or (0) of all, as JSON.

        Raises `MarkDiffers` at the first that cannot be had again, also of those before them.
        """
        for differs_seq, asked, differs in self._differences:
            is_seen = asked is None or account_id in (0, asked.account_id, asked.bank_account_id)
            if is_seen and differs_seq <= seq:
                raise differs
        found = []
        for asked, mark in marks_seen(seq, account_id, self.pledges, self.collateral_marks):
            with _told_before(mark.seq):
                product = self.listings.products[asked.product_id]
            view = mark_view(asked, product.code, mark.event, mark.seq)
            found.append(msgspec.json.encode(shown_to(account_id, view)))
        return list_of(found)

    def trusted(self) -> str:
        """What of the marks was taken as it is stated, since the records do not show it."""
        nodes = self.told.nodes
        return (
            f"{nodes.marks_count} node marks come out of trades, indices and parameters; taken as "
            f"stated: their best bids and asks, in {nodes.depths_stated_count} of them how much "
            f"other banks' pledges make too little to count, of pledges halts and whether an owner "
            f"is of its supplier's house, and in {self.told.openings_stated_count} first marks "
            f"more recovery than is told of"
        )

    def rests_on(self, seq: int, account_id: int = 0) -> list[set[int]]:
        """The records that each mark of such an answer follows from, its own among them."""
        found = []
        for asked, mark in marks_seen(seq, account_id, self.pledges, self.collateral_marks):
            with _told_before(mark.seq):
                seqs = {
                    mark.seq,
                    *mark.event.mark_seqs,
                    mark.event.spot_seq,
                    self._parameters(mark.event)[0],
                    self._product_seqs[asked.product_id],
                    self.collateral_marks.request_seq(asked.pledge_id),
                }
            found.append(seqs - {0})
        return found

    def _take(self, event: Event, seq: int) -> None:
        if isinstance(event, NodeObserved):
            self._observed_seqs[_name(event)] = seq
        elif isinstance(event, ProductDefined):
            self._product_seqs[event.product_id] = seq
        elif isinstance(event, RiskParametersPublished):
            self._versions[event.version] = seq, event.risk_parameters

    def _compare_nodes(self, record: ToldRecord) -> None:
        """A cycle's marks of the nodes; of a log without facts its command is decided again."""
        try:
            with _told_before(record.seq):
                self.told.nodes.check(record.events)
        except (NodeDiffers, MarkDiffers) as differs:
            said = MarkDiffers(f"mark_differs: record {record.seq}: {differs}")
            self._differences.append((record.seq, None, said))

    def _compare(self, record: Record) -> None:
        """All marks of a record with what was told, while that is as it was then."""
        uptimes: dict[tuple[int, int], Uptime] = {}
        for mark in record.events:
            if not isinstance(mark, PledgeMarked):
                continue
            with _told_before(record.seq):
                asked = self.pledges.pledges[mark.pledge_id].request
                product = self.listings.products[asked.product_id]
            name = product.supplier_account_id, mark.market_ns
            if name not in uptimes:
                models = self.collateral_marks, self.deliveries
                uptimes[name] = supplier_uptime(*name, record.seq - 1, *models)
            try:
                self._check(ToldMark(mark, asked, record), product, uptimes[name])
            except MarkDiffers as differs:
                self._differences.append((record.seq, asked, differs))

    def _parameters(self, mark: PledgeMarked) -> tuple[int, RiskParameters]:
        """The constants of a mark, by their number: versions before may not have been told."""
        return self._versions[mark.parameters_version]

    def _check(self, told: ToldMark, product: ProductDefined, uptime: Uptime) -> None:
        """Compares a mark with what can be had again of it."""
        mark, seq = told.mark, told.record.seq
        with _told_before(seq):
            parameters = self._parameters(mark)[1]
        again = priced(figures_of(mark), sources_of(mark), parameters)
        _require_equal(mark, seq, _fields(again))
        _require_equal(mark, seq, uptime._asdict())
        market = self._market(mark, seq, product, parameters)
        if mark.level == 0:
            # A supplier that was ended has no value whatever the nodes say.
            del market["level"], market["age_days_count"]
        _require_equal(mark, seq, market)
        with _told_before(seq):
            figures = self.told.figures(told)
        _require_equal(mark, seq, figures)

    def _market(
        self, mark: PledgeMarked, seq: int, product: ProductDefined, parameters: RiskParameters
    ) -> dict[str, object]:
        """What the nodes' records say, by the names of the mark's fields."""
        nodes = [
            (node_seq, node)
            for node_seq, node in self.marks.nodes_as_of(seq)
            if (node.gpu_class, node.region) == (product.gpu_class, product.region)
            and node.month >= month_of(mark.valuation_day)
        ]
        marks, seqs = [node for _, node in nodes], {node.month: at for at, node in nodes}
        spans = months_within(max(mark.start_day, mark.valuation_day + 1), mark.end_day)
        points = curve_points(spans, marks)
        level, observed_day = worst_source(spans, marks)
        is_decayed, today = level is MarkLevel.DECAYED, mark.valuation_day
        age_days_count = self.marks.trading_days_between(observed_day, today, seq)
        found: dict[str, object] = {
            "level": int(level),
            "age_days_count": age_days_count if is_decayed else 0,
            "curve_months": [point.month for point in points],
            "curve_marks_micro": [point.mark_micro for point in points],
            "mark_seqs": [seqs[point.month] for point in points],
            "adv_hours": adv_hours(spans, marks),
            "half_spread_ppm": mean_half_spread_ppm(spans, marks, parameters),
            "is_trading_day": self._is_trading_day(mark.valuation_day, seq),
            **self._spot(mark, marks, parameters),
        }
        return found

    def _is_trading_day(self, day: int, seq: int) -> bool:
        return self.marks.trading_days_between(day - 1, day, seq) > 0

    def _spot(
        self, told: PledgeMarked, marks: Sequence[NodeMarked], parameters: RiskParameters
    ) -> dict[str, object]:
        """Which month is the spot, and what has been observed of it."""
        known = {mark.month: self.marks.volatility_of(_name(mark)) for mark in marks}
        counts = {month: each.observed_count for month, each in known.items()}
        spot = spot_of(marks, counts, parameters)
        volatility = Volatility() if spot is None else known[spot.month]
        history_e12 = historical_es_e12(volatility, told.strip_factor_e12, parameters)
        return {
            "spot_month": 0 if spot is None else spot.month,
            "spot_seq": 0 if spot is None else self._observed_seqs.get(_name(spot), 0),
            "sigma_ewma_e12": volatility.sigma_ewma_e12,
            "sigma_stress_e12": volatility.sigma_stress_e12,
            "sigma_long_e12": volatility.sigma_long_e12(),
            "historical_es_e12": history_e12,
        }


def _name(event: NodeMarked | NodeObserved) -> tuple[str, str, int]:
    return event.gpu_class, event.region, event.month


def _fold(model: Projection[Any], record: Record) -> None:
    for index, event in enumerate(record.events):
        handler = model.handlers.get(type(event))
        if handler is not None:
            with _told_before(record.seq):
                handler(event, record, index)


@contextlib.contextmanager
def _told_before(seq: int) -> Iterator[None]:
    """Says so where a record that this one follows was not told."""
    try:
        yield
    except LookupError as error:
        raise MarkDiffers(
            f"mark_differs: record {seq} follows from a record that was left out: {error!r}"
        ) from error


def _fields(mark: PledgeMarked) -> dict[str, object]:
    return {name: getattr(mark, name) for name in mark.__struct_fields__}


def _require_equal(mark: PledgeMarked, seq: int, found: dict[str, object]) -> None:
    for name, value in found.items():
        if getattr(mark, name) != value:
            raise MarkDiffers(
                f"mark_differs: pledge {mark.pledge_id}, record {seq}: {name} is recorded as "
                f"{getattr(mark, name)!r} and comes out as {value!r}"
            )
