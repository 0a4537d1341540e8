"""
The living market: sets a venue up, lets its participants loose, and counts.

Everybody here is a client like any other: the operators use the admin commands over HTTP, the
others the websocket, each with a key of its own.
"""

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from clients.import_report import ImportReport
from clients.index_prices import day_prices, publish_index
from clients.rental_offers import read_offers
from clients.sdk import Backoff, ExchangeClient, Refused, Unavailable
from exchange.domain.enums import TradingMode, WindowKind
from exchange.domain.units import NS_PER_DAY

from .agents import HOUR_NS, Desk, MarketMaker, Supplier, quoted_windows
from .delivery import Delivery
from .demand import DemandPlan, read_jobs
from .key_ring import KeyRing
from .lending import Bank
from .market_time import MarketTime
from .model import model_jobs, model_prices
from .participant import Participant
from .prices import PriceTable
from .reference_price import ReferencePrice
from .summary import Summary, Tally
from .venue_setup import (
    AUDITOR,
    BANK,
    DESK_COUNT,
    DESKS,
    FAMILY,
    GPU_CLASS,
    MAKERS,
    OPERATOR,
    PRODUCT_CODE,
    REGION,
    SECOND_OPERATOR,
    SUPPLIER,
    Venue,
    VenueSetup,
    symbol_of,
)
from .winding_up import wind_up

PATIENCE = Backoff(first_s=0.1, longest_s=5.0, give_up_s=600.0)
"""Agents outlive a restart of the exchange."""
HALF_SPREADS_PPM = (10_000, 18_000)
READY_POLL_S = 0.1
READY_WAIT_S = 60.0


class OperatorAgent:
    """Publishes each day's index and lists the use of months; the exchange lists the rest."""

    def __init__(
        self,
        client: ExchangeClient,
        time: MarketTime,
        venue: Venue,
        table: PriceTable,
        usd_cny_ppm: int,
        tally: Tally,
    ) -> None:
        self._client = client
        self._time = time
        self._venue = venue
        self._table = table
        self._usd_cny_ppm = usd_cny_ppm
        self._tally = tally
        self._published_day = 0

    async def run(self) -> None:
        """Looks after the day every market hour until cancelled."""
        while True:
            await self._time.next_tick(HOUR_NS)
            await self.open_day()

    async def open_day(self) -> None:
        """Publishes what the day still lacks; the marks follow the new index."""
        day = self._time.day
        if self._published_day == day:
            return
        self._published_day = day
        await self._list_use()
        price = self._table.at(day)
        if price is None or price.observed_day != day:
            return  # an older price is in force already, and the rules know its age
        try:
            receipt = await publish_index(self._client, GPU_CLASS, REGION, price, self._usd_cny_ppm)
            self._tally.index_count += not receipt.duplicate
            await self._client.admin("publish_marks")
        except Refused as refusal:
            if refusal.name != "empty":  # no mark moved, which is no refusal of anything
                self._tally.count_refusal(refusal)

    async def _list_use(self) -> None:
        """The books in which the use of the next months is let."""
        months = [w for w in quoted_windows(self._time) if w.kind is WindowKind.MONTH]
        listed = {each.instrument for each in await self._client.instruments(PRODUCT_CODE)}
        for month in months:
            if symbol_of(month, TradingMode.SUBLET) not in listed:
                await self._client.admin(
                    "list_instrument",
                    product_id=self._venue.product_id,
                    kind=month.kind,
                    start_day=month.start_day,
                    end_day=month.end_day,
                    mode=TradingMode.SUBLET,
                )


