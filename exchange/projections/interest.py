"""
Open interest: what is held outside the suppliers' houses, by product and delivery day.

Primary sales pay into escrow and buy-backs out of it, so their events tell. Of a window it is the
least of its days: so much of it could be held as a whole.
"""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.events import EscrowFunded, EscrowReturned, Event
from exchange.domain.record import Record

from .projection import Handler, Projection

Span = tuple[int, int]
"""Days `[start, end)`."""


class InterestState(Struct):
    """The checkpoint."""

    sold: list[tuple[int, list[tuple[Span, int]]]]


class Interest(Projection[InterestState]):
    """Every product's sold GPUs, as quantities by span of days."""

    state_type = InterestState

    def __init__(self) -> None:
        super().__init__()
        self._sold: dict[int, dict[Span, int]] = {}
        self._by_day: dict[int, tuple[int, list[int]]] = {}
        """By product (first day, quantities from it on); derived, made when somebody asks."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Primary sales and buy-backs."""
        return {EscrowFunded: self._fund, EscrowReturned: self._return}

    def of(self, product_id: int, start_day: int, end_day: int) -> int:
        """The open interest of a window, in GPUs."""
        if product_id not in self._by_day:
            self._by_day[product_id] = _by_day(self._sold.get(product_id, {}))
        first_day, sold = self._by_day[product_id]
        if start_day < first_day or end_day > first_day + len(sold):
            return 0
        return min(sold[start_day - first_day : end_day - first_day])

    def state(self) -> InterestState:
        """Products and spans in order."""
        return InterestState([(key, sorted(spans.items())) for key, spans in self._rows()])

    def load(self, state: InterestState) -> None:
        """Takes the table."""
        self._sold = {key: dict(spans) for key, spans in state.sold}

    def _rows(self) -> list[tuple[int, dict[Span, int]]]:
        return sorted(self._sold.items())

    def _fund(self, event: EscrowFunded, _record: Record, _index: int) -> None:
        self._add(event.product_id, (event.start_day, event.end_day), event.sold_qty)

    def _return(self, event: EscrowReturned, _record: Record, _index: int) -> None:
        self._add(event.product_id, (event.start_day, event.end_day), -event.returned_qty)

    def _add(self, product_id: int, span: Span, qty: int) -> None:
        self._by_day.pop(product_id, None)
        spans = self._sold.setdefault(product_id, {})
        spans[span] = spans.get(span, 0) + qty


def _by_day(spans: Mapping[Span, int]) -> tuple[int, list[int]]:
    """The first day of any span, and the quantity of every day from there to the last."""
    if not spans:
        return 0, []
    first_day = min(start_day for start_day, _ in spans)
    changes = [0] * (max(end_day for _, end_day in spans) - first_day + 1)
    for (start_day, end_day), qty in spans.items():
        changes[start_day - first_day] += qty
        changes[end_day - first_day] -= qty
    qty, sold = 0, []
    for change in changes[:-1]:
        qty += change
        sold.append(qty)
    return first_day, sold
