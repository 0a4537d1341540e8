"""
The state as tables of rows: what people have words for, one noun a table.

`NOUNS` gives the rows of each noun, `positions` and `queues` those that two states are compared by
in their own way, `other_fields` whatever is in no row. Together they are the whole state, save what
only the core's bytes tell.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from exchange.domain.enums import ExecInst, SelfMatchPolicy, Side, TimeInForce
from exchange.domain.windows import date_of
from exchange.rules import State
from exchange.rules.rows import rows_of

DayFunction = Literal[
    "title", "lien", "sublet_out", "sublet_in", "reserved_sale", "reserved_sublet"
]
Rows = Iterator[tuple[str, Any]]
"""(key, value): a key names its row for people and is unique in its noun."""
Run = tuple[int, int, int]
"""(start_day, end_day, qty) of a function of days that is 0 elsewhere."""


class Balance(Struct, frozen=True):
    """An account's cash, in fen."""

    available_amount: int
    held_amount: int


class OpenOrder(Struct, frozen=True):
    """An order in a book."""

    order_id: int
    account_id: int
    key_id: int
    session_id: int
    instrument_id: int
    side: Side
    order_qty: int
    limit_price: int
    time_in_force: TimeInForce
    exec_inst: ExecInst
    leaves_qty: int
    held_amount: int
    display_qty: int = 0
    self_match_policy: SelfMatchPolicy = SelfMatchPolicy.CANCEL_INCOMING
    expire_day: int = 0
    link_id: int = 0


class Level(Struct, frozen=True):
    """What a price level shows."""

    displayed_qty: int
    order_count: int


class Book(Struct, frozen=True):
    """How a book may trade."""

    session_state: int
    settlement_price: int
    low_limit_price: int
    high_limit_price: int
    dynamic_bps: int
    last_price: int


def account_name(account_id: int, state: State) -> str:
    """An account as people know it, with its number, because names need not be unique."""
    participant = state.participants.get(account_id)
    return f"{'the venue' if participant is None else participant.name} ({account_id})"


def span_of(start_day: int, end_day: int) -> str:
    """Half-open days as people write them."""
    return f"{date_of(start_day)} to {date_of(end_day)}"


def positions(state: State) -> Iterator[tuple[str, list[Run]]]:
    """Each account's functions of days, by product and function, save those that are 0."""
    for account_id in _account_ids(state):
        for product_id, product in state.products.items():
            for function in get_args(DayFunction):
                if runs := state.core.day_function(account_id, product_id, function):
                    yield f"{account_name(account_id, state)} {product.code} {function}", runs


def queues(state: State) -> Iterator[tuple[str, list[int]]]:
    """The order ids at each price, in time priority."""
    for instrument_id, instrument in state.instruments.items():
        for side in Side:
            for price, _, _ in state.core.levels(instrument_id, side, _EVERY_LEVEL):
                key = _level_key(instrument.symbol, side, price)
                yield key, state.core.queue(instrument_id, side, price)


def other_fields(state: State) -> Rows:
    """Fields that no noun shows, in a form that is equal for equal states."""
    for name in state.__dataclass_fields__:
        if name != "core" and name not in _SHOWN_FIELDS:
            yield name, rows_of(getattr(state, name))
    data = state.market_data
    for name in ("marked_ns", "risk_parameters", "risk_parameters_version"):
        yield f"market_data.{name}", getattr(data, name)
    for name in ("trades", "traded_days", "real_mark_micro", "volatility", "basis_e12"):
        nodes = [(key, getattr(node, name)) for key, node in sorted(data.nodes.items())]
        yield f"market_data.nodes.{name}", nodes
    core = state.core
    for name in ("base_day", "next_trade_id", "deposits_amount", "session_state", "is_catching_up"):
        yield f"core.{name}", getattr(core, name)


def _balances(state: State) -> Rows:
    for account_id in _account_ids(state):
        yield account_name(account_id, state), Balance(*state.core.balances(account_id))


