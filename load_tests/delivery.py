"""
How long does a day roll take with everybody holding everything, and how many readings go in?

A venue of 1 000 accounts that each own a GPU of 20 products on the 365 days of 2027. Timed are
midnights at which a day of every product is paid and closed, after an hour in which one GPU was
down: deciding, applying, encoding and folding into the read models. Trading goes on between
records, so the longest record is how long the roll stops it. `details` has the last midnight too,
of a day on which half the GPUs were down, so that every account is refunded by every product. The
baseline is a midnight at which nothing is paid.

Readings come one a command, the worst case; `details` has a product's day a command too.
"""

import gc
import hashlib
import sys
import time
from itertools import count
from pathlib import Path

# A file started by its path finds its own directory only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msgspec.structs import replace

from exchange import genesis
from exchange.domain.capacity_commands import InspectCapacity, SubmitCapacity, VerifyCapacity
from exchange.domain.commands import (
    AdmitParticipant,
    AdvanceClock,
    Command,
    ConfirmAdmission,
    CreateVenue,
    DefineProduct,
    DepositCash,
    GrantCapacity,
    ListInstrument,
    Operator,
    PlaceOrder,
    RegisterKey,
)
from exchange.domain.delivery_commands import AttestDelivery, RecordReadings, ReportDelivery
from exchange.domain.enums import ProductKind, Role, Scope, Side
from exchange.domain.meter_readings import Reading
from exchange.domain.record import Record, decode_body
from exchange.domain.units import HOURS_PER_DAY, NS_PER_DAY
from exchange.domain.windows import parse_window, start_ns
from exchange.engine.engine import Engine
from exchange.projections import Projections
from exchange.rules.clock import next_boundary_ns
from load_tests.measure import parser, report, show, significant

ACCOUNTS_COUNT, PRODUCTS_COUNT, ROLLS_COUNT = 1_000, 20, 5
QUICK_ACCOUNTS_COUNT, QUICK_PRODUCTS_COUNT, QUICK_ROLLS_COUNT = 100, 5, 3
READINGS_COUNT, QUICK_READINGS_COUNT = 20_000, 2_000
QUIET_COUNT = 2
"""Midnights before the first day is paid."""
YEAR = parse_window("Y27")
FIRST_DAY = parse_window("D261214").start_day
AUDITOR, SUPPLIER = 3, 4
PROOF = hashlib.sha256(b"inspected").digest()
PRICE = 1_000


class Supply:
    """The venue: its engine, its read models, and how long each record took."""

    def __init__(self, accounts_count: int, products_count: int) -> None:
        self.engine, self.projections = Engine(), Projections()
        self.accounts_count, self.products_count = accounts_count, products_count
        self._ids = count(1)
        self.do(0, _genesis())
        self._admit("auditor", Role.AUDITOR)
        self._admit("supplier", Role.SUPPLIER)
        for number in range(accounts_count):
            self._admit(f"holder {number}", Role.TRADER)
        for product_id in range(1, products_count + 1):
            self._product(product_id)

    def do(self, key_id: int, command: Command) -> float:
        """Executes a command that must be accepted, and folds it; seconds."""
        command = replace(command, key_id=key_id)
        if key_id:
            command = replace(command, command_id=f"{next(self._ids)}")
        started_s = time.perf_counter()
        outcome, encoded = self.engine.execute(command)
        assert encoded is not None, outcome
        assert outcome.reason is None, f"{command} was refused: {outcome}"
        assert not self.engine.faults, self.engine.faults
        body = decode_body(encoded)
        self.projections.apply(Record(outcome.seq, self.engine.state.market_ns, *body))
        return time.perf_counter() - started_s

    def advance(self, market_ns: int) -> list[float]:
        """Moves the clock on and does all that is due; the seconds of each record."""
        state, times = self.engine.state, []
        while state.market_ns < market_ns or next_boundary_ns(state) <= state.market_ns:
            times.append(self.do(0, AdvanceClock(market_ns=max(market_ns, state.market_ns))))
        return times

    def deliver(self, day: int, down_qty: int) -> None:
        """Every product's day is read with so many GPUs down, reported and attested."""
        qty = self.accounts_count - down_qty
        for product_id in range(1, self.products_count + 1):
            readings = [Reading(day, hour, qty) for hour in range(HOURS_PER_DAY)]
            place = {"product_id": product_id, "day": day}
            self.do(SUPPLIER, RecordReadings(product_id=product_id, readings=readings))
            self.do(SUPPLIER, ReportDelivery(**place))
            self.do(AUDITOR, AttestDelivery(rulings=[], evidence_sha256=PROOF, **place))

    def _admit(self, name: str, role: Role) -> None:
        account_id = len(self.engine.state.participants) + 1
        sha256 = hashlib.sha256(name.encode()).digest()
        is_auditor = role is Role.AUDITOR
        admit = AdmitParticipant(
            name=name, roles=[role], token_sha256=sha256 if is_auditor else None
        )
        self.do(1, admit)
        if is_auditor:
            self.do(2, ConfirmAdmission(account_id=account_id))
            return
        scopes = [Scope.READ, Scope.TRADE]
        self.do(1, RegisterKey(account_id=account_id, token_sha256=sha256, scopes=scopes))
        deposit = {"deposit_amount": 10**12, "external_reference": name}
        self.do(1, DepositCash(account_id=account_id, **deposit))

    def _product(self, product_id: int) -> None:
        """Granted for the year, and a GPU of it sold to every account."""
        define = DefineProduct(
            code=f"A100.R{product_id}",
            kind=ProductKind.GPU_TIME,
            gpu_class="A100",
            region=f"R{product_id}",
            supplier_account_id=SUPPLIER,
            lot_qty=1,
        )
        self.do(1, define)
        days = {"start_day": YEAR.start_day, "end_day": YEAR.end_day}
        qty = self.accounts_count
        self.do(SUPPLIER, SubmitCapacity(product_id=product_id, submitted_qty=qty, **days))
        self.do(AUDITOR, InspectCapacity(grant_id=product_id, evidence_sha256=PROOF))
        self.do(AUDITOR, VerifyCapacity(grant_id=product_id))
        grant = {"granted_qty": qty, "auditor_account_id": AUDITOR, "evidence_sha256": PROOF}
        self.do(1, GrantCapacity(product_id=product_id, **days, **grant))
        self.do(1, ListInstrument(product_id=product_id, kind=YEAR.kind, **days))
        order = PlaceOrder(
            instrument_id=product_id, side=Side.SELL, order_qty=qty, limit_price=PRICE
        )
        self.do(SUPPLIER, order)
        for number in range(self.accounts_count):
            self.do(SUPPLIER + 1 + number, replace(order, side=Side.BUY, order_qty=1))


