"""
What the log numbers, by the names people know: accounts, instruments, products and keys.

    names.learn(frame's records)         only what names something is decoded
    names.told(message)                  "place_order key 6 of trader, instrument A100…:M2612 …"
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from clients.shell import money
from exchange.domain.events import (
    InstrumentListed,
    KeyRegistered,
    ParticipantAdmitted,
    ProductDefined,
)
from exchange.domain.record import events_of
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.windows import date_of
from exchange.rules import State

_NAMING = re.compile(b"instrument_listed|key_registered|participant_admitted|product_defined")
"""In the bytes of each record that names something; in others by chance, which does no harm."""


class Names:
    """Names as of the last record that was learned from."""

    def __init__(self) -> None:
        self.accounts: dict[int, str] = {0: "the venue"}
        self.instruments: dict[int, str] = {}
        self.products: dict[int, str] = {}
        self.key_owners: dict[int, int] = {}

    @classmethod
    def of(cls, state: State) -> "Names":
        """Names as a state has them; of keys only those in force."""
        names = cls()
        names.accounts |= {number: each.name for number, each in state.participants.items()}
        names.instruments = {number: each.symbol for number, each in state.instruments.items()}
        names.products = {number: each.code for number, each in state.products.items()}
        names.key_owners = {number: each.account_id for number, each in state.keys.items()}
        return names

    def learn(self, records: Iterable[bytes]) -> None:
        """Takes in a frame's records, in the order of the log."""
        for record in filter(_NAMING.search, records):
            for event in events_of(record):
                match event:
                    case ParticipantAdmitted():
                        self.accounts[event.account_id] = event.name
                    case InstrumentListed():
                        self.instruments[event.instrument_id] = event.symbol
                    case ProductDefined():
                        self.products[event.product_id] = event.code
                    case KeyRegistered():
                        self.key_owners[event.key_id] = event.account_id

    def told(self, message: Struct, besides: Struct | None = None) -> str:
        """
        A message on one line: its type, if it has one, and the fields that say something.

        Those are the fields that are not at their default or, `besides` another message of the same
        kind, those that differ from it.
        """
        shown = []
        for field in fields(message):
            value = getattr(message, field.name)
            usual = _default(field) if besides is None else getattr(besides, field.name)
            if value != usual:
                shown.append(f"{field.name.removesuffix('_id')} {self.value(field.name, value)}")
        return " ".join((str(message.__struct_config__.tag or ""), ", ".join(shown))).strip()

    def value(self, name: str, value: Any) -> str:
        """A field's value by its unit: the last word of a field's name says what it is."""
        if isinstance(value, Struct):
            return f"({self.told(value)})"
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(self.value(name.removesuffix('s'), each) for each in value)}]"
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, Enum):
            return value.name.lower()
        if isinstance(value, bool) or not isinstance(value, int):
            return str(value)
        return self._number(name, value)

    def _number(self, name: str, value: int) -> str:
        table = next((t for end, t in self._tables() if name.endswith(end)), None)
        if table is not None:
            return table.get(value, str(value)) if value else str(value)
        if name.endswith("key_id"):
            if value == 0:
                return "the exchange"
            owner = self.key_owners.get(value)
            return str(value) if owner is None else f"{value} of {self.accounts[owner]}"
        if name.endswith(("_price", "_amount")):
            return f"-{money(-value)}" if value < 0 else money(value)
        if name.endswith("_micro"):
            return f"{value / 1_000_000:.6f}"
        if name.endswith("_day") and value:
            return f"{date_of(value)}"
        if name.endswith("_ns") and value:
            return f"{datetime.fromtimestamp(value // NS_PER_SECOND, UTC):%F %T}"
        return str(value)

    def _tables(self) -> tuple[tuple[str, dict[int, str]], ...]:
        return (
            ("account_id", self.accounts),
            ("affiliate_id", self.accounts),
            ("instrument_id", self.instruments),
            ("product_id", self.products),
        )


def _default(field: Any) -> Any:
    """NODEFAULT equals no value, so what has none is always shown."""
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default
