"""
`/v1/collateral/marks` and `/v1/marks`: what a bank pulls, now or as of any record or moment.

Marks of pledges are recorded, so an answer is put together from bytes that are made once: each
mark's, and each question's until a mark or a pledge changes. The same question about the same
record has the same bytes for ever, which is what its ETag says.
"""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from exchange.domain.enums import Role
from exchange.domain.events import InstrumentListed, PledgeRequested
from exchange.domain.reasons import Reason
from exchange.projections import Projections
from exchange.projections.collateral import list_of, mark_view, marks_seen, shown_to
from exchange.projections.collateral_marks import PublishedMark
from exchange.projections.held_window import held_view
from exchange.projections.mark_explanation import explanation

from .answers import Problem, integer_query, is_held, json_answer, not_found, path_id, problem
from .auth import Identity
from .border import HUB, identity_of
from .history import HISTORY, one_at_a_time
from .kept import Answer, Kept
from .named import named
from .stream import marks_message
from .whole import WholeResponse, is_plain

KEPT_BYTES = 64 * 1024 * 1024
"""Of lists, and of single marks."""
KEPT_WHOLE_BYTES = KEPT_BYTES // 4
"""Of marks that were asked for by themselves."""
_SLICE_COUNT = 100
"""Marks that are encoded before the loop may turn."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
routes = web.RouteTableDef()


Place = tuple[int, int, bool]
"""Of a mark: its pledge and record, and whether it is the owner's view of it."""


class Cache:
    """Bytes that are made once."""

    def __init__(self) -> None:
        self.answers: Kept[tuple[int, int, int], Answer] = Kept(KEPT_BYTES)
        """By (account or 0 for who sees all, instrument, seq or 0 for now)."""
        self.marks: Kept[Place, Answer] = Kept(KEPT_BYTES)
        self.whole: Kept[Place, WholeResponse] = Kept(KEPT_WHOLE_BYTES)
        """The same with their heads."""


CACHE: web.AppKey[Cache] = web.AppKey("collateral_cache", Cache)


@routes.get("/v1/marks")
async def node_marks(request: web.Request) -> web.Response:
    """Node marks, `?as_of_seq=` of any record, or `?as_of_time=`."""
    identity_of(request)
    projections = request.app[HUB].projections
    seq = _as_of_seq(request, projections) or projections.at_seq
    return _answered(request, _answer(msgspec.json.encode(marks_message(projections, seq))), seq)


@routes.get("/v1/collateral/marks/{pledge_id}")
async def collateral_mark(request: web.Request) -> web.StreamResponse:
    """One pledge's mark, also of a pledge that is over."""
    asked, mark, account_id = _one(request)
    cache, place = request.app[CACHE], _place(asked, mark, account_id)
    whole = cache.whole.get(place)
    if whole is not None and is_plain(request):
        return whole
    answer = _encoded(asked, mark, account_id, request.app[HUB].projections, cache)
    if whole is None:
        cache.whole.keep(place, WholeResponse(_headers(answer, mark.seq), answer.body))
    return _answered(request, answer, mark.seq)


@routes.get("/v1/collateral/marks")
async def collateral_marks(request: web.Request) -> web.Response:
    """
    Marks of pledges: a bank's of those to it, an owner's of its own (who is told nothing of the
    bank's pool), all for operators and auditors. `?instrument=` keeps what overlaps its window
    and, for an owner asking about now, adds the window itself as far as it is held.
    """
    identity = identity_of(request)
    projections, cache = request.app[HUB].projections, request.app[CACHE]
    instrument, seq = None, 0
    if request.query_string:
        seq = _as_of_seq(request, projections)
        instrument = _instrument(request, projections)
    question = (_seen_by(identity), 0 if instrument is None else instrument.instrument_id, seq)
    at_seq = projections.at_seq
    changes_count = projections.collateral_marks.changes_count
    answer = cache.answers.get(question)
    if answer is None or (not seq and (answer.changes_count != changes_count or instrument)):
        parts = await _parts(question, at_seq, instrument, projections, cache)
        answer = _answer(list_of(parts), changes_count)
        cache.answers.keep(question, answer)
    return _answered(request, answer, seq or at_seq)


