"""
Suppliers' standing: who may sell what it was granted.

Three days running below the least uptime suspend a supplier: its house sells nothing of its
products, and what it has on offer in books and at the desk ends. An operator lifts the suspension,
or ends the supplier: then every day to come is final with nothing delivered, and the clock gives
back what it has in escrow and rents, and pays damages out of the bond, as of any other shortfall.
The bond is shared among all those days at once, so that the first of them do not empty it.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from exchange.collateral.uptime import (
    UPTIME_DAYS_COUNT,
    DayHours,
    Uptime,
    uptime_of,
    waiting_day,
)
from exchange.domain.delivery_commands import (
    ReinstateSupplier,
    SuspendSupplier,
    TerminateSupplier,
)
from exchange.domain.delivery_events import (
    DeliveryCancelled,
    SupplierReinstated,
    SupplierSuspended,
    SupplierTerminated,
)
from exchange.domain.enums import (
    BlockStatus,
    CancelReason,
    DeliveryStatus,
    QuoteStatus,
    Role,
    Side,
    SuspensionCause,
)
from exchange.domain.events import Event
from exchange.domain.reasons import Reason, require
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at

from .bonds import bond_of, standing_of
from .day_book import holders_of
from .delivery import dispute_due_ns
from .delivery_state import DeliveryDay, Standing
from .desk import block_end, quote_end
from .participants import cancellations
from .references import reference_micro, settlements_by_product
from .shortfall import apportion, contracted_qty, damages_amount
from .state import State

LEAST_UPTIME_PERCENT = 95
POOR_DAYS_COUNT = 3
_ORDER_INSTRUMENT, _ORDER_SIDE = 4, 5
"""Their places in what the core tells of an order."""


# -- decide ---------------------------------------------------------------------------------------


def decide_suspend(command: SuspendSupplier, state: State, account_id: int) -> list[Event]:
    """An operator stops a supplier's sales."""
    supplier_id = command.supplier_account_id
    state.participant_with(supplier_id, Role.SUPPLIER)
    standing = state.standings.get(supplier_id, Standing())
    is_selling = not (standing.is_suspended or standing.is_terminated)
    require(is_selling, Reason.WRONG_STATE, supplier_id)
    return _suspension(supplier_id, SuspensionCause.OPERATOR, 0, 0, state)


def decide_reinstate(command: ReinstateSupplier, state: State, account_id: int) -> list[Event]:
    """An operator lets a suspended supplier sell again."""
    supplier_id = command.supplier_account_id
    _require_suspended(supplier_id, state)
    return [SupplierReinstated(supplier_account_id=supplier_id, operator_account_id=account_id)]


def decide_terminate(command: TerminateSupplier, state: State, account_id: int) -> list[Event]:
    """An operator ends a suspended supplier from the next delivery day on."""
    supplier_id = command.supplier_account_id
    _require_suspended(supplier_id, state)
    from_day = day_at(state.market_ns) + 1
    terminated = SupplierTerminated(
        supplier_account_id=supplier_id, operator_account_id=account_id, from_day=from_day
    )
    cancelled = [
        event
        for product_id, product in sorted(state.products.items())
        if product.supplier_account_id == supplier_id
        for event in _cancelled_days(product_id, from_day, state)
    ]
    return [terminated, *_with_shares(cancelled, bond_of(supplier_id, state), state)]


def require_on_sale(product_id: int, account_id: int, side: Side, state: State) -> None:
    """
    Refuses a sale by the house of a suspended supplier, and all trade in a terminated one's days.

    Callers ask only while `stopped_suppliers` names somebody.
    """
    supplier_id = state.products[product_id].supplier_account_id
    if supplier_id in state.stopped_suppliers:
        is_primary = side is Side.SELL and state.core.is_house(product_id, account_id)
        is_over = is_primary or state.standings[supplier_id].is_terminated
        require(not is_over, Reason.SUSPENDED, supplier_id)


