"""
The shell's half for liquidations: loan enforce, lot offer | withdraw | buy | list | follow.

Prices are fen per GPU-hour; a lot's window is a code, as X270301-270401.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast

import typer

from clients.sdk import SyncExchangeClient
from exchange.domain.lot_wire import LotNews, LotView, ModeWord
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.windows import date_of

from .lending_cli import loan_commands
from .shell import Answer, asks, money, table, told, window_of_code

lot_commands = typer.Typer(no_args_is_help=True)


@loan_commands.command("enforce")
@asks("bank")
def loan_enforce(
    exchange: SyncExchangeClient,
    loan_id: int,
    bills: Annotated[Path, typer.Argument(help="The bills; their SHA-256 goes on record.")],
    costs_amount: Annotated[int, typer.Option("--costs", help="Of enforcement, fen.", min=0)] = 0,
) -> Answer:
    """Begin to sell the collateral of a loan in default."""
    if not bills.is_file():
        raise typer.BadParameter(f"there is no file {bills}")
    evidence_sha256 = hashlib.sha256(bills.read_bytes()).hexdigest()
    receipt = exchange.enforce_loan(
        loan_id, evidence_sha256=evidence_sha256, costs_amount=costs_amount
    )
    return told(receipt, f"loan {loan_id} is in liquidation")


@lot_commands.command("offer")
@asks("bank")
def lot_offer(
    exchange: SyncExchangeClient,
    pledge_id: int,
    window: Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")],
    lot_qty: int,
    start_price: int,
    floor_price: Annotated[int, typer.Option(help="Where the price stops; 0 for the start.")] = 0,
    step_price: Annotated[int, typer.Option(help="By how much it falls; 0 for never.")] = 0,
    step_minutes: Annotated[int, typer.Option(help="How often it falls.")] = 60,
    mode: Annotated[str, typer.Option(help="title, or sublet: the use of near days.")] = "title",
    to: Annotated[int, typer.Option(help="The only account that may buy; 0 for anybody.")] = 0,
) -> Answer:
    """Offer pledged days: GPUs at a price that falls until somebody buys."""
    span = window_of_code(window)
    receipt = exchange.offer_lot(
        pledge_id=pledge_id,
        mode=cast(ModeWord, mode),
        start_day=span.start_day,
        end_day=span.end_day,
        lot_qty=lot_qty,
        start_price=start_price,
        floor_price=floor_price or start_price,
        step_price=step_price,
        step_minutes_count=step_minutes,
        buyer_account_id=to,
    )
    return receipt, f"lot {receipt.created_id} stands since seq {receipt.log_seq}"


@lot_commands.command("withdraw")
@asks("bank")
def lot_withdraw(exchange: SyncExchangeClient, lot_id: int) -> Answer:
    """Take a lot off."""
    receipt = exchange.withdraw_lot(lot_id)
    return told(receipt, f"lot {lot_id} is off")


@lot_commands.command("buy")
@asks("trader")
def lot_buy(exchange: SyncExchangeClient, lot_id: int, limit_price: int) -> Answer:
    """Buy a whole lot at its price of the moment, if it is no higher than the limit."""
    receipt = exchange.buy_lot(lot_id, limit_price=limit_price)
    return told(receipt, f"lot {lot_id} is bought")


@lot_commands.command("list")
@asks("trader")
def lot_list(exchange: SyncExchangeClient) -> Answer:
    """Print what is on offer, and when its price falls next."""
    view = exchange.lots()
    columns = ("product", "what", "first, last", "GPUs", "price", "floor", "total", "falls")
    lots = table(f"lots at seq {view.as_of_seq}", "lot", *columns)
    for lot in view.lots:
        lots.add_row(
            str(lot.lot_id),
            lot.product,
            lot.mode,
            f"{date_of(lot.start_day)} {date_of(lot.end_day - 1)}",
            str(lot.lot_qty),
            money(lot.lot_price),
            money(lot.floor_price),
            money(lot.notional_amount),
            _falls(lot),
        )
    return view, lots


@lot_commands.command("follow")
@asks("trader")
def lot_follow(
    exchange: SyncExchangeClient,
    count: Annotated[
        int, typer.Option(help="Stop after so many messages; 0 for never.", min=0)
    ] = 0,
) -> Iterator[Answer]:
    """Print what is on offer, and then each new lot, each fall of a price and each end."""
    updates = exchange.updates(exchange.follow_lots())
    for number, news in enumerate(updates, start=1):
        if isinstance(news, LotNews):
            yield news, "\n".join(_lines_of(news))
        if number == count:
            return


def _lines_of(news: LotNews) -> list[str]:
    """A line a lot."""
    standing = [
        f"lot {lot.lot_id} at {money(lot.lot_price)}: {lot.lot_qty} x {lot.product} {lot.window}, "
        f"{'' if lot.mode == 'title' else 'use only, '}"
        f"{'ends' if lot.lot_price == lot.floor_price else 'falls'} {_falls(lot)}"
        for lot in news.lots
    ]
    gone = [
        f"lot {lot.lot_id} is {lot.end}{f' at {money(lot.lot_price)}' if lot.lot_price else ''}"
        for lot in news.gone
    ]
    return standing + gone or ["nothing is on offer"]


def _falls(lot: LotView) -> str:
    """When the price falls next; at the floor, when the lot ends."""
    moment = datetime.fromtimestamp(lot.next_step_ns // NS_PER_SECOND, UTC)
    return f"{moment:%m-%d %H:%M}Z"
