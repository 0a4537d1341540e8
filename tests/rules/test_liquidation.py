"""Liquidations: a lot is sold once, its price goes down the waterfall, and what is left is over."""

import random

import pytest
from msgspec.structs import replace

from exchange.domain.commands import PublishSettlementPrice, ReleasePledge
from exchange.domain.delivery_commands import PayClaim, PostBond
from exchange.domain.delivery_events import DamagesClaimed
from exchange.domain.enums import (
    LoanStatus,
    LotEnd,
    PledgeStatus,
    Purpose,
    RepaymentSource,
    Role,
    TradingMode,
)
from exchange.domain.events import PledgeReleased
from exchange.domain.lending_commands import BuyLot, DrawLoan
from exchange.domain.lending_events import (
    LiquidationClosed,
    LoanClosed,
    LoanRepaid,
    LotEnded,
    LotSold,
    PledgeMarked,
    WaterfallPaid,
)
from exchange.domain.movements import (
    CashPaid,
    CollateralSold,
    TradeSettled,
    TrustReleased,
)
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.windows import day_at, start_ns
from exchange.projections import Projections
from exchange.rules.loan_cover import owed_amount, owed_amounts
from tests.properties.conservation import Ledger
from tests.rules.lending import APPLICATION, YUAN, offer, repay, terms
from tests.rules.liquidations import (
    END,
    FIRST,
    PRICE,
    LiquidationMarket,
    cash_of,
    deliver,
    enforcement,
    lot,
    of_kind,
)
from tests.rules.markets import HOUR_NS, assert_refused, cross, day, events_of, own
from tests.scenario import BANK, OTHER, PRODUCT, SUPPLIER, TRADER

HOURS = 24 * 90
REST = [offer(pledged_qty=900)]
"""All that the first pledge leaves."""
PRICE_AMOUNT = PRICE * HOURS * 100
"""Of the whole first pledge."""


@pytest.fixture
def market():
    """A loan in liquidation before the first day of its collateral."""
    market = LiquidationMarket()
    yield market
    market.assert_replays()


# -- one record ------------------------------------------------------------------------------------


def test_a_sale_moves_cash_days_and_debt_in_one_record(market):
    owed_amount = market.loan.principal_amount
    lot_id = market.offered(start_price=900, floor_price=900)
    before = cash_of(market, market.buyer, BANK, TRADER, 0)
    events = market.bought(lot_id, 900)
    assert [type(event) for event in events] == [
        LotSold,
        TradeSettled,
        CashPaid,
        CollateralSold,
        WaterfallPaid,
        LoanRepaid,
        LoanClosed,
        LiquidationClosed,
    ]
    proceeds_amount = 900 * HOURS * 100
    after = cash_of(market, market.buyer, BANK, TRADER, 0)
    moved = [now - then for now, then in zip(after, before, strict=True)]
    assert moved == [-proceeds_amount, owed_amount, proceeds_amount - owed_amount, 0]
    assert events[2].purpose is Purpose.REPAYMENT
    assert market.core.day_function(market.buyer, 1, "title") == [(FIRST, END, 100)]
    assert market.core.day_function(TRADER, 1, "lien") == []
    assert market.loan.status is LoanStatus.REPAID
    assert market.state.pledges[1].status is PledgeStatus.ENFORCED
    assert market.state.lots == {}


def test_a_lot_is_sold_exactly_once(market):
    lot_id = market.offered()
    market.bought(lot_id)
    again = BuyLot(lot_id=lot_id, limit_price=PRICE)
    assert_refused(market, OTHER, again, Reason.UNKNOWN_LOT, lot_id)
    assert len(events_of(market, LotSold)) == 1


