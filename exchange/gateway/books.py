"""
`/v1/book/{instrument}` and `/v1/trades/{instrument}`: market data without identities.

Public as it stands; the past, which costs a replay, is for those with a key.
"""

from aiohttp import web

from exchange.projections.views import Noun, Question

from .answers import integer_query, not_found
from .border import HUB, identity_of
from .history import answer_of
from .stream import MAX_DEPTH

routes = web.RouteTableDef()


@routes.get("/v1/book/{instrument}")
async def book(request: web.Request) -> web.Response:
    """The best levels, `?depth=` of them on each side, `?as_of_seq=` of any record."""
    depth = integer_query(request, "depth", 10, 1, MAX_DEPTH)
    return await _answer(request, "book", depth)


@routes.get("/v1/trades/{instrument}")
async def trades(request: web.Request) -> web.Response:
    """The latest trades, newest first, `?limit=` of them, `?as_of_seq=` of any record."""
    limit = integer_query(request, "limit", 100, 1, 1_000)
    return await _answer(request, "trades", limit)


async def _answer(request: web.Request, noun: Noun, count: int) -> web.Response:
    symbol = request.match_info["instrument"]
    if request.app[HUB].projections.listings.instrument_named(symbol) is None:
        raise not_found("instrument", repr(symbol[:96]))
    asker_account_id = identity_of(request).account_id if "as_of_seq" in request.query else 0
    question = Question(noun=noun, instrument=symbol, count=count)
    return await answer_of(request, question, asker_account_id)
