"""What sessions subscribe to, and what they then are sent."""

import asyncio

import pytest

from exchange.domain.wire import (
    Balances,
    Book,
    Done,
    Execution,
    Marks,
    MassCancel,
    Orders,
    Ping,
    Pong,
    Positions,
    Subscribe,
    Trade,
    Unsubscribe,
)
from exchange.gateway.border import HUB
from tests.gateway.conftest import (
    OTHER,
    SUPPLIER,
    SYMBOL,
    TRADER,
    buy,
    sell,
)

# -- streams --------------------------------------------------------------------------------------


async def test_a_book_is_a_snapshot_and_then_its_changes(house):
    trader, reader = await house.session(TRADER), await house.session(OTHER)
    await trader.ask(buy("a", 3))
    await asyncio.sleep(0.03)
    done = await reader.ask(Subscribe(request_id=2, channels=[f"book:{SYMBOL}:5"]))
    assert done == Done(request_id=2)
    snapshot = await reader.until(Book)
    assert snapshot.snapshot
    assert snapshot.bids == [(900, 3, 1)]
    await trader.ask(buy("b", 2, 905))
    change = await reader.until(Book)
    assert (change.bids, change.asks, change.snapshot) == ([(905, 2, 1)], [], False)
    assert change.prev_seq == snapshot.seq
    await trader.ask(MassCancel(command_id="x"))
    gone = await reader.until(Book)
    assert sorted(gone.bids) == [(900, 0, 0), (905, 0, 0)]
    assert gone.prev_seq == change.seq


async def test_a_late_reader_of_a_book_misses_nothing_that_was_undone(house):
    trader, first, late = [await house.session(key) for key in (TRADER, OTHER, SUPPLIER)]
    channel = Subscribe(channels=[f"book:{SYMBOL}:5"])
    await first.ask(channel)
    await first.until(Book)
    await trader.ask(buy("a", 3))
    await late.ask(channel)
    book = {level[0]: level[1] for level in (await late.until(Book)).bids}
    await trader.ask(MassCancel(command_id="x"))
    for price, qty, _ in (await late.until(Book)).bids:
        book[price] = qty
    assert book == {900: 0}


async def test_a_reader_that_fell_behind_gets_a_snapshot_when_it_has_caught_up(house):
    trader, reader = await house.session(TRADER), await house.session(OTHER)
    await reader.ask(Subscribe(channels=[f"book:{SYMBOL}:5"]))
    await reader.until(Book)
    session = house.app[HUB].sessions[reader.auth.session_id]
    session._connection.behind_bytes = lambda: house.app[HUB].settings.public_behind_bytes + 1
    await trader.ask(buy("a", 3))
    await asyncio.sleep(0.03)
    await trader.ask(buy("b", 2))
    await asyncio.sleep(0.03)
    del session._connection.behind_bytes
    caught_up = await reader.until(Book)
    assert caught_up.snapshot
    assert caught_up.bids == [(900, 5, 2)]


async def test_trades_are_public_and_executions_are_not(house):
    seller, buyer, reader = [await house.session(key) for key in (SUPPLIER, TRADER, OTHER)]
    await reader.ask(Subscribe(channels=[f"trades:{SYMBOL}", "orders"]))
    assert (await reader.until(Orders)).orders == []
    for socket in (seller, buyer):
        await socket.ask(Subscribe(channels=["orders"]))
        await socket.until(Orders)
    await seller.ask(sell("s", 5))
    assert (await seller.until(Execution)).exec_type == "new"
    await buyer.send(buy("b", 2, 1_000))
    fill = await seller.until(Execution)
    assert (fill.exec_type, fill.liquidity, fill.last_qty, fill.leaves_qty) == (
        "trade",
        "maker",
        2,
        3,
    )
    new, own = await buyer.until(Execution), await buyer.until(Execution)
    assert (own.previous, own.exec_type, own.order_status) == (new.position, "trade", "filled")
    public = await reader.receive()
    assert isinstance(public, Trade)
    assert (public.last_qty, public.taker_side) == (2, "buy")


async def test_positions_and_balances_follow_a_trade(house):
    seller, buyer = await house.session(SUPPLIER), await house.session(TRADER)
    await buyer.ask(Subscribe(channels=["positions", "balances", "marks"]))
    assert (await buyer.until(Positions)).positions == []
    before = await buyer.until(Balances)
    assert (await buyer.until(Marks)).marks == []
    await seller.ask(sell("s", 5))
    await buyer.send(buy("b", 5, 1_000))
    held = await buyer.until(Positions)
    assert held.positions[0].title[0].qty == 5
    paid = await buyer.until(Balances)
    assert paid.available_amount < before.available_amount - 5 * 1_000 * 720


@pytest.mark.parametrize(
    "channel",
    ["dance", "book:x:5", f"book:{SYMBOL}", f"book:{SYMBOL}:0", f"book:{SYMBOL}:101", "trades:x"],
)
async def test_an_unknown_channel_refuses_the_whole_request(house, channel):
    socket = await house.session(TRADER)
    error = await socket.ask(Subscribe(request_id=3, channels=["orders", channel]))
    assert (error.code, error.field, error.request_id) == (1005, "channels", 3)
    await socket.ask(buy("a"))
    assert isinstance(await socket.ask(Ping()), Pong)


async def test_what_was_left_is_not_sent_any_more(house):
    socket = await house.session(TRADER)
    await socket.ask(Subscribe(channels=["orders"]))
    await socket.until(Orders)
    assert await socket.ask(Unsubscribe(request_id=4, channels=["orders"])) == Done(request_id=4)
    await socket.ask(buy("a"))
    assert isinstance(await socket.ask(Ping()), Pong)
