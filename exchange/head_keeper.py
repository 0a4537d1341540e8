"""
Has the log's head signed every so many records, at each market day's end, and at an orderly stop.

    sequencer ── follow: durable records ──▶ is a signature due? ──▶ run: sign, fsync, offer, share

A head is taken up when its frame is durable and in the writer's own task, so it is the head of that
very commit; signing and writing are done off the event loop. What a crash left unsigned is signed
at the next start. A venue whose genesis names no key (one made before heads were signed) signs
nothing.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from exchange.domain.proofs import SignedHead
from exchange.domain.record import Record
from exchange.domain.windows import day_at
from exchange.log import Appender, EventLog, Head, HeadSigner, LogSettings, SignedHeads, read_signer
from exchange.log.errors import HeadKeyUnusable, LogError, SignedHeadMissing
from exchange.log.shared_heads import SharedHeads
from exchange.log.signed_heads import SIGNED_HEADS_FILE
from exchange.log.signing import HEAD_KEY_FILE
from exchange.rules import State

log = structlog.get_logger()


class HeadKeeper:
    """A follower of the sequencer; `run` signs what it found due, `sign_last` what is left."""

    def __init__(
        self,
        signed: SignedHeads,
        signer: HeadSigner | None,
        appender: Appender,
        market_ns: int,
        interval_count: int,
        shared: SharedHeads | None = None,
    ) -> None:
        """`shared` is where nodes with directories of their own find what was signed."""
        self.signed = signed
        self._shared = shared
        self._signer = signer
        self._appender = appender
        self._interval_count = interval_count
        self._market_day = day_at(market_ns)
        self._noted_seq = signed.last.seq if signed.last else 0
        self._due: Head | None = None
        self._arrived = asyncio.Event()
        self._signing = asyncio.Lock()
        if appender.head.seq > self._noted_seq:
            self._note(appender.head)

    def follow(self, records: Sequence[Record]) -> None:
        """Notes the head of a commit that completes an interval or ends a market day."""
        head = self._appender.head
        market_day = day_at(records[-1].market_ns)
        is_full = head.seq - self._noted_seq >= self._interval_count
        if is_full or market_day != self._market_day:
            self._market_day = market_day
            self._note(head)

    def committed(self) -> None:
        """Nothing waits here for the end of a commit."""

    async def run(self) -> None:
        """Signs what is due until it is cancelled; a signature that was begun is finished."""
        async with self._signing:
            await _finished(asyncio.to_thread(self._share))
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            if self._due is not None:
                await self._sign(self._due)

    async def sign_last(self) -> None:
        """Signs the log's end at an orderly stop; `run` is cancelled and the writer has ended."""
        await self._sign(self._appender.head)

    def _note(self, head: Head) -> None:
        self._due, self._noted_seq = head, head.seq
        self._arrived.set()

    async def _sign(self, head: Head) -> None:
        """One at a time, and nothing twice: a cancelled `run` may still be writing."""
        async with self._signing:
            last = self.signed.last
            if self._signer is None or (last is not None and head.seq <= last.seq):
                return
            signed = self._signer.sign(head, time.time_ns)
            await _finished(asyncio.to_thread(self._keep, signed))

    def _keep(self, signed: SignedHead) -> None:
        self.signed.append(signed)
        self._share()

    def _share(self) -> None:
        """The file has it already: where this fails, the next one brings it along."""
        if self._shared is not None:
            try:
                self._shared.publish(self.signed.heads)
            except LogError as error:
                log.warning("heads_not_shared", detail=str(error))


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Waits for work in a thread to its end, also when cancelled: it cannot be stopped."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def open_signing(
    settings: LogSettings, event_log: EventLog, state: State, *, may_be_unsigned: bool = False
) -> tuple[SignedHeads, HeadSigner | None]:
    """
    What was signed of a log that has been read to its end, and who signs; before it is taken over.

    Raises `HeadKeyUnusable` where the genesis names a key that is not here, unless the log
    `may_be_unsigned`; `SignedHeadsDamaged`; and `SignedHeadMissing` where the log lacks what was
    signed: nobody may be told two histories.
    """
    assert state.venue is not None, "a log that is served has a genesis"
    public_key = state.venue.head_public_key
    signed = SignedHeads(settings.data_dir / SIGNED_HEADS_FILE, settings.name)
    await _require_known(signed, event_log)
    if torn_length := signed.repair():
        log.warning("signed_heads_repaired", path=str(signed.path), torn_length=torn_length)
    if (shared := settings.shared_heads()) is not None:
        await asyncio.to_thread(shared.copy_to, signed, public_key, event_log.verified_head)
    if not public_key:
        log.warning("heads_not_signed", detail="the venue's genesis names no key to sign with")
        return signed, None
    try:
        key_path = settings.data_dir / HEAD_KEY_FILE
        return signed, read_signer(key_path, settings.name, public_key)
    except HeadKeyUnusable as error:
        if not may_be_unsigned:
            raise
        log.warning("heads_not_signed", detail=str(error))
        return signed, None


async def _require_known(signed: SignedHeads, event_log: EventLog) -> None:
    """The newest signed head is in the log; where its frame was trimmed, the log goes beyond it."""
    last, tip = signed.last, await event_log.tip()
    if last is None:
        return
    end = event_log.name.genesis if tip is None else tip.head
    frame = await event_log.frame_at(f"{last.epoch}-{last.seq}")
    found = None if frame is None else frame.header_hash.hex()
    if last.position > end.position or found not in (None, last.header_hash):
        raise SignedHeadMissing(
            f"log_signed_head_missing: the head of epoch {last.epoch}, seq {last.seq}, header hash "
            f"{last.header_hash} was signed, but the log has {found or 'no such frame'} there and "
            f"ends at seq {end.seq}: restore it with `exchange log restore --from DIR`, and accept "
            "a loss knowing that whoever holds the signature can prove it"
        )
