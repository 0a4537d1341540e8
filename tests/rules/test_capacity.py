"""Capacity: two signatures make title, each step in its turn, and unsold title can end."""

from typing import Any

import pytest
from msgspec.structs import replace

from exchange.domain.capacity_commands import (
    DerateCapacity,
    InspectCapacity,
    RejectCapacity,
    SubmitCapacity,
    VerifyCapacity,
    WithdrawCapacity,
)
from exchange.domain.capacity_events import (
    CapacityDerated,
    CapacityInspected,
    CapacityRejected,
    CapacitySubmitted,
    CapacityVerified,
)
from exchange.domain.commands import (
    AcceptPledge,
    DefineProduct,
    GrantCapacity,
    ReleasePledge,
    RequestPledge,
)
from exchange.domain.desk_commands import ProposeBlock, RequestQuote, SubmitQuote
from exchange.domain.enums import (
    BlockStatus,
    CancelReason,
    ProductKind,
    QuoteStatus,
    Role,
    Side,
)
from exchange.domain.events import CapacityGranted, OrderCancelled
from exchange.domain.movements import CapacityWithdrawn
from exchange.domain.reasons import Reason
from exchange.domain.substitution import OfferSubstitution
from exchange.domain.units import MAX_QTY, NS_PER_DAY
from exchange.rules.capacity import MAX_GRANT_DAYS
from tests.rules.markets import OtherMarket, assert_refused, day, own
from tests.scenario import (
    AUDITOR,
    BANK,
    FIRST_DAY,
    OTHER,
    SUPPLIER,
    TRADER,
    Market,
    secret_hash,
)

OPERATOR = 1
BURN_IN_NS = 2 * NS_PER_DAY
REPORT = secret_hash("report")
MARCH = (day("2027-03-01"), day("2027-04-01"))


@pytest.fixture
def market() -> Market:
    """Hardware burns in for 48 hours, as genesis says where it says nothing else."""
    market = OtherMarket({"burn_in_ns": BURN_IN_NS}, deposit_amount=10**9)
    yield market
    market.assert_replays()


def submit(qty: int = 8, span: tuple[int, int] = MARCH, product_id: int = 1) -> SubmitCapacity:
    """The supplier's offer, of March unless said."""
    return SubmitCapacity(
        product_id=product_id, start_day=span[0], end_day=span[1], submitted_qty=qty
    )


def countersign(qty: int = 8, span: tuple[int, int] = MARCH, **fields: Any) -> GrantCapacity:
    """The operator's signature under it."""
    command = GrantCapacity(
        product_id=1,
        start_day=span[0],
        end_day=span[1],
        granted_qty=qty,
        auditor_account_id=AUDITOR,
        evidence_sha256=REPORT,
    )
    return replace(command, **fields)


INSPECT = InspectCapacity(grant_id=1, evidence_sha256=REPORT)
VERIFY = VerifyCapacity(grant_id=1)
REJECT = RejectCapacity(grant_id=1)


def test_title_comes_of_submission_inspection_burn_in_and_two_signatures(market):
    market.do(SUPPLIER, submit())
    (submitted,) = market.events
    assert submitted == CapacitySubmitted(
        grant_id=1,
        product_id=1,
        account_id=SUPPLIER,
        start_day=MARCH[0],
        end_day=MARCH[1],
        submitted_qty=8,
    )
    market.do(AUDITOR, INSPECT)
    burnt_in_ns = market.state.market_ns + BURN_IN_NS
    assert market.events == [
        CapacityInspected(
            grant_id=1,
            auditor_account_id=AUDITOR,
            evidence_sha256=REPORT,
            burnt_in_ns=burnt_in_ns,
        )
    ]
    market.advance(burnt_in_ns - 1)
    assert_refused(market, AUDITOR, VERIFY, Reason.NOT_YET, burnt_in_ns - 1, burnt_in_ns)
    market.advance(burnt_in_ns)
    market.do(AUDITOR, VERIFY)
    assert market.events == [CapacityVerified(grant_id=1, auditor_account_id=AUDITOR)]
    assert market.core.granted(1) == []
    market.do(OPERATOR, countersign())
    assert market.events == [
        CapacityGranted(
            grant_id=1,
            product_id=1,
            account_id=SUPPLIER,
            start_day=MARCH[0],
            end_day=MARCH[1],
            granted_qty=8,
            operator_account_id=OPERATOR,
            auditor_account_id=AUDITOR,
            evidence_sha256=REPORT,
        )
    ]
    assert market.core.day_function(SUPPLIER, 1, "title") == [(*MARCH, 8)]


