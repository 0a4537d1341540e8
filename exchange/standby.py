"""
A second exchange that follows the log and takes over when the leader falls silent.

    snapshot ─┐
    stream ───┴▶ confirmed frames ─▶ state and read models, warm
                  │
                  └─ none for 2 s of our own clock, or SIGUSR1 ─▶ serve: lock, tail, barrier, port

It begins as a leader does: with the newest snapshot in its directory that is whole, whose frame is
in the log, and whose state's hash the log's confirmed records bring; else it reads the whole log.
It applies only what a later frame states as durable. What lies behind that is read when it takes
over, after the barrier has made it so or the append has found that somebody else leads. With a
directory of its own it keeps a witness of what it has seen, and refuses to lead a log that lacks
it; on the leader's machine it shares the leader's directory, and its lock is free only when the
leader's process is gone. Into a directory of its own it also copies the heads that were signed, so
that it goes on offering them.
"""

import asyncio
import time
from collections import deque

import redis
import structlog

from exchange.domain.wire import Health
from exchange.lease import LAPSE_NS
from exchange.log import (
    ChainVerifier,
    Frame,
    LogError,
    LogSettings,
    SignedHeads,
    SnapshotFiles,
    WitnessFile,
    compare,
    doubt,
    read_frames,
)
from exchange.log.errors import ServerWentAway
from exchange.log.event_log import WITNESS_FILE
from exchange.log.head import Head
from exchange.log.lookup import find_frame_at_once, first_frame_at_once, last_frame_at_once
from exchange.log.signed_heads import SIGNED_HEADS_FILE
from exchange.log.witness import require
from exchange.reading import reading_client
from exchange.snapshots import (
    BEHAVIOUR_VERSION,
    SNAPSHOT_DIR,
    Loaded,
    begin,
    take_in,
    tell_skipped,
)

POLL_S = 0.02
WITNESS_NS = 1_000_000_000

log = structlog.get_logger()


