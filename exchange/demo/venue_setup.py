"""
Makes the demo's market on an exchange that has operators and nothing else.

Every step is a command under an idempotency key of its own, derived from the step's name,
and its outcome is stored before the next. So a set-up that was interrupted goes on where it was,
and one that is complete does nothing.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import asdict, replace

from clients.rental_offers import GpuFamily
from clients.sdk import ExchangeClient
from exchange.domain import listing_schedule
from exchange.domain.enums import ProductKind, Role, Scope, SupplierGrade, TradingMode
from exchange.domain.schedule_events import ListingsScheduled
from exchange.domain.windows import Window

from .demand import LOT_QTY
from .key_ring import KeyRing

PRODUCT_CODE = "A100-80-SXM.SG1"
GPU_CLASS = "A100-80"
REGION = "SG1"
SUPPLIER_GRADE = SupplierGrade.B
FAMILY = GpuFamily("a100", 80)

DESK_COUNT = 4
MAKER_COUNT = 2
SUPPLIER = "supplier"
BANK = "bank"
AUDITOR = "auditor"
TRADER = "trader"
OPERATOR = "operator"
SECOND_OPERATOR = "second_operator"
DESKS = tuple(f"desk_{number}" for number in range(1, DESK_COUNT + 1))
MAKERS = tuple(f"maker_{number}" for number in range(1, MAKER_COUNT + 1))

ROLES: dict[str, Role] = {
    AUDITOR: Role.AUDITOR,
    SUPPLIER: Role.SUPPLIER,
    BANK: Role.BANK,
    TRADER: Role.TRADER,
    **dict.fromkeys(DESKS + MAKERS, Role.TRADER),
}
DEPOSIT_AMOUNTS = {
    SUPPLIER: 10_000_000_000,
    TRADER: 1_000_000_000,
    BANK: 100_000_000_000,
    **dict.fromkeys(DESKS, 20_000_000_000),
    **dict.fromkeys(MAKERS, 50_000_000_000),
}
BOND_AMOUNT = 5_000_000_000
"""Of the supplier: CNY 50 M, more than its sold days ever ask for."""
LISTING_POLL_S = 0.1
GRANTED_QTY = 4_096
GRANTED_DAYS = 900
WINDOWS_AHEAD = ListingsScheduled(
    product_id=0,
    day_count=45,
    month_count=24,
    quarter_count=2,
    year_count=1,
    strip_count=1,
    is_balance_listed=True,
)
"""What the exchange lists by itself; every year has its months."""


@dataclass(frozen=True)
class Venue:
    """The market as the agents need it."""

    product_id: int
    bank_account_id: int
    supplier_account_id: int
    first_day: int
    """The market day onto which demand and prices are laid."""


class VenueSetup:
    """The two operators' side of making a market."""

    def __init__(self, first: ExchangeClient, second: ExchangeClient, ring: KeyRing) -> None:
        self._first = first
        self._second = second
        self._ring = ring

    async def make(self, today: int) -> Venue:
        """Everything; what exists already is left as it is."""
        first_day = self._ring.created("first_day")
        if first_day is None:
            first_day = today
            self._ring.keep_created("first_day", first_day)
        account_ids = {}
        for name, role in ROLES.items():
            account_ids[name] = await self._admit(name, role)
            await self._give_key(name, account_ids[name])
        for name, amount in DEPOSIT_AMOUNTS.items():
            await self._once(
                f"deposit_{name}",
                "deposit_cash",
                account_id=account_ids[name],
                deposit_amount=amount,
                external_reference=f"demo opening balance of {name}",
            )
        product_id = await self._once(
            "product",
            "define_product",
            code=PRODUCT_CODE,
            kind=ProductKind.GPU_TIME,
            gpu_class=GPU_CLASS,
            region=REGION,
            supplier_account_id=account_ids[SUPPLIER],
            lot_qty=LOT_QTY,
        )
        await self._grant(product_id, account_ids[AUDITOR], first_day + 1)
        await self._supply(SUPPLIER, "bonds", "post_bond", bond_amount=BOND_AMOUNT)
        counts = asdict(replace(WINDOWS_AHEAD, product_id=product_id))
        await self._once("schedule", "schedule_listings", **counts)
        await self._listed()
        return Venue(product_id, account_ids[BANK], account_ids[SUPPLIER], first_day)

    async def _grant(self, product_id: int, auditor_id: int, start_day: int) -> None:
        """Capacity from the supplier's offer to the operator's signature."""
        report = f"{PRODUCT_CODE}: {GRANTED_QTY} GPUs inspected and burnt in"
        evidence_sha256 = hashlib.sha256(report.encode()).digest()
        days = {"start_day": start_day, "end_day": start_day + GRANTED_DAYS}
        grant_id = await self._supply(
            SUPPLIER,
            "capacity",
            "submit_capacity",
            product_id=product_id,
            submitted_qty=GRANTED_QTY,
            **days,
        )
        await self._supply(
            AUDITOR,
            "capacity",
            "inspect_capacity",
            grant_id=grant_id,
            evidence_sha256=evidence_sha256,
        )
        await self._supply(AUDITOR, "capacity", "verify_capacity", grant_id=grant_id)
        await self._once(
            "grant",
            "grant_capacity",
            product_id=product_id,
            granted_qty=GRANTED_QTY,
            auditor_account_id=auditor_id,
            evidence_sha256=evidence_sha256,
            start_day=start_day,
            end_day=start_day + GRANTED_DAYS,
        )

    async def _supply(self, name: str, noun: str, command_tag: str, **fields: object) -> int:
        """A step of the supplier or the auditor, once."""
        created_id = self._ring.created(command_tag)
        if created_id is None:
            async with ExchangeClient(self._first.url, self._ring.token(name)) as client:
                receipt = await client.supply(
                    noun, command_tag, command_id=step_id(command_tag), **fields
                )
            created_id = receipt.created_id
            self._ring.keep_created(command_tag, created_id)
        return created_id

    async def _listed(self) -> None:
        """Returns once the exchange's clock has listed the product's windows."""
        while True:
            if await self._first.instruments(PRODUCT_CODE):
                return
            await asyncio.sleep(LISTING_POLL_S)

    async def _admit(self, name: str, role: Role) -> int:
        grade = SUPPLIER_GRADE if role is Role.SUPPLIER else None
        first_key = self._ring.secret_sha256(name)[1] if role is Role.AUDITOR else None
        return await self._once(
            f"admit_{name}",
            "admit_participant",
            name=name,
            roles=[role],
            supplier_grade=grade,
            token_sha256=first_key,
        )

    async def _give_key(self, name: str, account_id: int) -> None:
        if self._ring.token(name) is not None:
            return
        secret, sha256 = self._ring.secret_sha256(name)
        if name == AUDITOR:
            key_id = await self._once(
                "confirm_auditor", "confirm_admission", second=True, account_id=account_id
            )
            self._ring.keep_token(name, f"{key_id}.{secret}")
            return
        key_id = await self._once(
            f"key_{name}",
            "register_key",
            account_id=account_id,
            token_sha256=sha256,
            scopes=[Scope.READ, Scope.TRADE],
        )
        self._ring.keep_token(name, f"{key_id}.{secret}")

    async def _once(
        self, step: str, command_tag: str, *, second: bool = False, **fields: object
    ) -> int:
        """Runs a step unless it has run; returns the id it created then or now."""
        created_id = self._ring.created(step)
        if created_id is None:
            operator = self._second if second else self._first
            receipt = await operator.admin(command_tag, command_id=step_id(step), **fields)
            created_id = receipt.created_id
            self._ring.keep_created(step, created_id)
        return created_id


def windows_ahead(today: int) -> Iterator[Window]:
    """The windows that the exchange lists of the demo's product."""
    return listing_schedule.windows_ahead(today, WINDOWS_AHEAD)


def symbol_of(window: Window, mode: TradingMode = TradingMode.TITLE) -> str:
    """The instrument that is this window of the demo's product, or its use."""
    return f"{PRODUCT_CODE}:{window.code}{mode.symbol_suffix}"


def step_id(step: str) -> str:
    """The idempotency key of a step, the same in every run."""
    return str(uuid5(NAMESPACE_OID, f"demo {step}"))