def poor_day(
    entry: DeliveryDay, contracted_gpus: int, lost_hours: int, state: State
) -> list[Event]:
    """The suspension that a final day brings, where it is the third poor one running."""
    if not _is_poor(contracted_gpus, lost_hours):
        return []
    supplier_id = state.products[entry.product_id].supplier_account_id
    standing = state.standings.get(supplier_id, Standing())
    poor = {day for product_id, day in standing.poor_days if product_id == entry.product_id}
    poor.add(entry.day)
    first_days = range(entry.day - POOR_DAYS_COUNT + 1, entry.day + 1)
    is_third = any(all(day + n in poor for n in range(POOR_DAYS_COUNT)) for day in first_days)
    if not is_third or standing.is_suspended or standing.is_terminated:
        return []
    cause = SuspensionCause.POOR_DELIVERY
    return _suspension(supplier_id, cause, entry.product_id, entry.day, state)


def uptime(supplier_id: int, state: State) -> Uptime:
    """
    The supplier's, as marks see it: of final days, and of those that wait beyond disputes.

    A supplier that was ended delivers nothing more.
    """
    standing = state.standings.get(supplier_id, Standing())
    final = (DayHours(*row) for row in standing.final_days)
    found = uptime_of([*final, *_waiting_days(supplier_id, state)])
    return found._replace(uptime_ppm=0) if standing.is_terminated else found


def _waiting_days(supplier_id: int, state: State) -> Iterator[DayHours]:
    for product_id, days in state.deliveries.items():
        if state.products[product_id].supplier_account_id != supplier_id:
            continue
        for day, entry in days.items():
            is_over = dispute_due_ns(day) <= state.market_ns
            if is_over and entry.status is not DeliveryStatus.FINAL:
                available_qtys = entry.ruled_qtys or entry.available_qtys
                yield waiting_day(day, entry.contracted_qty, available_qtys)


def _suspension(
    supplier_id: int, cause: SuspensionCause, product_id: int, day: int, state: State
) -> list[Event]:
    """The suspension and the end of what the supplier's house has on offer of its products."""
    suspended = SupplierSuspended(
        supplier_account_id=supplier_id, cause=cause, product_id=product_id, day=day
    )
    order_ids = [
        order_id
        for account_id in sorted(state.participants)
        for order_id in state.core.orders_of_account(account_id)
        if _is_primary_sale(order_id, account_id, supplier_id, state)
    ]
    orders = cancellations(order_ids, CancelReason.EXPIRED, state)
    return [suspended, *orders, *_ended_offers(supplier_id, state)]


def _ended_offers(supplier_id: int, state: State) -> list[Event]:
    """The end of the firm quotes and alleged blocks in which the house sells, by id."""
    events: list[Event] = []
    for _, quote in sorted(state.quotes.items()):
        submitted = quote.submitted
        if quote.is_open and submitted.side is Side.SELL:
            product_id = state.quote_requests[submitted.quote_request_id].asked.product_id
            if _is_house_of(supplier_id, product_id, submitted.account_id, state):
                events += quote_end(quote, QuoteStatus.EXPIRED)
    for _, block in sorted(state.blocks.items()):
        proposed, is_sale = block.proposed, block.proposed.side is Side.SELL
        is_house = _is_house_of(supplier_id, proposed.product_id, proposed.account_id, state)
        if block.is_open and is_sale and is_house:
            events += block_end(block, BlockStatus.LAPSED)
    return events


def _is_primary_sale(order_id: int, account_id: int, supplier_id: int, state: State) -> bool:
    order = state.core.order(order_id)
    assert order is not None, "an account's open orders are open"
    product = state.products[state.instruments[order[_ORDER_INSTRUMENT]].product_id]
    is_sale = order[_ORDER_SIDE] == Side.SELL
    return is_sale and _is_house_of(supplier_id, product.product_id, account_id, state)


def _is_house_of(supplier_id: int, product_id: int, account_id: int, state: State) -> bool:
    is_its = state.products[product_id].supplier_account_id == supplier_id
    return is_its and state.core.is_house(product_id, account_id)


