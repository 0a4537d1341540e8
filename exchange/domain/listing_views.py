"""What can be traded and when, as the API shows it: products, windows, calendars."""

from msgspec import Struct

from .wire import SessionWord


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
