"""`/v1/sublets`: offered to one participant, taken, declined, consented to, ended by both."""

import msgspec
from aiohttp import web

from exchange.domain.account_wire import SubletRequest
from exchange.domain.enums import Role
from exchange.domain.letting import (
    AcceptSublet,
    ConsentToSublet,
    DeclineSublet,
    EndSublet,
    OpenSublet,
)

from .answers import json_answer, path_id
from .border import HUB, acting_identity_of, command_id_of, identity_of
from .receipts import execute

routes = web.RouteTableDef()
_ACTIONS = {"accept": AcceptSublet, "decline": DeclineSublet, "consent": ConsentToSublet}


@routes.get("/v1/sublets")
async def sublets(request: web.Request) -> web.Response:
    """
    Own offers and sublets, offers that ask for one's consent, and sublets of days that are under
    lien to one; operators and auditors all.
    """
    identity = identity_of(request)
    projections = request.app[HUB].projections
    sees_all = identity.has_role(Role.OPERATOR, Role.AUDITOR)
    account_id = identity.account_id
    liened = projections.pledges.liened_to(account_id)
    view = projections.sublets.of(None if sees_all else account_id, liened)
    return json_answer(view, as_of_seq=projections.at_seq)


@routes.post("/v1/sublets")
async def open_sublet(request: web.Request) -> web.Response:
    """Offers the use of days: 201 with the offer's id."""
    identity = acting_identity_of(request)
    command_id = command_id_of(request)
    body = msgspec.json.decode(await request.read(), type=SubletRequest)
    hub = request.app[HUB]
    product = hub.projections.listings.product_named(body.product)
    command = OpenSublet(
        key_id=identity.key_id,
        valid_until_ns=hub.valid_until_ns(0),
        command_id=command_id,
        # The rules refuse product 0, on the record.
        product_id=0 if product is None else product.product_id,
        lessee_account_id=body.lessee_account_id,
        start_day=body.start_day,
        end_day=body.end_day,
        sublet_qty=body.sublet_qty,
        rent_price=body.rent_price,
    )
    return await execute(request, command, f"let {body.sublet_qty} of {body.product}")


@routes.post("/v1/sublets/offers/{offer_id}/{action:accept|decline|consent}")
async def act_on_offer(request: web.Request) -> web.Response:
    """Takes the days, ends the offer, or agrees to it as a pledgee."""
    identity = acting_identity_of(request)
    command_id = command_id_of(request)
    action = request.match_info["action"]
    offer_id = path_id(request, "offer_id", "offer")
    command = _ACTIONS[action](
        key_id=identity.key_id,
        valid_until_ns=request.app[HUB].valid_until_ns(0),
        command_id=command_id,
        offer_id=offer_id,
    )
    return await execute(request, command, f"{action} offer {offer_id}")


@routes.post("/v1/sublets/{sublet_id}/end")
async def end_sublet(request: web.Request) -> web.Response:
    """One side's word that the sublet shall end; the other's ends it."""
    identity = acting_identity_of(request)
    command_id = command_id_of(request)
    sublet_id = path_id(request, "sublet_id", "sublet")
    command = EndSublet(
        key_id=identity.key_id,
        valid_until_ns=request.app[HUB].valid_until_ns(0),
        command_id=command_id,
        sublet_id=sublet_id,
    )
    return await execute(request, command, f"end sublet {sublet_id}")
