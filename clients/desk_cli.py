"""
The shell's half for the OTC desk: rfq, block, dispute.

    exchange rfq request | quote | accept | withdraw | withdraw-quote | list
    exchange block propose | confirm | decline | allocate | waive | confirm-waiver | list | tape
    exchange dispute bust | correct | approve | decline | claim | list

Windows are codes, also of a window that nobody listed (X270605-270615); prices fen per GPU-hour.
"""

from typing import Annotated, cast

import typer

from exchange.domain.desk_wire import BothSidesWord, TradeSourceWord
from exchange.domain.windows import Window, parse_window
from exchange.domain.wire import SideWord

from .shell import DEFAULT_DATA, As, AsJson, DataDir, TokenFile, Url, money
from .shell import connect as _connect
from .shell import show as _print
from .shell import table as _table
from .shell import tell as _tell

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
def rfq_request(
    product: str,
    window: WindowCode,
    request_qty: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    side: Annotated[str, typer.Option(help="buy or sell; both gives nothing away.")] = "both",
    to: Annotated[list[int] | None, typer.Option(help="A dealer's account; none asks all.")] = None,
    minutes: Minutes = 30,
    as_json: AsJson = False,
) -> None:
    """Ask for firm quotes."""
    span = _window(window)
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.request_quote(
            product=product,
            start_day=span.start_day,
            end_day=span.end_day,
            request_qty=request_qty,
            side=cast(BothSidesWord, side),
            dealer_account_ids=to or [],
            lifetime_s=60 * minutes,
        )
    _tell(receipt, as_json, f"request {receipt.created_id} is open")


@rfq_commands.command("quote")
def rfq_quote(
    quote_request_id: int,
    quote_price: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    side: Annotated[str, typer.Option(help="Yours, where both are asked for.")] = "",
    minutes: Minutes = 5,
    as_json: AsJson = False,
) -> None:
    """Quote firmly; your days or cash are held."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.submit_quote(
            quote_request_id,
            quote_price,
            side=cast(SideWord, side) if side else None,
            lifetime_s=60 * minutes,
        )
    _tell(receipt, as_json, f"quote {receipt.created_id} is firm")


@rfq_commands.command("accept")
def rfq_accept(
    quote_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Deal at a quote."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.accept_quote(quote_id)
    _tell(receipt, as_json, f"trade {receipt.created_id} is made and paid")


@rfq_commands.command("withdraw")
def rfq_withdraw(
    quote_request_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """End an own request and the quotes to it."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.withdraw_quote_request(quote_request_id)
    _tell(receipt, as_json, f"request {quote_request_id} is withdrawn")


