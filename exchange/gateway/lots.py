"""`/v1/lots` and `/v1/loans/{loan_id}/enforce`: collateral of loans in default is sold."""

from typing import Any

import msgspec
from aiohttp import web

from exchange.domain import lending_commands as lc
from exchange.domain.enums import TradingMode
from exchange.domain.lot_wire import EnforcementRequest, LotPurchase, LotRequest, Lots
from exchange.projections.lot_views import lots_seen

from .answers import json_answer, path_id
from .border import HUB, acting_identity_of, command_id_of, identity_of
from .receipts import execute

routes = web.RouteTableDef()


@routes.get("/v1/lots")
async def lots(request: web.Request) -> web.Response:
    """Lots on offer to anybody, blocks to oneself, and a bank's own; operators and auditors all."""
    account_id, projections = identity_of(request).account_id, request.app[HUB].projections
    at_seq, market_ns = projections.at_seq, projections.venue.market_ns
    found = Lots(as_of_seq=at_seq, market_ns=market_ns, lots=lots_seen(account_id, projections))
    return json_answer(found, as_of_seq=at_seq)


@routes.post("/v1/loans/{loan_id}/enforce")
async def enforce_loan(request: web.Request) -> web.Response:
    """The bank begins to sell the collateral of a loan in default."""
    envelope, loan_id = _envelope(request), path_id(request, "loan_id", "loan")
    body = msgspec.json.decode(await request.read(), type=EnforcementRequest)
    command = lc.EnforceLoan(
        loan_id=loan_id,
        costs_amount=body.costs_amount,
        evidence_sha256=bytes.fromhex(body.evidence_sha256),
        **envelope,
    )
    return await execute(request, command, f"enforce loan {loan_id}")


@routes.post("/v1/lots")
async def offer_lot(request: web.Request) -> web.Response:
    """Offers pledged days: 201 with the lot's id."""
    envelope = _envelope(request)
    body = msgspec.json.decode(await request.read(), type=LotRequest)
    fields = {name: getattr(body, name) for name in body.__struct_fields__ if name != "mode"}
    command = lc.OfferLot(mode=TradingMode(body.mode), **fields, **envelope)
    return await execute(request, command, f"offer {body.lot_qty} of pledge {body.pledge_id}")


@routes.post("/v1/lots/{lot_id}/withdraw")
async def withdraw_lot(request: web.Request) -> web.Response:
    """The bank takes a lot off."""
    envelope, lot_id = _envelope(request), path_id(request, "lot_id", "lot")
    command = lc.WithdrawLot(lot_id=lot_id, **envelope)
    return await execute(request, command, f"withdraw lot {lot_id}")


@routes.post("/v1/lots/{lot_id}/buy")
async def buy_lot(request: web.Request) -> web.Response:
    """The whole lot at its price of the moment, if that is no higher than the limit."""
    envelope, lot_id = _envelope(request), path_id(request, "lot_id", "lot")
    body = msgspec.json.decode(await request.read(), type=LotPurchase)
    command = lc.BuyLot(lot_id=lot_id, limit_price=body.limit_price, **envelope)
    return await execute(request, command, f"buy lot {lot_id}")


def _envelope(request: web.Request) -> dict[str, Any]:
    """Who asks, under which id, and for how long."""
    return {
        "key_id": acting_identity_of(request).key_id,
        "command_id": command_id_of(request),
        "valid_until_ns": request.app[HUB].valid_until_ns(0),
    }
