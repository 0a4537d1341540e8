"""
How many orders a second does the exchange acknowledge durably, and how late at a given rate?

A real server process (`exchange init`, `exchange serve`, fsync on every commit), real websockets
over loopback, and a process of clients. First the closed loop, by turns against the exchange and
against the same gateway with a stub for an engine: the ratio is the figure's worth on any machine.
Then the open loop at growing rates, until the exchange no longer keeps up. Each run tells the
processor time of all concerned, and of the machine's other processes: the exchange is one thread,
so a rate is only as good as the share of a core that the neighbours left it.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from load_tests import live_venue
from load_tests.live_venue import EXCHANGE, STUB_GATEWAY, LiveVenue
from load_tests.load_generator import MAX_MESSAGES_COUNT, Plan, Result
from load_tests.measure import ROOT, busy_seconds, parser, report, show, significant
from load_tests.trading_desks import Desk

RATES = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
RUNS_COUNT, MEASURED_S, WARM_UP_S = 3, 2.0, 0.5
QUICK_RATES = (2_000, 5_000)
QUICK_RUNS_COUNT, QUICK_MEASURED_S, QUICK_WARM_UP_S = 1, 1.0, 0.3
UNANSWERED_COUNT = 8 * MAX_MESSAGES_COUNT
"""Of each connection, closed loop."""
PREPARED_PER_SECOND = {"real": 120_000, "stub": 250_000}
"""For how many messages a second the closed loop prepares; it ends early where they run out."""
FRAMES_PER_SECOND = 500
"""Of each connection, open loop: a client that gathers for two milliseconds."""
KEEPS_UP_SHARE = 0.9
"""Less than this of the offered rate, and the exchange no longer keeps up."""


def main() -> None:
    """Measures and reports."""
    question = "orders a second over websockets, acknowledged after a durable append"
    options = parser(question)
    options.add_argument("--rates", type=_rates, help="open loop, as 2000,5000; empty for none")
    options.add_argument("--runs", type=int, help="closed-loop runs against each of the two")
    options.add_argument("--seconds", type=float, help="measured in each run")
    chosen = options.parse_args()
    quick = chosen.quick
    rates = chosen.rates if chosen.rates is not None else (QUICK_RATES if quick else RATES)
    runs_count = chosen.runs or (QUICK_RUNS_COUNT if quick else RUNS_COUNT)
    measured_s = chosen.seconds or (QUICK_MEASURED_S if quick else MEASURED_S)
    warm_up_s = QUICK_WARM_UP_S if quick else WARM_UP_S
    closed: list[dict[str, Any]] = []
    open_loop: list[dict[str, Any]] = []
    runs = []
    with tempfile.TemporaryDirectory(prefix="exchange-load-") as parent:
        real_dir, stub_dir = Path(parent) / "real", Path(parent) / "stub"
        live_venue.init(real_dir)
        with live_venue.serve(EXCHANGE, real_dir) as venue:
            desks = venue.set_up()
        live_venue.copy(real_dir, stub_dir)
        with (
            live_venue.serve(EXCHANGE, real_dir) as real,
            live_venue.serve(STUB_GATEWAY, stub_dir) as stub,
        ):
            plan = {"desks": desks, "warm_up_s": warm_up_s, "measured_s": measured_s}
            for number in range(runs_count):
                found = _closed(real, f"c{number}", plan), _closed(stub, f"c{number}", plan)
                closed += found
                runs.append((found[0]["acked_per_second"], found[1]["acked_per_second"]))
            for rate in rates:
                found_open = _open(real, rate, plan)
                open_loop.append(found_open)
                if found_open["acked_per_second"] < KEEPS_UP_SHARE * rate:
                    break
    costs = {side: _us_per_order(closed, side) for side in ("real", "stub")}
    details = {
        "closed_loop": closed,
        "open_loop": open_loop,
        "connections_count": len(desks),
        "exchange_us_per_order": costs,
    }
    baseline_is = "the same gateway with a stub for an engine"
    lines = [
        f"processor time an order: {costs['real']} us, with the stub {costs['stub']} us",
        *map(_closed_line, closed),
        *map(_open_line, open_loop),
    ]
    show(report(question, "orders/s", baseline_is, runs, details), lines, chosen.json)


def _us_per_order(closed: list[dict[str, Any]], side: str) -> float:
    """What an order costs the exchange's process; it bears neighbours better than a rate does."""
    of_side = [run["exchange_us_per_order"] for run in closed if run["against"] == side]
    return significant(statistics.median(of_side))


