"""
`exchange demo`: one process that serves a venue and lets a market live in it.

The market's participants connect over loopback like everybody else; nothing here reaches into the
exchange. On an empty directory a venue is created first, whose calendar begins on the first day of
the prices, or today.
"""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from clients.directory import CREDENTIALS_FILE, Serving, read_credentials
from clients.index_prices import day_prices
from clients.rental_offers import read_offers
from clients.sdk import ExchangeClient
from exchange.app import init, serve
from exchange.demo.market import run_demo
from exchange.demo.summary import Summary
from exchange.demo.venue_setup import FAMILY, TRADER
from exchange.domain.enums import WindowKind
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at, start_ns
from exchange.settings import VENUE_FILE, Settings

DEMO_VENUE = "demo"
HELLO_POLL_S = 0.2


class Inputs(Struct, frozen=True, kw_only=True):
    """What drives the market; without files, a model of its own."""

    demand: Path | None = None
    """GPU jobs, CSV or CSV.GZ."""
    prices: Path | None = None
    """GPU rental offers, CSV."""
    usd_cny: Decimal = Decimal("7.10")
    days: int | None = None
    """Market days to run; for ever without it."""
    seed: int = 1
    is_wound_up: bool = False
    """When the days are over, the supplier ends and everything to come is refunded."""


async def serve_living_market(
    settings: Settings,
    inputs: Inputs,
    on_living: Callable[[Serving, str], None],
    stop: asyncio.Event,
) -> Summary:
    """
    Runs until the days are over or `stop` is set; stops the exchange in order.

    `on_living` hears where it serves and one month that trades, once there is a market to see.
    """
    if not (settings.data_dir / VENUE_FILE).exists():
        first_day = await asyncio.to_thread(_first_day, inputs.prices)
        await init(
            settings,
            DEMO_VENUE,
            is_always_open=True,
            market_ns=start_ns(first_day),
            burn_in_ns=0,  # there is something to trade from the first minute on
        )
    served: asyncio.Future[Serving] = asyncio.get_running_loop().create_future()
    exchange_stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(settings, served.set_result, exchange_stop))
        serving = await served
        tokens = read_credentials(settings.data_dir)
        market = group.create_task(
            run_demo(
                serving.url,
                (tokens["operator"], tokens["second_operator"]),
                settings.data_dir / CREDENTIALS_FILE,
                inputs.demand,
                inputs.prices,
                int(inputs.usd_cny * PPM_WHOLE),
                inputs.days,
                inputs.seed,
                stop,
                is_wound_up=inputs.is_wound_up,
            )
        )
        hello = group.create_task(_say_hello(serving, settings.data_dir, on_living))
        summary = await market
        hello.cancel()
        exchange_stop.set()
    return summary


async def _say_hello(
    serving: Serving, data_dir: Path, on_living: Callable[[Serving, str], None]
) -> None:
    """Waits for the demo's trader and the first month that trades."""
    while True:
        token = read_credentials(data_dir).get(TRADER)
        if token is not None:
            async with ExchangeClient(serving.url, token) as exchange:
                listed = [i for i in await exchange.instruments() if i.is_open]
            months = sorted(i.instrument for i in listed if i.kind == WindowKind.MONTH)
            if months:
                on_living(serving, months[0])
                return
        await asyncio.sleep(HELLO_POLL_S)


def _first_day(prices: Path | None) -> int:
    if prices is None:
        return day_at(time.time_ns())
    offers, _ = read_offers(prices)
    return min(day.observed_day for day in day_prices(offers, FAMILY))
