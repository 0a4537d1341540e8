"""
Open interest: what is held outside the suppliers' houses, by product and delivery day.

Primary sales pay into escrow and buy-backs out of it, so their events tell. Of a window it is the
least of its days: so much of it could be held as a whole.

This is what the public is shown. It counts a book's trades at once, for the tape has them. A trade
of the desk is heard of later, and a large one never in full; so it counts from the first day of
market time on that begins after its publication, in one sum with what else became public the day
before. Counted at publication it would tell at once what the tape caps.
"""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.desk_events import DeskTradeExecuted, TradeBusted
from exchange.domain.enums import TradeSource
from exchange.domain.events import ClockAdvanced, EscrowFunded, EscrowReturned, Event
from exchange.domain.record import Record
from exchange.domain.windows import day_at, start_ns

from .projection import Handler, Projection

Span = tuple[int, int]
"""Days `[start, end)`."""


class Withheld(Struct):
    """What a trade of the desk adds, or takes where its quantities are negative."""

    publish_ns: int
    product_id: int
    parts: list[tuple[Span, int]]


class InterestState(Struct):
    """The checkpoint."""

    sold: list[tuple[int, list[tuple[Span, int]]]]
    withheld: list[tuple[int, Withheld]]
    shown_day: int


class Interest(Projection[InterestState]):
    """Every product's sold GPUs, as quantities by span of days."""

    state_type = InterestState

    def __init__(self) -> None:
        super().__init__()
        self._sold: dict[int, dict[Span, int]] = {}
        self._by_day: dict[int, tuple[int, list[int]]] = {}
        """By product (first day, quantities from it on); derived, made when somebody asks."""
        self._withheld: dict[int, Withheld] = {}
        """By the desk's trade, whose id is its record's number."""
        self._shown_day = 0
        """Of market time, the latest that has begun."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Primary sales and buy-backs, and when they may be seen."""
        return {
            DeskTradeExecuted: self._withhold,
            TradeBusted: self._bust,
            EscrowFunded: self._fund,
            EscrowReturned: self._return,
            ClockAdvanced: self._advance,
        }

    def of(self, product_id: int, start_day: int, end_day: int) -> int:
        """The open interest of a window, in GPUs."""
        if product_id not in self._by_day:
            self._by_day[product_id] = _by_day(self._sold.get(product_id, {}))
        first_day, sold = self._by_day[product_id]
        if start_day < first_day or end_day > first_day + len(sold):
            return 0
        return min(sold[start_day - first_day : end_day - first_day])

    def state(self) -> InterestState:
        """Products, spans and trades in order."""
        sold = [(key, sorted(spans.items())) for key, spans in self._rows()]
        return InterestState(sold, sorted(self._withheld.items(), key=_first), self._shown_day)

    def load(self, state: InterestState) -> None:
        """Takes the tables."""
        self._sold = {key: dict(spans) for key, spans in state.sold}
        self._withheld = dict(state.withheld)
        self._shown_day = state.shown_day

    def _rows(self) -> list[tuple[int, dict[Span, int]]]:
        return sorted(self._sold.items())

    # -- fold

    def _withhold(self, event: DeskTradeExecuted, _record: Record, _index: int) -> None:
        self._withheld[event.trade_id] = Withheld(event.publish_ns, event.product_id, [])

    def _bust(self, event: TradeBusted, _record: Record, _index: int) -> None:
        """What is undone unseen comes in with what undoes it, and both together are nothing."""
        if event.trade_source is TradeSource.DESK:
            self._show(event.trade_id)

    def _fund(self, event: EscrowFunded, record: Record, _index: int) -> None:
        self._move(event, record, event.sold_qty)

    def _return(self, event: EscrowReturned, record: Record, _index: int) -> None:
        self._move(event, record, -event.returned_qty)

    def _move(self, event: EscrowFunded | EscrowReturned, record: Record, qty: int) -> None:
        span = (event.start_day, event.end_day)
        withheld = self._withheld.get(record.seq)
        if withheld is None:
            self._add(event.product_id, span, qty)
        else:
            withheld.parts.append((span, qty))

    def _advance(self, event: ClockAdvanced, _record: Record, _index: int) -> None:
        day = day_at(event.market_ns)
        if day == self._shown_day:
            return
        self._shown_day, midnight_ns = day, start_ns(day)
        for trade_id, withheld in list(self._withheld.items()):
            if withheld.publish_ns <= midnight_ns:
                self._show(trade_id)

    def _show(self, trade_id: int) -> None:
        withheld = self._withheld.pop(trade_id, None)
        if withheld is not None:
            for span, qty in withheld.parts:
                self._add(withheld.product_id, span, qty)

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


def _first(row: tuple[int, Withheld]) -> int:
    return row[0]
