"""
What every load test has in common: the machine, the spread over runs, the report.

A figure is worth little without what stood beside it, so a report always carries a baseline that
was measured in the same run, and the smallest, the middle and the largest of the runs.
"""

import argparse
import math
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

ROOT = Path(__file__).resolve().parents[1]
"""The repository: child processes start here."""


class Spread(Struct, frozen=True):
    """The figure over the runs."""

    min: float
    median: float
    max: float


class Report(Struct, frozen=True, kw_only=True):
    """The answer to one question."""

    question: str
    figure: float
    unit: str
    baseline: float
    baseline_is: str
    ratio: float
    """The figure over the baseline, the median of the runs' own ratios."""
    spread: Spread
    machine: str
    command: str
    details: dict[str, Any] = {}


def parser(question: str) -> argparse.ArgumentParser:
    """The options that every load test has."""
    options = argparse.ArgumentParser(description=question)
    options.add_argument("--json", action="store_true", help="print one JSON object")
    options.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    return options


def report(
    question: str,
    unit: str,
    baseline_is: str,
    runs: Sequence[tuple[float, float]],
    details: dict[str, Any],
) -> Report:
    """The report over runs of (figure, baseline)."""
    figures = [figure for figure, _ in runs]
    return Report(
        question=question,
        figure=significant(statistics.median(figures)),
        unit=unit,
        baseline=significant(statistics.median(baseline for _, baseline in runs)),
        baseline_is=baseline_is,
        ratio=significant(statistics.median(figure / baseline for figure, baseline in runs)),
        spread=spread(figures),
        machine=machine(),
        command=command(),
        details=details,
    )


def show(shown: Report, lines: Sequence[str], as_json: bool) -> None:
    """Prints the report: one JSON object, or text with `lines` between figure and machine."""
    if as_json:
        print(msgspec.json.encode(shown).decode())
        return
    print(shown.question)
    print(
        f"  {shown.figure:,} {shown.unit} (min {shown.spread.min:,}, max {shown.spread.max:,}), "
        f"{shown.ratio} x {shown.baseline_is} ({shown.baseline:,})"
    )
    for line in lines:
        print(f"  {line}")
    print(f"  {shown.machine}\n  {shown.command}")


def spread(values: Sequence[float]) -> Spread:
    """Smallest, middle and largest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return Spread(significant(low), significant(middle), significant(high))


def quantile(ordered: Sequence[int], share: float) -> int:
    """The smallest of the values, which are sorted, that `share` of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def significant(value: float) -> float:
    """Three digits: more would claim what no run repeats."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return int(rounded) if digits <= 0 else rounded


def machine() -> str:
    """Processors, interpreter, kernel, the day, and how busy the machine was already."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    busy = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} x {cpu}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}, {datetime.now(UTC):%Y-%m-%d}, load {busy:.1f}"
    )


def command() -> str:
    """How this process was started, from the repository."""
    script = Path(sys.argv[0]).resolve()
    name = str(script.relative_to(ROOT)) if script.is_relative_to(ROOT) else sys.argv[0]
    return shlex.join([".venv/bin/python", name, *sys.argv[1:]])


def busy_seconds() -> float:
    """Processor time that everything on the machine has used since it started."""
    user, nice, system, _, _, irq, soft_irq = map(
        int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8]
    )
    return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used so far, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
