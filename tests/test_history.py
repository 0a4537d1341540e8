"""The past, folded by another process from a real log, is what memory says it was."""

import pytest

from exchange.app import barrier
from exchange.domain.enums import Side
from exchange.history import LogHistory
from exchange.log import LogName, LogSettings, SignedHeads, open_log
from exchange.projections.views import Question
from tests.memory_history import MemoryHistory
from tests.scenario import OTHER, PRODUCT, SUPPLIER, TRADER, Market


@pytest.fixture(scope="module")
def market():
    """Some trading in two windows over a few days."""
    market = Market()
    market.grant("M2706", 100)
    june = market.list_window("M2706")
    for number in range(12):
        market.order(SUPPLIER, june, Side.SELL, 2, 1000 + number)
        market.order(TRADER if number % 2 else OTHER, june, Side.BUY, 3, 1004)
        market.advance(market.state.market_ns + 6 * 3_600 * 10**9)
    return market


async def test_answers_about_the_past_are_those_of_a_fold_to_that_record(market, tmp_path):
    questions = [
        Question(noun="positions", account_id=TRADER),
        Question(noun="balances", account_id=SUPPLIER),
        Question(noun="orders", account_id=OTHER),
        Question(noun="book", instrument=f"{PRODUCT}:M2706", count=10),
        Question(noun="trades", instrument=f"{PRODUCT}:M2706", count=10),
    ]
    settings = LogSettings(data_dir=tmp_path / "data", name=LogName("test"))
    memory = MemoryHistory(market.records)
    async with open_log(settings) as event_log:
        async for _ in event_log.frames():
            pass
        appender = await event_log.take_over(barrier(), is_genesis=True)
        for start in range(0, len(market.records), 7):
            await appender.append(market.records[start : start + 7])
        signed = SignedHeads(tmp_path / "heads.ndjson", settings.name)
        history = LogHistory(event_log, settings, signed)
        try:
            for seq in (len(market.records), 1, 20, 33, 21):
                for question in questions:
                    assert await history.ask(seq, question) == await memory.ask(seq, question)
            assert await history.records(5, 20) == await memory.records(5, 20)
            assert await history.records(len(market.records), 5) == await memory.records(
                len(market.records), 5
            )
        finally:
            history.close()
