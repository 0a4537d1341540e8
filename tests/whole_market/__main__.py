"""
Runs years on every core until one fails: `python -m tests.whole_market FIRST [END]`.

Each year is replayed afterwards, by its events and by its commands.
"""

import multiprocessing
import sys
import time

from tests.whole_market.year import YearFailed, run


def failure_of(seed: int) -> str | None:
    """What went wrong in a seed's year."""
    try:
        run(seed).assert_replays()
    except YearFailed as failed:
        return str(failed)
    except AssertionError as failed:
        return f"seed {seed} does not replay: {failed}"
    return None


def main() -> None:
    """Runs the seeds from FIRST up to, not including, END."""
    first = int(sys.argv[1])
    seeds = range(first, int(sys.argv[2]) if len(sys.argv) > 2 else first + 1)
    started = time.monotonic()
    with multiprocessing.Pool() as pool:
        for count, failure in enumerate(pool.imap(failure_of, seeds), start=1):
            if failure is not None:
                sys.exit(failure)
            print(f"{count} years in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
