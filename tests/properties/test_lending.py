"""
Lending under random commands and prices: conserved, covered, and each loan on its way.

Prices move by themselves, days are delivered, sublet and sold meanwhile. One seed is one run.
"""

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from exchange.domain.commands import AdvanceClock, Command, ReleasePledge
from exchange.domain.delivery_commands import AttestDelivery, RecordReadings, ReportDelivery
from exchange.domain.enums import OWING, DeliveryStatus, LoanStatus, TradingMode
from exchange.domain.lending_commands import (
    AddCollateral,
    BuyLot,
    DeclineLoan,
    DrawLoan,
    EnforceLoan,
    OfferLot,
    SubstituteCollateral,
)
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.letting import AcceptSublet, OpenSublet
from exchange.domain.meter_readings import Reading
from exchange.domain.record import decode_body
from exchange.domain.units import MICRO_PER_FEN, NS_PER_DAY, PPM_WHOLE
from exchange.domain.windows import day_at, start_ns
from exchange.rules.clock import owed_before
from tests.properties.conservation import Ledger
from tests.properties.lending_ledger import LendingLedger
from tests.properties.test_market import REFUSALS
from tests.rules.lending import APPLICATION, YUAN, LendingMarket, offer, repay, terms
from tests.rules.markets import cross, day, own
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER, secret_hash

STEPS_COUNT = 150
SEEDS = range(20)
FIRST = day("2027-01-01")
OVER = (LoanStatus.ENDED, LoanStatus.REPAID)
IN_LIQUIDATION = (LoanStatus.DEFAULTED, LoanStatus.LIQUIDATING)
PROOF = {"evidence_sha256": secret_hash("proof")}


