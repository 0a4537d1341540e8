"""
Walks a log's records: to rebuild the state at a sequence number, or to prove every record again.

Both only read. `replay` applies recorded events; `verify` decides recorded commands again on the
state that recorded events made, and raises `Difference` at the first event that is not the same.
"""

from collections.abc import Callable, Iterable

from .engine import Engine

Progress = Callable[[int], None]
"""Told the sequence number reached, every so often."""
PROGRESS_EVERY = 4_096


def replay(
    records: Iterable[bytes], to_seq: int | None = None, progress: Progress | None = None
) -> Engine:
    """The engine after record `to_seq`, or after all of them."""
    engine = Engine()
    return _walk(engine, engine.apply, records, to_seq, progress)


def verify(records: Iterable[bytes], progress: Progress | None = None) -> Engine:
    """The engine after deciding every command again; raises `Difference` at the first mismatch."""
    engine = Engine()
    return _walk(engine, engine.verify, records, None, progress)


def _walk(
    engine: Engine,
    step: Callable[[bytes], object],
    records: Iterable[bytes],
    to_seq: int | None,
    progress: Progress | None,
) -> Engine:
    state = engine.state
    for record in records:
        if to_seq is not None and state.seq >= to_seq:
            break
        step(record)
        if progress is not None and state.seq % PROGRESS_EVERY == 0:
            progress(state.seq)
    return engine
