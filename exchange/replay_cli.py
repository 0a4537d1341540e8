"""
The shell's half for those who recompute: replay, verify, the difference of two moments.

All of them only read, with the exchange running or stopped: a stopped one's log is read from a
copy. Exit codes are those of `exchange.cli`.
"""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from clients.shell import DEFAULT_DATA, AsJson, DataDir
from exchange.difference import difference_row, print_difference
from exchange.engine import replay as walk
from exchange.engine.compare import compare_states
from exchange.engine.engine import Difference, Engine
from exchange.names import Names
from exchange.picture import picture_of, print_picture
from exchange.progress import records_of
from exchange.rules import State
from exchange.settings import ArchiveDirs, PasswordFile, RedisUrl, log_settings
from exchange.what_if_cli import print_what_if

commands = typer.Typer()
log_commands = typer.Typer()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@commands.command()
def replay(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    to_seq: Annotated[
        int | None, typer.Option(min=1, help="Up to this record; the log's end without it.")
    ] = None,
    to_time: Annotated[
        str, typer.Option(help="Up to this market time, as in 2026-11-23T16:00:00+08:00.")
    ] = "",
    what_if: Annotated[
        Path | None, typer.Option(help="A file of steps to take from there, in memory.")
    ] = None,
    at_seq: Annotated[
        int | None, typer.Option(min=1, help="Where --what-if begins; the log's end without it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Rebuild the state from recorded events; print books, positions and marks as they were.

    --to-time is market time: what had happened when the market's clock stood there. With --what-if
    the steps of a file are taken from there on, in memory alone, and what they change is printed.
    Exit 0 done, 2 a moment that the log has not reached or a file that cannot be read.
    """
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    if what_if is not None:
        if to_seq is not None or to_time:
            raise typer.BadParameter("say where it begins with --at-seq", param_hint="--what-if")
        print_what_if(settings, what_if, at_seq, as_json)
        return
    if to_seq is not None and to_time:
        raise typer.BadParameter("name one moment", param_hint="--to-seq and --to-time")
    to_ns = _market_ns_of(to_time) if to_time else None
    with records_of(settings, "replaying", as_json) as log:
        engine = walk.replay(log.records, to_seq, log.progress, to_ns)
    if to_seq is not None and engine.state.seq < to_seq:
        raise _beyond(engine, to_seq, "--to-seq")
    if to_ns is not None:
        _require_reached(engine.state, to_ns, engine.state.seq == log.tip_seq)
    picture = picture_of(engine.state)
    if as_json:
        typer.echo(msgspec.json.encode(picture))
    else:
        print_picture(picture)


@log_commands.command("diff")
def log_diff(
    before_seq: Annotated[int, typer.Argument(min=0, help="0 is before the first record.")],
    after_seq: Annotated[int, typer.Argument(min=0)],
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    as_json: AsJson = False,
) -> None:
    """
    Print what differs between the states after two records: every row, every field.

    Exit 0 done, whether or not they differ; 2 a record that the log has not reached.
    """
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    first_seq, last_seq = sorted((before_seq, after_seq))
    with records_of(settings, "replaying", as_json) as log:
        engine = Engine()
        walk.walk(engine, engine.apply, islice(log.records, first_seq), None, log.progress)
        states = {engine.state.seq: State.restore(engine.state.canonical())}
        rest = islice(log.records, last_seq - first_seq)
        walk.walk(engine, engine.apply, rest, None, log.progress)
        states[engine.state.seq] = engine.state
    if engine.state.seq < last_seq:
        raise _beyond(engine, last_seq, "SEQ")
    difference = compare_states(states[before_seq], states[after_seq])
    if as_json:
        typer.echo(msgspec.json.encode(difference_row(difference)))
    else:
        print_difference(difference, Names.of(engine.state))


@commands.command()
def verify(
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    from_genesis: Annotated[
        bool, typer.Option("--from-genesis", help="Every record from the first: always so.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """
    Check the chain and run every command again, from the first record on.

    No snapshot is trusted. Exit 0 clean; 1 at the first difference, which is named; from 20 on the
    log's own codes where the chain does not hold.
    """
    started = time.monotonic()
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    try:
        with records_of(settings, "verifying", as_json) as log:
            engine = walk.verify(log.records, log.progress)
    except Difference as difference:
        if as_json:
            row = {
                "is_clean": False,
                "seq": difference.seq,
                "event_index": difference.event_index,
                "recorded": difference.recorded,
                "decided": difference.decided,
            }
            typer.echo(msgspec.json.encode(row))
            raise typer.Exit(1) from None
        raise
    seconds = max(time.monotonic() - started, 1e-9)
    seq, state_hash = engine.state.seq, engine.state.hash().hex()
    row = {
        "is_clean": True,
        "seq": seq,
        "event_count": log.event_count,
        "state_hash": state_hash,
        "seconds": round(seconds, 3),
        "records_per_second": round(seq / seconds),
        "events_per_second": round(log.event_count / seconds),
    }
    text = (
        f"clean: {seq} records, {log.event_count} events, state {state_hash[:16]}…, "
        f"{row['records_per_second']:,} records/s, {row['events_per_second']:,} events/s"
    )
    typer.echo(msgspec.json.encode(row) if as_json else text)


# -- helpers --------------------------------------------------------------------------------------


def _market_ns_of(text: str) -> int:
    """Market time of an ISO moment, which says its offset; whole microseconds."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--to-time") from None
    if at.tzinfo is None:
        raise typer.BadParameter(
            f"{text} has no offset; add Z, or +08:00 for the site's time", param_hint="--to-time"
        )
    return (at - _EPOCH) // timedelta(microseconds=1) * 1_000


def _require_reached(state: State, to_ns: int, is_at_end: bool) -> None:
    """What happened by a market time is known once the clock stands there or beyond."""
    names = Names()
    wanted, at = (names.value("market_ns", each) for each in (to_ns, state.market_ns))
    if state.seq == 0:
        raise typer.BadParameter(f"the log begins after {wanted} UTC", param_hint="--to-time")
    if is_at_end and state.market_ns < to_ns:
        raise typer.BadParameter(
            f"the market's clock stands at {at} UTC, before {wanted} UTC", param_hint="--to-time"
        )


def _beyond(engine: Engine, seq: int, where: str) -> typer.BadParameter:
    return typer.BadParameter(f"the log ends at {engine.state.seq}, before {seq}", param_hint=where)
