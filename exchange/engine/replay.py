"""
Walks a log's records: to rebuild the state at a moment, or to prove every record again.

Both only read. `replay` applies recorded events; `verify` decides recorded commands again on the
state that recorded events made, and raises `Difference` at the first event that is not the same.
"""

from collections.abc import Callable, Iterable

from exchange.domain.commands import AdvanceClock, Command
from exchange.domain.events import ClockAdvanced, Event, VenueCreated
from exchange.domain.record import decode_body, encode_command
from exchange.rules import State

from .engine import Engine

Progress = Callable[[int, int], None]
"""Told the sequence number reached and the events so far, every so often and at the end."""
PROGRESS_EVERY = 4_096
_TICK = b"\x92" + encode_command(AdvanceClock(market_ns=0))[:15]
"""How a record begins whose command moves the clock: its array, the command's, and the tag."""


def replay(
    records: Iterable[bytes],
    to_seq: int | None = None,
    progress: Progress | None = None,
    to_ns: int | None = None,
) -> Engine:
    """
    The engine after record `to_seq`, or after all of them.

    `to_ns` is market time: with it the walk ends before the first record that moves the clock
    beyond, so that everything that happened up to then is in.
    """
    engine = Engine()
    return walk(engine, engine.apply, records, to_seq, progress, to_ns)


def verify(records: Iterable[bytes], progress: Progress | None = None) -> Engine:
    """The engine after deciding every command again; raises `Difference` at the first mismatch."""
    engine = Engine()
    return walk(engine, engine.verify, records, None, progress)


def walk(
    engine: Engine,
    step: Callable[[bytes], tuple[Command, list[Event]]],
    records: Iterable[bytes],
    to_seq: int | None,
    progress: Progress | None,
    to_ns: int | None = None,
) -> Engine:
    """Takes each record by `step`, up to one of the limits; goes on where the engine stands."""
    state, event_count = engine.state, 0
    for record in records:
        if to_seq is not None and state.seq >= to_seq:
            break
        if to_ns is not None and _is_beyond(record, state, to_ns):
            break
        event_count += len(step(record)[1])
        if progress is not None and state.seq % PROGRESS_EVERY == 0:
            progress(state.seq, event_count)
    if progress is not None:
        progress(state.seq, event_count)
    return engine


def is_tick(record: bytes) -> bool:
    """Whether the record's command moves the clock."""
    return record.startswith(_TICK)


def _is_beyond(record: bytes, state: State, to_ns: int) -> bool:
    """Whether the record, the genesis or a tick, sets the clock beyond a market time."""
    if state.seq and not is_tick(record):
        return False
    _, events = decode_body(record)
    return any(
        isinstance(event, ClockAdvanced | VenueCreated) and event.market_ns > to_ns
        for event in events
    )
