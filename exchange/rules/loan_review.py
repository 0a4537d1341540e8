"""What new marks of its pledges do to a loan: its ladder, its calls, its covenant, its default."""

from collections.abc import Mapping

from exchange.domain.events import Event
from exchange.domain.lending_events import PledgeMarked

from .state import State


def review(loan_id: int, marks: Mapping[int, PledgeMarked], state: State) -> list[Event]:
    """The events that follow from marks about to be published, by pledge, for a drawn loan."""
    return []
