"""
Sublets: the use of owned days, granted to another participant for a rent.

Title stays where it is. The rent is in trust until its days are delivered. Pledged days are let for
half their mark at least; the floors follow the marks, one for each open book of sublets, in events
of their own.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import astuple

from exchange.domain.enums import TradingMode
from exchange.domain.events import InstrumentListed, NodeMarked, SubletOpened
from exchange.domain.letting import RentFloorPublished

from .rent import rent_floor_price
from .state import State

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


def floors_after(marks: Iterable[NodeMarked], state: State) -> list[RentFloorPublished]:
    """The floors that marks about to be published change, of open books, in order of the gates."""
    changes = {f"{m.gpu_class}|{m.region}|{m.month}": m for m in marks}
    listed = (state.instruments[instrument_id] for _, instrument_id in state.gates)
    return [event for one in listed for event in _changed_floor(one, state, changes)]


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
