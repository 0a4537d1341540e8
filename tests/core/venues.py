"""Venues to test with, and what their event bytes say."""

from typing import Union

import msgspec

from exchange.domain.events import (
    AuctionStarted,
    AuctionUncrossed,
    EscrowFunded,
    EscrowReturned,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRested,
    SubletOpened,
    TradeExecuted,
)
from matching_core.venue import Venue

BASE_DAY = 20_000
BUY, SELL = 1, 2
GTC, IOC, FOK = 1, 3, 4
POST_ONLY = 1

CORE_EVENTS: list[type[Event]] = [
    OrderAccepted,
    OrderRested,
    OrderAmended,
    OrderCancelled,
    TradeExecuted,
    EscrowFunded,
    EscrowReturned,
    SubletOpened,
    AuctionStarted,
    AuctionUncrossed,
]
_decoder = msgspec.msgpack.Decoder(list[Union[tuple(CORE_EVENTS)]])  # noqa: UP007


def tag_of(event_type: type[Event]) -> str:
    """An event's name in the log."""
    return event_type.__struct_config__.tag


def prefixes() -> dict[str, bytes]:
    """What each event's bytes begin with: all but its fields, which are a byte each when 0."""
    found = {}
    for event_type in CORE_EVENTS:
        width = len(event_type.__struct_fields__)
        found[tag_of(event_type)] = msgspec.msgpack.encode(event_type(*[0] * width))[:-width]
    return found


def new_venue(base_day: int = BASE_DAY, **options: int) -> Venue:
    """A venue that encodes as the log does."""
    return Venue(base_day, prefixes(), **options)


def decode(taken: tuple[int, bytes]) -> list[Event]:
    """The events of `take_events`."""
    count, data = taken
    return _decoder.decode(b"\xdd" + count.to_bytes(4, "big") + data)


def rows(events: list[Event]) -> list[tuple]:
    """Events as tuples of tag and fields."""
    return [(tag_of(type(event)), *msgspec.structs.astuple(event)) for event in events]


class Market:
    """
    One product with lot 1 and a window of ten days: house 1 and 2, strangers 3 to 6.

    `book` is a venue's usual instrument, 240 hours long; orders are numbered as they come.
    """

    HOURS = 240

    def __init__(self, lot_qty: int = 1, maker_bps: int = 0, taker_bps: int = 0, **options: int):
        self.venue = new_venue(**options)
        for account_id in range(1, 7):
            self.venue.add_account(account_id)
        self.venue.add_product(1, 1, lot_qty, maker_bps, taker_bps)
        self.venue.add_to_house(1, 2)
        self.venue.add_instrument(1, 1, BASE_DAY + 10, BASE_DAY + 20, True)
        self.venue.add_instrument(2, 1, BASE_DAY + 12, BASE_DAY + 15, False)
        self.venue.grant(1, 1, BASE_DAY, BASE_DAY + 30, 1_000)
        for account_id in range(1, 7):
            self.venue.deposit(account_id, 10**12)
        self.last_order_id = 0

    def place(
        self,
        account_id: int,
        side: int,
        qty: int,
        price: int,
        time_in_force: int = GTC,
        exec_inst: int = 0,
        instrument_id: int = 1,
    ) -> int:
        """An order with the next id; its answer."""
        self.last_order_id += 1
        return self.venue.place(
            self.last_order_id,
            account_id,
            1,
            1,
            instrument_id,
            side,
            qty,
            price,
            time_in_force,
            exec_inst,
        )

    def buy(self, account_id: int, qty: int, price: int, *conditions: int) -> int:
        """A bid."""
        return self.place(account_id, BUY, qty, price, *conditions)

    def sell(self, account_id: int, qty: int, price: int, *conditions: int) -> int:
        """An offer."""
        return self.place(account_id, SELL, qty, price, *conditions)

    def own(self, account_id: int, qty: int, price: int = 1) -> None:
        """Lets a stranger buy from the supplier, and forgets the events."""
        assert self.sell(1, qty, price) == 0
        assert self.buy(account_id, qty, price) == 0
        self.events()

    def events(self) -> list[Event]:
        """What the commands since the last call did; the state is sound."""
        self.venue.check()
        self.venue.take_trades()
        return decode(self.venue.take_events())

    def trades(self) -> list[tuple[int, int, int]]:
        """The trades among `events` as (price, qty, maker_order_id)."""
        return [
            (event.last_price, event.last_qty, event.maker_order_id)
            for event in self.events()
            if isinstance(event, TradeExecuted)
        ]

    def state(self) -> bytes:
        """What must not change in a refusal."""
        return self.venue.snapshot()
