"""
The shell's half for those who trade and lend: order, amend, cancel, book, trades, pledge, key.

Options and exit codes are those of `clients.shell`.
"""

import hashlib
import os
import secrets
from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from clients.directory import add_credentials
from clients.sdk import SyncExchangeClient
from exchange.domain.windows import date_of
from exchange.domain.wire import ModeWord, SelfMatchPolicyWord, SideWord, TimeInForceWord

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
    moment_of,
    money,
    told,
    window_of_code,
)
from .shell import connect as _connect
from .shell import day_of_code as _day_of
from .shell import show as _print
from .shell import table as _table

commands = typer.Typer()
pledge_commands = typer.Typer(no_args_is_help=True)
key_commands = typer.Typer(no_args_is_help=True)
commands.add_typer(pledge_commands, name="pledge", help="Offer, accept, release security.")
commands.add_typer(key_commands, name="key", help="Make and revoke keys.")


@commands.command()
@asks("trader")
def order(
    exchange: SyncExchangeClient,
    instrument: str,
    side: str,
    order_qty: int,
    limit_price: int,
    time_in_force: Annotated[str, typer.Option(help="day, gtc, gtd, ioc or fok.")] = "gtc",
    expire_on: Annotated[str, typer.Option(help="Last day of a gtd order, as in D270305.")] = "",
    post_only: bool = False,
    all_or_none: bool = False,
    min_qty: Annotated[int, typer.Option(help="What must trade on entry.")] = 0,
    display_qty: Annotated[int, typer.Option(help="What others see at a time.")] = 0,
    self_match_policy: Annotated[
        str, typer.Option(help="cancel_incoming, cancel_resting or cancel_both.")
    ] = "cancel_incoming",
    mode: Annotated[str, typer.Option(help="title, or sublet: for the use of the days.")] = "title",
    client_order_id: str = "",
    link: Annotated[
        int, typer.Option(help="A number of your own: a fill takes from all orders that have it.")
    ] = 0,
) -> Answer:
    """Place a limit order: GPUs at fen per GPU-hour."""
    ack = exchange.place(
        instrument,
        cast(SideWord, side),
        order_qty=order_qty,
        limit_price=limit_price,
        time_in_force=cast(TimeInForceWord, time_in_force),
        expire_day=_day_of(expire_on) if expire_on else 0,
        post_only=post_only,
        all_or_none=all_or_none,
        min_qty=min_qty,
        display_qty=display_qty,
        self_match_policy=cast(SelfMatchPolicyWord, self_match_policy),
        mode=cast(ModeWord, mode),
        client_order_id=client_order_id or None,
        link_id=link,
    )
    exchange.logout()
    return ack, f"order {ack.order_id} is durable at seq {ack.log_seq}"


@commands.command()
@asks("trader")
def amend(
    exchange: SyncExchangeClient,
    order_id: int,
    order_qty: Annotated[
        int | None, typer.Option(help="GPUs in all, with those that are filled.")
    ] = None,
    limit_price: Annotated[int | None, typer.Option(help="Fen per GPU-hour.")] = None,
) -> Answer:
    """Change an open order; less of it keeps its place in the book, all else loses it."""
    if order_qty is None and limit_price is None:
        raise typer.BadParameter("--order-qty, --limit-price or both say what changes")
    ack = exchange.amend(order_id=order_id, order_qty=order_qty, limit_price=limit_price)
    exchange.logout()
    return ack, f"order {order_id} is amended at seq {ack.log_seq}"


@commands.command()
@asks("trader")
def cancel(exchange: SyncExchangeClient, order_id: int) -> Answer:
    """Cancel an open order."""
    ack = exchange.cancel(order_id=order_id)
    exchange.logout()
    return ack, f"order {order_id} is cancelled at seq {ack.log_seq}"


@commands.command("mass-cancel")
@asks("trader")
def mass_cancel(
    exchange: SyncExchangeClient,
    instrument: Annotated[str, typer.Argument(help="Of this one; without it of all.")] = "",
    side: Annotated[str, typer.Option(help="buy or sell; both if neither.")] = "",
) -> Answer:
    """Cancel all own open orders, or those of an instrument or a side."""
    ack = exchange.mass_cancel(instrument=instrument, side=cast(SideWord, side) if side else None)
    exchange.logout()
    scope = " ".join(word for word in (side, instrument) if word) or "all"
    return ack, f"open orders ({scope}) are cancelled at seq {ack.log_seq}"


@commands.command()
@asks("trader")
def book(
    exchange: SyncExchangeClient, instrument: str, depth: int = 10, as_of_seq: AsOfSeq = None
) -> Answer:
    """Print an instrument's price levels."""
    levels = exchange.book(instrument, depth, as_of_seq=as_of_seq)
    title = f"{instrument} at seq {levels.seq}, {levels.session_state}"
    if levels.indication is not None:
        price, qty = levels.indication.indicative_price, levels.indication.indicative_qty
        title += f": would trade {qty} at {money(price)}"
    table = _table(title, "bid qty", "bid", "ask", "ask qty")
    for row in range(max(len(levels.bids), len(levels.asks))):
        bid = levels.bids[row] if row < len(levels.bids) else None
        ask = levels.asks[row] if row < len(levels.asks) else None
        table.add_row(
            str(bid[1]) if bid else "",
            money(bid[0]) if bid else "",
            money(ask[0]) if ask else "",
            str(ask[1]) if ask else "",
        )
    return levels, table


