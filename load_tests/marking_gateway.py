"""
The exchange as it is, with a note of when it worked on each record of a marking cycle.

It marks every minute of market time, and writes moments of the monotonic clock, which all processes
of a machine share, as lines `[begun_ns, ended_ns, record]` into `cycles.jsonl` of its directory: a
line with the record, which is hexadecimal, when one was decided, and a line with `null` when it was
durable and had been folded into the read models. It takes the arguments of `exchange serve`:

    .venv/bin/python -m load_tests.marking_gateway serve --data <directory> --speed 30
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

import msgspec

from exchange import app as process
from exchange import cli
from exchange.domain.commands import Command, PublishMarks
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.outcome import Outcome
from exchange.domain.record import Record
from exchange.domain.units import NS_PER_SECOND
from exchange.engine.engine import Engine
from exchange.gateway.hub import Hub
from exchange.rules.state import State
from exchange.settings import Settings
from exchange.snapshots import Loaded

CYCLES_FILE = "cycles.jsonl"
MARKING_INTERVAL_S = 60
"""Of market time; the rules allow no less."""


class NotedEngine(Engine):
    """Notes when it marks."""

    def __init__(self, state: State, notes: TextIO) -> None:
        super().__init__(state)
        self._notes = notes

    def execute(self, command: Command) -> tuple[Outcome, bytes | None]:
        """As ever."""
        if not _is_marking(command):
            return super().execute(command)
        begun_ns = time.perf_counter_ns()
        outcome, record = super().execute(command)
        _note(self._notes, begun_ns, (record or b"").hex())
        return outcome, record


def _follow_noted(notes: TextIO) -> Callable[[Hub, Sequence[Record]], None]:
    """The gateway's ear, which takes the records of a cycle apart from the others of a commit."""
    follow = Hub.follow

    def noted(hub: Hub, records: Sequence[Record]) -> None:
        for is_marking, each in groupby(records, lambda record: _is_marking(record.command)):
            begun_ns = time.perf_counter_ns()
            follow(hub, list(each))
            if is_marking:
                _note(notes, begun_ns, None)

    return noted


def _is_marking(command: Command) -> bool:
    return isinstance(command, PublishMarks | MarkPledges)


def _note(notes: TextIO, begun_ns: int, record: str | None) -> None:
    note = [begun_ns, time.perf_counter_ns(), record]
    notes.write(msgspec.json.encode(note).decode() + "\n")


def main() -> None:
    """The exchange's shell, with the notes where `serve` takes its engine from."""
    data_dir = Path(sys.argv[sys.argv.index("--data") + 1])
    load = process.load
    with (data_dir / CYCLES_FILE).open("w", buffering=1) as notes:

        async def load_noted(*arguments: Any) -> Loaded:
            loaded = await load(*arguments)
            loaded.engine = NotedEngine(loaded.engine.state, notes)
            return loaded

        vars(process)["load"] = load_noted
        Hub.follow = _follow_noted(notes)  # type: ignore[method-assign]
        interval_ns = MARKING_INTERVAL_S * NS_PER_SECOND
        vars(cli)["Settings"] = partial(Settings, marking_interval_ns=interval_ns)
        cli.main()


if __name__ == "__main__":
    main()
