"""Exclusive orders do to the core what they do to the obvious venue."""

from collections import Counter
from random import Random

from tests.core.linked_day import LinkedDay
from tests.core.side_by_side import ACCOUNTS
from tests.core.test_reference import LENGTH
from tests.core.venues import BASE_DAY

TestLinkedDay = LinkedDay.TestCase
TestLinkedDay.settings = LENGTH


def parts(random: Random) -> list[tuple[int, int, int]]:
    """Orders of one group, as `LinkedDay.place_linked` takes them."""
    return [
        (
            random.randint(1, 12),
            random.choice([98, 99, 100, 100, 101, 102, 3, 50]),
            random.choice([0, 0, 2]),
        )
        for _ in range(random.randint(2, 5))
    ]


def cheap_house_sales(random: Random) -> list[tuple[int, int, int, list, int]]:
    """The supplier offers at next to nothing, so that its fees exceed what its group holds."""
    first = random.randint(0, 4)
    sales = [(random.randint(1, 6), random.choice([1, 2, 40]), 0) for _ in range(3)]
    bids = [(random.randint(1, 6), 100, 0) for _ in range(3)]
    return [(1, 2, first, sales, 9), (4, 1, first, bids, 8), (5, 1, first, bids, 7)]


def linked_day(seed: int) -> LinkedDay:
    """One day of seeded flow: groups on both sides, in and out of auctions."""
    random = Random(seed)
    day = LinkedDay()
    day.begin()
    day.everywhere("grant", 1, 1, BASE_DAY, BASE_DAY + 8, 300)
    for each in ACCOUNTS:
        day.deposit(each, 10**7)
    for step in range(500):
        account_id, other_id = random.sample(ACCOUNTS, 2)
        side, first, link_id = random.choice([1, 2]), random.randint(0, 4), random.randint(1, 3)
        pick, qty = random.randrange(10**6), random.randint(1, 12)
        match random.choices(range(10), [30, 10, 30, 20, 4, 3, 3, 3, 3, 4])[0]:
            case 0:
                in_force = random.choice([1, 1, 1, 3, 4])
                day.place_linked(account_id, side, first, parts(random), link_id, in_force)
            case 1:
                rents = (random.choice([49, 50, 51]), random.choice([49, 50, 51]))
                day.let_linked(account_id, side, (qty, random.randint(1, 12)), rents, link_id)
            case 2:
                day.meet_linked(other_id, pick, qty)
            case 3:
                price = random.choice([-1, -1, random.randint(98, 102)])
                day.amend_linked(pick, random.choice([-1, qty]), price)
            case 4:
                groups = [
                    (random.choice(ACCOUNTS), 1 + n % 2, random.randint(0, 4), parts(random), 4 + n)
                    for n in range(random.randint(3, 8))
                ]
                halted_id, kept_amount = random.choice([0, 1, 2]), random.choice([None, 0, 20])
                max_count = random.choice([1, 2, 100])
                day.hold_linked_auctions(groups, halted_id, max_count, kept_amount)
                day.hold_linked_auctions(cheap_house_sales(random), 0, max_count, step % 9)
                for each in ACCOUNTS:
                    day.deposit(each, random.choice([100, 10**6]))
            case 5:
                day.end_one_after_another(pick)
            case 6:
                day.halt(random.choice([1, 2, 3]))
            case 7:
                day.resume(pick, False)
            case 8:
                day.mass_cancel(account_id, 0, 0, 3)
            case 9:
                kinds = [1, 2, 5, 21, 23]
                price = random.choice([50, 100])
                for instrument_id in random.sample(kinds, 2):
                    terms = (price, 1, 0, 0, 0, 1, 0, link_id)
                    day.place(account_id, instrument_id, side, 2, *terms)
        if step % 3 == 0:
            day.states_agree()
        if step % 40 == 0:
            day.restore()
    return day


def test_random_linked_days_agree_and_lead_into_every_corner_of_a_group():
    reached: Counter[str] = Counter()
    for seed in range(10):
        reached += linked_day(seed).reached
    often = (
        "a sibling ends",
        "a sibling shrinks",
        "a sibling ends in an auction",
        "a sibling shrinks in an auction",
        "an unlike order",
        "TITLE",
        "CASH",
    )
    seldom = (
        "a sibling ends while halted",
        "a sibling shrinks while halted",
        "a sibling ends after an amendment",
        "a sibling shrinks after an amendment",
        "a sibling of use ends",
        "a sibling of use shrinks",
        "a linked iceberg ends",
        "a linked iceberg shrinks",
        "an unfunded linked sale",
    )
    assert {name: reached[name] for name in often if reached[name] < 50} == {}
    assert {name: reached[name] for name in seldom if reached[name] < 5} == {}
