"""Loans up to the drawing: asked for, offered, taken or lapsed, with every wrong turn refused."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import AcceptPledge, DeclinePledge
from exchange.domain.enums import (
    LoanEnd,
    LoanStatus,
    PledgeStatus,
    Purpose,
    Role,
    Side,
    TradingMode,
)
from exchange.domain.events import PledgeAccepted, PledgeDeclined, PledgeRequested
from exchange.domain.lending_commands import (
    AddCollateral,
    DeclineLoan,
    DrawLoan,
    RepayLoan,
    SubstituteCollateral,
)
from exchange.domain.lending_events import (
    LoanApplied,
    LoanApproved,
    LoanDrawn,
    LoanEnded,
    PledgeMarked,
)
from exchange.domain.movements import CashPaid, HoldClosed, HoldOpened
from exchange.domain.reasons import Reason
from exchange.domain.windows import MAX_USER_DEFINED_DAYS, day_at, gate_ns, start_ns
from exchange.rules.loans import MAX_APPLICATIONS
from tests.rules.lending import (
    APPLICATION,
    BANK_CASH,
    INTEREST_PPM,
    LAST_DAY,
    YUAN,
    LendingMarket,
    offer,
    repay,
    terms,
)
from tests.rules.markets import assert_refused, cross, day, events_of, order, own
from tests.scenario import AUDITOR, BANK, FIRST_DAY, OTHER, SUPPLIER, TRADER

TODAY = FIRST_DAY + 1
DRAW, DECLINE = DrawLoan(loan_id=1), DeclineLoan(loan_id=1)
FIRST = day("2027-01-01")


@pytest.fixture
def market() -> LendingMarket:
    """The trader owns what a loan can be had on; nobody has asked."""
    return LendingMarket()


def applied(market: LendingMarket) -> int:
    """An application's lendable amount."""
    market.do(TRADER, APPLICATION)
    return market.state.pledges[1].mark.lendable_amount


# -- the application -------------------------------------------------------------------------------


def test_an_application_asks_for_pledges_and_values_them_at_once(market):
    market.do(TRADER, APPLICATION)
    asked, request, mark = market.events
    assert asked == LoanApplied(
        loan_id=1,
        account_id=TRADER,
        bank_account_id=BANK,
        principal_amount=10**12,
        maturity_day=LAST_DAY,
        pledge_ids=[1],
        lapse_ns=gate_ns(TODAY + 1),
    )
    assert request == PledgeRequested(
        pledge_id=1,
        account_id=TRADER,
        bank_account_id=BANK,
        product_id=1,
        start_day=FIRST,
        end_day=LAST_DAY + 1,
        pledged_qty=100,
        loan_id=1,
    )
    assert isinstance(mark, PledgeMarked)
    assert (mark.pledge_id, mark.pledged_qty) == (1, 100)
    assert market.loan.status is LoanStatus.APPLIED
    assert market.loan.pledge_ids == [1]
    market.assert_replays()


def test_an_application_encumbers_nothing(market):
    market.do(TRADER, replace(APPLICATION, collateral=[offer(pledged_qty=1_000)]))
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.do(TRADER, order(market.year, Side.SELL, 1_000))


def test_a_loan_is_asked_of_a_bank_in_force_and_not_of_oneself(market):
    nobody = replace(APPLICATION, bank_account_id=99)
    assert_refused(market, TRADER, nobody, Reason.UNKNOWN_ACCOUNT, 99)
    for account_id in (OTHER, SUPPLIER, AUDITOR, 1):
        no_bank = replace(APPLICATION, bank_account_id=account_id)
        assert_refused(market, TRADER, no_bank, Reason.WRONG_ROLE, account_id)
    both = market.admit("trading bank", Role.TRADER, Role.BANK)
    to_itself = replace(APPLICATION, bank_account_id=both)
    assert_refused(market, both, to_itself, Reason.SAME_PERSON, both)


def test_collateral_is_days_to_come_of_a_known_product(market):
    unknown = replace(APPLICATION, collateral=[offer(product_id=2)])
    assert_refused(market, TRADER, unknown, Reason.UNKNOWN_PRODUCT, 2)
    begun = replace(APPLICATION, collateral=[offer(start_day=TODAY)])
    assert_refused(market, TRADER, begun, Reason.BAD_WINDOW, TODAY, TODAY)
    empty = replace(APPLICATION, collateral=[offer(), offer(end_day=FIRST)])
    assert_refused(market, TRADER, empty, Reason.BAD_WINDOW, 0, MAX_USER_DEFINED_DAYS)