@routes.get("/v1/collateral/marks/{pledge_id}/explain")
async def explain(request: web.Request) -> web.Response:
    """One pledge's mark taken apart, every figure with its formula, inputs and records."""
    asked, mark, account_id = _one(request)
    found = explanation(asked, mark, request.app[HUB].projections, account_id)
    return _answered(request, _answer(msgspec.json.encode(found)), mark.seq)


@routes.get("/v1/collateral/disputes")
async def disputes(request: web.Request) -> web.Response:
    """Open disputes of marks with the finding that waits: own ones, or all for who rules them."""
    account_id = _seen_by(identity_of(request))
    projections = request.app[HUB].projections
    found = []
    for dispute_id, dispute in sorted(projections.collateral_marks.disputes.items()):
        asked = projections.pledges.pledges[dispute.pledge_id].request
        if not account_id or account_id in (asked.account_id, asked.bank_account_id):
            proposed = projections.collateral_marks.proposals.get(dispute_id)
            found.append(named(dispute) | {"proposed": named(proposed)})
    return json_answer(found, as_of_seq=projections.at_seq)


@routes.get("/v1/collateral/extract", allow_head=False)
async def extract(request: web.Request) -> web.StreamResponse:
    """
    What the asking bank's marks depend on, with proofs where a signed head stands for them.

    As lines of JSON, of which `exchange marks recompute --log` computes the marks again. They are
    sent as they are made; what breaks off has no last line.
    """
    identity = identity_of(request, Role.BANK)
    seq = request.app[HUB].projections.at_seq
    headers = {"As-Of-Seq": str(seq), "Cache-Control": "private, no-cache"}
    response = web.StreamResponse(headers=headers)
    response.content_type = "application/x-ndjson"
    with one_at_a_time(request, identity.account_id):
        asked = (identity.participant.name, identity.account_id, seq)
        async for part in request.app[HISTORY].extract(*asked):
            if not response.prepared:
                await response.prepare(request)
            await response.write(part)
    return response


async def _parts(
    question: tuple[int, int, int],
    at_seq: int,
    instrument: InstrumentListed | None,
    projections: Projections,
    cache: Cache,
) -> list[bytes]:
    """
    The marks that answer the question, in the order of the pledges.

    All is looked up as of one record before the loop turns, which it does every so many marks.
    """
    account_id, _, asked_seq = question
    models = (projections.pledges, projections.collateral_marks)
    seen = marks_seen(asked_seq or at_seq, account_id, *models)
    is_of_now = instrument is not None and not asked_seq and account_id
    held = _held(account_id, instrument, projections) if instrument and is_of_now else []
    found = []
    for number, (asked, mark) in enumerate(seen, start=1):
        if instrument is None or _overlaps(asked, instrument):
            found.append(_encoded(asked, mark, account_id, projections, cache).body)
        if not number % _SLICE_COUNT:
            await asyncio.sleep(0)
    return found + held


def _held(account_id: int, instrument: InstrumentListed, projections: Projections) -> list[bytes]:
    """The window itself, as far as the account holds it."""
    window = (instrument.product_id, instrument.start_day, instrument.end_day)
    held_qty = projections.positions.held_qty(account_id, *window)
    held = held_qty and held_view(account_id, held_qty, instrument, projections)
    return [msgspec.json.encode(held)] if held else []


def _overlaps(asked: PledgeRequested, instrument: InstrumentListed) -> bool:
    is_apart = asked.end_day <= instrument.start_day or instrument.end_day <= asked.start_day
    return asked.product_id == instrument.product_id and not is_apart


