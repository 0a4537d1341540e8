"""The real engine and gateway on a log in memory, with a clock that runs fast."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from exchange import genesis
from exchange.domain.commands import CreateVenue, Operator
from exchange.domain.record import Record, decode_body
from exchange.domain.units import NS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import start_ns
from exchange.engine.engine import Engine
from exchange.engine.market_clock import MarketClock
from exchange.engine.sequencer import Sequencer
from exchange.gateway.border import HUB
from exchange.gateway.hub import Hub
from exchange.gateway.server import build_app, start
from exchange.gateway.settings import GatewaySettings
from exchange.projections import Projections
from tests.memory_history import MemoryHistory

OPERATOR_SECRETS = ("first", "second")
OPERATOR_TOKENS = ("1.first", "2.second")


class MemoryLog:
    """Durable as long as the test."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    async def append(self, records: Sequence[bytes]) -> None:
        """Keeps the records."""
        await asyncio.sleep(0)
        self.records += [bytes(record) for record in records]


@dataclass
class LivingExchange:
    """What a test needs to talk to it and to look behind it."""

    url: str
    engine: Engine
    log: MemoryLog
    hub: Hub

    def cut_connections(self) -> None:
        """Loses every websocket without a word, as a network does."""
        for session in list(self.hub.sessions.values()):
            session._connection._transport.abort()  # type: ignore[attr-defined]


@asynccontextmanager
async def living_exchange(first_day: int, speed: int) -> AsyncIterator[LivingExchange]:
    """A venue that begins at 00:00 of `first_day` and is always open."""
    engine, log, projections = Engine(), MemoryLog(), Projections()
    fees = genesis.fee_schedule()
    _, encoded = engine.execute(
        CreateVenue(
            venue_id="test",
            base_day=first_day,
            market_ns=start_ns(first_day),
            is_always_open=True,
            operators=[
                Operator(name=f"op{n}", token_sha256=hashlib.sha256(secret.encode()).digest())
                for n, secret in enumerate(OPERATOR_SECRETS)
            ],
            head_public_key=b"",
            maker_bps=fees.maker_bps,
            taker_bps=fees.taker_bps,
            risk_parameters=genesis.risk_parameters(),
            command_id_retention_ns=2 * NS_PER_DAY,
            burn_in_ns=0,
        )
    )
    assert encoded is not None
    log.records.append(bytes(encoded))
    command, events = decode_body(encoded)
    projections.apply(Record(1, engine.state.market_ns, command, events))
    sequencer = Sequencer(engine, log)
    clock = MarketClock(
        sequencer, time.monotonic_ns, engine.state.market_ns, speed, 3_600 * NS_PER_SECOND
    )

    settings = GatewaySettings(validity_ns=min(30 * speed * NS_PER_SECOND, NS_PER_DAY // 2))
    app = build_app(sequencer, projections, MemoryHistory(log.records), settings)
    writer = asyncio.create_task(sequencer.run())
    runner, port = await start(app, "127.0.0.1", 0)
    ticking = asyncio.create_task(clock.run())
    try:
        yield LivingExchange(f"http://127.0.0.1:{port}", engine, log, app[HUB])
        failed = [task for task in (writer, ticking) if task.done()]
        for task in failed:
            task.result()
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        await runner.cleanup()
        sequencer.stop()
        await writer
