"""`/health/live` and `/health/ready`: whether the process runs, and whether it may be relied on."""

from aiohttp import web
from msgspec import structs

from exchange.domain.wire import Health

from .answers import json_answer
from .border import HUB
from .hub import Hub

routes = web.RouteTableDef()


@routes.get("/health/live")
async def live(request: web.Request) -> web.Response:
    """The loop turns."""
    return json_answer(health_of(request.app[HUB]))


@routes.get("/health/ready")
async def ready(request: web.Request) -> web.Response:
    """200 while commands are taken, the clock ticks and nothing drains; else 503."""
    health = health_of(request.app[HUB])
    return json_answer(health, status=200 if health.is_ready else 503)


def catching_up(hub: Hub) -> Health:
    """How far market time has come, before anybody may trade in it."""
    return structs.replace(health_of(hub), is_ready=False, detail="market time catches up")


def health_of(hub: Hub) -> Health:
    """How the exchange is, with the first thing that is wrong."""
    tick_age_ms = hub.tick_age_ms()
    detail = ""
    if hub.is_draining:
        detail = "draining"
    elif not hub.sequencer.is_ready:
        detail = "the sequencer takes no commands"
    elif tick_age_ms > hub.settings.tick_age_ms:
        detail = f"the clock last ticked {tick_age_ms} ms ago, the limit is " + str(
            hub.settings.tick_age_ms
        )
    return Health(
        is_ready=not detail,
        log_seq=hub.projections.at_seq,
        market_ns=hub.projections.venue.market_ns,
        tick_age_ms=tick_age_ms,
        detail=detail,
    )
