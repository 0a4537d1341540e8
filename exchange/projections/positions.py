"""
Unit-days held: the six step functions over delivery days.

A step function is kept as the quantity by span: every trade, grant and pledge adds to the span it
concerns, which costs the same for a day and for a year. The days are worked out when somebody asks.
So buying twelve months one by one and buying their year once give the same answer, and windows that
overlap add up.
"""

from collections.abc import Mapping
from itertools import pairwise

from msgspec import Struct, field
from msgspec.structs import astuple

from exchange.domain.enums import Side, TradingMode
from exchange.domain.events import (
    CapacityGranted,
    Event,
    InstrumentListed,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    PledgeAccepted,
    PledgeReleased,
    PledgeRequested,
    ProductDefined,
    SubletOpened,
    TradeExecuted,
)
from exchange.domain.movements import (
    CapacityWithdrawn,
    CollateralSold,
    DeliveryDayClosed,
    HoldClosed,
    HoldOpened,
    SubletEnded,
    SubletGranted,
    TitleTransferred,
)
from exchange.domain.record import Record
from exchange.domain.wire import ProductPosition, Run

from .projection import Handler, Projection

Span = tuple[int, int]
"""Days `[start, end)`."""


class Holding(Struct):
    """An account's step functions in one product, as quantities by span."""

    title: dict[Span, int] = field(default_factory=dict)
    lien: dict[Span, int] = field(default_factory=dict)
    reserved_sale: dict[Span, int] = field(default_factory=dict)
    sublet_out: dict[Span, int] = field(default_factory=dict)
    sublet_in: dict[Span, int] = field(default_factory=dict)
    reserved_sublet: dict[Span, int] = field(default_factory=dict)


class OpenSale(Struct, gc=False):
    """A sell order's account, instrument and what it still reserves, or what a hold does."""

    account_id: int
    instrument_id: int
    leaves_qty: int
    link_id: int = 0
    """0 where it is linked to none."""


_USABLE = {"title": 1, "sublet_out": -1, "sublet_in": 1}
_SUBLETTABLE = {"title": 1, "sublet_out": -1, "reserved_sublet": -1, "reserved_sale": -1}
_SELLABLE = {**_SUBLETTABLE, "lien": -1}
"""What can be done with a day, as sums of its functions."""
Rows = list[tuple[Span, int]]


class PositionsState(Struct):
    """The checkpoint."""

    codes: list[tuple[int, str]]
    windows: list[tuple[int, tuple[int, int, int, bool]]]
    holdings: list[tuple[tuple[int, int], tuple[Rows, ...]]]
    sales: list[tuple[int, OpenSale]]
    holds: list[tuple[int, HoldOpened]]
    pledges: list[PledgeRequested]
    closed_days: list[tuple[int, list[int]]]


