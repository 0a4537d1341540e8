"""The shell's commands about substitutions: other days for those that cannot be delivered."""

from typing import Annotated

import typer

from clients.sdk import SyncExchangeClient
from exchange.domain.windows import date_of

from .shell import Answer, asks, day_of_code, table, told, window_of_code

substitution_commands = typer.Typer(no_args_is_help=True)


@substitution_commands.command("offer")
@asks("supplier")
def offer_substitution(
    exchange: SyncExchangeClient,
    product: str,
    window: Annotated[str, typer.Argument(help="The days to take back: X270301-270308, …")],
    substituted_qty: int,
    holder_account_id: int,
    other_product: str,
    other_first_day: Annotated[
        str, typer.Option(help="The first of the days given, D270310; the same days without it.")
    ] = "",
) -> Answer:
    """Offer a holder other days of one's own for some of its; it has a day to consent."""
    span = window_of_code(window)
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
    return told(receipt, f"substitution {receipt.created_id} is on offer")


@substitution_commands.command()
@asks("trader")
def accept(exchange: SyncExchangeClient, substitution_id: int) -> Answer:
    """Consent: the days change places, and their escrow with them."""
    receipt = exchange.supply(
        "substitutions", "accept_substitution", substitution_id=substitution_id
    )
    return told(receipt, f"substitution {substitution_id} is recorded")


@substitution_commands.command()
@asks("trader")
def decline(exchange: SyncExchangeClient, substitution_id: int) -> Answer:
    """End an offer, as the holder or as the supplier."""
    receipt = exchange.supply(
        "substitutions", "decline_substitution", substitution_id=substitution_id
    )
    return told(receipt, f"substitution {substitution_id} is recorded")


@substitution_commands.command("list")
@asks("trader")
def list_substitutions(exchange: SyncExchangeClient) -> Answer:
    """Print what is on offer to the account, or by it."""
    offers = exchange.substitutions()
    shown = table("substitutions", "offer", "holder", "GPUs", "takes", "first, last", "gives from")
    for one in offers:
        span = f"{date_of(one.start_day)} {date_of(one.end_day - 1)}"
        gives = f"{one.other_product} {date_of(one.other_start_day)}"
        row = (str(one.substitution_id), str(one.holder_account_id), str(one.substituted_qty))
        shown.add_row(*row, one.product, span, gives)
    return offers, shown


@substitution_commands.command()
@asks("supplier")
def holders(
    exchange: SyncExchangeClient,
    product: str,
    day: Annotated[str, typer.Argument(help="A delivery day of one's product: D270305.")],
) -> Answer:
    """Print who has title of a day, and might take another for it."""
    found = exchange.holders(product, day_of_code(day))
    shown = table(f"holders of {product}, {day}", "account", "GPUs")
    for holder in found:
        shown.add_row(str(holder.account_id), str(holder.title_qty))
    return found, shown
