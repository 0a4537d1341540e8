"""
The ends of linked orders in one record.

What an exclusive order releases when it ends depends on which of those that it is linked to are
still open. Rules state the ends of orders one by one, each as if it were the only one, and a record
may gather those of several rules: so what they release is set right once, when all are known.
"""

from msgspec.structs import replace

from exchange.domain.events import Event, OrderCancelled

from .state import State


def in_turn(events: list[Event], state: State) -> list[Event]:
    """The events, with what orders release that end one after another."""
    ended_ids = [event.order_id for event in events if isinstance(event, OrderCancelled)]
    if len(ended_ids) < 2:
        return events
    released_amounts = iter(state.core.releases(ended_ids))
    return [
        replace(event, released_amount=next(released_amounts))
        if isinstance(event, OrderCancelled)
        else event
        for event in events
    ]
