"""
Delivery for those who look: capacity on its way to title, delivery days, bonds, claims.

A day that is over is kept for `KEPT_DAYS`, with what was not delivered of it; one that is not
final yet is kept until it is, however long its people take.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from exchange.domain import capacity_events as ce
from exchange.domain import delivery_events as de
from exchange.domain.enums import DeliveryStatus, GrantStatus
from exchange.domain.events import CapacityGranted, Event, ProductDefined
from exchange.domain.meter_readings import UNKNOWN_QTY
from exchange.domain.movements import CapacityWithdrawn, DeliveryDayClosed
from exchange.domain.record import Record
from exchange.domain.substitution import (
    SubstitutionAccepted,
    SubstitutionDeclined,
    SubstitutionLapsed,
    SubstitutionOffered,
)
from exchange.domain.units import HOURS_PER_DAY, NS_PER_DAY
from exchange.domain.windows import day_at, start_ns

from .grant_status import status_of
from .projection import Handler, Projection

KEPT_DAYS = 90
CLOSED = "closed"
_SETTLED = (CLOSED, DeliveryStatus.FINAL.value)


class Day(Struct):
    """A delivery day of a product."""

    product_id: int
    day: int
    status: str
    contracted_qty: int
    available_qtys: list[int]
    """By hour; -1 for unknown."""
    due_ns: int = 0
    undelivered_hours: int = 0
    dispute_sha256: bytes = b""
    """Of the evidence for a dispute."""
    ruled_qtys: list[int] = []
    """An auditor's finding that waits for its countersignature, by hour."""
    ruling_sha256: bytes = b""
    """Of the evidence for the last finding."""


def is_overdue(day: Day, market_ns: int) -> bool:
    """
    Whether a day still waits for people at noon of the second day after it.

    Nobody's silence settles a day: its escrow stays where it is until an auditor has spoken. So it
    is for operators to see, and to ask another auditor.
    """
    is_waiting = day.status in (DeliveryStatus.REPORTED, DeliveryStatus.DISPUTED)
    return is_waiting and is_past_disputes(day.day, market_ns)


def is_past_disputes(day: int, market_ns: int) -> bool:
    """Whether it is noon of the second day after a delivery day, or later."""
    return market_ns >= start_ns(day + 2) + NS_PER_DAY // 2


class Grant(Struct):
    """Capacity from its submission on."""

    submitted: ce.CapacitySubmitted
    status: str
    """As recorded; `grant_status` tells where it stands."""
    burnt_in_ns: int = 0
    left_unit_days: int = 0
    """GPU-days of it, once it is granted, that were not withdrawn."""
    is_derated: bool = False


class Supplier(Struct):
    """A supplier's bond and standing."""

    account_id: int
    bond_amount: int = 0
    required_amount: int = 0
    """As last stated, when the bond was short or was withdrawn from."""
    is_suspended: bool = False
    is_terminated: bool = False


class DeliveriesState(Struct):
    """The checkpoint."""

    days: list[Day]
    grants: list[Grant]
    suppliers: list[Supplier]
    claims: list[de.DamagesClaimed]
    supplier_ids: list[tuple[int, int]]
    substitutions: list[SubstitutionOffered] = []


