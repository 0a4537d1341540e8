"""What was not delivered: who bears it, and who is paid for it, to the fen."""

import pytest

from exchange.domain.commands import AcceptPledge, PublishSettlementPrice, RequestPledge
from exchange.domain.delivery_commands import PayClaim, PostBond
from exchange.domain.delivery_events import (
    ClaimPaid,
    DamagesClaimed,
    DeliveryFinalized,
    DeliverySettled,
    SettlementPlanned,
)
from exchange.domain.enums import Purpose, Trust
from exchange.domain.reasons import Reason
from exchange.rules import shortfall
from exchange.rules.delivery_clock import DELIVERY_BATCH
from exchange.rules.shortfall import DayBook, Holder, Sublet, apportion
from tests.rules.deliveries import DAY, DeliveryMarket, paid
from tests.rules.markets import assert_refused
from tests.rules.test_worked_examples import fen
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER

A, B, S = TRADER, OTHER, SUPPLIER
HELD = 10**13
SIX_HOURS_DOWN = [960] * 6 + [1_000] * 18


# -- largest remainder -----------------------------------------------------------------------------


def test_240_hours_split_192_to_48_and_241_hours_193_to_48():
    assert apportion(240, [800, 200]) == [192, 48]
    assert apportion(241, [800, 200]) == [193, 48]


def test_equal_remainders_go_to_the_lower_account():
    assert apportion(1, [5, 5]) == [1, 0]
    assert apportion(5, [1, 1, 1]) == [2, 2, 1]
    assert apportion(7, [0, 0]) == [0, 0]


@pytest.mark.parametrize("total", [0, 1, 99, 10**15 + 7])
def test_shares_are_the_whole_and_none_is_a_unit_away_from_its_due(total):
    weights = [3, 1, 0, 4, 1, 5, 9, 2, 6]
    shares = apportion(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - total * weight) < sum(weights)


# -- the worked example ----------------------------------------------------------------------------


@pytest.fixture
def market() -> DeliveryMarket:
    """Granted and sold 1000 to A at 10.00, of which B has the use of 200 at 12.00; worth 11.50."""
    market = DeliveryMarket()
    market.sell(A, 1_000, 1_000)
    market.let(A, B, 200, 1_200)
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=1_150))
    market.do(S, PostBond(bond_amount=fen("100,000.00")))
    yield market
    market.assert_replays()


def test_40_gpus_down_for_6_hours_of_1000(market):
    cash = {account_id: market.core.balances(account_id)[0] for account_id in (A, B, S)}
    events = market.deliver(SIX_HOURS_DOWN)
    (finalized,) = [e for e in events if isinstance(e, DeliveryFinalized)]
    assert (finalized.contracted_qty, finalized.undelivered_hours) == (1_000, 240)
    assert (24_000 - 240) * 10_000 // 24_000 == 9_900, "99.00 %"
    assert paid(events) == {
        (S, Purpose.DELIVERY): fen("237,600.00"),
        (A, Purpose.SHORTFALL_REFUND): fen("2,400.00"),
        (A, Purpose.COVER_DAMAGES): fen("360.00"),
        (B, Purpose.RENT_REFUND): fen("576.00"),
        (A, Purpose.RENT): fen("57,024.00"),
    }
    assert market.core.balances(S)[0] - cash[S] == fen("237,600.00")
    assert market.core.balances(A)[0] - cash[A] == fen("2,760.00") + fen("57,024.00")
    assert market.core.balances(B)[0] - cash[B] == fen("576.00")
    assert market.core.trust_amount(Trust.RENT) == 0
    assert market.core.trust_amount(Trust.BOND) == fen("100,000.00") - fen("360.00")
    assert market.state.standings[S].bond_amount == fen("99,640.00")


def test_the_day_is_over_for_everybody(market):
    market.deliver(SIX_HOURS_DOWN)
    assert market.core.holders(1, DAY) == []
    assert market.core.day_totals(1, DAY) == (0, 0, 0)
    assert market.state.sublets == {}
    assert DAY not in market.state.deliveries.get(1, {})


def test_an_hour_more_is_the_larger_users():
    book = DayBook(
        supplier_account_id=S,
        holders=[Holder(A, False, 1_000, 0, 200, 0), Holder(B, False, 0, 0, 0, 200)],
        sublets=[Sublet(1, A, B, 200, 1_200)],
        liens=[],
        undelivered_hours=241,
        escrow_amount=fen("240,000.00"),
        sold_qty=1_000,
        reference_micro=11_500_000,
        bond_amount=fen("100,000.00"),
    )
    assert [(use.account_id, hours) for use, hours in shortfall.lost_hours(book)] == [
        (A, 193),
        (B, 48),
    ]
    found = {(p.account_id, p.purpose): p.paid_amount for p in shortfall.payouts(book)}
    assert found[A, Purpose.SHORTFALL_REFUND] == fen("2,410.00")
    assert found[A, Purpose.COVER_DAMAGES] == fen("361.50")
    assert found[B, Purpose.RENT_REFUND] == fen("576.00")


def test_a_full_day_pays_the_supplier_and_the_lessor_everything(market):
    assert paid(market.deliver([1_000] * 24)) == {
        (S, Purpose.DELIVERY): fen("240,000.00"),
        (A, Purpose.RENT): fen("57,600.00"),
    }


# -- who bears it ----------------------------------------------------------------------------------


