"""A command that is too large, and a rule that raises: bounded, recorded, and trading goes on."""

import asyncio
import sys

import pytest

from clients.sdk import ExchangeClient, Unavailable
from exchange import rules
from exchange.domain.commands import AdvanceClock, DepositCash, MassCancel, PlaceOrder
from exchange.domain.enums import Role, Side
from exchange.domain.events import CommandRefused, OrderCancelled
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.domain.windows import parse_window, start_ns
from exchange.engine.engine import HalfApplied
from exchange.engine.replay import replay
from exchange.engine.sequencer import Sequencer
from exchange.log import FRAME_TARGET_BYTES, ChainVerifier, read_frames
from exchange.rules import orders
from exchange.rules.clock import CLOCK_BATCH
from exchange.rules.orders import MASS_CANCEL_LIMIT
from tests.e2e.processes import in_time
from tests.log.conftest import NAME, first_appender
from tests.scenario import OTHER, TRADER, Market


def bids(market, instrument_id, count, key_id=TRADER):
    """Resting orders of one account."""
    return [
        PlaceOrder(
            key_id=key_id,
            command_id=f"bid {number}",
            instrument_id=instrument_id,
            side=Side.BUY,
            order_qty=1,
            limit_price=90 + number % 10,
        )
        for number in range(count)
    ]


async def test_what_ends_very_many_orders_takes_bounded_records(server, often, done):
    """A mass cancel of as many as an account may have; then the gate, for all other accounts'."""
    market = Market()
    month = market.list_window("M2701")
    traders = [market.admit(f"trader {n}", Role.TRADER) for n in range(often(3, 100))]
    for each in traders:
        market.deposit(each, 10**13)
    writer = await first_appender(server)
    await writer.append(market.records)
    sequencer = Sequencer(market.engine, writer)
    running = asyncio.create_task(sequencer.run())
    for each in traders:
        orders = bids(market, month, MASS_CANCEL_LIMIT + 1, each)
        outcomes = await asyncio.gather(*map(sequencer.execute, orders))
        refused = [outcome for outcome in outcomes if outcome.reason is not None]
        assert [outcome.reason for outcome in refused] == [Reason.OPEN_ORDERS]
    swept = await sequencer.execute(MassCancel(key_id=traders[0], command_id="all"))
    assert not market.core.orders_of_account(traders[0])
    target_ns = start_ns(parse_window("M2701").start_day)
    while market.state.market_ns < target_ns:
        assert (await sequencer.execute(AdvanceClock(market_ns=target_ns))).reason is None
    assert not any(market.core.orders_of_account(each) for each in traders)
    sequencer.stop()
    await running
    await writer.close()
    with server.address.client() as client:
        frames = list(read_frames(client, ChainVerifier(NAME)))
    found = [each for frame in frames for each in frame.records]
    ended = [
        [each.order_id for each in events if isinstance(each, OrderCancelled)]
        for _, events in map(decode_body, found[swept.seq - 1 :])
    ]
    assert len(ended[0]) == MASS_CANCEL_LIMIT
    assert max(map(len, ended)) <= max(MASS_CANCEL_LIMIT, CLOCK_BATCH)
    assert max(map(len, found)) < FRAME_TARGET_BYTES
    all_ended = [order_id for each in ended for order_id in each]
    assert len(all_ended) == len(set(all_ended)) == MASS_CANCEL_LIMIT * len(traders)
    assert replay(found).state.hash() == market.state.hash()
    done["orders ended in bounded records"] += len(all_ended)


async def test_a_rule_that_raises_is_a_refusal_in_the_log_and_everyone_else_trades_on(
    server, monkeypatch
):
    """Replay needs no rule, so the log is the same for a build in which the rule is mended."""
    market = Market()
    month = market.list_window("M2701")
    writer = await first_appender(server)
    await writer.append(market.records)
    sequencer = Sequencer(market.engine, writer)
    running = asyncio.create_task(sequencer.run())

    def broken(command, state, account_id):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setitem(rules.DECIDE, DepositCash, broken)
    poison = DepositCash(
        key_id=1, command_id="x", account_id=TRADER, deposit_amount=1, external_reference="x"
    )
    poisoned, *traded = await asyncio.gather(
        sequencer.execute(poison), *map(sequencer.execute, bids(market, month, 20))
    )
    assert poisoned.reason is Reason.INTERNAL_ERROR
    assert all(each.reason is None for each in traded)
    monkeypatch.undo()
    again = await sequencer.execute(poison)
    assert (again.reason, again.seq) == (Reason.INTERNAL_ERROR, poisoned.seq), "its first answer"
    sequencer.stop()
    await running
    await writer.close()
    with server.address.client() as client:
        found = [
            each for frame in read_frames(client, ChainVerifier(NAME)) for each in frame.records
        ]
    command, events = decode_body(found[poisoned.seq - 1])
    assert (command, events) == (poison, [CommandRefused(Reason.INTERNAL_ERROR, 0, 0, 0)])
    assert replay(found).state.hash() == market.state.hash()
    assert [seq for seq, _ in market.engine.faults] == [poisoned.seq]


