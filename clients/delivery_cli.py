"""
The shell's half for those who deliver: capacity, delivery days, bonds.

Days are given as codes, D270305; hashes of reports and proofs are made here of the files.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.reading_files import ReadingsUnreadable, readings_of
from clients.sdk import SyncExchangeClient
from clients.shell import DEFAULT_DATA, As, AsJson, DataDir, TokenFile, Url, money
from clients.shell import connect as _connect
from clients.shell import day_of_code as _day_of
from clients.shell import show as _print
from clients.shell import table as _table
from clients.supplier_agent import HOUR_NS, post_readings, run_agent
from exchange.domain.units import HOURS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import date_of, parse_window

capacity_commands = typer.Typer(no_args_is_help=True)
delivery_commands = typer.Typer(no_args_is_help=True)
bond_commands = typer.Typer(no_args_is_help=True)

Product = Annotated[str, typer.Argument(help="A product's code.")]
DayCode = Annotated[str, typer.Argument(help="A delivery day: D270305.")]
WindowCode = Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")]
Proof = Annotated[Path, typer.Argument(help="A report or proof; its SHA-256 goes into the log.")]


# -- capacity --------------------------------------------------------------------------------------


@capacity_commands.command("submit")
def submit(
    product: Product,
    window: WindowCode,
    submitted_qty: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Offer hardware for inspection."""
    span = parse_window(window)
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.supply(
            "capacity",
            "submit_capacity",
            product_id=_product_id(exchange, product),
            start_day=span.start_day,
            end_day=span.end_day,
            submitted_qty=submitted_qty,
        )
    _print(receipt, as_json, f"grant {receipt.created_id} is submitted at seq {receipt.log_seq}")


@capacity_commands.command("inspect")
def inspect(
    grant_id: int,
    report: Proof,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "auditor",
    as_json: AsJson = False,
) -> None:
    """Note an inspection; the burn-in begins."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.supply(
            "capacity", "inspect_capacity", grant_id=grant_id, evidence_sha256=_sha256(report)
        )
    _print(receipt, as_json, f"grant {grant_id} burns in since seq {receipt.log_seq}")


@capacity_commands.command("verify")
def verify(
    grant_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "auditor",
    as_json: AsJson = False,
) -> None:
    """Sign for capacity after its burn-in."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.supply("capacity", "verify_capacity", grant_id=grant_id)
    _print(receipt, as_json, f"grant {grant_id} is verified at seq {receipt.log_seq}")