def test_a_loan_is_due_from_tomorrow_to_the_last_day_of_its_collateral(market):
    today = replace(APPLICATION, maturity_day=TODAY)
    assert_refused(market, TRADER, today, Reason.BAD_WINDOW, TODAY, TODAY)
    beyond = replace(APPLICATION, maturity_day=LAST_DAY + 1)
    assert_refused(market, TRADER, beyond, Reason.BAD_WINDOW, LAST_DAY + 1, LAST_DAY)
    market.do(TRADER, replace(APPLICATION, maturity_day=TODAY + 1))
    market.do(TRADER, replace(APPLICATION, maturity_day=LAST_DAY))


def test_what_a_suppliers_house_has_never_sold_is_no_collateral_of_a_loan(market):
    """No bank could sell it: its price would belong into the escrow of the days."""
    house_id = market.admit("house", Role.TRADER, affiliate_ids=[SUPPLIER])
    for account_id in (SUPPLIER, house_id):
        assert_refused(market, account_id, APPLICATION, Reason.PRIMARY, account_id, at_day=FIRST)
    assert market.state.loans == {}


def test_offers_over_the_same_days_must_be_free_together(market):
    february = day("2027-02-01")
    both = [offer(pledged_qty=600), offer("M2702", 401)]
    twice = replace(APPLICATION, collateral=both)
    assert_refused(market, TRADER, twice, Reason.TITLE, 1_001, 1_000, february)
    market.do(TRADER, replace(twice, collateral=[both[0], offer("M2702", 400)]))


def test_what_is_on_offer_or_sublet_cannot_be_put_up(market):
    market.order(TRADER, market.year, Side.SELL, 901, 5_000)
    assert_refused(market, TRADER, APPLICATION, Reason.TITLE, 100, 99, FIRST)
    february = market.list_window("M2702", mode=TradingMode.SUBLET)
    market.order(TRADER, february, Side.SELL, 50, 1_000)
    market.order(OTHER, february, Side.BUY, 50, 1_000)
    two = replace(APPLICATION, maturity_day=FIRST, collateral=[offer("M2702", 50)])
    assert_refused(market, TRADER, two, Reason.TITLE, 50, 49, day("2027-02-01"))


def test_a_borrower_has_so_many_applications_at_a_time(market):
    for _ in range(MAX_APPLICATIONS):
        market.do(TRADER, APPLICATION)
    full = (Reason.DESK_ITEMS, MAX_APPLICATIONS, MAX_APPLICATIONS)
    assert_refused(market, TRADER, APPLICATION, *full)
    market.do(TRADER, DECLINE)
    market.do(TRADER, APPLICATION)


# -- the terms -------------------------------------------------------------------------------------


def test_terms_are_firm_and_the_principal_is_held(market):
    lendable_amount = applied(market)
    assert lendable_amount > 0
    market.do(BANK, terms(lendable_amount))
    mark, *events = market.events
    assert mark == market.state.pledges[1].mark, "in the bank's pool"
    assert events == [
        LoanApproved(
            loan_id=1,
            principal_amount=lendable_amount,
            interest_ppm=INTEREST_PPM,
            value_amount=mark.value_amount,
            lendable_amount=lendable_amount,
            lapse_ns=gate_ns(TODAY + 2),
        ),
        HoldOpened(hold_id=market.state.seq, account_id=BANK, held_amount=lendable_amount),
    ]
    assert market.core.balances(BANK) == (BANK_CASH - lendable_amount, lendable_amount)
    assert market.loan.status is LoanStatus.APPROVED
    market.assert_replays()


def test_no_more_is_offered_than_the_collateral_lends(market):
    lendable_amount = applied(market)
    too_much = terms(lendable_amount + 1)
    assert_refused(market, BANK, too_much, Reason.LENDABLE, lendable_amount + 1, lendable_amount)
    market.do(BANK, terms(lendable_amount))