def test_unsold_capacity_absorbs_first():
    market = DeliveryMarket(granted_qty=1_040)
    market.sell(A, 1_000)
    assert paid(market.deliver([1_000] * 24)) == {(S, Purpose.DELIVERY): fen("240,000.00")}


def test_a_day_that_nobody_bought_ends_without_a_report():
    market = DeliveryMarket()
    market.finish()
    assert market.core.holders(1, DAY) == []


def test_damages_beyond_the_bond_are_shared_and_the_rest_is_owed():
    market = DeliveryMarket(granted_qty=30)
    market.sell(A, 20)
    market.sell(B, 10)
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=1_100))
    market.do(S, PostBond(bond_amount=100))
    events = market.deliver([0] * 24)
    damages = {A: 20 * 24 * 100, B: 10 * 24 * 100}
    found = paid(events)
    assert (found[A, Purpose.COVER_DAMAGES], found[B, Purpose.COVER_DAMAGES]) == (67, 33)
    assert found[A, Purpose.SHORTFALL_REFUND] == 20 * 24 * 1_000
    claims = [e for e in events if isinstance(e, DamagesClaimed)]
    assert [(c.account_id, c.claim_amount) for c in claims] == [
        (A, damages[A] - 67),
        (B, damages[B] - 33),
    ]
    owed = claims[0].claim_amount
    beyond = PayClaim(claim_id=1, paid_amount=owed + 1)
    assert_refused(market, S, beyond, Reason.ALREADY_DONE, owed + 1, owed)
    market.do(S, PayClaim(claim_id=1, paid_amount=owed - 5))
    assert market.events[0] == ClaimPaid(claim_id=1, paid_amount=owed - 5, left_amount=5)
    market.do(S, PayClaim(claim_id=1, paid_amount=5))
    assert_refused(market, S, PayClaim(claim_id=1, paid_amount=1), Reason.UNKNOWN_CLAIM, 1)
    assert set(market.state.claims) == {2}
    market.assert_replays()


# -- pledgees first --------------------------------------------------------------------------------


def test_what_belongs_to_liened_days_and_the_rent_of_encumbered_sublets_goes_to_the_pledgee():
    market = DeliveryMarket(granted_qty=700)
    market.sell(A, 700)
    pledged = RequestPledge(
        product_id=1, start_day=DAY, end_day=DAY + 1, pledged_qty=600, bank_account_id=BANK
    )
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=950))
    market.do(A, pledged)
    market.do(BANK, AcceptPledge(pledge_id=1))
    market.core.set_rent_floor(market.use, 475)
    market.let(A, B, 650, 950)
    events = market.deliver([630] * 24)
    lost = 70 * 24
    # 650 of 700 are B's use, so 1560 of the 1680 hours.
    earned = 950 * (650 * 24 - 1_560)
    swept = -(-earned * 550 // 650)
    found = paid(events)
    assert found[B, Purpose.RENT_REFUND] == 950 * 1_560
    assert found[BANK, Purpose.RENT_SWEPT] == swept
    assert found[A, Purpose.RENT] == earned - swept
    assert found[BANK, Purpose.SHORTFALL_REFUND] == -(-lost * 1_000 * 600 // 700)
    assert (
        found[BANK, Purpose.SHORTFALL_REFUND] + found[A, Purpose.SHORTFALL_REFUND] == lost * 1_000
    )


def test_the_inventory_example_sweeps_877_800_of_1_037_400():
    """Seven days of 650 × 9.50 with 600 of 700 pledged."""
    swept, kept = 0, 0
    for _ in range(7):
        book = DayBook(
            supplier_account_id=S,
            holders=[Holder(A, False, 700, 600, 650, 0), Holder(B, False, 0, 0, 0, 650)],
            sublets=[Sublet(1, A, B, 650, 950)],
            liens=[shortfall.Lien(1, A, BANK, 600)],
            undelivered_hours=0,
            escrow_amount=0,
            sold_qty=700,
            reference_micro=0,
            bond_amount=0,
        )
        found = {(p.account_id, p.purpose): p.paid_amount for p in shortfall.payouts(book)}
        swept += found[BANK, Purpose.RENT_SWEPT]
        kept += found[A, Purpose.RENT]
    assert (swept, kept) == (fen("877,800.00"), fen("159,600.00"))


# -- in parts --------------------------------------------------------------------------------------


def test_a_day_with_more_payouts_than_a_record_holds_is_planned_and_paid_in_parts():
    market = DeliveryMarket(granted_qty=520)
    market.sell(A, 520)
    for _ in range(520):
        market.let(A, B, 1, 1_200)
    events = market.deliver([260] * 24)
    (planned,) = [e for e in events if isinstance(e, SettlementPlanned)]
    parts = [e for e in events if isinstance(e, DeliverySettled)]
    # A refund, the delivery, and of each sublet a part of the rent either way.
    assert len(planned.payouts) == 2 + 2 * 520
    assert [(part.payout_count, part.is_complete) for part in parts] == [
        (DELIVERY_BATCH, False),
        (2 + 2 * 520 - DELIVERY_BATCH, True),
    ]
    half = 520 * 24 * 1_000 // 2
    assert paid(events)[S, Purpose.DELIVERY] == paid(events)[A, Purpose.SHORTFALL_REFUND] == half
    assert market.core.trust_amount(Trust.RENT) == 0
    assert market.state.sublets == {}
    market.assert_replays()
