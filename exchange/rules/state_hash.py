"""
The state's hash in the log, so that a snapshot can be told from any other bytes.

    MarkState ─▶ StateMarked(n)   record n + 1: the state as of record n is being hashed
    RecordStateHash(n, hash) ─▶ StateHashed(n, hash)   some records later

The hash is an input, because working it out would hold up trading; `verify` works it out again.
"""

from exchange.domain.commands import MarkState, RecordStateHash
from exchange.domain.events import Event, StateHashed, StateMarked
from exchange.domain.reasons import Reason, require

from .state import State


def decide_mark(command: MarkState, state: State, account_id: int) -> list[Event]:
    """Marks the state that this command meets."""
    return [StateMarked(marked_seq=state.seq)]


def decide_hash(command: RecordStateHash, state: State, account_id: int) -> list[Event]:
    """Records the hash of the state that was marked last, once."""
    marked_seq = state.marked_seq
    is_marked = marked_seq > 0 and command.marked_seq == marked_seq
    require(is_marked, Reason.WRONG_STATE, command.marked_seq, marked_seq)
    return [StateHashed(marked_seq=marked_seq, state_sha256=command.state_sha256)]


def evolve_mark(event: StateMarked, state: State) -> None:
    """A hash is awaited."""
    state.marked_seq = event.marked_seq


def evolve_hash(event: StateHashed, state: State) -> None:
    """The hash has come."""
    state.marked_seq = 0
