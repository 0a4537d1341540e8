"""
Two thousand runs of the whole exchange, and the proof that they would notice.

A seed that fails is printed with its history; `python -m tests.simulation SEED` runs it again, and
`make test-simulation SEEDS="0 100000"` many more.
"""

from collections import Counter
from itertools import count

import pytest

from exchange.domain.record import decode_body
from tests.simulation.protections import Protection
from tests.simulation.simulation import SeedFailed, run

SEEDS_COUNT = 2_000
CHUNK = 50
LONGEST_SEARCH = 600
"""Seeds within which a missing protection is noticed; the rarest shows in one of fifty."""


@pytest.mark.parametrize("first", range(0, SEEDS_COUNT, CHUNK))
def test_whatever_breaks_the_log_keeps_every_promise(first: int) -> None:
    for seed in range(first, first + CHUNK):
        run(seed)


@pytest.mark.parametrize(
    "off",
    [
        {Protection.COMPARE_AND_APPEND},
        {Protection.BARRIER},
        {Protection.DURABLE_BEFORE_REPLY},
        {Protection.FSYNC_BEFORE_ANSWER},
        {Protection.WITNESS},
        {Protection.NO_RETRY, Protection.DUPLICATE_IS_NO_SUCCESS},
    ],
    ids=lambda off: "+".join(sorted(protection.name for protection in off)),
)
def test_a_missing_protection_is_noticed(off: set[Protection]) -> None:
    for seed in count():
        assert seed < LONGEST_SEARCH, "nobody noticed"
        try:
            run(seed, frozenset(off))
        except SeedFailed:
            return


@pytest.mark.parametrize("off", [Protection.NO_RETRY, Protection.DUPLICATE_IS_NO_SUCCESS])
def test_one_of_two_guards_against_a_frame_sent_twice_is_enough(off: Protection) -> None:
    for seed in range(CHUNK):
        run(seed, frozenset({off}))


def test_a_seed_is_the_same_story_to_the_byte() -> None:
    for seed in range(10):
        first, second = run(seed), run(seed)
        assert first.history == second.history
        assert first.server.disk.written == second.server.disk.written


def test_a_failing_seed_says_how_to_see_it_again() -> None:
    with pytest.raises(SeedFailed, match="durable") as failed:
        run(5, frozenset({Protection.FSYNC_BEFORE_ANSWER}))
    assert str(failed.value).endswith("python -m tests.simulation 5 --off FSYNC_BEFORE_ANSWER")
    assert "boot 1 leads from" in str(failed.value)


def test_the_runs_reach_what_they_are_for() -> None:
    """
    Takeovers, conflicts, refused starts, unknown outcomes, repeats, day rolls, and the desk,
    delivery and lending too. Nothing can be lent on a market of a few trades: offers are refused.
    """
    worlds = [run(seed) for seed in range(2 * CHUNK)]
    history = Counter(word for world in worlds for line in world.history for word in line.split())
    for code in ("log_conflict:", "log_append_outcome_unknown:", "log_went_back:", "orderly"):
        assert history[code] >= 3, code
    epochs = [world.house.boots[-1].epoch for world in worlds]
    assert max(epochs) >= 6
    assert sum(epochs) >= 2 * CHUNK
    events = Counter(
        event.__struct_config__.tag
        for world in worlds
        for record in world.records
        for event in decode_body(record)[1]
    )
    for tag in ("trade_executed", "command_ids_expired", "command_refused"):
        assert events[tag] >= CHUNK // 5, (tag, events)
    for tag in ("delivery_started", "bond_posted", "quote_requested", "loan_applied"):
        assert events[tag] >= CHUNK // 10, (tag, events)
    # It takes a trade, a request and a bank, one after the other.
    assert events["pledge_accepted"] >= 1, events
    answers = sum((world.audit.answers for world in worlds), Counter())
    for kind in ("first", "again", "OUTCOME_UNKNOWN"):
        assert answers[kind] >= CHUNK, answers
