"""
Market time and what it brings about.

Boundaries are the gates of windows, the starts of delivery days, the moments at which those that
have begun are due (`delivery_clock`), 16:00 of each day on which an open order ends, and moments
of the desk (`desk_clock`) and of loans (`loan_clock`). Each is crossed in a record of its own, in
order, however long the exchange was away. Where more than `CLOCK_BATCH` orders end at one moment it
takes several records, all of that time: orders whose day is over end first, then each window's, and
a window expires with its last; then what schedules ask for is listed. Until the last of them orders
are refused, so nothing trades that should have ended. What is due of loans and of delivery days may
take several records too, between which trading goes on.

Offers of sublets and substitutions that lapse do so in the record that comes to their moment, and
so do lots that nobody has bought; each fall of a lot's price is a boundary too, so that it is
exact. A liquidation with nothing left to sell ends with the next record of the clock. Lending that
has been over for long is forgotten in records of the clock, see `lending_past`.

Where a session state or an auction ends at the same moment, that comes first, in its own record;
then books uncross (`UncrossBooks`), a trading day's settlement prices are published
(`PublishSettlementPrices`), and only then do orders and windows end. `owed_before` names what the
clock waits for.
"""

from exchange.domain.commands import (
    AdvanceClock,
    Command,
    PublishSettlementPrices,
    UncrossBooks,
)
from exchange.domain.enums import CancelReason
from exchange.domain.events import (
    ClockAdvanced,
    CommandIdsExpired,
    Event,
    InstrumentExpired,
)
from exchange.domain.reasons import Reason, require
from exchange.domain.windows import day_at, gate_ns, last_gated_day, start_ns

from . import substitutions
from .book_trades import forget_records
from .delivery_clock import due_deliveries, next_delivery_ns, starting_days
from .desk_clock import clear_desk, desk_ends, next_desk_ns
from .lending_past import forgotten
from .letting import lapses, next_lapse_ns
from .liquidation import ended_liquidations
from .loan_clock import due_loans, next_loan_ns
from .lot_ends import next_lot_ns, unsold_lots
from .participants import cancellations
from .schedule import cascade, due_listings, ends_by, is_listing_due
from .sessions import next_session_ns, resumptions, session_changes
from .settlement import begin_closing, is_settlement_due, next_settlement_ns
from .state import State

CLOCK_BATCH = 1_000
"""Orders that one record cancels at most, so that a frame stays small and trading goes on."""


def next_boundary_ns(state: State) -> int:
    """Market time at which something is due next; it is not after now where work is left."""
    if state.core.is_catching_up or is_listing_due(state.market_ns, state):
        return state.market_ns
    due_ns = start_ns(day_at(state.market_ns) + 1)
    settlement_ns = next_settlement_ns(state)
    if settlement_ns is not None:
        due_ns = min(due_ns, settlement_ns)
    session_ns = next_session_ns(state)
    if session_ns is not None:
        due_ns = min(due_ns, session_ns)
    lapse_ns = next_lapse_ns(state)
    if lapse_ns is not None:
        due_ns = min(due_ns, lapse_ns)
    substitution_ns = substitutions.next_lapse_ns(state)
    if substitution_ns is not None:
        due_ns = min(due_ns, substitution_ns)
    delivery_ns = next_delivery_ns(state)
    if delivery_ns is not None:
        due_ns = min(due_ns, delivery_ns)
    auction_ns = state.core.next_auction_end_ns()
    if auction_ns:
        due_ns = min(due_ns, auction_ns)
    expire_day = state.core.next_expire_day()
    if expire_day:
        due_ns = min(due_ns, gate_ns(expire_day))
    loan_ns = next_loan_ns(state)
    if loan_ns is not None:
        due_ns = min(due_ns, loan_ns)
    desk_ns = next_desk_ns(state)
    if desk_ns is not None:
        due_ns = min(due_ns, desk_ns)
    lot_ns = next_lot_ns(state)
    if lot_ns is not None:
        due_ns = min(due_ns, lot_ns)
    return min(due_ns, state.gates[0][0]) if state.gates else due_ns


