"""The shell's commands about sublets: open, accept, decline, consent, end, list."""

from typing import Annotated

import typer
from rich.console import Group

from clients.shell import (
    DEFAULT_DATA,
    As,
    AsJson,
    DataDir,
    TokenFile,
    Url,
    connect,
    money,
    show,
    table,
    window_of_code,
)
from exchange.domain.account_wire import SubletOfferView, SubletView
from exchange.domain.windows import date_of

sublet_commands = typer.Typer(no_args_is_help=True)


@sublet_commands.command("open")
def open_sublet(
    product: str,
    window: Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")],
    sublet_qty: int,
    rent_price: int,
    lessee_account_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Offer the use of owned days to one participant: GPUs at fen per GPU-hour."""
    span = window_of_code(window)
    with connect(data, url, token_file, who) as exchange:
        receipt = exchange.open_sublet(
            product=product,
            lessee_account_id=lessee_account_id,
            start_day=span.start_day,
            end_day=span.end_day,
            sublet_qty=sublet_qty,
            rent_price=rent_price,
        )
    show(receipt, as_json, f"offer {receipt.created_id} stands since seq {receipt.log_seq}")


@sublet_commands.command()
def accept(
    offer_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Take the days and pay their rent into trust."""
    with connect(data, url, token_file, who) as exchange:
        receipt = exchange.accept_sublet(offer_id)
    show(receipt, as_json, f"sublet {receipt.created_id} began at seq {receipt.log_seq}")


@sublet_commands.command()
def decline(
    offer_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """End an offer, as the one who made it or the one it is made to."""
    with connect(data, url, token_file, who) as exchange:
        receipt = exchange.decline_sublet(offer_id)
    show(receipt, as_json, f"offer {offer_id} is over at seq {receipt.log_seq}")


@sublet_commands.command()
def consent(
    offer_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "bank",
    as_json: AsJson = False,
) -> None:
    """Agree, as a pledgee, to a rent below half the mark."""
    with connect(data, url, token_file, who) as exchange:
        receipt = exchange.consent_to_sublet(offer_id)
    show(receipt, as_json, f"offer {offer_id} has the consent at seq {receipt.log_seq}")


@sublet_commands.command()
def end(
    sublet_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Give one's word that a sublet ends; the other side's, within 15 minutes, ends it."""
    with connect(data, url, token_file, who) as exchange:
        receipt = exchange.end_sublet(sublet_id)
    show(receipt, as_json, f"recorded at seq {receipt.log_seq}")


@sublet_commands.command("list")
def list_sublets(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Print own offers and sublets."""
    with connect(data, url, token_file, who) as exchange:
        view = exchange.sublets()
    columns = ("product", "of, to", "first, last", "GPUs", "rent")
    offers = table(f"offers at seq {view.as_of_seq}", "offer", *columns, "total", "waits for")
    for offer in view.offers:
        awaited = ", ".join(f"bank {bank_id}" for bank_id in offer.awaited_bank_ids)
        total = money(offer.rent_amount)
        offers.add_row(str(offer.offer_id), *_terms(offer), total, awaited or "the lessee")
    sublets = table("let", "sublet", *columns, "ends early")
    for sublet in view.sublets:
        asked = f"asked by {sublet.end_asked_account_id}" if sublet.end_asked_account_id else ""
        sublets.add_row(str(sublet.sublet_id), *_terms(sublet), asked)
    for shown in (offers, sublets):
        shown.columns[0].no_wrap = True
    show(view, as_json, Group(offers, sublets))


def _terms(of: SubletOfferView | SubletView) -> list[str]:
    """Of whom to whom, of what, when, how many, for how much an hour."""
    first, last = date_of(of.start_day), date_of(of.end_day - 1)
    sides = f"{of.lessor_account_id} to {of.lessee_account_id}"
    return [of.product, sides, f"{first} {last}", str(of.sublet_qty), money(of.rent_price)]