class Standby:
    """The state as of the last frame that is known to be durable, kept warm."""

    def __init__(self, settings: LogSettings) -> None:
        self.loaded = Loaded()
        self.head = settings.name.genesis
        """Behind the last frame applied."""
        self._settings = settings
        self._verifier = ChainVerifier(settings.name)
        self._waiting: deque[Frame] = deque()
        self._witness = WitnessFile(settings.data_dir / WITNESS_FILE, settings.name)
        self._seen = self._witness.read()
        """What this directory has seen of the log, and the log must hold."""
        self._is_seen_there = False
        """Whether it does; nothing else is witnessed before."""
        self._witnessed = (0, 0) if self._seen is None else self._seen.position
        self._witnessed_ns = 0
        self._is_following = False
        """Whether the server has answered since we began; before, nothing is known of the log."""
        self._away_reason = ""
        """Why the server cannot be read now; empty where it can."""
        self._alive_ns = time.monotonic_ns()
        """When patience with the leader last began anew."""
        self._heard_ns = time.monotonic_ns()
        self._shared_heads = settings.shared_heads()
        self._signed = SignedHeads(settings.data_dir / SIGNED_HEADS_FILE, settings.name)

    def health(self) -> Health:
        """
        How far it has followed; a tick is any sign of life from the leader, and until the first
        one its age is the standby's own.
        """
        return Health(
            is_ready=False,
            log_seq=self.head.seq,
            market_ns=self.loaded.engine.state.market_ns,
            tick_age_ms=(time.monotonic_ns() - self._heard_ns) // 1_000_000,
            detail=self._detail(),
        )

    async def wait(self, stop: asyncio.Event, told: asyncio.Event) -> bool:
        """Follows until the leader is silent or `told` to lead: True; False once `stop` is set."""
        with reading_client(self._settings) as client:
            self._alive_ns = time.monotonic_ns()
            while True:
                if self._hear(client):
                    self._alive_ns = time.monotonic_ns()
                if stop.is_set():
                    return False
                silent_ns = time.monotonic_ns() - self._alive_ns
                if told.is_set() or silent_ns > LAPSE_NS:
                    log.warning("taking_over", seq=self.head.seq, silent_ms=silent_ns // 1_000_000)
                    self._keep_witness(self.head)
                    return True
                await asyncio.sleep(POLL_S)

    def _detail(self) -> str:
        if not self._away_reason:
            return "standing by" if self._is_following else "beginning to follow"
        return f"not following since the log cannot be read: {self._away_reason}"

    def _hear(self, client: redis.Redis) -> bool:
        """
        Reads to the tip; whether that is a sign of life: something new, or nobody can tell.

        A server of our own is started again by whoever leads, so its end is silence. Without an
        external one nobody leads, and we least of all: it is waited for. One that refuses the login
        would do so for ever, so that ends the standby.
        """
        try:
            if self._is_following:
                is_new = self._follow(client)
            else:
                self._begin(client)
                is_new = True
        except ServerWentAway as error:
            if not self._away_reason:
                log.warning("log_server_unreachable", detail=str(error))
            self._away_reason = str(error)
            return self._settings.external is not None
        self._away_reason = ""
        return is_new

    def _begin(self, client: redis.Redis) -> None:
        """Reads to the tip for the first time; nothing is kept where the server goes meanwhile."""
        genesis = self._settings.name.genesis
        try:
            if not self._begin_with_snapshot(client):
                self._start_at(genesis, Loaded())
                self._follow(client)
        except ServerWentAway:
            self._start_at(genesis, Loaded())  # A snapshot nobody confirmed is not to be led from.
            raise
        self._is_following = True
        snapshot_seq = self.loaded.snapshot_seq
        log.info("following", seq=self._verifier.head.seq, from_snapshot_seq=snapshot_seq)

    def _begin_with_snapshot(self, client: redis.Redis) -> bool:
        """Whether it stands at the tip, from the newest snapshot that the log confirms."""
        name = self._settings.name
        files = SnapshotFiles(self._settings.data_dir / SNAPSHOT_DIR, name)
        try:
            tip = last_frame_at_once(client, name)
            committed_seq = 0 if tip is None else tip.header.committed_seq
            for snapshot in files.newest_first(BEHAVIOUR_VERSION, committed_seq):
                frame = find_frame_at_once(client, name, snapshot.header.entry_id)
                loaded, reason = begin(snapshot, frame)
                if loaded is not None and frame is not None:
                    self._start_at(frame.head, loaded)
                    self._follow(client)
                    reason = doubt(snapshot.header, frame, loaded.logged_sha256)
                    if not reason:
                        return True
                files.skip(snapshot, reason)
        finally:
            tell_skipped(files)
        return False

    def _start_at(self, head: Head, loaded: Loaded) -> None:
        self.loaded, self.head = loaded, head
        remember = None if self._seen is None else self._seen.position
        self._verifier = ChainVerifier(self._settings.name, head, remember)
        self._waiting.clear()

    def _follow(self, client: redis.Redis) -> bool:
        """Reads what is new to the tip, and whether there was any."""
        is_new = False
        for frame in read_frames(client, self._verifier, self._settings.archive()):
            is_new = True
            if self._is_following:  # What was there before may be old.
                self._heard_ns = time.monotonic_ns()
            self._confirm(frame)
            self._waiting.append(frame)
        if not self._is_seen_there:
            self._require_seen(client)
        return is_new

    def _require_seen(self, client: redis.Redis) -> None:
        """Once, when the log has been read to its tip: raises `LogWentBack` where it went back."""
        name, seen = self._settings.name, self._seen
        if seen is not None and self._verifier.start.position <= seen.position:
            compare(seen, self._verifier)
        elif seen is not None:
            frame = find_frame_at_once(client, name, seen.entry_id)
            require(seen, frame, first_frame_at_once(client, name))
        self._is_seen_there = True

    def _confirm(self, frame: Frame) -> None:
        """Applies what a frame states as durable; only frames with records say so."""
        while (
            frame.records
            and self._waiting
            and self._waiting[0].header.last_seq <= frame.header.committed_seq
        ):
            confirmed = self._waiting.popleft()
            take_in(confirmed, self.loaded)
            self.head = confirmed.head
        if time.monotonic_ns() - self._witnessed_ns > WITNESS_NS:
            self._keep_witness(self.head)
            self._copy_heads()

    def _keep_witness(self, head: Head) -> None:
        """In a directory of its own; the leader's has the leader's. It never goes back."""
        is_ours = self._settings.external is not None and self._is_seen_there
        if is_ours and head.position > self._witnessed:
            self._witness.write(head)
            self._witnessed, self._witnessed_ns = head.position, time.monotonic_ns()

    def _copy_heads(self) -> None:
        """What the leader has signed so far; the rest when we lead."""
        venue = self.loaded.engine.state.venue
        if self._shared_heads is not None and venue is not None:
            try:
                self._signed.repair()
                self._shared_heads.copy_to(self._signed, venue.head_public_key, self.head)
            except LogError as error:
                log.warning("heads_not_copied", detail=str(error))