def test_who_cannot_pay_the_whole_lot_has_none_of_it(market):
    poor = market.admit("poor", Role.TRADER)
    market.deposit(poor, PRICE_AMOUNT - 1)
    lot_id = market.offered()
    buy = BuyLot(lot_id=lot_id, limit_price=PRICE)
    assert_refused(market, poor, buy, Reason.CASH, PRICE_AMOUNT, PRICE_AMOUNT - 1)
    market.deposit(poor, 1)
    market.bought(lot_id, buyer_id=poor)
    assert market.cash(poor) == 0


def test_costs_come_first_then_interest_then_principal_and_the_rest_is_the_borrowers():
    market = LiquidationMarket(is_enforced=False)
    cross(market, market.state.market_ns + 10 * 24 * HOUR_NS)
    market.enforce(costs_amount=1_000_000)
    principal_amount = market.loan.principal_amount
    interest_amount = principal_amount * 50_000 * 10 // (10**6 * 360)
    lot_id = market.offered(start_price=900, floor_price=900)
    bank_cash = market.cash(BANK)
    events = market.bought(lot_id, 900)
    proceeds_amount = 900 * HOURS * 100
    assert of_kind(events, WaterfallPaid) == WaterfallPaid(
        loan_id=1,
        lot_id=lot_id,
        proceeds_amount=proceeds_amount,
        costs_amount=1_000_000,
        interest_amount=interest_amount,
        principal_amount=principal_amount,
        fee_amount=0,
        surplus_amount=proceeds_amount - 1_000_000 - interest_amount - principal_amount,
    )
    repaid = of_kind(events, LoanRepaid)
    assert repaid.source is RepaymentSource.LIQUIDATION
    assert (repaid.interest_amount, repaid.principal_amount) == (interest_amount, principal_amount)
    assert market.cash(BANK) - bank_cash == 1_000_000 + interest_amount + principal_amount
    assert market.loan.costs_amount == 0
    market.assert_replays()


class MarketWithFees(LiquidationMarket):
    """The venue takes ten basis points of a taker."""

    def execute(self, key_id, command):
        """As any market does, with genesis as this one wants it."""
        self.genesis = {**self.genesis, "taker_bps": 10}
        return super().execute(key_id, command)


@pytest.mark.parametrize(("price", "is_paid"), [(900, True), (300, False)])
def test_the_exchange_has_its_fee_of_what_is_left_when_the_bank_is_paid(price, is_paid):
    market = MarketWithFees()
    venue_cash = market.cash(0)
    events = market.bought(market.offered(start_price=price, floor_price=price), price)
    fee_amount = price * HOURS * 100 * 10 // 10_000 if is_paid else 0
    assert of_kind(events, WaterfallPaid).fee_amount == fee_amount
    assert market.cash(0) - venue_cash == fee_amount
    market.assert_replays()


# -- parts -----------------------------------------------------------------------------------------


def test_a_round_sells_no_more_than_brings_the_loan_back_to_its_ratio():
    """At seven the loan is beyond sale, and a part of the collateral is enough."""
    market = LiquidationMarket(index_micro=7 * YUAN)
    outcome = market.refused(BANK, lot(market))
    most_qty = outcome.limit
    assert (outcome.reason, outcome.value) == (Reason.SALE_SIZE, 100)
    assert 0 < most_qty < 100
    assert_refused(
        market, BANK, lot(market, lot_qty=most_qty + 1), Reason.SALE_SIZE, most_qty + 1, most_qty
    )
    market.do(BANK, lot(market, lot_qty=most_qty))
    assert_refused(market, BANK, lot(market, lot_qty=1), Reason.SALE_SIZE, 1, 0)
    market.assert_replays()


def test_a_loan_that_is_due_is_sold_whole():
    """Its collateral covers it well, so that a round would sell nothing of it."""
    market = LiquidationMarket(is_drawn=False)
    loan = market.drawn(maturity_day=day("2026-12-20"))
    cross(market, loan.maturity_ns)
    assert loan.status is LoanStatus.DEFAULTED
    market.do(BANK, enforcement())
    market.bought(market.offered())
    market.assert_replays()


