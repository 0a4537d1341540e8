"""
A venue to test on: two operators, a supplier with capacity, two traders, a bank and an auditor.

Everything is made as operators make it, by admin commands over HTTP, and stays in a directory that
every test gets a copy of.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from clients.directory import add_credentials
from clients.sdk import ExchangeClient
from exchange.domain.enums import WindowKind
from exchange.domain.windows import Window, add_months, date_of, day_at, day_of

from .processes import VenueProcess

PRODUCT = "A100-80-SXM.SG1"
LOT_QTY = 8
GRANTED_QTY = 4_096
GRANTED_DAYS = 400
DEPOSIT_AMOUNT = 100_000_000_000
INDEX_MICRO = 12_000_000
ROLES = {
    "supplier": "supplier",
    "trader": "trader",
    "other": "trader",
    "bank": "bank",
    "auditor": "auditor",
}
ACCOUNT_IDS = {name: number for number, name in enumerate(ROLES, start=3)}


@dataclass(frozen=True)
class Market:
    """What a prepared venue lists; written beside it, so that copies know it too."""

    today: int
    day_symbol: str
    """A day whose gate closes within two days."""
    month_symbol: str
    next_month_symbol: str
    month_start_day: int
    month_end_day: int

    @property
    def month_code(self) -> str:
        """The month's window, as the shell takes it."""
        return self.month_symbol.partition(":")[2]


async def _grant(
    venue: VenueProcess, operator: ExchangeClient, product_id: int, start_day: int
) -> None:
    """Capacity from the supplier's offer to the operator's signature."""
    days = {"start_day": start_day, "end_day": start_day + GRANTED_DAYS}
    evidence_sha256 = hashlib.sha256(b"inspected").hexdigest()
    async with (
        ExchangeClient(venue.url, venue.token("supplier")) as supplier,
        ExchangeClient(venue.url, venue.token("auditor")) as auditor,
    ):
        offered = await supplier.supply(
            "capacity",
            "submit_capacity",
            product_id=product_id,
            submitted_qty=GRANTED_QTY,
            **days,
        )
        grant_id = offered.created_id
        await auditor.supply(
            "capacity", "inspect_capacity", grant_id=grant_id, evidence_sha256=evidence_sha256
        )
        await auditor.supply("capacity", "verify_capacity", grant_id=grant_id)
    await operator.admin(
        "grant_capacity",
        product_id=product_id,
        granted_qty=GRANTED_QTY,
        auditor_account_id=ACCOUNT_IDS["auditor"],
        evidence_sha256=evidence_sha256,
        **days,
    )


async def set_up(venue: VenueProcess) -> Market:
    """Makes the market on an exchange that has operators and nothing else."""
    async with (
        ExchangeClient(venue.url, venue.token("operator")) as operator,
        ExchangeClient(venue.url, venue.token("second_operator")) as second,
    ):
        for name, role in ROLES.items():
            secret = hashlib.sha256(f"secret of {name}".encode()).hexdigest()
            sha256 = hashlib.sha256(secret.encode()).hexdigest()
            first_key = {"token_sha256": sha256} if role == "auditor" else {}
            receipt = await operator.admin(
                "admit_participant", name=name, roles=[role], **first_key
            )
            assert receipt.created_id == ACCOUNT_IDS[name]
            if role == "auditor":
                key = await second.admin("confirm_admission", account_id=receipt.created_id)
            else:
                key = await operator.admin(
                    "register_key",
                    account_id=receipt.created_id,
                    token_sha256=sha256,
                    scopes=["read", "trade"],
                )
            add_credentials(venue.data_dir, {name: f"{key.created_id}.{secret}"})
        product = await operator.admin(
            "define_product",
            code=PRODUCT,
            kind="gpu_time",
            gpu_class="A100-80",
            region="SG1",
            supplier_account_id=ACCOUNT_IDS["supplier"],
            lot_qty=LOT_QTY,
        )
        for name in ("supplier", "trader", "other"):
            await operator.admin(
                "deposit_cash",
                account_id=ACCOUNT_IDS[name],
                deposit_amount=DEPOSIT_AMOUNT,
                external_reference=f"opening balance of {name}",
            )
        today = day_at((await operator.health()).market_ns)
        await _grant(venue, operator, product.created_id, today + 2)
        month = add_months(date_of(today), 2)
        windows = [Window(WindowKind.DAY, today + 2, today + 3)] + [
            Window(WindowKind.MONTH, day_of(add_months(month, n)), day_of(add_months(month, n + 1)))
            for n in range(2)
        ]
        for window in windows:
            await operator.admin(
                "list_instrument",
                product_id=product.created_id,
                kind=window.kind,
                start_day=window.start_day,
                end_day=window.end_day,
            )
        await operator.admin(
            "publish_index_price",
            gpu_class="A100-80",
            region="SG1",
            index_micro=INDEX_MICRO,
            usd_micro=INDEX_MICRO,
            usd_cny_ppm=1_000_000,
            observed_day=today,
            source="e2e",
            row_count=1,
            file_sha256=hashlib.sha256(b"prices").hexdigest(),
        )
        await operator.admin("publish_marks")
    symbols = [f"{PRODUCT}:{window.code}" for window in windows]
    return Market(today, *symbols, windows[1].start_day, windows[1].end_day)


# -- HTTP as it is --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    """Upper and lower case are the same."""

    @property
    def value(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


async def fetch(
    venue: VenueProcess,
    path: str,
    who: str | None = None,
    *,
    method: str = "GET",
    body: bytes | dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request without any client of ours."""
    sent = dict(headers or {})
    if who is not None:
        sent["Authorization"] = f"Bearer {venue.token(who)}"
    data = msgspec.json.encode(body) if isinstance(body, dict) else body
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, f"{venue.url}{path}", data=data, headers=sent) as response,
    ):
        return Answer(response.status, await response.read(), response.headers)


async def picture(venue: VenueProcess, as_of_seq: int) -> dict[str, Any]:
    """
    Everything that the exchange shows, for comparing two moments.

    Marks are asked as of one record; of the rest, what names the log's own position is left out,
    because sessions and the clock move it.
    """
    shown: dict[str, Any] = {}
    for symbol in [one["instrument"] for one in (await fetch(venue, "/v1/instruments")).value]:
        for path in (f"/v1/book/{symbol}", f"/v1/trades/{symbol}"):
            shown[path] = _timeless((await fetch(venue, path, "trader")).value)
    for path in ("/v1/products", "/v1/instruments", f"/v1/windows?product={PRODUCT}"):
        shown[path] = (await fetch(venue, path)).value
    for name in ROLES:
        for kind in ("", "/orders", "/positions", "/balances"):
            answer = await fetch(venue, f"/v1/accounts/me{kind}", name)
            assert answer.status == 200, answer
            shown[f"{name}{kind}"] = _timeless(answer.value)
        shown[f"{name} pledges"] = (await fetch(venue, "/v1/pledges", name)).value
        shown[f"{name} sublets"] = _timeless((await fetch(venue, "/v1/sublets", name)).value)
        for path in ("/v1/marks", "/v1/collateral/marks"):
            answer = await fetch(venue, f"{path}?as_of_seq={as_of_seq}", name)
            assert answer.status == 200, answer
            shown[f"{name} {path}"] = (answer.body, answer.headers["ETag"])
    return shown


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: entry for key, entry in value.items() if key not in ("as_of_seq", "seq")}
    return value
