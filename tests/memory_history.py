"""The past of an exchange whose log is a list of records in this process."""

import asyncio

from exchange.domain.events import ClockAdvanced, VenueCreated
from exchange.domain.proofs import RecordProof, SignedHead
from exchange.domain.record import Record, decode_body
from exchange.projections import Projections
from exchange.projections.views import Question, answer


class MemoryHistory:
    """Reads and folds a list of encoded records, as the real one does a log."""

    def __init__(self, encoded: list[bytes]) -> None:
        self._encoded = encoded
        self.heads: list[SignedHead] = []
        """What a test puts there."""

    def signed_heads(self, from_seq: int, count: int) -> list[SignedHead]:
        """As a test put them there."""
        return [head for head in self.heads if head.seq >= from_seq][:count]

    async def prove(self, seq: int) -> RecordProof | None:
        """There are no frames to prove anything by."""
        assert self.heads == [], "proofs want a real log"
        return None

    async def records(self, from_seq: int, count: int) -> list[Record]:
        """Decoded, without market time."""
        chosen = self._encoded[from_seq - 1 : from_seq - 1 + count]
        return [Record(from_seq + n, 0, *decode_body(body)) for n, body in enumerate(chosen)]

    async def ask(self, seq: int, question: Question) -> bytes:
        """Folds from the first record on, after a while, as another process would."""
        await asyncio.sleep(0.02)
        projections, market_ns = Projections(), 0
        for at, body in enumerate(self._encoded[:seq], start=1):
            command, events = decode_body(body)
            for event in events:
                if isinstance(event, ClockAdvanced | VenueCreated):
                    market_ns = event.market_ns
            projections.apply(Record(at, market_ns, command, events))
        return answer(question, projections)
