"""The availability certificate, melting and stress as pages for people."""

from collections.abc import Sequence

from exchange.domain.certificates import (
    BorrowingBase,
    CertifiedLien,
    CertifiedLoan,
    CertifiedOffer,
    DocumentSignature,
)
from exchange.domain.lending_views import LoanStressView, Melting, MeltingView, Stress
from exchange.domain.windows import date_of

from .bars import Bar, bars
from .page import page, percent, table, yuan

SHOWN_LOANS_COUNT = 40
"""Loans with a bar of their own: those with the least left."""


def certificate_page(certificate: BorrowingBase, signed: DocumentSignature) -> str:
    """The certificate with its waterfall; `signed` is the signature of its JSON."""
    date, totals = date_of(certificate.valuation_day).isoformat(), certificate.totals
    tightest = sorted(certificate.loans, key=lambda loan: (loan.excess_amount, loan.loan_id))
    facts = [
        ("venue", certificate.venue_id),
        ("bank", certificate.bank_account_id or "all"),
        ("borrower", certificate.borrower_account_id or "all"),
        ("as of seq", certificate.as_of_seq),
        ("risk parameters, version", certificate.parameters_version),
        ("loans / pledges", f"{totals.loans_count} / {totals.pledges_count}"),
        ("open margin calls", totals.margin_calls_count),
        ("called and unpaid, CNY", yuan(totals.call_cash_amount)),
        ("deficits, CNY", yuan(totals.deficit_amount)),
        ("lendable on pledges outside loans, CNY", yuan(totals.liens_lendable_amount)),
        ("held for terms that are not taken, CNY", yuan(totals.offered_amount)),
    ]
    return page(
        f"Availability certificate, {date}",
        table(("of what", ""), facts),
        "<h2>From value to availability, CNY</h2>",
        waterfall(certificate),
        "<h2>What is left of the base, by loan, CNY</h2>",
        bars(
            "excess or deficit of loans", [_excess(each) for each in tightest[:SHOWN_LOANS_COUNT]]
        ),
        "<h2>Loans</h2>",
        _loan_table(certificate.loans),
        "<h2>Pledges</h2>",
        _pledge_table(certificate.loans),
        "<h2>Open margin calls</h2>",
        _call_table(certificate.loans),
        "<h2>Pledges outside loans</h2>",
        _lien_table(certificate.liens),
        "<h2>Asked for or offered, and not drawn</h2>",
        _offer_table(certificate.offers),
        "<h2>Signature of the certificate as JSON</h2>",
        f"<p>SHA-256 <code>{signed.sha256}</code><br>signature <code>{signed.signature}</code><br>"
        f"key <code>{signed.public_key}</code></p>",
    )


def waterfall(certificate: BorrowingBase) -> str:
    """Value, less haircuts the base, less what is due the availability, or a deficit."""
    totals = certificate.totals
    value, base, owed = totals.value_amount, totals.base_amount, totals.owed_amount
    costs = totals.costs_amount
    excess = base - owed - costs
    low, high = sorted((excess, 0))
    rows = [
        Bar("value", 0, value, "value", value),
        Bar("haircuts", base, value, "less", base - value),
        Bar("borrowing base", 0, base, "base", base),
        Bar("owed", base - owed, base, "owed", -owed),
        *([Bar("costs of enforcement", excess, base - owed, "owed", -costs)] if costs else []),
        Bar("excess" if excess >= 0 else "deficit", low, high, _colour(excess), excess),
        Bar("availability", 0, totals.availability_amount, "free", totals.availability_amount),
    ]
    return bars("from value to availability", rows)


def melting_page(melting: Melting) -> str:
    """Days to call and sale at several prices."""
    moves = [each.move_ppm for each in melting.pool]
    columns = ["loan", "owed", "value", "α", "break-even rent"]
    rows = [
        (
            each.loan_id,
            yuan(each.owed_amount),
            yuan(each.value_amount),
            percent(each.drawn_ltv_ppm),
            yuan(each.break_even_price),
            *(f"{r.margin_call_days_count} / {r.liquidation_days_count}" for r in each.runways),
        )
        for each in melting.loans
    ]
    first = [
        (
            percent(each.move_ppm),
            each.margin_call_days_count,
            each.liquidation_days_count,
            each.called_30_days_count,
            yuan(each.called_30_days_amount),
        )
        for each in melting.pool
    ]
    called = ("prices", "first call", "first sale", "called in 30 days", "of what is owed, CNY")
    return page(
        f"Melting, {date_of(melting.valuation_day).isoformat()}",
        f"<p>Days if nothing is repaid, as of seq {melting.as_of_seq}; rent in CNY per GPU-hour, "
        "every day let and swept.</p>",
        f"<h2>Together: {_page_words(melting.loans, melting.left_count)}</h2>",
        table(called, first),
        "<h2>Loans: days to margin call / to liquidation</h2>",
        table([*columns, *(percent(move_ppm) for move_ppm in moves)], rows),
    )


