"""
The shell's half for those who trade and lend: order, cancel, book, instruments, pledge, key.

Options and exit codes are those of `clients.shell`.
"""

import hashlib
import secrets
from typing import Annotated, cast

import typer

from clients.directory import add_credentials
from clients.shell import DEFAULT_DATA, As, AsJson, AsOfSeq, DataDir, TokenFile, Url, money
from clients.shell import connect as _connect
from clients.shell import day_of_code as _day_of
from clients.shell import show as _print
from clients.shell import table as _table
from exchange.domain.windows import date_of, parse_window
from exchange.domain.wire import ModeWord, SelfMatchPolicyWord, SideWord, TimeInForceWord

commands = typer.Typer()
pledge_commands = typer.Typer(no_args_is_help=True)
key_commands = typer.Typer(no_args_is_help=True)
commands.add_typer(pledge_commands, name="pledge", help="Offer, accept, release security.")
commands.add_typer(key_commands, name="key", help="Make and revoke keys.")


@commands.command()
def order(
    instrument: str,
    side: str,
    order_qty: int,
    limit_price: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
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
    as_json: AsJson = False,
) -> None:
    """Place a limit order: GPUs at fen per GPU-hour."""
    with _connect(data, url, token_file, who) as exchange:
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
        )
        exchange.logout()
    _print(ack, as_json, f"order {ack.order_id} is durable at seq {ack.log_seq}")


@commands.command()
def cancel(
    order_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Cancel an open order."""
    with _connect(data, url, token_file, who) as exchange:
        ack = exchange.cancel(order_id=order_id)
        exchange.logout()
    _print(ack, as_json, f"order {order_id} is cancelled at seq {ack.log_seq}")


@commands.command()
def book(
    instrument: str,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    depth: int = 10,
    as_of_seq: AsOfSeq = None,
    as_json: AsJson = False,
) -> None:
    """Print an instrument's price levels."""
    with _connect(data, url, token_file, who) as exchange:
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
    _print(levels, as_json, table)


# -- pledges --------------------------------------------------------------------------------------


@pledge_commands.command("request")
def pledge_request(
    product: str,
    window: Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")],
    pledged_qty: int,
    bank_account_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Offer unit-days to a bank."""
    span = parse_window(window)
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.request_pledge(
            product=product,
            start_day=span.start_day,
            end_day=span.end_day,
            pledged_qty=pledged_qty,
            bank_account_id=bank_account_id,
        )
    _print(receipt, as_json, f"pledge {receipt.created_id} is requested at seq {receipt.log_seq}")


@pledge_commands.command("accept")
def pledge_accept(
    pledge_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "bank",
    as_json: AsJson = False,
) -> None:
    """Take the lien."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.accept_pledge(pledge_id)
    _print(receipt, as_json, f"pledge {pledge_id} is active at seq {receipt.log_seq}")


@pledge_commands.command("decline")
def pledge_decline(
    pledge_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "bank",
    as_json: AsJson = False,
) -> None:
    """End a request, as its bank or as its owner."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.decline_pledge(pledge_id)
    _print(receipt, as_json, f"pledge {pledge_id} is declined at seq {receipt.log_seq}")


@pledge_commands.command("release")
def pledge_release(
    pledge_id: int,
    released_qty: Annotated[int, typer.Argument(help="GPUs; 0 for all.", min=0)] = 0,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "bank",
    as_json: AsJson = False,
) -> None:
    """Lift the lien, or that of a part of the GPUs."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.release_pledge(pledge_id, released_qty)
    _print(receipt, as_json, f"pledge {pledge_id} is released at seq {receipt.log_seq}")


@pledge_commands.command("list")
def pledge_list(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Print own pledges; a bank's are those made to it."""
    with _connect(data, url, token_file, who) as exchange:
        pledges = exchange.pledges()
    table = _table("pledges", "id", "product", "from", "to", "GPUs", "bank", "status")
    for one in pledges:
        span = (f"{date_of(one.start_day)}", f"{date_of(one.end_day)}")
        bank = str(one.bank_account_id)
        row = (str(one.pledge_id), one.product, *span, str(one.pledged_qty), bank)
        table.add_row(*row, one.pledge_status)
    _print(pledges, as_json, table)


# -- keys -----------------------------------------------------------------------------------------


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
def key_revoke(
    key_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """End a key and cancel its orders."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.revoke_key(key_id)
    _print(receipt, as_json, f"key {key_id} is revoked at seq {receipt.log_seq}")
