"""The core does what the obvious venue does, command by command."""

import os
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, settings

from tests.core.side_by_side import ACCOUNTS, SideBySide
from tests.core.trading_day import TradingDay
from tests.core.venues import BASE_DAY

LENGTH = settings(
    # Runs of fifty steps; `make test-reference EXAMPLES=5000` asks for more.
    max_examples=int(os.environ.get("EXAMPLES", "100")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSideBySide = SideBySide.TestCase
TestSideBySide.settings = LENGTH
TestTradingDay = TradingDay.TestCase
TestTradingDay.settings = LENGTH


@pytest.mark.parametrize("seed", range(6))
def test_a_long_day_of_seeded_flow_agrees(seed: int) -> None:
    """One long run each: many trades on each order, deep queues, books that never empty."""
    random = Random(seed)
    day = SideBySide()
    day.max_open_orders = 30
    day.begin()
    day.everywhere("grant", 1, 1, BASE_DAY, BASE_DAY + 8, 500)
    for account_id in ACCOUNTS:
        day.everywhere("deposit", account_id, 10**8)
    for step in range(1_500):
        if random.random() < 0.75:
            price = random.choice([97, 98, 99, 100, 101, 102, 103, 1, 1_000])
            display_qty = random.choice([0, 0, 0, 2, 4])
            time_in_force = 1 if display_qty else random.choice([0, 1, 1, 1, 3, 4, 6])
            day.place(
                random.choice(ACCOUNTS),
                random.choice([1, 1, 1, 2, 3, 5]),
                random.choice([1, 2]),
                random.randint(2, 8) * 2,
                price,
                time_in_force,
                random.choice([0, 0, 0, 1]),
                random.choice([0, 0, 0, 2]),
                display_qty,
                random.choice([1, 2, 3]),
                BASE_DAY + random.randint(0, 3),
                random.choice([0, 0, 1, 2, 3]),
            )
        elif random.random() < 0.1:
            day.end_what_is_due(random.randint(0, 3), 2)
        elif random.random() < 0.5:
            day.amend(
                random.randrange(10**6),
                random.choice([-1, random.randint(1, 12) * 2]),
                random.choice([-1, random.randint(97, 103)]),
                random.random() < 0.3,
            )
        elif random.random() < 0.6:
            day.cancel(random.randrange(10**6))
        else:
            day.deposit(random.choice(ACCOUNTS), random.randint(1, 10**6))
        if step % 10 == 0:
            day.states_agree()
        if random.random() < 0.02:
            day.restore()
    assert day.core.next_trade_id > 100


def collected(random: Random) -> list[tuple[int, int, int, int, int, int]]:
    """Orders of one auction, as `TradingDay.hold_auction` takes them."""
    return [
        (
            random.choice(ACCOUNTS),
            random.choice([1, 2]),
            random.randint(1, 8) * 2,
            random.choice([98, 99, 100, 100, 101, 102, 1, 1, 50]),
            random.choice([0, 0, 2, 4]),
            random.choice([1, 2, 3]),
        )
        for _ in range(random.randint(4, 16))
    ]


def cheap_house_sales(random: Random) -> list[tuple[int, int, int, int, int, int]]:
    """Product 2's supplier offers at next to nothing, so that its fees exceed what it holds."""
    sales = [(3, 2, 2 * random.randint(1, 2), 1, 0, 1) for _ in range(random.randint(2, 5))]
    return [*sales, (4, 1, 8, 100, 0, 1), (5, 1, 8, 99, 0, 1)]


def trading_day(seed: int) -> TradingDay:
    """One day of seeded flow, in and out of auctions."""
    random = Random(seed)
    day = TradingDay()
    day.begin()
    day.everywhere("grant", 1, 1, BASE_DAY, BASE_DAY + 8, 500)
    day.everywhere("grant", 2, 3, BASE_DAY, BASE_DAY + 8, 500)
    for instrument_id in (6, 7, 8):
        day.hold_auction(instrument_id, collected(random), 2, None)
    for step in range(1_000):
        instrument_id = random.choice([1, 1, 1, 1, 2, 3, 5, 6, 7, 8])
        account_id, side, qty, price, display_qty, policy = random.choice(collected(random))
        max_count = random.choice([1, 2, 3, 5, 100])
        match random.choices(range(13), [30, 10, 12, 4, 7, 4, 5, 8, 4, 5, 7, 6, 18])[0]:
            case 0:
                terms = (price, 1, 0, 0, min(qty, display_qty), policy)
                day.place(account_id, instrument_id, side, qty, *terms)
            case 1:
                beyond, time_in_force = random.choice([-1, 0, 1, 2]), random.choice([0, 1, 3, 3, 4])
                terms = (beyond, time_in_force, random.choice([0, 0, 1]), policy)
                day.place_at_the_dynamic_band(account_id, instrument_id, side, qty, *terms)
            case 2:
                day.amend(
                    random.randrange(10**6), -1, random.randint(96, 104), random.random() < 0.3
                )
            case 3:
                terms = (random.random() < 0.5, random.choice([-1, 0, 1]))
                day.place_at_the_static_band(account_id, instrument_id, side, qty, *terms)
            case 4:
                day.change_session(random.choice([2, 3, 3, 3, 4, 5, 7]))
            case 5:
                seconds, is_catching_up = random.choice([0, 60, 300]), random.random() < 0.1
                day.step_clock(seconds, is_catching_up, random.random() < 0.8)
                if step > 500:
                    day.reach_a_gate(account_id, step % 2)
            case 6:
                day.halt(instrument_id)
            case 7:
                day.resume(random.randrange(10**6), random.random() < 0.5)
            case 8:
                widths = (random.choice([2, 3, 60, 60, 900]), random.choice([0, 1, 100, 200]))
                day.publish_settlement_price(
                    instrument_id, random.randint(99, 101), *widths, step % 2
                )
            case 9:
                day.uncross(max_count)
            case 10:
                kept_amount = random.choice([None, 0, 20])
                day.hold_auction(instrument_id, collected(random), max_count, kept_amount)
                day.hold_auction(8, cheap_house_sales(random), max_count, random.randint(0, 80))
            case 11:
                for each in ACCOUNTS:
                    day.deposit(each, 10**6)
                    day.mass_cancel(each, 0, 0, 8)
            case 12:
                terms = (qty, random.choice([1, 3, 3, 4]), policy, random.random() < 0.3)
                other_id = random.choice(ACCOUNTS)
                day.leave_the_dynamic_band(account_id, other_id, instrument_id, side, *terms)
        if step % 5 == 0:
            day.states_agree()
        if step % 50 == 0:
            day.restore()
    return day


def test_random_trading_days_agree_and_lead_into_every_corner_of_an_auction():
    reached: Counter[str] = Counter()
    for seed in range(12):
        reached += trading_day(seed).reached
    often = (
        "an auction of several calls",
        "an iceberg in an auction",
        "an own pair",
        "an unfunded sale",
        "a surplus of bids",
        "a surplus of offers",
        "PRICE_BAND",
        "HALTED",
        "WRONG_STATE",
    )
    seldom = (
        "an auction without a reference",
        "a crossed book halted",
        "a breach by a resting order",
        "a breach by an immediate order",
        "a breach by an amendment",
        "a breach after fills",
        "a gate",
    )
    assert {name: reached[name] for name in often if reached[name] < 50} == {}
    assert {name: reached[name] for name in seldom if reached[name] < 5} == {}
