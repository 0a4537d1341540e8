"""
What the clock does to delivery days: begin, report, make final, pay.

Days begin in the record that moves time to their first moment. All else is due at a moment of its
own (`delivery_dues`) and is done in records of at most `DELIVERY_BATCH` payouts; trading goes on
between them, because nothing of a day that has begun can be traded. A day that takes more payouts
is planned first, so that no change in between can move what it pays.
"""

from exchange.domain.delivery_events import (
    DeliveryCancelled,
    DeliveryFinalized,
    DeliveryPostponed,
    DeliveryReported,
    DeliveryStarted,
)
from exchange.domain.enums import CancelReason, DeliveryStatus
from exchange.domain.events import Event, InstrumentExpired
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import day_at, start_ns

from .bonds import short_bonds
from .day_book import holders_of, is_on_offer
from .delivery import report_due_ns, reported, set_due
from .delivery_state import DeliveryDay
from .listing import next_business_day
from .participants import cancellations
from .references import reference_micro, settlements_by_product
from .releases import settlement
from .sessions import resumptions
from .shortfall import contracted_qty, undelivered_hours
from .state import State
from .suppliers import note_final_day, poor_day

DELIVERY_BATCH = 1_000
"""Payouts, or orders of a terminated supplier's windows, that one record holds at most."""
STEPS_COUNT = 50
"""Days that are reported, made final or closed without a payout in one record."""
_NEVER_NS = 2**63 - 1


def next_delivery_ns(state: State) -> int | None:
    """When a delivery day is due next; not after now where work is left."""
    return state.delivery_dues[0][0] if state.delivery_dues else None


def starting_days(to_ns: int, state: State) -> list[Event]:
    """The days that begin at this moment, and the bonds that are short at it."""
    day = day_at(to_ns)
    if to_ns == state.market_ns or to_ns != start_ns(day):
        return []
    settled = settlements_by_product(day, day + 1, state)
    events: list[Event] = []
    for product_id in sorted(state.products):
        granted_qty, _, _ = state.core.day_totals(product_id, day)
        if granted_qty and day not in state.deliveries.get(product_id, {}):
            rows = settled.get(product_id, [])
            events.append(
                DeliveryStarted(
                    product_id=product_id,
                    day=day,
                    contracted_qty=contracted_qty(holders_of(product_id, day, state)),
                    reference_micro=reference_micro(product_id, day, rows, state),
                    due_ns=report_due_ns(day),
                )
            )
    return [*events, *short_bonds(day, state)]


def due_deliveries(to_ns: int, state: State) -> list[Event]:
    """What of the days that are due by then fits into one record."""
    events: list[Event] = []
    for due_ns, product_id, day in state.delivery_dues[:STEPS_COUNT]:
        if due_ns > to_ns:
            break
        entry = state.deliveries[product_id][day]
        if entry.status is DeliveryStatus.FINAL or entry.contracted_qty == 0:
            # One at a time: each pays out of what the one before has left.
            return events or _closing(entry, to_ns, state)
        events += _step(entry, to_ns, state)
        if type(events[-1]) is not DeliveryReported:
            # A suspension may follow from what the one before has brought.
            break
    return events


def _step(entry: DeliveryDay, to_ns: int, state: State) -> list[Event]:
    if entry.status is DeliveryStatus.DELIVERING:
        return [reported(entry, is_overdue=True)]
    qty = contracted_qty(holders_of(entry.product_id, entry.day, state))
    lost = undelivered_hours(qty, entry.available_qtys)
    finalized = DeliveryFinalized(
        product_id=entry.product_id,
        day=entry.day,
        contracted_qty=qty,
        undelivered_hours=lost,
        due_ns=start_ns(next_business_day(day_at(to_ns), state)),
    )
    return [finalized, *poor_day(entry, qty, lost, state)]


def _closing(entry: DeliveryDay, to_ns: int, state: State) -> list[Event]:
    """Pays the day, or its next part; first ends what is still on offer of it."""
    ends = _ends(entry, state)
    if ends:
        return ends
    if not entry.payouts and is_on_offer(entry.product_id, entry.day, state):
        return [
            DeliveryPostponed(product_id=entry.product_id, day=entry.day, due_ns=to_ns + NS_PER_DAY)
        ]
    return settlement(entry, DELIVERY_BATCH, day_at(to_ns), state)


def _ends(entry: DeliveryDay, state: State) -> list[Event]:
    """Orders and windows of a terminated supplier's product, as far as one record goes."""
    supplier_id = state.products[entry.product_id].supplier_account_id
    standing = state.standings.get(supplier_id)
    if standing is None or not standing.is_terminated:
        return []
    events: list[Event] = []
    for _, instrument_id in state.gates:
        if state.instruments[instrument_id].product_id == entry.product_id:
            room = max(0, DELIVERY_BATCH - len(events))
            order_ids = state.core.orders_of_instrument(instrument_id, room + 1)
            events += cancellations(order_ids[:room], CancelReason.EXPIRED, state)
            if len(order_ids) > room:
                break
            events += [
                *resumptions(instrument_id, _NEVER_NS, state),
                InstrumentExpired(instrument_id=instrument_id),
            ]
    return events


# -- evolve ---------------------------------------------------------------------------------------


def evolve_started(event: DeliveryStarted, state: State) -> None:
    """Readings are taken."""
    entry = DeliveryDay(
        event.product_id,
        event.day,
        DeliveryStatus.DELIVERING,
        event.contracted_qty,
        event.reference_micro,
        0,
    )
    state.deliveries.setdefault(event.product_id, {})[event.day] = entry
    set_due(entry, event.due_ns, state)


def evolve_cancelled(event: DeliveryCancelled, state: State) -> None:
    """The day is final, with nothing delivered."""
    entry = DeliveryDay(
        event.product_id,
        event.day,
        DeliveryStatus.FINAL,
        event.contracted_qty,
        event.reference_micro,
        0,
        undelivered_hours=event.undelivered_hours,
        is_cancelled=True,
        bond_amount=event.bond_amount,
    )
    state.deliveries.setdefault(event.product_id, {})[event.day] = entry
    set_due(entry, event.due_ns, state)


def evolve_postponed(event: DeliveryPostponed, state: State) -> None:
    """The clock comes back to it."""
    set_due(state.deliveries[event.product_id][event.day], event.due_ns, state)


def evolve_finalized(event: DeliveryFinalized, state: State) -> None:
    """What was delivered can no longer be disputed."""
    entry = state.deliveries[event.product_id][event.day]
    entry.status = DeliveryStatus.FINAL
    entry.contracted_qty = event.contracted_qty
    entry.undelivered_hours = event.undelivered_hours
    note_final_day(entry, state)
    set_due(entry, event.due_ns, state)
