"""
A year of a whole market, from three seeds; `make test-market YEARS="10 50"` runs more of them.
"""

from collections import Counter
from functools import cache

import pytest
from msgspec.structs import replace

from exchange.domain import lending_events
from exchange.domain.enums import CancelReason, Trust
from exchange.domain.events import OrderCancelled
from exchange.domain.record import EVENT_TYPES
from exchange.rules import corrections
from tests.whole_market.market import WholeMarket, events_of
from tests.whole_market.year import YearFailed, run

SEEDS = (1, 2, 3)
"""Two with trading sessions, one that is always open; in one a supplier is terminated."""
ELSEWHERE = {"settlement_planned", "collateral_sold", "gate_moved"}
"""They take a thousand holders of a day, a liquidation, and a decree: all in `tests.rules`."""
LENDING = {lending_events.__name__}
"""Has random markets of its own, under another oracle: `tests.properties.test_lending`."""


@cache
def year(seed: int) -> WholeMarket:
    """The market after a year in which every record was checked."""
    return run(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_record_of_a_year_keeps_the_equations_and_replay_is_the_identity(seed):
    market = year(seed)
    assert len(market.records) > 20_000
    assert market.returns_count > 10
    market.assert_replays()


@pytest.mark.parametrize("seed", SEEDS)
def test_when_all_days_are_delivered_nothing_is_left_in_escrow_in_rents_or_on_hold(seed):
    ledger = year(seed).ledger
    assert ledger.paid_in.total() == ledger.paid_out.total() > 0
    assert ledger.escrow.total() == 0
    assert ledger.trusts[Trust.RENT] == 0
    assert not ledger.holds
    assert ledger.held.total() == sum(group["held_amount"] for group in ledger.groups.values())


def test_the_years_have_every_kind_of_event():
    seen = Counter(
        str(type(event).__struct_config__.tag) for seed in SEEDS for event in events_of(year(seed))
    )
    lending = {tag for tag, kind in EVENT_TYPES.items() if kind.__module__ in LENDING}
    assert set(EVENT_TYPES) - set(seen) - lending == ELSEWHERE


def test_in_the_years_exclusive_orders_give_way_to_each_other():
    reasons = Counter(
        event.cancel_reason
        for seed in SEEDS
        for event in events_of(year(seed))
        if isinstance(event, OrderCancelled)
    )
    assert reasons[CancelReason.LINKED_FILLED] > 50


def test_a_mistake_of_the_rules_is_told_with_its_seed_and_its_day(monkeypatch):
    whole = corrections.own_escrow

    def half(terms, state):
        return [replace(run, day_amount=run.day_amount // 2) for run in whole(terms, state)]

    monkeypatch.setattr(corrections, "own_escrow", half)
    with pytest.raises(YearFailed, match=r"seed 2 on 2028-\d\d-\d\d: .*leaves the escrow of"):
        run(2)