@rfq_commands.command("withdraw-quote")
def rfq_withdraw_quote(
    quote_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Take an own quote back."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.withdraw_quote(quote_id)
    _tell(receipt, as_json, f"quote {quote_id} is withdrawn")


@rfq_commands.command("list")
def rfq_list(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Print requests, each with the quotes that are yours to see."""
    with _connect(data, url, token_file, who) as exchange:
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
    _print(requests, as_json, table)


# -- blocks ---------------------------------------------------------------------------------------


@block_commands.command("propose")
def block_propose(
    product: str,
    window: WindowCode,
    side: str,
    block_qty: int,
    block_price: int,
    counterparty_account_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Allege a negotiated trade; the other side has fifteen minutes."""
    span = _window(window)
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.propose_block(
            counterparty_account_id=counterparty_account_id,
            product=product,
            start_day=span.start_day,
            end_day=span.end_day,
            side=cast(SideWord, side),
            block_qty=block_qty,
            block_price=block_price,
        )
    _tell(receipt, as_json, f"block {receipt.created_id} is alleged")


@block_commands.command("confirm")
def block_confirm(
    block_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Agree to a block that another side has alleged."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.confirm_block(block_id)
    _tell(receipt, as_json, f"trade {receipt.created_id} is registered and paid")


@block_commands.command("decline")
def block_decline(
    block_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """End an alleged block, from either side."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.decline_block(block_id)
    _tell(receipt, as_json, f"block {block_id} is declined")


@block_commands.command("allocate")
def block_allocate(
    block_id: int,
    parts: Annotated[list[str], typer.Argument(help="ACCOUNT=GPUs for each, as in 9=400.")],
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Spread a bought block over accounts of your own party."""
    allocated: dict[int, int] = {}
    for part in parts:
        account, _, qty = part.partition("=")
        if not (account.isdigit() and qty.isdigit()) or int(account) in allocated:
            raise typer.BadParameter(f"{part!r} is no account and its GPUs, or comes twice")
        allocated[int(account)] = int(qty)
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.allocate_block(block_id, allocated)
    _tell(receipt, as_json, f"block {block_id} is allocated")


@block_commands.command("waive")
def block_waive(
    block_id: int,
    note: Note,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """As the first operator, let a block pass outside the price band."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.admin("waive_band", block_id=block_id, note=note)
    _tell(receipt, as_json, f"a waiver for block {block_id} waits for a second operator")


@block_commands.command("confirm-waiver")
def block_confirm_waiver(
    block_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """As the second operator, agree to a waiver."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.admin("confirm_waiver", block_id=block_id)
    _tell(receipt, as_json, f"block {block_id} may pass")


@block_commands.command("list")
def block_list(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Print the blocks that you are a side of."""
    with _connect(data, url, token_file, who) as exchange:
        blocks = exchange.blocks()
    table = _table("blocks", "block", "window", "terms", "by", "with", "status", "trade")
    for one in blocks:
        terms = f"{one.side} {one.block_qty} at {money(one.block_price)}"
        sides = (str(one.account_id), str(one.counterparty_account_id))
        trade = str(one.trade_id) if one.trade_id else ""
        window = f"{one.product}:\n{one.window}"
        table.add_row(str(one.block_id), window, terms, *sides, one.block_status, trade)
    _print(blocks, as_json, table)


@block_commands.command("tape")
def block_tape(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    product: str = "",
    as_json: AsJson = False,
) -> None:
    """Print the desk's trades that are public: fifteen minutes old, large ones capped."""
    with _connect(data, url, token_file, who) as exchange:
        public = exchange.desk_trades(product or None)
    table = _table("trades of the desk", "trade", "window", "GPUs", "price", "")
    for one in public.desk_trades:
        qty = f"{one.displayed_qty}{'+' if one.is_capped else ''}"
        row = (str(one.trade_id), f"{one.product}:{one.window}", qty, money(one.trade_price))
        table.add_row(*row, "busted" if one.is_busted else "")
    _print(public, as_json, table)


# -- what is wrong with a trade -------------------------------------------------------------------


@dispute_commands.command("bust")
def dispute_bust(
    trade_id: int,
    note: Note,
    book: OfABook = False,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Within ten minutes, want a trade undone."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.request_bust(trade_id, note, source="book" if book else "desk")
    _tell(receipt, as_json, f"dispute {receipt.created_id} waits for two operators")


@dispute_commands.command("correct")
def dispute_correct(
    trade_id: int,
    corrected_price: int,
    note: Note,
    book: OfABook = False,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Within ten minutes, want a trade at another price."""
    source: TradeSourceWord = "book" if book else "desk"
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.request_correction(trade_id, corrected_price, note, source=source)
    _tell(receipt, as_json, f"dispute {receipt.created_id} waits for two operators")


@dispute_commands.command("approve")
def dispute_approve(
    correction_id: int,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """As an operator, agree; with the second one's word it is done."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.admin("approve_correction", correction_id=correction_id)
    _tell(receipt, as_json, f"dispute {correction_id} is agreed to by {who}")


@dispute_commands.command("decline")
def dispute_decline(
    correction_id: int,
    note: Note,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """As an operator, let the trade stand."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.admin("decline_correction", correction_id=correction_id, note=note)
    _tell(receipt, as_json, f"dispute {correction_id} is declined")


@dispute_commands.command("claim")
def dispute_claim(
    correction_id: int,
    claim_amount: Annotated[int, typer.Argument(help="Fen that the asker claims.")],
    note: Note,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """As an operator, put on record what cannot be undone."""
    with _connect(data, url, token_file, who) as exchange:
        receipt = exchange.admin(
            "record_claim", correction_id=correction_id, claim_amount=claim_amount, note=note
        )
    _tell(receipt, as_json, f"dispute {correction_id} ends with a claim of {money(claim_amount)}")


@dispute_commands.command("list")
def dispute_list(
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "trader",
    as_json: AsJson = False,
) -> None:
    """Print the disputes about your trades; an operator's are all."""
    with _connect(data, url, token_file, who) as exchange:
        corrections = exchange.corrections()
    table = _table("disputes", "dispute", "trade", "wanted", "by", "note", "status", "claim")
    for one in corrections:
        wanted = money(one.corrected_price) if one.corrected_price else "bust"
        trade = f"{one.trade_source} {one.trade_id}"
        row = (str(one.correction_id), trade, wanted, str(one.account_id), one.note)
        claim = money(one.claim_amount) if one.claim_amount else ""
        table.add_row(*row, one.correction_status, claim)
    _print(corrections, as_json, table)