def test_what_is_left_of_a_pledge_is_valued_anew_and_can_be_sold(market):
    lot_id = market.offered(lot_qty=40, start_price=300, floor_price=300)
    events = market.bought(lot_id, 300)
    assert of_kind(events, PledgeMarked).pledged_qty == 60
    pledge = market.state.pledges[1]
    assert (pledge.pledged_qty, pledge.status) == (60, PledgeStatus.ENFORCING)
    assert market.loan.status is LoanStatus.LIQUIDATING
    market.bought(market.offered(lot_qty=60, start_price=300, floor_price=300), 300)
    assert pledge.status is PledgeStatus.ENFORCED


def test_what_is_not_needed_is_released_with_the_sale_that_repays():
    market = LiquidationMarket()
    other = market.offered(lot_qty=10)
    events = market.bought(market.offered(lot_qty=85, start_price=900, floor_price=900), 900)
    assert of_kind(events, PledgeReleased).released_qty == 15
    assert of_kind(events, LotEnded) == LotEnded(lot_id=other, end=LotEnd.REDEEMED)
    assert of_kind(events, LiquidationClosed).shortfall_amount == 0
    assert market.core.day_function(TRADER, 1, "lien") == []
    assert market.state.pledges[1].status is PledgeStatus.RELEASED
    market.assert_replays()


# -- redemption ------------------------------------------------------------------------------------


def test_the_borrower_redeems_by_repaying_all_and_the_lots_are_off(market):
    title = market.offered(lot_qty=10)
    market.do(TRADER, repay(10**15))
    assert of_kind(market.events, LotEnded) == LotEnded(lot_id=title, end=LotEnd.REDEEMED)
    assert of_kind(market.events, LiquidationClosed).shortfall_amount == 0
    assert market.loan.status is LoanStatus.REPAID
    assert market.state.pledges[1].status is PledgeStatus.RELEASED


def test_who_redeems_pays_the_costs_of_enforcement_too():
    market = LiquidationMarket(is_enforced=False)
    market.enforce(costs_amount=5_000)
    owed_amount, bank_cash = market.loan.principal_amount, market.cash(BANK)
    market.do(TRADER, repay(10**15))
    assert market.cash(BANK) - bank_cash == owed_amount + 5_000
    assert market.loan.costs_amount == 0
    market.assert_replays()


# -- shortfall -------------------------------------------------------------------------------------


def test_what_no_sale_covers_is_a_claim_that_the_borrower_still_pays(market):
    owed_amount = market.loan.principal_amount
    events = market.bought(market.offered(start_price=300, floor_price=300), 300)
    left_amount = owed_amount - 300 * HOURS * 100
    assert of_kind(events, LoanRepaid).principal_amount == 300 * HOURS * 100
    assert market.loan.status is LoanStatus.LIQUIDATING
    cross(market, market.state.market_ns)
    closed = events_of(market, LiquidationClosed)
    assert closed == [LiquidationClosed(loan_id=1, shortfall_amount=left_amount)]
    assert market.loan.status is LoanStatus.SHORTFALL
    assert_refused(market, BANK, lot(market), Reason.WRONG_STATE, 1)
    assert_refused(market, BANK, enforcement(), Reason.WRONG_STATE, 1)
    market.do(TRADER, repay(left_amount - 1))
    assert market.loan.status is LoanStatus.SHORTFALL
    market.do(TRADER, repay(1))
    assert market.loan.status is LoanStatus.REPAID
    assert len(events_of(market, LiquidationClosed)) == 1


def test_a_claim_is_what_is_owed_on_the_day_on_which_it_arises(market):
    market.bought(market.offered(start_price=300, floor_price=300), 300)
    cross(market, start_ns(day_at(market.state.market_ns) + 1))
    (closed,) = events_of(market, LiquidationClosed)
    assert closed.shortfall_amount == owed_amount(market.loan, market.state)


