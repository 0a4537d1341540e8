"""
How fast is the matcher on its own, against a textbook C++ book and against plain Python?

The C loop runs prepared commands through `OrderBook` without Python in between and keeps nothing
but a sum; `Books.run` is the call that anybody may make, and answers each. They and the C++ book
are compiled in the same run with the same flags, and take turns on the same commands. Called from
Python one by one, the package as it is built competes with a book of SortedDict. Processor time,
not the clock's.
"""

import ctypes
import gc
import json
import pickle
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange.rules.state import PREFIXES, new_core, restored_core
from load_tests.compiled_core import FAST, compile_core, compile_textbook, copy_core
from load_tests.core_flow import COMMAND, Flow, Row, packed
from load_tests.measure import ROOT, parser, report, show, significant, spread
from load_tests.sorted_book import SortedBook
from matching_core import OrderBook
from matching_core.venue import Venue

HEADLINE = "10000"
DAY = 20_000
RESTING_COUNTS = (1_000, 10_000, 100_000)
COMMANDS_COUNT, RUNS_COUNT = 400_000, 9
QUICK_COMMANDS_COUNT, QUICK_RUNS_COUNT = 100_000, 3
BOOKS_COUNT, ORDERS_PER_BOOK = 10_000, 100
MANY_RESTING_COUNT = 1_000_000
MEMORY_COUNTS = (250_000, 262_145, 500_000, 1_000_000)
"""262 145 has just doubled the id map: the worst."""

Figures = dict[str, Any]