def test_no_more_is_offered_than_was_asked_for(market):
    market.do(TRADER, replace(APPLICATION, principal_amount=1_000))
    assert_refused(market, BANK, terms(1_001), Reason.LENDABLE, 1_001, 1_000)
    market.do(BANK, terms(1_000))


def test_a_bank_lends_what_it_has(market):
    poor = market.admit("poor bank", Role.BANK)
    market.deposit(poor, 999)
    market.do(TRADER, replace(APPLICATION, bank_account_id=poor))
    assert_refused(market, poor, terms(1_000), Reason.CASH, 1_000, 999)
    market.do(poor, terms(999))


@pytest.mark.parametrize(("account_id", "end"), [(BANK, "declined"), (TRADER, "withdrawn")])
def test_either_side_ends_an_application(market, account_id, end):
    market.do(TRADER, APPLICATION)
    market.do(account_id, DECLINE)
    assert market.events == [
        LoanEnded(loan_id=1, end=LoanEnd(end)),
        PledgeDeclined(pledge_id=1),
    ]
    assert market.loan.status is LoanStatus.ENDED
    assert market.state.pledges[1].status is PledgeStatus.DECLINED
    market.assert_replays()


def test_terms_that_are_declined_free_the_banks_cash(market):
    market.do(BANK, terms(applied(market)))
    hold_id = market.loan.hold_id
    market.do(TRADER, DECLINE)
    assert HoldClosed(hold_id=hold_id, account_id=BANK) in market.events
    assert market.core.balances(BANK) == (BANK_CASH, 0)


# -- the drawing -----------------------------------------------------------------------------------


def test_drawing_puts_the_liens_on_and_pays_in_one_record(market):
    two = [offer("M2701"), offer("M2702", 50)]
    market.do(TRADER, replace(APPLICATION, collateral=two, maturity_day=FIRST))
    marks = [market.state.pledges[number].mark for number in (1, 2)]
    principal_amount = 10_000_000
    market.do(BANK, terms(principal_amount))
    hold_id, cash = market.loan.hold_id, market.cash(TRADER)
    market.do(TRADER, DRAW)
    value_amount = sum(mark.value_amount for mark in marks)
    weighted = sum(mark.value_amount * mark.ltv_ppm for mark in marks)
    assert market.events == [
        LoanDrawn(
            loan_id=1,
            principal_amount=principal_amount,
            value_amount=value_amount,
            drawn_ltv_ppm=weighted // value_amount,
            maturity_ns=gate_ns(FIRST),
        ),
        HoldClosed(hold_id=hold_id, account_id=BANK),
        PledgeAccepted(pledge_id=1),
        PledgeAccepted(pledge_id=2),
        CashPaid(
            payer_account_id=BANK,
            payee_account_id=TRADER,
            paid_amount=principal_amount,
            purpose=Purpose.LOAN,
        ),
    ]
    assert market.core.balances(BANK) == (BANK_CASH - principal_amount, 0)
    assert market.cash(TRADER) == cash + principal_amount
    liens = [(FIRST, FIRST + 31, 100), (FIRST + 31, FIRST + 59, 50)]
    assert market.core.day_function(TRADER, 1, "lien") == liens
    assert market.loan.status is LoanStatus.DRAWN
    market.assert_replays()


def test_the_ratio_of_a_single_pledge_is_its_marks(market):
    loan = market.drawn()
    assert loan.drawn_ltv_ppm == market.state.pledges[1].mark.ltv_ppm


def test_two_banks_cannot_both_have_the_same_days(market):
    first = replace(APPLICATION, collateral=[offer(pledged_qty=600)])
    market.do(TRADER, first)
    market.do(TRADER, replace(first, bank_account_id=market.other_bank))
    market.do(BANK, terms(1_000))
    market.do(market.other_bank, terms(1_000, 2))
    market.do(TRADER, DRAW)
    second = DrawLoan(loan_id=2)
    assert_refused(market, TRADER, second, Reason.TITLE, 600, 400, FIRST)
    again = replace(first, collateral=[offer(pledged_qty=401)])
    assert_refused(market, TRADER, again, Reason.TITLE, 401, 400, FIRST)


