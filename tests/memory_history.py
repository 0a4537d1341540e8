"""The past of an exchange whose log is a list of records in this process."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from exchange.domain.events import ClockAdvanced, VenueCreated
from exchange.domain.proofs import RecordProof, SignedHead
from exchange.domain.record import Record, decode_body
from exchange.domain.statement import MAX_STATEMENT_LINES, Statement, StatementAsked
from exchange.projections import Projections
from exchange.projections.statement import StatementFold
from exchange.projections.views import Question, answer


class MemoryHistory:
    """Reads and folds a list of encoded records, as the real one does a log."""

    def __init__(self, encoded: list[bytes]) -> None:
        self._encoded = encoded
        self.max_statement_lines = MAX_STATEMENT_LINES
        self.heads: list[SignedHead] = []
        """What a test puts there."""
        self.extract_parts: list[bytes | Exception] = []
        """The same."""

    def signed_heads(self, from_seq: int, count: int) -> list[SignedHead]:
        """As a test put them there."""
        return [head for head in self.heads if head.seq >= from_seq][:count]

    async def prove(self, seq: int) -> RecordProof | None:
        """There are no frames to prove anything by."""
        assert self.heads == [], "proofs want a real log"
        return None

    async def extract(self, bank: str, bank_account_id: int, seq: int) -> AsyncIterator[bytes]:
        """What a test put there; there are no frames to take anything from."""
        for part in self.extract_parts:
            if isinstance(part, Exception):
                raise part
            yield part

    async def records(self, from_seq: int, count: int) -> list[Record]:
        """Decoded, without market time."""
        chosen = self._encoded[from_seq - 1 : from_seq - 1 + count]
        return [Record(from_seq + n, 0, *decode_body(body)) for n, body in enumerate(chosen)]

    async def ask(self, seq: int, question: Question) -> bytes:
        """Folds from the first record on, after a while, as another process would."""
        await asyncio.sleep(0.02)
        projections = Projections()
        for record in timed(self._encoded[:seq]):
            projections.apply(record)
        return answer(question, projections)

    async def statement(self, asked: StatementAsked, seq: int) -> Statement:
        """As `ask` does."""
        await asyncio.sleep(0.02)
        return statement_of(asked, self._encoded[:seq], max_lines=self.max_statement_lines)


def statement_of(asked: StatementAsked, encoded: list[bytes], **limits: int) -> Statement:
    """A statement from encoded records."""
    projections = Projections()
    fold = StatementFold(asked, projections, **limits)
    for record in timed(encoded):
        fold.take(record)
        if fold.is_over:
            break
        projections.apply(record)
    return fold.statement()


def timed(encoded: list[bytes]) -> Iterator[Record]:
    """Encoded records with the market time that their events say."""
    market_ns = 0
    for seq, body in enumerate(encoded, start=1):
        command, events = decode_body(body)
        for event in events:
            if isinstance(event, ClockAdvanced | VenueCreated):
                market_ns = event.market_ns
        yield Record(seq, market_ns, command, events)
