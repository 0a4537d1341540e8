"""
Market time and what it brings about.

Boundaries are the gates of windows, the starts of delivery days, the moments at which those that
have begun are due (`delivery_clock`), and 16:00 of each day on which an open order ends. Each is
crossed in a record of its own, in order, however long the exchange was away. Where more than
`CLOCK_BATCH` orders end at one moment it takes several records, all of that time: orders whose day
is over end first, then each window's, and a window expires with its last. Until the last of them
orders are refused, so nothing trades that should have ended. What is due of delivery days may take
several records too, between which trading goes on.

Where a session state or an auction ends at the same moment, that comes first, in its own record;
then books uncross (`UncrossBooks`), and only then do orders and windows end.
"""

from exchange.domain.commands import AdvanceClock
from exchange.domain.enums import CancelReason
from exchange.domain.events import (
    ClockAdvanced,
    CommandIdsExpired,
    Event,
    InstrumentExpired,
)
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at, gate_ns, last_gated_day, start_ns

from .delivery_clock import due_deliveries, next_delivery_ns, starting_days
from .participants import cancellations
from .sessions import next_session_ns, resumptions, session_changes
from .state import State

CLOCK_BATCH = 1_000
"""Orders that one record cancels at most, so that a frame stays small and trading goes on."""


def next_boundary_ns(state: State) -> int:
    """Market time at which something is due next; it is not after now where work is left."""
    if state.core.is_catching_up:
        return state.market_ns
    due_ns = start_ns(day_at(state.market_ns) + 1)
    session_ns = next_session_ns(state)
    if session_ns is not None:
        due_ns = min(due_ns, session_ns)
    delivery_ns = next_delivery_ns(state)
    if delivery_ns is not None:
        due_ns = min(due_ns, delivery_ns)
    auction_ns = state.core.next_auction_end_ns()
    if auction_ns:
        due_ns = min(due_ns, auction_ns)
    expire_day = state.core.next_expire_day()
    if expire_day:
        due_ns = min(due_ns, gate_ns(expire_day))
    return min(due_ns, state.gates[0][0]) if state.gates else due_ns


def decide_clock(command: AdvanceClock, state: State, account_id: int) -> list[Event]:
    """Moves the clock to the time asked for or the next boundary, and does what is due there."""
    require(
        command.market_ns >= state.market_ns,
        Reason.CLOCK_BACK,
        command.market_ns,
        state.market_ns,
    )
    to_ns = max(state.market_ns, min(command.market_ns, next_boundary_ns(state)))
    require(not state.core.is_uncrossing, Reason.WRONG_STATE, state.market_ns)
    changes = session_changes(to_ns, state)
    ends, is_complete = _ends(to_ns, state)
    if changes and ends:
        ends, is_complete = [], False
    days = starting_days(to_ns, state)
    if is_complete and not (changes or ends or days):
        days = due_deliveries(to_ns, state)
    is_new = to_ns > state.market_ns or is_complete == state.core.is_catching_up
    require(is_new or bool(changes or ends or days), Reason.EMPTY)
    return [
        ClockAdvanced(market_ns=to_ns, is_complete=is_complete),
        *_expired_command_ids(to_ns, state),
        *changes,
        *ends,
        *days,
    ]


def _ends(to_ns: int, state: State) -> tuple[list[Event], bool]:
    """The orders and windows whose time is over, and whether the record holds all of them."""
    due_ids = state.core.orders_due(last_gated_day(to_ns), CLOCK_BATCH + 1)
    is_complete = len(due_ids) <= CLOCK_BATCH
    del due_ids[CLOCK_BATCH:]
    gates, is_last = _closing_gates(to_ns, set(due_ids), state)
    return [*cancellations(due_ids, CancelReason.EXPIRED, state), *gates], is_complete and is_last


def _closing_gates(to_ns: int, ended_ids: set[int], state: State) -> tuple[list[Event], bool]:
    """What closing gates end, as far as the record has room beside the orders that end anyway."""
    events: list[Event] = []
    for gate_closure_ns, instrument_id in state.gates:
        if gate_closure_ns > to_ns:
            break
        room = max(0, CLOCK_BATCH - len(ended_ids) - len(events))
        open_ids = state.core.orders_of_instrument(instrument_id, room + 1 + len(ended_ids))
        order_ids = [order_id for order_id in open_ids if order_id not in ended_ids]
        events += cancellations(order_ids[:room], CancelReason.EXPIRED, state)
        if len(order_ids) > room:
            return events, False
        events += [
            *resumptions(instrument_id, to_ns, state),
            InstrumentExpired(instrument_id=instrument_id),
        ]
    return events, True


def _expired_command_ids(to_ns: int, state: State) -> list[Event]:
    """At the start of a day: ids from before the last day roll that is out of retention."""
    assert state.venue is not None, "the clock follows genesis"
    if to_ns == state.market_ns or to_ns != start_ns(day_at(to_ns)):
        return []
    oldest_kept_ns = to_ns - state.venue.command_id_retention_ns
    expired = [seq for market_ns, seq in state.day_rolls if market_ns <= oldest_kept_ns]
    return [CommandIdsExpired(before_seq=expired[-1])] if expired else []


# -- evolve ---------------------------------------------------------------------------------------


def evolve_clock(event: ClockAdvanced, state: State) -> None:
    """Market time has moved on; the start of a day is remembered for the retention of ids."""
    is_later = event.market_ns > state.market_ns
    state.market_ns = event.market_ns
    state.core.set_clock(event.market_ns, not event.is_complete)
    if is_later and event.market_ns == start_ns(day_at(event.market_ns)):
        state.day_rolls.append((event.market_ns, state.seq))


def evolve_command_ids(event: CommandIdsExpired, state: State) -> None:
    """Drops ids recorded earlier, save those of orders that are still open."""
    state.day_rolls = [roll for roll in state.day_rolls if roll[1] > event.before_seq]
    for account_id, seen in state.seen.items():
        state.seen[account_id] = {
            command_id: entry
            for command_id, entry in seen.items()
            if entry.seq >= event.before_seq or state.core.order(entry.seq) is not None
        }
