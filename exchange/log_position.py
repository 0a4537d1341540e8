"""
Where a log stands, and how far behind it are those who follow: read models, archive, signatures.
"""

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from clients.directory import read_serving
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.wire import Health
from exchange.engine.replay import is_tick
from exchange.log import Frame, Head, LogSettings, SignedHeads, SnapshotFiles
from exchange.log.signed_heads import SIGNED_HEADS_FILE
from exchange.projections.bundle import KINDS
from exchange.snapshots import SNAPSHOT_DIR

_ANSWER_S = 5.0


class LogPosition:
    """What one pass over a log notes: its end, and when the clock last ticked."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.frame_count = 0
        self.tick_at_ns = 0
        """Wall clock of the last frame with a tick, as its leader saw it; 0 for none."""

    def take(self, frame: Frame) -> None:
        """The next frame."""
        self.head = frame.head
        self.frame_count += 1
        if any(map(is_tick, frame.records)):
            self.tick_at_ns = frame.header.at_ns


def position_row(
    position: LogPosition, settings: LogSettings, standby_urls: Sequence[str] = ()
) -> dict[str, Any]:
    """
    Where the log stands; None for what there is not. Lags are in records behind the head.

    A standby applies what a later frame states as durable, so it is a frame behind at rest.
    """
    head = position.head
    assert head is not None, "a log begins with a barrier"
    health = health_of(settings.data_dir)
    archive = settings.archive()
    signed = SignedHeads(settings.data_dir / SIGNED_HEADS_FILE, settings.name).last
    return {
        "epoch": head.epoch,
        "seq": head.seq,
        "header_hash": head.header_hash.hex(),
        "frame_count": position.frame_count,
        "is_served": health is not None,
        "tick_age_ms": _tick_age_ms(position, health),
        "lags": _lags(head.seq, health),
        "standby_lags": {url: _lag(head.seq, health_at(url)) for url in standby_urls},
        "signed_seq": None if signed is None else signed.seq,
        "archived_seq": None if archive is None else archive.head.seq,
        "snapshot_seq": SnapshotFiles(settings.data_dir / SNAPSHOT_DIR, settings.name).newest_seq(),
    }


def frame_row(frame: Frame, seq: int) -> dict[str, Any]:
    """A frame's header by name, and the hash of one record in it."""
    header = frame.header
    return {
        "entry_id": header.entry_id,
        "epoch": header.epoch,
        "first_seq": header.first_seq,
        "record_count": header.record_count,
        "committed_seq": header.committed_seq,
        "written_at": f"{datetime.fromtimestamp(header.at_ns // NS_PER_SECOND, UTC)}",
        "body_length": header.body_length,
        "crc": f"{header.crc:08x}",
        "prev": header.prev.hex(),
        "root": header.root.hex(),
        "header_hash": frame.header_hash.hex(),
        "record_sha256": sha256(frame.records[seq - header.first_seq]).hexdigest(),
    }


def is_served(data_dir: Path) -> bool:
    """Whether an exchange serves the directory's venue now."""
    return health_of(data_dir) is not None


def health_of(data_dir: Path) -> Health | None:
    """What the directory's exchange says of itself; None where none answers."""
    try:
        return health_at(read_serving(data_dir).url)
    except FileNotFoundError:
        return None


def health_at(url: str) -> Health | None:
    """What an exchange, or one that stands by, says of itself; None where none answers."""
    try:
        url = f"{url.rstrip('/')}/health/live"
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
            return msgspec.json.decode(answer.read(), type=Health)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None


def _tick_age_ms(position: LogPosition, health: Health | None) -> int | None:
    """By the exchange's own monotonic clock; where it is stopped, by the wall's."""
    if health is not None:
        return health.tick_age_ms
    if not position.tick_at_ns:
        return None
    return (time.time_ns() - position.tick_at_ns) // 1_000_000


def _lags(head_seq: int, health: Health | None) -> dict[str, int | None]:
    """Of each read model, which a running exchange folds in its writer's own task."""
    if health is None:
        return {}
    return dict.fromkeys(KINDS, _lag(head_seq, health))


def _lag(head_seq: int, health: Health | None) -> int | None:
    """The head was read first, so that what was folded since counts as no lag."""
    return None if health is None else max(0, head_seq - health.log_seq)
