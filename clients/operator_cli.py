"""
The shell's half for operators: who takes part, what is traded, and when it is not.

    exchange admit | confirm-admission | halt | resume
    exchange product define | list                   exchange window open
    exchange bands publish                           exchange settlement-price publish
    exchange supplier suspend | reinstate | terminate
    exchange cash deposit

Products, instruments and windows are named by their codes, accounts by their numbers.
"""

from typing import Annotated

import typer

from clients.sdk import SyncExchangeClient
from exchange.domain.windows import date_of

from .shell import Answer, asks, instrument_id_of, money, product_id_of, table, told, window_of_code

commands = typer.Typer()
product_commands = typer.Typer(no_args_is_help=True)
window_commands = typer.Typer(no_args_is_help=True)
band_commands = typer.Typer(no_args_is_help=True)
price_commands = typer.Typer(no_args_is_help=True)
supplier_commands = typer.Typer(no_args_is_help=True)
cash_commands = typer.Typer(no_args_is_help=True)
commands.add_typer(product_commands, name="product", help="Define what is delivered.")
commands.add_typer(window_commands, name="window", help="Open delivery windows for trading.")
commands.add_typer(band_commands, name="bands", help="Set how far prices may move.")
commands.add_typer(price_commands, name="settlement-price", help="Publish one by hand.")
commands.add_typer(supplier_commands, name="supplier", help="Stop a supplier's sales, or end it.")
commands.add_typer(cash_commands, name="cash", help="Book what arrived at the venue's bank.")

Symbol = Annotated[str, typer.Argument(help="An instrument: PRODUCT:WINDOW.")]
SupplierId = Annotated[int, typer.Argument(help="The supplier's account.")]
HalfBps = Annotated[int, typer.Argument(help="Half the width, in basis points.", min=0)]


# -- participants ---------------------------------------------------------------------------------


@commands.command()
@asks("operator")
def admit(
    exchange: SyncExchangeClient,
    name: str,
    roles: Annotated[
        list[str], typer.Argument(help="trader, supplier, bank, investor, operator, auditor.")
    ],
    affiliate: Annotated[
        list[int] | None, typer.Option(help="An account under the same control.")
    ] = None,
    grade: Annotated[
        str, typer.Option(help="A supplier's credit, A to E; the worst if none.")
    ] = "",
    key_sha256: Annotated[
        str, typer.Option(help="An operator's or auditor's: `exchange key secret` prints it.")
    ] = "",
) -> Answer:
    """Open an account; an operator's or auditor's waits for a second operator."""
    receipt = exchange.admin(
        "admit_participant",
        name=name,
        roles=roles,
        affiliate_ids=affiliate or [],
        supplier_grade=grade or None,
        token_sha256=key_sha256 or None,
    )
    return told(receipt, f"account {receipt.created_id} of {name} is admitted")


@commands.command("confirm-admission")
@asks("second_operator")
def confirm_admission(exchange: SyncExchangeClient, account_id: int) -> Answer:
    """The second operator's word for an operator or auditor: its first key is in force."""
    receipt = exchange.admin("confirm_admission", account_id=account_id)
    return told(receipt, f"account {account_id} is confirmed, its key is {receipt.created_id},")


# -- what is traded -------------------------------------------------------------------------------


@product_commands.command("define")
@asks("operator")
def product_define(
    exchange: SyncExchangeClient,
    code: Annotated[str, typer.Argument(help="Its name in symbols: A100-80-SXM.SG1.")],
    gpu_class: Annotated[str, typer.Argument(help="By which marks know it: A100-80.")],
    region: Annotated[str, typer.Argument(help="As marks know it: SG1.")],
    supplier_account_id: SupplierId,
    lot_qty: Annotated[int, typer.Option(help="GPUs that trade at least.", min=1)] = 8,
    maker_bps: Annotated[int | None, typer.Option(help="The venue's fee if none.")] = None,
    taker_bps: Annotated[int | None, typer.Option(help="The venue's fee if none.")] = None,
) -> Answer:
    """Define one exact SKU at one site, run by one supplier."""
    receipt = exchange.admin(
        "define_product",
        code=code,
        kind="gpu_time",
        gpu_class=gpu_class,
        region=region,
        supplier_account_id=supplier_account_id,
        lot_qty=lot_qty,
        maker_bps=maker_bps,
        taker_bps=taker_bps,
    )
    return told(receipt, f"{code} is product {receipt.created_id}")


@product_commands.command("list")
@asks("trader")
def product_list(exchange: SyncExchangeClient) -> Answer:
    """Print every product with its supplier, lot and fees."""
    products = exchange.products()
    columns = ("product", "GPU class", "region", "supplier", "lot", "maker bps", "taker bps")
    shown = table("products", *columns)
    for one in products:
        row = (one.code, one.gpu_class, one.region, str(one.supplier_account_id))
        shown.add_row(*row, str(one.lot_qty), str(one.maker_bps), str(one.taker_bps))
    return products, shown


