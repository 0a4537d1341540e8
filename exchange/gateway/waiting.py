"""
What an exchange says over HTTP before it takes orders: how far it has come, and what it waits for.

Who asks for anything else hears `not_leader`, which sends the SDK on to the next exchange.
"""

from collections.abc import Callable

from aiohttp import web

from exchange.domain.reasons import Reason
from exchange.domain.wire import Health, error_of

from .answers import json_answer, problem_answer

STANDING_BY = "this exchange stands by and follows the one that leads"
CATCHING_UP = "market time catches up with the wall's, this exchange takes no orders yet"


def build_waiting_app(health_of: Callable[[], Health], message: str) -> web.Application:
    """`/health/live`, 200; `/health/ready` and, with the message, everything else, 503."""
    app = web.Application()

    async def live(_request: web.Request) -> web.Response:
        return json_answer(health_of())

    async def ready(_request: web.Request) -> web.Response:
        return json_answer(health_of(), status=503)

    async def elsewhere(_request: web.Request) -> web.Response:
        return problem_answer(error_of(Reason.NOT_LEADER, message))

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_route("*", "/{path:.*}", elsewhere)
    return app
