"""
Sublets: the use of owned days, granted to another participant for a rent.

Title stays where it is. The rent is in trust until its days are delivered.
"""

from collections.abc import Iterable

from msgspec.structs import astuple

from exchange.domain.events import SubletOpened

from .state import State

# -- evolve ---------------------------------------------------------------------------------------


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
