"""The shell's commands about substitutions: other days for those that cannot be delivered."""

from typing import Annotated

import typer

from clients.shell import (
    DEFAULT_DATA,
    As,
    AsJson,
    DataDir,
    TokenFile,
    Url,
    connect,
    day_of_code,
    show,
    table,
    window_of_code,
)
from exchange.domain.windows import date_of

substitution_commands = typer.Typer(no_args_is_help=True)


@substitution_commands.command("offer")
def offer_substitution(
    product: str,
    window: Annotated[str, typer.Argument(help="The days to take back: X270301-270308, …")],
    substituted_qty: int,
    holder_account_id: int,
    other_product: str,
    other_first_day: Annotated[
        str, typer.Option(help="The first of the days given, D270310; the same days without it.")
    ] = "",
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "supplier",
    as_json: AsJson = False,
) -> None:
    """Offer a holder other days of one's own for some of its; it has a day to consent."""
    span = window_of_code(window)
    with connect(data, url, token_file, who) as exchange:
        products = {each.code: each.product_id for each in exchange.products()}
        receipt = exchange.supply(
            "substitutions",
            "offer_substitution",
            holder_account_id=holder_account_id,
            product_id=products.get(product, 0),
            start_day=span.start_day,
            end_day=span.end_day,
            substituted_qty=substituted_qty,
            other_product_id=products.get(other_product, 0),
            other_start_day=day_of_code(other_first_day) if other_first_day else span.start_day,
        )
    told = f"substitution {receipt.created_id} is on offer since seq {receipt.log_seq}"
    show(receipt, as_json, told)


@substitution_commands.command()
def accept(
    substitution_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Consent: the days change places, and their escrow with them."""
    _answer("accept_substitution", substitution_id, data, url, token_file, who, as_json)


@substitution_commands.command()
def decline(
    substitution_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """End an offer, as the holder or as the supplier."""
    _answer("decline_substitution", substitution_id, data, url, token_file, who, as_json)


def _answer(
    tag: str,
    substitution_id: int,
    data: DataDir,
    url: Url,
    token_file: TokenFile,
    who: As,
    as_json: AsJson,
) -> None:
    with connect(data, url, token_file, who) as exchange:
        receipt = exchange.supply("substitutions", tag, substitution_id=substitution_id)
    show(receipt, as_json, f"recorded at seq {receipt.log_seq}")


@substitution_commands.command("list")
def list_substitutions(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Print what is on offer to the account, or by it."""
    with connect(data, url, token_file, who) as exchange:
        offers = exchange.substitutions()
    shown = table("substitutions", "offer", "holder", "GPUs", "takes", "first, last", "gives from")
    for one in offers:
        span = f"{date_of(one.start_day)} {date_of(one.end_day - 1)}"
        gives = f"{one.other_product} {date_of(one.other_start_day)}"
        row = (str(one.substitution_id), str(one.holder_account_id), str(one.substituted_qty))
        shown.add_row(*row, one.product, span, gives)
    show(offers, as_json, shown)
