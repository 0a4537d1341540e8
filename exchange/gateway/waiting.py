"""
What a standby says over HTTP until it leads: how far it has followed, and that it does not lead.

Who asks for anything else hears `not_leader`, which sends the SDK on to the next exchange.
"""

from collections.abc import Callable

from aiohttp import web

from exchange.domain.reasons import Reason
from exchange.domain.wire import Health, error_of

from .answers import json_answer, problem_answer


def build_waiting_app(health_of: Callable[[], Health]) -> web.Application:
    """`/health/live`, 200; `/health/ready` and everything else, 503."""
    app = web.Application()

    async def live(_request: web.Request) -> web.Response:
        return json_answer(health_of())

    async def ready(_request: web.Request) -> web.Response:
        return json_answer(health_of(), status=503)

    async def elsewhere(_request: web.Request) -> web.Response:
        message = "this exchange stands by and follows the one that leads"
        return problem_answer(error_of(Reason.NOT_LEADER, message))

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_route("*", "/{path:.*}", elsewhere)
    return app