def _orders(state: State) -> Rows:
    for account_id in _account_ids(state):
        for order_id in state.core.orders_of_account(account_id):
            order = state.core.order(order_id)
            assert order is not None, "an account's open orders are open"
            yield f"{order_id}", _open_order(order)


def _levels(state: State) -> Rows:
    for instrument_id, instrument in state.instruments.items():
        for side in Side:
            for price, qty, orders in state.core.levels(instrument_id, side, _EVERY_LEVEL):
                yield _level_key(instrument.symbol, side, price), Level(qty, orders)


def _books(state: State) -> Rows:
    for instrument_id, instrument in state.instruments.items():
        core = state.core
        yield instrument.symbol, Book(core.book_state(instrument_id), *core.bands(instrument_id))


def _escrows(state: State) -> Rows:
    for product_id, product in state.products.items():
        for start_day, end_day, qty, amount in state.core.escrow(product_id):
            yield f"{product.code} {span_of(start_day, end_day)}", (qty, amount)


def _granted(state: State) -> Rows:
    for product_id, product in state.products.items():
        for start_day, end_day, qty in state.core.granted(product_id):
            yield f"{product.code} {span_of(start_day, end_day)}", qty


def _marks(state: State) -> Rows:
    for node in state.market_data.nodes.values():
        if node.mark is not None:
            yield f"{node.gpu_class} {node.region} {node.month}", node.mark


def _indices(state: State) -> Rows:
    for name, index in state.market_data.indices.items():
        yield name.replace("|", " "), index


def _table(name: str) -> Callable[[State], Rows]:
    """A field of the state that is a table by number."""

    def rows(state: State) -> Rows:
        table: Mapping[int, Any] = getattr(state, name)
        for number, value in table.items():
            yield f"{number}", value

    return rows


NOUNS: dict[str, Callable[[State], Rows]] = {
    "balance": _balances,
    "order": _orders,
    "level": _levels,
    "book": _books,
    "escrow": _escrows,
    "granted": _granted,
    "mark": _marks,
    "index": _indices,
    "pledge": _table("pledges"),
    "quote_request": _table("quote_requests"),
    "quote": _table("quotes"),
    "block": _table("blocks"),
    "desk_trade": _table("desk_trades"),
    "book_trade": _table("book_trades"),
    "correction": _table("corrections"),
    "sublet": _table("sublets"),
    "sublet_offer": _table("sublet_offers"),
    "substitution": _table("substitutions"),
    "session": _table("sessions"),
    "participant": _table("participants"),
    "key": _table("keys"),
    "product": _table("products"),
    "instrument": _table("instruments"),
    "halt": _table("halts"),
}
"""Beside them: position and queue, whose rows are worked out from both states."""
CORE_NOUNS = {"balance", "order", "level", "book", "escrow", "granted", "position", "queue"}
_SHOWN_FIELDS = {
    "seq", "market_ns", "pledges", "sessions", "participants", "keys", "products", "instruments",
    "halts", "market_data", "quote_requests", "quotes", "blocks", "desk_trades", "book_trades",
    "corrections",    "sublets", "sublet_offers", "substitutions",
}  # fmt: skip
"""In a noun or in `Place`; the market data's other parts are named one by one."""
_EVERY_LEVEL = 2**31 - 1


def _open_order(fields: tuple[int, ...]) -> OpenOrder:
    """Its numbers, as the core gives them, with their words."""
    named = dict(zip(OpenOrder.__struct_fields__, fields, strict=True))
    return msgspec.convert(named, OpenOrder)


def _level_key(symbol: str, side: Side, price: int) -> str:
    return f"{symbol} {side.name.lower()} {price // 100}.{price % 100:02d}"


def _account_ids(state: State) -> list[int]:
    """The venue's own account, and everybody's."""
    return [0, *sorted(state.participants)]
