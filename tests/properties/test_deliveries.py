"""
Delivery under random commands: whatever fails, is disputed or withdrawn, value is conserved.

The clock mostly goes from one day to the next, so that days are delivered while others are traded.
"""

import random
from collections import Counter

import pytest

from exchange.domain.capacity_events import (
    CapacityDerated,
    CapacityRejected,
)
from exchange.domain.commands import AdvanceClock, PublishSettlementPrice
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.delivery_events import (
    ClaimPaid,
    DamagesClaimed,
    DeliveryFinalized,
    DeliveryRuled,
    DeliverySettled,
    SupplierReinstated,
    SupplierSuspended,
)
from exchange.domain.enums import Purpose, Trust
from exchange.domain.events import PledgeReleased
from exchange.domain.movements import DeliveryDayClosed, EscrowReleased, TrustReleased
from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_DAY
from exchange.engine.engine import Engine
from exchange.rules.day_book import open_spans
from tests.properties.conservation import Ledger
from tests.properties.delivery_steps import delivery_step
from tests.properties.test_market import REFUSALS, new_market, step
from tests.scenario import SUPPLIER, Market

STEPS_COUNT = 300
SEEDS = range(30)


def deliver_step(rng: random.Random, market: Market):
    """Trading, delivery, and half a day now and then."""
    kind = rng.random()
    if kind < 0.15:
        return 0, AdvanceClock(market_ns=market.state.market_ns + NS_PER_DAY // 2)
    if kind < 0.6:
        return delivery_step(rng, market)
    return step(rng, market)


def run(seed: int, *, is_terminated: bool = False) -> Market:
    """One run; every record is added up and compared."""
    rng, market, ledger = random.Random(seed), new_market(), Ledger()
    market.do(1, PublishSettlementPrice(instrument_id=4, settlement_price=102))
    for record in market.records:
        ledger.take(*decode_body(record))
    for number in range(STEPS_COUNT):
        count = len(market.records)
        if is_terminated and number == STEPS_COUNT // 2:
            terminate(market)
        outcome = market.execute(*deliver_step(rng, market))
        assert outcome.reason is None or outcome.reason in REFUSALS
        for record in market.records[count:]:
            ledger.take(*decode_body(record))
        ledger.compare(market.state)
        compare_trusts(market)
    return market


def compare_trusts(market: Market) -> None:
    """Rents of days that are not over, and the bonds of suppliers, are all that is in trust."""
    state = market.state
    rents = sum(
        24 * s.rent_price * s.sublet_qty * (last_day - first_day)
        for s in state.sublets.values()
        for first_day, last_day in open_spans(s.product_id, s.start_day, s.end_day, state)
    )
    assert market.core.trust_amount(Trust.RENT) == rents
    bonds = sum(standing.bond_amount for standing in state.standings.values())
    assert market.core.trust_amount(Trust.BOND) == bonds


def terminate(market: Market) -> None:
    """The supplier delivers no more."""
    if SUPPLIER not in market.state.stopped_suppliers:
        market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER))


@pytest.mark.parametrize("seed", SEEDS)
def test_value_is_conserved_through_delivery_and_replay_is_the_identity(seed):
    run(seed).assert_replays()


@pytest.mark.parametrize("seed", range(6))
def test_a_terminated_supplier_leaves_nothing_behind(seed):
    market = run(seed, is_terminated=True)
    market.drain()
    today = max([d for days in market.state.deliveries.values() for d in days] or [0])
    for account_id in market.state.participants:
        for name in ("title", "lien", "sublet_out", "sublet_in"):
            for start_day, end_day, _ in market.core.day_function(account_id, 1, name):
                assert start_day <= today
                assert end_day <= today + 1
    market.assert_replays()


def test_a_state_that_is_restored_delivers_as_the_one_it_is_of():
    rng, market = random.Random(3), new_market()
    for _ in range(150):
        market.execute(*deliver_step(rng, market))
    assert market.state.deliveries
    restored = Engine(type(market.state).restore(market.state.canonical()))
    for _ in range(60):
        key_id, command = deliver_step(rng, market)
        count = len(market.records)
        market.execute(key_id, command)
        for record in market.records[count:]:
            restored.apply(record)
    assert restored.state.canonical() == market.state.canonical()


def test_the_random_deliveries_reach_what_they_are_to_show():
    events = [
        event
        for seed in range(24)
        for record in run(seed).records
        for event in decode_body(record)[1]
    ]
    seen = Counter(type(event) for event in events)
    for kind in (
        DeliveryFinalized, DeliverySettled, DeliveryDayClosed, DeliveryRuled, DamagesClaimed,
        ClaimPaid, SupplierSuspended, SupplierReinstated, CapacityDerated, CapacityRejected,
        PledgeReleased,
    ):  # fmt: skip
        assert seen[kind] > 0, kind.__name__
    purposes = Counter(
        event.purpose for event in events if isinstance(event, EscrowReleased | TrustReleased)
    )
    for purpose in (
        Purpose.DELIVERY, Purpose.SHORTFALL_REFUND, Purpose.COVER_DAMAGES, Purpose.RENT,
        Purpose.RENT_REFUND,
    ):  # fmt: skip
        assert purposes[purpose] > 0, purpose
