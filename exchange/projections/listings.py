"""Products and the delivery windows listed on them."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from exchange.domain.events import (
    Event,
    InstrumentExpired,
    InstrumentListed,
    ProductDefined,
)
from exchange.domain.record import Record
from exchange.domain.schedule_events import GateMoved

from .projection import Handler, Projection


class Instrument(Struct):
    """A delivery window of a product."""

    listed: InstrumentListed
    is_open: bool = True


class ListingsState(Struct):
    """The checkpoint."""

    products: list[ProductDefined]
    instruments: list[Instrument]


class Listings(Projection[ListingsState]):
    """Every product and instrument ever listed; an expired one stays, no longer open."""

    state_type = ListingsState

    def __init__(self) -> None:
        super().__init__()
        self.products: dict[int, ProductDefined] = {}
        self.instruments: dict[int, Instrument] = {}
        self.instrument_ids: dict[str, int] = {}
        """By symbol."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Definition, listing, expiry."""
        return {
            ProductDefined: self._define,
            InstrumentListed: self._list,
            GateMoved: self._move_gate,
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
        """Both tables in the order of their ids."""
        return ListingsState(
            [product for _, product in sorted(self.products.items())],
            [instrument for _, instrument in sorted(self.instruments.items())],
        )

    def load(self, state: ListingsState) -> None:
        """Takes the tables and indexes the symbols."""
        self.products = {p.product_id: p for p in state.products}
        self.instruments = {i.listed.instrument_id: i for i in state.instruments}
        self.instrument_ids = {i.listed.symbol: i.listed.instrument_id for i in state.instruments}

    def _define(self, event: ProductDefined, _record: Record, _index: int) -> None:
        self.products[event.product_id] = event

    def _list(self, event: InstrumentListed, _record: Record, _index: int) -> None:
        self.instruments[event.instrument_id] = Instrument(event)
        self.instrument_ids[event.symbol] = event.instrument_id

    def _move_gate(self, event: GateMoved, _record: Record, _index: int) -> None:
        instrument = self.instruments[event.instrument_id]
        gate_closure_ns = event.gate_closure_ns
        instrument.listed = replace(instrument.listed, gate_closure_ns=gate_closure_ns)

    def _expire(self, event: InstrumentExpired, _record: Record, _index: int) -> None:
        self.instruments[event.instrument_id].is_open = False
