"""Settlement prices in force, and what each month's price leaves to its other days."""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.events import Event, SettlementPricePublished
from exchange.domain.record import Record
from exchange.domain.schedule_events import CurvePublished, SettlementCompleted

from .projection import Handler, Projection


class Settled(Struct, frozen=True):
    """A window's latest price, and the record that published it."""

    price: SettlementPricePublished
    settlement_seq: int


class SettlementsState(Struct):
    """The checkpoint."""

    settled_day: int
    prices: list[Settled]
    curves: list[CurvePublished]


class Settlements(Projection[SettlementsState]):
    """The latest price of every window, and the curves of the last day that was settled."""

    state_type = SettlementsState

    def __init__(self) -> None:
        super().__init__()
        self.settled_day = 0
        """The last trading day whose prices are complete."""
        self.prices: dict[int, Settled] = {}
        """By instrument."""
        self.curves: dict[tuple[int, int], CurvePublished] = {}
        """By product and month."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Prices, curves, and the end of a settlement."""
        return {
            SettlementPricePublished: self._price,
            CurvePublished: self._curve,
            SettlementCompleted: self._complete,
        }

    def state(self) -> SettlementsState:
        """Both tables in the order of their keys."""
        return SettlementsState(
            self.settled_day,
            [settled for _, settled in sorted(self.prices.items())],
            [curve for _, curve in sorted(self.curves.items())],
        )

    def load(self, state: SettlementsState) -> None:
        """Takes the tables."""
        self.settled_day = state.settled_day
        self.prices = {settled.price.instrument_id: settled for settled in state.prices}
        self.curves = {(curve.product_id, curve.month): curve for curve in state.curves}

    def _price(self, event: SettlementPricePublished, record: Record, _index: int) -> None:
        self.prices[event.instrument_id] = Settled(event, record.seq)

    def _curve(self, event: CurvePublished, _record: Record, _index: int) -> None:
        self.curves[event.product_id, event.month] = event

    def _complete(self, event: SettlementCompleted, _record: Record, _index: int) -> None:
        self.settled_day = event.settlement_day
        self.curves = {
            key: curve
            for key, curve in self.curves.items()
            if curve.settlement_day == event.settlement_day
        }
