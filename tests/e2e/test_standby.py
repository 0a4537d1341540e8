"""A second exchange takes over: from a leader that died, and from one that only slept."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp
import pytest

from clients.sdk import Backoff, ExchangeClient
from exchange.domain.wire import Receipt
from exchange.log import EmbeddedServer

from .processes import VenueProcess, free_port, in_time, wait_until
from .test_proof import checked, heads_of
from .venue import LOT_QTY, Market, fetch
from .wire import Message, Told, connected, pour

ORDERS_COUNT = 400
LEADING = ("--has-standby",)

SHORT_GRACE = """
from exchange import app
app.ORPHAN_GRACE_S = 3.0
from exchange.cli import main
main()
"""


def orders_of(market: Market, name: str, count: int) -> list[Message]:
    """Bids that rest or end at once."""
    return [
        {
            "type": "place_order",
            "client_order_id": f"{name} {number}",
            "instrument": market.month_symbol,
            "side": "buy",
            "order_qty": LOT_QTY,
            "limit_price": 990,
            "time_in_force": "gtc" if number % 10 == 0 else "ioc",
        }
        for number in range(count)
    ]


async def tell_again(venue: VenueProcess, orders: list[Message], told: Told) -> None:
    """Sends all orders again: each is answered, and those that were get the same answer."""
    await pour(venue, "trader", orders, told)
    assert len(told.replies) == len(orders)
    for name, replies in told.replies.items():
        assert len({reply.outcome for reply in replies}) == 1, (name, replies)
        assert all(reply.is_duplicate for reply in replies[1:]), (name, replies)


def stand_by(
    data_dir: Path, *options: object, http_port: int = 0, program: Sequence[str] = ()
) -> VenueProcess:
    """A second exchange beside the first, which follows by now."""
    standby = VenueProcess(data_dir)
    standby.program = [*program] or standby.program
    standby._runs = 50  # its output is not the leader's
    standby.launch("serve", "--standby", "--http-port", http_port, *LEADING, *options)
    wait_until(lambda: "standing by" in standby.stdout(), "the standby does not follow")
    return standby


@in_time
async def test_a_standby_leads_within_seconds_of_the_leaders_death_and_loses_nothing(
    venue: VenueProcess, market: Market
) -> None:
    """Every acknowledged command is in the log once; unanswered ones are sent again."""
    await asyncio.to_thread(venue.start, *LEADING)
    standby = await asyncio.to_thread(stand_by, venue.data_dir)
    try:
        told = Told()
        orders = orders_of(market, "death", ORDERS_COUNT)
        pouring = asyncio.create_task(pour(venue, "trader", orders, told))
        await told.heard(ORDERS_COUNT // 3)
        await asyncio.to_thread(venue.kill)
        died = time.monotonic()
        await pouring
        await asyncio.to_thread(standby.wait_ready)
        async with connected(standby, "trader") as wire:
            first = await wire.answer({**orders[0], "client_order_id": "new", "request_id": 1})
        print(f"first answer {time.monotonic() - died:.2f} s after the leader's death")
        assert first["type"] == "ack"
        await tell_again(standby, orders, told)
        assert standby.stop() == 0, standby.stderr()
        assert standby.verify() > ORDERS_COUNT
    finally:
        standby.clean_up()


@in_time
async def test_deadlines_begin_anew_under_a_new_leader(venue: VenueProcess, market: Market) -> None:
    """Who comes back in time keeps its orders; who does not is disconnected from then on."""
    port = free_port()
    program = (sys.executable, "-c", SHORT_GRACE)
    await asyncio.to_thread(venue.start, *LEADING)
    standby = await asyncio.to_thread(stand_by, venue.data_dir, http_port=port, program=program)

    def client(name: str) -> ExchangeClient:
        return ExchangeClient(
            venue.url,
            venue.token(name),
            cancel_on_disconnect=True,
            backoff=Backoff(first_s=0.05, longest_s=0.2, give_up_s=30.0),
            standby_urls=[f"http://127.0.0.1:{port}"],
        )

    async def open_count(who: ExchangeClient) -> int:
        return sum(each.leaves_qty > 0 for each in (await who.orders()).orders)

    try:
        async with client("trader") as trader, client("other") as other:
            for each in (trader, other):
                bid = {"order_qty": LOT_QTY, "limit_price": 990}
                await each.place(market.month_symbol, "buy", **bid)
            os.kill(venue.pid, signal.SIGSTOP)
            assert other.session is not None
            await other.session.close()
            await asyncio.to_thread(venue.kill)
            await asyncio.to_thread(standby.wait_ready)
            await trader.ping()
            assert [await open_count(each) for each in (trader, other)] == [1, 1]
            for _ in range(300):
                if not await open_count(other):
                    break
                await asyncio.sleep(0.1)
            assert await open_count(other) == 0
            assert await open_count(trader) == 1
        assert standby.stop() == 0, standby.stderr()
    finally:
        standby.clean_up()


@pytest.fixture
def server(prepared: tuple[Path, Market], tmp_path: Path) -> Iterator[EmbeddedServer]:
    """The prepared log on a server that belongs to neither exchange."""
    shutil.copytree(prepared[0], tmp_path / "own", ignore=shutil.ignore_patterns("sock"))
    server = EmbeddedServer.start(tmp_path / "own")
    yield server
    server.stop()


def node(prepared_dir: Path, data_dir: Path) -> Path:
    """A node's own directory: which venue, its secrets and its witness; no log."""
    data_dir.mkdir(mode=0o700)
    for name in ("venue.json", "credentials.json", "head_key.pem", "witness"):
        shutil.copy(prepared_dir / name, data_dir / name)
    return data_dir


