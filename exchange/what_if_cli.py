"""`exchange replay --what-if FILE`: reads the file and the log, and prints what would change."""

from collections import Counter
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from clients.shell import money
from exchange.difference import difference_row, print_difference
from exchange.engine import replay as walk
from exchange.fork import Fork, Given
from exchange.gateway.named import named
from exchange.log import LogSettings
from exchange.names import Names
from exchange.progress import records_of
from exchange.what_if import Imagined, PledgeValue, WhatIf, WhatIfFailed, imagine

SHOWN_NOUNS = ("mark", "index", "position", "order", "pledge", "halt", "key")
"""What people are shown of the difference; programs get all of it."""


def print_what_if(settings: LogSettings, path: Path, at_seq: int | None, as_json: bool) -> None:
    """Forks the log at a record, takes the file's steps in memory, and prints what they change."""
    try:
        what_if = msgspec.json.decode(path.read_bytes(), type=WhatIf)
    except (OSError, msgspec.MsgspecError) as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--what-if") from None
    fork = Fork()
    with records_of(settings, "replaying", as_json) as log:
        walk.walk(fork.engine, fork.apply, log.records, at_seq, log.progress)
    if at_seq is not None and fork.state.seq < at_seq:
        problem = f"the log ends at {fork.state.seq}, before {at_seq}"
        raise typer.BadParameter(problem, param_hint="--at-seq")
    try:
        imagined = imagine(fork, what_if)
    except WhatIfFailed as failed:
        raise typer.BadParameter(f"{path}: {failed}", param_hint="--what-if") from None
    if as_json:
        typer.echo(msgspec.json.encode(_row(what_if, imagined)))
    else:
        _print(what_if, imagined, Names.of(fork.state))


def _row(what_if: WhatIf, imagined: Imagined) -> dict[str, object]:
    return {
        "about": what_if.about,
        "given": named(imagined.given),
        "pledges": named(imagined.pledges),
        "borrowing_bases": _bases(imagined.pledges),
        "difference": difference_row(imagined.difference),
    }


def _bases(pledges: list[PledgeValue]) -> list[dict[str, int]]:
    """What all active pledges of an account lend with one bank, before and after."""
    before: Counter[tuple[int, int]] = Counter()
    after: Counter[tuple[int, int]] = Counter()
    for pledge in pledges:
        before[pledge.account_id, pledge.bank_account_id] += pledge.lendable_before_amount
        after[pledge.account_id, pledge.bank_account_id] += pledge.lendable_after_amount
    return [
        {
            "account_id": parties[0],
            "bank_account_id": parties[1],
            "before_amount": before[parties],
            "after_amount": after[parties],
        }
        for parties in sorted(before)
    ]


def _print(what_if: WhatIf, imagined: Imagined, names: Names) -> None:
    console = Console()
    steps = Table("step", "command", "times", "outcome", title=what_if.about or "steps")
    for given, count in Counter(imagined.given).items():
        steps.add_row(*_told(given), str(count), _outcome(given))
    pledges = Table("pledge", "of", "to", "value", "then", "lends", "then", title="pledges, CNY")
    for each in imagined.pledges:
        parties = (names.accounts[each.account_id], names.accounts[each.bank_account_id])
        values = (each.value_before_amount, each.value_after_amount)
        lends = (each.lendable_before_amount, each.lendable_after_amount)
        pledges.add_row(str(each.pledge_id), *parties, *map(money, (*values, *lends)))
    bases = Table("account", "bank", "lends", "then", "less", title="borrowing bases, CNY")
    for row in _bases(imagined.pledges):
        parties = (names.accounts[row["account_id"]], names.accounts[row["bank_account_id"]])
        amounts = (row["before_amount"], row["after_amount"])
        bases.add_row(*parties, *map(money, (*amounts, max(0, amounts[0] - amounts[1]))))
    for table in (steps, pledges, bases):
        console.print(table)
    print_difference(imagined.difference, names, SHOWN_NOUNS)
    console.print("imagined: nothing was written")


def _told(given: Given) -> tuple[str, str]:
    return str(given.step) if given.step else "at the end", given.command


def _outcome(given: Given) -> str:
    return f"refused: {given.refused}, {given.value}, {given.limit}" if given.refused else "done"
