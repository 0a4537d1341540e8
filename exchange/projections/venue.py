"""The venue itself: its name, its calendar's first day and where its clock stands."""

from collections.abc import Mapping

from msgspec import Struct

from exchange.domain.events import ClockAdvanced, Event, VenueCreated
from exchange.domain.record import Record

from .projection import Handler, Projection


class VenueState(Struct):
    """The checkpoint."""

    venue_id: str
    base_day: int
    market_ns: int
    is_always_open: bool


class Venue(Projection[VenueState]):
    """What the log says about the venue."""

    state_type = VenueState

    def __init__(self) -> None:
        super().__init__()
        self.venue_id = ""
        self.base_day = 0
        self.market_ns = 0
        self.is_always_open = False

    def handle(self) -> Mapping[type[Event], Handler]:
        """Genesis and the clock."""
        return {VenueCreated: self._create, ClockAdvanced: self._advance}

    def state(self) -> VenueState:
        """The facts as they are."""
        return VenueState(self.venue_id, self.base_day, self.market_ns, self.is_always_open)

    def load(self, state: VenueState) -> None:
        """Takes the facts."""
        self.venue_id = state.venue_id
        self.base_day = state.base_day
        self.market_ns = state.market_ns
        self.is_always_open = state.is_always_open

    def _create(self, event: VenueCreated, _record: Record, _index: int) -> None:
        self.venue_id = event.venue_id
        self.base_day = event.base_day
        self.market_ns = event.market_ns
        self.is_always_open = event.is_always_open

    def _advance(self, event: ClockAdvanced, _record: Record, _index: int) -> None:
        self.market_ns = event.market_ns
