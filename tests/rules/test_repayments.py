"""What is paid on a loan: interest to the fen, principal, what pledged days earn, the covenant."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    PublishMarks,
    PublishSettlementPrice,
    ReleasePledge,
)
from exchange.domain.delivery_commands import PayClaim, PostBond
from exchange.domain.delivery_events import DamagesClaimed
from exchange.domain.enums import (
    DefaultCause,
    LoanStatus,
    PledgeStatus,
    Purpose,
    RepaymentSource,
)
from exchange.domain.events import PledgeReleased
from exchange.domain.lending_commands import DrawLoan
from exchange.domain.lending_events import (
    CovenantTested,
    LoanClosed,
    LoanDefaulted,
    LoanRepaid,
    PledgeMatured,
)
from exchange.domain.movements import CashPaid
from exchange.domain.reasons import Reason
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import start_ns
from exchange.rules import delivery_clock
from exchange.rules.loan_cover import owed_amounts
from tests.rules.deliveries import DAY, DeliveryMarket, attest, report
from tests.rules.lending import (
    APPLICATION,
    BANK_CASH,
    INTEREST_PPM,
    LendingMarket,
    offer,
    repay,
    terms,
)
from tests.rules.markets import assert_refused, cross, events_of, own
from tests.scenario import AUDITOR, BANK, FIRST_DAY, OTHER, SUPPLIER, TRADER

TODAY = FIRST_DAY + 1
PRINCIPAL = 50_000_000


@pytest.fixture
def market() -> LendingMarket:
    """CNY 500,000 are drawn at five per cent."""
    market = LendingMarket()
    market.drawn(PRINCIPAL)
    return market


def paid(amount: int) -> CashPaid:
    """The borrower's cash to its bank."""
    return CashPaid(
        payer_account_id=TRADER,
        payee_account_id=BANK,
        paid_amount=amount,
        purpose=Purpose.REPAYMENT,
    )


# -- interest --------------------------------------------------------------------------------------


def test_interest_is_simple_over_actual_days_of_a_year_of_360_rounded_down(market):
    assert owed_amounts(market.loan, TODAY) == (0, PRINCIPAL)
    assert owed_amounts(market.loan, TODAY + 1) == (6_944, PRINCIPAL)
    assert owed_amounts(market.loan, TODAY + 7) == (48_611, PRINCIPAL)
    assert owed_amounts(market.loan, TODAY + 360) == (2_500_000, PRINCIPAL)


def test_a_payment_is_interest_first_and_then_principal(market):
    cross(market, start_ns(TODAY + 7))
    market.do(TRADER, repay(40_000))
    assert market.events[:2] == [
        LoanRepaid(
            loan_id=1, source=RepaymentSource.CASH, interest_amount=40_000, principal_amount=0
        ),
        paid(40_000),
    ]
    market.do(TRADER, repay(10_000))
    repaid = LoanRepaid(
        loan_id=1, source=RepaymentSource.CASH, interest_amount=8_611, principal_amount=1_389
    )
    assert market.events[0] == repaid
    assert market.loan.principal_amount == PRINCIPAL - 1_389
    assert market.cash(BANK) == BANK_CASH - PRINCIPAL + 50_000
    market.assert_replays()


def test_each_payment_begins_a_new_stretch_of_interest(market):
    for days in (1, 2, 3):
        cross(market, start_ns(TODAY + days))
        market.do(TRADER, repay(1))
    # Three days apart are 3 × 6944, where three days together were 20833.
    assert owed_amounts(market.loan, TODAY + 3) == (3 * 6_944 - 3, PRINCIPAL)


def test_no_more_is_taken_than_is_owed_and_the_loan_is_over(market):
    cash = market.cash(TRADER)
    cross(market, start_ns(TODAY + 1))
    market.do(TRADER, repay(10**12))
    assert market.events == [
        LoanRepaid(
            loan_id=1,
            source=RepaymentSource.CASH,
            interest_amount=6_944,
            principal_amount=PRINCIPAL,
        ),
        paid(PRINCIPAL + 6_944),
        LoanClosed(loan_id=1),
        PledgeReleased(pledge_id=1, released_qty=100),
    ]
    assert market.cash(TRADER) == cash - PRINCIPAL - 6_944
    assert market.loan.status is LoanStatus.REPAID
    assert market.state.pledges[1].status is PledgeStatus.RELEASED
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.assert_replays()


def test_nobody_pays_with_cash_that_is_not_there(market):
    left_amount = market.cash(TRADER) - 99
    market.withdraw(TRADER, left_amount)
    assert_refused(market, TRADER, repay(100), Reason.CASH, 100, 99)
    market.do(TRADER, repay(99))


# -- what pledged days earn ------------------------------------------------------------------------