class Random:
    """A lending market late in December, and what somebody may do next."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.market = LendingMarket()
        cross(self.market, start_ns(FIRST - 4))
        for month in (self.market.january, self.market.february):
            own(self.market, OTHER, month, 8_000, 1_000)
        self.price = 10 * YUAN
        self.market.price(self.price)

    def step(self) -> None:
        """One thing happens."""
        kind = self.rng.random()
        if kind < 0.14:
            # Calm, or a fall: what moves much every day lends nothing.
            change = self.rng.choice([99, 100, 100, 100, 101, 120, 83, 83])
            self.price = self.price * change // 100
            self.market.price(self.price)
        elif kind < 0.34:
            self.pass_time()
        else:
            outcome = self.market.execute(*self.command())
            assert outcome.reason is None or outcome.reason in REFUSALS

    def pass_time(self) -> None:
        """The clock goes on by up to a day; what has begun is delivered now and then."""
        market = self.market
        to_ns = market.state.market_ns + NS_PER_DAY * self.rng.randint(1, 4) // 4
        while market.state.market_ns < to_ns:
            if (owed := owed_before(market.state)) is not None:
                market.do(0, owed)
            else:
                market.execute(0, AdvanceClock(market_ns=to_ns))
        market.drain()
        for days in list(market.state.deliveries.values()):
            for entry in list(days.values()):
                self.deliver(entry)

    def deliver(self, entry) -> None:
        """A day of the past is read, nearly whole, reported and attested."""
        place = {"product_id": entry.product_id, "day": entry.day}
        is_past = entry.day < day_at(self.market.state.market_ns)
        if is_past and entry.status is DeliveryStatus.DELIVERING:
            qty = self.rng.choice([20_000, 20_000, 8_500])
            readings = [Reading(entry.day, hour, qty, 0) for hour in range(24)]
            self.market.execute(SUPPLIER, RecordReadings(product_id=1, readings=readings))
            self.market.execute(SUPPLIER, ReportDelivery(**place))
            self.market.execute(AUDITOR, AttestDelivery(rulings=[], **place, **PROOF))

    def command(self) -> tuple[int, Command]:
        """What somebody asks for, mostly sensible."""
        rng, state = self.rng, self.market.state
        living = [key for key, loan in state.loans.items() if loan.status not in OVER]
        if len(living) < 3 or rng.random() < 0.1:
            return self.application()
        loan_id = rng.choice(living if rng.random() < 0.95 else list(state.loans))
        loan = state.loans[loan_id]
        applied = loan.applied
        borrower_id, bank_id = applied.account_id, applied.bank_account_id
        lendable = sum(state.pledges[each].mark.lendable_amount for each in loan.pledge_ids)
        # Before it is drawn a day may have passed, or a price fallen.
        asked_amount = lendable * rng.choice([98, 99, 100]) // 100
        offered = (bank_id, terms(max(1, asked_amount + rng.choice([0, 1])), loan_id))
        draw = (borrower_id, DrawLoan(loan_id=loan_id))
        decline = (rng.choice([borrower_id, bank_id]), DeclineLoan(loan_id=loan_id))
        if loan.status is LoanStatus.APPLIED:
            return rng.choices([offered, draw, decline], [8, 1, 1])[0]
        if loan.status is LoanStatus.APPROVED:
            return rng.choices([offered, draw, decline], [1, 8, 1])[0]
        return self.service(loan, borrower_id, bank_id)

    def service(self, loan, borrower_id: int, bank_id: int) -> tuple[int, Command]:
        """What is done about a loan that is drawn."""
        rng, loan_id = self.rng, loan.applied.loan_id
        pledge_id = rng.choice(loan.pledge_ids)
        if loan.status in IN_LIQUIDATION and rng.random() < 0.8:
            return self.liquidation(loan, borrower_id, bank_id, pledge_id)
        owed_amount = loan.principal_amount + loan.interest_amount
        call = loan.call
        cure_amount = owed_amount // 4 if call is None else call.call_cash_amount
        if call is not None and rng.random() < 0.3:
            return borrower_id, repay(call.call_cash_amount, loan_id)
        choices = [
            (borrower_id, repay(rng.randint(1, max(2, cure_amount)), loan_id)),
            (borrower_id, repay(max(1, cure_amount), loan_id)),
            (borrower_id, repay(10**12, loan_id)),
            (borrower_id, AddCollateral(loan_id=loan_id, collateral=self.days())),
            (borrower_id, SubstituteCollateral(pledge_id=pledge_id, collateral=self.days())),
            (bank_id, ReleasePledge(pledge_id=pledge_id, released_qty=rng.randint(0, 30))),
            self.sublet(),
            (borrower_id, DrawLoan(loan_id=loan_id)),
        ]
        return rng.choices(choices, [1, 0.4, 0.3, 0.3, 0.5, 2, 4, 0.5])[0]

    def liquidation(
        self, loan, borrower_id: int, bank_id: int, pledge_id: int
    ) -> tuple[int, Command]:
        """A bank enforces and offers what is pledged, as title or as use; somebody buys."""
        rng, market = self.rng, self.market
        loan_id = loan.applied.loan_id
        if loan.status is LoanStatus.DEFAULTED:
            costs_amount = rng.choice([0, 1_000, loan.principal_amount // 60])
            return bank_id, EnforceLoan(loan_id=loan_id, costs_amount=costs_amount, **PROOF)
        lot_ids = [key for key, lot in market.state.lots.items() if lot.offered.loan_id == loan_id]
        if lot_ids and rng.random() < 0.6:
            buyer_id = OTHER if borrower_id == TRADER else TRADER
            return buyer_id, BuyLot(lot_id=rng.choice(lot_ids), limit_price=10_000)
        pledge = market.state.pledges[pledge_id]
        request = pledge.request
        first_day = max(request.start_day, day_at(market.state.market_ns) + 1)
        mode = rng.choice([TradingMode.TITLE, TradingMode.TITLE, TradingMode.SUBLET])
        is_title = mode is TradingMode.TITLE
        price = self.price * rng.choice([8, 10, 11]) // (10 * MICRO_PER_FEN)
        return bank_id, OfferLot(
            pledge_id=pledge_id,
            mode=mode,
            start_day=first_day,
            end_day=request.end_day if is_title else min(request.end_day, first_day + 3),
            lot_qty=max(1, pledge.pledged_qty // rng.choice([1, 2, 5])),
            start_price=price,
            floor_price=price,
            step_price=0,
            step_minutes_count=rng.choice([60, 1_440]),
        )

    def sublet(self) -> tuple[int, Command]:
        """Days of the trader are let, pledged or not."""
        offer_ids = list(self.market.state.sublet_offers)
        if offer_ids:
            return OTHER, AcceptSublet(offer_id=offer_ids[0])
        days = self.days()
        return TRADER, OpenSublet(
            product_id=1,
            lessee_account_id=OTHER,
            start_day=days.start_day,
            end_day=days.start_day + 3,
            sublet_qty=self.rng.randint(300, 900),
            rent_price=950,
        )

    def application(self) -> tuple[int, Command]:
        """A loan on one or two windows."""
        rng = self.rng
        offers = [self.days() for _ in range(rng.randint(1, 2))]
        return rng.choice([TRADER, TRADER, OTHER]), replace(
            APPLICATION,
            bank_account_id=rng.choice([BANK, self.market.other_bank]),
            maturity_day=max(each.end_day for each in offers) - rng.choice([1, 1, 2]),
            collateral=offers,
        )

    def days(self):
        """Days soon to come."""
        today = day_at(self.market.state.market_ns)
        start_day = max(FIRST, today + 1) + self.rng.randint(0, 4)
        return offer(
            start_day=start_day,
            end_day=start_day + self.rng.choice([3, 4, 20, 40, 50, 50]),
            pledged_qty=self.rng.randint(20, 400),
        )


def run(seed: int) -> tuple[LendingMarket, LendingLedger]:
    """One run; every record is added up, every step compared."""
    scene = Random(seed)
    market, ledger, lending = scene.market, Ledger(), LendingLedger()
    count = 0
    for _ in range(STEPS_COUNT):
        scene.step()
        for record in market.records[count:]:
            command, events = decode_body(record)
            ledger.take(command, events)
            lending.take(events)
        if isinstance(command, ReleasePledge):
            compare_release(command, events, market)
        count = len(market.records)
        ledger.compare(market.state)
        lending.compare(market.state)
    return market, lending


def compare_release(command: ReleasePledge, events: list, market: LendingMarket) -> None:
    """After a bank's release its loan is carried by what is left, at the marks in force."""
    loan = market.state.loans.get(market.state.pledges[command.pledge_id].request.loan_id)
    was_released = events and type(events[0]).__name__ == "PledgeReleased"
    if not was_released or loan is None or loan.status not in OWING:
        return
    pledges = [market.state.pledges[each] for each in loan.pledge_ids]
    base_amount = sum(
        p.mark.value_amount * p.mark.applied_ltv_ppm // PPM_WHOLE for p in pledges if p.pledged_qty
    )
    assert loan.principal_amount + loan.interest_amount <= base_amount
    assert all(p.mark.pledged_qty == p.pledged_qty for p in pledges if p.pledged_qty)


@pytest.mark.parametrize("seed", SEEDS)
def test_lending_conserves_value_covers_loans_and_replays(seed):
    market, _ = run(seed)
    market.assert_replays()


def test_the_random_lending_reaches_what_it_is_to_show():
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        seen += run(seed)[1].seen
    for name in (
        "LoanDrawn", "LoanEnded", "LoanClosed", "MarginCallIssued", "expired", "met",
        "call_expired", "liquidation_ratio", "maturity", "cash", "covenant", "swept_rent",
        "shortfall_refund", "PledgeReleased", "PledgeMatured", PledgeMarked.__name__,
        "LiquidationOpened", "title", "sublet", "CollateralSold", "WaterfallPaid",
        "liquidation", "unsold", "claim_left",
    ):  # fmt: skip
        assert seen[name] > 0, f"{name} never happened: {seen}"
