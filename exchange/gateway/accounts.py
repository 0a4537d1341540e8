"""`/v1/accounts/me`: one's own account, by the key that asks. There is no way to name another."""

from typing import cast

from aiohttp import web

from exchange.domain.wire import AccountView
from exchange.projections.views import Noun, Question

from .answers import json_answer
from .border import HUB, identity_of
from .history import answer_of

routes = web.RouteTableDef()


@routes.get("/v1/accounts/me")
async def account(request: web.Request) -> web.Response:
    """Who the key belongs to and what it may do."""
    identity = identity_of(request)
    participant = identity.participant
    view = AccountView(
        account_id=participant.account_id,
        name=participant.name,
        roles=[role.value for role in participant.roles],
        affiliate_ids=participant.affiliate_ids,
        key_id=identity.key_id,
        scopes=sorted({scope.value for scope in identity.scopes}),
    )
    return json_answer(view, as_of_seq=request.app[HUB].projections.at_seq)


@routes.get("/v1/accounts/me/{kind:orders|positions|balances}")
async def account_part(request: web.Request) -> web.Response:
    """Own orders, positions or balances, `?as_of_seq=` of any record."""
    account_id = identity_of(request).account_id
    noun = cast(Noun, request.match_info["kind"])
    return await answer_of(request, Question(noun=noun, account_id=account_id), account_id)