DAYS_COUNT = 10
SWEPT = 50 * 24 * 950
"""450 GPUs are let, of which 400 are free."""


class Pledged(DeliveryMarket):
    """600 of the trader's 1000 GPUs of ten days secure a loan; of the first, some are let."""

    def __init__(self, principal_amount: int, let_qty: int = 450) -> None:
        super().__init__(20_000)
        month = self.list_window("M2703")
        own(self, TRADER, month, 1_000, 1_000)
        own(self, OTHER, month, 10_000, 1_000)
        self.deposit(BANK, BANK_CASH)
        self.do(0, PublishMarks())
        days = offer("M2703", 600, start_day=DAY, end_day=DAY + DAYS_COUNT)
        asked = replace(APPLICATION, maturity_day=DAY + DAYS_COUNT - 1, collateral=[days])
        self.do(TRADER, asked)
        self.lendable_amount = self.state.pledges[1].mark.lendable_amount
        self.do(BANK, terms(principal_amount or self.lendable_amount))
        self.do(TRADER, DrawLoan(loan_id=1))
        if let_qty:
            self.let(TRADER, OTHER, let_qty, 950)

    @property
    def loan(self):
        """The loan."""
        return self.state.loans[1]

    def delivered(self, available_qty: int = 11_000) -> list:
        """What the end of the first day records of loans and of money."""
        kinds = (LoanRepaid, LoanClosed, CashPaid, PledgeReleased, PledgeMatured)
        return [e for e in self.deliver([available_qty] * 24) if isinstance(e, kinds)]


def interest_until_paid(principal_amount: int) -> int:
    """From the first day of the market to the one on which the delivery day is paid."""
    return principal_amount * INTEREST_PPM * (DAY + 3 - FIRST_DAY) // (PPM_WHOLE * 360)


def test_rent_of_pledged_days_repays_the_loan_in_the_record_that_pays_it():
    market = Pledged(20_000_000)
    cash = market.core.balances(BANK)[0]
    interest_amount = interest_until_paid(20_000_000)
    repaid = LoanRepaid(
        loan_id=1,
        source=RepaymentSource.SWEPT_RENT,
        interest_amount=interest_amount,
        principal_amount=SWEPT - interest_amount,
    )
    assert market.delivered() == [repaid]
    assert market.core.balances(BANK)[0] == cash + SWEPT
    assert market.loan.principal_amount == 20_000_000 - SWEPT + interest_amount
    assert market.loan.is_covenant_due
    market.assert_replays()


def test_rent_beyond_what_is_owed_goes_on_to_the_borrower_and_the_loan_is_over():
    market = Pledged(1_000_000)
    cash = {each: market.core.balances(each)[0] for each in (BANK, TRADER)}
    owed_amount = 1_000_000 + interest_until_paid(1_000_000)
    repaid, onward, closed, released = market.delivered()
    assert repaid.interest_amount + repaid.principal_amount == owed_amount
    assert onward == CashPaid(
        payer_account_id=BANK,
        payee_account_id=TRADER,
        paid_amount=SWEPT - owed_amount,
        purpose=Purpose.RENT_SWEPT,
    )
    assert closed == LoanClosed(loan_id=1)
    assert released == PledgeReleased(pledge_id=1, released_qty=600)
    assert market.core.balances(BANK)[0] == cash[BANK] + owed_amount
    own_rent = 400 * 24 * 950
    assert market.core.balances(TRADER)[0] == cash[TRADER] + own_rent + SWEPT - owed_amount
    assert market.core.day_function(TRADER, 1, "lien") == []
    market.assert_replays()


def test_refunds_and_damages_of_pledged_days_repay_it_too():
    market = Pledged(20_000_000, let_qty=0)
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=1_150))
    found = [e for e in market.delivered(10_900) if isinstance(e, LoanRepaid)]
    assert [e.source for e in found] == [RepaymentSource.SHORTFALL_REFUND]
    (claim,) = [e for e in events_of(market, DamagesClaimed) if e.account_id == BANK]
    assert claim.pledge_id == 1
    owed_amount = sum(owed_amounts(market.loan, DAY + 2))
    market.do(SUPPLIER, PayClaim(claim_id=claim.claim_id, paid_amount=claim.claim_amount))
    repaid = market.events[-1]
    assert isinstance(repaid, LoanRepaid)
    assert repaid.source is RepaymentSource.CLAIM
    assert sum(owed_amounts(market.loan, DAY + 2)) == owed_amount - claim.claim_amount
    market.assert_replays()


def test_damages_out_of_the_bond_repay_it():
    market = Pledged(20_000_000, let_qty=0)
    market.do(SUPPLIER, PostBond(bond_amount=10**10))
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=1_150))
    found = [e.source for e in market.delivered(10_900) if isinstance(e, LoanRepaid)]
    assert found == [RepaymentSource.SHORTFALL_REFUND, RepaymentSource.COVER_DAMAGES]