def _closed(venue: LiveVenue, name: str, plan: dict[str, Any]) -> dict[str, Any]:
    found = measure(
        venue,
        name,
        per_second=PREPARED_PER_SECOND[venue.data_dir.name],
        frame_messages_count=MAX_MESSAGES_COUNT,
        unanswered_count=UNANSWERED_COUNT,
        **plan,
    )
    return {"against": venue.data_dir.name, **found}


def _open(venue: LiveVenue, rate: int, plan: dict[str, Any]) -> dict[str, Any]:
    desks: list[Desk] = plan["desks"]
    messages_count = round(rate / len(desks) / FRAMES_PER_SECOND)
    found = measure(
        venue,
        f"o{rate}",
        per_second=rate,
        frame_messages_count=min(max(messages_count, 1), MAX_MESSAGES_COUNT),
        **plan,
    )
    return {"offered_per_second": rate, **found}


def measure(venue: LiveVenue, name: str, **plan: Any) -> dict[str, Any]:
    """One run of the clients, with what it cost the exchange's two processes."""
    asked = Plan(host=venue.host, port=venue.port, name=name, **plan)
    before, busy_before, children_before = venue.cpu_s(), busy_seconds(), _children_cpu_s()
    done = subprocess.run(
        [sys.executable, "-m", "load_tests.load_generator"],
        cwd=ROOT,
        input=msgspec.json.encode(asked),
        stdout=subprocess.PIPE,
        check=True,
    )
    after, busy_s = venue.cpu_s(), busy_seconds() - busy_before
    clients_s = _children_cpu_s() - children_before
    exchange_s, log_server_s = after[0] - before[0], after[1] - before[1]
    result = msgspec.json.decode(done.stdout, type=Result)
    orders_count = result.stock_count + result.sent_count
    return {
        **msgspec.structs.asdict(result),
        "acked_per_second": significant(result.acked_per_second),
        "frame_messages_count": asked.frame_messages_count,
        "exchange_us_per_order": significant(1e6 * exchange_s / orders_count),
        "exchange_cpu_s": round(exchange_s, 2),
        "log_server_cpu_s": round(log_server_s, 2),
        "clients_cpu_s": round(clients_s, 2),
        "neighbours_cpu_s": round(max(0.0, busy_s - exchange_s - log_server_s - clients_s), 2),
    }


def _children_cpu_s() -> float:
    """Of child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _closed_line(run: dict[str, Any]) -> str:
    return (
        f"closed loop, {run['against']}: {run['acked_per_second']:>9,} a second, "
        f"p50 {_ms(run['p50_us'])}, p99 {_ms(run['p99_us'])}{_refusals(run)}{_cost(run)}"
    )


def _open_line(run: dict[str, Any]) -> str:
    behind = run["acked_per_second"] < KEEPS_UP_SHARE * run["offered_per_second"]
    return (
        f"open loop, {run['offered_per_second']:>7,} a second: p50 {_ms(run['p50_us'])}, "
        f"p99 {_ms(run['p99_us'])}, p99.9 {_ms(run['p999_us'])}"
        + (f", saturated at {run['acked_per_second']:,}" if behind else "")
        + f"{_refusals(run)}{_cost(run)}"
    )


def _refusals(run: dict[str, Any]) -> str:
    words = [f"{count} x {name}" for name, count in run["refused"].items()]
    if run["unanswered_count"]:
        words.append(f"{run['unanswered_count']} unanswered")
    return f", {', '.join(words)}" if words else ""


def _cost(run: dict[str, Any]) -> str:
    return (
        f" (processor: exchange {run['exchange_cpu_s']} s, log {run['log_server_cpu_s']} s, "
        f"clients {run['clients_cpu_s']} s, neighbours {run['neighbours_cpu_s']} s)"
    )


def _ms(microseconds: int) -> str:
    return f"{microseconds / 1_000:.1f} ms"


def _rates(words: str) -> tuple[int, ...]:
    return tuple(int(word) for word in words.split(",") if word)


if __name__ == "__main__":
    main()
