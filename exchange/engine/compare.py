"""
What differs between two states: readable row by row, and complete.

A noun (balance, position, order, mark, …) is a table of the state. A row that is in one state only,
or has another value there, is a change. Whatever differs and is in no noun is named by its field,
so two states have the same hash exactly when nothing is listed here.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from msgspec import Struct

from exchange.rules import State

from .state_rows import CORE_NOUNS, NOUNS, Run, other_fields, positions, queues, span_of


class Place(Struct, frozen=True):
    """Where in the log a state stands."""

    seq: int
    market_ns: int
    state_hash: str


class Change(Struct, frozen=True):
    """A row that differs; None where it is not there."""

    noun: str
    key: str
    before: Any
    after: Any


class StateDifference(Struct, frozen=True):
    """Everything that differs from one state to the other."""

    before: Place
    after: Place
    changes: list[Change]
    """By noun, then by key."""
    fields: list[str]
    """What else differs, by its name in the state; `core` where only its bytes tell."""


def compare_states(before: State, after: State) -> StateDifference:
    """What became of a state; pure, and in time with the size of both."""
    changes = [
        Change(noun, key, old, new)
        for noun, rows in NOUNS.items()
        for key, old, new in _changed(dict(rows(before)), dict(rows(after)))
    ]
    changes += _moved_positions(before, after) + _requeued(before, after)
    fields = [n for n, _, _ in _changed(dict(other_fields(before)), dict(other_fields(after)))]
    is_core_shown = any(change.noun in CORE_NOUNS for change in changes)
    is_core_named = any(name.startswith("core.") for name in fields)
    if not (is_core_shown or is_core_named) and before.core.snapshot() != after.core.snapshot():
        fields.append("core")
    return StateDifference(_place(before), _place(after), changes, fields)


def runs_changed(before: list[Run], after: list[Run]) -> Iterator[tuple[int, int, int, int]]:
    """(start_day, end_day, qty before, qty after) of the longest spans that differ alike."""
    days = sorted({day for start, end, _ in (*before, *after) for day in (start, end)})
    spans: list[tuple[int, int, int, int]] = []
    for start_day, end_day in pairwise(days):
        qtys = _qty_on(start_day, before), _qty_on(start_day, after)
        if spans and spans[-1][1:] == (start_day, *qtys):
            spans[-1] = (spans[-1][0], end_day, *qtys)
        else:
            spans.append((start_day, end_day, *qtys))
    return (span for span in spans if span[2] != span[3])


def _moved_positions(before: State, after: State) -> list[Change]:
    """Spans of days on which an account holds, has pledged or offers another quantity."""
    return [
        Change("position", f"{key} {span_of(start_day, end_day)}", old_qty or None, new_qty or None)
        for key, old, new in _changed(dict(positions(before)), dict(positions(after)))
        for start_day, end_day, old_qty, new_qty in runs_changed(old or [], new or [])
    ]


def _requeued(before: State, after: State) -> list[Change]:
    """Levels in which orders of both states stand in another order."""
    changes = []
    for key, old, new in _changed(dict(queues(before)), dict(queues(after))):
        common = set(old or ()) & set(new or ())
        if [i for i in old or () if i in common] != [i for i in new or () if i in common]:
            changes.append(Change("queue", key, old, new))
    return changes


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Rows that differ, those of the first state in its order, then those that are new."""
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        if old != new:
            yield key, old, new


def _qty_on(day: int, runs: list[Run]) -> int:
    return next((qty for start_day, end_day, qty in runs if start_day <= day < end_day), 0)


def _place(state: State) -> Place:
    return Place(state.seq, state.market_ns, state.hash().hex())
