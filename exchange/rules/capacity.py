"""
Capacity: how hardware becomes title, the only source of it, and how title that is unsold ends.

    submitted (supplier) ─▶ burn_in (auditor, with a report) ─▶ verified (auditor) ─▶ granted
            └───────────────────────┴──▶ rejected ◀─────────────────┘      (operator)

Two people sign: the auditor verifies after the burn-in, and an operator's `GrantCapacity` restates
what was verified, word for word. A report proves a product's capacity once.
"""

from msgspec.structs import replace

from exchange.domain.capacity_commands import (
    InspectCapacity,
    RejectCapacity,
    SubmitCapacity,
    VerifyCapacity,
    WithdrawCapacity,
)
from exchange.domain.capacity_events import (
    CapacityInspected,
    CapacityRejected,
    CapacitySubmitted,
    CapacityVerified,
)
from exchange.domain.commands import GrantCapacity
from exchange.domain.delivery_events import DeliveryStarted
from exchange.domain.enums import GrantStatus, Role
from exchange.domain.events import CapacityGranted, Event, ProductDefined
from exchange.domain.movements import CapacityWithdrawn
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import MAX_QTY
from exchange.domain.windows import day_at

from .capacity_state import CapacityGrant
from .delivery import report_due_ns
from .persons import require_apart, require_independent
from .state import State

MAX_GRANT_DAYS = 3_660
"""Ten years of delivery days in one grant."""
_ENDED = (GrantStatus.GRANTED, GrantStatus.REJECTED)


# -- decide ---------------------------------------------------------------------------------------


def decide_submit(command: SubmitCapacity, state: State, account_id: int) -> list[Event]:
    """A supplier offers days of its own product, of which none is over."""
    product = _own_product(command.product_id, state, account_id)
    require(account_id not in state.stopped_suppliers, Reason.SUSPENDED, account_id)
    require_days(command.start_day, command.end_day, day_at(state.market_ns))
    _require_lots(command.submitted_qty, product)
    return [
        CapacitySubmitted(
            grant_id=state.grant_count + 1,
            product_id=product.product_id,
            account_id=account_id,
            start_day=command.start_day,
            end_day=command.end_day,
            submitted_qty=command.submitted_qty,
        )
    ]


def decide_inspect(command: InspectCapacity, state: State, account_id: int) -> list[Event]:
    """An auditor has inspected the hardware; its report proves this capacity and no other."""
    assert state.venue is not None, "capacity follows genesis"
    grant = _grant_in(command.grant_id, state, GrantStatus.SUBMITTED)
    require_independent(grant.submitted.product_id, account_id, state)
    reference = _evidence(grant.submitted.product_id, command.evidence_sha256)
    require(reference not in state.references, Reason.ALREADY_EXISTS)
    return [
        CapacityInspected(
            grant_id=command.grant_id,
            auditor_account_id=account_id,
            evidence_sha256=command.evidence_sha256,
            burnt_in_ns=state.market_ns + state.venue.burn_in_ns,
        )
    ]


def decide_verify(command: VerifyCapacity, state: State, account_id: int) -> list[Event]:
    """An auditor signs, when the burn-in is over."""
    grant = _grant_in(command.grant_id, state, GrantStatus.BURN_IN)
    require_independent(grant.submitted.product_id, account_id, state)
    burnt_in_ns = grant.burnt_in_ns
    require(state.market_ns >= burnt_in_ns, Reason.NOT_YET, state.market_ns, burnt_in_ns)
    return [CapacityVerified(grant_id=command.grant_id, auditor_account_id=account_id)]


def decide_reject(command: RejectCapacity, state: State, account_id: int) -> list[Event]:
    """An auditor, or the supplier itself, ends what is not title yet."""
    grant = state.grants.get(command.grant_id)
    is_auditor = Role.AUDITOR in state.participants[account_id].roles
    if grant is None or not (is_auditor or grant.submitted.account_id == account_id):
        raise Refused(Reason.UNKNOWN_GRANT, command.grant_id)
    require(grant.status not in _ENDED, Reason.WRONG_STATE, command.grant_id)
    return [CapacityRejected(grant_id=command.grant_id, account_id=account_id)]


def decide_grant(command: GrantCapacity, state: State, account_id: int) -> list[Event]:
    """
    The operator's signature under a verified submission, of which it restates every term.

    Refused where nothing was verified on that evidence, where a term differs, and where operator
    and auditor are one person.
    """
    product = state.product(command.product_id)
    grant = _verified_on(command, state)
    offered = grant.submitted
    terms = (offered.start_day, offered.end_day, offered.submitted_qty)
    signed = (command.start_day, command.end_day, command.granted_qty)
    same_auditor = grant.auditor_account_id == command.auditor_account_id
    require(terms == signed and same_auditor, Reason.EVIDENCE, offered.grant_id)
    require_apart(account_id, [grant.auditor_account_id], state)
    require_independent(product.product_id, account_id, state)
    supplier_id = product.supplier_account_id
    require(supplier_id not in state.stopped_suppliers, Reason.SUSPENDED, supplier_id)
    today = day_at(state.market_ns)
    require_days(command.start_day, command.end_day, today)
    for start_day, end_day, granted_qty in state.core.granted(product.product_id):
        if start_day < command.end_day and command.start_day < end_day:
            total_qty = granted_qty + command.granted_qty
            binding_day = max(start_day, command.start_day)
            require(total_qty <= MAX_QTY, Reason.TITLE, total_qty, MAX_QTY, binding_day)
    return [
        CapacityGranted(
            grant_id=offered.grant_id,
            product_id=product.product_id,
            account_id=supplier_id,
            start_day=command.start_day,
            end_day=command.end_day,
            granted_qty=command.granted_qty,
            operator_account_id=account_id,
            auditor_account_id=grant.auditor_account_id,
            evidence_sha256=command.evidence_sha256,
        ),
        *_running_day(command, today, state),
    ]