def _one(request: web.Request) -> tuple[PledgeRequested, PublishedMark, int]:
    """The pledge that the path names with its mark, and who sees it; to strangers there is none."""
    identity = identity_of(request)
    projections = request.app[HUB].projections
    pledge_id = path_id(request, "pledge_id", "pledge")
    seq = _as_of_seq(request, projections) or projections.at_seq
    pledge = projections.pledges.pledges.get(pledge_id)
    mark = projections.collateral_marks.as_of(pledge_id, seq)
    account_id = _seen_by(identity)
    if pledge is None or mark is None:
        raise not_found("pledge with a mark", pledge_id)
    asked = pledge.request
    if account_id and account_id not in (asked.account_id, asked.bank_account_id):
        raise not_found("pledge with a mark", pledge_id)
    return asked, mark, account_id


def _place(asked: PledgeRequested, mark: PublishedMark, account_id: int) -> Place:
    return asked.pledge_id, mark.seq, account_id == asked.account_id


def _encoded(
    asked: PledgeRequested,
    mark: PublishedMark,
    account_id: int,
    projections: Projections,
    cache: Cache,
) -> Answer:
    """A mark as JSON as the account sees it, made once."""
    place = _place(asked, mark, account_id)
    answer = cache.marks.get(place)
    if answer is None:
        code = projections.listings.products[asked.product_id].code
        view = shown_to(account_id, mark_view(asked, code, mark.event, mark.seq))
        answer = _answer(msgspec.json.encode(view))
        cache.marks.keep(place, answer)
    return answer


def _seen_by(identity: Identity) -> int:
    """Whose marks an account sees; 0 for everybody's."""
    sees_all = identity.has_role(Role.OPERATOR, Role.AUDITOR)
    return 0 if sees_all else identity.account_id


def _as_of_seq(request: web.Request, projections: Projections) -> int:
    """The record asked about by number or moment; 0 for now."""
    at_seq = projections.at_seq
    word = request.query.get("as_of_time")
    if word is None:
        return integer_query(request, "as_of_seq", 0, 1, at_seq)
    if "as_of_seq" in request.query:
        raise _bad_time("ask for as_of_seq or for as_of_time, not for both")
    seq = projections.marks.seq_at(_moment_ns(word))
    if seq is None:
        raise _bad_time(f"as_of_time {word[:40]!r} is not over yet in market time")
    if seq < 1:
        raise _bad_time(f"as_of_time {word[:40]!r} is before the venue's first record")
    return seq


def _moment_ns(word: str) -> int:
    """Nanoseconds since 1970, from such a number or a date and time with its zone."""
    if word.isascii() and word.isdigit() and len(word) <= 19:
        return int(word)
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(word.replace(" ", "+") if "T" in word else word)
    except ValueError as error:
        raise _bad_time(f"as_of_time {word[:40]!r} is neither nanoseconds nor ISO 8601") from error
    if moment.tzinfo is None:
        raise _bad_time(f"as_of_time {word[:40]!r} does not say its time zone")
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def _bad_time(message: str) -> Problem:
    return problem(Reason.SCHEMA, message, "as_of_time")


def _instrument(request: web.Request, projections: Projections) -> InstrumentListed | None:
    symbol = request.query.get("instrument")
    if symbol is None:
        return None
    instrument = projections.listings.instrument_named(symbol)
    if instrument is None:
        raise not_found("instrument", repr(symbol[:96]))
    return instrument


def _answer(body: bytes, changes_count: int = 0) -> Answer:
    return Answer(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', changes_count)


def _answered(request: web.Request, answer: Answer, seq: int) -> web.Response:
    """The body, or 304 where the client has it."""
    headers = _headers(answer, seq)
    if is_held(request, answer.etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=answer.body, content_type="application/json", headers=headers)


def _headers(answer: Answer, seq: int) -> dict[str, str]:
    return {
        "ETag": answer.etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
        "As-Of-Seq": str(seq),
    }