async def run_demo(
    url: str,
    operator_tokens: tuple[str, str],
    tokens_path: Path,
    demand: Path | None,
    prices: Path | None,
    usd_cny_ppm: int,
    days: int | None,
    seed: int,
    stop: asyncio.Event | None = None,
    *,
    is_wound_up: bool = False,
) -> Summary:
    """
    Runs the market against a serving exchange, for `days` market days or until `stop` is set.

    With `is_wound_up` the market ends with its days: nothing is left in escrow, and there is no
    going on. Otherwise it may be started again on the same venue and `tokens_path`: it finds what
    it made and goes on.

    Without files it trades on a model of its own, seeded by `seed`. Cancelling leaves the resting
    orders in the book; the next run clears them.
    """
    ring = KeyRing(tokens_path)
    for name, token in zip((OPERATOR, SECOND_OPERATOR), operator_tokens, strict=True):
        ring.keep_token(name, token)
    async with AsyncExitStack() as stack:

        async def client(name: str) -> ExchangeClient:
            token = ring.token(name)
            assert token is not None, f"{name} has no key"
            opened = ExchangeClient(url, token, backoff=PATIENCE)
            return await stack.enter_async_context(opened)

        operator = await client(OPERATOR)
        market_ns = await _ready(operator)
        setup = VenueSetup(operator, await client(SECOND_OPERATOR), ring)
        today = MarketTime(operator, market_ns).day
        venue = await setup.make(today)
        if any(bond.is_terminated for bond in await operator.bonds()):
            raise Unavailable(f"the market at {url} was wound up: begin another in a new directory")
        plan, table, imports = await asyncio.to_thread(
            _inputs, demand, prices, venue.first_day, usd_cny_ppm, seed
        )
        tally = Tally()
        makers = [await client(name) for name in MAKERS]
        time = MarketTime(makers[0], (await makers[0].ping()).market_ns)
        reference = ReferencePrice(table, venue.first_day)
        agent = OperatorAgent(operator, time, venue, table, usd_cny_ppm, tally)
        await agent.open_day()
        bank = await client(BANK)
        supplier = Participant(await client(SUPPLIER), tally)
        meter, auditor = await client(SUPPLIER), await client(AUDITOR)
        keepers: list[MarketTime | OperatorAgent | Bank | Delivery] = [
            time,
            agent,
            Bank(bank, time, tally),
            Delivery(meter, auditor, time, venue, tally, seed),
        ]
        traders: list[Supplier | MarketMaker | Desk] = [Supplier(supplier, time, reference)]
        for name, maker, half_spread_ppm in zip(MAKERS, makers, HALF_SPREADS_PPM, strict=True):
            rng = random.Random(f"{seed} {name}")
            trader = Participant(maker, tally)
            traders.append(MarketMaker(trader, time, reference, half_spread_ppm, rng))
        for number, name in enumerate(DESKS):
            trader = Participant(await client(name), tally)
            traders.append(Desk(trader, time, reference, plan, number, venue))
        began_ns = time.now_ns
        async with asyncio.TaskGroup() as group:
            keeping = [group.create_task(each.run()) for each in keepers]
            trading = [group.create_task(each.run()) for each in traders]
            end_ns = None if days is None else began_ns + days * NS_PER_DAY
            await _end_of_run(time, end_ns, stop)
            for task in trading:
                task.cancel()
            if is_wound_up and end_ns is not None and time.now_ns >= end_ns:
                await asyncio.wait(trading)
                participants = [each.participant for each in traders]
                await wind_up(operator, meter, participants, time, venue)
            for task in keeping:
                task.cancel()
        marks, loans = await operator.marks(), await bank.loans()
        return tally.summary(
            market_days=(time.now_ns - began_ns) // NS_PER_DAY,
            mark_levels=Counter(mark.level for mark in marks.marks),
            pledges=Counter(pledge.pledge_status for pledge in await bank.pledges()),
            loans=Counter(loan.loan_status for loan in loans),
            lots=Counter(lot.lot_status for loan in loans for lot in loan.lots),
            imports=[report.describe() for report in imports],
        )


async def _ready(client: ExchangeClient) -> int:
    """Waits until the exchange serves; returns its market time."""
    try:
        async with asyncio.timeout(READY_WAIT_S):
            while True:
                health = await client.health()
                if health.is_ready:
                    return health.market_ns
                await asyncio.sleep(READY_POLL_S)
    except TimeoutError:
        raise Unavailable(f"{client.url} is not ready after {READY_WAIT_S:g} s") from None


async def _end_of_run(time: MarketTime, end_ns: int | None, stop: asyncio.Event | None) -> None:
    """Waits for the last market day's end or for `stop`, whichever is first; else for ever."""
    waits: list[asyncio.Future[Any]] = [asyncio.ensure_future((stop or asyncio.Event()).wait())]
    if end_ns is not None:
        waits.append(asyncio.ensure_future(time.until(end_ns)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _inputs(
    demand: Path | None, prices: Path | None, first_day: int, usd_cny_ppm: int, seed: int
) -> tuple[DemandPlan, PriceTable, list[ImportReport]]:
    """What drives the market: from the files where they are given, else from the model."""
    reports = []
    if demand is None:
        jobs = model_jobs(seed)
    else:
        jobs, report = read_jobs(demand)
        reports.append(report)
    if prices is None:
        days, report = model_prices(seed)
    else:
        offers, report = read_offers(prices)
        days = day_prices(offers, FAMILY)
        reports.append(report)
    table = PriceTable(days, report, first_day, usd_cny_ppm)
    return DemandPlan(jobs, DESK_COUNT, first_day), table, reports