@capacity_commands.command("countersign")
def countersign_capacity(
    grant_id: int,
    auditor_account_id: int,
    report: Proof,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """The operator's signature: the capacity is title."""
    with _connect(data, url, token_file, who) as exchange:
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
    _print(receipt, as_json, f"grant {grant_id} is title at seq {receipt.log_seq}")


@capacity_commands.command("list")
def list_capacity(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Print submissions and how far they have come."""
    with _connect(data, url, token_file, who) as exchange:
        grants = exchange.capacity()
    table = _table("capacity", "grant", "product", "from", "to", "GPUs", "status")
    for one in grants:
        span = (f"{date_of(one.start_day)}", f"{date_of(one.end_day)}")
        table.add_row(
            str(one.grant_id), one.product, *span, str(one.submitted_qty), one.grant_status
        )
    _print(grants, as_json, table)


# -- delivery --------------------------------------------------------------------------------------


@delivery_commands.command("list")
def list_deliveries(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    product: str = "",
    as_json: AsJson = False,
) -> None:
    """Print delivery days: what was contracted, how many hours are known, what was lost."""
    with _connect(data, url, token_file, who) as exchange:
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
    _print(days, as_json, table)


@delivery_commands.command("readings")
def readings(
    product: Product,
    path: Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON.", exists=True)],
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Post the meter readings of a file; what is known already is nothing new."""
    try:
        found = readings_of(path)
    except ReadingsUnreadable as error:
        raise typer.BadParameter(f"{path}: {error}") from error
    with _connect(data, url, token_file, who) as exchange:
        product_id = _product_id(exchange, product)
        news_count = exchange.run(post_readings(exchange.exchange, product_id, found))
    row = {"readings_count": len(found), "commands_with_news_count": news_count}
    _print(row, as_json, f"{len(found)} readings sent, {news_count} commands with news")


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
        )
        exchange.run(metering)


@delivery_commands.command("report")
def report(
    product: Product,
    day: DayCode,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Close a day that is over."""
    _give("report_delivery", product, day, (data, url, token_file, who), as_json)


@delivery_commands.command("attest")
def attest(
    product: Product,
    day: DayCode,
    evidence: Proof,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "auditor",
    unknown: Annotated[
        list[str] | None, typer.Option(help="HOUR=GPUS for an hour without a reading.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stand for a reported day."""
    rulings = [[int(number) for number in each.split("=")] for each in unknown or []]
    fields = {"rulings": rulings, "evidence_sha256": _sha256(evidence)}
    _give("attest_delivery", product, day, (data, url, token_file, who), as_json, **fields)


@delivery_commands.command("dispute")
def dispute(
    product: Product,
    day: DayCode,
    evidence: Proof,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Say that a day was not as reported."""
    fields = {"evidence_sha256": _sha256(evidence)}
    _give("dispute_delivery", product, day, (data, url, token_file, who), as_json, **fields)


@delivery_commands.command("rule")
def rule(
    product: Product,
    day: DayCode,
    evidence: Proof,
    available_qtys: Annotated[list[int], typer.Argument(help="GPUs of each of the 24 hours.")],
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "auditor",
    as_json: AsJson = False,
) -> None:
    """Find on a disputed day."""
    fields = {"available_qtys": available_qtys, "evidence_sha256": _sha256(evidence)}
    _give("rule_delivery", product, day, (data, url, token_file, who), as_json, **fields)


@delivery_commands.command("countersign")
def countersign(
    product: Product,
    day: DayCode,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """Put a ruling in force."""
    _give("countersign_ruling", product, day, (data, url, token_file, who), as_json)


# -- bonds -----------------------------------------------------------------------------------------


@bond_commands.command("post")
def post_bond(
    bond_amount: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Put cash up, in fen."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.supply("bonds", "post_bond", bond_amount=bond_amount)
    _print(receipt, as_json, f"{money(bond_amount)} is in the bond at seq {receipt.log_seq}")


@bond_commands.command("withdraw")
def withdraw_bond(
    bond_amount: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Take back what sold days do not ask for."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.supply("bonds", "withdraw_bond", bond_amount=bond_amount)
    _print(receipt, as_json, f"{money(bond_amount)} is available at seq {receipt.log_seq}")


@bond_commands.command("list")
def list_bonds(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Print suppliers' bonds and standing."""
    with _connect(data, url, token_file, who) as exchange:
        bonds = exchange.bonds()
    table = _table("bonds", "supplier", "bond", "required", "suspended", "claims")
    for one in bonds:
        table.add_row(
            str(one.supplier_account_id),
            money(one.bond_amount),
            money(one.required_amount),
            "yes" if one.is_suspended else "",
            str(len(one.claims)),
        )
    _print(bonds, as_json, table)


# -- helpers ---------------------------------------------------------------------------------------


def _give(
    tag: str,
    product: str,
    day: str,
    place: tuple[Path, str, Path | None, str],
    as_json: bool,
    **fields: Any,
) -> None:
    """One command about a delivery day."""
    with _connect(*place) as exchange:
        receipt = exchange.supply(
            "deliveries",
            tag,
            product_id=_product_id(exchange, product),
            day=_day_of(day),
            **fields,
        )
    _print(receipt, as_json, f"{tag.replace('_', ' ')} of {day} at seq {receipt.log_seq}")


def _product_id(exchange: SyncExchangeClient, code: str) -> int:
    for product in exchange.products():
        if product.code == code:
            return product.product_id
    raise typer.BadParameter(f"there is no product {code!r}")


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}")
    return hashlib.sha256(path.read_bytes()).hexdigest()
