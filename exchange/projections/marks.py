"""
Node marks and what goes with them, as of any sequence number.

A node is one GPU class in one region and one delivery month. Its marks, the risk parameters, the
calendars and the turn of the market's days are kept as versions with the record they came with, so
that a question about the past is a bisection and has the same answer for ever.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct

from exchange.collateral.volatility import Volatility, observed
from exchange.domain.events import (
    CalendarPublished,
    ClockAdvanced,
    Event,
    NodeMarked,
    NodeObserved,
    RiskParametersPublished,
    VenueCreated,
)
from exchange.domain.record import Record
from exchange.domain.windows import date_of, day_at
from exchange.domain.wire import NodeMarkView

from .projection import Handler, Projection

ValueT = TypeVar("ValueT")
Versions = list[tuple[int, ValueT]]
"""(seq, value) in the order of the log."""
NodeName = tuple[str, str, int]
"""Class, region, month."""


def node_mark_view(mark_seq: int, mark: NodeMarked) -> NodeMarkView:
    """A node's mark, which that record published, as the wire shows it."""
    return NodeMarkView(
        gpu_class=mark.gpu_class,
        region=mark.region,
        month=mark.month,
        mark_micro=mark.mark_micro,
        raw_micro=mark.raw_micro,
        level=mark.level,
        notes=mark.notes,
        mark_seq=mark_seq,
        bid_micro=mark.bid_micro,
        ask_micro=mark.ask_micro,
        adv_hours=mark.adv_hours,
        observed_day=mark.observed_day,
    )


class MarksState(Struct):
    """The checkpoint."""

    is_always_open: bool
    moments: list[tuple[int, int]]
    calendars: list[tuple[int, CalendarPublished]]
    parameters: list[tuple[int, RiskParametersPublished]]
    nodes: list[tuple[NodeName, list[tuple[int, NodeMarked]]]]
    volatilities: list[tuple[NodeName, Volatility]]


class Marks(Projection[MarksState]):
    """Every mark ever published, with the constants and the calendar of its time."""

    state_type = MarksState

    def __init__(self) -> None:
        super().__init__()
        self._is_always_open = False
        self._moments: Versions[int] = []
        """Market time as records moved it on."""
        self._calendars: Versions[CalendarPublished] = []
        self._parameters: Versions[RiskParametersPublished] = []
        self._nodes: dict[NodeName, Versions[NodeMarked]] = {}
        self._volatilities: dict[NodeName, Volatility] = {}
        """As they are now."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Marks, constants, calendars and days."""
        return {
            VenueCreated: self._create,
            ClockAdvanced: self._advance,
            CalendarPublished: self._publish_calendar,
            RiskParametersPublished: self._publish_parameters,
            NodeMarked: self._mark,
            NodeObserved: self._observe,
        }

    # -- queries

    def day_as_of(self, seq: int) -> int:
        """The delivery day that was running after that record; 0 before genesis."""
        return day_at(self.market_ns_as_of(seq))

    def market_ns_as_of(self, seq: int) -> int:
        """Market time after that record; 0 before genesis."""
        return _as_of(self._moments, seq, 0)

    def seq_at(self, market_ns: int) -> int | None:
        """The last record at or before a moment; None while that moment is not over."""
        at = bisect_right(self._moments, market_ns, key=_value_of)
        return self._moments[at][0] - 1 if at < len(self._moments) else None

    def parameters_of(self, version: int) -> tuple[int, RiskParametersPublished]:
        """A version of the constants, with the record that published it."""
        return self._parameters[version - 1]

    def volatility_of(self, name: NodeName) -> Volatility:
        """How a node's price has moved, up to now."""
        return self._volatilities.get(name, Volatility())

    def parameters_as_of(self, seq: int) -> RiskParametersPublished | None:
        """The constants in force after that record; None before genesis."""
        return _as_of(self._parameters, seq, None)

    def nodes_as_of(self, seq: int) -> list[tuple[int, NodeMarked]]:
        """Each node's mark with the record that published it, by class, region and month."""
        found = []
        for _, versions in sorted(self._nodes.items()):
            at = bisect_right(versions, seq, key=_seq_of)
            if at:
                found.append(versions[at - 1])
        return found

    def trading_days_between(self, earlier_day: int, later_day: int, seq: int) -> int:
        """Trading days after the one and up to the other; all, where no calendar tells."""
        days = range(earlier_day + 1, later_day + 1)
        if self._is_always_open:
            return len(days)
        calendars: dict[int, CalendarPublished] = {}
        for published_seq, calendar in self._calendars:
            if published_seq <= seq:
                calendars[calendar.year] = calendar
        trading = {year: frozenset(c.trading_days) for year, c in calendars.items()}
        return sum(day in trading.get(date_of(day).year, (day,)) for day in days)

    # -- checkpoint

    def state(self) -> MarksState:
        """All versions, nodes by name."""
        return MarksState(
            self._is_always_open,
            self._moments,
            self._calendars,
            self._parameters,
            sorted(self._nodes.items()),
            sorted(self._volatilities.items(), key=_name_of),
        )

    def load(self, state: MarksState) -> None:
        """Takes the versions."""
        self._is_always_open = state.is_always_open
        self._moments = state.moments
        self._calendars = state.calendars
        self._parameters = state.parameters
        self._nodes = dict(state.nodes)
        self._volatilities = dict(state.volatilities)

    # -- fold

    def _create(self, event: VenueCreated, record: Record, _index: int) -> None:
        self._is_always_open = event.is_always_open
        self._moments.append((record.seq, event.market_ns))

    def _advance(self, event: ClockAdvanced, record: Record, _index: int) -> None:
        if not self._moments or event.market_ns != self._moments[-1][1]:
            self._moments.append((record.seq, event.market_ns))

    def _publish_calendar(self, event: CalendarPublished, record: Record, _index: int) -> None:
        self._calendars.append((record.seq, event))

    def _publish_parameters(
        self, event: RiskParametersPublished, record: Record, _index: int
    ) -> None:
        self._parameters.append((record.seq, event))

    def _mark(self, event: NodeMarked, record: Record, _index: int) -> None:
        name = (event.gpu_class, event.region, event.month)
        self._nodes.setdefault(name, []).append((record.seq, event))

    def _observe(self, event: NodeObserved, _record: Record, _index: int) -> None:
        name = (event.gpu_class, event.region, event.month)
        self._volatilities[name] = observed(self.volatility_of(name), event)


def _value_of(version: tuple[int, int]) -> int:
    return version[1]


def _name_of(entry: tuple[NodeName, Volatility]) -> NodeName:
    return entry[0]


def _seq_of(version: tuple[int, object]) -> int:
    return version[0]


DefaultT = TypeVar("DefaultT")


def _as_of(versions: Versions[ValueT], seq: int, default: DefaultT) -> ValueT | DefaultT:
    at = bisect_right(versions, seq, key=_seq_of)
    return versions[at - 1][1] if at else default