STEPS: dict[str, tuple[int, Any]] = {
    "inspect": (AUDITOR, INSPECT),
    "verify": (AUDITOR, VERIFY),
    "grant": (OPERATOR, countersign()),
}
ALLOWED = {
    "submitted": {"inspect"},
    "burn_in": {"verify"},
    "verified": {"grant"},
    "granted": set(),
    "rejected": set(),
}
CODES = {("submitted", "grant"): Reason.UNKNOWN_GRANT, ("granted", "grant"): Reason.ALREADY_EXISTS}


def brought_to(status: str) -> Market:
    """A market whose first submission has come so far."""
    market = OtherMarket({"burn_in_ns": 0})
    market.do(SUPPLIER, submit())
    for step in ("inspect", "verify", "grant"):
        if market.state.grants[1].status == status:
            return market
        if status == "rejected":
            market.do(AUDITOR, REJECT)
            return market
        market.do(*STEPS[step])
    return market


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("status", ALLOWED)
def test_each_step_comes_in_its_turn_and_no_other(status, step):
    market = brought_to(status)
    assert market.state.grants[1].status == status
    if step in ALLOWED[status]:
        market.do(*STEPS[step])
        return
    wanted = CODES.get((status, step), Reason.WRONG_STATE)
    if status == "rejected" and step == "grant":
        wanted = Reason.UNKNOWN_GRANT
    assert market.refused(*STEPS[step]).reason is wanted


@pytest.mark.parametrize("status", ["submitted", "burn_in", "verified"])
@pytest.mark.parametrize("who", [SUPPLIER, AUDITOR])
def test_auditor_or_supplier_may_end_what_is_not_title_yet(status, who):
    market = brought_to(status)
    market.do(who, REJECT)
    assert market.events == [CapacityRejected(grant_id=1, account_id=who)]
    assert_refused(market, who, REJECT, Reason.WRONG_STATE, 1)


def test_what_is_title_cannot_be_rejected_nor_somebody_elses_submission():
    market = brought_to("granted")
    assert_refused(market, AUDITOR, REJECT, Reason.WRONG_STATE, 1)
    stranger = market.admit("another supplier", Role.SUPPLIER)
    assert_refused(market, stranger, REJECT, Reason.UNKNOWN_GRANT, 1)


def test_a_report_proves_capacity_once(market):
    market.do(SUPPLIER, submit())
    market.do(SUPPLIER, submit())
    market.do(AUDITOR, INSPECT)
    again = InspectCapacity(grant_id=2, evidence_sha256=REPORT)
    assert_refused(market, AUDITOR, again, Reason.ALREADY_EXISTS)


@pytest.mark.parametrize(
    "term",
    [
        {"granted_qty": 9},
        {"start_day": MARCH[0] + 1},
        {"end_day": MARCH[1] - 1},
        {"auditor_account_id": 2},
    ],
)
def test_the_countersignature_restates_what_was_verified_word_for_word(term):
    market = brought_to("verified")
    assert_refused(market, OPERATOR, countersign(**term), Reason.EVIDENCE, 1)
    market.do(OPERATOR, countersign())


def test_nothing_is_granted_on_evidence_that_nobody_verified(market):
    assert_refused(market, OPERATOR, countersign(), Reason.UNKNOWN_GRANT, 0, 1)
    unknown = countersign(product_id=2)
    assert_refused(market, OPERATOR, unknown, Reason.UNKNOWN_PRODUCT, 2)


def test_operator_and_auditor_of_a_grant_are_two_persons():
    market = OtherMarket({"burn_in_ns": 0})
    both = market.admit("operator and auditor", Role.OPERATOR, Role.AUDITOR)
    market.do(SUPPLIER, submit())
    market.do(both, INSPECT)
    market.do(both, VERIFY)
    signed = countersign(auditor_account_id=both)
    assert_refused(market, both, signed, Reason.SAME_PERSON, both)
    market.do(OPERATOR, signed)


def test_operator_and_auditor_of_one_party_are_one_person_and_the_house_signs_nothing():
    market = OtherMarket({"burn_in_ns": 0})
    friend = market.admit("friend of the auditor", Role.OPERATOR, affiliate_ids=[AUDITOR])
    own_operator = market.admit("own operator", Role.OPERATOR, affiliate_ids=[SUPPLIER])
    market.do(SUPPLIER, submit())
    market.do(AUDITOR, INSPECT)
    market.do(AUDITOR, VERIFY)
    for operator_id in (friend, own_operator):
        assert_refused(market, operator_id, countersign(), Reason.SAME_PERSON, operator_id)
    market.do(OPERATOR, countersign())


def test_an_auditor_of_the_suppliers_house_verifies_nothing():
    market = OtherMarket({"burn_in_ns": 0})
    own_auditor = market.admit("own auditor", Role.AUDITOR, affiliate_ids=[SUPPLIER])
    market.do(SUPPLIER, submit())
    assert_refused(market, own_auditor, INSPECT, Reason.SAME_PERSON, own_auditor)
    market.do(AUDITOR, INSPECT)
    assert_refused(market, own_auditor, VERIFY, Reason.SAME_PERSON, own_auditor)
    market.do(AUDITOR, VERIFY)


