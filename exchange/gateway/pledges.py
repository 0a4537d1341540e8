"""`/v1/pledges`: asked for by an owner, taken, declined or released by the bank."""

import msgspec
from aiohttp import web

from exchange.domain.commands import AcceptPledge, DeclinePledge, ReleasePledge, RequestPledge
from exchange.domain.enums import Role
from exchange.domain.lending_wire import ReleaseRequest
from exchange.domain.wire import PledgeRequest, PledgeView
from exchange.projections import Projections
from exchange.projections.pledges import Pledge

from .answers import json_answer, not_found, path_id
from .border import HUB, acting_identity_of, command_id_of, identity_of
from .receipts import execute

routes = web.RouteTableDef()
_ACTIONS = {"accept": AcceptPledge, "decline": DeclinePledge, "release": ReleasePledge}


@routes.get("/v1/pledges")
async def pledges(request: web.Request) -> web.Response:
    """Own pledges and those to oneself; operators and auditors see all."""
    identity = identity_of(request)
    projections = request.app[HUB].projections
    if identity.has_role(Role.OPERATOR, Role.AUDITOR):
        found = list(projections.pledges.pledges.values())
    else:
        found = projections.pledges.concerning(identity.account_id)
    views = [pledge_view(pledge, projections) for pledge in found]
    return json_answer(views, as_of_seq=projections.at_seq)


@routes.post("/v1/pledges")
async def request_pledge(request: web.Request) -> web.Response:
    """Offers unit-days to a bank: 201 with the pledge's id."""
    identity = acting_identity_of(request)
    command_id = command_id_of(request)
    body = msgspec.json.decode(await request.read(), type=PledgeRequest)
    hub = request.app[HUB]
    product = hub.projections.listings.product_named(body.product)
    command = RequestPledge(
        key_id=identity.key_id,
        valid_until_ns=hub.valid_until_ns(0),
        command_id=command_id,
        # The rules refuse product 0, on the record.
        product_id=0 if product is None else product.product_id,
        start_day=body.start_day,
        end_day=body.end_day,
        pledged_qty=body.pledged_qty,
        bank_account_id=body.bank_account_id,
    )
    return await execute(request, command, f"pledge {body.pledged_qty} of {body.product}")


@routes.post("/v1/pledges/{pledge_id}/{action:accept|decline|release}")
async def act_on_pledge(request: web.Request) -> web.Response:
    """Takes the lien, declines it or lifts it; 404 for a pledge of others."""
    identity = acting_identity_of(request)
    command_id = command_id_of(request)
    pledge_id = path_id(request, "pledge_id", "pledge")
    hub = request.app[HUB]
    pledge = hub.projections.pledges.pledges.get(pledge_id)
    if pledge is None or identity.account_id not in (
        pledge.request.account_id,
        pledge.request.bank_account_id,
    ):
        raise not_found("pledge", pledge_id)
    action = request.match_info["action"]
    command = _ACTIONS[action](
        key_id=identity.key_id,
        valid_until_ns=hub.valid_until_ns(0),
        command_id=command_id,
        pledge_id=pledge_id,
        **await _part(request, action),
    )
    return await execute(request, command, f"{action} pledge {pledge_id}")


async def _part(request: web.Request, action: str) -> dict[str, int]:
    """What a release is to lift; a body is not needed for all of it."""
    data = await request.read()
    if action != "release" or not data:
        return {}
    return {"released_qty": msgspec.json.decode(data, type=ReleaseRequest).released_qty}


def pledge_view(pledge: Pledge, projections: Projections) -> PledgeView:
    """A pledge as the wire shows it."""
    asked = pledge.request
    return PledgeView(
        pledge_id=asked.pledge_id,
        account_id=asked.account_id,
        bank_account_id=asked.bank_account_id,
        product=projections.listings.products[asked.product_id].code,
        start_day=asked.start_day,
        end_day=asked.end_day,
        pledged_qty=asked.pledged_qty,
        pledge_status=pledge.status.value,
    )
