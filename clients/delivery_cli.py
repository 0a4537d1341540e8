"""
The shell's half for those who deliver: capacity, delivery days, bonds, claims.

Days are given as codes, D270305; hashes of reports and proofs are made here of the files.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.reading_files import ReadingsUnreadable, readings_of
from clients.sdk import SyncExchangeClient
from clients.supplier_agent import HOUR_NS, post_readings, run_agent
from exchange.domain.units import HOURS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import date_of

from .shell import (
    DEFAULT_DATA,
    Answer,
    As,
    DataDir,
    TokenFile,
    Url,
    asks,
    money,
    told,
    window_of_code,
)
from .shell import connect as _connect
from .shell import day_of_code as _day_of
from .shell import product_id_of as _product_id
from .shell import table as _table

capacity_commands = typer.Typer(no_args_is_help=True)
delivery_commands = typer.Typer(no_args_is_help=True)
bond_commands = typer.Typer(no_args_is_help=True)
claim_commands = typer.Typer(no_args_is_help=True)

Product = Annotated[str, typer.Argument(help="A product's code.")]
DayCode = Annotated[str, typer.Argument(help="A delivery day: D270305.")]
WindowCode = Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")]
HourQtys = Annotated[list[int], typer.Argument(help="GPUs of each of the 24 hours.")]
Proof = Annotated[Path, typer.Argument(help="A report or proof; its SHA-256 goes into the log.")]


# -- capacity --------------------------------------------------------------------------------------


@capacity_commands.command("submit")
@asks("supplier")
def submit(
    exchange: SyncExchangeClient, product: Product, window: WindowCode, submitted_qty: int
) -> Answer:
    """Offer hardware for inspection."""
    span = window_of_code(window)
    receipt = exchange.supply(
        "capacity",
        "submit_capacity",
        product_id=_product_id(exchange, product),
        start_day=span.start_day,
        end_day=span.end_day,
        submitted_qty=submitted_qty,
    )
    return told(receipt, f"grant {receipt.created_id} is submitted")


@capacity_commands.command("inspect")
@asks("auditor")
def inspect(exchange: SyncExchangeClient, grant_id: int, report: Proof) -> Answer:
    """Note an inspection; the burn-in begins."""
    receipt = exchange.supply(
        "capacity", "inspect_capacity", grant_id=grant_id, evidence_sha256=_sha256(report)
    )
    return receipt, f"grant {grant_id} burns in since seq {receipt.log_seq}"


@capacity_commands.command("verify")
@asks("auditor")
def verify(exchange: SyncExchangeClient, grant_id: int) -> Answer:
    """Sign for capacity after its burn-in."""
    receipt = exchange.supply("capacity", "verify_capacity", grant_id=grant_id)
    return told(receipt, f"grant {grant_id} is verified")


@capacity_commands.command("countersign")
@asks("operator")
def countersign_capacity(
    exchange: SyncExchangeClient, grant_id: int, auditor_account_id: int, report: Proof
) -> Answer:
    """The operator's signature: the capacity is title."""
    grants = [grant for grant in exchange.capacity() if grant.grant_id == grant_id]
    if not grants:
        raise typer.BadParameter(f"there is no grant {grant_id}")
    [grant] = grants
    receipt = exchange.admin(
        "grant_capacity",
        product_id=_product_id(exchange, grant.product),
        start_day=grant.start_day,
        end_day=grant.end_day,
        granted_qty=grant.submitted_qty,
        auditor_account_id=auditor_account_id,
        evidence_sha256=_sha256(report),
    )
    return told(receipt, f"grant {grant_id} is title")


@capacity_commands.command("reject")
@asks("auditor")
def reject(exchange: SyncExchangeClient, grant_id: int) -> Answer:
    """End a submission that is not title yet, as an auditor or as its supplier."""
    receipt = exchange.supply("capacity", "reject_capacity", grant_id=grant_id)
    return told(receipt, f"grant {grant_id} is rejected")


@capacity_commands.command("withdraw")
@asks("supplier")
def withdraw(
    exchange: SyncExchangeClient, product: Product, window: WindowCode, withdrawn_qty: int
) -> Answer:
    """Take back title to days to come that is not sold, pledged or on offer."""
    span = window_of_code(window)
    receipt = exchange.supply(
        "capacity",
        "withdraw_capacity",
        product_id=_product_id(exchange, product),
        start_day=span.start_day,
        end_day=span.end_day,
        withdrawn_qty=withdrawn_qty,
    )
    return told(receipt, f"{withdrawn_qty} GPUs of {window} are withdrawn")


