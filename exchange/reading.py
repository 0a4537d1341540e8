"""
The log for who only reads it: with its exchange running or stopped, its archive and its witness.

    server, or a private one on a copy ─┐
    archive ────────────────────────────┴─▶ verified frames ─▶ compared with the witness at the end
"""

import contextlib
import sys
from collections.abc import Iterator

import redis

from exchange.log import (
    ChainVerifier,
    Frame,
    LogSettings,
    Witness,
    WitnessFile,
    compare,
    read_frames,
    read_only_log,
)
from exchange.log.event_log import WITNESS_FILE


@contextlib.contextmanager
def reading_client(settings: LogSettings) -> Iterator[redis.Redis]:
    """A client to read with; a stopped exchange's log is read from a copy."""
    if settings.external is None:
        with read_only_log(settings.data_dir) as client:
            yield client
    else:
        with contextlib.closing(settings.external.client()) as client:
            yield client


@contextlib.contextmanager
def reading_frames(settings: LogSettings) -> Iterator[Iterator[Frame]]:
    """The verified frames of a log; at its end, a comparison with what was once seen of it."""
    # Read before the log: what it saw was durable then, so the log must hold it.
    witness = witness_of(settings)
    verifier = ChainVerifier(settings.name, remember=None if witness is None else witness.position)
    with reading_client(settings) as client:
        frames = read_frames(client, verifier, settings.archive())
        yield _witnessed(frames, verifier, witness)


def witness_of(settings: LogSettings) -> Witness | None:
    """What the witness file says; None where there is none."""
    return WitnessFile(settings.data_dir / WITNESS_FILE, settings.name).read()


def _witnessed(
    frames: Iterator[Frame], verifier: ChainVerifier, witness: Witness | None
) -> Iterator[Frame]:
    yield from frames
    if witness is None:
        sys.stderr.write("note: there is no witness file to compare the log's end with\n")
    else:
        compare(witness, verifier)
