"""How a difference of two states is told: as JSON for programs, as tables for people."""

from collections.abc import Collection
from itertools import groupby
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from rich.console import Console
from rich.table import Table

from exchange.engine.compare import Change, StateDifference
from exchange.gateway.named import named
from exchange.names import Names

_PLURALS = {"index": "indices", "granted": "granted", "balance": "balances"}


def difference_row(difference: StateDifference) -> dict[str, Any]:
    """The whole difference as plain objects."""
    return {
        "before": asdict(difference.before),
        "after": asdict(difference.after),
        "changes": [
            {"noun": c.noun, "key": c.key, "before": named(c.before), "after": named(c.after)}
            for c in difference.changes
        ],
        "fields": difference.fields,
    }


def print_difference(
    difference: StateDifference, names: Names, nouns: Collection[str] = ()
) -> None:
    """A table a noun, of those asked for or all, then what else differs, then both hashes."""
    console = Console()
    for noun, changes in groupby(difference.changes, key=lambda change: change.noun):
        if nouns and noun not in nouns:
            continue
        table = Table(noun, "before", "after", title=_PLURALS.get(noun, f"{noun}s"))
        for change in changes:
            table.add_row(change.key, *_sides(change, names))
        console.print(table)
    if difference.fields and not nouns:
        console.print(f"also different: {', '.join(difference.fields)}", highlight=False)
    for place in (difference.before, difference.after):
        market_time = names.value("market_ns", place.market_ns)
        console.print(
            f"seq {place.seq}, market time {market_time} UTC, state {place.state_hash}",
            highlight=False,
        )
    if difference.before.state_hash == difference.after.state_hash:
        console.print("the states are the same")


def _sides(change: Change, names: Names) -> tuple[str, str]:
    """Both values; of two messages only the fields in which they differ."""
    before, after = change.before, change.after
    if isinstance(before, Struct) and isinstance(after, Struct):
        return names.told(before, after), names.told(after, before)
    return _side(before, names), _side(after, names)


def _side(value: Any, names: Names) -> str:
    if value is None:
        return "–"
    return names.told(value) if isinstance(value, Struct) else names.value("", value)
