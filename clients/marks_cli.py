"""The shell's half for those who lend: the marks of what is pledged, and what is behind them."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from clients.shell import DEFAULT_DATA, As, AsJson, AsOfSeq, DataDir, TokenFile, Url, money
from clients.shell import connect as _connect
from clients.shell import table as _table
from exchange.domain.collateral_views import MarkExplanation
from exchange.domain.windows import date_of

commands = typer.Typer(invoke_without_command=True)


@commands.callback()
def marks(
    context: typer.Context,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "bank",
    as_of_seq: AsOfSeq = None,
    as_json: AsJson = False,
) -> None:
    """Print collateral marks with every line of the haircut, and the prices they rest on."""
    if context.invoked_subcommand is not None:
        return
    with _connect(data, url, token_file, who) as exchange:
        pulled = exchange.collateral_marks(as_of_seq=as_of_seq)
        official = exchange.marks(as_of_seq=as_of_seq)
    if as_json:
        typer.echo(msgspec.json.encode(pulled))
        return
    console = Console()
    for mark in pulled:
        span = f"{date_of(mark.start_day)} to {date_of(mark.end_day)}"
        table = _table(
            f"pledge {mark.pledge_id}: {mark.collateral_qty} GPUs of {mark.product}, {span}",
            "as of seq " + str(mark.as_of_seq),
            "",
        )
        table.add_row("value, CNY", money(mark.value_amount))
        table.add_row("present value, CNY", money(mark.pv_amount))
        table.add_row("mark level", str(mark.level))
        for name, line_ppm in mark.haircut_lines.items():
            if line_ppm:
                table.add_row(f"haircut: {name}", f"{line_ppm / 10_000:.4f} %")
        table.add_row("haircut", f"{mark.haircut_ppm / 10_000:.4f} %")
        table.add_row("loan to value", f"{mark.ltv_ppm / 10_000:.4f} % ({mark.regime})")
        table.add_row("lendable, CNY", money(mark.lendable_amount))
        console.print(table)
    if not pulled:
        console.print("nothing is pledged")
    nodes = _table(f"official prices at seq {official.as_of_seq}", "node", "CNY", "level", "at seq")
    for node in official.marks:
        name = f"{node.gpu_class} {node.region} {node.month}"
        price = f"{node.mark_micro / 1_000_000:.4f}"
        nodes.add_row(name, price, str(node.level), str(node.mark_seq))
    console.print(nodes)


@commands.command("explain")
def marks_explain(
    pledge_id: Annotated[int, typer.Argument(min=1, help="The pledge.")],
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "bank",
    as_of_seq: AsOfSeq = None,
    as_json: AsJson = False,
) -> None:
    """
    Print each figure of a pledge's mark: its formula, what went in, and the records of that.

    The model is run again on the mark's own figures; exit 1 where it gives another mark.
    """
    with _connect(data, url, token_file, who) as exchange:
        told = exchange.explain_mark(pledge_id, as_of_seq=as_of_seq)
    if as_json:
        typer.echo(msgspec.json.encode(told))
    else:
        _print_explanation(told)
    if not told.is_reproduced:
        typer.echo("the model gives another mark from these figures", err=True)
        raise typer.Exit(1)


def _print_explanation(told: MarkExplanation) -> None:
    mark, console = told.mark, Console()
    typer.echo(f"pledge {mark.pledge_id} as of seq {mark.as_of_seq}: {mark.sentence}")
    table = Table("figure", "value", "formula", "from", "records")
    for line in told.lines:
        inputs = ", ".join(f"{name} {value}" for name, value in line.inputs.items())
        seqs = " ".join(map(str, line.source_seqs))
        table.add_row(line.name, f"{line.value}", line.formula, inputs, seqs)
    console.print(table)
    nodes = _table("the curve", "month", "CNY", "before the guards", "level", "guards", "record")
    for node in told.nodes:
        prices = [f"{micro / 1_000_000:.4f}" for micro in (node.mark_micro, node.raw_micro)]
        notes = ", ".join(node.notes)
        nodes.add_row(str(node.month), *prices, str(node.level), notes, str(node.mark_seq))
    console.print(nodes)
    months = _table("by month", "month", "forward, CNY", "present value, CNY")
    for month in told.months:
        forward = f"{month.forward_micro / 1_000_000:.4f}"
        months.add_row(str(month.month), forward, money(month.pv_amount))
    console.print(months)