@commands.command()
@asks("trader")
def trades(
    exchange: SyncExchangeClient,
    instrument: str,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    as_of_seq: AsOfSeq = None,
) -> Answer:
    """Print an instrument's latest public trades, newest first; `fills` has one's own."""
    found = exchange.trades(instrument, limit, as_of_seq=as_of_seq)
    table = _table(f"trades in {instrument}", "trade", "at", "GPUs", "price", "taker", "")
    for one in found:
        row = (str(one.trade_id), moment_of(one.market_ns), str(one.last_qty))
        busted = "busted" if one.is_busted else ""
        table.add_row(*row, money(one.last_price), one.taker_side, busted)
    return found, table


# -- pledges --------------------------------------------------------------------------------------


@pledge_commands.command("request")
@asks("trader")
def pledge_request(
    exchange: SyncExchangeClient,
    product: str,
    window: Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")],
    pledged_qty: int,
    bank_account_id: int,
) -> Answer:
    """Offer unit-days to a bank."""
    span = window_of_code(window)
    receipt = exchange.request_pledge(
        product=product,
        start_day=span.start_day,
        end_day=span.end_day,
        pledged_qty=pledged_qty,
        bank_account_id=bank_account_id,
    )
    return told(receipt, f"pledge {receipt.created_id} is requested")


@pledge_commands.command("accept")
@asks("bank")
def pledge_accept(exchange: SyncExchangeClient, pledge_id: int) -> Answer:
    """Take the lien."""
    receipt = exchange.accept_pledge(pledge_id)
    return told(receipt, f"pledge {pledge_id} is active")


@pledge_commands.command("decline")
@asks("bank")
def pledge_decline(exchange: SyncExchangeClient, pledge_id: int) -> Answer:
    """End a request, as its bank or as its owner."""
    receipt = exchange.decline_pledge(pledge_id)
    return told(receipt, f"pledge {pledge_id} is declined")


@pledge_commands.command("release")
@asks("bank")
def pledge_release(
    exchange: SyncExchangeClient,
    pledge_id: int,
    released_qty: Annotated[int, typer.Argument(help="GPUs; 0 for all.", min=0)] = 0,
) -> Answer:
    """Lift the lien, or that of a part of the GPUs."""
    receipt = exchange.release_pledge(pledge_id, released_qty)
    return told(receipt, f"pledge {pledge_id} is released")


@pledge_commands.command("list")
@asks("trader")
def pledge_list(exchange: SyncExchangeClient) -> Answer:
    """Print own pledges; a bank's are those made to it."""
    pledges = exchange.pledges()
    table = _table("pledges", "id", "product", "from", "to", "GPUs", "bank", "status")
    for one in pledges:
        span = (f"{date_of(one.start_day)}", f"{date_of(one.end_day)}")
        bank = str(one.bank_account_id)
        row = (str(one.pledge_id), one.product, *span, str(one.pledged_qty), bank)
        table.add_row(*row, one.pledge_status)
    return pledges, table


# -- keys -----------------------------------------------------------------------------------------


@key_commands.command("secret")
def key_secret(
    file: Annotated[Path, typer.Argument(help="Where to put it, readable by its owner only.")],
) -> None:
    """Make the secret of an operator's or auditor's first key; print its hash, for `admit`."""
    if file.exists():
        raise typer.BadParameter(f"{file} is there already, and may be a secret in use")
    secret = secrets.token_hex(32)
    with open(file, "x", opener=partial(os.open, mode=0o600)) as made:
        made.write(secret)
    typer.echo(hashlib.sha256(secret.encode()).hexdigest())


@key_commands.command("keep")
def key_keep(
    name: Annotated[str, typer.Argument(help="Under which the directory keeps the token.")],
    key_id: Annotated[int, typer.Argument(help="What `confirm-admission` said.")],
    file: Annotated[Path, typer.Argument(help="What `key secret` made.", exists=True)],
    data: DataDir = DEFAULT_DATA,
) -> None:
    """Keep a first key's token in the directory, once a second operator has confirmed it."""
    add_credentials(data, {name: f"{key_id}.{file.read_text().strip()}"})
    typer.echo(f"key {key_id} is stored as {name}")


@key_commands.command("register")
def key_register(
    account_id: int,
    name: Annotated[str, typer.Argument(help="Under which the directory keeps the token.")],
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    is_read_only: Annotated[bool, typer.Option("--read-only")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key here and register its hash; the secret never leaves the directory."""
    secret = secrets.token_hex(32)
    digest = hashlib.sha256(secret.encode()).digest()
    scopes = ["read"] if is_read_only else ["read", "trade"]
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.register_key(account_id=account_id, token_sha256=digest, scopes=scopes)
    add_credentials(data, {name: f"{receipt.created_id}.{secret}"})
    _print(receipt, as_json, f"key {receipt.created_id} is stored as {name}")


@key_commands.command("revoke")
@asks("operator")
def key_revoke(exchange: SyncExchangeClient, key_id: int) -> Answer:
    """End a key and cancel its orders."""
    receipt = exchange.revoke_key(key_id)
    return told(receipt, f"key {key_id} is revoked")