def test_what_was_sold_since_cannot_be_put_under_lien(market):
    market.do(TRADER, replace(APPLICATION, collateral=[offer(pledged_qty=1_000)]))
    market.do(BANK, terms(1_000))
    market.order(TRADER, market.january, Side.SELL, 1, 900)
    assert_refused(market, TRADER, DRAW, Reason.TITLE, 1_000, 999, FIRST)
    assert market.loan.status is LoanStatus.APPROVED


def test_terms_that_a_fallen_price_no_longer_covers_are_not_drawn(market):
    lendable_amount = applied(market)
    market.do(BANK, terms(lendable_amount))
    market.price(10 * YUAN - 10_000)
    left_amount = market.state.pledges[1].mark.lendable_amount
    assert 0 < left_amount < lendable_amount
    assert_refused(market, TRADER, DRAW, Reason.LENDABLE, lendable_amount, left_amount)


def test_a_loan_on_days_that_have_begun_is_not_drawn(market):
    cross(market, start_ns(FIRST - 1))
    own(market, OTHER, market.february, 5_000, 1_000)
    market.price(10 * YUAN)
    market.do(TRADER, APPLICATION)
    market.do(BANK, terms(100))
    cross(market, start_ns(FIRST))
    assert_refused(market, TRADER, DRAW, Reason.TOO_LATE, FIRST, FIRST)


def test_a_loan_whose_maturity_is_over_is_not_drawn(market):
    for _ in range(2):
        market.do(TRADER, replace(APPLICATION, maturity_day=TODAY + 1))
    for loan_id in (1, 2):
        market.do(BANK, terms(100, loan_id))
    cross(market, gate_ns(TODAY + 1) - 1)
    market.do(TRADER, DRAW)
    cross(market, gate_ns(TODAY + 1))
    late = DrawLoan(loan_id=2)
    assert_refused(market, TRADER, late, Reason.TOO_LATE, TODAY + 1, TODAY + 1)


# -- who, and in which order -----------------------------------------------------------------------


@pytest.mark.parametrize("command", [terms(1), DECLINE, DRAW, repay(1)])
def test_a_loan_exists_for_its_parties_only(market, command):
    market.do(TRADER, APPLICATION)
    other_id = OTHER if not isinstance(command, type(terms(1))) else market.other_bank
    assert_refused(market, other_id, command, Reason.UNKNOWN_LOAN, 1)
    unknown = replace(command, loan_id=7)
    party_id = BANK if isinstance(command, type(terms(1))) else TRADER
    assert_refused(market, party_id, unknown, Reason.UNKNOWN_LOAN, 7)


def test_a_bank_that_trades_neither_draws_nor_offers_on_the_wrong_side(market):
    both = market.admit("trading bank", Role.TRADER, Role.BANK)
    market.deposit(both, 10**10)
    market.do(TRADER, replace(APPLICATION, bank_account_id=both))
    market.do(both, terms(1_000))
    assert_refused(market, both, DRAW, Reason.UNKNOWN_LOAN, 1)
    assert_refused(market, both, repay(1), Reason.UNKNOWN_LOAN, 1)
    own(market, both, market.january, 1)
    market.do(both, replace(APPLICATION, maturity_day=FIRST, collateral=[offer("M2701", 1)]))
    assert_refused(market, both, terms(1, 2), Reason.UNKNOWN_LOAN, 2)


STEPS = {
    "apply": (TRADER, APPLICATION),
    "offer": (BANK, terms(50_000_000)),
    "decline": (BANK, DECLINE),
    "draw": (TRADER, DRAW),
    "repay": (TRADER, repay(10**12)),
}
ADD = (TRADER, AddCollateral(loan_id=1, collateral=offer()))
SUBSTITUTE = (TRADER, SubstituteCollateral(pledge_id=1, collateral=offer()))
WRONG_TURNS = [
    (("apply",), STEPS["draw"]),
    (("apply",), STEPS["repay"]),
    (("apply",), ADD),
    (("apply",), SUBSTITUTE),
    (("apply", "offer"), STEPS["offer"]),
    (("apply", "offer"), STEPS["repay"]),
    (("apply", "offer"), ADD),
    (("apply", "decline"), STEPS["offer"]),
    (("apply", "decline"), STEPS["decline"]),
    (("apply", "decline"), STEPS["draw"]),
    (("apply", "decline"), STEPS["repay"]),
    (("apply", "decline"), ADD),
    (("apply", "offer", "decline"), STEPS["draw"]),
    (("apply", "offer", "draw"), STEPS["offer"]),
    (("apply", "offer", "draw"), STEPS["decline"]),
    (("apply", "offer", "draw"), STEPS["draw"]),
    (("apply", "offer", "draw", "repay"), STEPS["offer"]),
    (("apply", "offer", "draw", "repay"), STEPS["decline"]),
    (("apply", "offer", "draw", "repay"), STEPS["draw"]),
    (("apply", "offer", "draw", "repay"), STEPS["repay"]),
    (("apply", "offer", "draw", "repay"), ADD),
    (("apply", "offer", "draw", "repay"), SUBSTITUTE),
]


