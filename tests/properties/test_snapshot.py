"""
Going on from a snapshot: the random market of `test_market`, restored again and again.

The restored engine gets every command that the one with the whole past gets, and must answer and
record the same, byte for byte, and be in the same state in the end.
"""

import random

import pytest
from msgspec.structs import replace

from exchange.domain.commands import Command
from exchange.engine.engine import Engine
from exchange.rules.state import State
from tests.properties.test_market import linked_step, new_market
from tests.scenario import Market

STEPS_COUNT = 160
SEEDS = range(24)


def restored(market: Market) -> Engine:
    """An engine that has nothing of the market but its bytes."""
    data = market.state.canonical()
    state = State.restore(data)
    state.core.check()
    assert state.canonical() == data
    assert state.hash() == market.state.hash()
    return Engine(state)


def next_command(
    rng: random.Random, market: Market, sent: list[tuple[int, Command]]
) -> tuple[int, Command]:
    """Mostly a new command; sometimes one of before, which must be known as a repetition."""
    if sent and rng.random() < 0.1:
        return rng.choice(sent)
    key_id, command = linked_step(rng, market)
    if key_id:
        command = replace(command, command_id=f"step {len(sent)}")
        sent.append((key_id, command))
    return key_id, command


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restored_market_goes_on_as_the_one_that_was_not(seed):
    rng, market = random.Random(f"snapshot {seed}"), new_market(has_sessions=seed % 2 == 1)
    twin = restored(market)
    sent: list[tuple[int, Command]] = []
    duplicates_count = 0
    for _ in range(STEPS_COUNT):
        if rng.random() < 0.1:
            twin = restored(market)
        key_id, command = next_command(rng, market, sent)
        records_count = len(market.records)
        outcome = market.execute(key_id, command)
        twin_outcome, record = twin.execute(replace(command, key_id=key_id))
        assert twin_outcome == outcome
        assert ([] if record is None else [record]) == market.records[records_count:]
        duplicates_count += outcome.is_duplicate
    assert not twin.faults
    assert twin.state.canonical() == market.state.canonical()
    assert duplicates_count > 0


@pytest.mark.parametrize("seed", range(4))
def test_a_restored_market_replays_the_rest_of_the_log(seed):
    """Recovery from a snapshot: its state, then the events of the records behind it."""
    rng, market = random.Random(f"tail {seed}"), new_market(has_sessions=seed % 2 == 1)
    snapshots: list[tuple[int, bytes]] = []
    for _ in range(STEPS_COUNT):
        if rng.random() < 0.1:
            snapshots.append((len(market.records), market.state.canonical()))
        market.execute(*linked_step(rng, market))
    for count, data in snapshots:
        by_events, by_commands = Engine(State.restore(data)), Engine(State.restore(data))
        for record in market.records[count:]:
            by_events.apply(record)
            by_commands.verify(record)
        assert by_events.state.hash() == by_commands.state.hash() == market.state.hash()