def raising(after=None):
    """An order's rule with a mistake of ours: before the core is asked, or `after` it."""

    def broken(command, state, account_id):
        if after is not None:
            after(command, state, account_id)
        raise ZeroDivisionError("a mistake of ours")

    return broken


async def test_an_order_whose_rule_raises_before_anything_moved_is_refused_on_the_record(
    server, monkeypatch
):
    """Like any other command; the book is what it was, and everyone else trades on."""
    market = Market()
    month = market.list_window("M2701")
    resting, poison, *others = bids(market, month, 22)
    market.do(TRADER, resting)
    writer = await first_appender(server)
    await writer.append(market.records)
    sequencer = Sequencer(market.engine, writer)
    running = asyncio.create_task(sequencer.run())
    before = market.core.snapshot()
    monkeypatch.setitem(rules.ORDER_PATH, PlaceOrder, raising())
    poisoned = await sequencer.execute(poison)
    assert (poisoned.reason, market.core.snapshot()) == (Reason.INTERNAL_ERROR, before)
    monkeypatch.undo()
    traded = await asyncio.gather(*map(sequencer.execute, others))
    assert all(each.reason is None for each in traded)
    again = await sequencer.execute(poison)
    assert (again.reason, again.seq) == (Reason.INTERNAL_ERROR, poisoned.seq), "its first answer"
    sequencer.stop()
    await running
    await writer.close()
    found = records_of(server)
    _, [refusal] = decode_body(found[poisoned.seq - 1])
    assert refusal == CommandRefused(Reason.INTERNAL_ERROR, 0, 0, 0)
    assert replay(found).state.hash() == market.state.hash()
    assert [seq for seq, _ in market.engine.faults] == [poisoned.seq]


async def test_an_order_whose_rule_raises_half_way_stops_the_writer_and_is_not_in_the_log(
    server, monkeypatch
):
    """The state cannot be trusted; what stopped it names the order, its key and the place."""
    market = Market()
    month = market.list_window("M2701")
    good, poison, late = bids(market, month, 3)
    writer = await first_appender(server)
    await writer.append(market.records)
    sequencer = Sequencer(market.engine, writer)
    running = asyncio.create_task(sequencer.run())
    assert (await sequencer.execute(good)).reason is None
    count = len(records_of(server))
    monkeypatch.setitem(rules.ORDER_PATH, PlaceOrder, raising(after=orders.place))
    before = MassCancel(key_id=OTHER, command_id="all")
    stopped_at = await asyncio.gather(*map(sequencer.execute, (before, poison, late)))
    assert [each.reason for each in stopped_at] == [
        Reason.OUTCOME_UNKNOWN,
        Reason.INTERNAL_ERROR,
        Reason.LOG_UNAVAILABLE,
    ]
    with pytest.raises(HalfApplied) as stopped:
        await running
    said = str(stopped.value)
    assert f"record {count + 2}, PlaceOrder 'bid 1' of key {TRADER}" in said
    assert "ZeroDivisionError('a mistake of ours') at test_poison.py:" in said
    assert "in broken, with up to 2 events applied" in said
    monkeypatch.undo()
    await writer.close()
    found = records_of(server)
    assert len(found) == count
    assert replay(found).execute(poison)[0].reason is None, "the mended build takes it"


def records_of(server):
    """The log, verified."""
    with server.address.client() as client:
        frames = read_frames(client, ChainVerifier(NAME))
        return [each for frame in frames for each in frame.records]


POISONED = """
from exchange import rules
from exchange.domain.commands import PlaceOrder
place = rules.ORDER_PATH[PlaceOrder]

def broken(command, state, account_id):
    place(command, state, account_id)
    if command.command_id == "poison":
        raise ZeroDivisionError("a mistake of ours")

rules.ORDER_PATH[PlaceOrder] = broken
from exchange.cli import main
main()
"""


@in_time
async def test_an_exchange_that_an_order_stops_half_way_says_which_and_starts_again(venue, market):
    """Its client hears that the order failed, and does not carry it to the next exchange."""
    bid = {"instrument": market.month_symbol, "side": "buy", "order_qty": 8, "limit_price": 990}
    program, venue.program = venue.program, [sys.executable, "-c", POISONED]
    await asyncio.to_thread(venue.start)
    async with ExchangeClient(venue.url, venue.token("trader")) as trader:
        placed = await trader.place(client_order_id="good", **bid)
        with pytest.raises(Unavailable, match="internal_error"):
            await trader.place(client_order_id="poison", **bid)
        assert await asyncio.to_thread(venue.wait_end) == HalfApplied.exit_code
    said = venue.stderr()
    assert f"engine_half_applied: record {placed.log_seq + 1}, PlaceOrder 'poison'" in said
    assert "in broken" in said
    assert "Traceback" not in said
    venue.program = program
    await asyncio.to_thread(venue.start)
    async with ExchangeClient(venue.url, venue.token("trader")) as trader:
        assert (await trader.place(client_order_id="good", **bid)).log_seq == placed.log_seq
        assert not (await trader.place(client_order_id="poison", **bid)).duplicate
    assert await asyncio.to_thread(venue.stop) == 0