class Positions(Projection[PositionsState]):
    """
    Every account's unit-days.

    `changed` collects the accounts whose functions moved since whoever publishes last cleared it.
    """

    state_type = PositionsState

    def __init__(self) -> None:
        super().__init__()
        self.changed: set[int] = set()
        self._codes: dict[int, str] = {}
        self._windows: dict[int, tuple[int, int, int, bool]] = {}
        """(product, start, end, whether its use trades) by instrument."""
        self._holdings: dict[tuple[int, int], Holding] = {}
        """By (account, product)."""
        self._sales: dict[int, OpenSale] = {}
        self._linked: dict[tuple[int, int], list[OpenSale]] = {}
        """Those that are linked, by (account, link)."""
        self._holds: dict[int, HoldOpened] = {}
        """Those that keep days."""
        self._pledges: dict[int, PledgeRequested] = {}
        self._closed_days: dict[int, set[int]] = {}
        """By product: a lien on them ended with the day."""
        self._by_product: dict[int, list[tuple[int, Holding]]] = {}
        """The same holdings with their accounts, so that the end of a day finds its own."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Whatever moves a step function, and the windows it speaks of."""
        return {
            ProductDefined: self._define,
            InstrumentListed: self._list,
            CapacityGranted: self._grant,
            OrderAccepted: self._accept,
            OrderAmended: self._amend,
            OrderCancelled: self._cancel,
            TradeExecuted: self._trade,
            SubletOpened: self._sublet,
            SubletGranted: self._sublet,
            SubletEnded: self._end_sublet,
            HoldOpened: self._open_hold,
            HoldClosed: self._close_hold,
            TitleTransferred: self._transfer,
            CollateralSold: self._sell_collateral,
            CapacityWithdrawn: self._withdraw,
            DeliveryDayClosed: self._close_day,
            PledgeRequested: self._request_pledge,
            PledgeAccepted: self._accept_pledge,
            PledgeReleased: self._release_pledge,
        }

    # -- queries

    def of(self, account_id: int) -> list[ProductPosition]:
        """The account's step functions, by product code; products without any are left out."""
        found = [
            ProductPosition(
                product=self._codes[product_id],
                title=runs(holding.title),
                lien=runs(holding.lien),
                reserved_sale=runs(holding.reserved_sale),
                sublet_out=runs(holding.sublet_out),
                sublet_in=runs(holding.sublet_in),
                reserved_sublet=runs(holding.reserved_sublet),
                usable=runs(_sum(holding, _USABLE)),
                sellable=_above_zero(runs(_sum(holding, _SELLABLE))),
                sublettable=_above_zero(runs(_sum(holding, _SUBLETTABLE))),
            )
            for (owner_id, product_id), holding in self._holdings.items()
            if owner_id == account_id
        ]
        held = [p for p in found if p.title or p.lien or p.reserved_sale or p.sublet_in]
        return sorted(held, key=lambda position: position.product)

    def held_qty(self, account_id: int, product_id: int, start_day: int, end_day: int) -> int:
        """Title that the account has on every day of the window."""
        holding = self._holdings.get((account_id, product_id))
        at_day, least_qty = start_day, 0
        for run in runs(holding.title) if holding is not None else []:
            if run.start_day <= at_day < run.end_day:
                least_qty = run.qty if at_day == start_day else min(least_qty, run.qty)
                at_day = run.end_day
        return least_qty if at_day >= end_day else 0

    def holders(self, product_id: int, day: int) -> list[tuple[int, int]]:
        """Accounts with title of a day and how much, by account; nobody of one that is over."""
        found = [
            (account_id, sum(qty for (s, e), qty in holding.title.items() if s <= day < e))
            for account_id, holding in self._by_product.get(product_id, ())
        ]
        return sorted((account_id, qty) for account_id, qty in found if qty)

    def total_title(self, product_id: int) -> list[Run]:
        """Title of all accounts together: what was granted."""
        spans: dict[Span, int] = {}
        for (_, held_id), holding in self._holdings.items():
            if held_id == product_id:
                for span, qty in holding.title.items():
                    _add(spans, span, qty)
        return runs(spans)

    # -- checkpoint

    def state(self) -> PositionsState:
        """All tables in the order of their keys."""
        return PositionsState(
            sorted(self._codes.items()),
            sorted(self._windows.items()),
            [
                (key, tuple(_rows(spans) for spans in astuple(h)))
                for key, h in sorted(self._holdings.items())
            ],
            sorted(self._sales.items(), key=_first),
            sorted(self._holds.items(), key=_first),
            [pledge for _, pledge in sorted(self._pledges.items())],
            [(product_id, sorted(days)) for product_id, days in sorted(self._closed_days.items())],
        )

    def load(self, state: PositionsState) -> None:
        """Takes the tables."""
        self._codes = dict(state.codes)
        self._windows = dict(state.windows)
        self._holdings = {
            key: Holding(*(dict(rows) for rows in functions)) for key, functions in state.holdings
        }
        self._sales = dict(state.sales)
        self._linked = {}
        for sale in self._sales.values():
            if sale.link_id:
                self._linked.setdefault((sale.account_id, sale.link_id), []).append(sale)
        self._holds = dict(state.holds)
        self._pledges = {p.pledge_id: p for p in state.pledges}
        self._closed_days = {product_id: set(days) for product_id, days in state.closed_days}
        self._by_product = {}
        for (account_id, product_id), holding in self._holdings.items():
            self._by_product.setdefault(product_id, []).append((account_id, holding))

    # -- fold

    def _define(self, event: ProductDefined, _record: Record, _index: int) -> None:
        self._codes[event.product_id] = event.code

    def _list(self, event: InstrumentListed, _record: Record, _index: int) -> None:
        is_sublet = event.mode is TradingMode.SUBLET
        window = (event.product_id, event.start_day, event.end_day, is_sublet)
        self._windows[event.instrument_id] = window

    def _grant(self, event: CapacityGranted, _record: Record, _index: int) -> None:
        holding = self._holding(event.account_id, event.product_id)
        _add(holding.title, (event.start_day, event.end_day), event.granted_qty)

    def _accept(self, event: OrderAccepted, _record: Record, _index: int) -> None:
        if event.side is Side.SELL:
            sale = OpenSale(event.account_id, event.instrument_id, 0, event.link_id)
            self._sales[event.order_id] = sale
            if sale.link_id:
                self._linked.setdefault((sale.account_id, sale.link_id), []).append(sale)
            self._reserve(event.order_id, sale, event.order_qty)

    def _amend(self, event: OrderAmended, _record: Record, _index: int) -> None:
        sale = self._sales.get(event.order_id)
        if sale is not None:
            self._reserve(event.order_id, sale, event.leaves_qty)

    def _cancel(self, event: OrderCancelled, _record: Record, _index: int) -> None:
        sale = self._sales.get(event.order_id)
        if sale is not None:
            self._reserve(event.order_id, sale, 0)

    def _trade(self, event: TradeExecuted, _record: Record, _index: int) -> None:
        if event.taker_side is Side.BUY:
            buyer_id, order_id = event.taker_account_id, event.maker_order_id
            leaves_qty = event.maker_leaves_qty
        else:
            buyer_id, order_id = event.maker_account_id, event.taker_order_id
            leaves_qty = event.taker_leaves_qty
        sale = self._sales[order_id]
        product_id, start_day, end_day, is_sublet = self._windows[event.instrument_id]
        span = (start_day, end_day)
        self._reserve(order_id, sale, leaves_qty)
        if is_sublet:
            return
        _add(self._holding(sale.account_id, product_id).title, span, -event.last_qty)
        _add(self._holding(buyer_id, product_id).title, span, event.last_qty)

    def _sublet(self, event: SubletOpened | SubletGranted, _record: Record, _index: int) -> None:
        span = (event.start_day, event.end_day)
        lessor = self._holding(event.lessor_account_id, event.product_id)
        lessee = self._holding(event.lessee_account_id, event.product_id)
        _add(lessor.sublet_out, span, event.sublet_qty)
        _add(lessee.sublet_in, span, event.sublet_qty)

    def _end_sublet(self, event: SubletEnded, _record: Record, _index: int) -> None:
        span = (event.start_day, event.end_day)
        lessor = self._holding(event.lessor_account_id, event.product_id)
        lessee = self._holding(event.lessee_account_id, event.product_id)
        _add(lessor.sublet_out, span, -event.sublet_qty)
        _add(lessee.sublet_in, span, -event.sublet_qty)

    def _open_hold(self, event: HoldOpened, _record: Record, _index: int) -> None:
        if event.product_id:
            self._holds[event.hold_id] = event
            self._set_aside(event, 1)

    def _close_hold(self, event: HoldClosed, _record: Record, _index: int) -> None:
        hold = self._holds.pop(event.hold_id, None)
        if hold is not None:
            self._set_aside(hold, -1)

    def _set_aside(self, hold: HoldOpened, sign: int) -> None:
        holding = self._holding(hold.account_id, hold.product_id)
        reserved = holding.reserved_sublet if hold.is_sublet else holding.reserved_sale
        _add(reserved, (hold.start_day, hold.end_day), sign * hold.held_qty)

    def _transfer(self, event: TitleTransferred, _record: Record, _index: int) -> None:
        span = (event.start_day, event.end_day)
        seller = self._holding(event.seller_account_id, event.product_id)
        buyer = self._holding(event.buyer_account_id, event.product_id)
        _add(seller.title, span, -event.transferred_qty)
        _add(buyer.title, span, event.transferred_qty)

    def _sell_collateral(self, event: CollateralSold, _record: Record, _index: int) -> None:
        span = (event.start_day, event.end_day)
        seller = self._holding(event.seller_account_id, event.product_id)
        buyer = self._holding(event.buyer_account_id, event.product_id)
        _add(seller.lien, span, -event.sold_qty)
        _add(seller.title, span, -event.sold_qty)
        _add(buyer.title, span, event.sold_qty)
        for part in event.novated:
            days = (part.start_day, part.end_day)
            _add(seller.sublet_out, days, -part.sublet_qty)
            if part.new_sublet_id:
                _add(buyer.sublet_out, days, part.sublet_qty)
            else:
                _add(buyer.sublet_in, days, -part.sublet_qty)
            self.changed.add(part.lessee_account_id)

    def _withdraw(self, event: CapacityWithdrawn, _record: Record, _index: int) -> None:
        holding = self._holding(event.account_id, event.product_id)
        _add(holding.title, (event.start_day, event.end_day), -event.withdrawn_qty)

    def _close_day(self, event: DeliveryDayClosed, _record: Record, _index: int) -> None:
        self._closed_days.setdefault(event.product_id, set()).add(event.day)
        for account_id, holding in self._by_product.get(event.product_id, ()):
            if _cut(holding, event.day):
                self.changed.add(account_id)

    def _request_pledge(self, event: PledgeRequested, _record: Record, _index: int) -> None:
        self._pledges[event.pledge_id] = event

    def _accept_pledge(self, event: PledgeAccepted, _record: Record, _index: int) -> None:
        pledge = self._pledges[event.pledge_id]
        self._encumber(pledge, pledge.pledged_qty)

    def _release_pledge(self, event: PledgeReleased, _record: Record, _index: int) -> None:
        self._encumber(self._pledges[event.pledge_id], -event.released_qty)

    def _encumber(self, pledge: PledgeRequested, added_qty: int) -> None:
        """Puts a lien on so many GPUs, or lifts it, on the days that are not over."""
        holding = self._holding(pledge.account_id, pledge.product_id)
        first_day = pledge.start_day
        for day in sorted(self._closed_days.get(pledge.product_id, ())):
            if first_day <= day < pledge.end_day:
                if first_day < day:
                    _add(holding.lien, (first_day, day), added_qty)
                first_day = day + 1
        if first_day < pledge.end_day:
            _add(holding.lien, (first_day, pledge.end_day), added_qty)

    def _reserve(self, order_id: int, sale: OpenSale, leaves_qty: int) -> None:
        """Sets what a sell order still reserves; an order that reserves nothing is forgotten."""
        product_id, start_day, end_day, is_sublet = self._windows[sale.instrument_id]
        holding = self._holding(sale.account_id, product_id)
        reserved = holding.reserved_sublet if is_sublet else holding.reserved_sale
        if sale.link_id:
            self._reserve_linked(sale, leaves_qty, reserved)
        else:
            _add(reserved, (start_day, end_day), leaves_qty - sale.leaves_qty)
        sale.leaves_qty = leaves_qty
        if leaves_qty == 0:
            del self._sales[order_id]

    def _reserve_linked(self, sale: OpenSale, leaves_qty: int, reserved: dict[Span, int]) -> None:
        """Of linked sales each day reserves the largest that covers it."""
        group = self._linked[sale.account_id, sale.link_id]
        for span, qty in self._largest(group):
            _add(reserved, span, -qty)
        sale.leaves_qty = leaves_qty
        for span, qty in self._largest(group):
            _add(reserved, span, qty)
        if leaves_qty == 0:
            group.remove(sale)
        if not group:
            del self._linked[sale.account_id, sale.link_id]

    def _largest(self, group: list[OpenSale]) -> Rows:
        """The largest of some sales on each run of days that one of them covers."""
        windows = [(self._windows[sale.instrument_id], sale.leaves_qty) for sale in group]
        bounds = sorted({day for (_, *days, _), _ in windows for day in days})
        found = [
            (
                (start_day, end_day),
                max((qty for (_, s, e, _), qty in windows if s <= start_day < e), default=0),
            )
            for start_day, end_day in pairwise(bounds)
        ]
        return [(span, qty) for span, qty in found if qty]

    def _holding(self, account_id: int, product_id: int) -> Holding:
        self.changed.add(account_id)
        holding = self._holdings.get((account_id, product_id))
        if holding is None:
            holding = self._holdings[account_id, product_id] = Holding()
            self._by_product.setdefault(product_id, []).append((account_id, holding))
        return holding


