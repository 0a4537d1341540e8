"""An orderly stop: asked for by a signal, done with exit code 0, and nobody left behind."""

import asyncio
import json
import os
import signal
import time
import urllib.error
import urllib.request

import pytest
from aiohttp import ClientSession

from clients.sdk import ExchangeClient

from .processes import VenueProcess, group_members, is_running, wait_until
from .test_standby import orders_of
from .venue import ACCOUNT_IDS, PRODUCT, Market
from .wire import Told, pour

FLOOD_COUNT = 20_000
STOP_S, LOADED_MACHINE_S = 5.0, 5.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_exchange_and_its_log_server(
    venue: VenueProcess, number: signal.Signals
) -> None:
    """Also with a valuation worker at work, which the exchange starts with the first mark."""
    venue.start()
    asyncio.run(_value_something(venue))
    group, log_server_pid = venue.pid, venue.log_server_pid
    assert venue.stop(number) == 0, venue.stderr()
    assert "Traceback" not in venue.stderr()
    assert not is_running(log_server_pid)
    wait_until(lambda: not venue.leftovers(group), "processes are left behind", 5)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{venue.url}/health/live", timeout=5)
    venue.verify()


def test_an_exchange_that_is_stopped_while_it_starts_leaves_nothing(venue: VenueProcess) -> None:
    """A signal before it serves is not lost."""
    venue.launch("serve", "--http-port", 0)
    group = venue.pid
    wait_until(
        lambda: (venue.data_dir / "server" / "sock").exists(), "no log server has been started"
    )
    exit_code = venue.stop()
    assert exit_code == 0, venue.stderr()
    wait_until(lambda: not venue.leftovers(group), "processes are left behind", 5)
    venue.verify()


def test_an_exchange_that_was_gone_in_a_test_is_told_of(
    venue: VenueProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever else the test then failed with, how the exchange ended and what it said is shown."""
    venue.start()
    os.kill(venue.pid, signal.SIGKILL)
    # Its first thread may be gone before the last one is, and only then has the process ended.
    process = venue.process
    assert process is not None
    wait_until(lambda: process.poll() is not None, "the exchange survives SIGKILL")
    venue.clean_up()
    told = capsys.readouterr().out
    assert "exit code -9" in told
    assert venue.url in told


def test_a_killed_exchange_leaves_only_its_log_server(venue: VenueProcess) -> None:
    """Its valuation worker notices and ends; the log server waits for the next exchange."""
    venue.start()
    asyncio.run(_value_something(venue))
    group, log_server_pid = venue.pid, venue.log_server_pid
    assert len(group_members(group)) > 1, "no worker was started"
    os.kill(venue.pid, signal.SIGKILL)
    wait_until(lambda: not group_members(group), "the worker outlives the exchange", 10)
    assert venue.leftovers(group) == [log_server_pid]
    venue.clean_up()


def test_an_exchange_in_a_flood_takes_no_more_and_ends(venue: VenueProcess, market: Market) -> None:
    """What comes as fast as it can, and goes on, keeps it from nothing."""
    venue.start()
    asyncio.run(_stop_in_a_flood(venue, market))
    venue.verify()


async def _stop_in_a_flood(venue: VenueProcess, market: Market) -> None:
    """Asks for the stop in the middle, while some have not even said who they are."""
    told = Told()
    bids = orders_of(market, "flood", FLOOD_COUNT)
    pouring = [
        asyncio.create_task(pour(venue, who, bids, told)) for who in ("trader", "other", "supplier")
    ]
    async with ClientSession() as http, http.ws_connect(f"{venue.url}/v1/ws") as nameless:
        await told.heard(FLOOD_COUNT // 10)
        began = time.monotonic()
        assert await asyncio.to_thread(venue.stop) == 0, venue.stderr()
        stopped_s = time.monotonic() - began
        await asyncio.gather(*pouring)
        said = [json.loads(frame.data)["type"] async for frame in nameless]
    assert said == ["hello", "bye"]
    assert told.count < 3 * FLOOD_COUNT, "it stopped in no flood"
    assert stopped_s < STOP_S + LOADED_MACHINE_S


async def _value_something(venue: VenueProcess) -> None:
    """Has a pledge marked, for which the exchange starts its worker."""
    async with ExchangeClient(venue.url, venue.token("supplier")) as supplier:
        [window] = [one for one in await supplier.windows(PRODUCT) if one.kind == "month"][:1]
        asked = await supplier.request_pledge(
            product=PRODUCT,
            start_day=window.start_day,
            end_day=window.end_day,
            pledged_qty=8,
            bank_account_id=ACCOUNT_IDS["bank"],
        )
        assert [mark.pledge_id for mark in await supplier.collateral_marks()] == [asked.created_id]
