"""
Runs seeds on every core until one fails: `python -m tests.simulation FIRST [END] [--off NAME …]`.

With `--off`, protections of `tests.simulation.protections` are taken out.
"""

import argparse
import functools
import multiprocessing
import sys
import time

from tests.simulation.protections import Off, Protection
from tests.simulation.simulation import SeedFailed, run


def failure_of(off: Off, seed: int) -> str | None:
    """The report of a seed that fails."""
    try:
        run(seed, off)
    except SeedFailed as failed:
        return str(failed)
    return None


def main() -> None:
    """Runs the seeds from FIRST up to, not including, END."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("first", type=int)
    parser.add_argument("end", type=int, nargs="?")
    parser.add_argument("--off", nargs="*", default=[], choices=[p.name for p in Protection])
    asked = parser.parse_args()
    off = frozenset(Protection[name] for name in asked.off)
    seeds = range(asked.first, asked.end or asked.first + 1)
    started = time.monotonic()
    with multiprocessing.Pool() as pool:
        failures = pool.imap(functools.partial(failure_of, off), seeds, chunksize=10)
        for count, failure in enumerate(failures, start=1):
            if failure is not None:
                sys.exit(failure)
            if count % 1_000 == 0:
                print(f"{count} seeds in {time.monotonic() - started:.0f} s", flush=True)
    print(f"{len(seeds)} seeds from {seeds[0]} on passed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