@in_time
async def test_a_leader_that_slept_tells_nobody_anything_when_it_wakes(
    prepared: tuple[Path, Market], server: EmbeddedServer, tmp_path: Path
) -> None:
    """The standby leads; the old leader answers nothing about now and ends by itself."""
    prepared_dir, market = prepared
    url = ("--redis-url", f"unix://engine@{server.address.unix_path}")
    leader = VenueProcess(node(prepared_dir, tmp_path / "a"))
    standby: VenueProcess | None = None
    try:
        await asyncio.to_thread(leader.start, *LEADING, *url)
        standby = await asyncio.to_thread(stand_by, node(prepared_dir, tmp_path / "b"), *url)
        orders = orders_of(market, "sleep", 20)
        told = Told()
        await pour(leader, "trader", orders[:10], told)
        os.kill(leader.pid, signal.SIGSTOP)
        await asyncio.to_thread(standby.wait_ready)
        async with connected(standby, "trader") as wire:
            assert (await wire.answer(orders[10] | {"request_id": 1}))["type"] == "ack"
        os.kill(leader.pid, signal.SIGCONT)
        async with aiohttp.ClientSession() as http:
            try:
                async with http.get(f"{leader.url}/v1/book/{market.month_symbol}") as answer:
                    found = answer.status
            except aiohttp.ClientError:
                found = 0  # It is gone already.
        assert found in (0, 503), found
        exit_code = await asyncio.to_thread(leader.wait_end)
        assert 40 <= exit_code < 70, (exit_code, leader.stderr())
        assert "log_conflict" in leader.stderr() or "log_lease_lost" in leader.stderr()
        await tell_again(standby, orders[:10], told)
        assert standby.stop() == 0, standby.stderr()
    finally:
        leader.clean_up()
        if standby is not None:
            standby.clean_up()


@in_time
async def test_a_new_leader_offers_the_heads_that_the_old_one_signed_and_proves_by_them(
    prepared: tuple[Path, Market], server: EmbeddedServer, tmp_path: Path
) -> None:
    """Its directory had none; a proof asked of it is, byte for byte, the old leader's."""
    prepared_dir, market = prepared
    url = ("--redis-url", f"unix://engine@{server.address.unix_path}")
    leader = VenueProcess(node(prepared_dir, tmp_path / "a"))
    standby: VenueProcess | None = None
    try:
        await asyncio.to_thread(leader.start, *LEADING, *url, "--sign-every", 5)
        standby = await asyncio.to_thread(stand_by, node(prepared_dir, tmp_path / "b"), *url)
        for number in range(4):
            await pour(leader, "trader", orders_of(market, f"signed {number}", 10), Told())
            await asyncio.sleep(0.3)
        signed = await heads_of(leader, "operator")
        assert len(signed) > 2
        copied = tmp_path / "b" / "heads.ndjson"
        await asyncio.to_thread(
            wait_until,
            lambda: copied.exists() and len(copied.read_bytes().splitlines()) >= len(signed),
            "the standby does not copy what is signed",
        )
        seq = signed[1]["seq"]
        proof = (await fetch(leader, f"/v1/log/proof/{seq}", "operator")).body
        await asyncio.to_thread(leader.kill)
        await asyncio.to_thread(standby.wait_ready)
        offered = await heads_of(standby, "operator")
        assert offered[: len(signed)] == signed
        assert (await fetch(standby, f"/v1/log/proof/{seq}", "operator")).body == proof
        (tmp_path / "proof").write_bytes(proof)
        told = await asyncio.to_thread(checked, tmp_path / "proof", signed[0]["public_key"])
        assert told.exit_code == 0, told
        assert standby.stop() == 0, standby.stderr()
    finally:
        leader.clean_up()
        if standby is not None:
            standby.clean_up()