def test_a_day_that_had_begun_before_the_sale_still_pays_the_pledgee(market):
    """Half of the first day is not delivered: its refund is the bank's, though the rest is sold."""
    cross(market, start_ns(FIRST) + HOUR_NS)
    market.bought(market.offered(start_price=300, floor_price=300), 300)
    assert market.core.day_function(TRADER, 1, "lien") == [(FIRST, FIRST + 1, 100)]
    cross(market, start_ns(FIRST + 1))
    assert market.loan.status is LoanStatus.SHORTFALL
    owed_amount = market.loan.principal_amount
    deliver(market, 5_500)
    repaid = [
        e for e in events_of(market, LoanRepaid) if e.source is not RepaymentSource.LIQUIDATION
    ]
    assert [each.source for each in repaid] == [RepaymentSource.SHORTFALL_REFUND]
    # The trader's GPUs bear half of their hours, a tenth of them under lien, at ten an hour.
    assert repaid[0].interest_amount + repaid[0].principal_amount == 100 * 12 * 1_000
    assert market.loan.principal_amount < owed_amount
    assert market.core.day_function(TRADER, 1, "lien") == []


def sold_with_its_first_day_begun(bond_amount):
    """All is sold but a day that has begun, whose hours were worth more than was paid for them."""
    market = LiquidationMarket()
    if bond_amount:
        market.do(SUPPLIER, PostBond(bond_amount=bond_amount))
    market.do(1, PublishSettlementPrice(instrument_id=market.january, settlement_price=1_080))
    cross(market, start_ns(FIRST) + HOUR_NS)
    market.bought(market.offered(start_price=300, floor_price=300), 300)
    cross(market, start_ns(FIRST + 1))
    assert market.loan.status is LoanStatus.SHORTFALL
    return market


REFUND, DAMAGES = 100 * 12 * 1_000, 100 * 12 * 80
"""Half the hours of a hundred GPUs were not delivered; each cost ten and was worth 10.80."""


def test_damages_for_liened_days_that_come_after_the_sale_go_to_the_pledgee_first():
    """Out of the supplier's bond, to the bank and down to the claim, though nothing is pledged."""
    market = sold_with_its_first_day_begun(10**10)
    owed_amount, bank_cash = sum(owed_now(market)), market.cash(BANK)
    count = len(market.records)
    deliver(market, 5_500)
    found = market.since(count)
    damages = [
        each.released_amount
        for each in found
        if isinstance(each, TrustReleased)
        and (each.account_id, each.purpose) == (BANK, Purpose.COVER_DAMAGES)
    ]
    assert damages == [DAMAGES]
    repaid = {e.source: e for e in found if isinstance(e, LoanRepaid)}
    assert list(repaid) == [RepaymentSource.SHORTFALL_REFUND, RepaymentSource.COVER_DAMAGES]
    paid_amounts = [e.interest_amount + e.principal_amount for e in repaid.values()]
    assert paid_amounts == [REFUND, DAMAGES]
    assert market.cash(BANK) == bank_cash + REFUND + DAMAGES
    interest_amount = market.loan.principal_amount + REFUND + DAMAGES - owed_amount
    assert 0 < interest_amount < owed_amount // 1_000
    market.assert_replays()


def test_damages_that_the_bond_does_not_cover_are_the_pledgees_claim_on_the_supplier():
    """It is paid long after the sale, and what the supplier pays repays the borrower's claim."""
    market = sold_with_its_first_day_begun(0)
    deliver(market, 5_500)
    (claim,) = [e for e in events_of(market, DamagesClaimed) if e.account_id == BANK]
    assert (claim.pledge_id, claim.claim_amount) == (1, DAMAGES)
    owed_amount, bank_cash = sum(owed_now(market)), market.cash(BANK)
    market.do(SUPPLIER, PayClaim(claim_id=claim.claim_id, paid_amount=DAMAGES))
    assert of_kind(market.events, LoanRepaid).source is RepaymentSource.CLAIM
    assert sum(owed_now(market)) == owed_amount - DAMAGES
    assert market.cash(BANK) == bank_cash + DAMAGES
    market.assert_replays()