def _with_shares(
    cancelled: list[DeliveryCancelled], bond_amount: int, state: State
) -> list[DeliveryCancelled]:
    """Each day with its share of the bond by damages, which are for all of its hours."""
    damages = []
    for event in cancelled:
        _, sold_qty, escrow_amount = state.core.day_totals(event.product_id, event.day)
        hours = sold_qty * HOURS_PER_DAY
        damages.append(damages_amount(hours, hours, escrow_amount, event.reference_micro))
    shares = apportion(min(bond_amount, sum(damages)), damages)
    return [
        replace(event, bond_amount=share) for event, share in zip(cancelled, shares, strict=True)
    ]


def _cancelled_days(product_id: int, from_day: int, state: State) -> list[DeliveryCancelled]:
    found = []
    runs = state.core.granted(product_id)
    last_day = runs[-1][1] if runs else from_day
    settled = settlements_by_product(from_day, last_day, state).get(product_id, [])
    for start_day, end_day, _ in runs:
        for day in range(max(start_day, from_day), end_day):
            qty = contracted_qty(holders_of(product_id, day, state))
            found.append(
                DeliveryCancelled(
                    product_id=product_id,
                    day=day,
                    contracted_qty=qty,
                    undelivered_hours=qty * HOURS_PER_DAY,
                    reference_micro=reference_micro(product_id, day, settled, state),
                    due_ns=state.market_ns,
                )
            )
    return found


def _require_suspended(supplier_id: int, state: State) -> None:
    state.participant_with(supplier_id, Role.SUPPLIER)
    standing = state.standings.get(supplier_id, Standing())
    is_suspended = standing.is_suspended and not standing.is_terminated
    require(is_suspended, Reason.WRONG_STATE, supplier_id)


def _is_poor(contracted_gpus: int, lost_hours: int) -> bool:
    whole = contracted_gpus * HOURS_PER_DAY
    return whole > 0 and (whole - lost_hours) * 100 < whole * LEAST_UPTIME_PERCENT


# -- evolve ---------------------------------------------------------------------------------------


def note_final_day(entry: DeliveryDay, state: State) -> None:
    """Remembers the day for uptime, and a poor one as long as it can be one of three running."""
    if not entry.contracted_qty:
        return
    standing = standing_of(state.products[entry.product_id].supplier_account_id, state)
    _count_hours(entry, standing)
    if _is_poor(entry.contracted_qty, entry.undelivered_hours):
        oldest_day = entry.day - 30
        kept = [row for row in standing.poor_days if row[1] > oldest_day]
        standing.poor_days = [*kept, (entry.product_id, entry.day)]


def _count_hours(entry: DeliveryDay, standing: Standing) -> None:
    """Adds the day's hours to the supplier's; days become final in any order."""
    hours = {day: (contracted, lost) for day, contracted, lost in standing.final_days}
    contracted_hours, lost_hours = hours.get(entry.day, (0, 0))
    contracted_hours += entry.contracted_qty * HOURS_PER_DAY
    hours[entry.day] = (contracted_hours, lost_hours + entry.undelivered_hours)
    oldest_day = max(hours) - UPTIME_DAYS_COUNT
    standing.final_days = [(day, *hours[day]) for day in sorted(hours) if day > oldest_day]


def evolve_suspended(event: SupplierSuspended, state: State) -> None:
    """The supplier's house sells nothing of its products."""
    standing_of(event.supplier_account_id, state).is_suspended = True
    state.stopped_suppliers.add(event.supplier_account_id)


def evolve_reinstated(event: SupplierReinstated, state: State) -> None:
    """It sells again, and begins anew."""
    standing = standing_of(event.supplier_account_id, state)
    standing.is_suspended = False
    standing.poor_days = []
    state.stopped_suppliers.discard(event.supplier_account_id)


def evolve_terminated(event: SupplierTerminated, state: State) -> None:
    """Nothing of its products trades any more."""
    standing_of(event.supplier_account_id, state).is_terminated = True
