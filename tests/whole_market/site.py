"""What happens to capacity: meters, reports, auditors, disputes, bonds, suppliers' standing."""

import random

from exchange.domain.capacity_commands import (
    DerateCapacity,
    InspectCapacity,
    RejectCapacity,
    SubmitCapacity,
    VerifyCapacity,
    WithdrawCapacity,
)
from exchange.domain.commands import Command, GrantCapacity
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
    TerminateSupplier,
    WithdrawBond,
)
from exchange.domain.desk_commands import RequestQuote, SubmitQuote
from exchange.domain.enums import DeliveryStatus, GrantStatus, Side
from exchange.domain.meter_readings import UNKNOWN_QTY, HourRuling, Reading
from exchange.domain.substitution import (
    AcceptSubstitution,
    DeclineSubstitution,
    OfferSubstitution,
)
from exchange.domain.units import HOURS_PER_DAY
from exchange.rules.delivery_state import DeliveryDay
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER, secret_hash
from tests.whole_market.market import GRANTED_QTY, PRICE, SECOND_SUPPLIER, TRADERS, WholeMarket
from tests.whole_market.traders import OPERATORS, Keyed

POOR_CHANCE = 0.12
"""Of days on which much is down."""


def deliver(rng: random.Random, market: WholeMarket) -> list[Keyed]:
    """What the day's people say about the days that are over; each has one turn."""
    entries = [
        entry
        for days in market.state.deliveries.values()
        for entry in days.values()
        if entry.day < market.today and entry.status is not DeliveryStatus.FINAL
    ]
    return [step for entry in entries for step in _about(rng, entry, market)]


def _about(rng: random.Random, entry: DeliveryDay, market: WholeMarket) -> list[Keyed]:
    place = {"product_id": entry.product_id, "day": entry.day}
    proof = {"evidence_sha256": secret_hash(f"proof {rng.random()}")}
    supplier_id = market.state.products[entry.product_id].supplier_account_id
    match entry.status:
        case DeliveryStatus.DELIVERING:
            hours = HOURS_PER_DAY if rng.random() < 0.8 else rng.randint(1, HOURS_PER_DAY)
            readings = _readings(rng, entry, hours)
            is_late = rng.random() < 0.1
            return [(supplier_id, readings)] + (
                [] if is_late else [(supplier_id, ReportDelivery(**place))]
            )
        case DeliveryStatus.REPORTED if rng.random() < 0.85:
            hours = [h for h in range(HOURS_PER_DAY) if entry.available_qtys[h] == UNKNOWN_QTY]
            rulings = [HourRuling(hour, _available_qty(rng, False)) for hour in hours]
            return [(AUDITOR, AttestDelivery(rulings=rulings, **place, **proof))]
        case DeliveryStatus.REPORTED | DeliveryStatus.ATTESTED if rng.random() < 0.3:
            return [(rng.choice([*TRADERS, BANK]), DisputeDelivery(**place, **proof))]
        case DeliveryStatus.DISPUTED if not entry.ruled_qtys:
            is_poor = rng.random() < POOR_CHANCE
            qtys = [_available_qty(rng, is_poor) for _ in range(HOURS_PER_DAY)]
            return [(AUDITOR, RuleDelivery(available_qtys=qtys, **place, **proof))]
        case DeliveryStatus.DISPUTED:
            finding = {"available_qtys": entry.ruled_qtys, "evidence_sha256": entry.ruling_sha256}
            return [(rng.choice(OPERATORS), CountersignRuling(**place, **finding))]
    return []


def _readings(rng: random.Random, entry: DeliveryDay, hours_count: int) -> Command:
    """Out of order, now and then of a higher revision; some days are poor throughout."""
    is_poor = rng.random() < POOR_CHANCE or entry.day % 60 in range(20, 25)
    hours = rng.sample(range(HOURS_PER_DAY), hours_count)
    readings = [
        Reading(entry.day, hour, _available_qty(rng, is_poor), rng.choice([0, 0, 1]))
        for hour in hours
    ]
    return RecordReadings(product_id=entry.product_id, readings=readings)