@pytest.mark.parametrize(("steps", "wrong"), WRONG_TURNS)
def test_every_other_turn_is_refused(market, steps, wrong):
    for step in steps:
        market.do(*STEPS[step])
    status = market.loan.status
    account_id, command = wrong
    assert_refused(market, account_id, command, Reason.WRONG_STATE, 1)
    assert market.loan.status is status


@pytest.mark.parametrize("command", [AcceptPledge(pledge_id=1), DeclinePledge(pledge_id=1)])
@pytest.mark.parametrize("steps", [(), ("offer",), ("offer", "draw")])
def test_a_loans_pledges_are_taken_or_declined_with_the_loan_only(market, command, steps):
    market.do(*STEPS["apply"])
    for step in steps:
        market.do(*STEPS[step])
    assert_refused(market, BANK, command, Reason.WRONG_STATE, 1)


# -- deadlines -------------------------------------------------------------------------------------


def test_an_application_lapses_at_the_close_of_the_next_trading_day(market):
    market.do(TRADER, APPLICATION)
    cross(market, gate_ns(TODAY + 1) - 1)
    assert market.loan.status is LoanStatus.APPLIED
    cross(market, gate_ns(TODAY + 1))
    assert events_of(market, LoanEnded) == [LoanEnded(loan_id=1, end=LoanEnd.LAPSED)]
    assert events_of(market, PledgeDeclined) == [PledgeDeclined(pledge_id=1)]
    assert_refused(market, BANK, terms(1), Reason.WRONG_STATE, 1)
    market.assert_replays()


def test_terms_lapse_at_the_close_of_the_second_trading_day_and_the_cash_is_free(market):
    market.do(TRADER, APPLICATION)
    cross(market, gate_ns(TODAY + 1) - 1)
    market.do(BANK, terms(1_000))
    cross(market, gate_ns(TODAY + 2) - 1)
    assert market.core.balances(BANK) == (BANK_CASH - 1_000, 1_000)
    cross(market, gate_ns(TODAY + 2))
    assert events_of(market, LoanEnded) == [LoanEnded(loan_id=1, end=LoanEnd.LAPSED)]
    assert market.core.balances(BANK) == (BANK_CASH, 0)
    assert_refused(market, TRADER, DRAW, Reason.WRONG_STATE, 1)
    market.assert_replays()


def test_what_is_drawn_does_not_lapse(market):
    market.drawn()
    cross(market, gate_ns(TODAY + 3))
    assert events_of(market, LoanEnded) == []
    assert market.loan.status in (LoanStatus.DRAWN, LoanStatus.PERFORMING)


def test_more_loans_lapse_at_one_moment_than_one_record_holds(market):
    for number in range(3):
        borrower_id = market.admit(f"borrower {number}", Role.TRADER)
        market.deposit(borrower_id, 10**10)
        own(market, borrower_id, market.january, 1)
        days = [offer("M2701", 1)]
        for _ in range(MAX_APPLICATIONS):
            market.do(borrower_id, replace(APPLICATION, maturity_day=FIRST, collateral=days))
    count = len(market.state.loans)
    assert count == 3 * MAX_APPLICATIONS
    cross(market, gate_ns(TODAY + 1))
    assert day_at(market.state.market_ns) == TODAY + 1
    assert len(events_of(market, LoanEnded)) == count
    assert market.state.loan_dues == []
    market.assert_replays()


def test_repaying_is_for_a_loan_that_owes(market):
    applied(market)
    assert_refused(market, TRADER, RepayLoan(loan_id=1, repaid_amount=1), Reason.WRONG_STATE, 1)
