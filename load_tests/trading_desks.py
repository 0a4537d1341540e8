"""
The market of the load tests: pairs of a supplier and a trader, each pair with a product of its own.

A pair's product has four month windows. The supplier sells capacity that was granted to it, which
is the longer way through the rules: a primary sale goes into escrow. Everything is made by admin
commands, in process or over HTTP alike; ids follow from their order.
"""

import hashlib
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from exchange import genesis
from exchange.domain.capacity_commands import InspectCapacity, SubmitCapacity, VerifyCapacity
from exchange.domain.commands import (
    AdmitParticipant,
    Command,
    ConfirmAdmission,
    CreateVenue,
    DefineProduct,
    DepositCash,
    GrantCapacity,
    ListInstrument,
    Operator,
    RegisterKey,
)
from exchange.domain.enums import ProductKind, Role, Scope, SupplierGrade, WindowKind
from exchange.domain.units import MAX_QTY, NS_PER_DAY
from exchange.domain.windows import Window, add_months, date_of, day_of, start_ns
from exchange.engine.engine import Engine

PAIRS_COUNT = 4
WINDOWS_COUNT = 4
OPERATORS_COUNT = 2
AUDITOR_ACCOUNT_ID = OPERATORS_COUNT + 1
"""Its first key has the same number."""
AUDITOR_SECRET = hashlib.sha256(b"load test auditor").hexdigest()
DEPOSIT_AMOUNT = 10**15
ALL_DEPOSITS_AMOUNT = 8 * 10**15
"""Below 2**53, what a venue may hold."""
DAYS_COUNT = 200
"""Granted, enough for the windows."""


class Desk(Struct, frozen=True, kw_only=True):
    """One account with its key, and what it trades."""

    account_id: int
    key_id: int
    secret: str
    is_supplier: bool
    symbols: list[str]
    instrument_ids: list[int]

    @property
    def token(self) -> str:
        """The bearer token."""
        return f"{self.key_id}.{self.secret}"


def make_desks(today: int, pairs_count: int = PAIRS_COUNT) -> list[Desk]:
    """Supplier, trader, supplier, trader, …"""
    desks = []
    for number in range(2 * pairs_count):
        pair = number // 2
        first_id = pair * WINDOWS_COUNT + 1
        account_id = AUDITOR_ACCOUNT_ID + 1 + number
        desks.append(
            Desk(
                account_id=account_id,
                key_id=account_id,
                secret=hashlib.sha256(f"load test {account_id}".encode()).hexdigest(),
                is_supplier=number % 2 == 0,
                symbols=[f"{_code(pair)}:{window.code}" for window in month_windows(today)],
                instrument_ids=list(range(first_id, first_id + WINDOWS_COUNT)),
            )
        )
    return desks


def setup_commands(today: int, desks: list[Desk]) -> Iterator[tuple[int, Command]]:
    """(whose key, command) for everything the desks need, on a venue with operators only."""
    yield (
        1,
        AdmitParticipant(
            name="auditor",
            roles=[Role.AUDITOR],
            token_sha256=hashlib.sha256(AUDITOR_SECRET.encode()).digest(),
        ),
    )
    yield 2, ConfirmAdmission(account_id=AUDITOR_ACCOUNT_ID)
    for desk in desks:
        yield (
            1,
            AdmitParticipant(
                name=f"desk {desk.account_id}",
                roles=[Role.SUPPLIER if desk.is_supplier else Role.TRADER],
                supplier_grade=SupplierGrade.B if desk.is_supplier else None,
            ),
        )
    for desk in desks:
        yield (
            1,
            RegisterKey(
                account_id=desk.account_id,
                token_sha256=hashlib.sha256(desk.secret.encode()).digest(),
                scopes=[Scope.READ, Scope.TRADE],
            ),
        )
        yield (
            1,
            DepositCash(
                account_id=desk.account_id,
                deposit_amount=min(DEPOSIT_AMOUNT, ALL_DEPOSITS_AMOUNT // len(desks)),
                external_reference=f"opening balance of {desk.account_id}",
            ),
        )
    for pair, supplier in enumerate(desks[::2]):
        yield from _product(pair, supplier, today)


def _product(pair: int, supplier: Desk, today: int) -> Iterator[tuple[int, Command]]:
    yield (
        1,
        DefineProduct(
            code=_code(pair),
            kind=ProductKind.GPU_TIME,
            gpu_class="A100-80",
            region=f"R{pair}",
            supplier_account_id=supplier.account_id,
            lot_qty=1,
        ),
    )
    yield from _capacity(pair + 1, supplier, today)
    for window in month_windows(today):
        yield (
            1,
            ListInstrument(
                product_id=pair + 1,
                kind=window.kind,
                start_day=window.start_day,
                end_day=window.end_day,
            ),
        )


def _capacity(product_id: int, supplier: Desk, today: int) -> Iterator[tuple[int, Command]]:
    """A grant through every step; it is the product's first, so it has the product's number."""
    days = {"start_day": today + 1, "end_day": today + 1 + DAYS_COUNT}
    evidence_sha256 = hashlib.sha256(b"inspected").digest()
    yield (
        supplier.key_id,
        SubmitCapacity(product_id=product_id, submitted_qty=MAX_QTY, **days),
    )
    inspected = InspectCapacity(grant_id=product_id, evidence_sha256=evidence_sha256)
    yield AUDITOR_ACCOUNT_ID, inspected
    yield AUDITOR_ACCOUNT_ID, VerifyCapacity(grant_id=product_id)
    yield (
        1,
        GrantCapacity(
            product_id=product_id,
            granted_qty=MAX_QTY,
            auditor_account_id=AUDITOR_ACCOUNT_ID,
            evidence_sha256=evidence_sha256,
            **days,
        ),
    )


def month_windows(today: int) -> list[Window]:
    """The next whole months."""
    windows = []
    for number in range(1, WINDOWS_COUNT + 1):
        first = add_months(date_of(today), number)
        start_day, end_day = day_of(first), day_of(add_months(first, 1))
        windows.append(Window(WindowKind.MONTH, start_day, end_day))
    return windows


def engine_with(desks: list[Desk], today: int) -> tuple[Engine, list[bytes]]:
    """An engine in process that knows the desks, and the records that made it."""
    engine, records = Engine(), []
    fees = genesis.fee_schedule()
    create = CreateVenue(
        venue_id="load",
        base_day=today,
        market_ns=start_ns(today),
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
    setup = enumerate(setup_commands(today, desks))
    keyed = [replace(c, key_id=key_id, command_id=f"setup {n}") for n, (key_id, c) in setup]
    for command in (create, *keyed):
        outcome, record = engine.execute(command)
        assert record is not None, f"{command} left no record: {outcome}"
        assert outcome.reason is None, f"{command} was refused: {outcome}"
        records.append(record)
    return engine, records


def _code(pair: int) -> str:
    return f"A100-80-SXM.R{pair}"
