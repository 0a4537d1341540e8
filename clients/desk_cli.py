"""
The shell's half for the OTC desk: rfq, block, dispute.

    exchange rfq request | quote | accept | withdraw | withdraw-quote | list
    exchange block propose | confirm | decline | allocate | waive | confirm-waiver | list | tape
    exchange dispute bust | correct | approve | decline | claim | list

Windows are codes, also of a window that nobody listed (X270605-270615); prices fen per GPU-hour.
"""

from typing import Annotated, cast

import typer

from clients.sdk import SyncExchangeClient
from exchange.domain.desk_wire import BothSidesWord, TradeSourceWord
from exchange.domain.windows import Window, parse_window
from exchange.domain.wire import SideWord

from .shell import Answer, asks, money, told
from .shell import table as _table

commands = typer.Typer()
rfq_commands = typer.Typer(no_args_is_help=True)
block_commands = typer.Typer(no_args_is_help=True)
dispute_commands = typer.Typer(no_args_is_help=True)
commands.add_typer(rfq_commands, name="rfq", help="Ask for quotes, quote, deal.")
commands.add_typer(block_commands, name="block", help="Register negotiated trades.")
commands.add_typer(dispute_commands, name="dispute", help="Undo or correct trades of the desk.")

WindowCode = Annotated[str, typer.Argument(help="A window's code: M2703, X270301-270308, …")]
Minutes = Annotated[int, typer.Option(help="How long it stands.", min=1)]
Note = Annotated[str, typer.Argument(help="Why, for the record.")]
OfABook = Annotated[bool, typer.Option("--book", help="A trade of a book, not of the desk.")]


def _window(code: str) -> Window:
    try:
        return parse_window(code)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


# -- requests for quote ---------------------------------------------------------------------------


@rfq_commands.command("request")
@asks("trader")
def rfq_request(
    exchange: SyncExchangeClient,
    product: str,
    window: WindowCode,
    request_qty: int,
    side: Annotated[str, typer.Option(help="buy or sell; both gives nothing away.")] = "both",
    to: Annotated[list[int] | None, typer.Option(help="A dealer's account; none asks all.")] = None,
    minutes: Minutes = 30,
) -> Answer:
    """Ask for firm quotes."""
    span = _window(window)
    receipt = exchange.request_quote(
        product=product,
        start_day=span.start_day,
        end_day=span.end_day,
        request_qty=request_qty,
        side=cast(BothSidesWord, side),
        dealer_account_ids=to or [],
        lifetime_s=60 * minutes,
    )
    return told(receipt, f"request {receipt.created_id} is open")


@rfq_commands.command("quote")
@asks("trader")
def rfq_quote(
    exchange: SyncExchangeClient,
    quote_request_id: int,
    quote_price: int,
    side: Annotated[str, typer.Option(help="Yours, where both are asked for.")] = "",
    minutes: Minutes = 5,
) -> Answer:
    """Quote firmly; your days or cash are held."""
    receipt = exchange.submit_quote(
        quote_request_id,
        quote_price,
        side=cast(SideWord, side) if side else None,
        lifetime_s=60 * minutes,
    )
    return told(receipt, f"quote {receipt.created_id} is firm")


@rfq_commands.command("accept")
@asks("trader")
def rfq_accept(exchange: SyncExchangeClient, quote_id: int) -> Answer:
    """Deal at a quote."""
    receipt = exchange.accept_quote(quote_id)
    return told(receipt, f"trade {receipt.created_id} is made and paid")


@rfq_commands.command("withdraw")
@asks("trader")
def rfq_withdraw(exchange: SyncExchangeClient, quote_request_id: int) -> Answer:
    """End an own request and the quotes to it."""
    receipt = exchange.withdraw_quote_request(quote_request_id)
    return told(receipt, f"request {quote_request_id} is withdrawn")


