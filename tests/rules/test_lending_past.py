"""What of lending is over is forgotten after its time, and nothing that is needed before."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import AcceptPledge, DeclinePledge, ReleasePledge, RequestPledge
from exchange.domain.delivery_commands import PayClaim
from exchange.domain.delivery_events import DamagesClaimed
from exchange.domain.enums import LoanStatus, PledgeStatus
from exchange.domain.lending_commands import DeclineLoan
from exchange.domain.lending_events import LendingForgotten
from exchange.domain.reasons import Reason
from exchange.domain.record import Record, decode_body
from exchange.domain.windows import day_at, start_ns
from exchange.projections import Projections
from exchange.rules import lending_past
from exchange.rules.lending_past import FORGET_DAYS
from tests.rules.lending import APPLICATION, LendingMarket, offer, repay
from tests.rules.liquidations import FIRST, deliver
from tests.rules.markets import assert_refused, cross, events_of, span
from tests.rules.test_liquidation import sold_with_its_first_day_begun
from tests.scenario import BANK, SUPPLIER, TRADER

ASKED = RequestPledge(bank_account_id=BANK, product_id=1, pledged_qty=10, **span("M2712"))
"""Days that are still far away when all else is over."""


@pytest.fixture
def market():
    """Nothing is lent."""
    market = LendingMarket()
    yield market
    market.assert_replays()


def to_day(market, number):
    """The start of a day."""
    cross(market, start_ns(number))


def past(market):
    """(loans, pledges) that were ever forgotten."""
    found = events_of(market, LendingForgotten)
    return (
        [loan_id for event in found for loan_id in event.loan_ids],
        [pledge_id for event in found for pledge_id in event.pledge_ids],
    )


def over_day(market):
    """The day it is, from which what is over waits."""
    return day_at(market.state.market_ns)


# -- when ------------------------------------------------------------------------------------------


def test_a_repaid_loan_is_forgotten_with_its_pledges_after_its_time(market):
    market.drawn(95_000_000, collateral=[offer("M2703"), offer("M2702"), offer("M2701")])
    market.do(TRADER, repay(10**15))
    today = over_day(market)
    to_day(market, today + FORGET_DAYS - 1)
    assert past(market) == ([], [])
    to_day(market, today + FORGET_DAYS)
    assert past(market) == ([1], [1, 2, 3])
    assert (market.state.loans, market.state.pledges) == ({}, {})
    assert market.state.lending_past == []


def test_a_pledge_declined_on_its_first_day_is_forgotten_once(market):
    """It waits twice for the same day: as unanswered when its days begin, and as declined."""
    begins = FIRST
    market.do(TRADER, replace(ASKED, start_day=begins, end_day=begins + 40))
    to_day(market, begins)
    market.do(BANK, DeclinePledge(pledge_id=1))
    to_day(market, begins + FORGET_DAYS)
    assert past(market) == ([], [1])
    assert market.state.lending_past == []


def test_a_loan_that_was_never_drawn_is_forgotten_too(market):
    market.do(TRADER, APPLICATION)
    market.do(BANK, DeclineLoan(loan_id=1))
    to_day(market, over_day(market) + FORGET_DAYS)
    assert past(market) == ([1], [1])


def test_what_is_lent_stays_however_long(market):
    market.drawn(1_000)
    to_day(market, over_day(market) + 3 * FORGET_DAYS)
    assert past(market) == ([], [])
    assert market.loan.status in (LoanStatus.PERFORMING, LoanStatus.DRAWN)


@pytest.mark.parametrize("end", ["declined", "released"])
def test_a_pledge_outside_loans_is_forgotten_by_itself(market, end):
    market.do(TRADER, ASKED)
    if end == "declined":
        market.do(BANK, DeclinePledge(pledge_id=1))
    else:
        market.do(BANK, AcceptPledge(pledge_id=1))
        market.do(BANK, ReleasePledge(pledge_id=1))
    today = over_day(market)
    to_day(market, today + FORGET_DAYS - 1)
    assert set(market.state.pledges) == {1}
    to_day(market, today + FORGET_DAYS)
    assert past(market) == ([], [1])


def test_a_part_that_is_released_is_not_the_end(market):
    market.do(TRADER, ASKED)
    market.do(BANK, AcceptPledge(pledge_id=1))
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=4))
    to_day(market, over_day(market) + 2 * FORGET_DAYS)
    assert market.state.pledges[1].status is PledgeStatus.PARTLY_RELEASED


def test_a_request_that_nobody_answers_is_over_when_its_days_have_begun(market):
    market.do(TRADER, replace(ASKED, start_day=FIRST, end_day=FIRST + 90))
    to_day(market, FIRST + FORGET_DAYS - 1)
    assert set(market.state.pledges) == {1}
    to_day(market, FIRST + FORGET_DAYS)
    assert past(market) == ([], [1])


# -- what is needed --------------------------------------------------------------------------------


def test_a_pledge_stays_while_damages_for_it_are_owed_and_goes_as_long_after():
    """The loan is repaid with the claim that the sale had left; the supplier pays a year later."""
    market = sold_with_its_first_day_begun(0)
    deliver(market, 5_500)
    market.do(TRADER, repay(10**15))
    (claim,) = [e for e in events_of(market, DamagesClaimed) if e.account_id == BANK]
    today = over_day(market)
    to_day(market, today + FORGET_DAYS)
    assert past(market) == ([], [])
    trader_cash = market.cash(TRADER)
    market.do(SUPPLIER, PayClaim(claim_id=claim.claim_id, paid_amount=claim.claim_amount))
    assert market.cash(TRADER) == trader_cash + claim.claim_amount
    to_day(market, today + 2 * FORGET_DAYS)
    assert past(market) == ([1], [1])
    market.assert_replays()


def test_a_loan_in_shortfall_is_owed_and_so_remembered():
    market = sold_with_its_first_day_begun(0)
    to_day(market, over_day(market) + 2 * FORGET_DAYS)
    assert market.loan.status is LoanStatus.SHORTFALL


# -- what follows ----------------------------------------------------------------------------------


def test_ids_go_on_and_no_loan_has_the_number_of_another(market):
    market.do(TRADER, APPLICATION)
    market.do(BANK, DeclineLoan(loan_id=1))
    to_day(market, over_day(market) + FORGET_DAYS)
    late = replace(APPLICATION, collateral=[offer("M2712")])
    market.do(TRADER, late)
    assert (set(market.state.loans), set(market.state.pledges)) == ({2}, {2})
    market.do(TRADER, ASKED)
    assert set(market.state.pledges) == {2, 3}


def test_to_commands_what_is_forgotten_does_not_exist(market):
    market.drawn()
    market.do(TRADER, repay(10**15))
    assert_refused(market, TRADER, repay(1), Reason.WRONG_STATE, 1)
    to_day(market, over_day(market) + FORGET_DAYS)
    assert_refused(market, TRADER, repay(1), Reason.UNKNOWN_LOAN, 1)
    assert_refused(market, BANK, ReleasePledge(pledge_id=1), Reason.UNKNOWN_PLEDGE, 1)


def test_read_models_keep_its_history(market):
    market.drawn()
    market.do(TRADER, repay(10**15))
    to_day(market, over_day(market) + FORGET_DAYS)
    projections = Projections()
    for seq, record in enumerate(market.records, start=1):
        projections.apply(Record(seq, market.state.market_ns, *decode_body(record)))
    assert projections.loans.loans[1].status is LoanStatus.REPAID
    assert projections.pledges.pledges[1].status is PledgeStatus.RELEASED


def test_a_record_looks_at_so_many_and_the_next_goes_on(monkeypatch, market):
    monkeypatch.setattr(lending_past, "LOOKS_COUNT", 2)
    for _ in range(5):
        market.do(TRADER, ASKED)
        market.do(BANK, DeclinePledge(pledge_id=market.state.pledge_count))
    today = over_day(market)
    to_day(market, today + FORGET_DAYS)
    to_day(market, today + FORGET_DAYS + 3)
    counts = [event.looked_at_count for event in events_of(market, LendingForgotten)]
    assert counts == [2, 2, 1]
    assert market.state.pledges == {}