def main() -> None:
    """Measures and reports."""
    options = parser("seconds of a day roll")
    chosen = options.parse_args()
    accounts_count = QUICK_ACCOUNTS_COUNT if chosen.quick else ACCOUNTS_COUNT
    products_count = QUICK_PRODUCTS_COUNT if chosen.quick else PRODUCTS_COUNT
    supply = Supply(accounts_count, products_count)
    gc.collect()
    gc.freeze()
    rolls_count = QUICK_ROLLS_COUNT if chosen.quick else ROLLS_COUNT
    supply.advance(start_ns(YEAR.start_day))
    quiet, paid, cpu_s = [], [], 0.0
    last_day = YEAR.start_day + rolls_count + QUIET_COUNT
    for day in range(YEAR.start_day, last_day + 1):
        supply.advance(start_ns(day + 1) - 1)
        started_s = time.process_time()
        times = supply.advance(start_ns(day + 1))
        cpu_s = cpu_s if day == last_day else time.process_time() - started_s
        (quiet if day < YEAR.start_day + QUIET_COUNT else paid).append(times)
        supply.deliver(day, accounts_count // 2 if day == last_day - QUIET_COUNT else 1)
    days = supply.projections.deliveries.days
    assert days[products_count, last_day - QUIET_COUNT].status == "closed"
    all_refunded = paid.pop()
    quiet_ms = 1_000 * min(map(sum, quiet))
    runs = [(1_000 * sum(times), quiet_ms) for times in paid]
    single, batched = _readings(supply, QUICK_READINGS_COUNT if chosen.quick else READINGS_COUNT)
    details = {
        "longest_record_ms": significant(1_000 * max(map(max, paid))),
        "record_count": len(paid[-1]),
        "processor_time_ms": significant(1_000 * cpu_s),
        "all_refunded_ms": significant(1_000 * sum(all_refunded)),
        "all_refunded_longest_record_ms": significant(1_000 * max(all_refunded)),
        "accounts_count": accounts_count,
        "products_count": products_count,
        "held_days_count": YEAR.end_day - YEAR.start_day,
        "readings_per_second_one_a_command": significant(single),
        "readings_per_second_a_day_a_command": significant(batched),
    }
    question = f"a day roll of {accounts_count:,} accounts x {products_count} products"
    shown = report(question, "ms", "a midnight at which nothing is paid", runs, details)
    show(shown, [f"{name}: {value:,}" for name, value in details.items()], chosen.json)


def _readings(supply: Supply, readings_count: int) -> tuple[float, float]:
    """Readings a second, one a command and a day of a product a command."""
    state = supply.engine.state
    day = max(state.deliveries[1])
    supply.advance(start_ns(day + 1))
    revisions, used_s = readings_count // (HOURS_PER_DAY * supply.products_count), 0.0
    for revision in range(1, revisions + 1):
        for product_id in range(1, supply.products_count + 1):
            for hour in range(HOURS_PER_DAY):
                reading = [Reading(day, hour, revision, revision)]
                used_s += supply.do(
                    SUPPLIER, RecordReadings(product_id=product_id, readings=reading)
                )
    count_all = revisions * supply.products_count * HOURS_PER_DAY
    batched_s = 0.0
    for revision in range(revisions + 1, 2 * revisions + 1):
        for product_id in range(1, supply.products_count + 1):
            readings = [Reading(day, hour, revision, revision) for hour in range(HOURS_PER_DAY)]
            batched_s += supply.do(
                SUPPLIER, RecordReadings(product_id=product_id, readings=readings)
            )
    return count_all / used_s, count_all / batched_s


def _genesis() -> CreateVenue:
    fees = genesis.fee_schedule()
    return CreateVenue(
        venue_id="load",
        base_day=FIRST_DAY,
        market_ns=start_ns(FIRST_DAY),
        is_always_open=True,
        operators=[
            Operator(name=name, token_sha256=hashlib.sha256(name.encode()).digest())
            for name in ("first", "second")
        ],
        head_public_key=b"",
        maker_bps=fees.maker_bps,
        taker_bps=fees.taker_bps,
        risk_parameters=genesis.risk_parameters(),
        command_id_retention_ns=2 * NS_PER_DAY,
        burn_in_ns=0,
    )


if __name__ == "__main__":
    main()
