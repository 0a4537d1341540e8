"""The shell's commands about sublets: open, accept, decline, consent, end, list."""

from typing import Annotated

import typer
from rich.console import Group

from clients.sdk import SyncExchangeClient
from exchange.domain.account_wire import SubletOfferView, SubletView
from exchange.domain.windows import date_of

from .shell import Answer, asks, money, table, told, window_of_code

sublet_commands = typer.Typer(no_args_is_help=True)


@sublet_commands.command("open")
@asks("trader")
def open_sublet(
    exchange: SyncExchangeClient,
    product: str,
    window: Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")],
    sublet_qty: int,
    rent_price: int,
    lessee_account_id: int,
) -> Answer:
    """Offer the use of owned days to one participant: GPUs at fen per GPU-hour."""
    span = window_of_code(window)
    receipt = exchange.open_sublet(
        product=product,
        lessee_account_id=lessee_account_id,
        start_day=span.start_day,
        end_day=span.end_day,
        sublet_qty=sublet_qty,
        rent_price=rent_price,
    )
    return receipt, f"offer {receipt.created_id} stands since seq {receipt.log_seq}"


@sublet_commands.command()
@asks("trader")
def accept(exchange: SyncExchangeClient, offer_id: int) -> Answer:
    """Take the days and pay their rent into trust."""
    receipt = exchange.accept_sublet(offer_id)
    return told(receipt, f"sublet {receipt.created_id} began")


@sublet_commands.command()
@asks("trader")
def decline(exchange: SyncExchangeClient, offer_id: int) -> Answer:
    """End an offer, as the one who made it or the one it is made to."""
    receipt = exchange.decline_sublet(offer_id)
    return told(receipt, f"offer {offer_id} is over")


@sublet_commands.command()
@asks("bank")
def consent(exchange: SyncExchangeClient, offer_id: int) -> Answer:
    """Agree, as a pledgee, to a rent below half the mark."""
    receipt = exchange.consent_to_sublet(offer_id)
    return told(receipt, f"offer {offer_id} has the consent")


@sublet_commands.command()
@asks("trader")
def end(exchange: SyncExchangeClient, sublet_id: int) -> Answer:
    """Give one's word that a sublet ends; the other side's, within 15 minutes, ends it."""
    receipt = exchange.end_sublet(sublet_id)
    return told(receipt, "recorded")


@sublet_commands.command("list")
@asks("trader")
def list_sublets(exchange: SyncExchangeClient) -> Answer:
    """Print own offers and sublets."""
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
    return view, Group(offers, sublets)


def _terms(of: SubletOfferView | SubletView) -> list[str]:
    """Of whom to whom, of what, when, how many, for how much an hour."""
    first, last = date_of(of.start_day), date_of(of.end_day - 1)
    sides = f"{of.lessor_account_id} to {of.lessee_account_id}"
    return [of.product, sides, f"{first} {last}", str(of.sublet_qty), money(of.rent_price)]
