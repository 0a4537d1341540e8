"""The living market against the real engine and gateway, on a log in memory."""

import asyncio
import json
import stat
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from clients.rental_offers import first_offer_day
from clients.sdk import ExchangeClient, Refused
from exchange.demo.market import run_demo
from exchange.demo.venue_setup import PRODUCT_CODE, windows_ahead
from exchange.domain.enums import LIENED, WindowKind
from exchange.domain.lending_events import LiquidationClosed, LotSold, WaterfallPaid
from exchange.domain.record import decode_body
from exchange.domain.windows import day_of, parse_window
from exchange.domain.wire import Execution, Orders, PlaceOrder
from exchange.engine.engine import Engine
from exchange.engine.replay import verify

from .living_exchange import OPERATOR_TOKENS, LivingExchange, living_exchange

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
OFFERS = SHARED / "gpurentalprices_offers_2026-07_2026-08.csv"
JOBS = SHARED / "philly_2017.csv.gz"
FIRST = day_of(date(2026, 7, 5))
SPEED = 24_000
ONCE = ("AdmitParticipant", "RegisterKey", "DefineProduct", "GrantCapacity", "DepositCash")


async def run(exchange: LivingExchange, tokens: Path, days: int, *, real: bool = False):
    return await run_demo(
        exchange.url,
        OPERATOR_TOKENS,
        tokens,
        JOBS if real else None,
        OFFERS if real else None,
        7_100_000,
        days,
        seed=1,
    )


async def test_the_market_lives_and_goes_on_after_a_restart(tmp_path):
    tokens = tmp_path / "credentials.json"
    async with living_exchange(FIRST, SPEED) as exchange:
        first = await run(exchange, tokens, days=2)
        commands = Counter(type(decode_body(r)[0]).__name__ for r in exchange.log.records)
        second = await run(exchange, tokens, days=1)
        later = Counter(type(decode_body(r)[0]).__name__ for r in exchange.log.records)
        bank_token = json.loads(tokens.read_text())["bank"]
        async with ExchangeClient(exchange.url, bank_token) as bank:
            marks = await bank.collateral_marks()
            pledged = await bank.pledges()
    assert first.market_days == 2
    assert first.order_count > 50
    assert first.trade_count > 10
    assert first.notional_amount > 0
    assert first.index_count >= 2
    assert later["AttestDelivery"] > 0
    assert first.mark_count > 0
    assert sum(first.pledges.values()) > 0
    assert second.trade_count > 0
    assert [later[name] for name in ONCE] == [commands[name] for name in ONCE]
    living = {p.pledge_id for p in pledged if p.pledge_status in ("requested", *LIENED)}
    assert {mark.pledge_id for mark in marks} == living
    assert all(mark.level > 0 and mark.value_amount > 0 for mark in marks)
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert {"trader", "bank", "operator"} <= json.loads(tokens.read_text()).keys()


@pytest.mark.skipif(not OFFERS.exists(), reason=f"no real data in {SHARED}")
async def test_the_market_lives_on_the_real_files_and_its_log_replays_to_the_same_state(tmp_path):
    async with living_exchange(first_offer_day(OFFERS), SPEED) as exchange:
        summary = await run(exchange, tmp_path / "credentials.json", days=2, real=True)
    assert summary.trade_count > 10
    assert len(summary.imports) == 2
    assert "91 stale" in summary.imports[1]
    recovered = Engine()
    for record in exchange.log.records:
        recovered.apply(record)
    assert recovered.state.hash() == exchange.engine.state.hash()


async def test_a_desk_that_does_not_repay_is_sold_and_its_log_is_decided_the_same_again(tmp_path):
    """One loan goes through default, an auction and its waterfall, whenever its time comes."""
    stop = asyncio.Event()

    async def until_a_liquidation_is_over(exchange: LivingExchange) -> None:
        seen = 0
        while True:
            new, seen = exchange.log.records[seen:], len(exchange.log.records)
            if any(isinstance(e, LiquidationClosed) for r in new for e in decode_body(r)[1]):
                stop.set()
            await asyncio.sleep(0.2)

    async with living_exchange(FIRST, SPEED) as exchange:
        watching = asyncio.create_task(until_a_liquidation_is_over(exchange))
        tokens = tmp_path / "credentials.json"
        summary = await run_demo(
            exchange.url, OPERATOR_TOKENS, tokens, None, None, 7_100_000, 30, 1, stop
        )
        watching.cancel()
    assert stop.is_set(), summary
    events = [e for record in exchange.log.records for e in decode_body(record)[1]]
    (sold,) = [event for event in events if isinstance(event, LotSold)]
    (paid,) = [e for e in events if isinstance(e, WaterfallPaid) and e.lot_id == sold.lot_id]
    assert paid.proceeds_amount == sold.proceeds_amount
    assert min(paid.costs_amount, paid.interest_amount, paid.principal_amount) > 0
    assert paid.surplus_amount > 0
    assert summary.lots["sold"] == 1
    assert verify(exchange.log.records).state.hash() == exchange.engine.state.hash()


