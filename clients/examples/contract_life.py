"""
A contract's life, against a venue that serves: `python -m clients.examples.contract_life`.

    grant ─▶ sale ─▶ sublet ─▶ delivery ─▶ shortfall ─▶ refund

Two operators admit a supplier, an auditor, a holder and a sublessee of this run alone. 1000 GPUs
are granted for some days; one of them is sold, a fifth of it let, and delivered with 40 GPUs down
for six hours. After each step the script reads from the log what moved and compares it, to the
fen, with what it works out by itself; a difference ends it. The last days pass as market time
does: serve with `--speed`, or wait. The venue has no burn-in and is open, as that of `exchange init
--always-open --burn-in-hours 0` or of the demo.
"""

import asyncio
import hashlib
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import typer

from clients.examples.moves import TITLE, USE, Move
from clients.examples.parties import Differs, Life, admit
from clients.sdk import ExchangeClient, ExchangeError, Refused
from clients.shell import DEFAULT_DATA, DataDir, Url, address_of, exit_code_of
from exchange.domain.units import BPS_WHOLE, HOURS_PER_DAY
from exchange.domain.windows import date_of, start_ns
from exchange.domain.wire_words import SideWord

SOLD_QTY, LET_QTY, DOWN_QTY, DOWN_HOURS = 1_000, 200, 40, 6
PRICE, RENT_PRICE, LATER_PRICE = 1_000, 1_200, 1_150
"""Fen per GPU-hour: of the sale, of the sublet, and what an hour is worth when it is delivered."""
GRANTED_DAYS = 30
BOND_AMOUNT = SOLD_QTY * HOURS_PER_DAY * LATER_PRICE // 20
"""The 20th part of what is sold, at what it may be worth."""
REPORT = hashlib.sha256(b"1000 GPUs inspected; 40 of them down for six hours").hexdigest()
SIDES: dict[str, SideWord] = {"supplier": "sell", "holder": "buy"}
LAPSED = ("too_late", "unknown_sublet")


async def grant(life: Life) -> None:
    """Submitted, inspected, verified, countersigned: then it is title."""
    supplier, auditor = life.clients["supplier"], life.clients["auditor"]
    start_day = await life.today() + 1
    terms: dict[str, Any] = {
        "product_id": life.product_id,
        "start_day": start_day,
        "end_day": start_day + GRANTED_DAYS,
    }
    offered = await supplier.supply("capacity", "submit_capacity", submitted_qty=SOLD_QTY, **terms)
    grant_id = offered.created_id
    await auditor.supply("capacity", "inspect_capacity", grant_id=grant_id, evidence_sha256=REPORT)
    await auditor.supply("capacity", "verify_capacity", grant_id=grant_id)
    await life.clients["operator"].admin(
        "grant_capacity",
        granted_qty=SOLD_QTY,
        auditor_account_id=life.account_ids["auditor"],
        evidence_sha256=REPORT,
        **terms,
    )
    await life.moved("granted", {("supplier", TITLE): SOLD_QTY})


async def sell(life: Life) -> int:
    """The supplier's primary sale of a day in the book; the price goes to the day's escrow."""
    operator = life.clients["operator"]
    day = await life.today() + 2
    listed = await operator.admin(
        "list_instrument",
        product_id=life.product_id,
        kind="day",
        start_day=day,
        end_day=day + 1,
    )
    [window] = await operator.instruments(life.product)
    for name, side in SIDES.items():
        await life.clients[name].place(
            window.instrument, side, order_qty=SOLD_QTY, limit_price=PRICE
        )
    # Market prices rise afterwards, so an hour that is missing will cost more than was paid.
    await operator.admin(
        "publish_settlement_price",
        instrument_id=listed.created_id,
        settlement_price=LATER_PRICE,
    )
    paid_amount = SOLD_QTY * HOURS_PER_DAY * PRICE
    maker_amount, taker_amount = await _fees(life, paid_amount)
    await life.moved(
        f"sold: {window.instrument}, {SOLD_QTY} GPUs at {PRICE / 100:.2f}",
        {
            ("supplier", TITLE): -SOLD_QTY,
            ("holder", TITLE): SOLD_QTY,
            ("holder", "into escrow"): -paid_amount,
            ("holder", "fee"): -taker_amount,
            ("supplier", "fee"): -maker_amount,
        },
    )
    return day


async def let(life: Life, day: int) -> None:
    """The holder lets a part to the sublessee, whose rent goes into trust."""
    await _take(life, day)
    rent_amount = LET_QTY * HOURS_PER_DAY * RENT_PRICE
    maker_amount, taker_amount = await _fees(life, rent_amount)
    await life.moved(
        f"sublet: {LET_QTY} GPUs at {RENT_PRICE / 100:.2f}",
        {
            ("holder", USE): -LET_QTY,
            ("sublessee", USE): LET_QTY,
            ("sublessee", "into rent"): -rent_amount,
            ("sublessee", "fee"): -taker_amount,
            ("holder", "fee"): -maker_amount,
        },
    )


