"""
The shell's half for those who look at the log itself: head, tail, show.

All of them only read, with the exchange running or stopped: a stopped one's log is read from a
copy. Exit codes are those of `exchange.cli`.
"""

import signal
import time
from collections import deque
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from clients.shell import DEFAULT_DATA, AsJson, DataDir
from exchange import archive_cli, marks_cli, proof_cli, replay_cli
from exchange.domain.record import decode_body
from exchange.gateway.named import named
from exchange.log import ChainVerifier, Frame, LogSettings, SignedHeads, confirmed, read_frames
from exchange.log.signed_heads import SIGNED_HEADS_FILE
from exchange.log_position import LogPosition, frame_row, is_served, position_row
from exchange.names import Names
from exchange.reading import reading_client, reading_frames
from exchange.settings import ArchiveDirs, PasswordFile, RedisUrl, log_settings

commands = typer.Typer()
log_commands = typer.Typer(no_args_is_help=True)
for noun in (
    archive_cli.commands,
    proof_cli.commands,
    replay_cli.log_commands,
    marks_cli.log_commands,
):
    log_commands.add_typer(noun)
commands.add_typer(replay_cli.commands)
commands.command("proof")(proof_cli.log_proof)
commands.add_typer(log_commands, name="log", help="Read, prove, archive and export the event log.")

POLL_S = 0.2


@log_commands.command("head")
def log_head(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    standby_urls: Annotated[
        list[str] | None,
        typer.Option("--standby", metavar="URL", help="An exchange that stands by; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Verify the chain to its end and print where it stands, and how far behind others are.

    Exit 0 where the chain holds; else the log's own codes, from 20 on.
    """
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    position = LogPosition()
    with reading_frames(settings) as frames:
        for frame in frames:
            position.take(frame)
    row = position_row(position, settings, standby_urls or ())
    if as_json:
        typer.echo(msgspec.json.encode(row))
        return
    table = Table("the log", "", show_header=False)
    for name, value in row.items():
        table.add_row(name, "–" if value is None else f"{value}")
    Console().print(table)


@log_commands.command("tail")
def log_tail(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    count: Annotated[int, typer.Option(min=1, help="How many of the last records.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Print the last records: seq, command, events.

    With --follow also those to come, each once a later frame states that it is durable: on an idle
    market that is the next tick. Exit 0, also where the exchange is stopped and nothing follows.
    """
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    names = Names()
    latest: deque[tuple[int, bytes]] = deque(maxlen=count)
    end = settings.name.genesis
    with reading_frames(settings) as frames:
        for frame in frames:
            names.learn(frame.records)
            latest.extend(enumerate(frame.records, start=frame.header.first_seq))
            end = frame.head
    for seq, encoded in latest:
        _print_record(seq, encoded, names, as_json)
    if follow and is_served(data):
        # Started in the background of a script, Ctrl-C would be ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        verifier = ChainVerifier(settings.name, end)
        try:
            for frame in confirmed(_following(settings, verifier)):
                names.learn(frame.records)
                for seq, encoded in enumerate(frame.records, start=frame.header.first_seq):
                    _print_record(seq, encoded, names, as_json)
        except KeyboardInterrupt:
            return
    elif follow:
        typer.echo("note: the exchange is stopped, so nothing follows", err=True)


@log_commands.command("show")
def log_show(
    seq: Annotated[int, typer.Argument(min=1, help="The record's sequence number.")],
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    as_json: AsJson = False,
) -> None:
    """
    Print one record with its events, its hash, and the frame that holds it, by name.

    The chain is verified up to there. Exit 0 done, 2 where the log has no such record.
    """
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    names = Names()
    with reading_frames(settings) as frames:
        for frame in frames:
            names.learn(frame.records)
            if frame.header.first_seq <= seq <= frame.header.last_seq:
                break
        else:
            raise typer.BadParameter(f"the log ends at {frames.tip_seq}", param_hint="SEQ")
    signed = SignedHeads(data / SIGNED_HEADS_FILE, settings.name).first_over(seq)
    encoded = frame.records[seq - frame.header.first_seq]
    about_frame = frame_row(frame, seq) | {"signed_seq": signed.seq if signed else None}
    if as_json:
        typer.echo(msgspec.json.encode(_record_row(seq, encoded) | {"frame": about_frame}))
        return
    _print_record(seq, encoded, names, as_json)
    table = Table("frame", "", show_header=False, title="its frame")
    for name, value in about_frame.items():
        table.add_row(name, "–" if value is None else f"{value}")
    Console().print(table)


def _following(settings: LogSettings, verifier: ChainVerifier) -> Iterator[Frame]:
    """The frames to come, for ever; they are beyond what an archive has."""
    with reading_client(settings) as client:
        while True:
            yield from read_frames(client, verifier)
            time.sleep(POLL_S)


def _record_row(seq: int, encoded: bytes) -> dict[str, Any]:
    command, events = decode_body(encoded)
    return {"seq": seq, "command": named(command), "events": [named(e) for e in events]}


def _print_record(seq: int, encoded: bytes, names: Names, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(_record_row(seq, encoded)))
        return
    command, events = decode_body(encoded)
    typer.echo(f"{seq} {names.told(command)}")
    for event in events:
        typer.echo(f"    {names.told(event)}")
