"""
How long does it take to revalue a bank's whole pool, and to ask what if?

A hundred thousand pledges over fifty products are valued on one core, and ten thousand loans on
them are put through a fall of a fifth of all prices: value, lendable amount, rung, call. Quantities
are whole servers of eight GPUs up to 1 024; windows are months, quarters and years; three banks,
so that a product has three haircuts a window. `--any-quantity` draws any number of GPUs instead,
which is the worst case: rounding makes each quantity a valuation of its own.

Processor seconds, because the machine may have other work; everything runs on one thread. The
baseline, in the same run, is the model's own function for one contract, one after the other, on
a sample; both must agree on every pledge of it.
"""

import random
import sys
import time
from pathlib import Path

import numpy as np
from msgspec.structs import replace

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exchange import genesis
from exchange.collateral.curve import Curve
from exchange.collateral.expected_shortfall import damping_e12
from exchange.collateral.haircut_lines import Grade, Liquidity, Supplier
from exchange.collateral.marks import MarkLevel
from exchange.collateral.pool import PledgeColumns, Revaluation, revalue
from exchange.collateral.present_value import Contract, discount_factor_e12
from exchange.collateral.runway import Loan
from exchange.collateral.stress import Scenario
from exchange.collateral.stressed_pool import LoanColumns, loans_after
from exchange.collateral.valuation import ContractInputs, value_contract
from exchange.collateral.volatility import Volatility, observe
from exchange.domain.windows import parse_window
from load_tests.measure import parser, report, show, significant, spread

TODAY = parse_window("D261231").start_day
PRODUCTS_COUNT, BANKS_COUNT = 50, 3
PLEDGES_COUNT, LOANS_COUNT, RUNS_COUNT, SAMPLE_COUNT = 100_000, 10_000, 7, 500
QUICK_PLEDGES_COUNT, QUICK_LOANS_COUNT, QUICK_RUNS_COUNT, QUICK_SAMPLE_COUNT = 10_000, 1_000, 3, 100
WINDOWS = [parse_window(f"M27{month:02d}") for month in range(1, 13)]
WINDOWS += [parse_window(f"Q27{quarter}") for quarter in range(1, 5)]
WINDOWS += [parse_window("Y27")] * 4
SERVER_GPUS, MOST_GPUS = 8, 1_024
PARAMETERS = genesis.risk_parameters()
FALL = Scenario(name="all prices -20 %", move_ppm=-200_000)


def main() -> None:
    """Measures and reports."""
    question = "seconds to revalue all pledges, on one core"
    options = parser(question)
    options.add_argument("--any-quantity", action="store_true", help="not only whole servers")
    chosen = options.parse_args()
    pledges_count = QUICK_PLEDGES_COUNT if chosen.quick else PLEDGES_COUNT
    loans_count = QUICK_LOANS_COUNT if chosen.quick else LOANS_COUNT
    markets = _markets()
    pledges = _pledges(pledges_count, len(markets), 1 if chosen.any_quantity else SERVER_GPUS)
    loans = [
        Loan(loan_amount=20_000_000_000, drawn_ltv_ppm=650_000, interest_ppm=50_000)
        for _ in range(loans_count)
    ]
    loan_of = np.arange(pledges_count, dtype=np.int64) % loans_count
    of_loans = LoanColumns(loans=loans, loan_of=loan_of, pledges=pledges, markets=markets)
    runs, what_if_s = [], []
    for _ in range(QUICK_RUNS_COUNT if chosen.quick else RUNS_COUNT):
        _forget()
        started = time.process_time()
        found = revalue(pledges, markets, PARAMETERS)
        took_s = time.process_time() - started
        runs.append((took_s, _one_by_one_s(pledges, markets, found, chosen.quick)))
        started = time.process_time()
        after = loans_after(of_loans, FALL, PARAMETERS)
        what_if_s.append(time.process_time() - started)
        assert len(after) == loans_count
    details = {
        "pledges_count": pledges_count,
        "products_count": PRODUCTS_COUNT,
        "markets_count": len(markets),
        "quantities_count": len(np.unique(pledges.pledged_qty)),
        "haircuts_count": len(found.haircuts),
        "pledges_per_second": significant(pledges_count / spread([run for run, _ in runs]).median),
        "what_if": {
            "loans_count": loans_count,
            "unit": "s",
            "spread": spread(what_if_s),
        },
    }
    result = report(question, "s", "one by one, a sample scaled", runs, details)
    what_if = spread(what_if_s)
    lines = [f"{name}: {value:,}" for name, value in details.items() if isinstance(value, int)]
    lines.append(
        f"what if all prices fell by a fifth, {loans_count:,} loans on all pledges: "
        f"{what_if.median} s (min {what_if.min}, max {what_if.max})"
    )
    show(result, lines, chosen.json)


