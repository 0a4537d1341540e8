"""
Snapshots of a serving exchange, and the start from one.

    sequencer at rest ─ fork ─▶ child: state and read models to a file, the state's hash to a pipe
            │                                                                        │
            └─ MarkState, the next record … trading goes on … RecordStateHash ◀──────┘

The writer stops for as long as a fork takes; the child sees the memory as it was. A start takes the
newest snapshot that is whole and in the log, goes on from there by the log's records, and believes
it only when they bring the very hash that the leader recorded; else it tries an older one, and in
the end reads all.
"""

import asyncio
import gc
import os
import signal
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import msgspec
import structlog

from exchange.domain.commands import MarkState, RecordStateHash
from exchange.domain.events import Event, StateHashed
from exchange.domain.record import LAYOUTS_SHA256, Record
from exchange.engine.engine import Engine
from exchange.engine.sequencer import Sequencer
from exchange.log import (
    EventLog,
    Frame,
    Head,
    Snapshot,
    SnapshotFiles,
    SnapshotHeader,
    doubt,
)
from exchange.projections import Projections
from exchange.rules.state import State, StateUnreadable
from exchange.settings import StartRefused

BEHAVIOUR_VERSION = 7
"""Version of the rules; a log that a newer one wrote is refused."""
SNAPSHOT_DIR = "snapshots"
LONGEST_S = 300.0
"""A process that takes longer is ended: it hangs, or the disk does."""
_HASH_BYTES = 32
_FIRST_OTHER_DESCRIPTOR = 3

log = structlog.get_logger()


class SnapshotFailed(Exception):
    """The process that writes snapshots ended without one; its own words are on stderr."""


class Payload(msgspec.Struct, frozen=True, array_like=True):
    """What a snapshot file holds: the state's canonical bytes and the read models' checkpoint."""

    state: memoryview
    projections: memoryview
    layouts_sha256: bytes = b""
    """Of the messages of the build that wrote it: what stays bytes must be what ours would be."""


# -- taking ---------------------------------------------------------------------------------------


async def take_snapshot(
    sequencer: Sequencer,
    projections: Projections,
    event_log: EventLog,
    files: SnapshotFiles,
    longest_s: float = LONGEST_S,
) -> int:
    """
    Writes a snapshot of the durable state and records its hash; returns its seq.

    The process that writes is ended after `longest_s`. Raises `SnapshotFailed`; the log is then
    without a hash, and the file, if any, without worth.
    """

    def fork() -> tuple[Head, int, int]:
        head = event_log.head
        found = (sequencer.seq, projections.at_seq)
        if found != (head.seq, head.seq):
            raise SnapshotFailed(f"snapshot_failed: the log is at {head.seq}, others at {found}")
        return head, *_fork(sequencer.engine.state, projections, files, head)

    head, process_id, pipe = await sequencer.at_rest(fork, then=MarkState())
    reading = asyncio.ensure_future(asyncio.to_thread(_read_all, pipe))
    try:
        await asyncio.wait([reading], timeout=longest_s)
    finally:
        if not reading.done():
            os.kill(process_id, signal.SIGKILL)
        found = await reading
        await asyncio.to_thread(os.waitpid, process_id, 0)
    if len(found) != _HASH_BYTES:
        raise SnapshotFailed(f"snapshot_failed: process {process_id} wrote none of seq {head.seq}")
    await sequencer.execute(RecordStateHash(marked_seq=head.seq, state_sha256=found))
    return head.seq


def _fork(
    state: State, projections: Projections, files: SnapshotFiles, head: Head
) -> tuple[int, int]:
    """Starts the process that writes; its id, and the pipe on which the hash will come."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn of threads that the child lacks; it waits for none.
        warnings.simplefilter("ignore", DeprecationWarning)
        process_id = os.fork()
    if process_id:
        os.close(writing)
        return process_id, reading
    status = 1
    try:
        # Connections and locks are the parent's: held here, they would outlive it.
        os.closerange(_FIRST_OTHER_DESCRIPTOR, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
        gc.disable()
        os.write(writing, write_snapshot(state, projections, files, head))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        # Whatever happens, this process must not go on as a second exchange.
        os._exit(status)


def write_snapshot(
    state: State, projections: Projections, files: SnapshotFiles, head: Head
) -> bytes:
    """Puts the file on disk; the state's hash."""
    canonical = state.canonical()
    state_sha256 = sha256(canonical).digest()
    header = SnapshotHeader(
        files.name, head.epoch, head.seq, head.header_hash, BEHAVIOUR_VERSION, state_sha256
    )
    parts = memoryview(canonical), memoryview(projections.checkpoint())
    payload = Payload(*parts, LAYOUTS_SHA256)
    files.write(Snapshot(header, msgspec.msgpack.encode(payload)))
    return state_sha256


def _read_all(pipe: int) -> bytes:
    with open(pipe, "rb") as file:
        return file.read()


