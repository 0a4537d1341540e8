"""
The shell's half for those who answer for the log: tail, head, replay, verify.

All of them only read, with the exchange running or stopped: a stopped one's log is read from a
copy. Exit codes are those of `exchange.cli`.
"""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from clients.cli import DEFAULT_DATA, AsJson, DataDir, money
from exchange import archive_cli, proof_cli
from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.windows import date_of
from exchange.engine import replay as walk
from exchange.engine.engine import Difference, Engine
from exchange.gateway.named import named
from exchange.log import LogSettings
from exchange.reading import reading_frames
from exchange.settings import ArchiveDirs, PasswordFile, RedisUrl, log_settings

commands = typer.Typer()
log_commands = typer.Typer(no_args_is_help=True)
log_commands.add_typer(archive_cli.commands)
log_commands.add_typer(proof_cli.commands)
commands.command("proof")(proof_cli.log_proof)
commands.add_typer(log_commands, name="log", help="Read, archive and export the event log.")


@log_commands.command("tail")
def log_tail(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    count: Annotated[int, typer.Option(min=1, help="How many of the last records.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Print the last records: seq, command, events."""
    latest: list[tuple[int, bytes]] = []
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    with reading_frames(settings) as frames:
        for frame in frames:
            latest += enumerate(frame.records, start=frame.header.first_seq)
            del latest[:-count]
    for seq, encoded in latest:
        command, events = decode_body(encoded)
        if as_json:
            row = {"seq": seq, "command": named(command), "events": [named(e) for e in events]}
            typer.echo(msgspec.json.encode(row))
        else:
            typer.echo(f"{seq} {command}")
            for event in events:
                typer.echo(f"    {event}")


@log_commands.command("head")
def log_head(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    as_json: AsJson = False,
) -> None:
    """Verify the chain to its end and print epoch, seq and hash."""
    head = None
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    with reading_frames(settings) as frames:
        for frame in frames:
            head = frame.head
    assert head is not None, "a log begins with a barrier"
    row = {"epoch": head.epoch, "seq": head.seq, "header_hash": head.header_hash.hex()}
    typer.echo(msgspec.json.encode(row) if as_json else f"{row}")


@commands.command()
def replay(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    to_seq: Annotated[int | None, typer.Option(help="The end of the log without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild the state from recorded events; print books, positions and marks as they were."""
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    with _records(settings, "replaying", as_json) as (records, progress):
        engine = walk.replay(records, to_seq, progress)
    if to_seq is not None and engine.state.seq < to_seq:
        raise typer.BadParameter(
            f"the log ends at {engine.state.seq}, before {to_seq}", param_hint="--to-seq"
        )
    picture = _picture(engine)
    if as_json:
        typer.echo(msgspec.json.encode(picture))
    else:
        _print_picture(picture)


@commands.command()
def verify(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    as_json: AsJson = False,
) -> None:
    """Check the chain and run every command again; exit 1 at the first difference."""
    started = time.monotonic()
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    try:
        with _records(settings, "verifying", as_json) as (records, progress):
            engine = walk.verify(records, progress)
    except Difference as difference:
        if as_json:
            typer.echo(
                msgspec.json.encode(
                    {
                        "is_clean": False,
                        "seq": difference.seq,
                        "event_index": difference.event_index,
                        "recorded": difference.recorded,
                        "decided": difference.decided,
                    }
                )
            )
            raise typer.Exit(1) from None
        raise
    seconds = time.monotonic() - started
    row: dict[str, Any] = {
        "is_clean": True,
        "seq": engine.state.seq,
        "state_hash": engine.state.hash().hex(),
        "records_per_second": round(engine.state.seq / max(seconds, 1e-9)),
    }
    typer.echo(
        msgspec.json.encode(row)
        if as_json
        else f"clean: {row['seq']} records, state {row['state_hash'][:16]}…, "
        f"{row['records_per_second']:,} records/s"
    )


@contextlib.contextmanager
def _records(
    settings: LogSettings, doing: str, is_quiet: bool
) -> Iterator[tuple[Iterator[bytes], walk.Progress]]:
    """The records of a log one by one, and where to report progress."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        reading_frames(settings) as frames,
        Progress(
            *columns, TimeElapsedColumn(), console=Console(stderr=True), disable=is_quiet
        ) as bar,
    ):
        task = bar.add_task(doing, total=None)
        yield (
            (record for frame in frames for record in frame.records),
            lambda seq: bar.update(task, completed=seq),
        )


def _picture(engine: Engine) -> dict[str, Any]:
    """Books, positions and marks of a state, by name."""
    state, core = engine.state, engine.state.core
    books = {}
    for _, instrument_id in state.gates:
        bids, asks = (core.levels(instrument_id, side, 5) for side in (1, 2))
        if bids or asks:
            books[state.instruments[instrument_id].symbol] = {"bids": bids, "asks": asks}
    positions = []
    for account_id, participant in state.participants.items():
        for product in state.products.values():
            functions = {
                name: core.day_function(account_id, product.product_id, name)
                for name in ("title", "lien", "reserved_sale")
            }
            if any(functions.values()):
                row = {"account": participant.name, "product": product.code, **functions}
                positions.append(row)
    marks = [node.mark for node in state.market_data.nodes.values() if node.mark]
    return {
        "seq": state.seq,
        "market_ns": state.market_ns,
        "state_hash": state.hash().hex(),
        "books": books,
        "positions": positions,
        "balances": {
            participant.name: core.balances(account_id)
            for account_id, participant in state.participants.items()
        },
        "marks": [named(mark) for mark in marks],
    }


def _print_picture(picture: dict[str, Any]) -> None:
    console = Console()
    at = datetime.fromtimestamp(picture["market_ns"] / NS_PER_SECOND, UTC)
    console.print(f"seq {picture['seq']}, market time {at:%Y-%m-%d %H:%M:%S} UTC")
    console.print(f"state {picture['state_hash']}")
    books = Table("instrument", "bids", "asks", title="books")
    for symbol, book in picture["books"].items():
        sides = (
            ", ".join(f"{qty} @ {money(price)}" for price, qty, _ in book[side])
            for side in ("bids", "asks")
        )
        books.add_row(symbol, *sides)
    positions = Table("account", "product", "function", "from", "to", "GPUs", title="positions")
    for row in picture["positions"]:
        for name in ("title", "lien", "reserved_sale"):
            for start_day, end_day, qty in row[name]:
                span = (f"{date_of(start_day)}", f"{date_of(end_day)}", str(qty))
                positions.add_row(row["account"], row["product"], name, *span)
    marks = Table("class", "region", "month", "CNY per GPU-hour", "level", "notes", title="marks")
    for mark in picture["marks"]:
        price = f"{mark['mark_micro'] / 1_000_000:.6f}"
        node = (mark["gpu_class"], mark["region"], str(mark["month"]))
        marks.add_row(*node, price, str(mark["level"]), ", ".join(mark["notes"]))
    for table in (books, positions, marks):
        console.print(table)