def _markets() -> list[ContractInputs]:
    """A market for each product and bank: a falling curve, a year of prices, a supplier."""
    found = []
    for product in range(PRODUCTS_COUNT):
        rng = random.Random(product)
        price_micro = rng.randrange(4_000_000, 30_000_000)
        curve = Curve(
            months=tuple(202701 + after for after in range(12)),
            marks_micro=tuple(price_micro * (1000 - 15 * after) // 1000 for after in range(12)),
        )
        volatility = _volatility(rng, price_micro)
        for bank in range(BANKS_COUNT):
            found.append(
                ContractInputs(
                    contract=Contract(contract_qty=1, start_day=TODAY + 1, end_day=TODAY + 2),
                    valuation_day=TODAY,
                    curve=curve,
                    volatility=volatility,
                    liquidity=Liquidity(
                        position_hours=1_000_000 * (bank + 1),
                        adv_hours=2_000_000,
                        half_spread_ppm=rng.randrange(5_000, 30_000),
                    ),
                    supplier=Supplier(
                        grade=Grade(1 + product % 4),
                        pool_share_ppm=200_000 + 50_000 * bank,
                        uptime_ppm=995_000,
                    ),
                    level=MarkLevel(1 + product % 6),
                )
            )
    return found


def _volatility(rng: random.Random, price_micro: int) -> Volatility:
    """A year of daily prices that mostly stand and sometimes step."""
    state = Volatility()
    for day in range(TODAY - 365, TODAY + 1):
        if rng.random() < 0.4:
            price_micro = price_micro * rng.randrange(970, 1_030) // 1_000
        state = observe(state, price_micro, day, PARAMETERS)
    return state


def _pledges(count: int, markets_count: int, step_qty: int) -> PledgeColumns:
    """Pledges in random markets, windows and quantities."""
    rng = np.random.default_rng(1)
    starts = np.array([window.start_day for window in WINDOWS], dtype=np.int64)
    ends = np.array([window.end_day for window in WINDOWS], dtype=np.int64)
    window = rng.integers(0, len(WINDOWS), count)
    return PledgeColumns(
        market=rng.integers(0, markets_count, count),
        pledged_qty=rng.integers(1, MOST_GPUS // step_qty + 1, count) * step_qty,
        start_day=starts[window],
        end_day=ends[window],
    )


def _forget() -> None:
    """Every run begins as the first of a day does, with nothing remembered."""
    discount_factor_e12.cache_clear()
    damping_e12.cache_clear()


def _one_by_one_s(
    pledges: PledgeColumns, markets: list[ContractInputs], found: Revaluation, is_quick: bool
) -> float:
    """Seconds that all would take one by one, from a sample that must agree."""
    sample_count = QUICK_SAMPLE_COUNT if is_quick else SAMPLE_COUNT
    rows = random.Random(2).sample(range(len(pledges.pledged_qty)), sample_count)
    columns = (pledges.market, pledges.pledged_qty, pledges.start_day, pledges.end_day)
    chosen = [[int(column[row]) for column in columns] for row in rows]
    started = time.process_time()
    marks = []
    for market, qty, start_day, end_day in chosen:
        contract = Contract(contract_qty=qty, start_day=start_day, end_day=end_day)
        marks.append(value_contract(replace(markets[market], contract=contract), PARAMETERS))
    took_s = time.process_time() - started
    for row, mark in zip(rows, marks, strict=True):
        ours = (found.value_amounts[row], found.lendable_amounts[row])
        assert ours == (mark.value_amount, mark.lendable_amount), f"pledge {row} differs"
    return took_s / sample_count * len(pledges.pledged_qty)


if __name__ == "__main__":
    main()
