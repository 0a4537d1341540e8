"""What a certificate says beside its loans: liens outside them, what is not drawn, and costs."""

import csv
import io

import pytest

from exchange.collateral.ladder import lendable_amount
from exchange.domain.certificates import BorrowingBase, csv_of, unsigned
from exchange.domain.enums import DefaultCause, LoanEnd
from exchange.domain.events import PledgeAccepted, PledgeReleased
from exchange.domain.lending_events import (
    LiquidationOpened,
    LoanApproved,
    LoanDefaulted,
    LoanEnded,
    WaterfallPaid,
)
from exchange.gateway.lending_pages import certificate_page
from exchange.projections.borrowing_base import borrowing_base_view
from tests.projections.lending_tape import (
    OTHER_BANK,
    OTHER_TRADER,
    PRINCIPAL,
    SIX_PER_CENT,
    LendingTape,
    inputs,
    marked,
    requested,
)
from tests.projections.records import BANK, TRADER

LIEN, APPLIED, APPROVED = 2, 2, 3


@pytest.fixture
def tape():
    """A loan, a lien without one, an application, and terms that are not taken."""
    tape = LendingTape()
    tape.lend(1, 1)
    tape.add(requested(LIEN, 0, OTHER_TRADER), marked(LIEN, inputs(), tape.mark))
    tape.add(PledgeAccepted(pledge_id=LIEN))
    tape.apply_for(APPLIED, 3, TRADER, OTHER_BANK)
    tape.apply_for(APPROVED, 4, OTHER_TRADER, BANK)
    tape.add(
        LoanApproved(
            loan_id=APPROVED,
            principal_amount=PRINCIPAL // 2,
            interest_ppm=SIX_PER_CENT,
            value_amount=tape.mark.value_amount,
            lendable_amount=tape.mark.lendable_amount,
            lapse_ns=tape.market_ns + 2,
        )
    )
    return tape


def certified(tape, bank_id=0, borrower_id=0) -> BorrowingBase:
    """The certificate as of the last record."""
    return borrowing_base_view(bank_id, borrower_id, tape.projection)


# -- liens outside loans ---------------------------------------------------------------------------


def test_a_lien_outside_loans_is_stated_with_what_it_would_lend(tape):
    [lien] = certified(tape).liens
    mark = tape.mark
    assert (lien.pledge_id, lien.account_id, lien.bank_account_id) == (LIEN, OTHER_TRADER, BANK)
    assert (lien.pledged_qty, lien.value_amount) == (1_000, mark.value_amount)
    assert lien.lendable_amount == lendable_amount(mark.value_amount, mark.haircut.ltv_ppm)


def test_it_is_no_part_of_a_loans_base_and_of_no_sum_of_loans(tape):
    totals = certified(tape).totals
    value_amount = tape.mark.value_amount
    assert (totals.loans_count, totals.pledges_count, totals.value_amount) == (1, 1, value_amount)
    assert (totals.liens_count, totals.liens_value_amount) == (1, value_amount)
    assert totals.liens_lendable_amount == certified(tape).liens[0].lendable_amount
    assert totals.availability_amount == max(0, totals.base_amount - totals.owed_amount)


def test_a_lien_that_is_released_is_stated_no_more(tape):
    tape.add(PledgeReleased(pledge_id=LIEN, released_qty=1_000))
    assert certified(tape).liens == []
    assert certified(tape).totals.liens_value_amount == 0


# -- what is not drawn -----------------------------------------------------------------------------


def test_applications_and_terms_are_stated_with_what_their_days_lend(tape):
    applied, approved = certified(tape).offers
    most_amount = lendable_amount(tape.mark.value_amount, tape.mark.haircut.ltv_ppm)
    assert (applied.loan_status, applied.applied_amount, applied.offered_amount) == (
        "applied",
        PRINCIPAL,
        0,
    )
    assert (approved.loan_status, approved.offered_amount) == ("approved", PRINCIPAL // 2)
    assert [each.lendable_amount for each in (applied, approved)] == [most_amount] * 2
    totals = certified(tape).totals
    assert (totals.offers_count, totals.offered_amount) == (2, PRINCIPAL // 2)
    assert totals.offers_lendable_amount == 2 * most_amount


def test_what_is_drawn_or_over_is_no_offer(tape):
    tape.add(LoanEnded(loan_id=APPLIED, end=LoanEnd.LAPSED))
    tape.draw(APPROVED, 4)
    found = certified(tape)
    assert found.offers == []
    assert [loan.loan_id for loan in found.loans] == [1, APPROVED]


@pytest.mark.parametrize(
    ("bank_id", "borrower_id", "lien_ids", "offer_ids"),
    [
        (BANK, 0, [LIEN], [APPROVED]),
        (OTHER_BANK, 0, [], [APPLIED]),
        (0, TRADER, [], [APPLIED]),
        (BANK, OTHER_TRADER, [LIEN], [APPROVED]),
        (BANK, TRADER, [], []),
    ],
)
def test_a_certificate_of_a_part_has_that_part_of_them(
    tape, bank_id, borrower_id, lien_ids, offer_ids
):
    found = certified(tape, bank_id, borrower_id)
    assert [lien.pledge_id for lien in found.liens] == lien_ids
    assert [offer.loan_id for offer in found.offers] == offer_ids


# -- costs -----------------------------------------------------------------------------------------


def enforced(tape, costs_amount):
    """The loan, in liquidation."""
    tape.add(
        LoanDefaulted(loan_id=1, cause=DefaultCause.MATURITY, owed_amount=1, value_amount=1),
        LiquidationOpened(loan_id=1, costs_amount=costs_amount, evidence_sha256=bytes(32)),
    )


def test_unpaid_costs_of_enforcement_come_off_what_is_left(tape):
    excess_amount = certified(tape).totals.excess_amount
    enforced(tape, 1_000)
    [loan] = certified(tape).loans
    assert (loan.costs_amount, loan.excess_amount) == (1_000, excess_amount - 1_000)
    amounts = {"interest_amount": 0, "principal_amount": 0, "fee_amount": 0, "surplus_amount": 0}
    paid = WaterfallPaid(loan_id=1, lot_id=0, proceeds_amount=400, costs_amount=400, **amounts)
    tape.add(paid)
    totals = certified(tape).totals
    assert (totals.costs_amount, totals.excess_amount) == (600, excess_amount - 600)


# -- as a table and as a page ----------------------------------------------------------------------


def test_the_table_has_a_row_for_each_of_them(tape):
    certificate = certified(tape)
    rows = list(csv.DictReader(io.StringIO(csv_of(certificate), newline="")))
    assert [row["row"] for row in rows] == ["loan", "pledge", "lien", "offer", "offer", "total"]
    lien, offer, total = rows[2], rows[4], rows[5]
    assert lien["lendable_amount"] == str(certificate.liens[0].lendable_amount)
    assert offer["offered_amount"] == total["offered_amount"] == str(PRINCIPAL // 2)
    assert total["liens_value_amount"] == lien["value_amount"]


def test_the_page_shows_them_and_the_costs(tape):
    enforced(tape, 123_456)
    page = certificate_page(certified(tape), unsigned(b"", "text/html", 1, "test"))
    liens, offers = page.index("Pledges outside loans"), page.index("Asked for or offered")
    assert f">{LIEN}<" in page[liens:offers]
    assert "approved" in page[offers:]
    assert "costs of enforcement" in page
    assert "1,234.56" in page
