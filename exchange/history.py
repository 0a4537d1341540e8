"""
The log for those who look back: records, and the read models as of any of them.

The past is folded in another process:

    gateway ── (seq, question) ──▶ worker: nearest checkpoint ─▶ verified frames ─▶ projections

The worker keeps a checkpoint every so many records, so that a second question about the same time
is quick. It reads the log by itself and writes nothing.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from msgspec import Struct

from exchange.domain.events import ClockAdvanced, VenueCreated
from exchange.domain.proofs import RecordProof, SignedHead
from exchange.domain.record import Record, decode_body
from exchange.domain.statement import Statement, StatementAsked
from exchange.domain.windows import start_ns
from exchange.extract_maker import ExtractMaker
from exchange.gateway.worker import Worker
from exchange.log import (
    ChainVerifier,
    EventLog,
    Frame,
    Head,
    LogSettings,
    SignedHeads,
    prove,
    read_frames,
    read_stretch,
)
from exchange.projections import Projections
from exchange.projections.statement import StatementFold
from exchange.projections.views import Question, answer
from exchange.reading import reading_client

CHECKPOINT_EVERY = 20_000
"""Records between two checkpoints; folding that many takes a fraction of a second."""
PART_BYTES = 1 << 20
PART_FRAMES_COUNT = 2_000
"""Of an extract at a time: what is in memory of it, and what others wait for."""


class Checkpoint(Struct, frozen=True):
    """The read models at a frame's end."""

    head: Head
    market_ns: int
    projections: bytes


class ExtractPart(Struct, frozen=True):
    """A bank's extract up to a frame's end: how it goes on, and what it came to."""

    maker: ExtractMaker
    after: Head
    lines: bytes = b""


class Past:
    """A log's read models as of any record; one is kept in the worker."""

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._archive = settings.archive()
        self._checkpoints = [Checkpoint(settings.name.genesis, 0, Projections().checkpoint())]

    def ask(self, seq: int, question: Question) -> bytes:
        """The answer as of record `seq`, which is in the log."""
        at = bisect_right(self._checkpoints, seq, key=lambda c: c.head.seq) - 1
        start = self._checkpoints[at]
        projections = Projections.restore(start.projections)
        for record in self._records(start, seq, projections):
            projections.apply(record)
        assert projections.at_seq == seq, f"asked for {seq}, the log ends at {projections.at_seq}"
        return answer(question, projections)

    def statement(self, asked: StatementAsked, seq: int) -> Statement:
        """An account's statement as of record `seq`, which is in the log."""
        from_ns = start_ns(asked.from_day)
        start = [
            checkpoint
            for checkpoint in self._checkpoints
            if checkpoint.market_ns < from_ns or checkpoint.head.seq <= asked.after_seq
        ][-1]
        projections = Projections.restore(start.projections)
        fold = StatementFold(asked, projections)
        for record in self._records(start, seq, projections):
            fold.take(record)
            if fold.is_over:
                break
            projections.apply(record)
        return fold.statement()

    def _records(
        self, start: Checkpoint, to_seq: int, projections: Projections
    ) -> Iterator[Record]:
        """The records after a checkpoint; the projections take in each, and make new ones."""
        market_ns = start.market_ns
        with reading_client(self._settings) as client:
            verifier = ChainVerifier(self._settings.name, start.head)
            for frame in read_frames(client, verifier, self._archive):
                for record in _decoded(frame, market_ns):
                    if record.seq > to_seq:
                        return
                    yield record
                    market_ns = record.market_ns
                if projections.at_seq >= to_seq:
                    return
                self._keep(frame.head, market_ns, projections)

    def prove(self, seq: int, signed: SignedHead) -> RecordProof:
        """The proof of a record under a head that was signed at or after it."""
        with reading_client(self._settings) as client:
            name = self._settings.name
            frames = read_stretch(client, name, seq, signed.position, self._archive)
            return prove(frames, seq, signed)

    def extract(self, part: ExtractPart, heads: list[SignedHead]) -> ExtractPart:
        """The next part; `heads` are those signed from there on, more than it may have frames."""
        maker, after, left, lines = part.maker, part.after, deque(heads), bytearray()
        with reading_client(self._settings) as client:
            frames = read_frames(client, ChainVerifier(self._settings.name, after), self._archive)
            for frame in islice(frames, PART_FRAMES_COUNT):
                lines += b"".join(maker.lines_of(frame, left))
                after = frame.head
                if maker.is_over or len(lines) >= PART_BYTES:
                    break
        if maker.is_over or after == part.after:
            lines += b"".join(maker.end())
        return ExtractPart(maker, after, bytes(lines))

    def _keep(self, head: Head, market_ns: int, projections: Projections) -> None:
        if head.seq >= self._checkpoints[-1].head.seq + CHECKPOINT_EVERY:
            checkpoint = Checkpoint(head, market_ns, projections.checkpoint())
            self._checkpoints.append(checkpoint)