def stress_page(stress: Stress) -> str:
    """What each scenario leaves."""
    pool = [
        (
            each.scenario,
            yuan(each.value_amount),
            yuan(each.lendable_amount),
            each.called_count,
            yuan(each.call_cash_amount),
            yuan(each.shortfall_amount),
        )
        for each in stress.pool
    ]
    loans = [
        (
            loan.loan_id,
            each.scenario,
            yuan(each.value_amount),
            percent(each.ltv_ppm),
            each.ladder_status,
            yuan(each.call_cash_amount),
            yuan(each.shortfall_amount),
        )
        for loan in stress.loans
        for each in loan.scenarios
    ]
    amounts = ("call, CNY", "shortfall if all is sold, CNY")
    return page(
        f"Stress, {date_of(stress.valuation_day).isoformat()}",
        f"<p>As of seq {stress.as_of_seq}.</p>",
        f"<h2>Pool: {_pool_words(stress)}</h2>",
        table(("scenario", "value, CNY", "lendable, CNY", "loans called", *amounts), pool),
        bars(
            "shortfall of the pool by scenario",
            [
                Bar(each.scenario, 0, each.shortfall_amount, "lack", each.shortfall_amount)
                for each in stress.pool
            ],
        ),
        f"<h2>Loans: {_page_words(stress.loans, stress.left_count)}</h2>",
        table(("loan", "scenario", "value, CNY", "loan to value", "step", *amounts), loans),
    )


def _page_words(loans: Sequence[MeltingView | LoanStressView], left_count: int) -> str:
    """How much of the pool a page shows, and how to ask for the rest."""
    shown = f"{len(loans)} shown, by id"
    if not left_count or not loans:
        return shown
    return f"{shown}; {left_count} more behind ?after_loan_id={loans[-1].loan_id}"


def _pool_words(stress: Stress) -> str:
    left = f", {stress.pool_left_count} more left out" if stress.pool_left_count else ""
    return f"{stress.pool_count} loans{left}"


def _colour(excess_amount: int) -> str:
    return "free" if excess_amount >= 0 else "lack"


def _excess(loan: CertifiedLoan) -> Bar:
    low, high = sorted((loan.excess_amount, 0))
    label = f"loan {loan.loan_id}, {loan.ladder_status}"
    return Bar(label, low, high, _colour(loan.excess_amount), loan.excess_amount)


def _loan_table(loans: list[CertifiedLoan]) -> str:
    columns = (
        "loan", "borrower", "bank", "status", "step", "value", "base", "owed", "availability",
        "excess",
    )  # fmt: skip
    rows = [
        (
            each.loan_id,
            each.account_id,
            each.bank_account_id,
            each.loan_status,
            each.ladder_status,
            yuan(each.value_amount),
            yuan(each.base_amount),
            yuan(each.owed_amount),
            yuan(each.availability_amount),
            yuan(each.excess_amount),
        )
        for each in loans
    ]
    return table(columns, rows)


def _pledge_table(loans: list[CertifiedLoan]) -> str:
    columns = (
        "pledge", "loan", "product", "first day", "last day", "GPUs", "value", "LTV raw",
        "LTV applied", "base", "mark",
    )  # fmt: skip
    rows = [
        (
            each.pledge_id,
            loan.loan_id,
            each.product,
            date_of(each.start_day).isoformat(),
            date_of(each.end_day - 1).isoformat(),
            each.pledged_qty,
            yuan(each.value_amount),
            percent(each.ltv_raw_ppm),
            percent(each.applied_ltv_ppm),
            yuan(each.base_amount),
            f"level {each.level}, seq {each.mark_seq}",
        )
        for loan in loans
        for each in loan.pledges
    ]
    return table(columns, rows)


def _lien_table(liens: list[CertifiedLien]) -> str:
    columns = (
        "pledge", "owner", "bank", "product", "first day", "last day", "GPUs", "value", "lendable",
        "mark",
    )  # fmt: skip
    rows = [
        (
            each.pledge_id,
            each.account_id,
            each.bank_account_id,
            each.product,
            date_of(each.start_day).isoformat(),
            date_of(each.end_day - 1).isoformat(),
            each.pledged_qty,
            yuan(each.value_amount),
            yuan(each.lendable_amount),
            f"level {each.level}, seq {each.mark_seq}",
        )
        for each in liens
    ]
    return table(columns, rows)


def _offer_table(offers: list[CertifiedOffer]) -> str:
    columns = ("loan", "borrower", "bank", "status", "applied", "offered", "value", "lendable")
    rows = [
        (
            each.loan_id,
            each.account_id,
            each.bank_account_id,
            each.loan_status,
            yuan(each.applied_amount),
            yuan(each.offered_amount),
            yuan(each.value_amount),
            yuan(each.lendable_amount),
        )
        for each in offers
    ]
    return table(columns, rows)


def _call_table(loans: list[CertifiedLoan]) -> str:
    rows = [
        (
            loan.loan_id,
            each.call_id,
            each.call_status,
            yuan(each.call_cash_amount),
            yuan(each.call_collateral_amount),
            yuan(each.paid_amount),
        )
        for loan in loans
        for each in loan.margin_calls
    ]
    return table(("loan", "call", "status", "cash", "or collateral", "paid"), rows)
