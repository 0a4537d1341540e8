"""`/v1/book/{instrument}` and `/v1/trades/{instrument}`: market data without identities. Public."""

from aiohttp import web

from exchange.domain.events import InstrumentListed
from exchange.domain.wire import Book

from .answers import integer_query, json_answer, not_found
from .border import HUB
from .stream import MAX_DEPTH

routes = web.RouteTableDef()


@routes.get("/v1/book/{instrument}")
async def book(request: web.Request) -> web.Response:
    """The best levels, `?depth=` of them on each side."""
    instrument_id = _instrument(request).instrument_id
    depth = integer_query(request, "depth", 10, 1, MAX_DEPTH)
    projections = request.app[HUB].projections
    view = Book(
        instrument=request.match_info["instrument"],
        seq=projections.at_seq,
        bids=projections.depth.bids(instrument_id, depth),
        asks=projections.depth.asks(instrument_id, depth),
        snapshot=True,
    )
    return json_answer(view, as_of_seq=projections.at_seq)


@routes.get("/v1/trades/{instrument}")
async def trades(request: web.Request) -> web.Response:
    """The latest trades, newest first, `?limit=` of them."""
    instrument_id = _instrument(request).instrument_id
    limit = integer_query(request, "limit", 100, 1, 1_000)
    projections = request.app[HUB].projections
    return json_answer(
        projections.trades.latest(instrument_id, limit), as_of_seq=projections.at_seq
    )


def _instrument(request: web.Request) -> InstrumentListed:
    symbol = request.match_info["instrument"]
    instrument = request.app[HUB].projections.listings.instrument_named(symbol)
    if instrument is None:
        raise not_found("instrument", repr(symbol[:96]))
    return instrument