@rfq_commands.command("withdraw-quote")
@asks("trader")
def rfq_withdraw_quote(exchange: SyncExchangeClient, quote_id: int) -> Answer:
    """Take an own quote back."""
    receipt = exchange.withdraw_quote(quote_id)
    return told(receipt, f"quote {quote_id} is withdrawn")


@rfq_commands.command("list")
@asks("trader")
def rfq_list(exchange: SyncExchangeClient) -> Answer:
    """Print requests, each with the quotes that are yours to see."""
    requests = exchange.quote_requests()
    table = _table("requests for quote", "request", "quote", "window", "terms", "of", "status")
    for one in requests:
        window, terms = f"{one.product}:\n{one.window}", f"{one.side} {one.request_qty}"
        row = (str(one.quote_request_id), "", window, terms)
        table.add_row(*row, str(one.account_id), one.quote_request_status)
        for quote in one.quotes:
            terms = f"{quote.side} at {money(quote.quote_price)}"
            row = ("", str(quote.quote_id), "", terms)
            table.add_row(*row, str(quote.account_id), quote.quote_status)
    return requests, table


# -- blocks ---------------------------------------------------------------------------------------


@block_commands.command("propose")
@asks("trader")
def block_propose(
    exchange: SyncExchangeClient,
    product: str,
    window: WindowCode,
    side: str,
    block_qty: int,
    block_price: int,
    counterparty_account_id: int,
) -> Answer:
    """Allege a negotiated trade; the other side has fifteen minutes."""
    span = _window(window)
    receipt = exchange.propose_block(
        counterparty_account_id=counterparty_account_id,
        product=product,
        start_day=span.start_day,
        end_day=span.end_day,
        side=cast(SideWord, side),
        block_qty=block_qty,
        block_price=block_price,
    )
    return told(receipt, f"block {receipt.created_id} is alleged")


@block_commands.command("confirm")
@asks("trader")
def block_confirm(exchange: SyncExchangeClient, block_id: int) -> Answer:
    """Agree to a block that another side has alleged."""
    receipt = exchange.confirm_block(block_id)
    return told(receipt, f"trade {receipt.created_id} is registered and paid")


@block_commands.command("decline")
@asks("trader")
def block_decline(exchange: SyncExchangeClient, block_id: int) -> Answer:
    """End an alleged block, from either side."""
    receipt = exchange.decline_block(block_id)
    return told(receipt, f"block {block_id} is declined")


@block_commands.command("allocate")
@asks("trader")
def block_allocate(
    exchange: SyncExchangeClient,
    block_id: int,
    parts: Annotated[list[str], typer.Argument(help="ACCOUNT=GPUs for each, as in 9=400.")],
) -> Answer:
    """Spread a bought block over accounts of your own party."""
    allocated: dict[int, int] = {}
    for part in parts:
        account, _, qty = part.partition("=")
        if not (account.isdigit() and qty.isdigit()) or int(account) in allocated:
            raise typer.BadParameter(f"{part!r} is no account and its GPUs, or comes twice")
        allocated[int(account)] = int(qty)
    receipt = exchange.allocate_block(block_id, allocated)
    return told(receipt, f"block {block_id} is allocated")


@block_commands.command("waive")
@asks("operator")
def block_waive(exchange: SyncExchangeClient, block_id: int, note: Note) -> Answer:
    """As the first operator, let a block pass outside the price band."""
    receipt = exchange.admin("waive_band", block_id=block_id, note=note)
    return told(receipt, f"a waiver for block {block_id} waits for a second operator")


@block_commands.command("confirm-waiver")
@asks("operator")
def block_confirm_waiver(exchange: SyncExchangeClient, block_id: int) -> Answer:
    """As the second operator, agree to a waiver."""
    receipt = exchange.admin("confirm_waiver", block_id=block_id)
    return told(receipt, f"block {block_id} may pass")


