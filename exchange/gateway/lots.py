"""`/v1/lots` and `/v1/loans/{loan_id}/enforce`: collateral of loans in default is sold."""

from typing import Any

import msgspec
from aiohttp import web

from exchange.domain import lending_commands as lc
from exchange.domain.enums import Role, TradingMode
from exchange.domain.lending_events import LotOffered
from exchange.domain.lot_prices import lot_price, next_step_ns
from exchange.domain.lot_wire import EnforcementRequest, LotPurchase, LotRequest, Lots, LotView
from exchange.domain.units import HOURS_PER_DAY
from exchange.projections import Projections
from exchange.projections.desk_views import window_code

from .answers import json_answer, path_id
from .border import HUB, acting_identity_of, command_id_of, identity_of
from .receipts import execute

routes = web.RouteTableDef()


@routes.get("/v1/lots")
async def lots(request: web.Request) -> web.Response:
    """Lots on offer to anybody, blocks to oneself, and a bank's own; operators and auditors all."""
    identity = identity_of(request)
    projections = request.app[HUB].projections
    sees_all = identity.has_role(Role.OPERATOR, Role.AUDITOR)
    market_ns = projections.venue.market_ns
    found = [
        _view(lot, market_ns, sees_all or identity.account_id == bank_id, projections)
        for lot in projections.lots.seen_by(identity.account_id, sees_all=sees_all)
        for bank_id in (projections.lots.bank_of(lot),)
    ]
    return json_answer(
        Lots(as_of_seq=projections.at_seq, market_ns=market_ns, lots=found),
        as_of_seq=projections.at_seq,
    )


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


def _view(
    lot: LotOffered, market_ns: int, knows_parties: bool, projections: Projections
) -> LotView:
    price = lot_price(lot, market_ns)
    hours = HOURS_PER_DAY * (lot.end_day - lot.start_day) * lot.lot_qty
    return LotView(
        lot_id=lot.lot_id,
        product=projections.listings.products[lot.product_id].code,
        mode=lot.mode.value,
        window=window_code(lot.start_day, lot.end_day),
        start_day=lot.start_day,
        end_day=lot.end_day,
        lot_qty=lot.lot_qty,
        lot_price=price,
        floor_price=lot.floor_price,
        notional_amount=price * hours,
        next_step_ns=next_step_ns(lot, market_ns),
        end_ns=lot.end_ns,
        loan_id=lot.loan_id if knows_parties else 0,
        pledge_id=lot.pledge_id if knows_parties else 0,
        buyer_account_id=lot.buyer_account_id,
    )
