"""A delivery day's life: each step drawn happens, each other is refused with its code."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import AcceptPledge, Command, ReleasePledge, RequestPledge
from exchange.domain.delivery_events import (
    DeliveryAttested,
    DeliveryDisputed,
    DeliveryFinalized,
    DeliveryReported,
    DeliveryRuled,
    DeliveryStarted,
    ReadingsRecorded,
    RulingProposed,
)
from exchange.domain.enums import DeliveryStatus, Purpose, Role
from exchange.domain.meter_readings import HourRuling, Reading
from exchange.domain.movements import DeliveryDayClosed
from exchange.domain.reasons import Reason
from exchange.domain.windows import start_ns
from exchange.rules.delivery import HOUR_NS, dispute_due_ns, report_due_ns
from exchange.rules.delivery_clock import next_business_day
from tests.rules.deliveries import (
    CODE,
    DAY,
    PROOF,
    DeliveryMarket,
    attest,
    countersign,
    dispute,
    paid,
    readings,
    report,
    rule,
)
from tests.rules.markets import assert_refused, calendar, day, events_of, mainland, own, span
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER, secret_hash

FULL = [100] * 24
OPERATOR = 1


@pytest.fixture
def market() -> DeliveryMarket:
    """A hundred are granted, of which the trader has bought eighty of the day."""
    market = DeliveryMarket(granted_qty=100)
    market.sell(TRADER, 80)
    yield market
    market.assert_replays()


def entry(market: DeliveryMarket):
    """The day as the rules remember it."""
    return market.state.deliveries[1][DAY]


# -- begin -----------------------------------------------------------------------------------------


def test_a_day_begins_with_what_is_contracted_and_what_it_was_last_worth(market):
    market.advance(start_ns(DAY))
    started = [e for e in events_of(market, DeliveryStarted) if e.day == DAY]
    assert started == [
        DeliveryStarted(
            product_id=1,
            day=DAY,
            contracted_qty=80,
            reference_micro=1_000 * 10_000,
            due_ns=report_due_ns(DAY),
        )
    ]


def test_a_day_that_has_not_begun_or_is_over_takes_nothing(market):
    for command in (readings([1]), report()):
        assert_refused(market, SUPPLIER, command, Reason.UNKNOWN_DELIVERY, 1, 0, DAY)
    market.deliver(FULL)
    assert_refused(market, SUPPLIER, report(), Reason.UNKNOWN_DELIVERY, 1, 0, DAY)


# -- readings --------------------------------------------------------------------------------------


def test_readings_come_in_any_order_and_a_repeat_is_nothing_new(market):
    market.advance(start_ns(DAY) + 5 * HOUR_NS)
    hours = [Reading(DAY, hour, 90 + hour) for hour in (3, 0, 4)]
    command = replace(readings([]), readings=hours)
    market.do(SUPPLIER, command)
    assert market.events == [
        ReadingsRecorded(product_id=1, readings=sorted(hours, key=lambda r: r.hour))
    ]
    assert market.refused(SUPPLIER, command).reason is Reason.EMPTY
    more = replace(command, readings=[*hours, Reading(DAY, 1, 95), Reading(DAY, 1, 95)])
    market.do(SUPPLIER, more)
    assert market.events == [ReadingsRecorded(product_id=1, readings=[Reading(DAY, 1, 95)])]
    assert entry(market).available_qtys[:6] == [90, 95, -1, 93, 94, -1]


def test_a_repeat_is_nothing_new_on_a_reported_day_and_holds_up_no_new_reading(market):
    repeated = readings(FULL[:20], revision=1)
    market.advance(start_ns(DAY + 1))
    market.do(SUPPLIER, repeated)
    market.do(SUPPLIER, report())
    market.advance(start_ns(DAY + 1) + HOUR_NS)
    assert market.refused(SUPPLIER, repeated).reason is Reason.EMPTY
    late = readings([0], revision=0)
    assert market.refused(SUPPLIER, late).reason is Reason.EMPTY
    next_hour = Reading(DAY + 1, 0, 90)
    market.do(SUPPLIER, replace(repeated, readings=[*repeated.readings, next_hour]))
    assert market.events == [ReadingsRecorded(product_id=1, readings=[next_hour])]
    assert entry(market).status is DeliveryStatus.REPORTED


@pytest.mark.parametrize(
    "news", [Reading(DAY, 0, 0, 2), Reading(DAY, 0, 0, 1), Reading(DAY, 23, 5)]
)
def test_a_reported_day_takes_no_new_reading_and_no_other_quantity(market, news):
    market.advance(start_ns(DAY + 1))
    market.do(SUPPLIER, readings(FULL[:20], revision=1))
    market.do(SUPPLIER, report())
    command = replace(readings([]), readings=[news])
    assert_refused(market, SUPPLIER, command, Reason.WRONG_STATE, 1, 0, DAY)


def test_an_hour_is_read_when_it_is_over(market):
    market.advance(start_ns(DAY) + HOUR_NS - 1)
    ended_ns = start_ns(DAY) + HOUR_NS
    wanted = (Reason.NOT_YET, ended_ns - 1, ended_ns, DAY)
    assert_refused(market, SUPPLIER, readings([90]), *wanted)
    market.advance(ended_ns)
    market.do(SUPPLIER, readings([90]))


def test_another_quantity_for_an_hour_needs_a_higher_revision(market):
    market.advance(start_ns(DAY) + HOUR_NS)
    market.do(SUPPLIER, readings([90], revision=1))
    wanted = (Reason.READING_CONFLICT, 91, 90, DAY)
    assert_refused(market, SUPPLIER, readings([91], revision=1), *wanted)
    late = readings([70], revision=0)
    assert market.refused(SUPPLIER, late).reason is Reason.EMPTY
    market.do(SUPPLIER, readings([91], revision=2))
    assert entry(market).available_qtys[0] == 91


def test_two_quantities_for_an_hour_in_one_command_conflict_too(market):
    market.advance(start_ns(DAY) + HOUR_NS)
    both = replace(readings([]), readings=[Reading(DAY, 0, 90), Reading(DAY, 0, 91)])
    assert_refused(market, SUPPLIER, both, Reason.READING_CONFLICT, 91, 90, DAY)


def test_a_supplier_reads_reports_and_nobody_else_does(market):
    market.advance(start_ns(DAY + 1))
    stranger = market.admit("another supplier", Role.SUPPLIER)
    for command in (readings(FULL), report()):
        assert_refused(market, stranger, command, Reason.WRONG_ROLE, stranger)


# -- report, attest --------------------------------------------------------------------------------


def test_a_day_is_reported_when_it_is_over(market):
    over_ns = start_ns(DAY + 1)
    market.advance(over_ns - 1)
    assert_refused(market, SUPPLIER, report(), Reason.NOT_YET, over_ns - 1, over_ns, DAY)
    market.advance(over_ns)
    market.do(SUPPLIER, report())
    assert market.events == [
        DeliveryReported(product_id=1, day=DAY, unknown_count=24, is_overdue=False)
    ]


def test_the_clock_reports_at_noon_what_is_known(market):
    market.advance(start_ns(DAY + 1))
    market.do(SUPPLIER, readings(FULL[:20]))
    market.advance(report_due_ns(DAY) - 1)
    assert entry(market).status is DeliveryStatus.DELIVERING
    market.advance(report_due_ns(DAY))
    reported = [e for e in events_of(market, DeliveryReported) if e.day == DAY]
    assert reported == [DeliveryReported(product_id=1, day=DAY, unknown_count=4, is_overdue=True)]
    late = readings([100] * 24)
    assert_refused(market, SUPPLIER, late, Reason.WRONG_STATE, 1, 0, DAY)


def test_missing_telemetry_is_for_the_auditor_to_rule_and_never_a_failure_by_itself(market):
    market.read(FULL[:22])
    market.do(SUPPLIER, report())
    assert_refused(market, AUDITOR, attest(), Reason.HOUR, 22, 0, DAY)
    known = attest(rulings=[HourRuling(hour, 100) for hour in (21, 22, 23)])
    assert_refused(market, AUDITOR, known, Reason.HOUR, 21, 0, DAY)
    twice = attest(rulings=[HourRuling(22, 100), HourRuling(22, 90), HourRuling(23, 100)])
    assert_refused(market, AUDITOR, twice, Reason.HOUR, 3, 2)
    market.do(AUDITOR, attest(rulings=[HourRuling(23, 100), HourRuling(22, 100)]))
    assert market.events == [
        DeliveryAttested(
            product_id=1,
            day=DAY,
            auditor_account_id=AUDITOR,
            rulings=[HourRuling(22, 100), HourRuling(23, 100)],
            evidence_sha256=PROOF,
            due_ns=dispute_due_ns(DAY),
        )
    ]
    assert paid(market.finish()) == {(SUPPLIER, Purpose.DELIVERY): 80 * 24 * 1_000}


def test_a_day_without_an_attestation_waits_for_it(market):
    market.read(FULL)
    market.finish()
    assert entry(market).status is DeliveryStatus.REPORTED
    assert market.core.day_totals(1, DAY)[2] == 80 * 24 * 1_000
    market.do(AUDITOR, attest())
    assert market.events[0].due_ns == market.state.market_ns
    market.advance(market.state.market_ns + 24 * HOUR_NS)
    assert market.core.day_totals(1, DAY) == (0, 0, 0)


# -- dispute, ruling -------------------------------------------------------------------------------


def test_a_dispute_is_ruled_by_an_auditor_and_countersigned_by_an_operator(market):
    market.read(FULL)
    market.do(SUPPLIER, report())
    market.do(AUDITOR, attest())
    market.do(TRADER, dispute())
    assert market.events == [
        DeliveryDisputed(product_id=1, day=DAY, account_id=TRADER, evidence_sha256=PROOF)
    ]
    found = [60] * 24
    assert_refused(market, OPERATOR, countersign(found), Reason.WRONG_STATE, 1, 0, DAY)
    market.do(AUDITOR, rule(found))
    assert market.events == [
        RulingProposed(
            product_id=1,
            day=DAY,
            auditor_account_id=AUDITOR,
            available_qtys=found,
            evidence_sha256=PROOF,
        )
    ]
    market.do(OPERATOR, countersign(found))
    assert market.events == [
        DeliveryRuled(
            product_id=1, day=DAY, operator_account_id=OPERATOR, due_ns=dispute_due_ns(DAY)
        )
    ]
    events = market.finish()
    (finalized,) = [e for e in events if isinstance(e, DeliveryFinalized)]
    assert finalized.undelivered_hours == 20 * 24
    assert paid(events)[TRADER, Purpose.SHORTFALL_REFUND] == 20 * 24 * 1_000


def test_what_is_countersigned_is_the_finding_that_stands_and_no_other(market):
    market.read(FULL)
    market.do(SUPPLIER, report())
    market.do(TRADER, dispute())
    market.do(AUDITOR, rule(FULL))
    signed = countersign(FULL)
    market.do(AUDITOR, rule([0] * 24))
    assert_refused(market, OPERATOR, signed, Reason.EVIDENCE, 1, 0, DAY)
    unproven = replace(countersign([0] * 24), evidence_sha256=secret_hash("another report"))
    assert_refused(market, OPERATOR, unproven, Reason.EVIDENCE, 1, 0, DAY)
    market.do(OPERATOR, countersign([0] * 24))
    assert entry(market).available_qtys == [0] * 24


def test_who_ruled_does_not_countersign(market):
    both = market.admit("operator and auditor", Role.OPERATOR, Role.AUDITOR)
    market.read(FULL)
    market.do(SUPPLIER, report())
    market.do(TRADER, dispute())
    market.do(both, rule(FULL))
    assert_refused(market, both, countersign(FULL), Reason.SAME_PERSON, both)
    market.do(2, countersign(FULL))


def test_an_auditor_of_the_suppliers_house_attests_and_rules_nothing(market):
    own_auditor = market.admit("own auditor", Role.AUDITOR, affiliate_ids=[SUPPLIER])
    market.read(FULL)
    market.do(SUPPLIER, report())
    assert_refused(market, own_auditor, attest(), Reason.SAME_PERSON, own_auditor)
    market.do(TRADER, dispute())
    assert_refused(market, own_auditor, rule(FULL), Reason.SAME_PERSON, own_auditor)


@pytest.mark.parametrize("has", ["title", "use", "a lien", "a friend with title"])
def test_nobody_attests_rules_or_countersigns_a_day_of_which_its_party_has_something(market, has):
    roles = (Role.AUDITOR, Role.OPERATOR, Role.TRADER, Role.BANK)
    person = market.admit("concerned", *roles, affiliate_ids=[OTHER] if "friend" in has else [])
    market.deposit(person, 10**10)
    match has:
        case "title":
            market.sell(person, 8)
        case "use":
            market.let(TRADER, person, 5, 1_000)
        case "a lien":
            request = RequestPledge(
                product_id=1, pledged_qty=10, bank_account_id=person, **span(CODE)
            )
            market.do(TRADER, request)
            market.do(person, AcceptPledge(pledge_id=1))
        case _:
            market.sell(OTHER, 8)
    market.read(FULL)
    market.do(SUPPLIER, report())
    assert_refused(market, person, attest(), Reason.SAME_PERSON, person)
    market.do(TRADER, dispute())
    assert_refused(market, person, rule([0] * 24), Reason.SAME_PERSON, person)
    market.do(AUDITOR, rule(FULL))
    assert_refused(market, person, countersign(FULL), Reason.SAME_PERSON, person)
    market.do(1, countersign(FULL))


def test_an_operator_of_the_suppliers_house_countersigns_no_ruling(market):
    own_operator = market.admit("own operator", Role.OPERATOR, affiliate_ids=[SUPPLIER])
    market.read(FULL)
    market.do(SUPPLIER, report())
    market.do(TRADER, dispute())
    market.do(AUDITOR, rule(FULL))
    assert_refused(market, own_operator, countersign(FULL), Reason.SAME_PERSON, own_operator)


def test_holders_sublessees_and_pledgees_dispute_and_nobody_else(market):
    market.let(TRADER, OTHER, 5, 1_000)
    days = span(CODE)
    request = RequestPledge(product_id=1, pledged_qty=10, bank_account_id=BANK, **days)
    market.do(TRADER, request)
    stranger = market.admit("stranger", Role.TRADER)
    market.read(FULL)
    market.do(SUPPLIER, report())
    for account_id in (stranger, SUPPLIER, BANK):
        assert_refused(market, account_id, dispute(), Reason.UNCONCERNED, account_id)
    market.do(OTHER, dispute())


def test_a_pledgee_disputes(market):
    request = RequestPledge(product_id=1, pledged_qty=10, bank_account_id=BANK, **span(CODE))
    market.do(TRADER, request)
    market.do(BANK, AcceptPledge(pledge_id=1))
    market.read(FULL)
    market.do(SUPPLIER, report())
    market.do(BANK, dispute())


def test_disputes_end_at_noon_of_the_second_day(market):
    market.read(FULL)
    market.advance(dispute_due_ns(DAY) - 1)
    market.do(TRADER, dispute())
    other = DeliveryMarket(granted_qty=100)
    other.sell(TRADER, 80)
    other.read(FULL)
    due_ns = dispute_due_ns(DAY)
    other.advance(due_ns)
    assert_refused(other, TRADER, dispute(), Reason.TOO_LATE, due_ns, due_ns, DAY)


# -- each other step is refused --------------------------------------------------------------------


STEPS: dict[str, tuple[int, Command]] = {
    "read": (SUPPLIER, readings([99], revision=9)),
    "report": (SUPPLIER, report()),
    "attest": (AUDITOR, attest()),
    "dispute": (TRADER, dispute()),
    "rule": (AUDITOR, rule(FULL)),
    "countersign": (OPERATOR, countersign(FULL)),
}
ALLOWED: dict[str, set[str]] = {
    "delivering": {"read", "report"},
    "reported": {"attest", "dispute"},
    "attested": {"dispute"},
    "disputed": {"rule"},
    "disputed and found": {"rule", "countersign"},
    "ruled": set(),
    "final": set(),
}
PATHS: dict[str, list[str]] = {
    "delivering": [],
    "reported": ["report"],
    "attested": ["report", "attest"],
    "disputed": ["report", "dispute"],
    "disputed and found": ["report", "attest", "dispute", "rule"],
    "ruled": ["report", "dispute", "rule", "countersign"],
    "final": ["report", "attest"],
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("status", PATHS)
def test_each_step_comes_in_its_turn_and_no_other(market, status, step):
    market.read(FULL)
    for taken in PATHS[status]:
        market.do(*STEPS[taken])
    if status == "final":
        market.advance(dispute_due_ns(DAY))
    assert entry(market).status == status.split()[0]
    if step in ALLOWED[status]:
        market.do(*STEPS[step])
    else:
        assert market.refused(*STEPS[step]).reason is Reason.WRONG_STATE


# -- cash ------------------------------------------------------------------------------------------


def test_a_day_is_final_at_noon_and_paid_on_the_next_business_day(market):
    market.read(FULL)
    market.do(SUPPLIER, report())
    market.do(AUDITOR, attest())
    market.advance(dispute_due_ns(DAY))
    assert entry(market).status is DeliveryStatus.FINAL
    before = market.core.balances(SUPPLIER)[0]
    market.advance(start_ns(DAY + 3) - 1)
    assert market.core.balances(SUPPLIER)[0] == before
    market.advance(start_ns(DAY + 3))
    assert market.core.balances(SUPPLIER)[0] == before + 80 * 24 * 1_000


def test_business_days_are_the_calendars_and_every_day_where_it_tells_nothing():
    market = mainland(2026)
    friday = day("2026-12-04")
    assert next_business_day(friday, market.state) == friday + 3
    assert next_business_day(day("2027-03-05"), market.state) == day("2027-03-06")
    market.do(1, calendar(2027))
    assert next_business_day(day("2027-03-05"), market.state) == day("2027-03-08")


def test_a_lien_on_a_day_that_is_over_is_lifted_with_the_rest(market):
    month = market.list_window("M2704")
    market.grant("M2704", 100)
    own(market, TRADER, month, 50)
    days = {"start_day": day("2027-04-01"), "end_day": day("2027-05-01")}
    market.do(TRADER, RequestPledge(product_id=1, pledged_qty=50, bank_account_id=BANK, **days))
    market.do(BANK, AcceptPledge(pledge_id=1))
    first = days["start_day"]
    for at_day in (first, first + 1):
        market.read(FULL, at_day)
        market.do(SUPPLIER, report(at_day))
        if at_day == first:
            market.do(AUDITOR, attest(at_day))
    market.finish(first)
    closed = {e.day for e in events_of(market, DeliveryDayClosed)}
    assert first in closed
    assert first + 1 not in closed
    lien = market.core.day_function(TRADER, 1, "lien")
    assert lien == [(first + 1, days["end_day"], 50)]
    market.do(BANK, ReleasePledge(pledge_id=1))
    assert market.core.day_function(TRADER, 1, "lien") == []