@block_commands.command("list")
@asks("trader")
def block_list(exchange: SyncExchangeClient) -> Answer:
    """Print the blocks that you are a side of."""
    blocks = exchange.blocks()
    table = _table("blocks", "block", "window", "terms", "by", "with", "status", "trade")
    for one in blocks:
        terms = f"{one.side} {one.block_qty} at {money(one.block_price)}"
        sides = (str(one.account_id), str(one.counterparty_account_id))
        trade = str(one.trade_id) if one.trade_id else ""
        window = f"{one.product}:\n{one.window}"
        table.add_row(str(one.block_id), window, terms, *sides, one.block_status, trade)
    return blocks, table


@block_commands.command("tape")
@asks("trader")
def block_tape(exchange: SyncExchangeClient, product: str = "") -> Answer:
    """Print the desk's trades that are public: fifteen minutes old, large ones capped."""
    public = exchange.desk_trades(product or None)
    table = _table("trades of the desk", "trade", "window", "GPUs", "price", "")
    for one in public.desk_trades:
        qty = f"{one.displayed_qty}{'+' if one.is_capped else ''}"
        row = (str(one.trade_id), f"{one.product}:{one.window}", qty, money(one.trade_price))
        table.add_row(*row, "busted" if one.is_busted else "")
    return public, table


# -- what is wrong with a trade -------------------------------------------------------------------


@dispute_commands.command("bust")
@asks("trader")
def dispute_bust(
    exchange: SyncExchangeClient, trade_id: int, note: Note, book: OfABook = False
) -> Answer:
    """Within ten minutes, want a trade undone."""
    receipt = exchange.request_bust(trade_id, note, source="book" if book else "desk")
    return told(receipt, f"dispute {receipt.created_id} waits for two operators")


@dispute_commands.command("correct")
@asks("trader")
def dispute_correct(
    exchange: SyncExchangeClient,
    trade_id: int,
    corrected_price: int,
    note: Note,
    book: OfABook = False,
) -> Answer:
    """Within ten minutes, want a trade at another price."""
    source: TradeSourceWord = "book" if book else "desk"
    receipt = exchange.request_correction(trade_id, corrected_price, note, source=source)
    return told(receipt, f"dispute {receipt.created_id} waits for two operators")


@dispute_commands.command("approve")
@asks("operator")
def dispute_approve(exchange: SyncExchangeClient, correction_id: int) -> Answer:
    """As an operator, agree; with the second one's word it is done."""
    receipt = exchange.admin("approve_correction", correction_id=correction_id)
    return told(receipt, f"dispute {correction_id} is agreed to")


@dispute_commands.command("decline")
@asks("operator")
def dispute_decline(exchange: SyncExchangeClient, correction_id: int, note: Note) -> Answer:
    """As an operator, let the trade stand."""
    receipt = exchange.admin("decline_correction", correction_id=correction_id, note=note)
    return told(receipt, f"dispute {correction_id} is declined")


@dispute_commands.command("claim")
@asks("operator")
def dispute_claim(
    exchange: SyncExchangeClient,
    correction_id: int,
    claim_amount: Annotated[int, typer.Argument(help="Fen that the asker claims.")],
    note: Note,
) -> Answer:
    """As an operator, put on record what cannot be undone."""
    receipt = exchange.admin(
        "record_claim", correction_id=correction_id, claim_amount=claim_amount, note=note
    )
    return told(receipt, f"dispute {correction_id} ends with a claim of {money(claim_amount)}")


@dispute_commands.command("list")
@asks("trader")
def dispute_list(exchange: SyncExchangeClient) -> Answer:
    """Print the disputes about your trades; an operator's are all."""
    corrections = exchange.corrections()
    table = _table("disputes", "dispute", "trade", "wanted", "by", "note", "status", "claim")
    for one in corrections:
        wanted = money(one.corrected_price) if one.corrected_price else "bust"
        trade = f"{one.trade_source} {one.trade_id}"
        row = (str(one.correction_id), trade, wanted, str(one.account_id), one.note)
        claim = money(one.claim_amount) if one.claim_amount else ""
        table.add_row(*row, one.correction_status, claim)
    return corrections, table
