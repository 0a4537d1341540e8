"""The channel `lots`: what bidders are told without asking, and what each of them may know."""

import asyncio

import pytest
from msgspec.structs import replace

from clients.sdk import ExchangeClient
from exchange.domain.commands import AdvanceClock
from exchange.domain.lending_commands import BuyLot, WithdrawLot
from exchange.domain.lot_wire import LotNews
from exchange.domain.units import NS_PER_MINUTE
from exchange.domain.wire import Done, Ping, Pong, Subscribe, Unsubscribe
from exchange.gateway import lot_feed
from exchange.gateway.border import HUB
from tests.gateway.conftest import AUDITOR, BANK, OPERATOR, OTHER, TRADER, House, eventually, token
from tests.rules.liquidations import LiquidationMarket, lot

STEP_NS = 15 * NS_PER_MINUTE
FALLING = {"start_price": 900, "floor_price": 850, "step_price": 30, "step_minutes_count": 15}


@pytest.fixture
async def house(settings):
    """A venue whose first loan is being liquidated."""
    venue = House(settings, LiquidationMarket())
    await venue.start()
    yield venue
    await venue.stop()


async def do(house, key_id: int, command) -> int:
    """A command by the writer directly; the number of its record."""
    numbered = replace(command, key_id=key_id, command_id=f"w{len(house.records)}")
    outcome = await house.sequencer.execute(numbered)
    assert outcome.reason is None, outcome
    return outcome.seq


async def offer(house, **fields) -> int:
    """A lot of ten GPUs that stands; its id."""
    return await do(house, BANK, lot(house.market, **{"lot_qty": 10, **FALLING, **fields}))


async def later(house, steps_count: int = 1) -> None:
    """The clock goes on by so many steps of a lot's price, as far as each command takes it."""
    market_ns = house.sequencer.market_ns + steps_count * STEP_NS
    while house.sequencer.market_ns < market_ns:
        await house.sequencer.execute(AdvanceClock(market_ns=market_ns))


async def reader(house, key_id: int):
    """A session that follows lots, and the snapshot it got."""
    socket = await house.session(key_id)
    assert isinstance(await socket.ask(Subscribe(channels=["lots"])), Done)
    snapshot = await socket.until(LotNews)
    assert snapshot.snapshot
    return socket, snapshot


async def silent(socket) -> None:
    """Nothing of lots comes to this session."""
    await asyncio.sleep(0.05)
    pong = await socket.ask(Ping())
    while not isinstance(pong, Pong):
        assert not isinstance(pong, LotNews), pong
        pong = await socket.receive()


async def test_a_bidder_is_told_of_a_new_lot_each_fall_of_its_price_and_its_sale(house):
    buyer = house.market.buyer
    socket, snapshot = await reader(house, OTHER)
    assert (snapshot.lots, snapshot.gone) == ([], [])
    lot_id = await offer(house)
    (new,) = (await socket.until(LotNews)).lots
    assert (new.lot_id, new.lot_price, new.floor_price, new.lot_qty) == (lot_id, 900, 850, 10)
    prices = []
    for _ in range(2):
        await later(house)
        told = await socket.until(LotNews)
        assert told.market_ns == house.sequencer.market_ns
        prices += [each.lot_price for each in told.lots]
    assert prices == [870, 850]
    sold_seq = await do(house, buyer, BuyLot(lot_id=lot_id, limit_price=850))
    told = await socket.until(LotNews)
    (gone,) = told.gone
    assert (gone.lot_id, gone.end, gone.ended_seq, gone.lot_price) == (
        lot_id, "sold", sold_seq, 850
    )  # fmt: skip
    assert told.lots == []


async def test_at_its_floor_a_price_is_told_no_more_and_then_the_end(house):
    socket, _ = await reader(house, OTHER)
    lot_id = await offer(house)
    await socket.until(LotNews)
    await later(house, 2)
    while [each.lot_price for each in (await socket.until(LotNews)).lots] != [850]:
        pass
    await house.sequencer.execute(AdvanceClock(market_ns=house.sequencer.market_ns + 1))
    await silent(socket)
    await later(house)
    (gone,) = (await socket.until(LotNews)).gone
    assert (gone.lot_id, gone.end, gone.lot_price) == (lot_id, "unsold", 0)


async def test_only_who_may_know_a_lots_parties_is_told_them(house):
    sockets = {key: (await reader(house, key))[0] for key in (BANK, OPERATOR, AUDITOR, OTHER)}
    lot_id = await offer(house)
    seen = {key: (await socket.until(LotNews)).lots[0] for key, socket in sockets.items()}
    known = {key: (each.loan_id, each.pledge_id) for key, each in seen.items()}
    assert known == {BANK: (1, 1), OPERATOR: (1, 1), AUDITOR: (1, 1), OTHER: (0, 0)}
    late, snapshot = await reader(house, OTHER)
    assert snapshot.lots == [seen[OTHER]]
    await do(house, BANK, WithdrawLot(lot_id=lot_id))
    for socket in (*sockets.values(), late):
        (gone,) = (await socket.until(LotNews)).gone
        assert gone.end == "withdrawn"


