"""The plain book does what the obvious one does, command by command."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching_core import AuctionResult, OrderBook, Result
from tests.core.reference_book import AuctionOutcome, Outcome, ReferenceBook

POLICIES = ["none", "cancel_incoming", "cancel_resting", "cancel_both"]
REFERENCE_PRICES = [1, 90, 98, 100, 102, 200]


class SideBySide:
    """Both books get every command; after each, everything that can be seen agrees."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        is_collecting = self.chance.random() < 0.3
        self.book = OrderBook(is_collecting=is_collecting)
        self.reference = ReferenceBook(is_collecting=is_collecting)
        self.next_order_id = 1
        self.seen: set[str] = set()
        # A market of few own orders and one where nearly all are own.
        self.accounts = self.chance.choice([[1, 2, 3, 4, 5, 6], [1, 2]])
        self.policy_weights = self.chance.choice([[6, 1, 1, 1], [1, 1, 1, 1]])

    def step(self) -> None:
        """One command, chosen at random."""
        command = self.chance.choices(
            [self.place, self.amend, self.cancel, self.mass_cancel, self.auction, self.restore],
            [60, 20, 12, 1, 3, 2],
        )[0]
        command()
        self.compare()

    def place(self) -> None:
        """An order with any mixture of conditions, now and then a foolish one."""
        chance = self.chance
        order_id = self.next_order_id
        self.next_order_id += 1
        if chance.random() < 0.03:
            order_id = chance.randint(-1, self.next_order_id)
        qty = chance.randint(1, 12) if chance.random() < 0.9 else chance.randint(-1, 60)
        conditions: dict[str, object] = {
            "time_in_force": chance.choices(["gtc", "ioc", "fok"], [8, 2, 2])[0],
            "account": chance.choice(self.accounts),
            "self_match_policy": chance.choices(POLICIES, self.policy_weights)[0],
        }
        if chance.random() < 0.1:
            conditions["post_only"] = True
        if chance.random() < 0.1:
            conditions["all_or_none"] = True
        if chance.random() < 0.1:
            conditions["min_qty"] = chance.randint(-1, 9)
        if chance.random() < 0.3:
            conditions["display_qty"] = chance.randint(1, 4) if qty > 3 else chance.randint(-1, 4)
        price = chance.choice([98, 99, 100, 100, 101, 102, 102, 105, 95, 0])
        self.both("place", order_id, chance.choice(["buy", "sell"]), price, qty, **conditions)

    def amend(self) -> None:
        """An open order's price, quantity, both or neither."""
        chance = self.chance
        price = chance.choice([None, None, 97, 98, 99, 100, 101, 102, 103, -5])
        qty = chance.choice([None, *range(-1, 16)])
        self.both("amend", self.some_order_id(), price=price, qty=qty)

    def cancel(self) -> None:
        """An open order, or one that is gone."""
        self.both("cancel", self.some_order_id())

    def mass_cancel(self) -> None:
        """An account's, a side's, or all orders."""
        account = self.chance.choice([None, *self.accounts])
        self.both("mass_cancel", account=account, side=self.chance.choice([None, "buy", "sell"]))

    def auction(self) -> None:
        """The end of a call auction, or its beginning."""
        if self.book.is_collecting:
            self.both("auction", self.chance.choice(REFERENCE_PRICES))
        else:
            self.both("open_auction")

    def restore(self) -> None:
        """The fast book goes on as a new one, made from its bytes."""
        data = self.book.snapshot()
        state_hash = self.book.state_hash()
        self.book = OrderBook.restore(data)
        assert self.book.state_hash() == state_hash
        assert self.book.snapshot() == data

    def some_order_id(self) -> int:
        """Mostly an open order's."""
        open_ids = [order.order_id for order in self.reference.orders]
        if open_ids and self.chance.random() < 0.9:
            return self.chance.choice(open_ids)
        return self.chance.randint(-1, self.next_order_id)

    def both(self, name: str, *arguments: object, **options: object) -> None:
        """The same command to both; the same answer, and no trace of a refusal."""
        before = self.book.snapshot()
        ours = as_outcome(getattr(self.book, name)(*arguments, **options))
        theirs = getattr(self.reference, name)(*arguments, **options)
        assert ours == theirs, (name, arguments, options)
        if isinstance(ours, Outcome):
            self.seen.add(ours.reason or ours.status)
            if ours.status == "rejected":
                assert self.book.snapshot() == before
        if isinstance(ours, AuctionOutcome):
            self.seen |= {"auction"} if ours.qty else set()
            self.seen |= {"auction cancels"} if ours.cancelled else set()

    def compare(self) -> None:
        """Levels, whole queues, what each order has open, and the indicative price."""
        self.book.check()
        reference = self.reference
        assert self.book.is_collecting == reference.is_collecting
        assert len(self.book) == len(reference.orders)
        for side, rows in (("buy", self.book.bids()), ("sell", self.book.asks())):
            assert rows == reference.levels(side)
            for price, _, _ in rows:
                assert self.book.queue(side, price) == reference.queue(side, price)
        for order in reference.orders:
            assert self.book.open_qty(order.order_id) == order.open_qty
        if self.book.is_collecting:
            price = self.chance.choice(REFERENCE_PRICES)
            assert as_outcome(self.book.indicative(price)) == reference.indicative(price)


def as_outcome(answer: object) -> object:
    """A result of the core as the reference writes it."""
    if isinstance(answer, Result):
        return Outcome(
            answer.status, answer.leaves_qty, answer.reason, answer.fills, answer.cancelled
        )
    if isinstance(answer, AuctionResult):
        return AuctionOutcome(
            answer.price, answer.qty, answer.surplus_qty, answer.fills, answer.cancelled
        )
    return answer


@pytest.mark.parametrize("seed", range(120))
def test_the_book_does_what_the_obvious_one_does(seed):
    books = SideBySide(seed)
    for _ in range(150):
        books.step()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 80))
def test_short_lives_agree_too(seed, steps):
    books = SideBySide(seed)
    for _ in range(steps):
        books.step()


def test_the_random_commands_reach_every_answer():
    seen = set()
    for seed in range(60):
        books = SideBySide(seed)
        for _ in range(150):
            books.step()
        seen |= books.seen
    assert seen == {
        *("resting", "filled", "cancelled", "unfilled", "self_match"),
        *("bad_order_id", "duplicate_id", "bad_price", "bad_qty", "bad_min_qty"),
        *("bad_display_qty", "all_or_none", "immediate", "wrong_state", "unknown_order"),
        *("would_take", "cannot_fill", "auction", "auction cancels"),
    }
