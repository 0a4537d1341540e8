"""
The wall clock goes back, forward, or stops: the same events, on a real log.

Market time is elapsed monotonic time. The wall's time is noted in each frame for audit, never goes
back there, and no rule reads it; only a start at speed 1 looks at it, and asks a human being.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest

from exchange import app
from exchange.domain.commands import PlaceOrder
from exchange.domain.enums import Side
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE, NS_PER_SECOND
from exchange.engine.market_clock import MarketClock
from exchange.engine.sequencer import Sequencer
from exchange.log import ChainVerifier, read_frames, take_over
from exchange.settings import Settings
from tests.log.conftest import NAME, barrier
from tests.scenario import SUPPLIER, TRADER, Market

from .lives import started

START_NS = 1_800_000_000 * NS_PER_SECOND
WALLS: dict[str, Callable[[], Iterator[int]]] = {
    "steady": lambda: count(START_NS, NS_PER_SECOND),
    "back": lambda: count(START_NS, -NS_PER_SECOND),
    "forward": lambda: count(START_NS, 40 * NS_PER_DAY),
    "stopped": lambda: count(START_NS, 0),
    "before 1970": lambda: count(-NS_PER_DAY, NS_PER_SECOND),
}


async def trade(data_dir: Path, wall: Iterator[int]) -> tuple[list[bytes], list[int]]:
    """Two days of ticks and orders under a wall clock: the log's records and its frames' times."""
    market, now = Market(), [0]
    market.grant("M2701", 50)
    june = market.list_window("M2701")
    async with started(data_dir) as server:
        writer = await take_over(server.address, NAME, NAME.genesis, barrier(), wall.__next__)
        await writer.append(market.records)
        sequencer = Sequencer(market.engine, writer)
        running = asyncio.create_task(sequencer.run())
        clock = MarketClock(
            sequencer, lambda: now[0], market.state.market_ns, 60, 60 * NS_PER_MINUTE
        )
        for number in range(20):
            now[0] += NS_PER_MINUTE
            while clock.now_ns() > market.state.market_ns:
                await clock._tick()
            who, side = ((SUPPLIER, Side.SELL), (TRADER, Side.BUY))[number % 2]
            order = PlaceOrder(
                key_id=who,
                command_id=f"{number}",
                instrument_id=june,
                side=side,
                order_qty=1,
                limit_price=100,
            )
            assert (await sequencer.execute(order)).reason is None
        sequencer.stop()
        await running
        await writer.close()
        with server.address.client() as client:
            frames = list(read_frames(client, ChainVerifier(NAME)))
    return [each for f in frames for each in f.records], [f.header.at_ns for f in frames]


async def test_whatever_the_wall_clock_does_the_events_are_the_same(tmp_path):
    steady, _ = await trade(tmp_path / "steady", WALLS["steady"]())
    for name in ("back", "forward", "stopped", "before 1970"):
        found, times = await trade(tmp_path / name, WALLS[name]())
        assert found == steady, name
        assert times == sorted(times), name
    assert len(steady) > 50


@pytest.mark.parametrize(
    ("gap_ns", "is_allowed", "is_refused"),
    [
        (0, False, False),
        (NS_PER_DAY - NS_PER_MINUTE, False, False),
        (NS_PER_DAY + NS_PER_MINUTE, False, True),
        (-NS_PER_MINUTE, False, True),
        (-NS_PER_MINUTE, True, False),
        (400 * NS_PER_DAY, True, False),
    ],
)
def test_a_start_asks_before_market_time_jumps_with_the_wall(
    tmp_path, gap_ns, is_allowed, is_refused
):
    engine = Market().engine
    engine.state.market_ns = time.time_ns() - gap_ns
    settings = Settings(data_dir=tmp_path, is_clock_jump_allowed=is_allowed)
    if is_refused:
        with pytest.raises(app.StartRefused, match="allow-clock-jump"):
            app._market_start_ns(engine, settings)
    else:
        assert abs(app._market_start_ns(engine, settings) - time.time_ns()) < NS_PER_MINUTE
    faster = msgspec.structs.replace(settings, speed=2)
    assert app._market_start_ns(engine, faster) == engine.state.market_ns
