"""What can be traded and when, as the API shows it: products, windows, calendars."""

from msgspec import Struct

from .wire import ModeWord, SessionWord


class ProductView(Struct, frozen=True, kw_only=True):
    """A product."""

    product_id: int
    code: str
    gpu_class: str
    region: str
    supplier_account_id: int
    lot_qty: int
    maker_bps: int
    taker_bps: int


class InstrumentView(Struct, frozen=True, kw_only=True):
    """A listed or expired delivery window."""

    instrument_id: int
    instrument: str
    product: str
    kind: str
    start_day: int
    end_day: int
    hours: int
    gate_closure_ns: int
    is_open: bool
    session_state: SessionWord = "continuous"
    settlement_price: int = 0
    """0 where none was published; then there is no band either."""
    low_limit_price: int = 0
    high_limit_price: int = 0
    status: str = "open"
    """listed, open, halted, last_day, expired, delivering or settled."""
    last_trading_day: int = 0
    """It trades until 16:00 at the site on this day."""
    open_interest_qty: int = 0
    """
    Held outside the supplier's house on every day of the window; what is dealt off the books counts
    from the day after it became public.
    """
    mode: ModeWord = "title"


class WindowView(InstrumentView, frozen=True, kw_only=True):
    """An open window with its best prices and last trade; 0 where there is none."""

    bid_price: int
    bid_qty: int
    ask_price: int
    ask_qty: int
    last_price: int
    last_qty: int


class SessionStartView(Struct, frozen=True, kw_only=True):
    """From this minute of a trading day at the site on, the venue is in this state."""

    minute: int
    session_state: str


class CalendarView(Struct, frozen=True, kw_only=True):
    """A year's calendar in force."""

    year: int
    version: int
    is_provisional: bool
    """An expectation; the decree comes as a higher version."""
    source: str
    trading_days: list[int]
    session_starts: list[SessionStartView]
    """None where trading has no sessions."""


class SettlementPriceView(Struct, frozen=True, kw_only=True):
    """A window's settlement price in force."""

    instrument: str
    product: str
    kind: str
    start_day: int
    end_day: int
    settlement_day: int
    """The trading day at whose close the exchange settled it; 0 where an operator did."""
    settlement_price: int
    """The nearest tick."""
    notional_amount: int
    """Over `gpu_hours` the exact price."""
    gpu_hours: int
    source: str
    """operator, trades, quotes, parent, prior or parts."""
    low_limit_price: int
    high_limit_price: int
    settlement_seq: int
    """The record that published it."""


class CurveView(Struct, frozen=True, kw_only=True):
    """What a month's price leaves to those of its days that have none of their own."""

    product: str
    month: int
    settlement_day: int
    rest_notional_amount: int
    """Over `rest_hours` the exact price."""
    rest_hours: int


class SettlementPrices(Struct, frozen=True, kw_only=True):
    """The prices of open windows, and the curves of the last day that was settled."""

    settled_day: int
    """0 before the first."""
    prices: list[SettlementPriceView]
    curves: list[CurveView]


class ChildView(Struct, frozen=True, kw_only=True):
    """A part of a window that cascaded."""

    instrument: str
    is_listed: bool
    start_day: int
    end_day: int
    open_interest_qty: int


class CascadeView(Struct, frozen=True, kw_only=True):
    """What a window became that traded for the last time."""

    instrument: str
    open_interest_qty: int
    children: list[ChildView]
