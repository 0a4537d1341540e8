"""Sublets, holds and movements do to the core what they do to the obvious venue."""

from collections import Counter
from random import Random

from tests.core.custody_day import SUBLETS, CustodyDay
from tests.core.side_by_side import ACCOUNTS
from tests.core.test_reference import LENGTH
from tests.core.venues import BASE_DAY

TestCustodyDay = CustodyDay.TestCase
TestCustodyDay.settings = LENGTH


def owners(day: CustodyDay, instrument_id: int) -> list[int]:
    """Who could let something in a book."""
    product_id, start, end, _ = SUBLETS[instrument_id]
    window = (product_id, BASE_DAY + start, BASE_DAY + end)
    return [each for each in ACCOUNTS if day.reference.sublettable(each, *window)[0] > 1]


def custody_day(seed: int) -> CustodyDay:
    """One day of seeded flow: use is let in and out of auctions, and much else set aside."""
    random = Random(seed)
    day = CustodyDay()
    day.begin()
    day.everywhere("grant", 1, 1, BASE_DAY, BASE_DAY + 8, 500)
    day.everywhere("grant", 2, 3, BASE_DAY, BASE_DAY + 8, 500)
    for step in range(600):
        account_id, other_id = random.sample(ACCOUNTS, 2)
        product_id = random.choice([1, 1, 2])
        instrument_id = random.choice([21, 21, 21, 22, 22, 22, 23, 24])
        side, qty, policy = random.choice([1, 2]), 2 * random.randint(1, 6), random.randint(1, 3)
        if side == 2 and step % 5:
            account_id = random.choice(owners(day, instrument_id) or ACCOUNTS)
        window = (random.randint(0, 5), random.randint(1, 4))
        share, amount = random.randint(1, 6), random.choice([0, 1, 50, 10**5])
        rent = random.choice([49, 50, 50, 51, 51, 52, 1])
        match random.choices(range(16), [24, 20, 18, 6, 10, 5, 7, 2, 2, 2, 4, 2, 2, 3, 4, 1])[0]:
            case 0:
                terms = (rent, random.choice([0, 1, 1, 1, 3, 4]), random.choice([0, 0, 1]))
                day.place(
                    account_id, instrument_id, side, qty, *terms, policy=policy, expire_day=BASE_DAY
                )
            case 1:
                day.let_at_the_best(account_id, instrument_id, side, qty, policy)
            case 2:
                day.amend_sublet(
                    random.randrange(10**6), random.choice([-1, qty]), random.choice([-1, rent])
                )
            case 3:
                day.set_rent_floor(instrument_id, random.choice([0, 50, 50, 51]))
            case 4:
                for each in owners(day, instrument_id):
                    day.lien(each, product_id, *window, random.randint(1, 2), random.random() < 0.8)
            case 5:
                day.open_hold(
                    account_id, random.choice([0, 1, 2]), *window, share, amount, side == 2
                )
            case 6:
                day.close_hold(random.randrange(10**6))
            case 7:
                day.pay(account_id, random.choice([0, other_id]), amount)
            case 8:
                day.fund_trust(account_id, random.choice([0, 1]), amount)
            case 9:
                day.release_trust(account_id, random.choice([0, 1]), amount)
            case 10:
                price = random.choice([1, 3, 50])
                day.sell_outside(product_id, account_id, other_id, *window, share, price, share)
            case 11:
                day.let_outside(product_id, account_id, other_id, *window, 3 * share)
            case 12:
                day.end_sublet(product_id, account_id, other_id, random.randrange(10**6))
            case 13:
                title_id = random.choice([1, 2, 3, 5])
                day.place(account_id, title_id, side, qty, random.randint(98, 101), 1, 0)
            case 14:
                orders = [
                    (*random.sample(ACCOUNTS, 1), *each)
                    for each in [(1, qty, 51, 0, policy), (2, qty, 50, 0, 1), (2, 2, 1, 0, 2)] * 3
                ]
                kept_amount = random.choice([None, None, None, 0, 20])
                day.hold_auction(instrument_id, orders, random.choice([1, 100]), kept_amount)
            case 15:
                day.withdraw_capacity(product_id, account_id, *window, 5 * share)
        if step == 300:
            day.join_party(*random.sample(ACCOUNTS, 2), 9)
        if step % 20 == 0:
            for each in ACCOUNTS:
                day.deposit(each, 10**6)
            for each in SUBLETS:
                day.mass_cancel(account_id, each, 0, 8)
        if step % 3 == 0:
            day.states_agree()
        if step % 50 == 0:
            day.restore()
    for each in ACCOUNTS:
        day.mass_cancel(each, 0, 0, 100)
    while day.reference.holds:
        day.close_hold(0)
    for product_id in (1, 2):
        for ahead in range(8):
            day.close_day(product_id, ahead, random.choice(ACCOUNTS), 1)
            day.states_agree()
    return day


def test_random_custody_days_agree_and_lead_into_every_corner_of_a_sublet():
    reached: Counter[str] = Counter()
    for seed in range(16):
        reached += custody_day(seed).reached
    often = ("a sublet", "a sublet of pledged days", "a sublet in an auction", "RENT", "TITLE")
    seldom = (
        "affiliates",
        "affiliates in an auction",
        "an amendment below the floor",
        "an unfunded sale",
        "no floor is known",
        "a day is over",
    )
    assert {name: reached[name] for name in often if reached[name] < 50} == {}
    assert {name: reached[name] for name in seldom if reached[name] < 5} == {}
