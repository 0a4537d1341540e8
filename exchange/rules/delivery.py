"""
Delivery days as people tell of them: readings, report, attestation, dispute, ruling.

    delivering ─▶ reported ─▶ attested ─────────────▶ final ─▶ (settled: the day is closed)
                      └──────────┴─▶ disputed ─▶ ruled ─┘

The supplier reports by 12:00 on the day after, or the clock does; holders, sublessees and pledgees
dispute until 12:00 on the day after that. An hour without a reading is unknown and never a failure
by itself: the auditor rules on it with the attestation. A ruling on a dispute takes two people, and
nobody attests or rules on a day of which its party has something.
What the clock does is in `delivery_clock`; what a day pays is in `releases` and `shortfall`.
"""

from bisect import insort

from exchange.domain.delivery_commands import (
    AttestDelivery,
    CountersignRuling,
    DisputeDelivery,
    RecordReadings,
    ReportDelivery,
    RuleDelivery,
)
from exchange.domain.delivery_events import (
    DeliveryAttested,
    DeliveryDisputed,
    DeliveryReported,
    DeliveryRuled,
    ReadingsRecorded,
    RulingProposed,
)
from exchange.domain.enums import DeliveryStatus
from exchange.domain.events import Event
from exchange.domain.meter_readings import UNKNOWN_QTY, HourRuling, Reading
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import HOURS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import start_ns

from .day_book import liens_on
from .delivery_state import DeliveryDay
from .persons import require_apart, require_unconcerned
from .state import State

HOUR_NS = 3_600 * NS_PER_SECOND
NOON_NS = 12 * HOUR_NS


def report_due_ns(day: int) -> int:
    """12:00 on the day after."""
    return start_ns(day + 1) + NOON_NS


def dispute_due_ns(day: int) -> int:
    """12:00 on the second day after."""
    return start_ns(day + 2) + NOON_NS


# -- decide ---------------------------------------------------------------------------------------


def decide_readings(command: RecordReadings, state: State, account_id: int) -> list[Event]:
    """
    What is new among the readings; all of them are refused where one of these is.

    What is known is let go, at every point of a day's way: a meter sends again what it has no
    answer to. So is a reading of a lower revision than the one that stands, which is late.
    """
    _require_supplier(command.product_id, state, account_id)
    news: dict[tuple[int, int], Reading] = {}
    for reading in command.readings:
        entry = open_day(command.product_id, reading.day, state)
        hour = reading.hour
        before = news.get((reading.day, hour))
        known_qty, revision = entry.available_qtys[hour], entry.revisions[hour]
        if before is not None:
            known_qty, revision = before.available_qty, before.revision
        is_newer = known_qty == UNKNOWN_QTY or reading.revision > revision
        if not is_newer and (reading.revision < revision or reading.available_qty == known_qty):
            continue
        _require_status(entry, state, DeliveryStatus.DELIVERING)
        ended_ns = start_ns(reading.day) + (hour + 1) * HOUR_NS
        require(ended_ns <= state.market_ns, Reason.NOT_YET, state.market_ns, ended_ns, reading.day)
        conflict = (Reason.READING_CONFLICT, reading.available_qty, known_qty, reading.day)
        require(is_newer, *conflict)
        news[reading.day, hour] = reading
    require(len(news) > 0, Reason.EMPTY, len(command.readings))
    return [
        ReadingsRecorded(
            product_id=command.product_id, readings=[news[place] for place in sorted(news)]
        )
    ]


def decide_report(command: ReportDelivery, state: State, account_id: int) -> list[Event]:
    """The supplier closes a day that is over."""
    _require_supplier(command.product_id, state, account_id)
    entry = open_day(command.product_id, command.day, state)
    _require_status(entry, state, DeliveryStatus.DELIVERING)
    over_ns = start_ns(command.day + 1)
    require(over_ns <= state.market_ns, Reason.NOT_YET, state.market_ns, over_ns, command.day)
    return [reported(entry, is_overdue=False)]


def decide_attest(command: AttestDelivery, state: State, account_id: int) -> list[Event]:
    """An auditor stands for a reported day, with a ruling for each unknown hour and no other."""
    entry = open_day(command.product_id, command.day, state)
    _require_status(entry, state, DeliveryStatus.REPORTED)
    require_unconcerned(entry.product_id, entry.day, account_id, state)
    ruled = {ruling.hour for ruling in command.rulings}
    require(len(ruled) == len(command.rulings), Reason.HOUR, len(command.rulings), len(ruled))
    for hour in range(HOURS_PER_DAY):
        is_unknown = entry.available_qtys[hour] == UNKNOWN_QTY
        require(is_unknown == (hour in ruled), Reason.HOUR, hour, 0, command.day)
    return [
        DeliveryAttested(
            product_id=entry.product_id,
            day=entry.day,
            auditor_account_id=account_id,
            rulings=sorted(command.rulings, key=_hour),
            evidence_sha256=command.evidence_sha256,
            due_ns=max(dispute_due_ns(entry.day), state.market_ns),
        )
    ]


def decide_dispute(command: DisputeDelivery, state: State, account_id: int) -> list[Event]:
    """Somebody who owns, uses or has a lien on some of the day says that it was otherwise."""
    entry = open_day(command.product_id, command.day, state)
    _require_status(entry, state, DeliveryStatus.REPORTED, DeliveryStatus.ATTESTED)
    due_ns = dispute_due_ns(command.day)
    require(state.market_ns < due_ns, Reason.TOO_LATE, state.market_ns, due_ns, command.day)
    require(_is_concerned(entry, account_id, state), Reason.UNCONCERNED, account_id)
    return [
        DeliveryDisputed(
            product_id=entry.product_id,
            day=entry.day,
            account_id=account_id,
            evidence_sha256=command.evidence_sha256,
        )
    ]