async def _take(life: Life, day: int) -> None:
    """Offers until it is taken: an offer stands 15 minutes, which a fast clock passes at once."""
    while True:
        offered = await life.clients["holder"].open_sublet(
            product=life.product,
            lessee_account_id=life.account_ids["sublessee"],
            start_day=day,
            end_day=day + 1,
            sublet_qty=LET_QTY,
            rent_price=RENT_PRICE,
        )
        try:
            await life.clients["sublessee"].accept_sublet(offered.created_id)
        except Refused as refused:
            if refused.name not in LAPSED or await life.today() >= day:
                raise
        else:
            return


async def deliver(life: Life, day: int) -> None:
    """The day passes; the supplier reads its meters and reports, the auditor attests."""
    supplier = life.clients["supplier"]
    await life.passed(start_ns(day + 1))
    short = [SOLD_QTY - DOWN_QTY] * DOWN_HOURS
    readings = [
        [day, hour, qty]
        for hour, qty in enumerate([*short, *[SOLD_QTY] * (HOURS_PER_DAY - DOWN_HOURS)])
    ]
    product_id = life.product_id
    await supplier.supply(
        "deliveries", "record_readings", product_id=life.product_id, readings=readings
    )
    reported = await supplier.supply(
        "deliveries", "report_delivery", product_id=product_id, day=day
    )
    attested = await life.clients["auditor"].supply(
        "deliveries",
        "attest_delivery",
        rulings=[],
        evidence_sha256=REPORT,
        product_id=product_id,
        day=day,
    )
    await life.moved(f"delivered: {date_of(day)}, {DOWN_QTY} GPUs down for {DOWN_HOURS} hours", {})
    typer.echo(f"  seq {reported.log_seq:<5} reported, attested at seq {attested.log_seq}")


async def settle(life: Life, day: int) -> None:
    """The clock makes the day final and pays: what was not delivered is borne by its users."""
    lost_hours = DOWN_QTY * DOWN_HOURS
    let_hours = lost_hours * LET_QTY // SOLD_QTY
    await life.closed(day)
    refund_amount = lost_hours * PRICE
    rent_back_amount = let_hours * RENT_PRICE
    await life.moved(
        f"paid: {lost_hours} GPU-hours are missing, {let_hours} of them the sublessee's",
        {
            ("holder", "shortfall_refund"): refund_amount,
            ("holder", "cover_damages"): lost_hours * (LATER_PRICE - PRICE),
            ("supplier", "delivery"): SOLD_QTY * HOURS_PER_DAY * PRICE - refund_amount,
            ("sublessee", "rent_refund"): rent_back_amount,
            ("holder", "rent"): LET_QTY * HOURS_PER_DAY * RENT_PRICE - rent_back_amount,
        },
    )


async def state(life: Life, name: str) -> None:
    """The account's statement has every move of its cash, from the same records."""
    statement = await life.clients[name].statement()
    typer.echo(f"statement of life{life.run}_{name}")
    for line in statement.lines:
        move = Move(line.seq, statement.account_id, line.purpose, line.amount)
        balance = Move(0, 0, "", line.balance_amount).text.lstrip("+")
        typer.echo(f"  seq {line.seq:<5} {line.purpose:17} {move.text:>16} {balance:>16}")
    own = [
        (move.seq, move.moved)
        for move in life.all_moves
        if move.account_id == life.account_ids[name] and move.what not in (TITLE, USE)
    ]
    if sorted(own) != sorted((line.seq, line.amount) for line in statement.lines):
        raise Differs(f"the statement of {name} differs from what its records moved: {own}")


async def _fees(life: Life, notional_amount: int) -> tuple[int, int]:
    """Of maker and taker, each rounded up."""
    [product] = [
        one for one in await life.clients["operator"].products() if one.code == life.product
    ]
    return (
        -(-notional_amount * product.maker_bps // BPS_WHOLE),
        -(-notional_amount * product.taker_bps // BPS_WHOLE),
    )


async def live(url: str, data: Path) -> None:
    """The whole life, once; each run makes parties and a product of its own."""
    async with AsyncExitStack() as stack:
        operators = {
            name: await stack.enter_async_context(
                ExchangeClient(*address_of(data, url, None, name))
            )
            for name in ("operator", "second_operator")
        }
        operator = operators["operator"]
        life = Life(operator.url, data, (await operator.health()).log_seq)
        life.clients.update(operators)
        await admit(life, stack, BOND_AMOUNT)
        await grant(life)
        day = await sell(life)
        await let(life, day)
        await deliver(life, day)
        await settle(life, day)
        await state(life, "holder")
        await state(life, "sublessee")


def main(data: DataDir = DEFAULT_DATA, url: Url = "") -> None:
    """Let a contract live on a venue whose operators' tokens are in the directory."""
    try:
        asyncio.run(live(url, data))
    except (Differs, ExchangeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(exit_code_of(error) if isinstance(error, ExchangeError) else 1) from error


if __name__ == "__main__":
    typer.run(main)
