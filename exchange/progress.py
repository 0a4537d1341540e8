"""A log's records one by one, with a bar that shows how fast and how long yet, on a terminal."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from exchange.log import LogSettings
from exchange.reading import LogFrames, reading_frames


class LogRecords:
    """The verified records of a log, once, and where to report progress."""

    def __init__(self, frames: LogFrames, bar: Progress, task: TaskID) -> None:
        self.tip_seq = frames.tip_seq
        self.records = (record for frame in frames for record in frame.records)
        self.event_count = 0
        """As last reported."""
        self._bar = bar
        self._task = task
        self._started = time.monotonic()

    def progress(self, seq: int, event_count: int) -> None:
        """What a walk reports."""
        seconds = max(time.monotonic() - self._started, 1e-9)
        rates = f"{seq / seconds:,.0f} records/s, {event_count / seconds:,.0f} events/s"
        self.event_count = event_count
        self._bar.update(self._task, completed=seq, rates=rates)


@contextlib.contextmanager
def records_of(settings: LogSettings, doing: str, is_quiet: bool) -> Iterator[LogRecords]:
    """Opens a log to read all of it; with `is_quiet`, without a bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rates]}"),
        TimeElapsedColumn(),
        TextColumn("to go"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), disable=is_quiet)
    with reading_frames(settings) as frames, bar:
        task = bar.add_task(doing, total=frames.tip_seq, rates="")
        yield LogRecords(frames, bar, task)