def owed_before(state: State) -> Command | None:
    """What the exchange has to do before its clock moves on, in further records until None."""
    if state.core.is_uncrossing:
        return UncrossBooks()
    if is_settlement_due(state.market_ns, state):
        return PublishSettlementPrices()
    return None


def decide_clock(command: AdvanceClock, state: State, account_id: int) -> list[Event]:
    """Moves the clock to the time asked for or the next boundary, and does what is due there."""
    require(
        command.market_ns >= state.market_ns,
        Reason.CLOCK_BACK,
        command.market_ns,
        state.market_ns,
    )
    to_ns = max(state.market_ns, min(command.market_ns, next_boundary_ns(state)))
    require(owed_before(state) is None, Reason.WRONG_STATE, state.market_ns)
    changes = session_changes(to_ns, state)
    work, is_complete = _work(to_ns, state)
    lapsed, is_lapsed = lapses(to_ns, CLOCK_BATCH, state)
    lapsed += substitutions.lapses(to_ns, state)
    if (changes and work) or is_settlement_due(to_ns, state):
        work, is_complete = [], False
    is_complete = is_complete and is_lapsed
    is_new = to_ns > state.market_ns or is_complete == state.core.is_catching_up
    loans = due_loans(to_ns, state)
    desk = [*desk_ends(to_ns, state), *unsold_lots(to_ns, state), *ended_liquidations(to_ns, state)]
    days = starting_days(to_ns, state)
    is_idle = not (changes or work or lapsed or desk or loans or days)
    if is_complete and is_idle and not is_listing_due(to_ns, state):
        days = due_deliveries(to_ns, state)
    is_due = not is_idle or bool(days) or is_listing_due(to_ns, state)
    require(is_new or is_due, Reason.EMPTY)
    return [
        ClockAdvanced(market_ns=to_ns, is_complete=is_complete),
        *_expired_command_ids(to_ns, state),
        *forgotten(to_ns, state),
        *lapsed,
        *changes,
        *work,
        *desk,
        *loans,
        *days,
    ]


def _work(to_ns: int, state: State) -> tuple[list[Event], bool]:
    """What ends, and then what is listed, as far as one record has room; whether that is all."""
    ends, is_complete = _ends(to_ns, state)
    if not is_complete:
        return ends, False
    listings, is_complete = due_listings(to_ns, state, max(1, CLOCK_BATCH - len(ends)))
    return [*ends, *listings], is_complete


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
        listed = state.instruments[instrument_id]
        open_ids = state.core.orders_of_instrument(instrument_id, room + 1 + len(ended_ids))
        order_ids = [order_id for order_id in open_ids if order_id not in ended_ids]
        events += cancellations(order_ids[:room], ends_by(listed), state)
        if len(order_ids) > room:
            return events, False
        events += [
            *resumptions(instrument_id, to_ns, state),
            *cascade(listed, state),
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
    forget_records(state)
    if event.is_complete and state.schedules:
        state.listed_day = day_at(event.market_ns)
    if is_later and event.market_ns == start_ns(day_at(event.market_ns)):
        state.day_rolls.append((event.market_ns, state.seq))
        if state.schedules:
            begin_closing(day_at(event.market_ns), state)
        clear_desk(state)


def evolve_command_ids(event: CommandIdsExpired, state: State) -> None:
    """Drops ids recorded earlier, save those of orders that are still open."""
    state.day_rolls = [roll for roll in state.day_rolls if roll[1] > event.before_seq]
    for account_id, seen in state.seen.items():
        state.seen[account_id] = {
            command_id: entry
            for command_id, entry in seen.items()
            if entry.seq >= event.before_seq or state.core.order(entry.seq) is not None
        }