def test_a_submission_spans_ten_years_at_most_and_a_day_at_least(market):
    first = MARCH[0]
    for days in (-1, 0, MAX_GRANT_DAYS + 1):
        command = submit(span=(first, first + days))
        assert_refused(market, SUPPLIER, command, Reason.BAD_WINDOW, days, MAX_GRANT_DAYS)
    market.do(SUPPLIER, submit(span=(first, first + 1)))
    market.do(SUPPLIER, submit(span=(first, first + MAX_GRANT_DAYS)))


def test_a_submission_begins_today_at_the_earliest(market):
    market.advance(market.state.market_ns + 5 * NS_PER_DAY)
    today = FIRST_DAY + 5
    past = submit(span=(today - 1, today + 1))
    assert_refused(market, SUPPLIER, past, Reason.BAD_WINDOW, today - 1, today)
    market.do(SUPPLIER, submit(span=(today, today + 1)))


def test_what_ran_out_while_it_was_verified_is_not_granted(market):
    span = (FIRST_DAY + 1, FIRST_DAY + 9)
    market.do(SUPPLIER, submit(span=span))
    market.do(AUDITOR, INSPECT)
    market.advance(market.state.market_ns + BURN_IN_NS)
    market.do(AUDITOR, VERIFY)
    late = countersign(span=span)
    assert_refused(market, OPERATOR, late, Reason.BAD_WINDOW, FIRST_DAY + 1, FIRST_DAY + 2)


def test_capacity_is_the_suppliers_own_and_in_whole_lots(market):
    stranger = market.admit("another supplier", Role.SUPPLIER)
    assert_refused(market, stranger, submit(), Reason.WRONG_ROLE, stranger)
    market.do(
        OPERATOR,
        DefineProduct(
            code="nodes",
            kind=ProductKind.GPU_TIME,
            gpu_class="A100",
            region="SG",
            supplier_account_id=SUPPLIER,
            lot_qty=8,
        ),
    )
    for qty in (7, 9):
        assert_refused(market, SUPPLIER, submit(qty, product_id=2), Reason.LOT, qty, 8)
    market.do(SUPPLIER, submit(8, product_id=2))


def test_the_capacity_of_a_day_is_bounded_and_the_first_day_beyond_is_named():
    market = OtherMarket({"burn_in_ns": 0})
    market.grant("M2703", MAX_QTY - 8)
    span = (day("2027-02-15"), day("2027-03-05"))
    market.do(SUPPLIER, submit(9, span))
    market.do(AUDITOR, InspectCapacity(grant_id=2, evidence_sha256=REPORT))
    market.do(AUDITOR, VerifyCapacity(grant_id=2))
    wanted = (Reason.TITLE, MAX_QTY + 1, MAX_QTY, day("2027-03-01"))
    assert_refused(market, OPERATOR, countersign(9, span), *wanted)


# -- unsold title ends -----------------------------------------------------------------------------


@pytest.fixture
def granted() -> Market:
    """A hundred in March, of which the trader has bought sixty."""
    market = OtherMarket({"burn_in_ns": 0})
    market.grant("M2703", 100)
    own(market, TRADER, market.list_window("M2703"), 60, 1_000)
    yield market
    market.assert_replays()


def withdraw(qty: int) -> WithdrawCapacity:
    """Of March."""
    return WithdrawCapacity(product_id=1, start_day=MARCH[0], end_day=MARCH[1], withdrawn_qty=qty)


def derate(qty: int) -> DerateCapacity:
    """Of March."""
    return DerateCapacity(
        product_id=1,
        start_day=MARCH[0],
        end_day=MARCH[1],
        derated_qty=qty,
        evidence_sha256=REPORT,
    )


def test_a_supplier_takes_back_what_it_has_not_sold_and_no_more(granted):
    assert_refused(granted, SUPPLIER, withdraw(41), Reason.TITLE, 41, 40, MARCH[0])
    granted.order(SUPPLIER, 1, Side.SELL, 10, 1_000)
    assert_refused(granted, SUPPLIER, withdraw(31), Reason.TITLE, 31, 30, MARCH[0])
    granted.do(SUPPLIER, withdraw(30))
    assert granted.core.granted(1) == [(*MARCH, 70)]


def test_derating_above_what_is_sold_ends_unsold_title_only(granted):
    granted.do(AUDITOR, derate(80))
    derated, withdrawn = granted.events
    assert isinstance(derated, CapacityDerated)
    assert derated.short_qty == 0
    assert isinstance(withdrawn, CapacityWithdrawn)
    assert withdrawn.withdrawn_qty == 20
    assert granted.core.granted(1) == [(*MARCH, 80)]


