"""
A key is revoked while its orders pour in: exact by sequence number.

Every order of the key before the revocation's record stands in the log, none after it; what rested
ends in that record, and each client hears which side of it its order was on.
"""

import asyncio

from exchange.domain.commands import PlaceOrder, RevokeKey
from exchange.domain.enums import Side
from exchange.domain.events import KeyRevoked, OrderCancelled
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.engine.replay import replay, verify
from exchange.engine.sequencer import Sequencer
from exchange.log import ChainVerifier, read_frames
from tests.log.conftest import NAME, first_appender
from tests.scenario import OTHER, TRADER, Market


async def test_no_order_of_a_key_is_behind_its_revocation(server, rng, often, done):
    market = Market()
    month = market.list_window("M2701")
    writer = await first_appender(server)
    await writer.append(market.records)
    sequencer = Sequencer(market.engine, writer)
    running = asyncio.create_task(sequencer.run())
    count = often(300, 900)
    told = {}
    is_half_sent = asyncio.Event()

    async def pour(who: int) -> None:
        for number in range(count):
            order = PlaceOrder(
                key_id=who,
                command_id=f"{number}",
                instrument_id=month,
                side=Side.BUY,
                order_qty=1,
                limit_price=90,
            )
            task = asyncio.create_task(sequencer.execute(order))
            told[who, number] = task
            if len(told) == count:
                is_half_sent.set()
            if rng.random() < 0.1:
                await asyncio.sleep(0)

    async def revoke():
        await is_half_sent.wait()
        return await sequencer.execute(
            RevokeKey(key_id=1, command_id="revoke", revoked_key_id=TRADER)
        )

    revoked, *_ = await asyncio.gather(revoke(), pour(TRADER), pour(OTHER))
    outcomes = {name: await task for name, task in told.items()}
    sequencer.stop()
    await running
    await writer.close()
    with server.address.client() as client:
        found = [
            each for frame in read_frames(client, ChainVerifier(NAME)) for each in frame.records
        ]
    stands = {
        seq: command
        for seq, (command, _) in enumerate(map(decode_body, found), start=1)
        if isinstance(command, PlaceOrder) and command.key_id == TRADER
    }
    assert stands
    assert max(stands) < revoked.seq
    accepted = {o.seq for (who, _), o in outcomes.items() if who == TRADER and o.reason is None}
    assert accepted == set(stands)
    refused = [o for (who, _), o in outcomes.items() if who == TRADER and o.reason is not None]
    assert len(refused) == count - len(accepted) > 0
    assert {o.reason for o in refused} == {Reason.AUTH_REQUIRED}
    assert all(o.reason is None for (who, _), o in outcomes.items() if who == OTHER)
    events = decode_body(found[revoked.seq - 1])[1]
    assert any(isinstance(each, KeyRevoked) for each in events)
    ended = {each.order_id for each in events if isinstance(each, OrderCancelled)}
    assert ended == accepted, "what rested ends in the very record"
    assert verify(found).state.hash() == replay(found).state.hash() == market.state.hash()
    done["orders that raced a revocation"] += count
