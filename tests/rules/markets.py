"""
What the rules' tests share: markets with another genesis, calendars, and the exact refusal.

The market of `tests.scenario` is always open; `OtherMarket` changes what genesis says, so that a
mainland venue, other fees or another retention are tested through the same commands.
"""

from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace

from exchange.domain.commands import AdvanceClock, Command, CreateVenue, PlaceOrder, PublishCalendar
from exchange.domain.enums import Side, TimeInForce
from exchange.domain.events import ClockAdvanced, CommandRefused, Event
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.windows import date_of, day_of, parse_window
from tests.scenario import Market

HOUR_NS = 3_600 * NS_PER_SECOND


class OtherMarket(Market):
    """The scenario's market with some fields of its genesis changed."""

    def __init__(self, genesis: dict[str, Any] | None = None, **arguments: int) -> None:
        self.genesis = genesis or {}
        super().__init__(**arguments)

    def execute(self, key_id: int, command: Command) -> Outcome:
        """As the scenario does, with genesis as this market wants it."""
        if isinstance(command, CreateVenue) and self.state.venue is None:
            command = replace(command, **self.genesis)
        return super().execute(key_id, command)


def mainland(*years: int, holidays: tuple[str, ...] = ()) -> OtherMarket:
    """A venue that trades on working days, with the calendars of these years."""
    market = OtherMarket({"is_always_open": False})
    for year in years:
        market.do(1, calendar(year, holidays=holidays))
    return market


def calendar(year: int, version: int = 1, holidays: tuple[str, ...] = ()) -> PublishCalendar:
    """Monday to Friday, less what is decreed."""
    first, count = date(year, 1, 1), day_of(date(year + 1, 1, 1)) - day_of(date(year, 1, 1))
    days = [first + timedelta(days=number) for number in range(count)]
    trading = [at for at in days if at.weekday() < 5 and at.isoformat() not in holidays]
    return PublishCalendar(year=year, version=version, trading_days=[day_of(at) for at in trading])


def day(text: str) -> int:
    """The day number of a date like 2027-03-15."""
    return day_of(date.fromisoformat(text))


def text_of(day_number: int) -> str:
    """The date of a day number."""
    return date_of(day_number).isoformat()


def assert_refused(
    market: Market,
    key_id: int,
    command: Command,
    reason: Reason,
    value: int = 0,
    limit: int = 0,
    at_day: int = 0,
) -> None:
    """Refused for exactly this, recorded where it is a fact of the market, and no state changed."""
    count = len(market.records)
    outcome = market.refused(key_id, command)
    found = (outcome.reason, outcome.value, outcome.limit, outcome.day)
    assert found == (reason, value, limit, at_day)
    if reason.is_recorded:
        assert len(market.records) == count + 1
        assert market.events == [CommandRefused(reason, value, limit, at_day)]
        assert outcome.seq == market.state.seq
    else:
        assert len(market.records) == count
        assert outcome.seq == 0


def order(
    instrument_id: int,
    side: Side,
    order_qty: int = 1,
    limit_price: int = 100,
    time_in_force: TimeInForce = TimeInForce.GTC,
    **fields: Any,
) -> PlaceOrder:
    """An order, by default for one GPU at one yuan, good till cancelled."""
    return PlaceOrder(
        instrument_id=instrument_id,
        side=side,
        order_qty=order_qty,
        limit_price=limit_price,
        time_in_force=time_in_force,
        **fields,
    )


def cross(market: Market, market_ns: int) -> list[list[Event]]:
    """
    Advances the clock until nothing is left to do at this time; the events of its records.

    What the exchange owes before the clock moves on is done between them.
    """
    found = []
    while True:
        market.uncross()
        outcome = market.execute(0, AdvanceClock(market_ns=market_ns))
        if outcome.reason is Reason.EMPTY:
            return found
        assert outcome.reason is None, outcome
        found.append(market.events)


def times(records: list[list[Event]]) -> list[int]:
    """The market times that records of the clock moved to, in order."""
    return [e.market_ns for events in records for e in events if isinstance(e, ClockAdvanced)]


def events_of(market: Market, kind: type[Event]) -> list[Any]:
    """Every event of a kind that the market ever recorded, in order."""
    return [e for record in market.records for e in decode_body(record)[1] if isinstance(e, kind)]


def span(code: str) -> dict[str, int]:
    """The days of a window, as the fields of a command."""
    window = parse_window(code)
    return {"start_day": window.start_day, "end_day": window.end_day}


def own(market: Market, account_id: int, instrument_id: int, qty: int, price: int = 100) -> None:
    """A purchase from the supplier."""
    market.order(3, instrument_id, Side.SELL, qty, price)
    market.order(account_id, instrument_id, Side.BUY, qty, price)
