"""
How long does the engine take from an order command to the bytes of its record?

The commands are made beforehand; timed is `Engine.execute` alone, so authorisation, the idempotency
table, the rules, the core and the encoding of command and events. The core path is the part of it
from the rules' doorway to the core (`orders.place`, `orders.cancel`) to the record's bytes. The
baseline encodes and decodes the same commands, which is the least that anybody does who logs them.
Processor time, not the clock's, so that a neighbour on the machine counts as little as it can.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import msgspec

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange.domain.commands import Command
from exchange.domain.record import AnyCommand, encode_command
from exchange.domain.windows import parse_window
from exchange.rules import ORDER_PATH
from exchange.rules.state import Seen
from load_tests.flow import Cancel, New, Step, command_of, desk_flow
from load_tests.measure import parser, report, show, significant, spread
from load_tests.trading_desks import engine_with, make_desks
from load_tests.window_lengths import us_by_window

TODAY = parse_window("D261122").start_day
COMMANDS_COUNT, RUNS_COUNT = 100_000, 7
QUICK_COMMANDS_COUNT, QUICK_RUNS_COUNT = 30_000, 3
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(AnyCommand).decode


def main() -> None:
    """Measures and reports."""
    question = "one order command through Engine.execute to the bytes of its record"
    options = parser(question).parse_args()
    commands_count = QUICK_COMMANDS_COUNT if options.quick else COMMANDS_COUNT
    runs_count = QUICK_RUNS_COUNT if options.quick else RUNS_COUNT
    runs, kinds_us, path_us = [], [], []
    for _ in range(runs_count):
        stock, steps = _commands(commands_count)
        commands = [command for _, command in steps]
        execute_s = _execute(stock, commands)
        codec_s = _seconds(_encode_and_decode, commands)
        runs.append((commands_count / execute_s, commands_count / codec_s))
        kinds_us.append(_by_kind(stock, steps))
        path_us.append(1e6 * _core_path(stock, commands) / commands_count)
    us = {
        kind: significant(sorted(run[kind] for run in kinds_us)[runs_count // 2])
        for kind in kinds_us[0]
    }
    result = report(question, "commands/s", "encoding and decoding the commands", runs, {})
    mean_us = significant(1e6 / result.figure)
    path = spread(path_us)
    windows_us = us_by_window(TODAY)
    details = {
        "us_per_command": mean_us,
        "us_by_kind": us,
        "us_core_path": path,
        "us_by_window": windows_us,
        "commands_count": commands_count,
    }
    result = msgspec.structs.replace(result, details=details)
    kinds = ", ".join(f"{kind} {value}" for kind, value in us.items())
    lines = [
        f"{mean_us} us a command; timed one by one: {kinds}",
        f"of it the core path: {path.median} us (min {path.min}, max {path.max})",
        *(
            f"a {name} trade: {us['day_us']} us over a day, {us['twelve_months_us']} us over "
            f"twelve months, {us['ratio']} times as much"
            for name, us in windows_us.items()
        ),
    ]
    show(result, lines, options.json)


def _commands(count: int) -> tuple[list[Command], list[tuple[Step, Command]]]:
    """One pair's stock, and `count` commands of its two desks by turns."""
    supplier, trader = make_desks(TODAY, 1)
    flows = [(desk, desk_flow(desk, "e")) for desk in (supplier, trader)]
    stock = [command_of(step, desk) for desk, flow in flows for step in flow.stock()]
    steps = [(desk, flow.steps()) for desk, flow in flows]
    mixed = ((next(of_desk), desk) for _ in range(count) for desk, of_desk in steps)
    return stock, [(step, command_of(step, desk)) for step, desk in islice(mixed, count)]


def _execute(stock: list[Command], commands: list[Command]) -> float:
    """Seconds for the commands on a fresh engine that took the stock."""
    engine, _ = engine_with(make_desks(TODAY, 1), TODAY)
    _run(engine.execute, stock)
    return _seconds(lambda all_of_them: _run(engine.execute, all_of_them), commands)


def _core_path(stock: list[Command], commands: list[Command]) -> float:
    """Seconds from the rules' doorway to the record's bytes; ids are remembered beforehand."""
    engine, _ = engine_with(make_desks(TODAY, 1), TODAY)
    _run(engine.execute, stock)
    state = engine.state
    prepared = []
    for seq, command in enumerate(commands, start=state.seq + 1):
        account_id = state.keys[command.key_id].account_id
        state.seen[account_id][command.command_id] = Seen(seq, command, None)
        prepared.append((ORDER_PATH[type(command)], command, account_id, encode_command(command)))
    gc.collect()
    started = time.process_time()
    for order, command, account_id, encoded in prepared:
        order(command, state, account_id)
        state.core.take_record(encoded)
        state.seq += 1
    return time.process_time() - started


def _by_kind(stock: list[Command], steps: list[tuple[Step, Command]]) -> dict[str, float]:
    """Microseconds a command by its kind, less what reading the clock costs."""
    engine, _ = engine_with(make_desks(TODAY, 1), TODAY)
    _run(engine.execute, stock)
    spent_ns = {"place": 0, "cancel": 0, "crossing": 0}
    counts = dict.fromkeys(spent_ns, 0)
    now = time.thread_time_ns
    for step, command in steps:
        kind = _kind(step)
        started = now()
        outcome, _ = engine.execute(command)
        spent_ns[kind] += now() - started
        counts[kind] += 1
        assert outcome.reason is None, f"{command} was refused: {outcome}"
    started = now()
    for _ in range(10_000):
        now()
    clock_ns = (now() - started) / 10_000
    return {kind: (spent_ns[kind] / counts[kind] - clock_ns) / 1_000 for kind in spent_ns}


def _kind(step: Step) -> str:
    if isinstance(step, Cancel):
        return "cancel"
    assert isinstance(step, New), step
    return "crossing" if step.is_crossing else "place"


def _run(execute: Callable[[Command], object], commands: Iterable[Command]) -> None:
    for command in commands:
        execute(command)


def _encode_and_decode(commands: list[Command]) -> None:
    encode, decode = _ENCODE, _DECODE
    for command in commands:
        decode(encode(command))


def _seconds(work: Callable[[list[Command]], None], commands: list[Command]) -> float:
    """Processor time; what the run before left is collected first, and not in it."""
    gc.collect()
    started = time.process_time()
    work(commands)
    return time.process_time() - started


if __name__ == "__main__":
    main()