class Deliveries(Projection[DeliveriesState]):
    """Days by (product, day), grants and claims by id, suppliers by account."""

    state_type = DeliveriesState

    def __init__(self) -> None:
        super().__init__()
        self.days: dict[tuple[int, int], Day] = {}
        self.grants: dict[int, Grant] = {}
        self.suppliers: dict[int, Supplier] = {}
        self.claims: dict[int, de.DamagesClaimed] = {}
        """With what is left of each."""
        self.supplier_ids: dict[int, int] = {}
        """By product."""
        self.substitutions: dict[int, SubstitutionOffered] = {}
        """Those that stand."""
        self.open_days: dict[int, set[int]] = {}
        """Days that have begun and are not final, by product."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """Whatever is told of capacity, delivery and bonds."""
        return {
            ProductDefined: self._define,
            ce.CapacitySubmitted: self._submit,
            ce.CapacityInspected: self._inspect,
            ce.CapacityVerified: self._verify,
            ce.CapacityRejected: self._reject,
            CapacityGranted: self._grant,
            ce.CapacityDerated: self._derate,
            CapacityWithdrawn: self._withdraw_capacity,
            de.DeliveryStarted: self._start,
            de.ReadingsRecorded: self._read,
            de.DeliveryReported: self._report,
            de.DeliveryAttested: self._attest,
            de.DeliveryDisputed: self._dispute,
            de.RulingProposed: self._propose,
            de.DeliveryRuled: self._rule,
            de.DeliveryPostponed: self._postpone,
            de.DeliveryFinalized: self._finalize,
            de.DeliveryCancelled: self._cancel,
            DeliveryDayClosed: self._close,
            de.DeliverySettled: self._settle,
            de.DamagesClaimed: self._claim,
            de.ClaimPaid: self._pay_claim,
            de.BondPosted: self._post,
            de.BondWithdrawn: self._withdraw,
            de.BondShort: self._short,
            de.BondMadeGood: self._short,
            de.SupplierSuspended: self._suspend,
            de.SupplierReinstated: self._reinstate,
            de.SupplierTerminated: self._terminate,
            SubstitutionOffered: self._offer_substitution,
            SubstitutionAccepted: self._end_substitution,
            SubstitutionDeclined: self._end_substitution,
            SubstitutionLapsed: self._end_substitution,
        }

    def state(self) -> DeliveriesState:
        """All tables in the order of their keys."""
        return DeliveriesState(
            [day for _, day in sorted(self.days.items())],
            [grant for _, grant in sorted(self.grants.items())],
            [supplier for _, supplier in sorted(self.suppliers.items())],
            [claim for _, claim in sorted(self.claims.items())],
            sorted(self.supplier_ids.items()),
            [offered for _, offered in sorted(self.substitutions.items())],
        )

    def load(self, state: DeliveriesState) -> None:
        """Takes the tables."""
        self.days = {(day.product_id, day.day): day for day in state.days}
        self.grants = {grant.submitted.grant_id: grant for grant in state.grants}
        self.suppliers = {supplier.account_id: supplier for supplier in state.suppliers}
        self.claims = {claim.claim_id: claim for claim in state.claims}
        self.supplier_ids = dict(state.supplier_ids)
        self.substitutions = {each.substitution_id: each for each in state.substitutions}
        self.open_days = {}
        for day in state.days:
            if day.status not in _SETTLED:
                self.open_days.setdefault(day.product_id, set()).add(day.day)

    def overdue_count(self, market_ns: int) -> int:
        """How many days wait for an auditor or operator beyond the end of their disputes."""
        return sum(
            is_overdue(self.days[product_id, day], market_ns)
            for product_id, open_days in self.open_days.items()
            for day in open_days
        )

    def is_final(self, product_id: int, start_day: int, end_day: int) -> bool:
        """Whether no day of a span that has begun is still to be reported, attested or ruled on."""
        open_days = self.open_days.get(product_id, ())
        return not any(start_day <= day < end_day for day in open_days)

    # -- capacity

    def _define(self, event: ProductDefined, _record: Record, _index: int) -> None:
        self.supplier_ids[event.product_id] = event.supplier_account_id

    def _submit(self, event: ce.CapacitySubmitted, _record: Record, _index: int) -> None:
        self.grants[event.grant_id] = Grant(event, GrantStatus.SUBMITTED.value)

    def _inspect(self, event: ce.CapacityInspected, _record: Record, _index: int) -> None:
        grant = self.grants[event.grant_id]
        grant.status, grant.burnt_in_ns = GrantStatus.BURN_IN.value, event.burnt_in_ns

    def _verify(self, event: ce.CapacityVerified, _record: Record, _index: int) -> None:
        self.grants[event.grant_id].status = GrantStatus.VERIFIED.value

    def _reject(self, event: ce.CapacityRejected, _record: Record, _index: int) -> None:
        self.grants[event.grant_id].status = GrantStatus.REJECTED.value

    def _grant(self, event: CapacityGranted, _record: Record, _index: int) -> None:
        grant = self.grants.get(event.grant_id)
        if grant is not None:
            grant.status = GrantStatus.GRANTED.value
            grant.left_unit_days = (event.end_day - event.start_day) * event.granted_qty

    def grant_status(self, grant: Grant, market_ns: int) -> str:
        """Where a grant stands at a moment."""
        offered = grant.submitted
        supplier = self.suppliers.get(offered.account_id)
        is_stopped = supplier is not None and (supplier.is_suspended or supplier.is_terminated)
        return status_of(
            grant.status,
            left_unit_days=grant.left_unit_days,
            is_over=offered.end_day <= day_at(market_ns),
            is_stopped=is_stopped,
            is_derated=grant.is_derated,
        )

    def _derate(self, event: ce.CapacityDerated, _record: Record, _index: int) -> None:
        for grant in self._granted(event.product_id, event.start_day, event.end_day):
            grant.is_derated = True

    def _withdraw_capacity(self, event: CapacityWithdrawn, _record: Record, _index: int) -> None:
        """Unsold title of several grants ends with the newest first."""
        left = (event.end_day - event.start_day) * event.withdrawn_qty
        for grant in self._granted(event.product_id, event.start_day, event.end_day):
            offered = grant.submitted
            days = min(offered.end_day, event.end_day) - max(offered.start_day, event.start_day)
            taken = min(left, grant.left_unit_days, days * offered.submitted_qty)
            grant.left_unit_days -= taken
            left -= taken

    def _granted(self, product_id: int, start_day: int, end_day: int) -> list[Grant]:
        """The grants with days of a span, the newest first."""
        return [
            grant
            for _, grant in sorted(self.grants.items(), reverse=True)
            if grant.status == GrantStatus.GRANTED
            and grant.submitted.product_id == product_id
            and grant.submitted.start_day < end_day
            and start_day < grant.submitted.end_day
        ]

    # -- days

    def _start(self, event: de.DeliveryStarted, _record: Record, _index: int) -> None:
        self.days[event.product_id, event.day] = Day(
            event.product_id,
            event.day,
            DeliveryStatus.DELIVERING.value,
            event.contracted_qty,
            [UNKNOWN_QTY] * HOURS_PER_DAY,
            event.due_ns,
        )
        self.open_days.setdefault(event.product_id, set()).add(event.day)
        oldest = (event.product_id, event.day - KEPT_DAYS)
        if oldest in self.days and self.days[oldest].status == CLOSED:
            del self.days[oldest]

    def _read(self, event: de.ReadingsRecorded, _record: Record, _index: int) -> None:
        for reading in event.readings:
            day = self.days[event.product_id, reading.day]
            day.available_qtys[reading.hour] = reading.available_qty

    def _report(self, event: de.DeliveryReported, _record: Record, _index: int) -> None:
        self._turn(event.product_id, event.day, DeliveryStatus.REPORTED)

    def _attest(self, event: de.DeliveryAttested, _record: Record, _index: int) -> None:
        day = self._turn(event.product_id, event.day, DeliveryStatus.ATTESTED, event.due_ns)
        for ruling in event.rulings:
            day.available_qtys[ruling.hour] = ruling.available_qty

    def _dispute(self, event: de.DeliveryDisputed, _record: Record, _index: int) -> None:
        day = self._turn(event.product_id, event.day, DeliveryStatus.DISPUTED)
        day.dispute_sha256 = event.evidence_sha256

    def _propose(self, event: de.RulingProposed, _record: Record, _index: int) -> None:
        day = self.days[event.product_id, event.day]
        day.ruled_qtys, day.ruling_sha256 = event.available_qtys, event.evidence_sha256

    def _rule(self, event: de.DeliveryRuled, _record: Record, _index: int) -> None:
        day = self._turn(event.product_id, event.day, DeliveryStatus.RULED, event.due_ns)
        day.available_qtys, day.ruled_qtys = day.ruled_qtys, []

    def _postpone(self, event: de.DeliveryPostponed, _record: Record, _index: int) -> None:
        self.days[event.product_id, event.day].due_ns = event.due_ns

    def _finalize(self, event: de.DeliveryFinalized, _record: Record, _index: int) -> None:
        day = self._turn(event.product_id, event.day, DeliveryStatus.FINAL, event.due_ns)
        day.contracted_qty = event.contracted_qty
        day.undelivered_hours = event.undelivered_hours
        self.open_days[event.product_id].discard(event.day)

    def _cancel(self, event: de.DeliveryCancelled, _record: Record, _index: int) -> None:
        self.days[event.product_id, event.day] = Day(
            event.product_id,
            event.day,
            DeliveryStatus.FINAL.value,
            event.contracted_qty,
            [0] * HOURS_PER_DAY,
            event.due_ns,
            event.undelivered_hours,
        )

    def _close(self, event: DeliveryDayClosed, _record: Record, _index: int) -> None:
        day = self.days.get((event.product_id, event.day))
        if day is not None:
            day.status, day.due_ns = CLOSED, 0
            self.open_days.get(event.product_id, set()).discard(event.day)

    def _turn(self, product_id: int, day: int, status: DeliveryStatus, due_ns: int = 0) -> Day:
        found = self.days[product_id, day]
        found.status, found.due_ns = status.value, due_ns
        return found

    # -- bonds, claims, standing

    def _supplier(self, account_id: int) -> Supplier:
        found = self.suppliers.get(account_id)
        if found is None:
            found = self.suppliers[account_id] = Supplier(account_id)
        return found

    def _settle(self, event: de.DeliverySettled, _record: Record, _index: int) -> None:
        if event.drawn_amount:
            self._supplier(event.supplier_account_id).bond_amount -= event.drawn_amount

    def _claim(self, event: de.DamagesClaimed, _record: Record, _index: int) -> None:
        self.claims[event.claim_id] = event

    def _pay_claim(self, event: de.ClaimPaid, _record: Record, _index: int) -> None:
        claim = self.claims.pop(event.claim_id)
        if event.left_amount:
            self.claims[event.claim_id] = replace(claim, claim_amount=event.left_amount)

    def _post(self, event: de.BondPosted, _record: Record, _index: int) -> None:
        self._supplier(event.supplier_account_id).bond_amount = event.bond_amount

    def _withdraw(self, event: de.BondWithdrawn, _record: Record, _index: int) -> None:
        supplier = self._supplier(event.supplier_account_id)
        supplier.bond_amount, supplier.required_amount = event.bond_amount, event.required_amount

    def _short(self, event: de.BondShort | de.BondMadeGood, _record: Record, _index: int) -> None:
        self._supplier(event.supplier_account_id).required_amount = event.required_amount

    def _suspend(self, event: de.SupplierSuspended, _record: Record, _index: int) -> None:
        self._supplier(event.supplier_account_id).is_suspended = True

    def _reinstate(self, event: de.SupplierReinstated, _record: Record, _index: int) -> None:
        self._supplier(event.supplier_account_id).is_suspended = False

    def _terminate(self, event: de.SupplierTerminated, _record: Record, _index: int) -> None:
        self._supplier(event.supplier_account_id).is_terminated = True

    # -- substitutions

    def _offer_substitution(self, event: SubstitutionOffered, _record: Record, _index: int) -> None:
        self.substitutions[event.substitution_id] = event

    def _end_substitution(
        self,
        event: SubstitutionAccepted | SubstitutionDeclined | SubstitutionLapsed,
        _record: Record,
        _index: int,
    ) -> None:
        del self.substitutions[event.substitution_id]
