"""
At any record of a cycle: what is drawn, released or exchanged is covered where the cycle ends.

Prices are random, and so is the record of the cycle that a command comes behind. One seed is one
run.
"""

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from exchange.domain.commands import Command, ReleasePledge
from exchange.domain.enums import IN_SERVICE, LIENED, LoanStatus
from exchange.domain.lending_commands import (
    CollateralOffer,
    DeclineLoan,
    DrawLoan,
    SubstituteCollateral,
)
from exchange.domain.reasons import Reason
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at, start_ns
from exchange.rules.loan_cover import cover_of, debt_of, marks_of
from tests.rules.lending import (
    APPLICATION,
    YUAN,
    mark_nodes,
    mark_some_pledges,
    offer,
    repay,
    terms,
)
from tests.rules.markets import cross, day
from tests.rules.two_suppliers import two_suppliers
from tests.scenario import BANK, TRADER

SEEDS = range(12)
CYCLES_COUNT = 60
CODES = ("M2701", "M2702", "Q271")
MATURITY = day("2027-01-15")
PRICES = tuple(YUAN * tenths // 10 for tenths in (100, 100, 100, 99, 98, 96))
PLEDGES_COUNT = 6
"""More than one record of a cycle marks."""
REFUSALS = {Reason.LENDABLE, Reason.NOT_COVERED, Reason.TITLE}
OVER = (LoanStatus.ENDED, LoanStatus.REPAID)


class Random:
    """One loan after the other, on days of two suppliers, which are all of the bank's pool."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.market = two_suppliers()
        self.counts: Counter[tuple[str, bool]] = Counter()

    def cycle(self) -> None:
        """A price, and a cycle with one command behind any of its records."""
        market, rng = self.market, self.rng
        if rng.random() < 0.2:
            cross(market, start_ns(day_at(market.state.market_ns) + 1))
            market.drain()
        market.publish_price(rng.choice(PRICES))
        mark_nodes(market)
        is_under_way = True
        for _ in range(rng.randrange(5)):
            is_under_way = is_under_way and mark_some_pledges(market)
        command = self.command()
        is_accepted = self.is_accepted(*command)
        while is_under_way:
            is_under_way = mark_some_pledges(market)
        if is_accepted:
            self.assert_covered(command[1])

    def command(self) -> tuple[int, Command]:
        """What somebody asks for, at the marks in force."""
        market, rng = self.market, self.rng
        loan_id = len(market.state.loans)
        loan = market.state.loans.get(loan_id)
        if loan is None or loan.status in OVER:
            offers = [self.offer() for _ in range(PLEDGES_COUNT)]
            return TRADER, replace(APPLICATION, collateral=offers, maturity_day=MATURITY)
        if loan.status is LoanStatus.APPLIED:
            marks = [market.state.pledges[each].mark for each in loan.pledge_ids]
            lendable_amount = cover_of(marks).lendable_amount
            asked_amount = lendable_amount * rng.choice([70, 95, 100]) // 100
            return BANK, terms(max(1, asked_amount), loan_id)
        if loan.status is LoanStatus.APPROVED:
            is_tired = rng.random() < 0.1
            return TRADER, DeclineLoan(loan_id=loan_id) if is_tired else DrawLoan(loan_id=loan_id)
        due_amount = debt_of(loan, day_at(market.state.market_ns)).due_amount
        if loan.status not in IN_SERVICE or rng.random() < 0.1:
            return TRADER, repay(due_amount, loan_id)
        if rng.random() < 0.3:
            return TRADER, repay(due_amount // 5, loan_id)
        return self.change(loan.pledge_ids)

    def change(self, pledge_ids: list[int]) -> tuple[int, Command]:
        """A release of a part of a pledge or of all of it, or an exchange for another."""
        state, rng = self.market.state, self.rng
        pledges = [state.pledges[pledge_id] for pledge_id in pledge_ids]
        pledge = rng.choice([each for each in pledges if each.status in LIENED])
        pledge_id = pledge.request.pledge_id
        if rng.random() < 0.3:
            return TRADER, SubstituteCollateral(pledge_id=pledge_id, collateral=self.offer())
        qty = rng.choice([0, rng.randint(1, pledge.pledged_qty)])
        return BANK, ReleasePledge(pledge_id=pledge_id, released_qty=qty)

    def offer(self) -> CollateralOffer:
        """Days of one of the suppliers."""
        rng = self.rng
        return offer(rng.choice(CODES), rng.randint(20, 120), product_id=rng.choice([1, 2]))

    def is_accepted(self, key_id: int, command: Command) -> bool:
        """Whether it was accepted; refused for want of cover or days it may be."""
        outcome = self.market.execute(key_id, command)
        assert outcome.reason is None or outcome.reason in REFUSALS
        self.counts[type(command).__name__, outcome.reason is None] += 1
        return outcome.reason is None

    def assert_covered(self, command: Command) -> None:
        """Within the base, or after an exchange within the ratio at drawdown."""
        state = self.market.state
        loan = state.loans[len(state.loans)]
        debt = debt_of(loan, day_at(state.market_ns))
        cover = cover_of(marks_of(loan, state).values())
        if isinstance(command, DrawLoan | ReleasePledge):
            assert debt.due_amount <= cover.base_amount
        elif isinstance(command, SubstituteCollateral):
            assert debt.owed_amount <= cover.value_amount * loan.drawn_ltv_ppm // PPM_WHOLE


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_drawn_or_released_during_a_cycle_is_covered_where_it_ends(seed):
    run = Random(seed)
    for _ in range(CYCLES_COUNT):
        run.cycle()
    run.market.assert_replays()


def test_the_runs_get_to_every_command_and_to_both_answers():
    counts: Counter[tuple[str, bool]] = Counter()
    for seed in SEEDS[:4]:
        run = Random(seed)
        for _ in range(CYCLES_COUNT):
            run.cycle()
        counts += run.counts
    for name in ("OfferLoan", "DrawLoan", "ReleasePledge", "SubstituteCollateral"):
        assert counts[name, True]
        assert counts[name, False]