@capacity_commands.command("derate")
@asks("auditor")
def derate(
    exchange: SyncExchangeClient,
    product: Product,
    window: WindowCode,
    derated_qty: Annotated[int, typer.Argument(help="What is left of the product.", min=0)],
    report: Proof,
) -> Answer:
    """Find that a product has fewer GPUs than were granted; what is sold of them is owed."""
    span = window_of_code(window)
    receipt = exchange.supply(
        "capacity",
        "derate_capacity",
        product_id=_product_id(exchange, product),
        start_day=span.start_day,
        end_day=span.end_day,
        derated_qty=derated_qty,
        evidence_sha256=_sha256(report),
    )
    return told(receipt, f"{product} is derated to {derated_qty} GPUs on the days of {window}")


@capacity_commands.command("list")
@asks("supplier")
def list_capacity(exchange: SyncExchangeClient) -> Answer:
    """Print submissions and how far they have come."""
    grants = exchange.capacity()
    table = _table("capacity", "grant", "product", "from", "to", "GPUs", "status")
    for one in grants:
        span = (f"{date_of(one.start_day)}", f"{date_of(one.end_day)}")
        table.add_row(
            str(one.grant_id), one.product, *span, str(one.submitted_qty), one.grant_status
        )
    return grants, table


# -- delivery --------------------------------------------------------------------------------------


@delivery_commands.command("list")
@asks("trader")
def list_deliveries(exchange: SyncExchangeClient, product: str = "") -> Answer:
    """Print delivery days: what was contracted, how many hours are known, what was lost."""
    days = exchange.deliveries(product or None)
    table = _table("delivery days", "product", "day", "status", "GPUs", "hours known", "lost GPU-h")
    for one in days:
        known = sum(qty >= 0 for qty in one.available_qtys)
        table.add_row(
            one.product,
            f"{date_of(one.day)}",
            f"{one.delivery_status}, overdue" if one.is_overdue else one.delivery_status,
            str(one.contracted_qty),
            f"{known} of {HOURS_PER_DAY}",
            str(one.undelivered_hours),
        )
    return days, table


@delivery_commands.command("readings")
@asks("supplier")
def readings(
    exchange: SyncExchangeClient,
    product: Product,
    path: Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON.", exists=True)],
) -> Answer:
    """Post the meter readings of a file; what is known already is nothing new."""
    try:
        found = readings_of(path)
    except ReadingsUnreadable as error:
        raise typer.BadParameter(f"{path}: {error}") from error
    product_id = _product_id(exchange, product)
    news_count = exchange.run(post_readings(exchange.exchange, product_id, found))
    row = {"readings_count": len(found), "commands_with_news_count": news_count}
    return row, f"{len(found)} readings sent, {news_count} commands with news"


@delivery_commands.command("agent")
def agent(
    product: Product,
    metrics_url: Annotated[str, typer.Argument(help="A DCGM exporter's /metrics.")],
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    interval_s: Annotated[float, typer.Option(min=0.01, help="Seconds between samples.")] = 15.0,
    longest_gap_s: Annotated[
        int, typer.Option(min=1, help="Market seconds without a sample that spoil an hour.")
    ] = 120,
) -> None:
    """Meter a site until interrupted: hour by hour, what its exporter says is healthy."""
    with _connect(data, url, token_file, who) as exchange:
        product_id = _product_id(exchange, product)
        metering = run_agent(
            exchange.exchange,
            product_id,
            metrics_url,
            interval_s=interval_s,
            longest_gap_ns=min(longest_gap_s * NS_PER_SECOND, HOUR_NS),
            stop=asyncio.Event(),
            tell=lambda line: typer.echo(line, err=True),
        )
        exchange.run(metering)


@delivery_commands.command("report")
@asks("supplier")
def report(exchange: SyncExchangeClient, product: Product, day: DayCode) -> Answer:
    """Close a day that is over."""
    return _give(exchange, "report_delivery", product, day)


@delivery_commands.command("attest")
@asks("auditor")
def attest(
    exchange: SyncExchangeClient,
    product: Product,
    day: DayCode,
    evidence: Proof,
    unknown: Annotated[
        list[str] | None, typer.Option(help="HOUR=GPUS for an hour without a reading.")
    ] = None,
) -> Answer:
    """Stand for a reported day."""
    rulings = [[int(number) for number in each.split("=")] for each in unknown or []]
    fields = {"rulings": rulings, "evidence_sha256": _sha256(evidence)}
    return _give(exchange, "attest_delivery", product, day, **fields)


