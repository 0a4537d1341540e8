"""
What has happened, continued from `events`: what calendars and the trading day bring about.
"""

from .events import Event


class GateMoved(Event, frozen=True, kw_only=True, tag="gate_moved"):
    """A calendar changed the last trading day of an open window."""

    instrument_id: int
    gate_closure_ns: int
    """Market time; one that has passed closes at once."""
