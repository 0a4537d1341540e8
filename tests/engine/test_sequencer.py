"""The one writer on an in-memory log: order of work, group commit, failures."""

import asyncio

import pytest

from exchange.domain.commands import AdvanceClock, CancelOrder, PlaceOrder, PublishMarks
from exchange.domain.enums import Side
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, Refused
from exchange.engine import sequencer as module
from exchange.engine.market_clock import MarketClock
from exchange.engine.sequencer import Sequencer
from tests.scenario import TRADER, Market


class MemoryLog:
    """A log that holds its breath until it is told that the bytes are durable."""

    def __init__(self) -> None:
        self.frames: list[list[bytes]] = []
        self.durable = asyncio.Event()
        self.durable.set()
        self.failure: Exception | None = None

    async def append(self, records):
        """One frame."""
        self.frames.append(list(records))
        await self.durable.wait()
        if self.failure is not None:
            raise self.failure


class Listener:
    """Writes down what it is told, and when."""

    def __init__(self, told: list) -> None:
        self.told = told

    def follow(self, records):
        """Records of a commit."""
        self.told.append([record.seq for record in records])

    def committed(self):
        """The end of a commit."""
        self.told.append("committed")


@pytest.fixture
async def writer():
    """A running sequencer on a market with June listed."""
    market = Market()
    market.june = market.list_window("M2706")
    log = MemoryLog()
    sequencer = Sequencer(market.engine, log)
    task = asyncio.create_task(sequencer.run())
    yield market, log, sequencer, task
    log.durable.set()
    sequencer.stop()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


def bid(market: Market, number: int) -> PlaceOrder:
    """A resting bid with its own id."""
    return PlaceOrder(
        key_id=TRADER,
        command_id=f"bid {number}",
        instrument_id=market.june,
        side=Side.BUY,
        order_qty=1,
        limit_price=100,
    )


async def test_replies_come_after_the_append_and_before_the_followers(writer):
    market, log, sequencer, _ = writer
    told: list = []
    sequencer.followers.append(Listener(told))
    log.durable.clear()
    sequencer.submit(bid(market, 1), told.append)
    await asyncio.sleep(0.01)
    assert len(log.frames) == 1
    assert told == []
    log.durable.set()
    await asyncio.sleep(0.01)
    seq = market.state.seq
    assert told == [Outcome(seq), [seq], "committed"]


async def test_what_arrives_during_an_append_shares_the_next_frame(writer):
    market, log, sequencer, _ = writer
    log.durable.clear()
    outcomes: list[Outcome] = []
    sequencer.submit(bid(market, 0), outcomes.append)
    await asyncio.sleep(0.01)
    for number in range(1, 6):
        sequencer.submit(bid(market, number), outcomes.append)
    log.durable.set()
    await asyncio.sleep(0.01)
    assert [len(frame) for frame in log.frames] == [1, 5]
    assert [outcome.seq for outcome in outcomes] == list(
        range(outcomes[0].seq, outcomes[0].seq + 6)
    )


async def test_a_duplicate_of_what_is_not_durable_yet_waits_with_it(writer):
    market, log, sequencer, _ = writer
    log.durable.clear()
    outcomes: list[Outcome] = []
    sequencer.submit(bid(market, 1), outcomes.append)
    sequencer.submit(bid(market, 1), outcomes.append)
    await asyncio.sleep(0.01)
    assert outcomes == []
    log.durable.set()
    await asyncio.sleep(0.01)
    assert [outcome.is_duplicate for outcome in outcomes] == [False, True]
    assert outcomes[0].seq == outcomes[1].seq


async def test_a_failed_append_stops_the_writer_and_says_that_the_outcome_is_unknown(writer):
    market, log, sequencer, task = writer
    log.durable.clear()
    outcomes: list[Outcome] = []
    sequencer.submit(bid(market, 1), outcomes.append)
    await asyncio.sleep(0.01)
    sequencer.submit(bid(market, 2), outcomes.append)
    log.failure = ConnectionResetError("gone")
    log.durable.set()
    await asyncio.wait([task])
    assert isinstance(task.exception(), ConnectionResetError)
    assert [outcome.reason for outcome in outcomes] == [
        Reason.OUTCOME_UNKNOWN,
        Reason.LOG_UNAVAILABLE,
    ]
    with pytest.raises(Refused) as refused:
        sequencer.submit(bid(market, 3), outcomes.append)
    assert refused.value.reason is Reason.LOG_UNAVAILABLE


async def test_a_tick_just_after_the_writer_failed_is_an_outcome_and_no_second_failure(writer):
    # Found by the simulation: the clock woke between the writer's failure and its own end.
    market, log, sequencer, task = writer
    log.failure = ConnectionResetError("gone")
    await sequencer.execute(bid(market, 1))
    await asyncio.wait([task])
    clock = MarketClock(sequencer, lambda: 10**12, market.state.market_ns + 1, 1, 10**9)
    await clock._tick()
    tick = AdvanceClock(market_ns=market.state.market_ns + 1)
    assert await sequencer.execute(tick) == Outcome(0, Reason.LOG_UNAVAILABLE)


async def test_a_full_queue_takes_cancels_and_the_exchanges_own_commands_but_no_orders(
    writer, monkeypatch
):
    market, _, sequencer, _ = writer
    monkeypatch.setattr(module, "QUEUE_LIMIT", 2)
    outcomes: list[Outcome] = []
    sequencer.submit(bid(market, 1), outcomes.append)
    sequencer.submit(bid(market, 2), outcomes.append)
    with pytest.raises(Refused) as refused:
        sequencer.submit(bid(market, 3), outcomes.append)
    assert (refused.value.reason, refused.value.limit) == (Reason.OVERLOAD, 2)
    sequencer.submit(PublishMarks(), outcomes.append)
    sequencer.submit(CancelOrder(key_id=TRADER, command_id="c", order_id=1), outcomes.append)
    await asyncio.sleep(0.01)
    assert len(outcomes) == 4


async def test_stopping_drains_what_waits_and_takes_no_more(writer):
    market, log, sequencer, task = writer
    outcomes: list[Outcome] = []
    sequencer.submit(bid(market, 1), outcomes.append)
    sequencer.stop()
    with pytest.raises(Refused) as refused:
        sequencer.submit(bid(market, 2), outcomes.append)
    assert refused.value.reason is Reason.DRAINING
    await task
    assert len(outcomes) == len(log.frames) == 1


async def test_without_a_lease_not_even_a_repeat_is_told():
    market = Market()
    market.june = market.list_window("M2706")
    is_lost = False

    def require_lease() -> None:
        if is_lost:
            raise RuntimeError("somebody else may lead")

    sequencer = Sequencer(market.engine, MemoryLog(), require_lease)
    running = asyncio.create_task(sequencer.run())
    first = await sequencer.execute(bid(market, 1))
    assert (await sequencer.execute(bid(market, 1))).seq == first.seq
    is_lost = True
    assert (await sequencer.execute(bid(market, 1))).reason is Reason.OUTCOME_UNKNOWN
    with pytest.raises(RuntimeError, match="somebody else"):
        await running