@in_time
async def test_an_operators_word_makes_a_standby_lead_at_once(
    prepared: tuple[Path, Market], server: EmbeddedServer, tmp_path: Path
) -> None:
    """The leader, which was well, learns of it by its next append and ends."""
    prepared_dir, _ = prepared
    url = ("--redis-url", f"unix://engine@{server.address.unix_path}")
    leader = VenueProcess(node(prepared_dir, tmp_path / "a"))
    standby: VenueProcess | None = None
    try:
        await asyncio.to_thread(leader.start, *LEADING, *url)
        standby = await asyncio.to_thread(stand_by, node(prepared_dir, tmp_path / "b"), *url)
        os.kill(standby.pid, signal.SIGUSR1)
        await asyncio.to_thread(standby.wait_ready)
        assert 40 <= await asyncio.to_thread(leader.wait_end) < 70, leader.stderr()
        assert "log_conflict" in leader.stderr()
        assert standby.stop() == 0, standby.stderr()
    finally:
        leader.clean_up()
        if standby is not None:
            standby.clean_up()


@in_time
async def test_a_standby_says_how_far_it_has_come_and_nothing_else(
    venue: VenueProcess, market: Market
) -> None:
    """At rest it is behind by the last tick, which no later frame has confirmed."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await asyncio.to_thread(venue.start, *LEADING)
    standby = await asyncio.to_thread(stand_by, venue.data_dir, http_port=port)
    try:
        await pour(venue, "trader", orders_of(market, "followed", 50), Told())
        await asyncio.sleep(1)
        asked = ("log", "head", "--json", "--standby", url, "--standby", "http://127.0.0.1:9")
        lags = (await asyncio.to_thread(venue.shell, *asked)).value["standby_lags"]
        assert 0 <= lags[url] <= 5
        assert lags["http://127.0.0.1:9"] is None
        async with aiohttp.ClientSession() as http:
            for path, status in (("health/live", 200), ("health/ready", 503)):
                async with http.get(f"{url}/{path}") as answer:
                    health = await answer.json()
                assert (answer.status, health["is_ready"]) == (status, False)
                assert health["detail"] == "standing by"
            for path in ("v1/products", "v1/ws"):
                async with http.get(f"{url}/{path}") as answer:
                    assert (answer.status, (await answer.json())["code"]) == (503, 9001)
        assert standby.stop() == 0, standby.stderr()
        assert venue.stop() == 0
    finally:
        standby.clean_up()


@in_time
async def test_a_command_over_http_goes_on_with_the_standby_and_happens_once(
    venue: VenueProcess, market: Market
) -> None:
    """Under its own key it gets its first answer from the new leader, under another a new one."""
    port = free_port()
    await asyncio.to_thread(venue.start, *LEADING)
    standby = await asyncio.to_thread(stand_by, venue.data_dir, http_port=port)
    try:
        async with ExchangeClient(
            venue.url,
            venue.token("operator"),
            backoff=Backoff(first_s=0.05, longest_s=0.2, give_up_s=30.0),
            standby_urls=[f"http://127.0.0.1:{port}"],
        ) as operator:

            async def admit(name: str) -> Receipt:
                return await operator.admin(
                    "admit_participant", command_id=name, name=name, roles=["trader"]
                )

            before = await admit("one")
            await asyncio.to_thread(venue.kill)
            again = await admit("one")
            after = await admit("two")
            head = await operator.log_head()
        assert (again.log_seq, again.duplicate) == (before.log_seq, True)
        assert (again.created_id, after.created_id) == (before.created_id, before.created_id + 1)
        assert head.log_seq >= after.log_seq > before.log_seq
        assert standby.stop() == 0, standby.stderr()
    finally:
        standby.clean_up()


@in_time
async def test_a_client_that_knows_the_standby_goes_on_with_it(
    venue: VenueProcess, market: Market
) -> None:
    """What it sent and was not told of is answered by the new leader, once."""
    port = free_port()
    await asyncio.to_thread(venue.start, *LEADING)
    standby = await asyncio.to_thread(stand_by, venue.data_dir, http_port=port)
    try:
        async with ExchangeClient(
            venue.url,
            venue.token("trader"),
            backoff=Backoff(first_s=0.05, longest_s=0.2, give_up_s=30.0),
            standby_urls=[f"http://127.0.0.1:{port}"],
        ) as trader:
            bid = {"order_qty": LOT_QTY, "limit_price": 990}
            before = await trader.place(market.month_symbol, "buy", **bid)
            await asyncio.to_thread(venue.kill)
            after = await trader.place(market.month_symbol, "buy", **bid)
        assert after.log_seq > before.log_seq
        assert standby.stop() == 0, standby.stderr()
    finally:
        standby.clean_up()
