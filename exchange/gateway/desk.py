"""
`/v1/rfqs`, `/v1/quotes`, `/v1/blocks`, `/v1/desk_trades`: the OTC desk over HTTP.

Bodies are the messages of the websocket without `type` and `command_id`, which the Idempotency-Key
is. `GET /v1/desk` shows all that the account may see in one answer, an operator everything.
"""

from typing import Any

import msgspec
from aiohttp import web

from exchange.domain import desk_commands as d
from exchange.domain import desk_wire as w
from exchange.domain.commands import Command
from exchange.domain.enums import TradeSource
from exchange.projections.desk_views import desk_view, public_trades_view

from .answers import integer_query, json_answer, not_found, path_id
from .auth import Identity
from .border import HUB, acting_identity_of, command_id_of, identity_of
from .desk_entry import DeskRequest, desk_command
from .receipts import execute

routes = web.RouteTableDef()
_ON_QUOTES: dict[str, type[DeskRequest]] = {"accept": w.AcceptQuote, "withdraw": w.WithdrawQuote}
_ON_BLOCKS: dict[str, type[DeskRequest]] = {"confirm": w.ConfirmBlock, "decline": w.DeclineBlock}
MAX_TRADES_COUNT = 1_000


# -- what is there --------------------------------------------------------------------------------


@routes.get("/v1/desk")
async def desk(request: web.Request) -> web.Response:
    """All of the desk that the account may see."""
    return json_answer(_desk_of(request))


@routes.get("/v1/rfqs")
async def quote_requests(request: web.Request) -> web.Response:
    """Own requests with their quotes, and those one is asked in with one's own quotes."""
    shown = _desk_of(request)
    return json_answer(shown.quote_requests, as_of_seq=shown.as_of_seq)


@routes.get("/v1/quotes")
async def quotes(request: web.Request) -> web.Response:
    """Own quotes, and those to own requests."""
    shown = _desk_of(request)
    found = [quote for asked in shown.quote_requests for quote in asked.quotes]
    return json_answer(found, as_of_seq=shown.as_of_seq)


@routes.get("/v1/blocks")
async def blocks(request: web.Request) -> web.Response:
    """Blocks that the account is a side of."""
    shown = _desk_of(request)
    return json_answer(shown.blocks, as_of_seq=shown.as_of_seq)


@routes.get("/v1/corrections")
async def corrections(request: web.Request) -> web.Response:
    """Busts and corrections of own trades; an operator's list of what is to be decided."""
    shown = _desk_of(request)
    return json_answer(shown.corrections, as_of_seq=shown.as_of_seq)


@routes.get("/v1/desk_trades")
async def desk_trades(request: web.Request) -> web.Response:
    """What the public may see, the latest last; `?product=` of one, `?limit=` of them."""
    projections = request.app[HUB].projections
    count = integer_query(request, "limit", 100, 1, MAX_TRADES_COUNT)
    product_id = 0
    if "product" in request.query:
        product = projections.listings.product_named(request.query["product"])
        if product is None:
            raise not_found("product", repr(request.query["product"][:96]))
        product_id = product.product_id
    return json_answer(public_trades_view(projections, product_id, count))


def _desk_of(request: web.Request) -> w.Desk:
    identity = identity_of(request)
    return desk_view(identity.account_id, request.app[HUB].projections)


# -- what is asked --------------------------------------------------------------------------------


@routes.post("/v1/rfqs")
async def request_quote(request: web.Request) -> web.Response:
    """Asks for quotes: 201 with the request's id."""
    return await _deal(request, w.RequestQuote)


@routes.post("/v1/rfqs/{quote_request_id}/quotes")
async def submit_quote(request: web.Request) -> web.Response:
    """Quotes: 201 with the quote's id."""
    quote_request_id = path_id(request, "quote_request_id", "request for quote")
    return await _deal(request, w.SubmitQuote, quote_request_id=quote_request_id)


@routes.post("/v1/rfqs/{quote_request_id}/withdraw")
async def withdraw_request(request: web.Request) -> web.Response:
    """Ends an own request."""
    quote_request_id = path_id(request, "quote_request_id", "request for quote")
    return await _deal(request, w.WithdrawQuoteRequest, quote_request_id=quote_request_id)


@routes.post("/v1/quotes/{quote_id}/{action:accept|withdraw}")
async def act_on_quote(request: web.Request) -> web.Response:
    """Deals at a quote, 201 with the trade's id, or takes it back."""
    kind = _ON_QUOTES[request.match_info["action"]]
    return await _deal(request, kind, quote_id=path_id(request, "quote_id", "quote"))


@routes.post("/v1/blocks")
async def propose_block(request: web.Request) -> web.Response:
    """Alleges a block: 201 with its id."""
    return await _deal(request, w.ProposeBlock)


@routes.post("/v1/blocks/{block_id}/{action:confirm|decline}")
async def act_on_block(request: web.Request) -> web.Response:
    """Registers a block, 201 with the trade's id, or ends it."""
    kind = _ON_BLOCKS[request.match_info["action"]]
    return await _deal(request, kind, block_id=path_id(request, "block_id", "block"))


@routes.post("/v1/blocks/{block_id}/allocate")
async def allocate(request: web.Request) -> web.Response:
    """Spreads a block over accounts of the buyer's party."""
    identity = acting_identity_of(request)
    body = msgspec.json.decode(await request.read(), type=w.AllocationRequest)
    parts = [d.Allocation(part.account_id, part.allocated_qty) for part in body.allocations]
    block_id = path_id(request, "block_id", "block")
    return await _execute(request, identity, d.AllocateBlock(block_id=block_id, allocations=parts))


@routes.post("/v1/{source:desk|book}_trades/{trade_id}/dispute")
async def dispute(request: web.Request) -> web.Response:
    """Asks for a bust or, with a price, for a correction: 201 with the correction's id."""
    identity = acting_identity_of(request)
    body = msgspec.json.decode(await request.read(), type=w.DisputeRequest)
    trade_id = path_id(request, "trade_id", "trade")
    source = TradeSource(request.match_info["source"])
    if body.corrected_price is None:
        bust = d.RequestBust(trade_id=trade_id, note=body.note, trade_source=source)
        return await _execute(request, identity, bust)
    correct = d.RequestCorrection(
        trade_id=trade_id,
        corrected_price=body.corrected_price,
        note=body.note,
        trade_source=source,
    )
    return await _execute(request, identity, correct)


async def _deal(request: web.Request, kind: type[DeskRequest], **named: int) -> web.Response:
    """A message of the websocket whose ids are in the path and the header."""
    identity = acting_identity_of(request)
    body = msgspec.json.decode(await request.read() or b"{}", type=dict[str, Any])
    asked = msgspec.convert({**body, **named, "command_id": command_id_of(request)}, kind)
    return await _execute(request, identity, desk_command(asked, request.app[HUB]))


async def _execute(request: web.Request, identity: Identity, command: Command) -> web.Response:
    """The command under the asker's key."""
    signed = msgspec.structs.replace(
        command,
        key_id=identity.key_id,
        command_id=command_id_of(request),
        valid_until_ns=command.valid_until_ns or request.app[HUB].valid_until_ns(0),
    )
    return await execute(request, signed)