# -- starting -------------------------------------------------------------------------------------


class Loaded(msgspec.Struct):
    """State and read models behind the same record, and what the log said on the way there."""

    engine: Engine = msgspec.field(default_factory=Engine)
    projections: Projections = msgspec.field(default_factory=Projections)
    snapshot_seq: int = 0
    logged_sha256: bytes | None = None
    """The hash of the state at `snapshot_seq`, as the log records it later."""


async def load(event_log: EventLog, files: SnapshotFiles) -> Loaded:
    """
    State and read models as of the verified tip, from the newest snapshot that the log confirms.

    Snapshots that are not used are named in the program's log. Raises `StartRefused` for a log
    that newer rules wrote.
    """
    tip = await event_log.tip()
    committed_seq = 0 if tip is None else tip.header.committed_seq
    found = None
    for snapshot in files.newest_first(BEHAVIOUR_VERSION, committed_seq):
        found, reason = await _from_snapshot(event_log, snapshot)
        if found is not None:
            break
        files.skip(snapshot, reason)
    tell_skipped(files)
    if found is None:
        found = Loaded()
        await go_on(event_log, None, found)
    return found


def tell_skipped(files: SnapshotFiles) -> None:
    """Names what was not used in the program's log."""
    for skipped in files.skipped:
        log.warning("snapshot_skipped", path=str(skipped.path), reason=skipped.reason)


async def _from_snapshot(event_log: EventLog, snapshot: Snapshot) -> tuple[Loaded | None, str]:
    """What the log makes of a snapshot by its tip; None and why where the log does not agree."""
    frame = await event_log.frame_at(snapshot.header.entry_id)
    loaded, reason = begin(snapshot, frame)
    if loaded is None or frame is None:
        return None, reason
    await go_on(event_log, frame.head, loaded)
    reason = doubt(snapshot.header, frame, loaded.logged_sha256)
    return (None, reason) if reason else (loaded, "")


def begin(snapshot: Snapshot, frame: Frame | None) -> tuple[Loaded | None, str]:
    """
    State and read models of a snapshot where `frame` is the log's at its place; else None and why.

    To be believed it has to be confirmed by what the log says behind it, see `doubt`.
    """
    reason = doubt(snapshot.header, frame, snapshot.header.state_hash)
    if reason:
        return None, reason
    try:
        return _restored(snapshot), ""
    except (StateUnreadable, msgspec.MsgspecError) as error:
        return None, f"snapshot_unreadable: {error}"


def _restored(snapshot: Snapshot) -> Loaded:
    header = snapshot.header
    payload = msgspec.msgpack.decode(snapshot.payload, type=Payload)
    if payload.layouts_sha256 != LAYOUTS_SHA256:
        raise StateUnreadable("a build with other messages wrote it")
    # Millions of objects come into being and none goes: the collector would look at them in vain,
    # now and with every record behind the snapshot.
    gc.disable()
    try:
        with ThreadPoolExecutor(1) as beside:
            # Hashing needs none of Python's locks.
            hashed = beside.submit(sha256, payload.state)
            state = State.restore(payload.state)
        if hashed.result().digest() != header.state_hash:
            raise StateUnreadable(f"its state does not hash to {header.state_hash.hex()}")
        projections = Projections.restore(payload.projections)
        gc.freeze()
    finally:
        gc.enable()
    if (state.seq, projections.at_seq) != (header.seq, header.seq):
        found = f"{state.seq} and {projections.at_seq}"
        raise StateUnreadable(f"it is of seq {header.seq}, its parts are of {found}")
    return Loaded(Engine(state), projections, snapshot_seq=header.seq)


async def go_on(event_log: EventLog, start: Head | None, loaded: Loaded) -> None:
    """Takes in the log from a place to its tip."""
    async for frame in event_log.frames(start):
        take_in(frame, loaded)


def take_in(frame: Frame, loaded: Loaded) -> None:
    """Applies a frame's records."""
    _require_known_rules(frame)
    engine, projections = loaded.engine, loaded.projections
    state = engine.state
    records = []
    for encoded in frame.records:
        command, events = engine.apply(encoded)
        records.append(Record(state.seq, state.market_ns, command, events))
        if type(command) is RecordStateHash:
            _note_hash(events, loaded)
    projections.apply_all(records)


def _note_hash(events: list[Event], loaded: Loaded) -> None:
    for event in events:
        if isinstance(event, StateHashed) and event.marked_seq == loaded.snapshot_seq:
            loaded.logged_sha256 = event.state_sha256


def _require_known_rules(frame: Frame) -> None:
    made_by = frame.barrier
    if made_by is not None and made_by.behaviour_version > BEHAVIOUR_VERSION:
        raise StartRefused(
            f"the log was written by build {made_by.build} with rules "
            f"{made_by.behaviour_version}; this one knows {BEHAVIOUR_VERSION}: use a newer one"
        )
