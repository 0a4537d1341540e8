"""
The log for who only reads it: with its exchange running or stopped, its archive and its witness.

    server, or a private one on a copy ─┐
    archive ────────────────────────────┴─▶ verified frames ─▶ compared with the witness at the end
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import redis

from exchange.log import (
    Archive,
    ChainVerifier,
    Frame,
    LogSettings,
    Witness,
    WitnessFile,
    compare,
    read_frames,
    read_only_log,
    tell_on_stderr,
)
from exchange.log.asking import asking
from exchange.log.entry import Entry, position_of
from exchange.log.errors import LogMissing
from exchange.log.event_log import WITNESS_FILE
from exchange.log.segment import segment_name


@contextlib.contextmanager
def reading_client(settings: LogSettings) -> Iterator[redis.Redis]:
    """A client to read with; a stopped exchange's log is read from a copy."""
    if settings.external is None:
        with read_only_log(settings.data_dir) as client:
            yield client
    else:
        with contextlib.closing(settings.external.client()) as client:
            yield client


class LogFrames:
    """The verified frames of a log, once; `tip_seq` is where they will end, to show progress by."""

    def __init__(self, frames: Iterator[Frame], tip_seq: int) -> None:
        self._frames = frames
        self.tip_seq = tip_seq

    def __iter__(self) -> Iterator[Frame]:
        return self._frames


@contextlib.contextmanager
def reading_frames(settings: LogSettings) -> Iterator[LogFrames]:
    """The verified frames of a log; at its end, a comparison with what was once seen of it."""
    # Read before the log: what it saw was durable then, so the log must hold it.
    witness = witness_of(settings)
    verifier = ChainVerifier(settings.name, remember=None if witness is None else witness.position)
    with reading_client(settings) as client:
        frames = read_frames(client, verifier, settings.archive())
        yield LogFrames(_witnessed(frames, verifier, witness), _tip_seq(client, settings))


def archived_frames(place: Path) -> Iterator[Frame]:
    """The verified frames of one place of an archive, with nothing else of the venue at hand."""
    segment = next(iter(sorted(place.glob("*.segment"))), None)
    if segment is None:
        raise LogMissing(f"log_missing: {place} is neither a venue's directory nor an archive")
    name = segment_name(segment)
    verifier = ChainVerifier(name)
    archive = Archive(name, [place], tell_on_stderr)
    for entry_id, data in archive.entries_after(name.genesis):
        yield verifier.check(entry_id, data)


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


def _tip_seq(client: redis.Redis, settings: LogSettings) -> int:
    ask = cast(Callable[..., list[Entry]], client.execute_command)
    with asking(f"reading {settings.name.key}"):
        tip = ask("XREVRANGE", settings.name.key, "+", "-", "COUNT", 1)
    return position_of(tip[0])[1] if tip else 0
