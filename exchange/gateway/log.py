"""`/v1/log`: the records as they are, for operators and auditors."""

import asyncio

import msgspec
from aiohttp import web

from exchange.domain.enums import Role
from exchange.domain.wire import LogHead

from .answers import integer_query, json_answer
from .border import HUB, identity_of
from .history import HISTORY
from .named import named_record

MAX_RECORDS_COUNT = 10_000
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