@delivery_commands.command("dispute")
@asks("trader")
def dispute(
    exchange: SyncExchangeClient, product: Product, day: DayCode, evidence: Proof
) -> Answer:
    """Say that a day was not as reported."""
    fields = {"evidence_sha256": _sha256(evidence)}
    return _give(exchange, "dispute_delivery", product, day, **fields)


@delivery_commands.command("rule")
@asks("auditor")
def rule(
    exchange: SyncExchangeClient,
    product: Product,
    day: DayCode,
    evidence: Proof,
    available_qtys: HourQtys,
) -> Answer:
    """Find on a disputed day."""
    fields = {"available_qtys": available_qtys, "evidence_sha256": _sha256(evidence)}
    return _give(exchange, "rule_delivery", product, day, **fields)


@delivery_commands.command("countersign")
@asks("operator")
def countersign(
    exchange: SyncExchangeClient,
    product: Product,
    day: DayCode,
    evidence: Proof,
    available_qtys: HourQtys,
) -> Answer:
    """Put a ruling in force, by restating it: `delivery list --json` shows what was found."""
    fields = {"available_qtys": available_qtys, "evidence_sha256": _sha256(evidence)}
    return _give(exchange, "countersign_ruling", product, day, **fields)


# -- bonds -----------------------------------------------------------------------------------------


@bond_commands.command("post")
@asks("supplier")
def post_bond(exchange: SyncExchangeClient, bond_amount: int) -> Answer:
    """Put cash up, in fen."""
    receipt = exchange.supply("bonds", "post_bond", bond_amount=bond_amount)
    return told(receipt, f"{money(bond_amount)} is in the bond")


@bond_commands.command("withdraw")
@asks("supplier")
def withdraw_bond(exchange: SyncExchangeClient, bond_amount: int) -> Answer:
    """Take back what sold days do not ask for."""
    receipt = exchange.supply("bonds", "withdraw_bond", bond_amount=bond_amount)
    return told(receipt, f"{money(bond_amount)} is available")


@bond_commands.command("list")
@asks("supplier")
def list_bonds(exchange: SyncExchangeClient) -> Answer:
    """Print suppliers' bonds and standing."""
    bonds = exchange.bonds()
    table = _table("bonds", "supplier", "bond", "required", "standing", "claims")
    for one in bonds:
        table.add_row(
            str(one.supplier_account_id),
            money(one.bond_amount),
            money(one.required_amount),
            "terminated" if one.is_terminated else "suspended" if one.is_suspended else "",
            str(len(one.claims)),
        )
    return bonds, table


# -- claims ----------------------------------------------------------------------------------------


@claim_commands.command("list")
@asks("supplier")
def list_claims(exchange: SyncExchangeClient) -> Answer:
    """Print what suppliers still owe beyond their bonds: to the account, or by it."""
    owed = [(one.supplier_account_id, claim) for one in exchange.bonds() for claim in one.claims]
    table = _table("claims", "claim", "product", "day", "supplier", "owed to", "left")
    for supplier_id, claim in owed:
        of = (str(claim.claim_id), claim.product, f"{date_of(claim.day)}")
        table.add_row(*of, str(supplier_id), str(claim.account_id), money(claim.left_amount))
    return [claim for _, claim in owed], table


@claim_commands.command("pay")
@asks("supplier")
def pay_claim(exchange: SyncExchangeClient, claim_id: int, paid_amount: int) -> Answer:
    """Pay damages that the bond did not cover, or a part of them, in fen."""
    receipt = exchange.supply("bonds", "pay_claim", claim_id=claim_id, paid_amount=paid_amount)
    return told(receipt, f"{money(paid_amount)} is paid on claim {claim_id}")


# -- helpers ---------------------------------------------------------------------------------------


def _give(exchange: SyncExchangeClient, tag: str, product: str, day: str, **fields: Any) -> Answer:
    """One command about a delivery day."""
    product_id = _product_id(exchange, product)
    receipt = exchange.supply("deliveries", tag, product_id=product_id, day=_day_of(day), **fields)
    return told(receipt, f"{tag.replace('_', ' ')} of {day}")


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}")
    return hashlib.sha256(path.read_bytes()).hexdigest()
