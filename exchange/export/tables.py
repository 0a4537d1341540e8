"""
Events as rows: the columns of each kind from its annotations, and what is joined to them.

Every row begins with where it stands in the log and who asked. Where an event names an instrument
or a product, their names are joined; a trade also gets buyer, seller and GPU-hours. Numbers keep
the log's units, which their names end with; enums become words, hashes hexadecimal.
"""

import types
import typing
from collections.abc import Sequence
from enum import Enum, IntEnum, IntFlag
from functools import cache
from typing import Any, Literal

import msgspec
from msgspec import Struct

from exchange.domain.commands import Command
from exchange.domain.enums import Side
from exchange.domain.events import (
    ClockAdvanced,
    Event,
    InstrumentListed,
    KeyRegistered,
    ProductDefined,
    TradeExecuted,
    VenueCreated,
)
from exchange.domain.record import EVENT_TYPES
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import date_of, day_at
from exchange.gateway.named import named

Kind = Literal["int", "bool", "text", "ints", "texts", "time", "date"]


class Column(Struct, frozen=True):
    """A column's name and the kind of its values; each may be absent."""

    name: str
    kind: Kind


PLACE = (
    Column("seq", "int"),
    Column("event_index", "int"),
    Column("market_ns", "int"),
    Column("market_time", "time"),
    Column("market_day", "date"),
    Column("command", "text"),
    Column("by_account_id", "int"),
)
"""Where a row stands in the log, and whose command caused it: 0 is the exchange itself. The day is
the one that runs at the site."""
INSTRUMENT = (
    Column("symbol", "text"),
    Column("product", "text"),
    Column("window_start", "date"),
    Column("window_end", "date"),
    Column("window_hours", "int"),
)
PRODUCT = (Column("product", "text"),)
TRADE = (
    Column("buyer_account_id", "int"),
    Column("seller_account_id", "int"),
    Column("traded_hours", "int"),
)
"""GPU-hours: the quantity times the window's hours."""

Row = list[Any]


class Tables:
    """Makes rows of records that are given one after the other from the log's beginning."""

    def __init__(self) -> None:
        self.market_ns = 0
        self._products: dict[int, str | None] = {0: None}
        """Their codes; 0 stands for none, as for a hold of cash."""
        self._instruments: dict[int, Row] = {}
        self._window_hours: dict[int, int] = {}
        self._accounts: dict[int, int] = {}

    def columns(self, tag: str) -> Sequence[Column]:
        """Of the table of one event kind."""
        kind = EVENT_TYPES[tag]
        return PLACE + _joined_columns(kind) + _own_columns(kind)

    def rows(self, seq: int, command: Command, events: Sequence[Event]) -> list[tuple[str, Row]]:
        """A record's events, each with its table."""
        for event in events:
            self._learn(event)
        tag = str(command.__struct_config__.tag)
        today = date_of(day_at(self.market_ns))
        by_account_id = self._accounts.get(command.key_id, 0)
        place = [self.market_ns, self.market_ns, today, tag, by_account_id]
        return [
            (
                str(event.__struct_config__.tag),
                [seq, index, *place, *self._joined(event), *map(plain, _values(event))],
            )
            for index, event in enumerate(events)
        ]

    def _learn(self, event: Event) -> None:
        match event:
            case ClockAdvanced() | VenueCreated():
                self.market_ns = event.market_ns
            case KeyRegistered():
                self._accounts[event.key_id] = event.account_id
            case ProductDefined():
                self._products[event.product_id] = event.code
            case InstrumentListed():
                hours = (event.end_day - event.start_day) * HOURS_PER_DAY
                span = date_of(event.start_day), date_of(event.end_day)
                product = self._products[event.product_id]
                self._window_hours[event.instrument_id] = hours
                self._instruments[event.instrument_id] = [event.symbol, product, *span, hours]

    def _joined(self, event: Any) -> Row:
        kind: type[Event] = type(event)
        if kind is TradeExecuted:
            is_bought = event.taker_side is Side.BUY
            sides = [event.taker_account_id, event.maker_account_id]
            hours = event.last_qty * self._window_hours[event.instrument_id]
            trade = [*(sides if is_bought else reversed(sides)), hours]
            return [*self._instruments[event.instrument_id], *trade]
        if _joined_columns(kind) is INSTRUMENT:
            # A refused order may name an instrument that there is not; an event never does.
            return self._instruments[event.instrument_id]
        if _joined_columns(kind) is PRODUCT:
            return [self._products[event.product_id]]
        return []


def plain(value: Any) -> Any:
    """A field's value as a table holds it: words for enums, text for hashes and messages."""
    if isinstance(value, IntFlag):
        return "|".join(str(flag.name).lower() for flag in value) or "none"
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Struct):
        return msgspec.json.encode(named(value)).decode()
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


@cache
def _joined_columns(kind: type[Event]) -> tuple[Column, ...]:
    own = kind.__struct_fields__
    if kind is TradeExecuted:
        return INSTRUMENT + TRADE
    if "instrument_id" in own and kind is not InstrumentListed:
        return INSTRUMENT
    return PRODUCT if "product_id" in own else ()


@cache
def _own_columns(kind: type[Event]) -> tuple[Column, ...]:
    taken = {column.name for column in PLACE + _joined_columns(kind)}
    return tuple(
        # The venue's and the clock's own `market_ns` is the row's; it stays under another name.
        Column(f"event_{name}" if name in taken else name, _kind_of(field.type))
        for field in msgspec.structs.fields(kind)
        for name in (field.name,)
    )


def _values(event: Event) -> Row:
    return [getattr(event, name) for name in event.__struct_fields__]


def _kind_of(annotation: Any) -> Kind:
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (each for each in typing.get_args(annotation) if each is not types.NoneType)
        return _kind_of(inner)
    if origin is list:
        return "ints" if _kind_of(typing.get_args(annotation)[0]) == "int" else "texts"
    assert isinstance(annotation, type), f"no column for {annotation}"
    if issubclass(annotation, bool):
        return "bool"
    is_number = issubclass(annotation, int) and not issubclass(annotation, Enum)
    return "int" if is_number else "text"
