"""
Sublets: the use of owned days, granted to another participant for a rent.

Title stays where it is. The rent is in trust until its days are delivered. Pledged days are let for
half their mark at least; the floors follow the marks, one for each open book of sublets, in events
of their own, and a floor that rises ends the offers of pledged days below it.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import astuple

from exchange.domain.enums import CancelReason, Side, TradingMode
from exchange.domain.events import Event, InstrumentListed, NodeMarked, SubletOpened
from exchange.domain.letting import RentFloorPublished
from exchange.domain.units import MAX_INTEGER, MAX_PRICE

from .participants import cancellations
from .rent import rent_floor_price
from .state import State

_ORDER_ACCOUNT, _ORDER_SIDE = 1, 5
"""Their places in what the core tells of an order."""

# -- decide ---------------------------------------------------------------------------------------


def floor_of(
    product_id: int,
    start_day: int,
    end_day: int,
    state: State,
    changes: Mapping[str, NodeMarked] | None = None,
) -> int:
    """The least rent of pledged days of a product; `changes` are marks about to be published."""
    product = state.products[product_id]
    place = f"{product.gpu_class}|{product.region}|"
    marks_micro = {
        node.month: node.mark.mark_micro
        for key, node in state.market_data.nodes.items()
        if key.startswith(place) and node.mark is not None
    }
    for key, mark in (changes or {}).items():
        if key.startswith(place):
            marks_micro[mark.month] = mark.mark_micro
    return rent_floor_price(marks_micro, start_day, end_day)


def floors_after(marks: Iterable[NodeMarked], state: State) -> list[Event]:
    """
    The floors that marks about to be published change, of open books, in order of the gates.

    With each go the offers that it ends.
    """
    changes = {f"{m.gpu_class}|{m.region}|{m.month}": m for m in marks}
    listed = (state.instruments[instrument_id] for _, instrument_id in state.gates)
    floors = [event for one in listed for event in _changed_floor(one, state, changes)]
    return [event for floor in floors for event in (floor, *_offers_below(floor, state))]


def _offers_below(floor: RentFloorPublished, state: State) -> list[Event]:
    """The end of the offers of pledged days that a floor leaves below it; all, where none is."""
    listed = state.instruments[floor.instrument_id]
    least_price = floor.rent_floor_price or MAX_PRICE + 1
    order_ids = []
    for order_id in state.core.orders_outside(
        listed.instrument_id, least_price, MAX_PRICE + 1, MAX_INTEGER
    ):
        order = state.core.order(order_id)
        assert order is not None, "an open order is open"
        is_offer = order[_ORDER_SIDE] == Side.SELL
        if is_offer and _is_encumbered(order[_ORDER_ACCOUNT], listed, state):
            order_ids.append(order_id)
    return cancellations(order_ids, CancelReason.RENT_FLOOR, state)


def _is_encumbered(account_id: int, listed: InstrumentListed, state: State) -> bool:
    """Whether what an owner has let and offered reaches into its pledged days of a window."""
    first_day = state.core.encumbered_day(
        account_id, listed.product_id, listed.start_day, listed.end_day, 0
    )
    return first_day < listed.end_day


def first_floor(listed: InstrumentListed, state: State) -> list[RentFloorPublished]:
    """The floor of a book that is about to open."""
    return _changed_floor(listed, state)


def _changed_floor(
    listed: InstrumentListed, state: State, changes: Mapping[str, NodeMarked] | None = None
) -> list[RentFloorPublished]:
    if listed.mode is not TradingMode.SUBLET:
        return []
    floor = floor_of(listed.product_id, listed.start_day, listed.end_day, state, changes)
    if floor == state.rent_floors.get(listed.instrument_id, 0):
        return []
    return [RentFloorPublished(instrument_id=listed.instrument_id, rent_floor_price=floor)]


# -- evolve ---------------------------------------------------------------------------------------


def evolve_floor(event: RentFloorPublished, state: State) -> None:
    """Pledged days are let at the floor or above."""
    if event.rent_floor_price:
        state.rent_floors[event.instrument_id] = event.rent_floor_price
    else:
        state.rent_floors.pop(event.instrument_id, None)
    state.core.set_rent_floor(event.instrument_id, event.rent_floor_price)


def evolve_opened(event: SubletOpened, state: State) -> None:
    """The use is granted and the rent is in trust."""
    state.core.sublet_opened(*astuple(event))
    state.sublets[event.sublet_id] = event


def note_sublets(
    sublets: Iterable[tuple[int, int, int, int, int, int, int, int]], state: State
) -> None:
    """Remembers the sublets that the core has opened, given as fields of their events."""
    for fields in sublets:
        state.sublets[fields[0]] = SubletOpened(*fields)