async def test_a_run_ends_early_when_it_is_told_to(tmp_path):
    stop = asyncio.Event()
    async with living_exchange(FIRST, 60) as exchange:
        running = asyncio.create_task(
            run_demo(
                exchange.url,
                OPERATOR_TOKENS,
                tmp_path / "credentials.json",
                None,
                None,
                7_100_000,
                None,
                1,
                stop,
            )
        )
        await asyncio.sleep(2)
        stop.set()
        summary = await asyncio.wait_for(running, 20)
    assert summary.market_days == 0


async def test_a_set_up_whose_progress_was_lost_is_not_done_twice(tmp_path):
    tokens = tmp_path / "credentials.json"
    counts = []
    async with living_exchange(FIRST, 60) as exchange:
        for _ in range(2):
            stop = asyncio.Event()
            asyncio.get_running_loop().call_later(1.0, stop.set)
            await run_demo(
                exchange.url, OPERATOR_TOKENS, tokens, None, None, 7_100_000, None, 1, stop
            )
            made = Counter(type(decode_body(r)[0]).__name__ for r in exchange.log.records)
            counts.append([made[name] for name in ONCE])
            (tmp_path / "demo_progress.json").unlink()
    assert counts[0] == counts[1]


async def test_the_sdk_and_the_real_gateway_agree_on_a_refusal(tmp_path):
    async with living_exchange(FIRST, 60) as exchange:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(1.5, stop.set)
        tokens = tmp_path / "credentials.json"
        await run_demo(exchange.url, OPERATOR_TOKENS, tokens, None, None, 7_100_000, None, 1, stop)
        token = json.loads(tokens.read_text())["trader"]
        async with ExchangeClient(exchange.url, token, encoding="msgpack") as trader:
            with pytest.raises(Refused) as no_title:
                await trader.place(f"{PRODUCT_CODE}:M2608", "sell", order_qty=8, limit_price=9_000)
            ack = await trader.place(
                f"{PRODUCT_CODE}:M2608", "buy", order_qty=8, limit_price=100, client_order_id="mine"
            )
            again = await trader.place(
                f"{PRODUCT_CODE}:M2608", "buy", order_qty=8, limit_price=100, client_order_id="mine"
            )
            with pytest.raises(Refused) as conflict:
                await trader.place(
                    f"{PRODUCT_CODE}:M2608",
                    "buy",
                    order_qty=16,
                    limit_price=100,
                    client_order_id="mine",
                )
            await trader.cancel(client_order_id="mine")
            assert (await trader.me()).name == "trader"
            assert (await trader.orders()).orders[0].order_status == "cancelled"
    assert (no_title.value.code, no_title.value.free_qty) == (5002, 0)
    assert no_title.value.first_binding_day == day_of(date(2026, 8, 1))
    assert (again.duplicate, again.order_id) == (True, ack.order_id)
    assert conflict.value.code == 4092


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_a_client_of_the_real_gateway_loses_its_connection_and_nothing_else(
    tmp_path, encoding
):
    stop = asyncio.Event()
    tokens = tmp_path / "credentials.json"
    instrument = f"{PRODUCT_CODE}:M2609"
    async with living_exchange(FIRST, 60) as exchange:
        asyncio.get_running_loop().call_later(1.5, stop.set)
        await run_demo(exchange.url, OPERATOR_TOKENS, tokens, None, None, 7_100_000, None, 1, stop)
        token = json.loads(tokens.read_text())["trader"]
        async with ExchangeClient(exchange.url, token, encoding=encoding) as trader:
            updates = await trader.follow_orders()
            assert isinstance(await updates.next(), Orders)
            answers = []
            for number in range(6):
                replies = [
                    await trader.submit(
                        PlaceOrder(
                            client_order_id=f"c{number}.{part}",
                            instrument=instrument,
                            side="buy",
                            order_qty=8,
                            limit_price=100 + part,
                        )
                    )
                    for part in range(5)
                ]
                await asyncio.sleep(0.001 * number)
                exchange.cut_connections()
                answers += await asyncio.wait_for(asyncio.gather(*replies), 10)
            seen: list[Execution] = []
            while len(seen) < len(answers):
                update = await asyncio.wait_for(updates.next(), 5)
                seen += [update] if isinstance(update, Execution) else []
            assert trader.session is not None
            assert trader.session.connection_count > 1
            orders = (await trader.orders()).orders
    rested = [execution.client_order_id for execution in seen]
    assert sorted(order.client_order_id for order in orders) == sorted(rested)
    assert len(orders) == len(answers) == 30
    assert len({answer.order_id for answer in answers}) == 30
    positions = [execution.position for execution in seen]
    assert positions == sorted(positions)


@pytest.mark.parametrize("today", [date(2026, 7, 5), date(2026, 12, 31), date(2028, 2, 29)])
def test_every_window_ahead_is_one_that_its_code_names(today):
    windows = list(windows_ahead(day_of(today)))
    assert all(parse_window(window.code) == window for window in windows)
    assert len({window.code for window in windows}) == len(windows)
    assert all(window.start_day > day_of(today) for window in windows)
    not_always = {WindowKind.USER_DEFINED, WindowKind.BALANCE}
    assert {window.kind for window in windows} - not_always == set(WindowKind) - not_always
