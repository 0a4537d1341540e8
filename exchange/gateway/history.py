"""
What the gateway asks of the log: records, and answers as of one of them.

`?as_of_seq=` is answered by another process, which folds the log to there; the writer's never does
it, because an answer about the past takes as long as its replay. One question an account at a time,
so that nobody can queue up history.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec
from aiohttp import web

from exchange.domain.proofs import RecordProof, SignedHead
from exchange.domain.reasons import Reason, Refused
from exchange.domain.record import Record
from exchange.domain.statement import Statement, StatementAsked
from exchange.projections.views import Question, answer

from .answers import integer_query, json_answer
from .border import HUB


class History(Protocol):
    """The durable log, for those who look back."""

    async def records(self, from_seq: int, count: int) -> list[Record]:
        """Up to `count` records from a seq on; their `market_ns` is 0, since it is not known."""

    async def ask(self, seq: int, question: Question) -> bytes:
        """The answer to a question as of a durable record, as JSON."""

    async def statement(self, asked: StatementAsked, seq: int) -> Statement:
        """An account's statement as of a durable record."""

    def signed_heads(self, from_seq: int, count: int) -> list[SignedHead]:
        """Up to `count` signed heads at or after a seq, oldest first."""

    async def prove(self, seq: int) -> RecordProof | None:
        """The proof of a durable record; None where no signed head stands for it yet."""

    def extract(self, bank: str, bank_account_id: int, seq: int) -> AsyncIterator[bytes]:
        """What a bank's marks depend on, up to a durable record, as lines of JSON, in parts."""


HISTORY: web.AppKey[History] = web.AppKey("history")
ASKING: web.AppKey[set[int]] = web.AppKey("asking", set)
"""Accounts whose question about the past is being answered; 0 is everybody without a key."""


async def answer_of(request: web.Request, question: Question, asker_id: int) -> web.Response:
    """The view now, or as of `?as_of_seq=`."""
    projections = request.app[HUB].projections
    at_seq = projections.at_seq
    seq = integer_query(request, "as_of_seq", at_seq, 1, at_seq)
    if seq == at_seq:
        body = answer(question, projections)
    else:
        with one_at_a_time(request, asker_id):
            body = await request.app[HISTORY].ask(seq, question)
    return json_answer(msgspec.Raw(body), as_of_seq=seq)


@contextmanager
def one_at_a_time(request: web.Request, asker_id: int) -> Iterator[None]:
    """Refuses with `overload` while the account's last question about the past is unanswered."""
    asking = request.app[ASKING]
    if asker_id in asking:
        raise Refused(Reason.OVERLOAD, 2, 1)
    asking.add(asker_id)
    try:
        yield
    finally:
        asking.discard(asker_id)
