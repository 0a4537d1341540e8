"""
The shell's half for the valuation model: `exchange collateral check | backtest`.

Everything is computed in this process from files; no exchange needs to run.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from clients.shell import AsJson
from exchange import backtest_cli, genesis
from exchange.collateral.check import MalformedCases, Verdict, check, decode_cases

commands = typer.Typer(no_args_is_help=True)
commands.add_typer(backtest_cli.commands)


@commands.command("check")
def collateral_check(
    file: Annotated[
        Path, typer.Argument(help="Cases with expected values, JSON.", exists=True, dir_okay=False)
    ],
    as_json: AsJson = False,
) -> None:
    """
    Run the model over a file of cases and compare every expected value.

    Prints how many cases of each group passed and failed, and each value that differs beside what
    the model says. The parameters are those of the first proposal with what the file states in
    place. Exit 0 all passed; 1 a difference; 2 the file is no file of cases.
    """
    try:
        cases = decode_cases(file.read_bytes())
        verdicts = list(check(cases, genesis.risk_parameters()))
    except MalformedCases as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="FILE") from None
    if as_json:
        typer.echo(msgspec.json.encode(_row(verdicts)))
    else:
        _print(verdicts)
    if any(verdict.differences for verdict in verdicts):
        raise typer.Exit(1)


def _counts(verdicts: Iterable[Verdict]) -> dict[str, Counter[bool]]:
    """By group in the order of the file: how many are as expected, and how many not."""
    counts: dict[str, Counter[bool]] = {}
    for verdict in verdicts:
        counts.setdefault(verdict.group, Counter())[not verdict.differences] += 1
    return counts


def _row(verdicts: list[Verdict]) -> dict[str, object]:
    return {
        "groups": {
            group: {"passed_count": count[True], "failed_count": count[False]}
            for group, count in _counts(verdicts).items()
        },
        "failed": [verdict for verdict in verdicts if verdict.differences],
    }


def _print(verdicts: list[Verdict]) -> None:
    counts = _counts(verdicts)
    table = Table("group", "passed", "failed", title=f"{len(verdicts)} cases")
    for group, count in counts.items():
        table.add_row(group, f"{count[True]}", f"{count[False]}")
    total = sum(counts.values(), Counter[bool]())
    table.add_section()
    table.add_row("all", f"{total[True]}", f"{total[False]}")
    Console().print(table, highlight=False)
    for verdict in verdicts:
        for each in verdict.differences:
            typer.echo(
                f"{verdict.id} {each.field}: expected {each.expected}, computed {each.computed}"
            )