@window_commands.command("open")
@asks("operator")
def window_open(
    exchange: SyncExchangeClient,
    product: str,
    window: Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")],
    mode: Annotated[str, typer.Option(help="title, or sublet: for the use of the days.")] = "title",
) -> Answer:
    """List one delivery window for trading; `instruments` prints those that are."""
    span = window_of_code(window)
    receipt = exchange.admin(
        "list_instrument",
        product_id=product_id_of(exchange, product),
        kind=span.kind,
        start_day=span.start_day,
        end_day=span.end_day,
        mode=mode,
    )
    days = f"{date_of(span.start_day)} to {date_of(span.end_day - 1)}"
    return told(receipt, f"{product}:{span.code}, {days}, is listed")


@commands.command()
@asks("operator")
def halt(exchange: SyncExchangeClient, instrument: Symbol) -> Answer:
    """Stop a window and all that contain it; their orders can only be cancelled."""
    instrument_id = instrument_id_of(exchange, instrument)
    receipt = exchange.admin("halt_instrument", instrument_id=instrument_id)
    return told(receipt, f"{instrument} is halted")


@commands.command()
@asks("operator")
def resume(exchange: SyncExchangeClient, instrument: Symbol) -> Answer:
    """Lift a halt; what it stopped resumes by a call auction."""
    instrument_id = instrument_id_of(exchange, instrument)
    receipt = exchange.admin("resume_instrument", instrument_id=instrument_id)
    return told(receipt, f"the halt of {instrument} is lifted")


@band_commands.command("publish")
@asks("operator")
def bands_publish(
    exchange: SyncExchangeClient,
    static_bps: HalfBps,
    day_static_bps: Annotated[int, typer.Argument(help="The same, of single days.", min=0)],
    dynamic_bps: Annotated[
        int, typer.Argument(help="From the last trade; beyond it an auction. 0 for none.", min=0)
    ],
) -> Answer:
    """Set the widths of price bands, for settlement prices published from now on."""
    receipt = exchange.admin(
        "publish_band_widths",
        static_bps=static_bps,
        day_static_bps=day_static_bps,
        dynamic_bps=dynamic_bps,
    )
    return told(receipt, "the widths of bands are published")


@price_commands.command("publish")
@asks("operator")
def settlement_price_publish(
    exchange: SyncExchangeClient,
    instrument: Symbol,
    settlement_price: Annotated[int, typer.Argument(help="Fen per GPU-hour.", min=1)],
) -> Answer:
    """Set a window's settlement price, and its band around it; orders outside end."""
    receipt = exchange.admin(
        "publish_settlement_price",
        instrument_id=instrument_id_of(exchange, instrument),
        settlement_price=settlement_price,
    )
    return told(receipt, f"{instrument} settles at {money(settlement_price)}")


# -- suppliers and cash ---------------------------------------------------------------------------


@supplier_commands.command("suspend")
@asks("operator")
def supplier_suspend(exchange: SyncExchangeClient, supplier_account_id: SupplierId) -> Answer:
    """Stop a supplier from selling anything of its own until it is reinstated."""
    return _standing(exchange, "suspend_supplier", supplier_account_id, "suspended")


@supplier_commands.command("reinstate")
@asks("operator")
def supplier_reinstate(exchange: SyncExchangeClient, supplier_account_id: SupplierId) -> Answer:
    """Let a suspended supplier sell again."""
    return _standing(exchange, "reinstate_supplier", supplier_account_id, "reinstated")


@supplier_commands.command("terminate")
@asks("operator")
def supplier_terminate(exchange: SyncExchangeClient, supplier_account_id: SupplierId) -> Answer:
    """End a suspended supplier: owners get the escrow of all days from tomorrow on back."""
    return _standing(exchange, "terminate_supplier", supplier_account_id, "terminated")


def _standing(
    exchange: SyncExchangeClient, tag: str, supplier_account_id: int, status: str
) -> Answer:
    receipt = exchange.supply("deliveries", tag, supplier_account_id=supplier_account_id)
    return told(receipt, f"supplier {supplier_account_id} is {status}")


@cash_commands.command("deposit")
@asks("operator")
def cash_deposit(
    exchange: SyncExchangeClient,
    account_id: int,
    deposit_amount: Annotated[int, typer.Argument(help="Minor units of the currency: fen.")],
    external_reference: Annotated[str, typer.Argument(help="The bank's; used once.")],
    currency: Annotated[str, typer.Option(help="CNY, CNH …; trading is in CNY.")] = "CNY",
) -> Answer:
    """Book money that has arrived at the venue's bank."""
    receipt = exchange.admin(
        "deposit_cash",
        account_id=account_id,
        deposit_amount=deposit_amount,
        external_reference=external_reference,
        currency=currency,
    )
    return told(receipt, f"account {account_id} has {money(deposit_amount)} {currency} more")
