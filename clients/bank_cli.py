"""The shell's half for banks: loans, margin-calls, borrowing-base, melting, stress."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from clients.bank import is_document_signed, read_certificate
from clients.errors import ProtocolError
from clients.sdk import SyncExchangeClient
from exchange.domain.certificates import BorrowingBase, DocumentSignature
from exchange.domain.lending_views import LoanView, Melting, Stress
from exchange.domain.windows import date_of, day_at

from .fitted_table import FittedTable
from .shell import (
    DEFAULT_DATA,
    Answer,
    As,
    AsJson,
    AsOfSeq,
    DataDir,
    TokenFile,
    Url,
    asks,
    connect,
    money,
    show,
)

bank_commands = typer.Typer()


@bank_commands.command()
@asks("bank")
def loans(exchange: SyncExchangeClient, as_of_seq: AsOfSeq = None) -> Answer:
    """Print loans: a borrower's own, a bank's own pool."""
    found = exchange.loans(as_of_seq=as_of_seq)
    return found, _loans_table(found)


@bank_commands.command("margin-calls")
@asks("bank")
def margin_calls(
    exchange: SyncExchangeClient,
    with_ended: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    as_of_seq: AsOfSeq = None,
) -> Answer:
    """Print margin calls that are open."""
    found = exchange.margin_calls(with_ended=with_ended, as_of_seq=as_of_seq)
    columns = ("loan", "borrower", "status", "due, 16:00")
    amounts_of = ("cash", "or collateral", "paid")
    shown = FittedTable("margin calls", columns, amounts_of, ("paid", "borrower"))
    for call in found:
        amounts = (call.call_cash_amount, call.call_collateral_amount, call.paid_amount)
        shown.add_row(
            str(call.loan_id),
            str(call.account_id),
            call.call_status,
            f"{date_of(day_at(call.due_ns))}",
            *map(money, amounts),
        )
    return found, shown


@bank_commands.command("borrowing-base")
def borrowing_base(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "bank",
    bank: Annotated[int | None, typer.Option(help="Loans by this bank only.")] = None,
    borrower: Annotated[int | None, typer.Option(help="Loans to this account only.")] = None,
    as_of_seq: AsOfSeq = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    as_html: Annotated[bool, typer.Option("--html", help="Print it as a page.")] = False,
    signature: Annotated[
        Path | None, typer.Option(help="Where to put the signature of a CSV or a page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the availability certificate; as JSON it has its signature within."""
    chosen = {
        "bank_account_id": bank,
        "borrower_account_id": borrower,
        "as_of_seq": as_of_seq,
    }
    with connect(data, url, token_file, who) as exchange:
        if as_csv or as_html:
            form = exchange.borrowing_base_document("csv" if as_csv else "html", **chosen)
            typer.echo(form.body, nl=False)
            if signature is not None:
                signature.write_bytes(msgspec.json.encode(form.signed))
            return
        base = exchange.borrowing_base(**chosen)
    if as_json:
        typer.echo(base.as_json())
    else:
        show(base.certificate, as_json, _certificate_table(base.certificate))


@bank_commands.command("check-certificate")
def check_certificate(
    file: Annotated[Path, typer.Argument(help="What `borrowing-base` printed.")],
    public_key: Annotated[str, typer.Option(help="The venue's, from whom you trust; hex.")],
    signature: Annotated[Path | None, typer.Option(help="Of a CSV or a page.")] = None,
) -> None:
    """Check the venue's signature of a certificate; exit 1 where it is not signed by the key."""
    body = file.read_bytes()
    try:
        key = bytes.fromhex(public_key)
        if signature is None:
            certificate = read_certificate(body)
            signed, is_good = certificate.signed, certificate.is_signed_by(key)
        else:
            signed = msgspec.json.decode(signature.read_bytes(), type=DocumentSignature)
            is_good = is_document_signed(body, signed, key)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ProtocolError(f"{file} cannot be checked: {error}") from error
    if not is_good:
        typer.echo(f"error: {file} is not what the key signed", err=True)
        raise typer.Exit(1)
    typer.echo(f"signed by {signed.venue_id}/{signed.shard} as of seq {signed.as_of_seq}")


