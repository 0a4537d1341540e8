"""
Sixty-four mistakes, made on purpose one by one: do the tests of the core catch each?

Every mutant is a few edits of the core's source, made in a copy whose changed modules are compiled
again, and put before the tests: the plain book's, or those that lead a venue through auctions, its
orders through their origins and links, and cash and days through holds, trusts and sublets. A
mutant that survives, or an edit whose text the source no longer has, is an error. Run by `make
test-mutants`, with words to look for in the mistakes if not all are wanted; it takes a few minutes,
so it is no part of the suite.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from load_tests.compiled_core import MODULES, ROOT, compile_sources, copy_core
from tests.core.auction_mistakes import AUCTION_MISTAKES
from tests.core.book_mistakes import BOOK_MISTAKES, Mutant
from tests.core.custody_mistakes import CUSTODY_MISTAKES
from tests.core.link_mistakes import LINK_MISTAKES
from tests.core.origin_mistakes import ORIGIN_MISTAKES

FLAGS = ("-O0",)

LIMIT_SECONDS = 300
"""A mutant that runs in circles is caught too."""


@dataclass(frozen=True)
class Suite:
    """Mistakes in some modules, and the tests that are to catch them."""

    name: str
    mutants: tuple[Mutant, ...]
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    files: tuple[str, ...]
    """What the tests import, and themselves; patterns below `tests`."""


SUITES = (
    Suite(
        "book",
        BOOK_MISTAKES,
        MODULES,
        ("test_order_book.py", "test_order_book_reference.py", "test_batch.py"),
        ("core/test_order_book*.py", "core/test_batch.py", "core/reference_book.py"),
    ),
    # Seeded tests only: hypothesis would spend the time on the smallest example.
    Suite(
        "venue",
        AUCTION_MISTAKES + ORIGIN_MISTAKES + CUSTODY_MISTAKES + LINK_MISTAKES,
        tuple(sorted(source.stem for source in (ROOT / "matching_core").glob("*.pyx"))),
        (
            "test_wrong_order.py",
            "test_origins.py",
            "test_custody.py",
            "test_links.py",
            "test_linked_reference.py::test_random_linked_days_agree_and_lead_into_every_corner_of_a_group",
            "test_custody_reference.py::test_random_custody_days_agree_and_lead_into_every_corner_of_a_sublet",
            "test_reference.py::test_random_trading_days_agree_and_lead_into_every_corner_of_an_auction",
        ),
        ("reference_*.py", "core/*.py"),
    ),
)


def main() -> int:
    """Tries the mutants whose mistake has one of the words, or all; how many survive."""
    survivors = 0
    print("| mistake | caught by | seconds |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        for suite in SUITES:
            survivors += _survivors(suite, Path(directory) / suite.name, sys.argv[1:])
    print(f"{survivors} survived")
    return survivors


def _survivors(suite: Suite, folder: Path, words: list[str]) -> int:
    wanted = [
        mutant
        for mutant in suite.mutants
        if not words or any(word in mutant.mistake for word in words)
    ]
    if not wanted:
        return 0
    started = time.monotonic()
    unchanged = _compiled(suite, folder / "unchanged")
    test = _first_failure(suite, unchanged)
    if test is not None:
        raise RuntimeError(f"the core itself fails {test}")
    print(f"| none, {suite.name} | – | {time.monotonic() - started:.0f} |", flush=True)
    survivors = 0
    with ThreadPoolExecutor(2) as workers:
        places = [folder / str(index) for index in range(len(wanted))]
        found = workers.map(
            lambda place, mutant: _caught_by(suite, unchanged, place, mutant), places, wanted
        )
        for mutant, (test, seconds) in zip(wanted, found, strict=True):
            survivors += test is None
            print(f"| {mutant.mistake} | {test or 'NOBODY'} | {seconds:.0f} |", flush=True)
    return survivors


def _compiled(suite: Suite, folder: Path) -> Path:
    """A folder with the core as it is, and the suite's tests."""
    package = copy_core(folder, suite.modules)
    compile_sources(folder, [package / f"{name}.pyx" for name in suite.modules], FLAGS)
    tests = ROOT / "tests"
    for pattern in ("__init__.py", "core/__init__.py", *suite.files):
        for path in tests.glob(pattern):
            copy = folder / "tests" / path.relative_to(tests)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return folder


def _caught_by(
    suite: Suite, unchanged: Path, folder: Path, mutant: Mutant
) -> tuple[str | None, float]:
    """The first test that fails on the mutant, None if all pass; seconds from compiling on."""
    started = time.monotonic()
    shutil.copytree(unchanged, folder)
    package = folder / "matching_core"
    for name, old, new in mutant.edits:
        source = (package / name).read_text()
        if source.count(old) != 1:
            raise LookupError(f"{mutant.mistake}: {name} has this {source.count(old)} times: {old}")
        (package / name).write_text(source.replace(old, new))
    changed = {package / name for name, *_ in mutant.edits}
    if any(path.suffix == ".pxd" for path in changed):
        changed = {package / f"{name}.pyx" for name in suite.modules}
    compile_sources(folder, sorted(changed), FLAGS)
    return _first_failure(suite, folder), time.monotonic() - started


def _first_failure(suite: Suite, folder: Path) -> str | None:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no"]
    tests = [f"tests/core/{name}" for name in suite.tests]
    try:
        done = subprocess.run(
            [*command, "-rfE", *tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the limit of {LIMIT_SECONDS} s"
    if done.returncode == 0:
        return None
    named = re.search(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)
    if named:
        return f"`{named[1]}`"
    if done.returncode < 0:
        return f"signal {-done.returncode}"
    raise RuntimeError(f"no test ran:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