class LogHistory:
    """The served log, and the worker process; the worker is started by the first question."""

    def __init__(self, event_log: EventLog, settings: LogSettings, signed: SignedHeads) -> None:
        self._event_log = event_log
        self._settings = settings
        self._signed = signed
        self._worker = Worker(_begin, settings)

    async def records(self, from_seq: int, count: int) -> list[Record]:
        """Up to `count` records from a seq on, decoded; without market time."""
        found = await self._event_log.records(from_seq, count)
        return [Record(seq, 0, *decode_body(encoded, seq)) for seq, encoded in found]

    async def ask(self, seq: int, question: Question) -> bytes:
        """The answer as of a durable record."""
        return await self._worker.run(_ask, seq, question)

    async def statement(self, asked: StatementAsked, seq: int) -> Statement:
        """An account's statement as of a durable record."""
        return await self._worker.run(_statement, asked, seq)

    def signed_heads(self, from_seq: int, count: int) -> list[SignedHead]:
        """Up to `count` signed heads at or after a seq, oldest first."""
        return self._signed.page(from_seq, count)

    async def prove(self, seq: int) -> RecordProof | None:
        """The proof of a durable record; None where no signed head stands for it yet."""
        signed = self._signed.first_over(seq)
        return None if signed is None else await self._worker.run(_prove, seq, signed)

    async def extract(self, bank: str, bank_account_id: int, seq: int) -> AsyncIterator[bytes]:
        """What a bank's marks depend on, up to a durable record; others are answered in between."""
        maker = ExtractMaker(bank, bank_account_id, seq)
        part = ExtractPart(maker, self._settings.name.genesis)
        while not part.maker.is_over:
            heads = self._signed.page(part.after.seq, PART_FRAMES_COUNT + 2)
            part = await self._worker.run(_extract, part, heads)
            yield part.lines

    def close(self) -> None:
        """Ends the worker, without waiting for what it still answers."""
        self._worker.close()


def _decoded(frame: Frame, market_ns: int) -> Iterator[Record]:
    """A frame's records with their market time, which was so much before them."""
    for seq, encoded in enumerate(frame.records, start=frame.header.first_seq):
        command, events = decode_body(encoded, seq)
        for event in events:
            if isinstance(event, ClockAdvanced | VenueCreated):
                market_ns = event.market_ns
        yield Record(seq, market_ns, command, events)


# The worker's own; a process has one log.
_PAST: list[Past] = []


def _begin(settings: LogSettings) -> None:
    """Each process keeps its own checkpoints."""
    _PAST.append(Past(settings))


def _ask(seq: int, question: Question) -> bytes:
    return _PAST[0].ask(seq, question)


def _statement(asked: StatementAsked, seq: int) -> Statement:
    return _PAST[0].statement(asked, seq)


def _extract(part: ExtractPart, heads: list[SignedHead]) -> ExtractPart:
    return _PAST[0].extract(part, heads)


def _prove(seq: int, signed: SignedHead) -> RecordProof:
    return _PAST[0].prove(seq, signed)
