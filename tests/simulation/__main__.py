"""`python -m tests.simulation FIRST [END]`: runs seeds, on every core; ends at the first failure."""

import multiprocessing
import sys
import time

from tests.simulation.simulation import SeedFailed, run


def failure_of(seed: int) -> str | None:
    """The report of a seed that fails."""
    try:
        run(seed)
    except SeedFailed as failed:
        return str(failed)
    return None


def main() -> None:
    """Runs the seeds from FIRST up to, not including, END."""
    first = int(sys.argv[1])
    end = int(sys.argv[2]) if len(sys.argv) > 2 else first + 1
    started = time.monotonic()
    with multiprocessing.Pool() as pool:
        for count, failure in enumerate(pool.imap_unordered(failure_of, range(first, end)), 1):
            if failure is not None:
                sys.exit(failure)
            if count % 1_000 == 0:
                print(f"{count} seeds in {time.monotonic() - started:.0f} s", flush=True)
    print(f"{end - first} seeds from {first} on passed in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