# -- the covenant ----------------------------------------------------------------------------------


def test_after_a_final_day_principal_beyond_the_ratio_is_taken_from_cash():
    market = Pledged(0, let_qty=0)
    market.delivered()
    assert market.loan.is_covenant_due
    cash = {each: market.core.balances(each)[0] for each in (BANK, TRADER)}
    LendingMarket.mark(market)
    (tested,) = events_of(market, CovenantTested)
    value_amount = market.state.pledges[1].mark.value_amount
    covered_amount = value_amount * market.loan.drawn_ltv_ppm // PPM_WHOLE
    due_amount = market.lendable_amount - covered_amount
    assert due_amount > 0
    assert tested == CovenantTested(
        loan_id=1,
        principal_amount=market.lendable_amount,
        value_amount=value_amount,
        due_amount=due_amount,
        paid_amount=due_amount,
    )
    (repaid,) = events_of(market, LoanRepaid)
    assert (repaid.source, repaid.interest_amount) == (RepaymentSource.COVENANT, 0)
    assert repaid.principal_amount == due_amount
    assert market.loan.principal_amount == covered_amount
    assert market.core.balances(BANK)[0] == cash[BANK] + due_amount
    assert market.core.balances(TRADER)[0] == cash[TRADER] - due_amount
    assert not market.loan.is_covenant_due
    market.assert_replays()


def test_the_covenant_takes_what_cash_there_is():
    market = Pledged(0, let_qty=0)
    market.delivered()
    left_amount = market.core.balances(TRADER)[0] - 1_000
    market.withdraw(TRADER, left_amount)
    LendingMarket.mark(market)
    (tested,) = events_of(market, CovenantTested)
    assert tested.due_amount > tested.paid_amount == 1_000
    assert market.core.balances(TRADER)[0] == 0


def test_the_covenant_of_two_loans_takes_no_cash_twice():
    market = Pledged(1, let_qty=0)
    days = offer("M2703", 200, start_day=DAY, end_day=DAY + DAYS_COUNT)
    asked = replace(APPLICATION, maturity_day=DAY + DAYS_COUNT - 1, collateral=[days])
    for loan_id in (2, 3):
        market.do(TRADER, asked)
        lendable_amount = market.state.pledges[loan_id].mark.lendable_amount
        market.do(BANK, terms(lendable_amount, loan_id))
        market.do(TRADER, DrawLoan(loan_id=loan_id))
    market.delivered()
    left_amount = market.core.balances(TRADER)[0] - 1_000
    market.withdraw(TRADER, left_amount)
    LendingMarket.mark(market)
    paid_amounts = [event.paid_amount for event in events_of(market, CovenantTested)]
    assert paid_amounts == [0, 1_000, 0]
    market.assert_replays()


def test_a_pledge_matures_with_its_last_day_and_the_loan_waits_for_its_maturity():
    market = Pledged(1_000, let_qty=0)
    for at_day in range(DAY, DAY + DAYS_COUNT):
        market.read([11_000] * 24, at_day)
        market.do(SUPPLIER, report(at_day))
        market.do(AUDITOR, attest(at_day))
    market.finish(DAY + DAYS_COUNT - 1)
    assert events_of(market, PledgeMatured) == [PledgeMatured(pledge_id=1)]
    pledge = market.state.pledges[1]
    assert (pledge.status, pledge.pledged_qty) == (PledgeStatus.MATURED, 0)
    (default,) = events_of(market, LoanDefaulted)
    assert default.cause is DefaultCause.MATURITY
    release = ReleasePledge(pledge_id=1)
    assert_refused(market, BANK, release, Reason.WRONG_STATE, 1)
    market.assert_replays()


def test_what_a_planned_day_still_pays_for_a_repaid_loan_goes_on_to_the_borrower(monkeypatch):
    """The refund ends the loan; the rent of the same day comes in a later record."""
    monkeypatch.setattr(delivery_clock, "DELIVERY_BATCH", 1)
    market = Pledged(1_000)
    cash = market.core.balances(BANK)[0]
    found = market.delivered(10_900)
    assert [type(event) for event in found] == [
        LoanRepaid,
        CashPaid,
        LoanClosed,
        PledgeReleased,
        CashPaid,
    ]
    owed_amount = found[0].interest_amount + found[0].principal_amount
    assert [found[1].purpose, found[4].purpose] == [Purpose.SHORTFALL_REFUND, Purpose.RENT_SWEPT]
    assert market.core.balances(BANK)[0] == cash + owed_amount
    market.assert_replays()