async def test_a_block_and_its_end_are_told_to_its_two_sides_and_who_sees_all(house):
    buyer = house.market.buyer
    concerned = [(await reader(house, key))[0] for key in (buyer, BANK, OPERATOR)]
    strangers = [(await reader(house, key))[0] for key in (OTHER, TRADER)]
    lot_id = await offer(house, start_price=800, floor_price=800, step_price=0,
                         buyer_account_id=buyer)  # fmt: skip
    public_id = await offer(house)
    for socket in concerned:
        told: set[int] = set()
        while told != {lot_id, public_id}:
            told |= {each.lot_id for each in (await socket.until(LotNews)).lots}
    for socket in strangers:
        assert [each.lot_id for each in (await socket.until(LotNews)).lots] == [public_id]
    await do(house, BANK, WithdrawLot(lot_id=lot_id))
    for socket in concerned:
        assert [each.lot_id for each in (await socket.until(LotNews)).gone] == [lot_id]
    for socket in strangers:
        await silent(socket)


async def test_many_lots_come_in_pages_and_many_falls_in_turns_and_none_is_lost(house, monkeypatch):
    monkeypatch.setattr(lot_feed, "LOTS_AT_A_TIME_COUNT", 2)
    lot_ids = [await offer(house) for _ in range(5)]
    await eventually(lambda: not house.projections.lots.changed)
    socket, page = await reader(house, OTHER)
    told = list(page.lots)
    while page.left_count:
        page = await socket.until(LotNews)
        assert page.after_lot_id == told[-1].lot_id
        told += page.lots
    assert [each.lot_id for each in told] == lot_ids
    await later(house)
    fallen: dict[int, int] = {}
    while len(fallen) < 5:
        news = await socket.until(LotNews)
        assert len(news.lots) <= 2
        fallen |= {each.lot_id: each.lot_price for each in news.lots}
    assert fallen == dict.fromkeys(lot_ids, 870)
    await later(house)
    while set(fallen.values()) != {850}:
        news = await socket.until(LotNews)
        fallen |= {each.lot_id: each.lot_price for each in news.lots}
    for lot_id in lot_ids:
        await do(house, BANK, WithdrawLot(lot_id=lot_id))
    gone: set[int] = set()
    while gone != set(lot_ids):
        gone |= {each.lot_id for each in (await socket.until(LotNews)).gone}


async def test_a_reader_that_fell_behind_gets_all_that_stands_when_it_has_caught_up(house):
    socket, _ = await reader(house, OTHER)
    kept_id, gone_id = await offer(house), await offer(house)
    await eventually(lambda: not house.projections.lots.changed)
    session = house.app[HUB].sessions[socket.auth.session_id]
    session._connection.behind_bytes = lambda: house.app[HUB].settings.public_behind_bytes + 1
    await do(house, BANK, WithdrawLot(lot_id=gone_id))
    await later(house)
    await eventually(lambda: session in house.app[HUB].streams._lagging)
    del session._connection.behind_bytes
    news = await socket.until(LotNews)
    while not news.snapshot:
        news = await socket.until(LotNews)
    assert [(each.lot_id, each.lot_price) for each in news.lots] == [(kept_id, 870)]
    await later(house)
    assert [each.lot_price for each in (await socket.until(LotNews)).lots] == [850]


async def test_who_left_is_told_nothing_and_who_comes_back_has_no_old_news(house):
    socket, _ = await reader(house, OTHER)
    lot_id = await offer(house)
    await socket.until(LotNews)
    await socket.send(Unsubscribe(channels=["lots"]))
    await later(house)
    await silent(socket)
    await do(house, BANK, WithdrawLot(lot_id=lot_id))
    await offer(house)
    await socket.send(Subscribe(channels=["lots"]))
    again = await socket.until(LotNews)
    assert (again.snapshot, len(again.lots), again.gone) == (True, 1, [])
    await silent(socket)


async def test_the_client_follows_lots_as_it_follows_loans(house):
    async with ExchangeClient(str(house.client.make_url("/")), token(OTHER)) as exchange:
        lots = await exchange.follow_lots()
        assert (await lots.next()).snapshot
        lot_id = await offer(house)
        news = await lots.next()
        assert [each.lot_id for each in news.lots] == [lot_id]
        lots.close()