def runs(spans: Mapping[Span, int]) -> list[Run]:
    """The steps of a day function given by spans: disjoint, in order, none of quantity 0."""
    changes: dict[int, int] = {}
    for (start_day, end_day), qty in spans.items():
        changes[start_day] = changes.get(start_day, 0) + qty
        changes[end_day] = changes.get(end_day, 0) - qty
    steps: list[Run] = []
    qty, from_day = 0, 0
    for day, change in sorted(changes.items()):
        if change == 0:
            continue
        if qty:
            steps.append(Run(from_day, day, qty))
        qty, from_day = qty + change, day
    return steps


def _add(spans: dict[Span, int], span: Span, qty: int) -> None:
    """Adds to a span and forgets one that comes to 0, so that equal holdings stay equal."""
    total_qty = spans.get(span, 0) + qty
    if total_qty:
        spans[span] = total_qty
    else:
        spans.pop(span, None)


def _cut(holding: Holding, day: int) -> bool:
    """
    Takes a day out of every span of every function; whether there was any.

    What is left of a span are the days before and behind, so days that end in their order only move
    the beginnings of spans, and their number does not grow.
    """
    is_changed = False
    for spans in (
        holding.title,
        holding.lien,
        holding.reserved_sale,
        holding.sublet_out,
        holding.sublet_in,
        holding.reserved_sublet,
    ):
        for span in [span for span in spans if span[0] <= day < span[1]]:
            qty = spans.pop(span)
            first_day, end_day = span
            if first_day < day:
                _add(spans, (first_day, day), qty)
            if day + 1 < end_day:
                _add(spans, (day + 1, end_day), qty)
            is_changed = True
    return is_changed


def _sum(holding: Holding, signs: Mapping[str, int]) -> dict[Span, int]:
    """Day functions added up, each with its sign."""
    total: dict[Span, int] = {}
    for name, sign in signs.items():
        for span, qty in getattr(holding, name).items():
            _add(total, span, sign * qty)
    return total


def _above_zero(steps: list[Run]) -> list[Run]:
    """What is free is never less than nothing; days that were let and pledged at once would be."""
    return [run for run in steps if run.qty > 0]


def _first(row: tuple[int, object]) -> int:
    return row[0]


def _rows(spans: dict[Span, int]) -> Rows:
    return sorted(spans.items())
