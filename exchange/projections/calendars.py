"""The trading days of each year, as the calendar in force states them."""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.events import CalendarPublished, Event
from exchange.domain.record import Record

from .projection import Handler, Projection


class CalendarsState(Struct):
    """The checkpoint."""

    calendars: list[CalendarPublished]


class Calendars(Projection[CalendarsState]):
    """The highest version of every year; those before it are in the log."""

    state_type = CalendarsState

    def __init__(self) -> None:
        super().__init__()
        self.by_year: dict[int, CalendarPublished] = {}

    def handle(self) -> Mapping[type[Event], Handler]:
        """Publications."""
        return {CalendarPublished: self._publish}

    def state(self) -> CalendarsState:
        """Calendars in the order of their years."""
        return CalendarsState([calendar for _, calendar in sorted(self.by_year.items())])

    def load(self, state: CalendarsState) -> None:
        """Takes the calendars."""
        self.by_year = {calendar.year: calendar for calendar in state.calendars}

    def _publish(self, event: CalendarPublished, _record: Record, _index: int) -> None:
        self.by_year[event.year] = event