def test_damages_for_the_days_that_were_sold_are_their_buyers():
    """Its lien left the days with the title, so the bank has nothing of a later day."""
    market = LiquidationMarket()
    market.do(SUPPLIER, PostBond(bond_amount=10**10))
    market.do(1, PublishSettlementPrice(instrument_id=market.january, settlement_price=1_080))
    market.bought(market.offered(start_price=300, floor_price=300), 300)
    bank_cash, buyer_cash = cash_of(market, BANK, market.buyer)
    deliver(market, 5_500)
    assert market.cash(BANK) == bank_cash
    assert market.cash(market.buyer) - buyer_cash == REFUND + DAMAGES
    market.assert_replays()


def owed_now(market):
    """Interest and principal."""
    return owed_amounts(market.loan, day_at(market.state.market_ns))


# -- every other turn ------------------------------------------------------------------------------


def in_default():
    """Not enforced yet."""
    market = LiquidationMarket(is_enforced=False)
    market.price(4 * YUAN)
    return market


def sold_short():
    """All is sold, and a claim is left."""
    market = LiquidationMarket()
    market.bought(market.offered(start_price=300, floor_price=300), 300)
    cross(market, market.state.market_ns)
    return market


def repaid():
    """Redeemed by the borrower."""
    market = LiquidationMarket()
    market.do(TRADER, repay(10**15))
    return market


@pytest.mark.parametrize(
    ("begin", "status", "wrong"),
    [
        (lambda: LiquidationMarket(is_enforced=False), LoanStatus.DRAWN, ["enforce", "offer"]),
        (in_default, LoanStatus.DEFAULTED, ["offer"]),
        (LiquidationMarket, LoanStatus.LIQUIDATING, ["enforce"]),
        (sold_short, LoanStatus.SHORTFALL, ["enforce", "offer"]),
        (repaid, LoanStatus.REPAID, ["enforce", "offer"]),
    ],
)
def test_every_other_turn_is_refused(begin, status, wrong):
    market = begin()
    assert market.loan.status is status
    for word in wrong:
        command = enforcement() if word == "enforce" else lot(market)
        assert_refused(market, BANK, command, Reason.WRONG_STATE, 1)
        assert market.loan.status is status


# -- the worked example ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days_count", "surplus_amount", "shortfall_amount"),
    [(48, 616_344_598, 0), (100, 0, 442_010_795)],
)
def test_the_worked_loan_sold_as_a_block(days_count, surplus_amount, shortfall_amount):
    """
    1000 GPUs of 2027 for 55,539,959.63 at 5 %, idle, sold at 8.20 less 0.5 % costs.

    Its 65 % are not what CR-1 lends, so it is drawn at a higher price; what follows is the same.

    After 48 days 6,163,445.98 are left over, after 100 days 4,420,107.95 are missing.
    """
    market = LiquidationMarket(is_drawn=False)
    cross(market, start_ns(day("2026-12-30")))
    for month in range(1, 13):
        symbol = f"{PRODUCT}:M27{month:02}"
        listed_id = market.state.instrument_ids.get(symbol) or market.list_window(symbol[-5:])
        own(market, OTHER, listed_id, 9_000, 1_800)
    cross(market, start_ns(day("2026-12-31")) - HOUR_NS)
    market.mark()
    cross(market, start_ns(day("2026-12-31")))
    collateral = [offer("Y27", pledged_qty=1_000)]
    year_end = day("2027-12-31")
    market.do(TRADER, replace(APPLICATION, collateral=collateral, maturity_day=year_end))
    market.do(BANK, terms(5_553_995_963))
    market.do(TRADER, DrawLoan(loan_id=1))
    cross(market, start_ns(day("2026-12-31") + days_count))
    market.price(3 * YUAN)
    left_count = 365 - days_count
    costs_amount = 820 * 24 * left_count * 1_000 * 5 // 1_000
    market.do(BANK, enforcement(costs_amount))
    whole = {"end_day": day("2028-01-01"), "lot_qty": 1_000, "buyer_account_id": market.buyer}
    events = market.bought(market.offered(**whole, start_price=820, floor_price=820), 820)
    assert of_kind(events, WaterfallPaid).surplus_amount == surplus_amount
    if shortfall_amount:
        cross(market, market.state.market_ns)
        (closed,) = events_of(market, LiquidationClosed)
        assert closed.shortfall_amount == shortfall_amount
    else:
        assert market.loan.status is LoanStatus.REPAID
    market.assert_replays()


