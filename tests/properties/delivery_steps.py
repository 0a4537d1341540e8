"""Random commands about capacity, delivery and bonds, for the markets of the properties."""

import random

from exchange.domain.capacity_commands import (
    DerateCapacity,
    InspectCapacity,
    RejectCapacity,
    SubmitCapacity,
    VerifyCapacity,
    WithdrawCapacity,
)
from exchange.domain.commands import Command, GrantCapacity, PublishSettlementPrice
from exchange.domain.delivery_commands import (
    AttestDelivery,
    CountersignRuling,
    DisputeDelivery,
    PayClaim,
    PostBond,
    RecordReadings,
    ReinstateSupplier,
    ReportDelivery,
    RuleDelivery,
    SuspendSupplier,
    WithdrawBond,
)
from exchange.domain.enums import DeliveryStatus, GrantStatus
from exchange.domain.meter_readings import UNKNOWN_QTY, HourRuling, Reading
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at
from exchange.rules.delivery_state import DeliveryDay
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER, Market, secret_hash

OPERATOR = 1
LEAST_QTY, MOST_QTY = 0, 30
"""Of GPUs available in an hour, where 30 are granted and some twenty sold."""


def delivery_step(rng: random.Random, market: Market) -> tuple[int, Command]:
    """The next command about what is to be delivered, and whose key it comes under."""
    entries = [entry for days in market.state.deliveries.values() for entry in days.values()]
    if entries and rng.random() < 0.75:
        return _about(rng, rng.choice(entries), market)
    return rng.choice([_bond, _bond, _standing, _capacity, _capacity])(rng, market)


def _about(rng: random.Random, entry: DeliveryDay, market: Market) -> tuple[int, Command]:
    place = {"product_id": entry.product_id, "day": entry.day}
    proof = {"evidence_sha256": secret_hash(f"proof {rng.random()}")}
    if rng.random() < 0.1:
        return rng.choice([TRADER, OTHER, BANK]), DisputeDelivery(**place, **proof)
    match entry.status:
        case DeliveryStatus.DELIVERING if rng.random() < 0.6:
            return SUPPLIER, _readings(rng, entry)
        case DeliveryStatus.DELIVERING:
            return SUPPLIER, ReportDelivery(**place)
        case DeliveryStatus.REPORTED:
            hours = [h for h in range(HOURS_PER_DAY) if entry.available_qtys[h] == UNKNOWN_QTY]
            rulings = [HourRuling(hour, _available_qty(rng)) for hour in hours]
            return AUDITOR, AttestDelivery(rulings=rulings, **place, **proof)
        case DeliveryStatus.DISPUTED if not entry.ruled_qtys:
            qtys = [_available_qty(rng) for _ in range(HOURS_PER_DAY)]
            return AUDITOR, RuleDelivery(available_qtys=qtys, **place, **proof)
    sha256 = entry.ruling_sha256 or secret_hash("nothing was found")
    finding = {"available_qtys": entry.ruled_qtys or [0] * 24, "evidence_sha256": sha256}
    return rng.choice([1, 2]), CountersignRuling(**place, **finding)


def _readings(rng: random.Random, entry: DeliveryDay) -> RecordReadings:
    hours = rng.sample(range(HOURS_PER_DAY), rng.randint(1, HOURS_PER_DAY))
    readings = [
        Reading(entry.day, hour, _available_qty(rng), rng.choice([0, 0, 1])) for hour in hours
    ]
    return RecordReadings(product_id=entry.product_id, readings=readings)


def _available_qty(rng: random.Random) -> int:
    return rng.choice([LEAST_QTY, rng.randint(LEAST_QTY, MOST_QTY), MOST_QTY, MOST_QTY])


def _bond(rng: random.Random, market: Market) -> tuple[int, Command]:
    if market.state.claims and rng.random() < 0.5:
        claim_id = rng.choice(list(market.state.claims))
        left_amount = market.state.claims[claim_id].left_amount
        return SUPPLIER, PayClaim(claim_id=claim_id, paid_amount=rng.randint(1, left_amount + 1))
    if rng.random() < 0.5:
        # The day's own window is what damages go by; prices that rise make some.
        windows = [instrument_id for _, instrument_id in market.state.gates[:4]]
        return OPERATOR, PublishSettlementPrice(
            instrument_id=rng.choice(windows or [1]), settlement_price=104
        )
    if rng.random() < 0.6:
        return SUPPLIER, PostBond(bond_amount=rng.randint(1, 20))
    return SUPPLIER, WithdrawBond(bond_amount=rng.randint(1, 50))


def _standing(rng: random.Random, market: Market) -> tuple[int, Command]:
    if rng.random() < 0.2:
        return OPERATOR, SuspendSupplier(supplier_account_id=SUPPLIER)
    return OPERATOR, ReinstateSupplier(supplier_account_id=SUPPLIER)


def _capacity(rng: random.Random, market: Market) -> tuple[int, Command]:
    first_day = day_at(market.state.market_ns) + rng.randint(0, 5)
    days = {"start_day": first_day, "end_day": first_day + rng.randint(1, 20)}
    waiting = [
        grant
        for grant in market.state.grants.values()
        if grant.status not in (GrantStatus.GRANTED, GrantStatus.REJECTED)
    ]
    kind = rng.randint(0, 9)
    if kind == 0:
        return SUPPLIER, WithdrawCapacity(product_id=1, withdrawn_qty=1, **days)
    if kind == 1:
        proof = secret_hash(f"finding {rng.random()}")
        return AUDITOR, DerateCapacity(
            product_id=1, derated_qty=rng.randint(10, 32), evidence_sha256=proof, **days
        )
    if not waiting:
        return SUPPLIER, SubmitCapacity(product_id=1, submitted_qty=rng.randint(1, 3), **days)
    grant = rng.choice(waiting)
    grant_id = grant.submitted.grant_id
    if kind in (2, 3):
        return rng.choice([SUPPLIER, AUDITOR]), RejectCapacity(grant_id=grant_id)
    match grant.status:
        case GrantStatus.SUBMITTED:
            report = secret_hash(f"report on {grant_id}")
            return AUDITOR, InspectCapacity(grant_id=grant_id, evidence_sha256=report)
        case GrantStatus.BURN_IN:
            return AUDITOR, VerifyCapacity(grant_id=grant_id)
    return OPERATOR, GrantCapacity(
        product_id=grant.submitted.product_id,
        start_day=grant.submitted.start_day,
        end_day=grant.submitted.end_day,
        granted_qty=grant.submitted.submitted_qty,
        auditor_account_id=AUDITOR,
        evidence_sha256=grant.evidence_sha256,
    )
