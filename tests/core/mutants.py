"""
Ten and more mistakes, made on purpose one by one: do the tests of the plain book catch each?

Every mutant is a few edits of the core's source, made in a copy that is compiled and put before the
tests. A mutant that survives, or an edit whose text the source no longer has, is an error. Run by
`make test-mutants`; it takes a few minutes, so it is no part of the suite.
"""

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

from load_tests.compiled_core import ROOT, compile_core, copy_core

TESTS = ("test_order_book.py", "test_order_book_reference.py")
LIMIT_SECONDS = 300
"""A mutant that runs in circles is caught too."""


@dataclass(frozen=True)
class Mutant:
    """A mistake: for each file, texts that it has once and what replaces them."""

    mistake: str
    edits: tuple[tuple[str, str, str], ...]


MUTANTS = (
    Mutant(
        "last in, first out at a level",
        (
            (
                "queues.pxd",
                """        order.prev_slot = level.tail_slot
        order.next_slot = NO_SLOT
        if level.tail_slot == NO_SLOT:
            level.head_slot = slot
        else:
            self.pool.orders[level.tail_slot].next_slot = slot
        level.tail_slot = slot
""",
                """        order.next_slot = level.head_slot
        order.prev_slot = NO_SLOT
        if level.head_slot == NO_SLOT:
            level.tail_slot = slot
        else:
            self.pool.orders[level.head_slot].prev_slot = slot
        level.head_slot = slot
""",
            ),
        ),
    ),
    Mutant(
        "trades are at the taker's price",
        (
            (
                "order_book.pxd",
                "cdef list _planned_fills(self)",
                "cdef list _planned_fills(self, int64_t taker_price)",
            ),
            (
                "order_book.pyx",
                "cdef list _planned_fills(self):",
                "cdef list _planned_fills(self, int64_t taker_price):",
            ),
            ("order_book.pyx", "self._planned_fills()", "self._planned_fills(terms.price)"),
            (
                "order_book.pyx",
                "(maker.order_id, maker.limit_price,",
                "(maker.order_id, taker_price,",
            ),
        ),
    ),
    Mutant(
        "a reduction loses its place",
        (
            (
                "order_book.pyx",
                "            self.queues.reduce(slot, <int32_t>(open_qty - new_qty))\n",
                """            self.queues.reduce(slot, <int32_t>(open_qty - new_qty))
            self.queues.unlink(slot)
            self.queues.append(slot)
""",
            ),
        ),
    ),
    Mutant(
        "a stale best price after a cancel",
        (
            (
                "price_levels.pyx",
                "if slot == self.best_level:",
                "if slot == self.best_level and self.length == 1:",
            ),
        ),
    ),
    Mutant(
        "a filled maker stays in the id map",
        (
            (
                "order_book.pyx",
                """            if self.queues.fill(self.plan.fills[index].maker_slot, self.plan.fills[index].qty) == 0:
                self.pool.remove(self.plan.fills[index].maker_slot)
""",  # noqa: E501
                "            self.queues.fill(\n                self.plan.fills[index].maker_slot, "
                "self.plan.fills[index].qty\n            )\n",
            ),
        ),
    ),
    Mutant(
        "an amendment through the spread rests crossed",
        (
            (
                "order_book.pyx",
                "if not self.queues.is_met(terms.side, terms.price):",
                "if terms.slot != NO_SLOT or not self.queues.is_met(terms.side, terms.price):",
            ),
        ),
    ),
    Mutant(
        "a self-match is decided after fills",
        (
            (
                "plan.pyx",
                "if self.own_count and policy != CANCEL_RESTING:",
                "if self.own_count and policy == CANCEL_INCOMING:",
            ),
        ),
    ),
    Mutant(
        "an iceberg's next clip stays at the front",
        (
            (
                "queues.pyx",
                "        if order.leaves_qty == 0:\n            self._take_out(",
                """        if (
            order.leaves_qty == 0
            and order.marks & IS_ICEBERG
            and self.pool.clips[slot].hidden_qty
        ):
            qty = min(self.pool.clips[slot].display_qty, self.pool.clips[slot].hidden_qty)
            self.pool.clips[slot].hidden_qty -= qty
            level.hidden_qty -= qty
            level.total_qty += qty
            order.leaves_qty = qty
        elif order.leaves_qty == 0:
            self._take_out(""",
            ),
        ),
    ),
    Mutant(
        "a fill-or-kill that falls short fills in part",
        (
            (
                "order_book.pyx",
                "if terms.time_in_force == FOK or terms.is_all_or_none:",
                "if terms.is_all_or_none:",
            ),
        ),
    ),
    Mutant(
        "an auction ignores the reference price",
        (
            (
                "auction.pyx",
                "self.price = min(max(reference_price, self.low_price), self.high_price)",
                "self.price = self.low_price",
            ),
        ),
    ),
    Mutant(
        "a removal leaves a gap in the id map",
        (
            (
                "pool.pxd",
                "if ((at - home) & mask) >= ((at - hole) & mask):",
                "if ((at - home) & mask) > ((at - hole) & mask):",
            ),
        ),
    ),
    Mutant(
        "a cancelled clip leaves its hidden quantity on the level",
        (
            (
                "queues.pxd",
                "            level.hidden_qty -= self.pool.clips[slot].hidden_qty\n",
                "",
            ),
        ),
    ),
)


def main() -> int:
    """Tries all mutants; how many survive."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        folder = Path(directory)
        test, seconds = _caught_by(folder / "unchanged", Mutant("", ()))
        if test is not None:
            print(f"the core itself fails {test}")
            return 1
        print(f"| mistake | caught by | seconds |\n|---|---|---|\n| none | – | {seconds:.0f} |")
        with ThreadPoolExecutor(2) as workers:
            places = [folder / str(index) for index in range(len(MUTANTS))]
            found = workers.map(_caught_by, places, MUTANTS)
            survivors = 0
            for mutant, (test, seconds) in zip(MUTANTS, found, strict=True):
                survivors += test is None
                print(f"| {mutant.mistake} | {test or 'NOBODY'} | {seconds:.0f} |", flush=True)
    print(f"{len(MUTANTS) - survivors} of {len(MUTANTS)} caught")
    return survivors


def _caught_by(folder: Path, mutant: Mutant) -> tuple[str | None, float]:
    """The first test that fails on the mutant, None if all pass; seconds from compiling on."""
    started = time.monotonic()
    package = copy_core(folder)
    for name, old, new in mutant.edits:
        source = (package / name).read_text()
        if source.count(old) != 1:
            raise LookupError(f"{mutant.mistake}: {name} has this {source.count(old)} times: {old}")
        (package / name).write_text(source.replace(old, new))
    compile_core(folder, ("-O0",))
    tests = folder / "tests" / "core"
    tests.mkdir(parents=True)
    for path in (tests.parent / "__init__.py", tests / "__init__.py"):
        path.touch()
    for name in (*TESTS, "reference_book.py"):
        shutil.copy(ROOT / "tests" / "core" / name, tests)
    return _first_failure(folder), time.monotonic() - started


def _first_failure(folder: Path) -> str | None:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no"]
    tests = [f"tests/core/{name}" for name in TESTS]
    try:
        done = subprocess.run(
            [*command, "-rf", *tests],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the limit of {LIMIT_SECONDS} s"
    if done.returncode == 0:
        return None
    named = re.search(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)
    if named:
        return f"`{named[1]}`"
    if done.returncode < 0:
        return f"signal {-done.returncode}"
    raise RuntimeError(f"no test ran:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
