"""Products and the delivery windows listed on them."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from exchange.domain.enums import SessionState
from exchange.domain.events import (
    Event,
    InstrumentExpired,
    InstrumentListed,
    ProductDefined,
    TradingSessionChanged,
)
from exchange.domain.record import Record
from exchange.domain.schedule_events import GateMoved, InstrumentCascaded

from .projection import Handler, Projection

_TAKES_ORDERS = (SessionState.PRE_OPEN, SessionState.CONTINUOUS, SessionState.CLOSING_AUCTION)


class Instrument(Struct):
    """A delivery window of a product."""

    listed: InstrumentListed
    is_open: bool = True
    has_opened: bool = False
    """Whether the venue has taken orders since it was listed."""


class ListingsState(Struct):
    """The checkpoint."""

    products: list[ProductDefined]
    instruments: list[Instrument]
    session_state: SessionState
    cascades: list[InstrumentCascaded]


class Listings(Projection[ListingsState]):
    """Every product and instrument ever listed; an expired one stays, no longer open."""

    state_type = ListingsState

    def __init__(self) -> None:
        super().__init__()
        self.products: dict[int, ProductDefined] = {}
        self.instruments: dict[int, Instrument] = {}
        self.instrument_ids: dict[str, int] = {}
        """By symbol."""
        self.session_state = SessionState.CONTINUOUS
        self.cascades: dict[int, InstrumentCascaded] = {}
        """By instrument."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Definition, listing, the first session, expiry."""
        return {
            ProductDefined: self._define,
            InstrumentListed: self._list,
            GateMoved: self._move_gate,
            TradingSessionChanged: self._change,
            InstrumentCascaded: self._cascade,
            InstrumentExpired: self._expire,
        }

    def product_named(self, code: str) -> ProductDefined | None:
        """The product with this code."""
        return next((p for p in self.products.values() if p.code == code), None)

    def instrument_named(self, symbol: str) -> InstrumentListed | None:
        """The instrument with this symbol, open or expired."""
        instrument_id = self.instrument_ids.get(symbol)
        return None if instrument_id is None else self.instruments[instrument_id].listed

    def of_product(self, product_id: int) -> list[Instrument]:
        """A product's instruments in the order of their windows."""
        found = [i for i in self.instruments.values() if i.listed.product_id == product_id]
        return sorted(found, key=lambda i: (i.listed.start_day, i.listed.end_day, i.listed.symbol))

    def state(self) -> ListingsState:
        """All tables in the order of their ids."""
        return ListingsState(
            [product for _, product in sorted(self.products.items())],
            [instrument for _, instrument in sorted(self.instruments.items())],
            self.session_state,
            [cascade for _, cascade in sorted(self.cascades.items())],
        )

    def load(self, state: ListingsState) -> None:
        """Takes the tables and indexes the symbols."""
        self.products = {p.product_id: p for p in state.products}
        self.instruments = {i.listed.instrument_id: i for i in state.instruments}
        self.instrument_ids = {i.listed.symbol: i.listed.instrument_id for i in state.instruments}
        self.session_state = state.session_state
        self.cascades = {cascade.instrument_id: cascade for cascade in state.cascades}

    def _define(self, event: ProductDefined, _record: Record, _index: int) -> None:
        self.products[event.product_id] = event

    def _list(self, event: InstrumentListed, _record: Record, _index: int) -> None:
        self.instruments[event.instrument_id] = Instrument(
            event, has_opened=self.session_state in _TAKES_ORDERS
        )
        self.instrument_ids[event.symbol] = event.instrument_id

    def _move_gate(self, event: GateMoved, _record: Record, _index: int) -> None:
        instrument = self.instruments[event.instrument_id]
        gate_closure_ns = event.gate_closure_ns
        instrument.listed = replace(instrument.listed, gate_closure_ns=gate_closure_ns)

    def _change(self, event: TradingSessionChanged, _record: Record, _index: int) -> None:
        self.session_state = event.session_state
        if event.session_state in _TAKES_ORDERS:
            for instrument in self.instruments.values():
                instrument.has_opened = True

    def _cascade(self, event: InstrumentCascaded, _record: Record, _index: int) -> None:
        self.cascades[event.instrument_id] = event

    def _expire(self, event: InstrumentExpired, _record: Record, _index: int) -> None:
        self.instruments[event.instrument_id].is_open = False