def _available_qty(rng: random.Random, is_poor: bool) -> int:
    if is_poor:
        return rng.choice([0, rng.randint(0, 60), GRANTED_QTY])
    return rng.choice([GRANTED_QTY] * 12 + [GRANTED_QTY - 1, GRANTED_QTY // 2])


def bond(rng: random.Random, market: WholeMarket) -> Keyed:
    """Cash into a bond or out of it, or for what a bond did not cover."""
    supplier_id = rng.choice([SUPPLIER, SECOND_SUPPLIER])
    claims = list(market.state.claims.values())
    if claims and rng.random() < 0.5:
        claim = rng.choice(claims)
        paid_amount = rng.choice([claim.left_amount, max(1, claim.left_amount // 2)])
        claim_id = claim.recorded.claim_id
        account_id = claim.recorded.supplier_account_id
        return account_id, PayClaim(claim_id=claim_id, paid_amount=paid_amount)
    if rng.random() < 0.6:
        return supplier_id, PostBond(bond_amount=rng.randint(1, 20_000))
    return supplier_id, WithdrawBond(bond_amount=rng.randint(1, 10_000))


def standing(rng: random.Random, market: WholeMarket) -> Keyed:
    """An operator's word on who may sell."""
    stopped = sorted(market.state.stopped_suppliers)
    if stopped:
        return 1, ReinstateSupplier(supplier_account_id=rng.choice(stopped))
    return 1, SuspendSupplier(supplier_account_id=rng.choice([SUPPLIER, SECOND_SUPPLIER]))


def substitute(rng: random.Random, market: WholeMarket) -> Keyed:
    """Other days for some of a trader's: offered, consented to, or not."""
    offers = list(market.state.substitutions.values())
    if offers and rng.random() < 0.6:
        offered = rng.choice(offers)
        substitution_id = offered.substitution_id
        if rng.random() < 0.7:
            holder_id = offered.holder_account_id
            return holder_id, AcceptSubstitution(substitution_id=substitution_id)
        sides = (offered.supplier_account_id, offered.holder_account_id)
        return rng.choice(sides), DeclineSubstitution(substitution_id=substitution_id)
    supplier_id, product_id = rng.choice([(SUPPLIER, 1), (SECOND_SUPPLIER, 2)])
    days_count, start_day = rng.randint(1, 10), market.today + rng.randint(1, 20)
    return supplier_id, OfferSubstitution(
        holder_account_id=rng.choice(TRADERS),
        product_id=product_id,
        start_day=start_day,
        end_day=start_day + days_count,
        substituted_qty=rng.randint(1, 5),
        other_product_id=product_id,
        other_start_day=start_day + days_count + rng.randint(0, 60),
    )


def terminate(market: WholeMarket) -> list[Keyed]:
    """The second supplier delivers no more, though somebody still has its days on offer."""
    name = {"supplier_account_id": SECOND_SUPPLIER}
    is_stopped = SECOND_SUPPLIER in market.state.stopped_suppliers
    suspend = [] if is_stopped else [(1, SuspendSupplier(**name))]
    ask = _firm_sale(market)
    return [*ask, *suspend, (1, TerminateSupplier(**name))]


def _firm_sale(market: WholeMarket) -> list[Keyed]:
    """A trader's firm quote of a day that it has free, if there is one."""
    for day in range(market.today + 2, market.today + 60):
        for account_id in TRADERS:
            if market.core.sellable(account_id, 2, day, day + 1)[0] > 0:
                days = {"product_id": 2, "start_day": day, "end_day": day + 1}
                ask = RequestQuote(request_qty=1, side=Side.BUY, **days)
                asker_id = OTHER if account_id != OTHER else TRADER
                quote = SubmitQuote(quote_request_id=market.state.seq + 1, quote_price=PRICE)
                return [(asker_id, ask), (account_id, quote)]
    return []


def capacity(rng: random.Random, market: WholeMarket) -> Keyed:
    """More hardware, step by step, or less of it."""
    first_day = market.today + rng.randint(1, 30)
    days = {"start_day": first_day, "end_day": first_day + rng.randint(1, 20)}
    place = {"product_id": 1, **days}
    waiting = [
        grant
        for grant in market.state.grants.values()
        if grant.status not in (GrantStatus.GRANTED, GrantStatus.REJECTED)
    ]
    chance = rng.random()
    if chance < 0.1:
        return SUPPLIER, WithdrawCapacity(withdrawn_qty=1, **place)
    if chance < 0.15:
        proof = secret_hash(f"finding {rng.random()}")
        derated_qty = rng.randint(100, GRANTED_QTY)
        return AUDITOR, DerateCapacity(derated_qty=derated_qty, evidence_sha256=proof, **place)
    if not waiting:
        return SUPPLIER, SubmitCapacity(submitted_qty=rng.randint(1, 20), **place)
    grant = waiting[-1]
    grant_id = grant.submitted.grant_id
    if chance < 0.25:
        return rng.choice([SUPPLIER, AUDITOR]), RejectCapacity(grant_id=grant_id)
    match grant.status:
        case GrantStatus.SUBMITTED:
            report = secret_hash(f"report {grant_id} {rng.random()}")
            return AUDITOR, InspectCapacity(grant_id=grant_id, evidence_sha256=report)
        case GrantStatus.BURN_IN:
            return AUDITOR, VerifyCapacity(grant_id=grant_id)
    return 1, GrantCapacity(
        product_id=grant.submitted.product_id,
        start_day=grant.submitted.start_day,
        end_day=grant.submitted.end_day,
        granted_qty=grant.submitted.submitted_qty,
        auditor_account_id=AUDITOR,
        evidence_sha256=grant.evidence_sha256,
    )