def main() -> None:
    """Measures and reports; or, as a child of itself, measures one thing alone."""
    question = "one command of the plain book, in a C loop over prepared commands, 10 000 resting"
    options = parser(question)
    options.add_argument("--loop", metavar="FOLDER", help="internal: run the compiled loops there")
    options.add_argument("--memory", type=int, help="internal: the size of so many resting orders")
    options.add_argument("--venue-memory", type=int, help="internal: the same, in a venue's core")
    chosen = options.parse_args()
    runs_count = QUICK_RUNS_COUNT if chosen.quick else RUNS_COUNT
    if chosen.loop:
        print(json.dumps(_loops(Path(chosen.loop), runs_count)))
        return
    if chosen.memory:
        print(json.dumps(_memory(chosen.memory)))
        return
    if chosen.venue_memory:
        print(json.dumps(_venue_memory(chosen.venue_memory)))
        return
    commands_count = QUICK_COMMANDS_COUNT if chosen.quick else COMMANDS_COUNT
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as directory:
        folder = Path(directory)
        copy_core(folder)
        compile_core(folder, FAST)
        compile_textbook(folder, FAST)
        _write_flows(folder, commands_count, chosen.quick)
        loops = _child("--loop", folder, chosen.quick)
    plain, venue = (
        {str(count): _child(option, count, chosen.quick) for count in MEMORY_COUNTS}
        for option in ("--memory", "--venue-memory")
    )
    details: Figures = {
        "loops": {name: _row([(run[0], run[2]) for run in runs]) for name, runs in loops.items()},
        "batches": {name: _row([(run[1], run[2]) for run in runs]) for name, runs in loops.items()},
        "python": _row(_from_python(commands_count // 4, runs_count)),
        "bytes_per_resting_order": plain,
        "bytes_per_resting_order_of_a_venue": venue,
        "snapshot_s": _snapshots(MANY_RESTING_COUNT // (10 if chosen.quick else 1), runs_count),
        "venue_snapshot_s": _venue_snapshots(
            MANY_RESTING_COUNT // (10 if chosen.quick else 1), runs_count
        ),
        "commands_count": commands_count,
    }
    result = report(
        question, "ns/command", "the textbook C++ book", [(r[0], r[2]) for r in loops[HEADLINE]], {}
    )
    show(msgspec.structs.replace(result, details=details), _lines(details), chosen.json)


def _lines(details: Figures) -> list[str]:
    rows = [
        f"{name:>12} resting, {way}: {row['ns']} ns (min {row['min']}, max {row['max']}), textbook "
        f"{row['baseline_ns']} ns, {row['speedup']} x as fast"
        for way, cases in (("C loop", details["loops"]), ("Books.run", details["batches"]))
        for name, row in cases.items()
    ]
    row, snapshots, venue = details["python"], details["snapshot_s"], details["venue_snapshot_s"]
    return [
        *rows,
        f"place/cancel from Python: {row['ns']} ns, {row['per_second']:,} a second; a SortedDict "
        f"book {row['baseline_ns']} ns, {row['speedup']} x as fast",
        f"bytes a resting order: {details['bytes_per_resting_order']}",
        f"with what a venue keeps of it: {details['bytes_per_resting_order_of_a_venue']}",
        f"{snapshots['orders_count']:,} orders: snapshot {snapshots['snapshot']} s, restore "
        f"{snapshots['restore']} s; pickled tuples {snapshots['pickle']} s and "
        f"{snapshots['unpickle']} s",
        f"{venue['orders_count']:,} orders of a venue, {venue['bytes'] / 1e6:.0f} MB: snapshot "
        f"{venue['snapshot']} s, with SHA-256 {venue['hash']} s, restore with every check "
        f"{venue['restore']} s",
    ]


def _row(runs: list[tuple[float, float]]) -> Figures:
    """Nanoseconds over the runs of (ours, the baseline's)."""
    ours = spread([run[0] for run in runs])
    return {
        "ns": ours.median,
        "min": ours.min,
        "max": ours.max,
        "per_second": significant(1e9 / ours.median),
        "baseline_ns": significant(statistics.median(run[1] for run in runs)),
        "speedup": significant(statistics.median(run[1] / run[0] for run in runs)),
    }


def _write_flows(folder: Path, commands_count: int, is_quick: bool) -> None:
    """Leaves each case's stock and commands in a file, for the children."""
    flows = folder / "flows"
    flows.mkdir()
    cases = [(str(count), 1, count) for count in RESTING_COUNTS]
    books_count = BOOKS_COUNT // (10 if is_quick else 1)
    cases.append((f"{books_count}x{ORDERS_PER_BOOK}", books_count, books_count * ORDERS_PER_BOOK))
    for name, books, resting_count in cases:
        flow = Flow(books, seed=7)
        stock = packed(flow.rest(resting_count))
        (flows / name).write_bytes(pickle.dumps((books, stock, packed(flow.steps(commands_count)))))


def _child(option: str, argument: Path | int, is_quick: bool) -> Any:
    command = [sys.executable, __file__, option, str(argument)] + ["--quick"] * is_quick
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True, text=True)
    return json.loads(done.stdout)


def _use_compiled(folder: Path) -> Any:
    """The loop of the folder, and the folder's core, whatever was imported before."""
    for name in [name for name in sys.modules if name.startswith("matching_core")]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    import core_loop

    import matching_core

    assert Path(matching_core.__file__).is_relative_to(folder)
    return core_loop, matching_core


def _loops(folder: Path, runs_count: int) -> dict[str, list[tuple[float, float, float]]]:
    """By case, nanoseconds a command of the loop, of a batch and of the textbook, by turns."""
    core_loop, core = _use_compiled(folder)
    textbook = ctypes.CDLL(str(folder / "textbook_book.so"))
    textbook.textbook_new.restype = ctypes.c_void_p
    textbook.textbook_new.argtypes = [ctypes.c_int64]
    textbook.textbook_delete.argtypes = [ctypes.c_void_p]
    textbook.textbook_run.restype = ctypes.c_int64
    textbook.textbook_run.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64]
    gc.disable()
    found = {}
    for path in sorted((folder / "flows").iterdir(), key=lambda path: path.stat().st_size):
        books_count, stock, steps = pickle.loads(path.read_bytes())
        runs = []
        for _ in range(runs_count):
            books = [core.OrderBook() for _ in range(books_count)]
            ours_ns, ours = _timed(core_loop.run, books, stock, steps)
            books = core.Books([core.OrderBook() for _ in range(books_count)])
            batch_ns, (outcomes, _) = _timed(_run_batch, books, stock, steps)
            del books
            handle = textbook.textbook_new(books_count)
            theirs_ns, theirs = _timed(textbook.textbook_run, handle, stock, steps)
            textbook.textbook_delete(handle)
            assert ours == theirs, "both books fill and cancel the same"
            assert ours == sum(done_qty for done_qty, *_ in struct.iter_unpack("<iiii", outcomes))
            runs.append((ours_ns, batch_ns, theirs_ns))
        found[path.name] = runs
    return found


def _timed(run: Callable[..., Any], books: Any, stock: bytes, steps: bytes) -> tuple[float, Any]:
    """Nanoseconds a command, after the stock rests; the answer."""
    run(books, stock, len(stock) // COMMAND.size)
    count = len(steps) // COMMAND.size
    started = time.process_time_ns()
    answer = run(books, steps, count)
    return (time.process_time_ns() - started) / count, answer


def _run_batch(books: Any, commands: bytes, _: int) -> tuple[bytes, bytes]:
    return books.run(commands)  # type: ignore[no-any-return]


def _memory(count: int) -> float:
    """Resident bytes an order; the process is fresh, and the orders come one by one."""
    before = _resident_bytes()
    book = OrderBook()
    for order_id in range(1, count + 1):
        price = 90_000 + order_id % 20_000
        book.place(order_id, 1 if price < 100_000 else 2, price, 9)
    assert len(book) == count
    return significant((_resident_bytes() - before) / count)


def _venue_memory(count: int) -> float:
    """
    The same of a venue's core: 1 000 accounts bid from a session each, without a limit of orders.

    A third of the orders ends on one of seven days, so there are 8 000 origins, which count too.
    """
    venue = Venue(DAY, PREFIXES, max_open_orders=count)
    for account_id in range(1, 1_001):
        venue.add_account(account_id)
        venue.deposit(account_id, 9 * 10**12)
    venue.add_product(1, 1, 1, 3, 7)
    venue.add_instrument(1, 1, DAY, DAY + 7, True)
    for order_id in range(1, 1_001):
        # So that code, buffers and accounts are there already.
        venue.place(order_id, order_id, order_id, order_id, 1, 1, 9, 90_000 + order_id, 1, 0)
        venue.cancel(order_id, order_id)
    venue.take_events()
    before = _resident_bytes()
    for order_id in range(1, count + 1):
        account_id = session_id = 1 + order_id % 1_000
        expire_day = DAY + order_id // 3 % 7 if order_id % 3 == 0 else 0
        terms = (1, 1, 9, 90_000 + order_id % 20_000, 6 if expire_day else 1, 0, 0, 0, 1)
        assert not venue.place(order_id, account_id, account_id, session_id, *terms, expire_day)
        if order_id % 1_000 == 0:
            venue.take_events()
    return significant((_resident_bytes() - before) / count)


def _resident_bytes() -> int:
    """What this process holds now, page by page."""
    gc.collect()
    kib = next(
        int(line.split()[1])
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines()
        if line.startswith("Rss:")
    )
    return 1024 * kib


def _from_python(count: int, runs_count: int) -> list[tuple[float, float]]:
    """Nanoseconds of one call, `OrderBook` and the plain book by turns, 10 000 resting."""
    flow = Flow(1, seed=7)
    stock, steps = flow.rest(10_000), flow.steps(count)
    runs = []
    for _ in range(runs_count):
        pair = []
        for book in (OrderBook(), SortedBook()):
            _call(book, stock)
            gc.collect()
            started = time.process_time_ns()
            _call(book, steps)
            pair.append((time.process_time_ns() - started) / count)
        runs.append((pair[0], pair[1]))
    return runs


def _call(book: OrderBook | SortedBook, rows: list[Row]) -> None:
    place, cancel = book.place, book.cancel
    for order_id, _, price, qty, side in rows:
        if price:
            place(order_id, side, price, qty)
        else:
            cancel(order_id)


def _snapshots(count: int, runs_count: int) -> Figures:
    """Seconds to write and to read a book, beside pickling its orders as tuples."""
    book = OrderBook()
    rows = []
    for order_id in range(1, count + 1):
        side = 1 + order_id % 2
        price = 100_000 + (order_id * 7919 % 10_000 + 1) * (1 if side == 2 else -1)
        book.place(order_id, side, price, 9)
        rows.append((order_id, side, price, 9))
    timed: dict[str, list[float]] = {"snapshot": [], "restore": [], "pickle": [], "unpickle": []}
    for _ in range(min(runs_count, 5)):
        data = _seconds(timed["snapshot"], book.snapshot)
        restored = _seconds(timed["restore"], lambda data=data: OrderBook.restore(data))
        assert len(restored) == count
        plain = _seconds(timed["pickle"], lambda: pickle.dumps(rows, protocol=5))
        _seconds(timed["unpickle"], lambda plain=plain: pickle.loads(plain))
    medians = {name: significant(statistics.median(runs)) for name, runs in timed.items()}
    return {**medians, "orders_count": count, "bytes": len(data)}


def _venue_snapshots(count: int, runs_count: int) -> Figures:
    """Seconds to write, to hash and to read a whole venue; reading includes every check."""
    venue = _venue(count)
    timed: dict[str, list[float]] = {"snapshot": [], "hash": [], "restore": []}
    for _ in range(min(runs_count, 5)):
        data = _seconds(timed["snapshot"], venue.snapshot)
        state_hash = _seconds(timed["hash"], venue.state_hash)
        restored = _seconds(timed["restore"], lambda data=data: restored_core(data))
    assert restored.state_hash() == state_hash
    medians = {name: significant(statistics.median(runs)) for name, runs in timed.items()}
    return {**medians, "orders_count": count, "bytes": len(data)}


def _venue(count: int) -> Venue:
    """
    Resting orders in 1 000 books: 500 suppliers offer, 1 000 strangers bid.

    A third of the orders ends on a day, one in twenty is an iceberg.
    """
    day, venue, draw = DAY, new_core(DAY), Random(7).random
    for account_id in range(1, 1_501):
        venue.add_account(account_id)
        venue.deposit(account_id, 10**12)
    for product_id in range(1, 501):
        venue.add_product(product_id, product_id, 1, 3, 7)
        venue.grant(product_id, product_id, day, day + 60, 1_000_000)
        venue.add_instrument(2 * product_id - 1, product_id, day, day + 30, True)
        venue.add_instrument(2 * product_id, product_id, day + 30, day + 60, True)
    for order_id in range(1, count + 1):
        at, side = order_id // 2, 1 + order_id % 2
        account_id = 1 + at % 500 if side == 2 else 501 + at % 1_000
        instrument_id = 2 * (1 + at % 500) - (draw() < 0.5)
        price = int(100 + 60 * draw()) if side == 2 else int(100 - 60 * draw()) - 1
        expire_day = day + int(30 * draw()) if order_id % 3 == 0 else 0
        display_qty = 2 if order_id % 20 == 0 else 0
        terms = (instrument_id, side, 10, price, 6 if expire_day else 1, 0, 0, display_qty, 1)
        assert venue.place(order_id, account_id, account_id, 0, *terms, expire_day) == 0
        if order_id % 1_000 == 0:
            venue.take_events()
    return venue


def _seconds(runs: list[float], call: Callable[[], Any]) -> Any:
    started = time.process_time()
    answer = call()
    runs.append(time.process_time() - started)
    return answer


if __name__ == "__main__":
    main()