# -- at random -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_a_liquidation_conserves_all_value_and_its_waterfall_every_fen(seed):
    dice = random.Random(seed)
    market, ledger = LiquidationMarket(is_enforced=False), Ledger()
    market.enforce(dice.randint(3, 7) * YUAN, dice.randint(0, 10**6))
    bodies = [decode_body(record) for record in market.records]
    for body in bodies:
        ledger.take(*body)
    for _ in range(12):
        count = len(market.records)
        price = dice.randint(100, 1_000)
        offered = lot(
            market,
            lot_qty=dice.randint(1, 100),
            mode=dice.choice(list(TradingMode)),
            start_price=price,
            floor_price=price,
        )
        outcome = market.execute(BANK, offered)
        if outcome.reason is None:
            buyer_id = dice.choice([market.buyer, OTHER])
            market.execute(buyer_id, BuyLot(lot_id=outcome.seq, limit_price=1_000))
        cross(market, market.state.market_ns + dice.randint(1, 9) * 8 * HOUR_NS)
        for record in market.records[count:]:
            ledger.take(*decode_body(record))
            for event in decode_body(record)[1]:
                if isinstance(event, WaterfallPaid):
                    assert event.proceeds_amount == sum(
                        getattr(event, f"{name}_amount")
                        for name in ("costs", "interest", "principal", "fee", "surplus")
                    )
        ledger.compare(market.state)
    market.assert_replays()
    projections = Projections()
    for seq, record in enumerate(market.records, start=1):
        projections.apply(Record(seq, market.state.market_ns, *decode_body(record)))
    assert set(projections.lots.lots) == set(market.state.lots)
    for account_id in (TRADER, BANK, OTHER, market.buyer):
        balance = projections.balances.of(account_id)
        assert (balance.available_amount, balance.held_amount) == market.core.balances(account_id)


def test_a_bank_releases_none_of_what_it_offers_nor_of_what_the_loan_needs(market):
    market.offered(lot_qty=60)
    release = ReleasePledge(pledge_id=1, released_qty=41)
    assert_refused(market, BANK, release, Reason.LIEN, 41, 40)
    assert_refused(market, BANK, ReleasePledge(pledge_id=1), Reason.LIEN, 100, 40)
    needed = replace(release, released_qty=40)
    assert market.refused(BANK, needed).reason is Reason.NOT_COVERED


def test_what_nobody_bought_in_time_matures_and_what_is_owed_is_a_claim():
    """A pledge of one day: it begins, is delivered and closed, and its lot found no buyer."""
    market = LiquidationMarket(is_drawn=False)
    market.drawn(collateral=[offer(start_day=FIRST, end_day=FIRST + 1)], maturity_day=FIRST)
    market.enforce()
    market.do(BANK, lot(market, end_day=FIRST + 1))
    deliver(market, 12_000)
    assert market.state.pledges[1].status is PledgeStatus.MATURED
    assert [each.end for each in events_of(market, LotEnded)] == [LotEnd.UNSOLD]
    (closed,) = events_of(market, LiquidationClosed)
    assert closed.shortfall_amount >= market.loan.principal_amount > 0
    assert market.loan.status is LoanStatus.SHORTFALL
    market.assert_replays()