def decide_ruling(command: RuleDelivery, state: State, account_id: int) -> list[Event]:
    """An auditor's finding; another one takes its place until it is countersigned."""
    entry = open_day(command.product_id, command.day, state)
    _require_status(entry, state, DeliveryStatus.DISPUTED)
    require_unconcerned(entry.product_id, entry.day, account_id, state)
    return [
        RulingProposed(
            product_id=entry.product_id,
            day=entry.day,
            auditor_account_id=account_id,
            available_qtys=command.available_qtys,
            evidence_sha256=command.evidence_sha256,
        )
    ]


def decide_countersign(command: CountersignRuling, state: State, account_id: int) -> list[Event]:
    """The operator's word for this very finding; not from the person who found it."""
    entry = open_day(command.product_id, command.day, state)
    _require_status(entry, state, DeliveryStatus.DISPUTED)
    require(len(entry.ruled_qtys) > 0, Reason.WRONG_STATE, command.product_id, 0, command.day)
    found = (entry.ruled_qtys, entry.ruling_sha256)
    is_found = (command.available_qtys, command.evidence_sha256) == found
    require(is_found, Reason.EVIDENCE, command.product_id, 0, command.day)
    require_apart(account_id, [entry.ruler_account_id], state)
    require_unconcerned(entry.product_id, entry.day, account_id, state)
    return [
        DeliveryRuled(
            product_id=entry.product_id,
            day=entry.day,
            operator_account_id=account_id,
            due_ns=max(dispute_due_ns(entry.day), state.market_ns),
        )
    ]


def reported(entry: DeliveryDay, *, is_overdue: bool) -> DeliveryReported:
    """The day with what is known of it."""
    return DeliveryReported(
        product_id=entry.product_id,
        day=entry.day,
        unknown_count=entry.available_qtys.count(UNKNOWN_QTY),
        is_overdue=is_overdue,
    )


def open_day(product_id: int, day: int, state: State) -> DeliveryDay:
    """The day between its first moment and its cash; refuses any other."""
    state.product(product_id)
    entry = state.deliveries.get(product_id, {}).get(day)
    if entry is None:
        raise Refused(Reason.UNKNOWN_DELIVERY, product_id, 0, day)
    return entry


def _require_status(entry: DeliveryDay, state: State, *allowed: DeliveryStatus) -> None:
    """Refuses with the day's number and when the clock comes to it."""
    is_due = 0 < entry.due_ns <= state.market_ns
    require(
        entry.status in allowed and not is_due,
        Reason.WRONG_STATE,
        entry.product_id,
        entry.due_ns,
        entry.day,
    )


def _require_supplier(product_id: int, state: State, account_id: int) -> None:
    product = state.product(product_id)
    require(product.supplier_account_id == account_id, Reason.WRONG_ROLE, account_id)


def _is_concerned(entry: DeliveryDay, account_id: int, state: State) -> bool:
    """Whether an account that is not of the house has days, use or a lien on them."""
    for holder_id, is_house, title_qty, _, _, sublet_in_qty in state.core.holders(
        entry.product_id, entry.day
    ):
        if holder_id == account_id and (sublet_in_qty or (title_qty and not is_house)):
            return True
    liens = liens_on(entry.product_id, entry.day, state)
    return any(lien.bank_account_id == account_id for lien in liens)


def _hour(ruling: HourRuling) -> int:
    return ruling.hour


# -- evolve ---------------------------------------------------------------------------------------


def set_due(entry: DeliveryDay, due_ns: int, state: State) -> None:
    """When the clock comes to the day next; 0 for not by itself."""
    place = (entry.product_id, entry.day)
    if entry.due_ns:
        state.delivery_dues.remove((entry.due_ns, *place))
    entry.due_ns = due_ns
    if due_ns:
        insort(state.delivery_dues, (due_ns, *place))


def evolve_readings(event: ReadingsRecorded, state: State) -> None:
    """The hours are known."""
    days = state.deliveries[event.product_id]
    for reading in event.readings:
        entry = days[reading.day]
        entry.available_qtys[reading.hour] = reading.available_qty
        entry.revisions[reading.hour] = reading.revision


def evolve_reported(event: DeliveryReported, state: State) -> None:
    """The auditor has the word."""
    entry = state.deliveries[event.product_id][event.day]
    entry.status = DeliveryStatus.REPORTED
    set_due(entry, 0, state)


def evolve_attested(event: DeliveryAttested, state: State) -> None:
    """Every hour is known, and those concerned have the word."""
    entry = state.deliveries[event.product_id][event.day]
    entry.status = DeliveryStatus.ATTESTED
    for ruling in event.rulings:
        entry.available_qtys[ruling.hour] = ruling.available_qty
    set_due(entry, event.due_ns, state)


def evolve_disputed(event: DeliveryDisputed, state: State) -> None:
    """The day waits for a ruling."""
    entry = state.deliveries[event.product_id][event.day]
    entry.status = DeliveryStatus.DISPUTED
    set_due(entry, 0, state)


def evolve_proposed(event: RulingProposed, state: State) -> None:
    """The finding waits for its countersignature."""
    entry = state.deliveries[event.product_id][event.day]
    entry.ruled_qtys = list(event.available_qtys)
    entry.ruling_sha256 = event.evidence_sha256
    entry.ruler_account_id = event.auditor_account_id


def evolve_ruled(event: DeliveryRuled, state: State) -> None:
    """The finding is what was available."""
    entry = state.deliveries[event.product_id][event.day]
    entry.status = DeliveryStatus.RULED
    entry.available_qtys, entry.ruled_qtys = entry.ruled_qtys, []
    set_due(entry, event.due_ns, state)