@pytest.fixture
def sheltered(granted) -> Market:
    """Of the forty unsold, ten are an affiliate's; all but two of the supplier's are on offer."""
    affiliate = granted.admit("affiliate", Role.TRADER, affiliate_ids=[SUPPLIER])
    granted.deposit(affiliate, 10**12)
    own(granted, affiliate, 1, 10, 1_000)
    span = {"product_id": 1, "start_day": MARCH[0], "end_day": MARCH[1]}
    granted.order(SUPPLIER, 1, Side.SELL, 7, 1_000)
    granted.order(affiliate, 1, Side.SELL, 4, 1_000)
    asked = granted.do(OTHER, RequestQuote(request_qty=6, side=Side.BUY, **span)).seq
    granted.do(SUPPLIER, SubmitQuote(quote_request_id=asked, quote_price=1_000))
    block = {"side": Side.SELL, "block_qty": 10, "block_price": 20_000}
    granted.do(SUPPLIER, ProposeBlock(counterparty_account_id=OTHER, **block, **span))
    other = {"product_id": 1, "start_day": MARCH[0], "end_day": MARCH[0] + 1}
    swap = {"other_product_id": 1, "other_start_day": MARCH[1] - 1, "substituted_qty": 5}
    granted.do(SUPPLIER, OfferSubstitution(holder_account_id=TRADER, **other, **swap))
    return granted


def test_derating_takes_what_is_on_offer_and_what_affiliates_have(sheltered):
    affiliate = len(sheltered.state.participants)
    buyers_bid = sheltered.order(OTHER, 1, Side.BUY, 5, 900)
    assert sheltered.core.sellable(SUPPLIER, 1, *MARCH) == (2, MARCH[1] - 1)
    sheltered.do(AUDITOR, derate(60))
    assert sheltered.events[0].short_qty == 0
    assert sheltered.core.granted(1) == [(*MARCH, 60)]
    assert [sheltered.core.day_function(a, 1, "title") for a in (SUPPLIER, affiliate)] == [[], []]
    ends = [e.cancel_reason for e in sheltered.events if isinstance(e, OrderCancelled)]
    assert ends == [CancelReason.DERATED, CancelReason.DERATED]
    assert [q.status for q in sheltered.state.quotes.values()] == [QuoteStatus.EXPIRED]
    assert [b.status for b in sheltered.state.blocks.values()] == [BlockStatus.LAPSED]
    assert not sheltered.state.substitutions
    assert sheltered.core.order(buyers_bid) is not None, "who buys may"


def test_derating_ends_no_offer_that_the_site_can_still_keep(sheltered):
    sheltered.do(AUDITOR, derate(92))
    assert {type(e) for e in sheltered.events} == {CapacityDerated, CapacityWithdrawn}
    assert sheltered.core.granted(1) == [(*MARCH, 92)]
    assert sheltered.core.order(sheltered.core.orders_of_account(SUPPLIER)[0]) is not None
    assert len(sheltered.state.substitutions) == 1


def test_unsold_days_that_the_house_has_pledged_are_short_until_the_lien_is_over(granted):
    span = {"product_id": 1, "start_day": MARCH[0], "end_day": MARCH[1]}
    granted.do(SUPPLIER, RequestPledge(pledged_qty=25, bank_account_id=BANK, **span))
    granted.do(BANK, AcceptPledge(pledge_id=1))
    granted.do(AUDITOR, derate(50))
    assert granted.events[0].short_qty == 35
    assert granted.core.granted(1) == [(*MARCH, 85)]
    granted.do(BANK, ReleasePledge(pledge_id=1))
    granted.do(AUDITOR, derate(50))
    assert granted.events[0].short_qty == 10
    assert granted.core.granted(1) == [(*MARCH, 60)]


def test_an_auditor_of_the_suppliers_house_derates_nothing(granted):
    own_auditor = granted.admit("own auditor", Role.AUDITOR, affiliate_ids=[SUPPLIER])
    assert_refused(granted, own_auditor, derate(50), Reason.SAME_PERSON, own_auditor)


def test_derating_below_what_is_sold_leaves_the_title_of_those_who_bought(granted):
    granted.do(AUDITOR, derate(50))
    assert granted.events[0].short_qty == 10
    assert granted.core.granted(1) == [(*MARCH, 60)]
    assert granted.core.day_function(TRADER, 1, "title") == [(*MARCH, 60)]
    assert granted.core.escrow(1) == [(*MARCH, 60, 60 * 24 * 1_000)]
    granted.do(AUDITOR, derate(40))
    assert granted.events[0].short_qty == 20
    assert_refused(granted, AUDITOR, derate(60), Reason.EMPTY, 60)