@bank_commands.command()
@asks("bank")
def melting(
    exchange: SyncExchangeClient,
    loan_id: Annotated[int | None, typer.Argument(help="One loan; without it the pool.")] = None,
    limit: Annotated[
        int | None, typer.Option(help="The first so many loans by id, at most 100.")
    ] = None,
    as_of_seq: AsOfSeq = None,
) -> Answer:
    """Print the days until time alone brings a call and a sale, at several prices."""
    found = exchange.melting(loan_id, limit=limit, as_of_seq=as_of_seq)
    return found, _melting_table(found)


@bank_commands.command()
@asks("bank")
def stress(exchange: SyncExchangeClient, as_of_seq: AsOfSeq = None) -> Answer:
    """Print what is left of the pool's cover if the market turns."""
    found = exchange.stress(as_of_seq=as_of_seq)
    return found, _stress_table(found)


def _loans_table(found: Iterable[LoanView]) -> FittedTable:
    columns = ("loan", "borrower", "bank", "status", "step")
    spare = ("bank", "base", "step", "borrower")
    shown = FittedTable("loans", columns, ("owed", "value", "base"), spare)
    for loan in found:
        amounts = (loan.owed_amount, loan.value_amount, loan.base_amount)
        shown.add_row(
            str(loan.loan_id),
            str(loan.account_id),
            str(loan.bank_account_id),
            loan.loan_status,
            loan.ladder_status,
            *map(money, amounts),
        )
    return shown


def _certificate_table(certificate: BorrowingBase) -> FittedTable:
    totals = certificate.totals
    day = date_of(certificate.valuation_day)
    title = f"availability on {day}, as of seq {certificate.as_of_seq}"
    amounts_of = ("value", "base", "owed", "availability", "excess")
    shown = FittedTable(title, ("loan", "step"), amounts_of, ("base", "value", "owed"))
    for loan in certificate.loans:
        amounts = (
            loan.value_amount,
            loan.base_amount,
            loan.owed_amount,
            loan.availability_amount,
            loan.excess_amount,
        )
        shown.add_row(str(loan.loan_id), loan.ladder_status, *map(money, amounts))
    sums = (
        totals.value_amount,
        totals.base_amount,
        totals.owed_amount,
        totals.availability_amount,
        totals.excess_amount,
    )
    shown.add_row("all", "", *map(money, sums))
    lent = (totals.liens_value_amount, totals.liens_lendable_amount)
    if totals.liens_count:
        shown.add_row("none", "lien only", *map(money, lent))
    if totals.offers_count:
        offered = (totals.offers_lendable_amount, totals.offered_amount)
        shown.add_row("none", "not drawn", "", *map(money, offered))
    return shown


def _melting_table(found: Melting) -> FittedTable:
    moves = [f"{each.move_ppm / 10_000:.0f} %" for each in found.pool]
    day = date_of(found.valuation_day)
    title = f"days to margin call / to liquidation from {day}, as of seq {found.as_of_seq}"
    if found.left_count:
        count = len(found.loans)
        title += f": the first {count} of {count + found.left_count} loans"
    spare = ("value", "owed", "break-even rent")
    shown = FittedTable(title, ("loan", *moves), ("owed", "value", "break-even rent"), spare)
    for loan in found.loans:
        days = [
            f"{each.margin_call_days_count} / {each.liquidation_days_count}"
            for each in loan.runways
        ]
        amounts = (loan.owed_amount, loan.value_amount, loan.break_even_price)
        shown.add_row(str(loan.loan_id), *days, *map(money, amounts))
    first = [
        f"{each.margin_call_days_count} / {each.liquidation_days_count}" for each in found.pool
    ]
    shown.add_row("first", *first)
    return shown


def _stress_table(found: Stress) -> FittedTable:
    count, left_count = found.pool_count, found.pool_left_count
    loans = f"the first {count} of {count + left_count}" if left_count else f"{count}"
    title = f"the pool under stress, {loans} loans, as of seq {found.as_of_seq}"
    amounts = ("value", "lendable", "call", "shortfall")
    shown = FittedTable(title, ("scenario", "called"), amounts, ("lendable", "value"))
    for each in found.pool:
        shown.add_row(
            each.scenario,
            str(each.called_count),
            money(each.value_amount),
            money(each.lendable_amount),
            money(each.call_cash_amount),
            money(each.shortfall_amount),
        )
    return shown