def decide_withdraw(command: WithdrawCapacity, state: State, account_id: int) -> list[Event]:
    """A supplier takes back what is free on every day of a span; else the first binding day."""
    product = _own_product(command.product_id, state, account_id)
    require_days(command.start_day, command.end_day, day_at(state.market_ns) + 1)
    _require_lots(command.withdrawn_qty, product)
    free_qty, binding_day = state.core.sellable(
        account_id, product.product_id, command.start_day, command.end_day
    )
    require(
        command.withdrawn_qty <= free_qty,
        Reason.TITLE,
        command.withdrawn_qty,
        free_qty,
        binding_day,
    )
    return [
        CapacityWithdrawn(
            grant_id=0,
            product_id=product.product_id,
            account_id=account_id,
            start_day=command.start_day,
            end_day=command.end_day,
            withdrawn_qty=command.withdrawn_qty,
        )
    ]


def _running_day(command: GrantCapacity, today: int, state: State) -> list[Event]:
    """The beginning of the day that runs, where the grant is the first that has it."""
    product_id = command.product_id
    if command.start_day > today or today in state.deliveries.get(product_id, {}):
        return []
    return [
        DeliveryStarted(
            product_id=product_id,
            day=today,
            contracted_qty=0,
            reference_micro=0,
            due_ns=report_due_ns(today),
        )
    ]


def _own_product(product_id: int, state: State, account_id: int) -> ProductDefined:
    product = state.product(product_id)
    require(product.supplier_account_id == account_id, Reason.WRONG_ROLE, account_id)
    return product


def require_days(start_day: int, end_day: int, first_day: int) -> None:
    """Refuses a span of no days, of too many, or with one that comes before the first allowed."""
    days = end_day - start_day
    require(0 < days <= MAX_GRANT_DAYS, Reason.BAD_WINDOW, days, MAX_GRANT_DAYS)
    require(start_day >= first_day, Reason.BAD_WINDOW, start_day, first_day)


def _require_lots(qty: int, product: ProductDefined) -> None:
    require(qty % product.lot_qty == 0, Reason.LOT, qty, product.lot_qty)


def _grant_in(grant_id: int, state: State, status: GrantStatus) -> CapacityGrant:
    grant = state.grants.get(grant_id)
    if grant is None:
        raise Refused(Reason.UNKNOWN_GRANT, grant_id)
    require(grant.status is status, Reason.WRONG_STATE, grant_id)
    return grant


def _verified_on(command: GrantCapacity, state: State) -> CapacityGrant:
    for grant in state.grants.values():
        is_same = grant.submitted.product_id == command.product_id
        if is_same and grant.evidence_sha256 == command.evidence_sha256:
            grant_id = grant.submitted.grant_id
            require(grant.status is not GrantStatus.GRANTED, Reason.ALREADY_EXISTS, grant_id)
            require(grant.status is GrantStatus.VERIFIED, Reason.WRONG_STATE, grant_id)
            return grant
    raise Refused(Reason.UNKNOWN_GRANT, 0, command.product_id)


def _evidence(product_id: int, evidence_sha256: bytes) -> str:
    return f"evidence:{product_id}:{evidence_sha256.hex()}"


# -- evolve ---------------------------------------------------------------------------------------


def evolve_submitted(event: CapacitySubmitted, state: State) -> None:
    """The submission waits for an auditor."""
    state.grant_count = event.grant_id
    state.grants[event.grant_id] = CapacityGrant(event, GrantStatus.SUBMITTED)


def evolve_inspected(event: CapacityInspected, state: State) -> None:
    """The burn-in runs, and the report is used."""
    grant = state.grants[event.grant_id]
    state.references[_evidence(grant.submitted.product_id, event.evidence_sha256)] = state.seq
    state.grants[event.grant_id] = replace(
        grant,
        status=GrantStatus.BURN_IN,
        evidence_sha256=event.evidence_sha256,
        burnt_in_ns=event.burnt_in_ns,
    )


def evolve_verified(event: CapacityVerified, state: State) -> None:
    """The submission waits for an operator."""
    state.grants[event.grant_id] = replace(
        state.grants[event.grant_id],
        status=GrantStatus.VERIFIED,
        auditor_account_id=event.auditor_account_id,
    )


def evolve_rejected(event: CapacityRejected, state: State) -> None:
    """The submission is over."""
    grant = state.grants[event.grant_id]
    state.grants[event.grant_id] = replace(grant, status=GrantStatus.REJECTED)


def evolve_granted(event: CapacityGranted, state: State) -> None:
    """The supplier owns the unit-days."""
    grant = state.grants[event.grant_id]
    state.grants[event.grant_id] = replace(grant, status=GrantStatus.GRANTED)
    state.core.grant(
        event.product_id, event.account_id, event.start_day, event.end_day, event.granted_qty
    )
