"""
What has happened, continued from `events`: what calendars and the trading day bring about.
"""

from msgspec import Struct

from .events import Event


class GateMoved(Event, frozen=True, kw_only=True, tag="gate_moved"):
    """A calendar changed the last trading day of an open window."""

    instrument_id: int
    gate_closure_ns: int
    """Market time; one that has passed closes at once."""


class ListingsScheduled(Event, frozen=True, kw_only=True, tag="listings_scheduled"):
    """The clock lists a product's windows and settles their prices from now on."""

    product_id: int
    day_count: int
    month_count: int
    quarter_count: int
    year_count: int
    strip_count: int
    is_balance_listed: bool


class ChildInterest(Struct, frozen=True, array_like=True):
    """A part of a window that cascaded, and what strangers hold of it."""

    instrument_id: int
    """0 where the part is not listed."""
    start_day: int
    end_day: int
    open_interest_qty: int


class InstrumentCascaded(Event, frozen=True, kw_only=True, tag="instrument_cascaded"):
    """
    A window made of others traded for the last time; nothing was traded or paid for it.

    Positions are days and stay as they are. Open interest is the title that is held outside the
    supplier's house: of a window, the least of its days.
    """

    instrument_id: int
    open_interest_qty: int
    """Of the whole window: never more than of any part."""
    children: list[ChildInterest]
    """In the order of their days."""


class CurvePublished(Event, frozen=True, kw_only=True, tag="curve_published"):
    """What a month's settlement price leaves to those of its days that have none of their own."""

    product_id: int
    month: int
    """Year × 100 + month."""
    settlement_day: int
    rest_notional_amount: int
    """Of one GPU over those days, over `rest_hours` the exact price; it is negative where the other
    days cost more than the month."""
    rest_hours: int


class SettlementCompleted(Event, frozen=True, kw_only=True, tag="settlement_completed"):
    """All settlement prices of a trading day are published, in this record and those before."""

    settlement_day: int
    price_count: int
