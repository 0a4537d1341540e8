"""The shell's commands about an account: what it has, ordered and was paid; and who takes part."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.table import Table

from clients.heatmap import HeldDay, heatmap, held_days
from clients.sdk import SyncExchangeClient
from exchange.domain.account_wire import Run
from exchange.domain.statement import Statement, csv_of
from exchange.domain.windows import date_of, day_at
from exchange.domain.wire import Execution, Orders, Positions

from .shell import (
    DEFAULT_DATA,
    Answer,
    As,
    AsJson,
    AsOfSeq,
    DataDir,
    TokenFile,
    Url,
    asks,
    connect,
    money,
    show,
    table,
    window_of_code,
)

account_commands = typer.Typer()
_FUNCTIONS = (
    "title", "lien", "sublet_out", "sublet_in", "reserved_sale", "reserved_sublet", "usable",
    "sellable", "sublettable",
)  # fmt: skip
CALENDAR_WIDTH = 80
Account = Annotated[
    int | None,
    typer.Option("--account", help="Another account's number, for operators and auditors."),
]


@account_commands.command()
def positions(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_of_seq: AsOfSeq = None,
    calendar: Annotated[
        bool, typer.Option("--calendar", help="A heatmap, months down and days across.")
    ] = False,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Print the unit-days held."""
    with connect(data, url, token_file, who) as exchange:
        held = exchange.positions(as_of_seq=as_of_seq, account_id=account)
    if not calendar:
        show(held, as_json, _position_table(held))
        return
    days: list[HeldDay] = [day for position in held.positions for day in held_days(position)]
    drawn = Group(*(heatmap(position) for position in held.positions))
    if as_json:
        show(days, as_json, "")
    else:
        width = max(CALENDAR_WIDTH, Console().width)
        Console(width=width).print(drawn, highlight=False)


@account_commands.command()
@asks("trader")
def balances(
    exchange: SyncExchangeClient, as_of_seq: AsOfSeq = None, account: Account = None
) -> Answer:
    """Print the cash in each currency."""
    cash = exchange.balances(as_of_seq=as_of_seq, account_id=account)
    shown = table(
        f"account {cash.account_id} at seq {cash.as_of_seq}", "wallet", "available", "held"
    )
    shown.add_row("CNY", money(cash.available_amount), money(cash.held_amount))
    for wallet in cash.wallets:
        shown.add_row(wallet.currency, money(wallet.available_amount), money(0))
    return cash, shown


@account_commands.command()
@asks("trader")
def orders(
    exchange: SyncExchangeClient, as_of_seq: AsOfSeq = None, account: Account = None
) -> Answer:
    """Print the open orders by age, then the latest that ended."""
    found = exchange.orders(as_of_seq=as_of_seq, account_id=account)
    title = f"account {found.account_id} at seq {found.as_of_seq}"
    shown = table(title, "order", "instrument", "side", "status", "left", "limit", "link")
    for order in found.orders:
        shown.add_row(
            str(order.order_id),
            order.instrument,
            order.side,
            order.order_status,
            f"{order.leaves_qty}/{order.order_qty}",
            money(order.limit_price),
            str(order.link_id) if order.link_id else "",
        )
    return found, shown


@account_commands.command()
@asks("trader")
def fills(
    exchange: SyncExchangeClient,
    follow: Annotated[
        bool, typer.Option("--follow", help="Then each trade with its number, as it happens.")
    ] = False,
    count: Annotated[int, typer.Option(help="Follow so many trades; 0 for ever.", min=0)] = 0,
) -> Iterator[Answer]:
    """Print what the open orders, and the latest that ended, have traded."""
    updates = exchange.updates(exchange.follow_orders()) if follow else [exchange.orders()]
    seen_count = 0
    for update in updates:
        if isinstance(update, Orders):
            yield [order for order in update.orders if order.cum_qty], _fills_table(update)
        elif isinstance(update, Execution) and update.trade_id:
            yield update, _trade_line(update)
            seen_count += 1
            if seen_count == count:
                return


@account_commands.command()
def statement(
    window: Annotated[
        str, typer.Argument(help="Days of market time, as a window's code: M2703, D270305, …")
    ] = "",
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    currency: str = "CNY",
    account: Account = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print every movement of the account's cash, each with the record that caused it."""
    span = window_of_code(window) if window else None
    with connect(data, url, token_file, who) as exchange:
        made = exchange.statement(
            from_day=None if span is None else span.start_day,
            to_day=None if span is None else span.end_day,
            currency=currency,
            account_id=account,
        )
    if as_csv:
        typer.echo(csv_of(made), nl=False)
    else:
        show(made, as_json, _statement_table(made))


@account_commands.command()
@asks("operator")
def participants(exchange: SyncExchangeClient) -> Answer:
    """Print every account that was admitted, for operators and auditors."""
    found = exchange.participants()
    shown = table("participants", "account", "name", "roles", "affiliates", "confirmed")
    for participant in found:
        shown.add_row(
            str(participant.account_id),
            participant.name,
            ", ".join(participant.roles),
            ", ".join(map(str, participant.affiliate_ids)),
            "yes" if participant.is_confirmed else "no",
        )
    return found, shown


def _position_table(held: Positions) -> Table:
    title = f"account {held.account_id} at seq {held.as_of_seq}"
    shown = table(title, "product", "function", "from", "to", "GPUs")
    for position in held.positions:
        for name in _FUNCTIONS:
            runs: list[Run] = getattr(position, name)
            for run in runs:
                span = (f"{date_of(run.start_day)}", f"{date_of(run.end_day)}")
                shown.add_row(position.product, name, *span, str(run.qty))
    return shown


def _fills_table(found: Orders) -> Table:
    title = f"account {found.account_id} at seq {found.as_of_seq}"
    columns = ("order", "instrument", "side", "filled", "average, fen", "amount", "fees")
    shown = table(title, *columns)
    for order in found.orders:
        if order.cum_qty:
            shown.add_row(
                str(order.order_id),
                order.instrument,
                order.side,
                f"{order.cum_qty}/{order.order_qty}",
                f"{Fraction(order.notional_amount, order.gpu_hours)}",
                money(order.notional_amount),
                money(order.fee_amount),
            )
    return shown


def _trade_line(fill: Execution) -> str:
    terms = f"{fill.side} {fill.last_qty} of {fill.instrument} at {money(fill.last_price)}"
    return f"trade {fill.trade_id}: {terms} as {fill.liquidity}, order {fill.order_id}"


def _statement_table(made: Statement) -> Table:
    span = f"{date_of(made.from_day)} to {date_of(made.to_day)}"
    title = f"account {made.account_id}, {made.currency}, {span}, through seq {made.through_seq}"
    shown = table(title, "date", "seq", "purpose", "what", "amount", "balance")
    for column in shown.columns[-2:]:
        column.justify, column.no_wrap = "right", True
    shown.add_row("", "", "opening", "", "", money(made.opening_amount))
    for line in made.lines:
        date = date_of(day_at(line.market_ns)).isoformat()
        amounts = (money(line.amount), money(line.balance_amount))
        shown.add_row(date, str(line.seq), line.purpose, line.description, *amounts)
    shown.add_row("", "", "closing", "", "", money(made.closing_amount))
    return shown
