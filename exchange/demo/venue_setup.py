"""
Makes the demo's market on an exchange that has operators and nothing else.

Every step is a command under an idempotency key of its own, derived from the step's name,
and its outcome is stored before the next. So a set-up that was interrupted goes on where it was,
and one that is complete does nothing.
"""

import hashlib
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from clients.sdk import ExchangeClient, Refused
from exchange.domain.enums import ProductKind, Role, Scope, SupplierGrade, WindowKind
from exchange.domain.windows import Window, add_months, date_of, day_of
from exchange.domain.wire import Receipt

from .demand import LOT_QTY
from .key_ring import KeyRing
from .prices import GpuFamily, IndexPrice

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
    SUPPLIER: 1_000_000_000,
    TRADER: 1_000_000_000,
    **dict.fromkeys(DESKS, 20_000_000_000),
    **dict.fromkeys(MAKERS, 50_000_000_000),
}
GRANTED_QTY = 4_096
GRANTED_DAYS = 900
DAYS_AHEAD = 45
MONTHS_AHEAD = 6
QUARTERS_AHEAD = 2


@dataclass(frozen=True)
class Venue:
    """The market as the agents need it."""

    product_id: int
    bank_account_id: int
    first_day: int
    """The market day onto which demand and prices are laid."""


class VenueSetup:
    """The two operators' side of making a market."""

    def __init__(self, first: ExchangeClient, second: ExchangeClient, ring: KeyRing) -> None:
        self._first = first
        self._second = second
        self._ring = ring

    async def make(self, today: int) -> Venue:
        """Everything but the listings; what exists already is left as it is."""
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
        return Venue(product_id, account_ids[BANK], first_day)

    async def _grant(self, product_id: int, auditor_id: int, start_day: int) -> None:
        """Capacity from the supplier's offer to the operator's signature."""
        report = f"{PRODUCT_CODE}: {GRANTED_QTY} GPUs inspected and burnt in"
        evidence_sha256 = hashlib.sha256(report.encode()).digest()
        days = {"start_day": start_day, "end_day": start_day + GRANTED_DAYS}
        grant_id = await self._supply(
            SUPPLIER,
            "submit_capacity",
            product_id=product_id,
            submitted_qty=GRANTED_QTY,
            **days,
        )
        await self._supply(
            AUDITOR, "inspect_capacity", grant_id=grant_id, evidence_sha256=evidence_sha256
        )
        await self._supply(AUDITOR, "verify_capacity", grant_id=grant_id)
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

    async def _supply(self, name: str, command_tag: str, **fields: object) -> int:
        """A step of the supplier or the auditor, once."""
        created_id = self._ring.created(command_tag)
        if created_id is None:
            async with ExchangeClient(self._first.url, self._ring.token(name)) as client:
                receipt = await client.supply(
                    "capacity", command_tag, command_id=step_id(command_tag), **fields
                )
            created_id = receipt.created_id
            self._ring.keep_created(command_tag, created_id)
        return created_id

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


async def list_windows(operator: ExchangeClient, venue: Venue, today: int) -> int:
    """Lists what ought to be listed today and is not; returns how many windows that were."""
    known = {view.instrument for view in await operator.instruments(PRODUCT_CODE)}
    listed_count = 0
    for window in windows_ahead(today):
        symbol = symbol_of(window)
        if symbol in known or window.end_day > venue.first_day + GRANTED_DAYS:
            continue
        try:
            await operator.admin(
                "list_instrument",
                command_id=step_id(f"list {symbol}"),
                product_id=venue.product_id,
                kind=window.kind,
                start_day=window.start_day,
                end_day=window.end_day,
            )
            listed_count += 1
        except Refused as refusal:
            if refusal.name not in ("already_exists", "window_closed"):
                raise
    return listed_count


async def publish_index(operator: ExchangeClient, price: IndexPrice, usd_cny_ppm: int) -> Receipt:
    """One day's index price, with where it came from."""
    return await operator.admin(
        "publish_index_price",
        command_id=step_id(
            f"index {price.observed_day} {price.index_micro} {usd_cny_ppm} {price.source}"
        ),
        gpu_class=GPU_CLASS,
        region=REGION,
        index_micro=price.index_micro,
        usd_micro=price.usd_micro,
        usd_cny_ppm=usd_cny_ppm,
        observed_day=price.observed_day,
        source=price.source,
        row_count=price.row_count,
        file_sha256=price.file_sha256,
    )


def windows_ahead(today: int) -> list[Window]:
    """The windows that a market of this size lists: days, months, quarters, a year, a strip."""
    windows = [
        Window(WindowKind.DAY, day, day + 1) for day in range(today + 1, today + 1 + DAYS_AHEAD)
    ]
    first = add_months(date_of(today), 1)
    for number in range(MONTHS_AHEAD):
        windows.append(_months(WindowKind.MONTH, day_of(add_months(first, number)), 1))
    quarter = add_months(date_of(today), 3 - (date_of(today).month - 1) % 3)
    for number in range(QUARTERS_AHEAD):
        windows.append(_months(WindowKind.QUARTER, day_of(add_months(quarter, 3 * number)), 3))
    year = date_of(today).replace(year=date_of(today).year + 1, month=1, day=1)
    windows.append(_months(WindowKind.YEAR, day_of(year), 12))
    windows.append(_months(WindowKind.STRIP, day_of(first), 12))
    return windows


def symbol_of(window: Window) -> str:
    """The instrument that is this window of the demo's product."""
    return f"{PRODUCT_CODE}:{window.code}"


def step_id(step: str) -> str:
    """The idempotency key of a step, the same in every run."""
    return str(uuid5(NAMESPACE_OID, f"demo {step}"))


def _months(kind: WindowKind, start_day: int, months: int) -> Window:
    return Window(kind, start_day, day_of(add_months(date_of(start_day), months)))
