"""
The HTTP application: routes, middleware, and how it starts and drains.

    metrics port ── /metrics
    http port ──┬── /v1/ws        websocket
                ├── /v1/…         one file per noun
                └── /health/…
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from exchange.engine.sequencer import Sequencer
from exchange.projections import Projections

from . import (
    accounts,
    admin,
    books,
    borrowing_base,
    calendars,
    collateral,
    deliveries,
    desk,
    health,
    keys,
    lending,
    listings,
    loan_views,
    log,
    lots,
    melting,
    pledges,
    settlements,
    statement,
    sublets,
)
from .answers import EXPECTED, Handler, answer_to
from .border import HUB, require_known_names, secure
from .borrowing_base import SIGNER, Signer
from .connection_log import ConnectionLog
from .history import ASKING, HISTORY, History
from .hub import Hub
from .settings import GatewaySettings
from .websocket import serve_websocket
from .witness import WITNESS_HEADER, NoWitness, Witness, check_header

MAX_BODY_BYTES = 1 << 20
SHUTDOWN_TIMEOUT_S = 1.0
"""For requests under way, once to end and once more to be cancelled."""
COUNT_INTERVAL_S = 60.0


def build_app(
    sequencer: Sequencer,
    projections: Projections,
    history: History,
    settings: GatewaySettings | None = None,
    witness: Witness | None = None,
    lease_age_ns: Callable[[], int] = lambda: 0,
    signer: Signer | None = None,
) -> web.Application:
    """
    The gateway of one shard.

    `projections` stand where the sequencer stands; from the application's start on the gateway
    folds every commit into them, as one of the sequencer's followers. `lease_age_ns` is how long
    ago it was certain that nobody else leads; it matters where the settings have a lease. `signer`
    is the venue's key, if it has one.
    """
    app = web.Application(middlewares=[admitted], client_max_size=MAX_BODY_BYTES)
    hub = Hub(
        sequencer,
        projections,
        settings or GatewaySettings(),
        witness or NoWitness(),
        lease_age_ns,
    )
    app[HUB] = hub
    app[HISTORY] = history
    app[ASKING] = set()
    app[SIGNER] = signer
    app.cleanup_ctx.append(_following)
    app.cleanup_ctx.append(melting.valuation_worker)
    app.cleanup_ctx.append(borrowing_base.kept_documents)
    app[collateral.CACHE] = collateral.Cache()
    app.on_response_prepare.append(secure)
    app.on_shutdown.append(_drain)
    app.router.add_get("/v1/ws", _websocket)
    for noun in (
        listings,
        calendars,
        settlements,
        books,
        accounts,
        statement,
        keys,
        pledges,
        lending,
        sublets,
        lots,
        desk,
        deliveries,
        collateral,
        loan_views,
        borrowing_base,
        melting,
        log,
        admin,
        health,
    ):
        app.router.add_routes(noun.routes)
    return app


def build_metrics_app(app: web.Application) -> web.Application:
    """`/metrics` for a port of its own, which clients do not reach."""
    hub = app[HUB]

    async def metrics(_request: web.Request) -> web.Response:
        overdue_count = hub.projections.deliveries.overdue_count(hub.projections.venue.market_ns)
        body = hub.metrics.exposition(overdue_count)
        return web.Response(body=body, content_type="text/plain")

    metrics_app = web.Application()
    metrics_app.router.add_get("/metrics", metrics)
    return metrics_app


async def _at_once() -> None:
    """Nothing is waited for."""


async def start(
    app: web.Application,
    host: str,
    port: int,
    shutdown_s: float = SHUTDOWN_TIMEOUT_S,
    before_listening: Callable[[], Awaitable[None]] = _at_once,
) -> tuple[web.AppRunner, int]:
    """
    Serves on the address, port 0 on any free one; `runner.cleanup()` drains and stops.

    `before_listening` runs when the application follows the log already and nobody can ask it yet.
    """
    runner = web.AppRunner(
        app, access_log=None, logger=ConnectionLog(), shutdown_timeout=shutdown_s
    )
    try:
        await runner.setup()
        await before_listening()
        await web.TCPSite(runner, host, port, backlog=1_024).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner, int(runner.addresses[0][1])


@web.middleware
async def admitted(request: web.Request, handler: Handler) -> web.StreamResponse:
    """
    What every request goes through, in one piece: a middleware costs a read some percent.

    Whoever may have been passed over, or lacks what it said, answers nothing but how it is. An
    exchange that stops still answers questions.
    """
    hub = request.app[HUB]
    try:
        require_known_names(request, hub.settings.allowed_hosts)
        if not request.path.startswith("/health/"):
            hub.require_lease()
            if request.method != "GET":
                hub.require_open()
            if WITNESS_HEADER in request.headers:
                await check_header(request, hub.witness)
        return await handler(request)
    except EXPECTED as raised:
        if request.writer.output_size:
            raise  # An answer is under way: it is cut off, for it must not look whole.
        return answer_to(raised, request)
    except (OSError, web.RequestPayloadError) as raised:
        if raised is not request.content.exception():
            raise
        # The body ended where its client did, who hears nothing, or cannot be unpacked.
        return answer_to(raised, request)


async def _websocket(request: web.Request) -> web.StreamResponse:
    return await serve_websocket(request, request.app[HUB])


async def _following(app: web.Application) -> AsyncIterator[None]:
    """The hub hears of commits while the application runs."""
    hub = app[HUB]
    hub.sequencer.followers.append(hub)
    tasks = [asyncio.create_task(_beat(hub)), asyncio.create_task(_count(hub))]
    yield
    for task in tasks:
        task.cancel()
    hub.sequencer.followers.remove(hub)


async def _beat(hub: Hub) -> None:
    while True:
        await asyncio.sleep(hub.settings.heartbeat_s)
        hub.beat()


async def _count(hub: Hub) -> None:
    while True:
        await asyncio.sleep(COUNT_INTERVAL_S)
        hub.record_counts()


async def _drain(app: web.Application) -> None:
    app[HUB].drain()
