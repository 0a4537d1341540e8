"""
`/v1/log`: the records as they are, for operators and auditors; signed heads, for everybody with a
key; and the proof of a record, also for whoever's record it is.
"""

import asyncio

import msgspec
from aiohttp import web

from exchange.domain.enums import Role
from exchange.domain.reasons import Reason
from exchange.domain.wire import LogHead

from .answers import integer_query, json_answer, not_found, path_id, problem
from .auth import Identity
from .border import HUB, identity_of
from .history import HISTORY, one_at_a_time
from .named import named_record

MAX_RECORDS_COUNT = 10_000
MAX_HEADS_COUNT = 1_000
_PAGE_COUNT = 200
"""Records read and encoded before the loop may turn."""

routes = web.RouteTableDef()


@routes.get("/v1/log")
async def log(request: web.Request) -> web.StreamResponse:
    """Records as NDJSON, `?limit=` of them from `?from_seq=` on, ending at the durable tip."""
    identity_of(request, Role.OPERATOR, Role.AUDITOR)
    next_seq = integer_query(request, "from_seq", 1, low=1)
    left_count = integer_query(request, "limit", 100, 1, MAX_RECORDS_COUNT)
    history = request.app[HISTORY]
    tip_seq = request.app[HUB].projections.at_seq
    response = web.StreamResponse(headers={"As-Of-Seq": str(tip_seq)})
    response.content_type = "application/x-ndjson"
    await response.prepare(request)
    while left_count and next_seq <= tip_seq:
        page = await history.records(next_seq, min(left_count, _PAGE_COUNT, tip_seq - next_seq + 1))
        if not page:
            break
        lines = [msgspec.json.encode(named_record(record)) for record in page]
        await response.write(b"\n".join(lines) + b"\n")
        next_seq = page[-1].seq + 1
        left_count -= len(page)
        await asyncio.sleep(0)
    await response.write_eof()
    return response


@routes.get("/v1/log/head")
async def head(request: web.Request) -> web.Response:
    """Where the log stands."""
    identity_of(request, Role.OPERATOR, Role.AUDITOR)
    projections = request.app[HUB].projections
    return json_answer(LogHead(log_seq=projections.at_seq, market_ns=projections.venue.market_ns))


@routes.get("/v1/log/heads")
async def heads(request: web.Request) -> web.Response:
    """Signed heads at or after `?from_seq=`, `?limit=` of them, oldest first."""
    identity_of(request)
    from_seq = integer_query(request, "from_seq", 1, low=1)
    count = integer_query(request, "limit", 100, 1, MAX_HEADS_COUNT)
    return json_answer(request.app[HISTORY].signed_heads(from_seq, count))


@routes.get("/v1/log/proof/{seq}")
async def proof(request: web.Request) -> web.Response:
    """That a record is in the log that was signed: for operators, auditors and its own account."""
    identity = identity_of(request)
    seq = path_id(request, "seq", "record")
    if not 1 <= seq <= request.app[HUB].projections.at_seq:
        raise not_found("record", seq)
    with one_at_a_time(request, identity.account_id):
        if not await _may_prove(request, identity, seq):
            raise not_found("record", seq)
        found = await request.app[HISTORY].prove(seq)
    if found is None:
        raise problem(Reason.NOT_FOUND, f"no head at or after seq {seq} is signed yet", "seq", seq)
    return json_answer(found)


async def _may_prove(request: web.Request, identity: Identity, seq: int) -> bool:
    """Whether the account's key gave the command, or the account answers for all of them."""
    if identity.has_role(Role.OPERATOR, Role.AUDITOR):
        return True
    [record] = await request.app[HISTORY].records(seq, 1)
    key = request.app[HUB].projections.participants.keys.get(record.command.key_id)
    return key is not None and key.account_id == identity.account_id
