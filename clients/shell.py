"""
What the shell's commands share: where the exchange is, whose token to use, how to print.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from clients.directory import read_credentials, read_serving
from clients.errors import ExchangeError, ProtocolError, Unauthorized, Unavailable
from clients.sdk import SyncExchangeClient

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


def money(amount: int) -> str:
    """Fen as yuan."""
    return f"{amount // 100:,}.{amount % 100:02d}"


def connect(data: Path, url: str, token_file: Path | None, who: str) -> SyncExchangeClient:
    """A client by the directory's address and tokens, or by those given."""
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
    return SyncExchangeClient(url, token)


def table(title: str, *columns: str) -> Table:
    """An empty table."""
    made = Table(title=title)
    for column in columns:
        made.add_column(column)
    return made


def show(value: Any, as_json: bool, shown: str | Table) -> None:
    """Prints a value as one JSON value, or as people read it."""
    if as_json:
        typer.echo(msgspec.json.encode(value))
    else:
        Console().print(shown, highlight=False)
