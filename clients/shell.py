"""
What the commands of the shell's client half share: options, the connection, how answers are shown.

Every command takes `--data DIR`, the venue's directory, where it finds the address and the tokens;
or `--url` and `--token-file` for an exchange elsewhere. `--json` prints one JSON value instead of
tables. Exit codes: 0 done, 1 refused by the market, 3 unauthorized, 4 unavailable, 5 protocol.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.table import Table

from clients.directory import read_credentials, read_serving
from clients.errors import ExchangeError, ProtocolError, Unauthorized, Unavailable
from clients.sdk import SyncExchangeClient
from exchange.domain.enums import WindowKind
from exchange.domain.windows import Window, parse_window
from exchange.domain.wire import Receipt

DataDir = Annotated[Path, typer.Option("--data", help="The venue's directory.")]
Url = Annotated[str, typer.Option("--url", help="Address of an exchange elsewhere.")]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="File that holds the token alone.")
]
AsOfSeq = Annotated[int | None, typer.Option("--as-of-seq", help="As the log stood there.")]
As = Annotated[str, typer.Option("--as", help="Whose token of the directory to use.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
DEFAULT_DATA = Path("data")


def exit_code_of(error: ExchangeError) -> int:
    """What the shell returns for an error of the SDK."""
    for kind, code in ((Unauthorized, 3), (Unavailable, 4), (ProtocolError, 5)):
        if isinstance(error, kind):
            return code
    return 1


def day_of_code(code: str) -> int:
    """The delivery day that a code such as D270305 names."""
    window = window_of_code(code)
    if window.kind is not WindowKind.DAY:
        raise typer.BadParameter(f"{code} names more than a day")
    return window.start_day


def window_of_code(code: str) -> Window:
    """The window that a code names."""
    try:
        return parse_window(code)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def money(amount: int) -> str:
    """Fen as yuan."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100:,}.{abs(amount) % 100:02d}"


def connect(data: Path, url: str, token_file: Path | None, who: str) -> SyncExchangeClient:
    """A client by the directory's address and tokens, or by those given."""
    return SyncExchangeClient(*address_of(data, url, token_file, who))


def address_of(data: Path, url: str, token_file: Path | None, who: str) -> tuple[str, str]:
    """Where the exchange listens, and the token."""
    if token_file is not None:
        token = token_file.read_text().strip()
    else:
        tokens = read_credentials(data)
        if who not in tokens:
            known = ", ".join(sorted(tokens)) or "none"
            raise Unauthorized(f"{data} has no token for {who!r}; it has: {known}")
        token = tokens[who]
    if not url:
        try:
            url = read_serving(data).url
        except FileNotFoundError:
            raise Unavailable(f"no exchange has served {data}; start one") from None
    return url, token


def table(title: str, *columns: str) -> Table:
    """An empty table."""
    made = Table(title=title)
    for column in columns:
        made.add_column(column)
    return made


def show(value: Any, as_json: bool, shown: RenderableType) -> None:
    """The value as JSON, or what people are shown of it."""
    if as_json:
        typer.echo(msgspec.json.encode(value))
    else:
        Console().print(shown, highlight=False)


def tell(receipt: Receipt, as_json: bool, done: str) -> None:
    """What a command did and where that is on record; as JSON the receipt."""
    show(receipt, as_json, f"{done} at seq {receipt.log_seq}")
