"""
The parties of a contract's life: admitted for one run alone, with keys, cash and a product.

`Life` holds them, reads in the log what each step moved, and compares.
"""

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import typer

from clients.directory import add_credentials
from clients.examples.moves import Move, moves_of
from clients.sdk import ExchangeClient
from exchange.domain.windows import day_at

DEPOSITS = {"supplier": 5_000_000, "holder": 30_000_000, "sublessee": 10_000_000}
ROLES = {"supplier": "supplier", "auditor": "auditor", "holder": "trader", "sublessee": "trader"}
LOT_QTY = 8
POLL_S = 0.05

Expected = Mapping[tuple[str, str], int]
"""What a step moves: by whose it is and what it is called."""


class Differs(Exception):
    """The exchange moved something else than it should have."""


class Life:
    """The parties of one run, and how far in the log they have read."""

    def __init__(self, url: str, data: Path, run: int) -> None:
        self.data, self.url, self.run = data, url, run
        self.clients: dict[str, ExchangeClient] = {}
        self.account_ids: dict[str, int] = {}
        self.product_id = 0
        self.product = f"A100-80-SXM.LIFE{run}"
        self.seen_seq = run
        self.all_moves: list[Move] = []

    async def moved(self, title: str, expected: Expected) -> None:
        """Prints what the step moved of ours; raises `Differs` where it is not as expected."""
        found = [move for move in await self._news() if move.account_id in self._names()]
        self.all_moves += found
        typer.echo(title)
        for move in found:
            name = self._names()[move.account_id]
            typer.echo(f"  seq {move.seq:<5} {name:10} {move.what:17} {move.text:>18}")
        require_same(title, ((self._names()[m.account_id], m) for m in found), expected)

    async def _news(self) -> list[Move]:
        """What the records since the last look have moved."""
        found: list[Move] = []
        while True:
            before_seq = self.seen_seq
            async for record in self.clients["operator"].log_records(before_seq + 1, 1_000):
                found += moves_of(record)
                self.seen_seq = record["seq"]
            if self.seen_seq == before_seq:
                return found

    def _names(self) -> dict[int, str]:
        return {account_id: name for name, account_id in self.account_ids.items()}

    async def today(self) -> int:
        """The running delivery day of market time."""
        return day_at((await self.clients["operator"].health()).market_ns)

    async def passed(self, market_ns: int) -> None:
        """Returns once market time is there."""
        while True:
            health = await self.clients["operator"].health()
            if health.market_ns >= market_ns:
                return
            await asyncio.sleep(POLL_S)

    async def closed(self, day: int) -> None:
        """Returns once the delivery day is paid."""
        while True:
            views = await self.clients["supplier"].deliveries(self.product)
            if any(view.day == day and view.delivery_status == "closed" for view in views):
                return
            await asyncio.sleep(POLL_S)


def require_same(title: str, found: Iterable[tuple[str, Move]], expected: Expected) -> None:
    """Raises `Differs`, which names the first sum that is not as expected."""
    totals: Counter[tuple[str, str]] = Counter()
    for name, move in found:
        totals[name, move.what] += move.moved
    for name, what in sorted({*totals, *expected}):
        was, should_be = totals[name, what], expected.get((name, what), 0)
        if was != should_be:
            raise Differs(f"{title}: {what} of {name} is {was}, which should be {should_be}")


async def admit(life: Life, stack: AsyncExitStack, bond_amount: int) -> None:
    """Participants with keys of their own, cash and a bond, and a product of theirs."""
    operator, second = life.clients["operator"], life.clients["second_operator"]
    for name, role in ROLES.items():
        secret = secrets.token_hex(32)
        sha256 = hashlib.sha256(secret.encode()).hexdigest()
        is_auditor = role == "auditor"
        admitted = await operator.admin(
            "admit_participant",
            name=f"life{life.run}_{name}",
            roles=[role],
            token_sha256=sha256 if is_auditor else None,
        )
        account_id = admitted.created_id
        key = (
            await second.admin("confirm_admission", account_id=account_id)
            if is_auditor
            else await operator.register_key(
                account_id=account_id,
                token_sha256=bytes.fromhex(sha256),
                scopes=["read", "trade"],
            )
        )
        token = f"{key.created_id}.{secret}"
        add_credentials(life.data, {f"life{life.run}_{name}": token})
        life.account_ids[name] = account_id
        life.clients[name] = await stack.enter_async_context(ExchangeClient(life.url, token))
    for name, amount in DEPOSITS.items():
        await operator.admin(
            "deposit_cash",
            account_id=life.account_ids[name],
            deposit_amount=amount,
            external_reference=f"life {life.run}, {name}",
        )
    product = await operator.admin(
        "define_product",
        code=life.product,
        kind="gpu_time",
        gpu_class="A100-80",
        region=f"LIFE{life.run}",
        supplier_account_id=life.account_ids["supplier"],
        lot_qty=LOT_QTY,
    )
    life.product_id = product.created_id
    await life.clients["supplier"].supply("bonds", "post_bond", bond_amount=bond_amount)
    deposits = {(name, "deposit"): amount for name, amount in DEPOSITS.items()}
    await life.moved("admitted", {**deposits, ("supplier", "into bond"): -bond_amount})
