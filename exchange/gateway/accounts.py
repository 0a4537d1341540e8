"""
`/v1/accounts/me`: one's own account, by the key that asks; and `/v1/participants`, everybody's.

Operators and auditors name another by its number in the place of `me`.
"""

from typing import cast

from aiohttp import web

from exchange.domain.enums import Role
from exchange.domain.wire import AccountView, ParticipantView
from exchange.projections.views import Noun, Question

from .answers import json_answer
from .border import HUB, asked_account_of, identity_of
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


@routes.get("/v1/accounts/{account_id}/{kind:orders|positions|balances}")
async def account_part(request: web.Request) -> web.Response:
    """An account's orders, positions or balances, `?as_of_seq=` of any record."""
    identity, account_id = asked_account_of(request)
    noun = cast(Noun, request.match_info["kind"])
    question = Question(noun=noun, account_id=account_id)
    return await answer_of(request, question, identity.account_id)


@routes.get("/v1/participants")
async def participants(request: web.Request) -> web.Response:
    """Every account that was admitted, by its number, for operators and auditors."""
    identity_of(request, Role.OPERATOR, Role.AUDITOR)
    projections = request.app[HUB].projections
    views = [
        ParticipantView(
            account_id=account_id,
            name=participant.name,
            roles=[role.value for role in participant.roles],
            affiliate_ids=participant.affiliate_ids,
            is_confirmed=participant.is_confirmed,
        )
        for account_id, participant in sorted(projections.participants.accounts.items())
    ]
    return json_answer(views, as_of_seq=projections.at_seq)
