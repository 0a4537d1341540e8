"""The market clock behind a marking cycle: pledges are marked to the end, also after a death."""

import asyncio

from exchange.domain.commands import DeclinePledge, PublishMarks
from exchange.domain.enums import PledgeStatus
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_SECOND
from exchange.engine.market_clock import GIVE_WAY_TIMES, LONGEST_PAUSE_NS, MarketClock
from exchange.engine.sequencer import Sequencer
from exchange.rules import pledge_marking
from tests.rules.pledge_marks import MarkedMarket
from tests.scenario import BANK

INTERVAL_NS = 3_600 * 10**9


class NoLog:
    """Durable at once; notes the time and how many pledges are left to look at, each time."""

    def __init__(self, market: MarkedMarket) -> None:
        self.noted: list[tuple[int, int]] = []
        self._state = market.state

    async def append(self, records) -> None:
        """Nothing else is kept."""
        self.noted.append((self._state.market_ns, len(self._state.marking_left)))


async def ticked(market: MarkedMarket) -> list[tuple[int, int]]:
    """The clock ticks at the next hour; what the log noted."""
    log = NoLog(market)
    sequencer = Sequencer(market.engine, log)
    writer = asyncio.create_task(sequencer.run())
    now_ns = [0]
    clock = MarketClock(
        sequencer, lambda: now_ns[0], market.state.market_ns, 1, INTERVAL_NS, INTERVAL_NS
    )
    now_ns[0] = INTERVAL_NS
    while market.state.market_data.marked_ns == market.first_marked_ns:
        await clock._tick()
    sequencer.stop()
    await writer
    return log.noted


async def test_a_tick_at_the_interval_marks_every_pledge(monkeypatch):
    monkeypatch.setattr(pledge_marking, "LOOKS_COUNT", 2)
    market = MarkedMarket()
    market.first_marked_ns = market.state.market_data.marked_ns
    for _ in range(5):
        market.pledge(qty=2)
    first = {n: market.state.pledges[n].mark_seq for n in range(1, 6)}
    market.quote(market.months[1], 796, 804)
    await ticked(market)
    assert market.state.marking_left == []
    assert all(market.state.pledges[n].mark_seq > seq for n, seq in first.items())


async def test_a_cycle_that_an_exchange_died_at_is_finished_and_one_more_made(monkeypatch):
    monkeypatch.setattr(pledge_marking, "LOOKS_COUNT", 1)
    market = MarkedMarket()
    market.first_marked_ns = market.state.market_data.marked_ns
    for _ in range(3):
        market.pledge(qty=2)
    market.do(0, MarkPledges())
    market.do(0, MarkPledges())
    assert market.state.marking_left == [2, 3]
    seen, began_ns = market.state.pledges[1].mark_seq, market.state.market_ns
    market.quote(market.months[1], 796, 804)
    noted = await ticked(market)
    assert noted[:2] == [(began_ns, 1), (began_ns, 0)], "before the time moves on"
    assert noted[2][0] > began_ns
    assert market.state.marking_left == []
    assert market.state.pledges[1].mark_seq > seen


async def pauses_of(monkeypatch, append_ns: int) -> list[int]:
    """The clock's pauses in a cycle of five records that take so long each, in time made up."""
    monkeypatch.setattr(pledge_marking, "LOOKS_COUNT", 1)
    market, now_ns, pauses = MarkedMarket(), [0], []
    for _ in range(4):
        market.pledge(qty=2)
    sleep = asyncio.sleep

    class SlowLog:
        async def append(self, records) -> None:
            now_ns[0] += append_ns

    async def made_up_sleep(seconds) -> None:
        if seconds:
            pauses.append(round(seconds * NS_PER_SECOND))
            now_ns[0] += pauses[-1]
        await sleep(0)

    sequencer = Sequencer(market.engine, SlowLog())
    start_ns = market.state.market_ns
    clock = MarketClock(sequencer, lambda: now_ns[0], start_ns, 1, INTERVAL_NS, INTERVAL_NS)
    now_ns[0] = INTERVAL_NS
    monkeypatch.setattr(asyncio, "sleep", made_up_sleep)
    writer = asyncio.create_task(sequencer.run())
    await clock._tick()
    sequencer.stop()
    await writer
    assert market.state.marking_left == []
    return pauses


async def test_behind_each_record_of_a_cycle_the_writer_is_left_to_others(monkeypatch):
    took_ns = 4_000_000
    assert await pauses_of(monkeypatch, took_ns) == [GIVE_WAY_TIMES * took_ns] * 5


async def test_no_pause_of_a_cycle_is_longer_than_the_longest(monkeypatch):
    assert await pauses_of(monkeypatch, NS_PER_SECOND) == [LONGEST_PAUSE_NS] * 5


async def test_a_cycle_that_is_late_for_what_the_clock_has_to_do_next_pauses_no_more(monkeypatch):
    """The clock's own record and the first of the cycle leave it a third of the interval."""
    assert await pauses_of(monkeypatch, INTERVAL_NS // 3) == [LONGEST_PAUSE_NS]


async def test_without_pledges_the_clock_asks_for_nothing():
    market = MarkedMarket()
    market.first_marked_ns = market.state.market_data.marked_ns
    market.quote(market.months[1], 796, 804)
    await ticked(market)
    assert market.state.pools == {}


async def test_a_request_that_is_declined_as_the_clock_looks_at_it_ends_nothing():
    """Found by the simulation: the bank's no was in the queue when the clock asked for a cycle."""
    market, answers = MarkedMarket(), []
    pledge_id = market.request()

    class QueueingLog(NoLog):
        async def append(self, records) -> None:
            await super().append(records)
            if decode_body(records[0])[0] == PublishMarks():
                no = DeclinePledge(key_id=BANK, command_id="no", pledge_id=pledge_id)
                sequencer.submit(no, answers.append)

    log = QueueingLog(market)
    sequencer = Sequencer(market.engine, log)
    writer = asyncio.create_task(sequencer.run())
    now_ns = [0]
    start_ns = market.state.market_ns
    clock = MarketClock(sequencer, lambda: now_ns[0], start_ns, 1, INTERVAL_NS, INTERVAL_NS)
    now_ns[0] = INTERVAL_NS
    market.quote(market.months[1], 796, 804)
    await clock._tick()
    sequencer.stop()
    await writer
    assert [answer.reason for answer in answers] == [None]
    assert market.state.pledges[pledge_id].status is PledgeStatus.DECLINED
