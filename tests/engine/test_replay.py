"""Walking a log to a moment."""

from itertools import pairwise

import pytest

from exchange.domain.enums import Side
from exchange.domain.units import NS_PER_SECOND
from exchange.engine.replay import PROGRESS_EVERY, is_tick, replay
from tests.scenario import SUPPLIER, TRADER, Market

HOUR_NS = 3_600 * NS_PER_SECOND


@pytest.fixture(scope="module")
def market():
    """An order an hour for five days, so that boundaries of days lie between."""
    market = Market()
    market.grant("M2706", 1_000)
    market.list_window("M2706")
    for number in range(120):
        side, account_id = (Side.SELL, SUPPLIER) if number % 2 else (Side.BUY, TRADER)
        market.order(account_id, 1, side, 1, 1_000)
        market.advance(market.state.market_ns + HOUR_NS)
    return market


def states_by_time(market) -> list[tuple[int, int]]:
    """(market_ns, seq) after each record."""
    engine, found = replay([]), []
    for record in market.records:
        engine.apply(record)
        found.append((engine.state.market_ns, engine.state.seq))
    return found


def test_as_of_a_market_time_is_all_that_happened_until_the_clock_went_on(market):
    by_time = states_by_time(market)
    times = sorted({market_ns for market_ns, _ in by_time if market_ns})
    for moment in [*times, *(t + 1 for t in times), *(t - 1 for t in times[1:])]:
        wanted = max(seq for market_ns, seq in by_time if market_ns <= moment)
        assert replay(market.records, to_ns=moment).state.seq == wanted


def test_before_the_first_record_there_is_nothing(market):
    assert replay(market.records, to_seq=0).state.seq == 0
    first_ns = states_by_time(market)[0][0]
    assert replay(market.records, to_ns=first_ns - 1).state.seq == 0
    assert replay(market.records, to_ns=first_ns).state.seq > 0


def test_the_clocks_records_are_told_by_how_they_begin(market):
    by_time = [0] + [market_ns for market_ns, _ in states_by_time(market)]
    moved = [after > before for before, after in pairwise(by_time)]
    # The first record sets the clock, and is no tick.
    assert [is_tick(record) for record in market.records[1:]] == moved[1:]
    assert not is_tick(market.records[0])


def test_progress_is_told_every_so_often_and_at_the_end(market):
    told = []
    engine = replay(market.records, progress=lambda *at: told.append(at))
    events = sum(len(engine_events) for engine_events in _events(market))
    assert told[-1] == (engine.state.seq, events)
    assert len(told) == engine.state.seq // PROGRESS_EVERY + 1


def _events(market):
    engine = replay([])
    return [engine.apply(record)[1] for record in market.records]
