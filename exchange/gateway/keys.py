"""`/v1/keys`: whoever has an account registers and revokes keys, as far as the rules let it."""

import msgspec
from aiohttp import web

from exchange.domain.commands import RegisterKey, RevokeKey

from .answers import path_id
from .border import HUB, acting_identity_of, command_id_of
from .named import command_from
from .receipts import execute

routes = web.RouteTableDef()


@routes.post("/v1/keys")
async def register(request: web.Request) -> web.Response:
    """A new key from the hash of its secret: 201 with the key's id."""
    envelope = _envelope(request)
    body = msgspec.json.decode(await request.read() or b"{}")
    return await execute(request, command_from(RegisterKey, body, envelope))


@routes.post("/v1/keys/{key_id}/revoke")
async def revoke(request: web.Request) -> web.Response:
    """Ends a key and cancels its orders: one's own, or for an operator anybody's."""
    envelope = _envelope(request)
    body = {"revoked_key_id": path_id(request, "key_id", "key")}
    return await execute(request, command_from(RevokeKey, body, envelope))


def _envelope(request: web.Request) -> dict[str, object]:
    return {
        "key_id": acting_identity_of(request).key_id,
        "valid_until_ns": request.app[HUB].valid_until_ns(0),
        "command_id": command_id_of(request),
    }
