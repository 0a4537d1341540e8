"""
`/v1/collateral/marks` and `/v1/marks`: what a bank pulls, now or as of any record.

The figures are gathered here and valued in another process, because a pool of pledges takes longer
than a commit may wait. The same question about the same record has the same bytes, which is what
its ETag says.
"""

import hashlib
from collections.abc import AsyncIterator

import msgspec
from aiohttp import web

from exchange.domain.enums import PledgeStatus, Role
from exchange.domain.events import InstrumentListed
from exchange.projections import Projections
from exchange.projections.collateral import Collateral, ValuationJob, jobs_as_of, value_all

from .answers import integer_query, json_answer, not_found
from .auth import Identity
from .border import HUB, identity_of
from .stream import marks_message
from .worker import Worker

CACHED_ANSWERS_COUNT = 256
WORKER: web.AppKey[Worker] = web.AppKey("worker", Worker)
Answers = dict[tuple[int, int, bool, int], bytes]
ANSWERS: web.AppKey[Answers] = web.AppKey("answers", dict)
"""Bodies by (as_of_seq, account, whether held windows count, instrument)."""

routes = web.RouteTableDef()


async def valuation_worker(app: web.Application) -> AsyncIterator[None]:
    """Keeps the process that values."""
    app[ANSWERS] = {}
    app[WORKER] = Worker()
    yield
    app[WORKER].close()


@routes.get("/v1/marks")
async def node_marks(request: web.Request) -> web.Response:
    """Node marks, `?as_of_seq=` of any record."""
    identity_of(request)
    seq = _as_of_seq(request)
    body = msgspec.json.encode(marks_message(request.app[HUB].projections, seq))
    return _answer(request, body, seq)


@routes.get("/v1/collateral/marks")
async def collateral_marks(request: web.Request) -> web.Response:
    """
    Marks of pledges: a bank's of those to it, an owner's of its own, all for operators and
    auditors. `?instrument=` keeps what overlaps its window and, for an owner asking about now, adds
    the window itself as far as it is held.
    """
    identity = identity_of(request)
    projections = request.app[HUB].projections
    seq = _as_of_seq(request)
    instrument = _instrument(request, projections)
    is_now = "as_of_seq" not in request.query
    instrument_id = 0 if instrument is None else instrument.instrument_id
    question = (seq, identity.account_id, is_now, instrument_id)
    answers = request.app[ANSWERS]
    body = answers.get(question)
    if body is None:
        wanted = _collaterals(identity, projections, seq, instrument, is_now)
        jobs = jobs_as_of(seq, wanted, projections.marks, projections.participants)
        body = await _valued(request.app, jobs, seq)
        answers[question] = body
        if len(answers) > CACHED_ANSWERS_COUNT:
            del answers[next(iter(answers))]
    return _answer(request, body, seq)


def _collaterals(
    identity: Identity,
    projections: Projections,
    seq: int,
    instrument: InstrumentListed | None,
    is_now: bool,
) -> list[Collateral]:
    """What the account may see, as of the record."""
    sees_all = identity.has_role(Role.OPERATOR, Role.AUDITOR)
    account_id = identity.account_id
    products = projections.listings.products
    found = []
    for pledge in projections.pledges.pledges.values():
        asked = pledge.request
        is_concerned = account_id in (asked.account_id, asked.bank_account_id)
        is_live = pledge.status_as_of(seq) in (PledgeStatus.REQUESTED, PledgeStatus.ACTIVE)
        is_wanted = instrument is None or (
            asked.product_id == instrument.product_id
            and asked.start_day < instrument.end_day
            and instrument.start_day < asked.end_day
        )
        if is_live and is_wanted and (sees_all or is_concerned):
            found.append(
                Collateral(
                    product=products[asked.product_id],
                    start_day=asked.start_day,
                    end_day=asked.end_day,
                    collateral_qty=asked.pledged_qty,
                    account_id=asked.account_id,
                    pledge_id=asked.pledge_id,
                    bank_account_id=asked.bank_account_id,
                )
            )
    if instrument is not None and is_now:
        held_qty = projections.positions.held_qty(
            account_id, instrument.product_id, instrument.start_day, instrument.end_day
        )
        if held_qty:
            found.append(
                Collateral(
                    product=products[instrument.product_id],
                    start_day=instrument.start_day,
                    end_day=instrument.end_day,
                    collateral_qty=held_qty,
                    account_id=account_id,
                )
            )
    return found


async def _valued(app: web.Application, jobs: list[ValuationJob], seq: int) -> bytes:
    """The jobs done elsewhere, as JSON."""
    if not jobs:
        return b"[]"
    return msgspec.json.encode(await app[WORKER].run(value_all, seq, jobs))


def _as_of_seq(request: web.Request) -> int:
    """The record asked about, the latest by default."""
    at_seq = request.app[HUB].projections.at_seq
    return integer_query(request, "as_of_seq", at_seq, 1, at_seq)


def _instrument(request: web.Request, projections: Projections) -> InstrumentListed | None:
    symbol = request.query.get("instrument")
    if symbol is None:
        return None
    instrument = projections.listings.instrument_named(symbol)
    if instrument is None:
        raise not_found("instrument", repr(symbol[:96]))
    return instrument


def _answer(request: web.Request, body: bytes, seq: int) -> web.Response:
    """The body, or 304 where the client has it."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = {tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")}
    if etag in known:
        response = web.Response(status=304)
    else:
        response = json_answer(msgspec.Raw(body), as_of_seq=seq)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return response
