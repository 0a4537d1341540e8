"""
What the commands of the shell's client half share: options, the connection, how answers are shown.

Every command takes `--data DIR`, the venue's directory, where it finds the address and the tokens;
or `--url` and `--token-file` for an exchange elsewhere. `--json` prints one JSON value instead of
tables. Exit codes: 0 done, 1 refused by the market, 3 unauthorized, 4 unavailable, 5 protocol.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from inspect import Parameter, Signature, signature
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
from exchange.domain.units import NS_PER_SECOND
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


def moment_of(market_ns: int) -> str:
    """A moment of market time, in UTC to the second."""
    return f"{datetime.fromtimestamp(market_ns // NS_PER_SECOND, UTC):%Y-%m-%d %H:%M:%S}Z"


def product_id_of(exchange: SyncExchangeClient, code: str) -> int:
    """The product that a code names."""
    for product in exchange.products():
        if product.code == code:
            return product.product_id
    raise typer.BadParameter(f"there is no product {code!r}")


def instrument_id_of(exchange: SyncExchangeClient, symbol: str) -> int:
    """The instrument that a symbol names."""
    for one in exchange.instruments():
        if one.instrument == symbol:
            return one.instrument_id
    raise typer.BadParameter(f"there is no instrument {symbol!r}")


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


Answer = tuple[Any, RenderableType]
"""What a command prints: the value for `--json`, and what people are shown of it."""


def told(receipt: Receipt, done: str) -> Answer:
    """What a command did and where that is on record; as JSON the receipt."""
    return receipt, f"{done} at seq {receipt.log_seq}"


def asks(
    who: str,
) -> Callable[[Callable[..., Answer | Iterator[Answer]]], Callable[..., None]]:
    """
    Makes a command of what asks the exchange, by default as `who`.

    The function takes the connected client and then its own arguments; the options that every
    command has follow them, and its answer is printed, or each of its answers as they come.
    """

    def command_of(ask: Callable[..., Answer | Iterator[Answer]]) -> Callable[..., None]:
        def command(
            data: Path, url: str, token_file: Path | None, who: str, as_json: bool, **own: Any
        ) -> None:
            with connect(data, url, token_file, who) as exchange:
                answers = ask(exchange, **own)
                for value, shown in [answers] if isinstance(answers, tuple) else answers:
                    show(value, as_json, shown)

        options = [
            Parameter("data", Parameter.KEYWORD_ONLY, default=DEFAULT_DATA, annotation=DataDir),
            Parameter("url", Parameter.KEYWORD_ONLY, default="", annotation=Url),
            Parameter("token_file", Parameter.KEYWORD_ONLY, default=None, annotation=TokenFile),
            Parameter("who", Parameter.KEYWORD_ONLY, default=who, annotation=As),
            Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=AsJson),
        ]
        _, *own = signature(ask).parameters.values()
        parameters = [*own, *options]
        # Typer reads a command's options from these.
        vars(command).update(
            __signature__=Signature([p.replace(kind=Parameter.KEYWORD_ONLY) for p in parameters])
        )
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        command.__name__, command.__doc__ = ask.__name__, ask.__doc__
        return command

    return command_of
